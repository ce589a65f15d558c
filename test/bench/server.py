"""A private server, test Runner and platform to measure on.

Everything is under a temporary folder and gone at the end.  The server has the
settings of a fresh installation but for those a benchmark names: data are
synced to disk unless it says otherwise, and nobody's are in huge pages.
"""

import datetime
import glob
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, "build", "install", "bin")
RUNNER = os.path.join(ROOT, "test", "runner", "extsched-test-runner")

VERSION = "be7c0000-0000-4000-8000-000000000001"
MANIFEST = json.dumps({
    "name": "bench", "version": "1.0.0", "capabilities": ["cap:scheduler.manage"],
    "endpoints": [{"method": "POST", "path": "/bench", "handler": "bench"},
                  {"method": "GET", "path": "/bench", "handler": "bench"}]})


class Runner:
    """The test Runner, answering at once unless given a fault."""

    def __init__(self, folder, *options):
        port_file = os.path.join(folder, "runner-port")
        self.process = subprocess.Popen(
            [RUNNER, "--port", "0", "--port-file", port_file, "--parent-pid", str(os.getpid()), *options],
            stdout=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(port_file), 10, "the test Runner to listen")
        with open(port_file) as file:
            self.url = f"http://127.0.0.1:{int(file.read())}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            return json.load(reply)

    def post(self, path, body=b""):
        urllib.request.urlopen(urllib.request.Request(self.url + path, data=body, method="POST"), timeout=30).close()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Server:
    """A running PostgreSQL with extsched in database "bench", or with another
    library preloaded and nothing in it."""

    def __init__(self, settings=None, preload="extsched"):
        self.folder = tempfile.mkdtemp(prefix="extsched-bench.")
        self.data = os.path.join(self.folder, "data")
        self.runner = None
        command("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8")
        lines = {"listen_addresses": "''", "unix_socket_directories": f"'{self.folder}'",
                 "shared_preload_libraries": f"'{preload}'", "max_connections": "200",
                 "shared_buffers": "'512MB'", "max_wal_size": "'4GB'", "logging_collector": "off",
                 "huge_pages": "off",
                 **(settings or {})}
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        command("pg_ctl", "-D", self.data, "-l", os.path.join(self.folder, "log"), "-w", "-s", "start")
        try:
            self.set_up(preload)
        except BaseException:
            self.__exit__()
            raise

    def set_up(self, preload):
        """What a benchmark finds: the database, a Runner, the platform."""
        self.environment = {**os.environ, "PGHOST": self.folder, "PGPORT": "5432", "PGUSER": "postgres",
                            "PGDATABASE": "bench", "PGTZ": "UTC",
                            "PGOPTIONS": "-c client_min_messages=warning"}
        command("createdb", "bench", env=self.environment)
        self.runner = Runner(self.folder)
        if preload == "extsched":
            self.set_up_platform()

    def set_up_platform(self):
        """The extension, its Runner and a version with an endpoint."""
        self.sql("CREATE EXTENSION extsched")
        self.sql(f"SELECT extsched_set_runner('default', 'http', '{self.runner.url}')")
        self.sql(f"SELECT extsched_register_version('{VERSION}', gen_random_uuid(), 'bench', '{MANIFEST}')")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.runner:
            self.runner.stop()
        subprocess.run([os.path.join(BIN, "pg_ctl"), "-D", self.data, "-m", "fast", "-w", "-s", "stop"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, text):
        """Run statements; the last result as text, columns separated by '|'."""
        return command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", input=text, env=self.environment).strip()

    def is_up(self):
        """Whether the server can be connected to."""
        return subprocess.run([os.path.join(BIN, "pg_isready"), "-q"], env=self.environment, check=False).returncode == 0

    def timed(self, text):
        """Seconds that statements take, connection apart; their last result."""
        output = command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", env=self.environment,
                         input=f"\\timing on\n{text}\n")
        times = [line for line in output.splitlines() if line.startswith("Time: ")]
        return float(times[-1].split()[1]) / 1000

    def pgbench(self, script, clients, seconds, *options):
        """Transactions a second of a script."""
        output = self.run_pgbench(script, "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds), *options)
        return next(float(line.split()[2]) for line in output.splitlines() if line.startswith("tps"))

    def latencies_us(self, script, count):
        """Microseconds of each of count transactions of a script, on one connection."""
        self.run_pgbench(script, "-t", str(count), "-l", "--log-prefix", os.path.join(self.folder, "latency"))
        [path] = glob.glob(os.path.join(self.folder, "latency.*"))
        with open(path) as file:
            latencies = [int(line.split()[2]) for line in file]
        os.remove(path)
        return latencies

    def run_pgbench(self, script, *options):
        """What pgbench says of a script."""
        path = os.path.join(self.folder, "script.sql")
        with open(path, "w") as file:
            file.write(script)
        return command("pgbench", "-n", "-f", path, "-M", "prepared", *options, env=self.environment)

    def workers(self):
        """Process ids of launcher and workers, by type."""
        rows = self.sql("SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type LIKE 'extsched%'")
        return {int(pid): kind for pid, kind in (row.split("|") for row in rows.splitlines())}

    def worker(self):
        """Process id of the worker, or of one of several."""
        return next(pid for pid, kind in self.workers().items() if "worker" in kind)

    def uses_huge_pages(self):
        """Whether the shared memory is in huge pages."""
        with open(os.path.join(self.data, "postmaster.pid")) as file, open(f"/proc/{int(file.readline())}/smaps") as maps:
            return any(line.startswith("KernelPageSize:") and int(line.split()[1]) > 4 for line in maps)

    def cpu_of_backends(self):
        """Processor time of each process that serves a client."""
        rows = self.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        return {int(pid): cpu_seconds(int(pid)) for pid in rows.splitlines()}

    def travel_to(self, instant):
        """Put the scheduler's clock to an instant; returns how many seconds it is ahead."""
        offset = round((instant - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
        self.sql(f"ALTER SYSTEM SET extsched.clock_offset = {offset}")
        self.sql("SELECT pg_reload_conf()")
        return offset

    def install_tenants(self, tenants, installs_each=1):
        """Tenants t1..tn with installs that have no limits."""
        self.sql(f"""
            SELECT extsched_install('t' || t, md5(t || ' ' || i)::uuid, '{VERSION}', '{{cap:scheduler.manage}}')
              FROM generate_series(1, {tenants}) AS t, generate_series(1, {installs_each}) AS i;
            SELECT extsched_set_limits('t' || t, NULL,
                       '{{"max_schedules": -1, "min_interval_s": 0, "mutations_per_minute": -1}}')
              FROM generate_series(1, {tenants}) AS t""")


def command(name, *arguments, input=None, env=None):
    done = subprocess.run([os.path.join(BIN, name), *arguments], input=input, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed: {done.stderr.strip()}")
    return done.stdout


def cpu_seconds(pid):
    """Processor time of a process so far, to the nanosecond: the ticks of
    /proc/PID/stat are too coarse for one that sleeps."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def resident_mb(pid):
    """Private resident memory of a process in MB, shared buffers apart."""
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return int(fields["RssAnon"].split()[0]) / 1024


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
