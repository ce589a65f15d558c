"""Schedules that are due together: how late, how fast, none lost, none twice."""

import datetime
import time

from server import Server, wait_until


def edge_after(seconds):
    """The first minute edge that is at least so far away."""
    now = datetime.datetime.now(datetime.timezone.utc)
    edge = now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)
    if (edge - now).total_seconds() < seconds:
        edge += datetime.timedelta(minutes=1)
    return edge


def create_due(server, count, edge, tenants=100):
    """Schedules of tenants, all due at an edge that is yet to come."""
    server.sql(f"""
        SET synchronous_commit = off;
        SELECT count(extsched_create('t' || 1 + n % {tenants}, md5((1 + n % {tenants}) || ' 1')::uuid,
                     'POST /bench', '{edge.minute} {edge.hour} * * *', payload => '{{"n": 1}}'))
          FROM generate_series(1, {count}) AS n;
        CHECKPOINT""")
    if datetime.datetime.now(datetime.timezone.utc) >= edge:
        raise RuntimeError("creating the schedules took longer than the time to the edge")


def at_one_edge(count, tenants=100):
    """count schedules of some tenants, all due at the next minute edge."""
    with Server() as server:
        server.install_tenants(tenants)
        server.sql("CREATE EXTENSION pg_buffercache")
        edge = edge_after(3 + count / 500)
        create_due(server, count, edge, tenants)
        server.runner.post("/reset")
        wal = server.sql("SELECT pg_current_wal_lsn()")
        transactions = server.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'")

        time.sleep(max((edge - datetime.datetime.now(datetime.timezone.utc)).total_seconds(), 0))
        wait_until(lambda: server.runner.get("/count") >= count, 120, "all arrivals")
        wait_until(lambda: server.sql("SELECT count(*) FROM extsched.run WHERE state = 'succeeded'") == str(count),
                   60, "all outcomes")
        stats = server.runner.get("/stats")
        settled = float(server.sql("SELECT extract(epoch FROM max(finished_at) - min(nominal_time)) FROM extsched.run"))
        wal_bytes = int(server.sql(f"SELECT pg_current_wal_lsn() - '{wal}'::pg_lsn"))
        # since the checkpoint of create_due(), and none is evicted
        dirtied = int(server.sql("SELECT count(*) FROM pg_buffercache WHERE isdirty"))
        transactions = int(server.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'")) - int(transactions)
        problems = server.sql("SELECT count(*) FROM extsched_check()")
        lateness = stats["lateness_ms"]
        return {
            "schedules": count,
            "arrivals": stats["arrivals"],
            "duplicates": stats["duplicates"],
            "problems": int(problems),
            "p50_ms": lateness["p50"],
            "p99_ms": lateness["p99"],
            "last_ms": lateness["max"],
            "settled_s": settled,
            "runs_per_s": count / settled,
            "wal_bytes_per_run": wal_bytes / count,
            "transactions_per_run": transactions / count,
            "buffers_dirtied_per_run": dirtied / count,
            "history_bytes_per_run": int(server.sql(
                "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('extsched.run') WHERE isleaf")) / count,
        }
