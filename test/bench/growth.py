"""The same work among more and more schedules."""

import contextlib
import statistics
import time

from api import create_list_install, list_ms
from idle import cpu_per_statement
from server import Server, cpu_seconds, resident_mb, wait_until

TENANTS = 2_000
PER_INSTALL = 50  # the quota by default


def add_sleeping(server, first, last, tenant=f"1 + n % {TENANTS}"):
    """Copies of one schedule and its timer for the tenants of these numbers, each
    with an id of its own: what extsched_create() would store, without its
    checks.  They are stored in no order."""
    for table in ("schedule", "timer"):
        server.sql(f"""
            SET session_replication_role = replica;
            SET synchronous_commit = off;
            SET work_mem = '256MB';
            INSERT INTO extsched.{table}
            SELECT r.* FROM extsched.{table} AS t,
                   (SELECT n FROM generate_series({first}, {last}) AS n ORDER BY hashint4(n)) AS numbers,
                   jsonb_populate_record(t, jsonb_strip_nulls(jsonb_build_object(
                       'tenant_id', 't' || {tenant},
                       'install_id', md5(({tenant}) || ' 1'), 'schedule_id', md5('schedule ' || n)))) AS r
             WHERE t.tenant_id = 'template'""")
    server.sql("VACUUM ANALYZE extsched.schedule, extsched.timer")


def install_template(server, tenants=TENANTS):
    """Tenants, and the schedule that add_sleeping() copies."""
    server.install_tenants(tenants)
    server.sql("""SELECT extsched_install('template', md5('template')::uuid, 'be7c0000-0000-4000-8000-000000000001',
                                          '{cap:scheduler.manage}');
                  SELECT extsched_set_limits('template', NULL, '{"min_interval_s": 0}');
                  SELECT extsched_create('template', md5('template')::uuid, 'POST /bench', '* * * * *')""")
    put_to_sleep(server)


def put_to_sleep(server):
    """Nothing is due any more."""
    server.sql("UPDATE extsched.timer SET next_due = '2100-01-01Z' WHERE next_due < '2100-01-01Z'")


def create_us(server, installs, sample=400):
    """Microseconds of each of a sample of calls that create, in the first installs by chance."""
    latencies = server.latencies_us(f"""\\set n random(1, {installs})
        SELECT extsched_host('t' || :n, md5(:n || ' 1')::uuid, 'create', '{{"endpoint":"POST /bench","cron":"0 3 * * *"}}');""",
                                    sample)
    server.sql("""SELECT count(extsched_delete(tenant_id, install_id, schedule_id)) FROM extsched.schedule
                   WHERE cron = '0 3 * * *' AND tenant_id <> 'template';
                  VACUUM extsched.schedule, extsched.timer, extsched.install, extsched.install_limiter""")
    return latencies


def creates(counts=(1_000, 10_000, 100_000, 1_000_000), parts=15):
    """What a call that creates costs in the same twenty full installs among more
    and more others; and spread over all there are, where each call comes to
    pages that nobody has used for long.

    Servers of all sizes take turns, so that a busy moment of the machine meets
    all of them.  All tables are in memory, in huge pages where the machine has
    them to give, and no checkpoint makes the first change of a page dear.  Each
    sample is taken back, so that count is what it says.
    """
    settings = {"synchronous_commit": "off", "fsync": "off", "autovacuum": "off",
                "huge_pages": "try", "max_wal_size": "'64GB'", "checkpoint_timeout": "'1h'"}
    few = counts[0] // PER_INSTALL
    latencies = {(name, count): [] for count in counts for name in ("create", "spread")}
    with contextlib.ExitStack() as stack:
        servers = {}
        for count in counts:
            memory = f"'{128 + count // 500}MB'"
            servers[count] = server = stack.enter_context(Server({**settings, "shared_buffers": memory}))
            install_template(server, count // PER_INSTALL)
            add_sleeping(server, 1, count, f"1 + (n - 1) / {PER_INSTALL}")
        for _ in range(parts):
            for count, server in servers.items():
                latencies["create", count] += create_us(server, few)
                latencies["spread", count] += create_us(server, count // PER_INSTALL)
        figures = {"huge_pages": all(server.uses_huge_pages() for server in servers.values())}
    for (name, count), each in latencies.items():
        figures[f"{name}_us_at_{count}"] = statistics.median(each)
    for name in ("create", "spread"):
        figures[f"{name}_ratio"] = figures[f"{name}_us_at_{counts[-1]}"] / figures[f"{name}_us_at_{counts[0]}"]
    return figures


def worker_us_per_run(server, due):
    """Processor time of the worker for a run, of some that are due together."""
    worker = server.worker()
    before = cpu_seconds(worker)
    # without the history, since the same times may be due again
    server.sql(f"""
        TRUNCATE extsched.run;
        UPDATE extsched.timer SET next_due = date_trunc('minute', now()), accounted_from = date_trunc('minute', now())
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM extsched.timer WHERE tenant_id NOT IN ('template', 'list') ORDER BY schedule_id LIMIT {due}));
        SELECT extsched.wake_at_commit()""")
    wait_until(lambda: int(server.sql("SELECT count(*) FROM extsched.run WHERE state = 'succeeded'")) >= due, 60, "all outcomes")
    put_to_sleep(server)
    time.sleep(0.5)
    return (cpu_seconds(worker) - before) / due * 1e6


def work(counts=(1_000, 10_000, 100_000, 1_000_000), due=1_000, rounds=60, idle_s=60):
    """Claim, list, wake-up and memory of the worker at each number of schedules,
    and a minute with nothing due at the last.

    Each number has a server of its own, and many rounds: the memory of a worker
    depends on its past, and is the same from some forty rounds on.
    """
    figures = {}
    for count in counts:
        with Server({"fsync": "off", "autovacuum": "off"}) as server:
            install_template(server)
            create_list_install(server)
            add_sleeping(server, 1, count)
            server.sql("CHECKPOINT")
            worker_us_per_run(server, due)
            figures[f"run_us_at_{count}"] = min(worker_us_per_run(server, due) for _ in range(rounds))
            figures[f"list_ms_at_{count}"] = list_ms(server)
            figures[f"tick_us_at_{count}"] = cpu_per_statement(server, "SELECT extsched.wake_at_commit();") * 1e6
            figures[f"worker_mb_at_{count}"] = resident_mb(server.worker())
            if count == counts[-1]:
                figures["bytes_per_schedule"] = int(server.sql(
                    "SELECT pg_total_relation_size('extsched.schedule') + pg_total_relation_size('extsched.timer')")) / count
                processes = server.workers()
                before = sum(map(cpu_seconds, processes))
                time.sleep(idle_s)
                figures[f"idle_cpu_s_per_minute_at_{count}"] = (sum(map(cpu_seconds, processes)) - before) * 60 / idle_s
    for name in ("run_us", "list_ms", "tick_us"):
        figures[f"{name.split('_')[0]}_ratio"] = figures[f"{name}_at_{counts[-1]}"] / figures[f"{name}_at_{counts[0]}"]
    figures["worker_mb_growth"] = figures[f"worker_mb_at_{counts[-1]}"] - figures[f"worker_mb_at_{counts[0]}"]
    return figures
