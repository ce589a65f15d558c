"""What one tenant can do to the others: a black hole, and a flood.

The scheduler's clock is put to some seconds before each edge, so that nobody
waits for a minute to pass.  Lateness is arrival at the test Runner minus
nominal time; what counts is how far it moves from that of the same schedules
without the other tenant.
"""

import datetime
import os
import subprocess
import threading
import time

from server import BIN, VERSION, Server, resident_mb

HOLE_RUNS = 10_000
FLOOD_RUNS = 50_000
TENANTS = 100
RUNS_EACH = 10

DAY = datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc)
WARM, ALONE, BESIDE, LATER = (DAY.replace(hour=h, minute=m) for h, m in [(10, 0), (11, 0), (12, 0), (12, 1)])

# The tenant with very many runs; in the order of names it is among the others.
CROWD = "t5x"

# Age of the oldest snapshot of a worker, in seconds.
SNAPSHOT_AGE = """
SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)
  FROM pg_stat_activity WHERE backend_type LIKE 'extsched worker%' AND backend_xmin IS NOT NULL
\\watch 0.02
"""

# A run of another tenant on request, again and again.
RUN_NOW = """
SELECT extsched_run_now(tenant_id, install_id, schedule_id) FROM extsched.schedules WHERE tenant_id = 't9' LIMIT 1
\\watch 0.1
"""


class Session:
    """A statement that psql repeats until it is stopped; its output is in a file."""

    def __init__(self, server, name, statement):
        self.path = os.path.join(server.folder, name)
        with open(self.path, "w") as file:
            self.process = subprocess.Popen([os.path.join(BIN, "psql"), "-XAtq"], env=server.environment, text=True,
                                            stdin=subprocess.PIPE, stdout=file)
        self.process.stdin.write(statement)
        self.process.stdin.flush()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        with open(self.path) as file:
            return file.read().split()


class Watch:
    """What a worker holds while others wait: the age of its snapshot, its memory."""

    def __init__(self, server):
        self.pid = server.worker()
        self.at_start = self.most = resident_mb(self.pid)
        self.ages = Session(server, "snapshot-ages", SNAPSHOT_AGE)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.is_over.wait(0.02):
            self.most = max(self.most, resident_mb(self.pid))

    def stop(self):
        self.is_over.set()
        self.thread.join()
        ages = [float(age) for age in self.ages.stop()]
        return {"snapshot_samples": len(ages), "snapshot_age_s": max(ages), "memory_mb": self.most - self.at_start}


def create(server, count, tenant, install, edge, payload="null"):
    server.sql(f"""
        SET synchronous_commit = off;
        SELECT count(extsched_create({tenant}, md5({install})::uuid, 'POST /bench', '{edge.minute} {edge.hour} * * *',
                     payload => nullif('{payload}'::jsonb, 'null')))
          FROM generate_series(1, {count}) AS n""")


def prepare(server, tenants, runs_each, crowd, crowd_payload="null"):
    """Tenants t1.. with schedules at every edge, and one with a crowd of them at one."""
    server.travel_to(WARM - datetime.timedelta(minutes=30))
    server.install_tenants(tenants)
    server.sql(f"""
        SELECT extsched_install('{CROWD}', md5('{CROWD}')::uuid, '{VERSION}', '{{cap:scheduler.manage}}');
        SELECT extsched_set_limits('{CROWD}', NULL, '{{"max_schedules": -1, "min_interval_s": 0}}');
        SELECT extsched_set_limits('t9', NULL, '{{"max_schedules": -1, "min_interval_s": 0, "run_now_per_minute": -1}}')""")
    for edge in WARM, ALONE, BESIDE, LATER:
        create(server, tenants * runs_each, f"'t' || 1 + n % {tenants}", f"(1 + n % {tenants}) || ' 1'", edge)
    create(server, crowd, f"'{CROWD}'", f"'{CROWD}'", BESIDE, crowd_payload)
    server.sql("ANALYZE; CHECKPOINT")


def seconds_of(moment):
    return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def lateness_at(server, edge, count, seconds=6, on_request=False):
    """Lateness in ms of the others' count runs at an edge, in order; and of runs on request meanwhile."""
    server.runner.post("/reset")
    offset = server.travel_to(edge - datetime.timedelta(seconds=3))
    time.sleep((edge - datetime.datetime.now(datetime.timezone.utc)).total_seconds() - offset)
    requests = Session(server, "requests", RUN_NOW) if on_request else None
    time.sleep(seconds)
    if requests:
        requests.stop()

    def measured():
        arrivals = server.runner.get("/arrivals?limit=1000000")
        late = {"schedule": {}, "manual": {}}
        for arrival in arrivals:
            if arrival["tenant"] != CROWD and arrival["attempt"] == 1:
                late[arrival["trigger"]].setdefault(arrival["idempotency_key"], (
                    arrival["arrived_us"] / 1e6 + offset - seconds_of(arrival["scheduled_for"])) * 1000)
        return sorted(late["schedule"].values()), sorted(late["manual"].values()), len(arrivals)

    late, manual, total = measured()
    give_up = time.monotonic() + 60
    while len(late) < count and time.monotonic() < give_up:
        time.sleep(1)
        late, manual, total = measured()
    if len(late) != count:
        raise RuntimeError(f"{len(late)} of {count} runs arrived")
    return late, manual, total


def p99(values):
    return values[min(len(values) * 99 // 100, len(values) - 1)]


def black_hole():
    """10,000 runs of a tenant that hang for 30 s, beside 1,000 of 100 others: at the same edge, and a minute later."""
    with Server() as server:
        count = TENANTS * RUNS_EACH
        prepare(server, TENANTS, RUNS_EACH, HOLE_RUNS, '{"fault": {"hang": true}}')
        lateness_at(server, WARM, count, 4)
        alone, _, _ = lateness_at(server, ALONE, count, 4)
        watch = Watch(server)
        beside, _, _ = lateness_at(server, BESIDE, count)
        later, _, _ = lateness_at(server, LATER, count)
        return {"p99_alone_ms": p99(alone), "p99_beside_ms": p99(beside), "p99_later_ms": p99(later),
                "moved_ms": max(p99(beside), p99(later)) - p99(alone), **watch.stop(),
                "problems": int(server.sql("SELECT count(*) FROM extsched_check()"))}


def flood():
    """50,000 due runs of a tenant, beside single ones of others: at the same edge, a minute later, on request."""
    with Server() as server:
        prepare(server, 10, 1, FLOOD_RUNS)
        lateness_at(server, WARM, 10, 4, on_request=True)
        alone, alone_manual, _ = lateness_at(server, ALONE, 10, 4, on_request=True)
        watch = Watch(server)
        beside, manual, _ = lateness_at(server, BESIDE, 10, 5, on_request=True)
        later, manual_later, total = lateness_at(server, LATER, 10, 5, on_request=True)
        return {"alone_ms": alone[-1], "beside_ms": beside[-1], "later_ms": later[-1],
                "delayed_ms": max(beside[-1], later[-1]) - alone[-1],
                "on_request_alone_ms": p99(alone_manual), "on_request_ms": max(p99(manual), p99(manual_later)),
                "on_request_delayed_ms": max(p99(manual), p99(manual_later)) - p99(alone_manual),
                "requests": len(manual) + len(manual_later), "arrivals_later": total, **watch.stop(),
                "problems": int(server.sql("SELECT count(*) FROM extsched_check()"))}
