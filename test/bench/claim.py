"""The database's work of a claim: due timers that become runs and move on."""

import statistics

from backlog import TENANTS, make_due
from server import Server, wait_until

BATCH = 1_000


def claims(count=50_000):
    """Runs a second that the worker makes of due timers, for a Runner that
    pulls; and runs a second that such a Runner gets, a thousand at a time."""
    with Server({"extsched.max_in_flight": 10_000}) as server:
        server.install_tenants(TENANTS)
        server.sql(f"""
            SELECT extsched_set_runner('default', 'notify');
            SELECT extsched_set_limits('t' || t, NULL, '{{"max_in_flight": -1}}') FROM generate_series(1, {TENANTS}) AS t""")
        make_due(server, count)
        wait_until(lambda: int(server.sql("SELECT n FROM extsched.stat_events WHERE event = 'claimed_runs'")) >= count, 60, "all runs")
        made, seconds = server.sql("""
            SELECT count(*) FILTER (WHERE created_at > first), extract(epoch FROM max(created_at) - first)
              FROM extsched.run, (SELECT min(created_at) FROM extsched.run) AS x (first) GROUP BY first""").split("|")
        pulled_us = server.latencies_us(f"SELECT count(*) FROM extsched_claim('default', {BATCH});", 9)
        return {"rows_per_s": int(made) / float(seconds), "pulled_per_s": BATCH * 1e6 / statistics.median(pulled_us)}
