"""Runs that wait: how many requests a second, whatever the Runner does."""

import datetime
import time

from server import Server, wait_until

TENANTS = 100
SLOTS_64 = {f"extsched.max_in_flight{scope}": 64 for scope in ("", "_per_tenant", "_per_install")}


def make_due(server, count, hanging):
    """Schedules of tenants, all due since the minute began; those of the first
    tenants, as many as hang, call what never answers."""
    now = datetime.datetime.now(datetime.timezone.utc)
    if now.second > 30:
        time.sleep(60 - now.second)
        now = datetime.datetime.now(datetime.timezone.utc)
    server.sql(f"""
        SET synchronous_commit = off;
        SELECT count(extsched_create('t' || 1 + n % {TENANTS}, md5((1 + n % {TENANTS}) || ' 1')::uuid,
                     'POST /bench', '{now.minute} {now.hour} * * *',
                     payload => CASE WHEN n % {TENANTS} < {hanging} THEN '{{"fault": {{"hang": true}}}}' ELSE '{{"n": 1}}' END::jsonb))
          FROM generate_series(1, {count}) AS n;
        CHECKPOINT;
        UPDATE extsched.timer SET next_due = date_trunc('minute', '{now}'::timestamptz),
                                  accounted_from = date_trunc('minute', '{now}'::timestamptz);
        SELECT extsched.wake_at_commit()""")


def answered_per_s(settings, fault, count, hanging=0):
    """From the first request to the last of those that are answered."""
    with Server(settings) as server:
        server.install_tenants(TENANTS)
        server.runner.post("/fault", fault.encode())
        make_due(server, count, hanging)
        expected = count * (TENANTS - hanging) // TENANTS
        wait_until(lambda: int(server.sql("SELECT count(*) FROM extsched.run WHERE state = 'succeeded'")) >= expected,
                   60, "all outcomes")
        healthy = [f"t{1 + n}" for n in range(hanging, TENANTS)]
        stats = [server.runner.get(f"/stats?tenant={tenant}") for tenant in healthy]
        first = min(each["first_arrival_us"] for each in stats)
        last = max(each["last_arrival_us"] for each in stats)
        return expected / ((last - first) / 1e6)


def queue(fault, count=10_000):
    """With 64 connections, as the others have."""
    return {"per_s": answered_per_s(SLOTS_64, fault, count)}


def hanging(count=10_000):
    """Default caps; one tenant in twenty has nothing but requests that hang."""
    undisturbed = answered_per_s({}, "{}", count)
    disturbed = answered_per_s({}, "{}", count, TENANTS // 20)
    return {"per_s": disturbed, "undisturbed_per_s": undisturbed, "share": disturbed / undisturbed}
