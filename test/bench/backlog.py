"""Runs that wait: how many requests a second, whatever the Runner does."""

import datetime
import time

from server import Server, cpu_seconds, wait_until

TENANTS = 100
SCOPES = ("", "_per_tenant", "_per_install")
CONNECTIONS = (64, 128, 256, 512)
ROUNDS = 60

# Which of the schedules n hang: one in twenty, in as few tenants or all alike.
NONE = "false"
IN_FEW_TENANTS = f"n % {TENANTS} < {TENANTS // 20}"
IN_ALL_TENANTS = f"n / {TENANTS} % 20 = 0"


def slots(count):
    """Settings for so many requests in flight, whosever they are."""
    return {f"extsched.max_in_flight{scope}": count for scope in SCOPES}


def requests_over(connections):
    """How many requests to send over so many connections, that beginning and end
    count for little when the Runner takes its time."""
    return max(10_000, ROUNDS * connections)


def make_due(server, count, hangs=NONE):
    """Schedules of tenants, all due since the minute began; those that hang call
    what never answers."""
    now = datetime.datetime.now(datetime.timezone.utc)
    if now.second > 30:
        time.sleep(60 - now.second)
        now = datetime.datetime.now(datetime.timezone.utc)
    server.sql(f"""
        SET synchronous_commit = off;
        SELECT count(extsched_create('t' || 1 + n % {TENANTS}, md5((1 + n % {TENANTS}) || ' 1')::uuid,
                     'POST /bench', '{now.minute} {now.hour} * * *',
                     payload => CASE WHEN {hangs} THEN '{{"fault": {{"hang": true}}}}' ELSE '{{"n": 1}}' END::jsonb))
          FROM generate_series(1, {count}) AS n;
        CHECKPOINT;
        UPDATE extsched.timer SET next_due = date_trunc('minute', '{now}'::timestamptz),
                                  accounted_from = date_trunc('minute', '{now}'::timestamptz);
        SELECT extsched.wake_at_commit()""")


def sent_per_s(settings, fault, count, hangs=NONE, tenants=range(TENANTS)):
    """Requests a second of these tenants, from the first to the last."""
    with Server(settings) as server:
        server.install_tenants(TENANTS)
        server.runner.post("/fault", fault.encode())
        make_due(server, count, hangs)
        expected = count if hangs == NONE else count * 19 // 20
        wait_until(lambda: server.runner.get("/count") >= expected, 60, "all requests")
        wait_until(lambda: int(server.sql("SELECT count(*) FROM extsched.run WHERE state = 'succeeded'")) >= expected,
                   60, "all outcomes")
        stats = [server.runner.get(f"/stats?tenant=t{1 + tenant}") for tenant in tenants]
        first = min(each["first_arrival_us"] for each in stats)
        last = max(each["last_arrival_us"] for each in stats)
        return sum(each["arrivals"] for each in stats) / ((last - first) / 1e6)


def queue(count=10_000):
    """With 64 connections, as the others have."""
    return {"per_s": sent_per_s(slots(64), "{}", count)}


def queue_50_ms():
    """The same with a Runner that takes 50 ms, and with more connections."""
    return {f"per_s_{connections}": sent_per_s(slots(connections), '{"latency_ms": 50}', requests_over(connections))
            for connections in CONNECTIONS}


def hanging(count=10_000):
    """One request in twenty hangs: all those of one tenant in twenty, with default
    caps; and some of each tenant, with slots for all that hang."""
    others = range(TENANTS // 20, TENANTS)
    undisturbed = sent_per_s({}, "{}", count, tenants=others)
    disturbed = sent_per_s({}, "{}", count, IN_FEW_TENANTS, others)
    evenly = sent_per_s(slots(1024), "{}", count, IN_ALL_TENANTS) / sent_per_s(slots(1024), "{}", count)
    return {"per_s": disturbed, "undisturbed_per_s": undisturbed, "share": disturbed / undisturbed, "share_evenly": evenly}


def full_runner(tenants=1_000, each=4, taken=16, latency_ms=20):
    """Runs of many tenants wait for a Runner that takes few requests at once: how
    many of those it could take it gets, and the worker's processor time for one."""
    with Server() as server:
        server.install_tenants(tenants)
        server.sql(f"""SELECT extsched_set_runner('default', 'http', '{server.runner.url}', options => '{{"max_in_flight": {taken}}}')""")
        server.runner.post("/fault", b'{"hold": true}')
        server.sql(f"""
            SET synchronous_commit = off;
            SELECT count(extsched_run_now('t' || t, md5(t || ' 1')::uuid,
                extsched_create('t' || t, md5(t || ' 1')::uuid, 'POST /bench', '0 0 1 1 *')))
              FROM generate_series(1, {tenants}) AS t, generate_series(1, {each})""")
        wait_until(lambda: server.runner.get("/count") >= taken, 60, "the first requests")
        worker = server.worker()
        cpu = cpu_seconds(worker)
        begin = time.monotonic()
        server.runner.post("/fault", f'{{"latency_ms": {latency_ms}}}'.encode())
        wait_until(lambda: server.runner.get("/count") >= tenants * each, 120, "all requests")
        per_s = (tenants * each - taken) / (time.monotonic() - begin)
        return {"per_s": per_s, "share": per_s * latency_ms / 1000 / taken,
                "cpu_us": (cpu_seconds(worker) - cpu) * 1e6 / (tenants * each - taken)}
