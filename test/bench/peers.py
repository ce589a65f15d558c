"""What users would run instead: the same server, the same Runner, 64 connections.

pg_cron is Debian's package.  pg_net, which sends its requests, is not packaged
by Debian, so its jobs INSERT a row instead of sending a request: they have less
to do than those of all others.  pg-boss and graphile-worker come from npm, with
the versions of peers/package-lock.json, and are installed in build/peers.
"""

import datetime
import filecmp
import functools
import json
import os
import shutil
import signal
import subprocess
import time

from due import edge_after
from server import ROOT, Server, command, cpu_seconds, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(ROOT, "build", "peers")
CONNECTIONS = 64
NEVER_NOW = "0 0 1 1 *"

# What a queue of jobs meets: fault of the Runner, how many to send.
RUNNERS = {
    "at once": ("{}", 10_000),
    "50 ms": ('{"latency_ms": 50}', 10_000),
    "5 % hang": ('{"hang": true, "probability": 0.05}', 10_000),
}


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def ms_after(edge, microseconds):
    return microseconds / 1000 - edge.timestamp() * 1000


# pg_cron

class CronServer(Server):
    """A server with pg_cron, which may run as many jobs at once as others."""

    def __init__(self, settings=None):
        super().__init__({"cron.max_running_jobs": CONNECTIONS, "cron.database_name": "'postgres'", **(settings or {})},
                         preload="pg_cron")
        self.environment["PGDATABASE"] = "postgres"
        self.sql(f"""ALTER SYSTEM SET cron.host = '{self.folder}';
                     CREATE EXTENSION pg_cron;
                     CREATE TABLE arrival (job integer, at timestamptz DEFAULT clock_timestamp())""")
        command("pg_ctl", "-D", self.data, "-l", os.path.join(self.folder, "log"), "-w", "-s", "-m", "fast", "restart")

    def launcher(self):
        return int(self.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_cron launcher'") or 0)

    def add_jobs(self, count, cron):
        """As cron.schedule() would, in one statement."""
        self.sql(f"""INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname)
                     SELECT '{cron}', format('INSERT INTO arrival VALUES (%s)', n), '{self.folder}', 5432, 'postgres',
                            'postgres', 'job ' || n
                       FROM generate_series(1, {count}) AS n""")

    def arrivals(self):
        return int(self.sql("SELECT count(DISTINCT job) FROM arrival"))


def cron_due(count):
    """Jobs that are due at one minute edge."""
    with CronServer() as server:
        edge = edge_after(5)
        server.add_jobs(count, f"{edge.minute} {edge.hour} * * *")
        wait_until(lambda: utc_now() > edge, 130, "the edge")
        wait_until(lambda: server.arrivals() >= count, 170, "all jobs")
        last = float(server.sql("SELECT extract(epoch FROM max(at)) * 1000 FROM arrival"))
        return {"last_ms": last - edge.timestamp() * 1000}


def cron_killed(count):
    """Jobs lost when the launcher is killed among them."""
    with CronServer() as server:
        edge = edge_after(5)
        server.add_jobs(count, f"{edge.minute} {edge.hour} * * *")
        wait_until(lambda: utc_now() > edge and server.arrivals() >= count * 0.3, 130, "the first jobs")
        os.kill(server.launcher(), signal.SIGKILL)
        time.sleep(1)
        wait_until(server.is_up, 60, "the server to recover")
        time.sleep(20)
        lost = count - server.arrivals()
        return {"lost": lost, "lost_percent": lost / count * 100}


def cron_idle(count, seconds=60, edits=10):
    """A minute with no job due; then one job more, some times."""
    with CronServer({"fsync": "off"}) as server:
        server.add_jobs(count, NEVER_NOW)
        time.sleep(5)
        launcher = server.launcher()
        before = cpu_seconds(launcher)
        time.sleep(seconds)
        idle = cpu_seconds(launcher) - before
        before = cpu_seconds(launcher)
        for n in range(edits):
            server.sql(f"SELECT cron.schedule('edit {n}', '{NEVER_NOW}', 'SELECT 1')")
            time.sleep(1.5)
        return {"cpu_s_per_minute": idle * 60 / seconds,
                "ms_per_edit": (cpu_seconds(launcher) - before - idle * 1.5 * edits / seconds) / edits * 1000}


def cron_create(seconds=10):
    """cron.schedule() a second."""
    script = "SELECT cron.schedule('job ' || :client_id || ' ' || gen_random_uuid(), '0 3 * * *', 'SELECT 1');"
    with CronServer({"synchronous_commit": "off"}) as server:
        return {f"connections_{n}": server.pgbench(script, n, seconds) for n in (1, 8)}


# pg-boss and graphile-worker

@functools.cache
def install():
    """The packages of peers/package-lock.json, in build/peers; once."""
    os.makedirs(FOLDER, exist_ok=True)
    lock = os.path.join(FOLDER, "package-lock.json")
    is_current = os.path.exists(os.path.join(FOLDER, "node_modules")) and filecmp.cmp(
        os.path.join(HERE, "peers", "package-lock.json"), lock, shallow=False)
    for name in os.listdir(os.path.join(HERE, "peers")):
        shutil.copy(os.path.join(HERE, "peers", name), FOLDER)
    if is_current:
        return
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER,
                   stdout=subprocess.DEVNULL, check=True)


def call(server, program, *arguments):
    """Run a command of a program to its end; its result."""
    output = subprocess.run(["node", f"{program}.js", *map(str, arguments)], cwd=FOLDER, env=server.environment,
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


class Program:
    """A command that works until it is killed."""

    def __init__(self, server, program, *arguments):
        self.process = subprocess.Popen(["node", f"{program}.js", *map(str, arguments)], cwd=FOLDER, text=True,
                                        env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{program} {arguments[0]} did not start")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def cron_arguments(program, server, count, cron, at):
    """The command line of a program's schedules."""
    if program == "boss":
        return ["cron", count, cron]
    return ["cron", server.runner.url, CONNECTIONS, count, cron, at]


def program_due(program, count):
    """Schedules that are due at one minute edge.

    pg-boss makes a job of each in a queue of its own, and is done when all are
    made: sending them would be one poller for each queue more.
    """
    install()
    with Server(preload="") as server:
        edge = edge_after(90 if program == "boss" else 10)
        cron = f"{edge.minute} {edge.hour} * * *"
        with Program(server, program, *cron_arguments(program, server, count, cron, edge.isoformat())):
            if utc_now() >= edge:
                raise RuntimeError("starting took longer than the time to the edge")
            wait_until(lambda: utc_now() > edge, 160, "the edge")
            if program == "boss":
                made = "FROM pgboss.job WHERE name LIKE 'q%'"
                wait_until(lambda: int(server.sql(f"SELECT count(*) {made}")) >= count, 120, "all jobs")
                last = float(server.sql(f"SELECT extract(epoch FROM max(created_on)) * 1e6 {made}"))
            else:
                wait_until(lambda: server.runner.get("/count") >= count, 120, "all requests")
                last = server.runner.get("/stats")["last_arrival_us"]
            return {"last_ms": ms_after(edge, last)}


def filled(server, program, count):
    install()
    call(server, program, "fill", count, utc_now().isoformat())
    server.sql("VACUUM ANALYZE; CHECKPOINT")


def queue(program, runner, seconds=20):
    """Requests a second that are answered, from the first on, of jobs that
    wait; of a queue that hangs in part, for some seconds."""
    fault, count = RUNNERS[runner]
    with Server(preload="") as server:
        filled(server, program, count)
        server.runner.post("/fault", fault.encode())
        with Program(server, program, "work", server.runner.url, CONNECTIONS):
            started = time.monotonic()
            wait_until(lambda: server.runner.get("/count") >= count or time.monotonic() - started > seconds,
                       seconds + 5, "all requests")
            stats = server.runner.get("/stats")
        took = (stats["last_arrival_us"] - stats["first_arrival_us"]) / 1e6
        answered = stats["arrivals"] - stats["by_answer"].get("hang", 0)
        return {"per_s": answered / (seconds if stats["arrivals"] < count else took)}


def killed(program, count, seconds=30):
    """Jobs not sent some seconds after the program was killed among them and
    started again."""
    with Server(preload="") as server:
        filled(server, program, count)
        server.runner.post("/fault", b'{"latency_ms": 50}')
        with Program(server, program, "work", server.runner.url, CONNECTIONS):
            wait_until(lambda: server.runner.get("/count") >= count * 0.3, 60, "the first requests")
        with Program(server, program, "work", server.runner.url, CONNECTIONS):
            time.sleep(seconds)
            unsent = count - server.runner.get("/stats")["distinct_keys"]
            return {"unsent": unsent, "lost_percent": unsent / count * 100}


def program_idle(program, count, seconds=60):
    """Processor time of the program and its backends with nothing due."""
    install()
    with Server({"fsync": "off"}, preload="") as server:
        if program == "boss":
            # Making that many queues its own way would make as many partitions.
            with Program(server, program, "idle"):
                server.sql(f"""INSERT INTO pgboss.queue (name, policy) SELECT 'q' || n, 'standard' FROM generate_series(1, {count}) AS n;
                               INSERT INTO pgboss.schedule (name, cron, timezone)
                               SELECT 'q' || n, '{NEVER_NOW}', 'UTC' FROM generate_series(1, {count}) AS n; VACUUM ANALYZE""")
            running = Program(server, program, "idle")
        else:
            running = Program(server, program, *cron_arguments(program, server, count, NEVER_NOW, utc_now().isoformat()))
        with running:
            time.sleep(20)
            before, backends = cpu_seconds(running.process.pid), server.cpu_of_backends()
            time.sleep(seconds)
            after = server.cpu_of_backends()
            cpu = cpu_seconds(running.process.pid) - before + sum(after[pid] - backends.get(pid, 0) for pid in after)
        return {"cpu_s_per_minute": cpu * 60 / seconds}


def program_create(program, seconds=10):
    """Jobs made one by one, a second."""
    install()
    with Server({"synchronous_commit": "off"}, preload="") as server:
        return {f"connections_{n}": call(server, program, "create", n, seconds)["per_s"] for n in (1, 8)}
