"""What could be reached at best: nothing but HTTP, nothing but the database."""

import json
import os
import re
import subprocess
import tempfile

from backlog import CONNECTIONS, requests_over
from server import ROOT, Runner, Server

HERE = os.path.dirname(os.path.abspath(__file__))


def http(count=100_000, seconds=5):
    """Requests a second that a bare libcurl-multi loop sends, at once and to a
    Runner that takes 50 ms; and wrk."""
    program = os.path.join(ROOT, "build", "bench-multi")
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["cc", "-O2", "-o", program, os.path.join(HERE, "multi.c"), "-lcurl"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(folder)
        try:
            url = runner.url + "/v1/execute"
            multi = bare_loop(program, url, CONNECTIONS[0], count)
            wrk = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS[0]}", f"-d{seconds}s", "-s",
                                  os.path.join(ROOT, "test", "runner", "execute.lua"), url],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout
            runner.post("/fault", b'{"latency_ms": 50}')
            slow = {connections: bare_loop(program, url, connections, requests_over(connections))
                    for connections in CONNECTIONS}
        finally:
            runner.stop()
    return {"multi_64_per_s": multi["per_s"], "multi_64_cpu_us": multi["cpu_us"],
            **{f"multi_{connections}_50ms_per_s": loop["per_s"] for connections, loop in slow.items()},
            "wrk_64_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", wrk)[1])}


def bare_loop(program, url, connections, count):
    """What multi.c prints of so many requests."""
    return json.loads(subprocess.run([program, url, str(connections), str(count)], stdout=subprocess.PIPE,
                                     check=True).stdout)


def claim(rows=1_000_000, batch=1_000):
    """Timers a second that one statement moves on and records, in tables as
    narrow as can be: one index for the key, one for what is due."""
    with Server(preload="") as server:
        server.sql(f"""
            CREATE TABLE timer (tenant text, id integer, next_due timestamptz, in_flight integer DEFAULT 0,
                                PRIMARY KEY (tenant, id)) WITH (fillfactor = 70);
            CREATE INDEX ON timer (next_due);
            CREATE TABLE run (tenant text, id integer, nominal timestamptz, state text DEFAULT 'running',
                              PRIMARY KEY (tenant, id, nominal));
            INSERT INTO timer SELECT 't' || n % 100, n, now() - interval '1 day' FROM generate_series(1, {rows}) AS n;
            VACUUM ANALYZE; CHECKPOINT""")
        rate = server.pgbench(f"""
            WITH due AS MATERIALIZED (SELECT tenant, id, next_due FROM timer WHERE next_due <= now()
                                       ORDER BY next_due LIMIT {batch} FOR UPDATE SKIP LOCKED),
                 moved AS (UPDATE timer AS t SET next_due = due.next_due + interval '1 year', in_flight = 1
                             FROM due WHERE t.tenant = due.tenant AND t.id = due.id)
            INSERT INTO run SELECT tenant, id, next_due FROM due;""", 1, 5)
        return {"rows_per_s": rate * batch}


CREATE_LIKE = """
CREATE FUNCTION create_like(tenant text, install uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made    extsched.schedule;
    ticking extsched.timer;
BEGIN
    PERFORM FROM extsched.install AS i WHERE i.tenant_id = tenant AND i.install_id = install FOR SHARE;
    PERFORM FROM extsched.install_limiter AS l WHERE l.tenant_id = tenant AND l.install_id = install FOR UPDATE;
    SELECT s.* INTO made FROM extsched.schedule AS s WHERE s.tenant_id = 'template';
    SELECT t.* INTO ticking FROM extsched.timer AS t WHERE t.tenant_id = 'template';
    made.tenant_id := tenant;
    made.install_id := install;
    made.schedule_id := gen_random_uuid();
    INSERT INTO extsched.schedule SELECT made.*;
    ticking.tenant_id := tenant;
    ticking.schedule_id := made.schedule_id;
    INSERT INTO extsched.timer SELECT ticking.*;
    INSERT INTO extsched.audit (tenant_id, at, slot, actor, session_actor, face, action, install_id, schedule_id, after)
    VALUES (tenant, now(), extsched.audit_slot(now()), current_user, session_user, 'sql', 'schedule.create', install,
            made.schedule_id, jsonb_build_object('cron', made.cron, 'timezone', made.timezone));
    RETURN made.schedule_id;
END $$"""


def create(seconds=10):
    """A plpgsql function with the locks, rows and indexes of extsched_create(),
    which judges nothing."""
    script = "SELECT create_like('t' || :client_id + 1, md5(:client_id + 1 || ' 1')::uuid);"
    with Server({"synchronous_commit": "off"}) as server:
        server.install_tenants(8)
        server.sql("""SELECT extsched_install('template', md5('template')::uuid, 'be7c0000-0000-4000-8000-000000000001',
                                              '{cap:scheduler.manage}');
                      SELECT extsched_create('template', md5('template')::uuid, 'POST /bench', '0 3 * * *')""")
        server.sql(CREATE_LIKE)
        server.pgbench(script, 2, 5)
        return {f"connections_{n}": server.pgbench(script, n, seconds) for n in (1, 8)}
