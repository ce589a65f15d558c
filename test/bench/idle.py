"""What a sleeping scheduler costs."""

import time

from server import Server, cpu_seconds


def idle(count, seconds=60):
    """Processor time and transactions of a minute with nothing due."""
    with Server({"fsync": "off", "autovacuum": "off"}) as server:
        server.install_tenants(100)
        server.sql(f"""
            SET synchronous_commit = off;
            SELECT count(extsched_create('t' || 1 + n % 100, md5((1 + n % 100) || ' 1')::uuid, 'POST /bench',
                         '0 0 1 1 *'))
              FROM generate_series(1, {count}) AS n;
            VACUUM ANALYZE""")
        time.sleep(2)
        processes = server.workers()
        before = {pid: cpu_seconds(pid) for pid in processes}
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'"
        server.sql("SELECT pg_stat_force_next_flush()")
        commits = int(server.sql(query))
        time.sleep(seconds)
        cpu = sum(cpu_seconds(pid) - before[pid] for pid in processes)
        # The two statements above and the one below are this script's own.
        commits = int(server.sql(query)) - commits - 2
        return {"schedules": count, "processes": sorted(processes.values()), "cpu_s_per_minute": cpu * 60 / seconds,
                "transactions": commits}
