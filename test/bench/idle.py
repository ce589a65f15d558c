"""What a sleeping scheduler costs."""

import time

from server import Server, cpu_seconds


def create_sleeping(server, count):
    """Schedules of 100 tenants that are not due for long."""
    server.sql(f"""
        SET synchronous_commit = off;
        SELECT count(extsched_create('t' || 1 + n % 100, md5((1 + n % 100) || ' 1')::uuid, 'POST /bench',
                     '0 0 1 1 *'))
          FROM generate_series(1, {count}) AS n;
        VACUUM ANALYZE""")


def idle(count, seconds=60):
    """Processor time and transactions of a minute with nothing due.

    The first minute is counted apart: its look at everything plans anew, since
    the set-up has analyzed all tables.
    """
    with Server({"fsync": "off", "autovacuum": "off"}) as server:
        server.install_tenants(100)
        create_sleeping(server, count)
        time.sleep(2)
        processes = server.workers()
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'"
        start = sum(map(cpu_seconds, processes))
        time.sleep(seconds)
        before = sum(map(cpu_seconds, processes))
        server.sql("SELECT pg_stat_force_next_flush()")
        commits = int(server.sql(query))
        time.sleep(seconds)
        cpu = sum(map(cpu_seconds, processes)) - before
        # The two statements above and the one below are this script's own.
        commits = int(server.sql(query)) - commits - 2
        return {"schedules": count, "processes": sorted(processes.values()), "cpu_s_per_minute": cpu * 60 / seconds,
                "cpu_s_first_minute": (before - start) * 60 / seconds, "transactions": commits}


EDIT = """\\set n random(1, 100)
SELECT extsched_update('t' || :n, md5(:n || ' 1')::uuid,
           (SELECT schedule_id FROM extsched.schedule WHERE tenant_id = 't' || :n LIMIT 1), '{"cron": "0 1 1 1 *"}');"""


def cpu_per_statement(server, script, seconds=4):
    """Processor time of launcher and worker for a statement, 50 a second, so
    that each wakes the worker if it wakes it at all."""
    processes = server.workers()
    before = sum(map(cpu_seconds, processes))
    count = server.pgbench(script, 1, seconds, "-R", "50") * seconds
    time.sleep(1)
    return (sum(map(cpu_seconds, processes)) - before) / count


def edits(count):
    """What one edit among many schedules costs the scheduler."""
    with Server({"fsync": "off", "autovacuum": "off"}) as server:
        server.install_tenants(100)
        create_sleeping(server, count)
        time.sleep(2)
        return {"worker_ms_per_edit": cpu_per_statement(server, EDIT) * 1000}
