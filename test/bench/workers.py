"""What several workers of one database bring.

Each number of workers has the same schedules, all due at one edge, and a
Runner that answers at once.  They share tenants and slots, so what grows is the
processor time that can be used at once; a Runner that takes its time would keep
the slots instead, and bound them all alike.
"""

import datetime
import time

from server import Server, cpu_seconds, wait_until

TENANTS = 100
# Workers and the hour of their edge; the first is to warm the server up.
EDGES = [(1, 10), (1, 11), (2, 12), (4, 13)]


def run_with(server, workers, hour, count):
    """Runs a second, from the edge to the last outcome, and processor time of the workers for a run."""
    server.sql(f"ALTER SYSTEM SET extsched.workers_per_database = {workers}")
    server.sql("SELECT pg_reload_conf()")
    wait_until(lambda: server.sql("SELECT count(*) FROM extsched.stat_workers WHERE state = 'running' AND epoch > 0")
               == str(workers), 30, f"{workers} workers")
    edge = datetime.datetime(2030, 1, 2, hour, tzinfo=datetime.timezone.utc)
    processes = [pid for pid, kind in server.workers().items() if "worker" in kind]
    before = sum(map(cpu_seconds, processes))
    arrived = server.runner.get("/count")
    offset = server.travel_to(edge - datetime.timedelta(seconds=3))
    time.sleep((edge - datetime.datetime.now(datetime.timezone.utc)).total_seconds() - offset)
    wait_until(lambda: server.runner.get("/count") - arrived >= count, 60, "all requests")
    wait_until(lambda: server.sql(f"SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND nominal_time = '{edge}'")
               == str(count), 60, "all outcomes")
    cpu = sum(map(cpu_seconds, processes)) - before
    settled = float(server.sql(f"""SELECT extract(epoch FROM max(finished_at) - min(nominal_time))
                                     FROM extsched.run WHERE nominal_time = '{edge}'"""))
    return count / settled, cpu / count * 1e6


def speedup(count=10_000):
    with Server() as server:
        server.travel_to(datetime.datetime(2030, 1, 2, 9, tzinfo=datetime.timezone.utc))
        server.install_tenants(TENANTS)
        for _, hour in EDGES:
            server.sql(f"""
                SET synchronous_commit = off;
                SELECT count(extsched_create('t' || 1 + n % {TENANTS}, md5((1 + n % {TENANTS}) || ' 1')::uuid,
                             'POST /bench', '0 {hour} * * *'))
                  FROM generate_series(1, {count}) AS n""")
        server.sql("ANALYZE; CHECKPOINT")
        figures = {}
        for workers, hour in EDGES:
            figures[f"runs_per_s_with_{workers}"], figures[f"cpu_us_with_{workers}"] = run_with(server, workers, hour, count)
        figures["ratio_2"], figures["ratio_4"] = (
            figures[f"runs_per_s_with_{workers}"] / figures["runs_per_s_with_1"] for workers in (2, 4))
        figures["duplicates"] = server.runner.get("/stats")["duplicates"]
        figures["problems"] = int(server.sql("SELECT count(*) FROM extsched_check()"))
        return figures
