#!/usr/bin/env python3
"""check.py: tests of the test Runner itself; TAP on stdout.

    ./check.py [PROGRAM]

A Runner that counts wrongly, or is healthy where it should fail, would make
other tests pass for nothing.  So each fault is looked at with curl, which is
the library that extsched uses, and each figure of the statistics is compared
with requests that were really sent.
"""

import base64
import copy
import http.client
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "./extsched-test-runner"

EXTENSION = "5f3b0c1e-8a2d-4c6f-9b1a-2d3e4f506172"

CURL_PARTIAL_FILE = 18
CURL_TIMEOUT = 28
CURL_RECV_ERROR = 56

tests_run = 0
tests_failed = 0


def ok(condition, name, detail=None):
    global tests_run, tests_failed
    tests_run += 1
    print(f"{'ok' if condition else 'not ok'} {tests_run} - {name}", flush=True)
    if not condition:
        tests_failed += 1
        if detail is not None:
            print("# " + repr(detail)[:2000], flush=True)


def same(got, expected, name):
    ok(got == expected, name, {"got": got, "expected": expected})


class Runner:
    """A running program on a free port."""

    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(line.rsplit(" ", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def call(self, method, path, body=None, headers=None):
        """One request on a connection of its own: status, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, data

    def stats(self, query=""):
        return json.loads(self.call("GET", "/stats" + query)[1])

    def reset(self):
        self.call("POST", "/reset")

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)


def request(path="/bench", payload=None, method="POST", tenant="acme", key=None, **context):
    """An execute request as the contract has it: headers, document."""
    request_id = str(uuid.uuid4())
    document = {
        "context": {
            "request_id": request_id,
            "tenant_id": tenant,
            "extension_id": EXTENSION,
            "install_id": "0c9d8e7f-6a5b-4c3d-8e1f-a0b1c2d3e4f5",
            "version_id": "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9",
            "content_hash": "sha256:9f86d081884c7d65",
            "config": {"region": "eu"},
            "trigger": "schedule",
            "schedule_id": "7d0e9c8b-1a2f-4e3d-9c4b-5a6978877665",
            "scheduled_for": "2026-01-02T03:05:00.000Z",
            "attempt": 1,
            **context,
        },
        "http": {
            "method": method,
            "path": path,
            "query": {},
            "headers": {"x-alga-tenant": tenant, "x-alga-extension": EXTENSION},
        },
        "limits": {"timeout_ms": 30000},
        "providers": ["cap:context.read", "cap:log.emit"],
    }
    if payload is not None:
        text = json.dumps(payload).encode()
        document["http"]["body_b64"] = base64.b64encode(text).decode()
    headers = {
        "content-type": "application/json",
        "x-request-id": request_id,
        "x-idempotency-key": key or str(uuid.uuid4()),
        "x-alga-tenant": tenant,
        "x-alga-extension": EXTENSION,
        "x-extsched-fence": "7300000000000000000.1.42",
    }
    return headers, document


def execute(runner, *args, **kwargs):
    """Send an execute request: status, decoded reply (None if no JSON)."""
    headers, document = request(*args, **kwargs)
    status, data = runner.call("POST", "/v1/execute", json.dumps(document), headers)
    try:
        return status, json.loads(data)
    except ValueError:
        return status, None


def fault(runner, words, max_time=5, extra=(), **kwargs):
    """Send a request with a fault through curl: exit code, status, header
    lines, body."""
    if words is not None:
        kwargs["payload"] = {"source": "check", "fault": words}
    headers, document = request(**kwargs)
    with tempfile.TemporaryDirectory() as folder:
        command = ["curl", "-s", "-m", str(max_time), "-D", folder + "/head", "-o", folder + "/body",
                   "-w", "%{http_code}", "--data-binary", "@-", *extra, runner.url + "/v1/execute"]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        done = subprocess.run(command, input=json.dumps(document).encode(), stdout=subprocess.PIPE,
                              check=False)
        head = open(folder + "/head").read().lower() if os.path.exists(folder + "/head") else ""
        body = open(folder + "/body", "rb").read() if os.path.exists(folder + "/body") else b""
    return done.returncode, int(done.stdout or 0), head, body


def test_healthy(runner):
    same(execute(runner), (200, {"status": 200}), "an unknown endpoint is answered with status 200")

    status, reply = execute(runner, "/api/status", method="GET")
    body = json.loads(base64.b64decode(reply["body_b64"]))
    same((status, reply["status"], body["status"], body["tenant"], body["extension"]),
         (200, 200, "healthy", "acme", EXTENSION), "GET /api/status is the demo's")

    status, reply = execute(runner, "/api/heartbeat", {"source": "auto-setup"}, tenant='o"b')
    body = json.loads(base64.b64decode(reply["body_b64"]))
    same((body["event"], body["tenant"]), ("heartbeat", 'o"b'), "POST /api/heartbeat is the demo's")
    same(set(body), {"event", "timestamp", "tenant", "message", "build"},
         "a heartbeat has the keys of the contract")
    stats = runner.stats()
    same((stats["violations"], stats["first_violation"]), (0, None), "good requests break no rule")

    same(runner.call("GET", "/nowhere")[0], 404, "other paths are not found")
    same(runner.call("GET", "/v1/execute")[0], 404, "GET /v1/execute is not found")


def test_inner_faults(runner):
    same(execute(runner, payload={"fault": {"status": 503, "error": "down"}}),
         (200, {"status": 503, "error": "down"}), "status and error are those inside")
    same(execute(runner, payload={"fault": {"error": "bad \"half\" \u00e9"}}),
         (200, {"status": 200, "error": "bad \"half\" \u00e9"}), "an error comes with status 200")
    same(execute(runner, payload={"fault": {"status": 429, "retry_after": 7}}),
         (200, {"status": 429, "headers": {"retry-after": "7"}}),
         "retry_after goes inside with an inner status")
    same(execute(runner, payload={"fault": {}}), (200, {"status": 200}), "an empty fault is none")


def test_http_faults(runner):
    code, status, head, body = fault(runner, {"http_status": 500})
    same((code, status, json.loads(body)), (0, 500, {"status": 200}),
         "http_status fails outside, while the reply inside is healthy")

    code, status, head, body = fault(runner, {"retry_after": "7"})
    ok(status == 429 and "retry-after: 7" in head, "retry_after alone is a 429", head)
    code, status, head, body = fault(
        runner, {"http_status": 503, "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"})
    ok(status == 503 and "retry-after: wed, 21 oct 2026 07:28:00 gmt" in head,
       "retry_after may be a date", head)

    code, status, head, body = fault(runner, {"redirect": "http://127.0.0.1:1/elsewhere"})
    ok(status == 302 and "location: http://127.0.0.1:1/elsewhere" in head,
       "redirect is a 302 with a location", head)
    code, status, head, body = fault(runner, {"redirect": "/x", "http_status": 307})
    same(status, 307, "redirect may have another status")

    same(fault(runner, {"body": "not json"})[3], b"not json", "body is sent as it is")
    raw = b'{"status":200,"error":"\xff\x00"}'
    same(fault(runner, {"body_b64": base64.b64encode(raw).decode()})[3], raw,
         "body_b64 sends any bytes")
    code, status, head, body = fault(runner, {"empty": True})
    same((code, status, body), (0, 200, b""), "empty is a 200 without a body")


def test_broken_transfers(runner):
    same(fault(runner, {"reset": True})[0], CURL_RECV_ERROR, "reset is a reset connection")
    code, status, head, body = fault(runner, {"cut": True})
    same((code, status, body), (CURL_PARTIAL_FILE, 200, b'{"status":200}'),
         "cut ends the connection before the announced length")

    start = time.monotonic()
    same(fault(runner, {"latency_ms": 300})[:2], (0, 200), "a late answer is an answer")
    took = time.monotonic() - start
    ok(0.3 <= took < 1.5, "latency_ms delays the answer", took)
    same(fault(runner, {"latency_ms": 5000}, max_time=0.3)[0], CURL_TIMEOUT,
         "a client may leave during the delay")

    same(fault(runner, {"hang": True}, max_time=0.3)[:2], (CURL_TIMEOUT, 0), "hang sends nothing")
    code, status, head, body = fault(runner, {"drip_ms": 50}, max_time=0.8)
    ok(code == CURL_TIMEOUT and status == 200 and 1 <= len(body) <= 20,
       "drip_ms sends a byte at a time", (code, status, len(body)))
    code, status, head, body = fault(runner, {"endless": True}, max_time=0.5)
    ok(code == CURL_TIMEOUT and status == 200 and len(body) > 1000000, "endless never ends",
       (code, status, len(body)))


def test_sizes(runner):
    for size in (262144, 262145, 1000001):
        code, status, head, body = fault(runner, {"huge": size})
        ok(code == 0 and len(body) == size and json.loads(body)["status"] == 200,
           f"huge is a reply of exactly {size} bytes", (code, status, len(body)))
    same(len(fault(runner, {"huge": 1})[3]), len('{"status":200,"body_b64":""}'),
         "huge is never smaller than a reply")

    code, status, head, body = fault(runner, {"gzip_bomb": 10000000})
    ok(code == 0 and "content-encoding: gzip" in head and len(body) < 100000,
       "gzip_bomb is small on the wire", (code, len(body)))
    code, status, head, body = fault(runner, {"gzip_bomb": 10000000}, extra=["--compressed"])
    ok(code == 0 and 9999990 <= len(body) <= 10000000 and json.loads(body)["status"] == 200,
       "gzip_bomb unpacks to its size", (code, len(body)))


def test_choice(runner):
    same(execute(runner, "/fault/status/503", method="GET")[1], {"status": 503},
         "a path names a fault")
    same(execute(runner, "/fault/status/503/times/1", method="GET", attempt=2)[1], {"status": 200},
         "a path names several")
    same(fault(runner, None, path="/fault/reset")[0], CURL_RECV_ERROR, "a path names a flag")
    same(execute(runner, method="GET", config={"fault": '{"status":418}'})[1], {"status": 418},
         "the config names a fault")
    same(execute(runner, "/fault/status/503", {"fault": {"status": 500}})[1], {"status": 500},
         "the payload goes before the path")

    both = {"fault": {"status": 500, "times": 2}}
    same([execute(runner, payload=both, attempt=n)[1]["status"] for n in (1, 2, 3)],
         [500, 500, 200], "times ends the fault after so many attempts")

    runner.reset()
    keys = [f"run-{n}" for n in range(400)]
    share = {"fault": {"status": 500, "probability": 0.25}}
    first = [execute(runner, payload=share, key=key)[1]["status"] for key in keys]
    again = [execute(runner, payload=share, key=key)[1]["status"] for key in keys]
    ok(60 < first.count(500) < 140, "probability fails about that share of runs", first.count(500))
    same(first, again, "and the same ones each time")

    runner.call("POST", "/fault", '{"status":502}')
    same(execute(runner)[1], {"status": 502}, "POST /fault sets the default")
    same(execute(runner, payload={"fault": {}})[1], {"status": 200}, "which a request may refuse")
    runner.call("POST", "/fault", "{}")
    same(execute(runner)[1], {"status": 200}, "and ends it")
    same(runner.call("POST", "/fault", '{"statos":502}')[0], 400,
         "an unknown default is refused")

    runner.reset()
    for wrong in ({"statos": 500}, {"status": "x"}, {"reset": 1}, {"probability": 2},
                  {"http_status": 99}, {"body_b64": "?"}, 7):
        same(execute(runner, payload={"fault": wrong})[0], 400, f"fault {wrong} is refused")
    same(runner.stats()["fault_errors"], 7, "refused faults are counted")


def test_statistics(runner):
    runner.reset()
    before = time.time()
    nominal = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before - 10)) + ".000Z"
    execute(runner, "/a", key="one", scheduled_for=nominal)
    execute(runner, "/a", key="one", scheduled_for=nominal, attempt=2)
    execute(runner, "/b", key="two", scheduled_for=nominal, tenant="beta")
    execute(runner, "/b", key="two", scheduled_for=nominal, tenant="beta")
    execute(runner, key="three", trigger="manual", scheduled_for=nominal)
    execute(runner, key="four", trigger="backfill", payload={"fault": {"status": 500}})

    stats = runner.stats()
    same((stats["arrivals"], stats["distinct_keys"], stats["duplicates"], stats["redelivered"]),
         (6, 4, 2, 1), "arrivals, keys, repeated keys, repeated attempts")
    same(stats["by_trigger"], {"schedule": 4, "manual": 1, "backfill": 1}, "by trigger")
    same(stats["by_tenant"], {"acme": 4, "beta": 2}, "by tenant")
    same(stats["by_attempt"], {"1": 5, "2": 1}, "by attempt")
    same(stats["by_answer"], {"ok": 5, "status": 1}, "by answer")
    same(stats["by_fence"], {"7300000000000000000.1.42": 6}, "by fence")
    late = stats["lateness_ms"]
    ok(late["count"] == 2 and 9900 < late["min"] <= late["p50"] <= late["p99"] <= late["max"] < 15000,
       "lateness is that of first attempts of the recurrence", late)

    shifted = runner.stats("?offset_s=-10")["lateness_ms"]
    ok(abs(late["max"] - shifted["max"] - 10000) < 0.01, "offset_s shifts lateness", shifted)
    same(runner.stats("?tenant=beta")["arrivals"], 2, "a tenant may be chosen")
    same(runner.stats("?trigger=manual")["lateness_ms"]["count"], 1, "a trigger may be chosen")
    same(runner.stats(f"?since={time.time() + 60}")["arrivals"], 0, "and a time")
    same(runner.stats(f"?since={before - 60}")["arrivals"], 6, "in seconds")
    same(runner.stats(f"?since={stats['last_arrival']}")["arrivals"], 1, "or as text")

    arrivals = json.loads(runner.call("GET", "/arrivals?limit=2")[1])
    same([(a["n"], a["idempotency_key"], a["trigger"], a["answer"]) for a in arrivals],
         [(5, "three", "manual", "ok"), (6, "four", "backfill", "status")],
         "arrivals lists the last ones in order")
    same(json.loads(runner.call("GET", "/arrivals?tenant=beta")[1])[1]["redelivery"], True,
         "and marks a redelivery")
    same(runner.call("GET", "/count")[1], b"6\n", "count is a number")
    runner.reset()
    same(runner.stats()["arrivals"], 0, "reset forgets")
    same(json.loads(runner.call("GET", "/arrivals")[1]), [], "everything")


def test_last(runner):
    headers, document = request(payload={"text": "snow \u2603"})
    text = json.dumps(document, indent=1, ensure_ascii=False)
    runner.call("POST", "/v1/execute", text.encode(), headers)
    last = json.loads(runner.call("GET", "/last")[1])
    same(last["body"], text, "last has the body byte for byte")
    same({n: v for n, v in last["headers"] if n in headers}, headers, "and the headers")
    same(runner.call("GET", "/last/body")[1], text.encode(), "last/body is the body alone")

    payload = {"text": "x" * 99000}
    status, reply = execute(runner, payload=payload)
    body = json.loads(runner.call("GET", "/last/body")[1])["http"]["body_b64"]
    same(json.loads(base64.b64decode(body)), payload, "a body of many pieces arrives whole")
    same(runner.stats()["violations"], 0, "and breaks no rule")


def without(path):
    def change(headers, document):
        *outer, name = path.split(".")
        place = document
        for part in outer:
            place = place[part]
        del place[name]
    return change


def with_value(path, value):
    def change(headers, document):
        *outer, name = path.split(".")
        place = document
        for part in outer:
            place = place[part]
        place[name] = value
    return change


def with_header(name, value):
    def change(headers, document):
        if value is None:
            del headers[name]
        else:
            headers[name] = value
    return change


def test_contract(runner):
    """Each breach of the Runner contract is noticed, and named."""
    breaches = [
        (with_header("cookie", "a=b"), 'header "cookie" is not allowed'),
        (with_header("authorization", "x"), 'header "authorization" is not allowed'),
        (with_header("x-alga-user", "x"), 'header "x-alga-user" is not allowed'),
        (with_header("x-request-id", None), "header x-request-id is missing"),
        (with_header("x-request-id", str(uuid.uuid4())), "x-request-id is not context.request_id"),
        (with_header("x-idempotency-key", None), "header x-idempotency-key is missing"),
        (with_header("x-alga-tenant", "other"), "the tenant header is not context.tenant_id"),
        (with_header("x-alga-extension", None), "the extension header is not context.extension_id"),
        (with_header("content-type", "text/plain"), "content-type is not application/json"),
        (with_header("x-extsched-fence", "1.2"), "x-extsched-fence is not of the form 1.2.3"),
        (with_header("webhook-id", "x"), "the three webhook headers must come together"),
        (without("context.attempt"), "context.attempt is missing"),
        (without("http.query"), "http.query is missing"),
        (without("limits"), "limits is missing"),
        (with_value("user", {}), "user is not allowed"),
        (with_value("context.user_id", "x"), "context.user_id is not allowed"),
        (with_value("context.attempt", 0), "context.attempt is no count from 1"),
        (with_value("context.attempt", "1"), "context.attempt has the wrong type"),
        (with_value("context.trigger", "cron"), 'context.trigger "cron" is unknown'),
        (with_value("context.config", {"a": 1}), "context.config.a is no string"),
        (with_value("context.install_id", "x"), "context.install_id has the wrong type"),
        (with_value("context.scheduled_for", "2026-01-02 03:04:05"),
         "context.scheduled_for is no time in UTC"),
        (with_value("context.content_hash", "sha256:sha256:00"),
         'context.content_hash does not begin with one "sha256:"'),
        (with_value("http.method", "DELETE"), 'http.method "DELETE" cannot be scheduled'),
        (with_value("http.method", "GET"), "http.body_b64 is sent with GET"),
        (with_value("http.path", "/a?b"), "http.path is no plain path"),
        (with_value("http.query", {"a": "b"}), "http.query is not {}"),
        (with_value("http.headers", {}),
         "http.headers lacks the tenant or the extension of the context"),
        (with_value("http.headers.cookie", "x"), "http.headers.cookie is not allowed"),
        (with_value("http.body_b64", "e30\n"), "http.body_b64 is no plain base64"),
        (with_value("http.body_b64", "e30"), "http.body_b64 is no plain base64"),
        (with_value("http.body_b64", "e31="), "http.body_b64 is no plain base64"),
        (with_value("http.body_b64", "MQ=="), "http.body_b64 holds neither an object nor an array"),
        (with_value("limits.timeout_ms", 0), "limits.timeout_ms is no positive integer"),
        (with_value("providers", ["cap:log.emit", "cap:context.read"]), "providers is not sorted"),
        (with_value("providers", ["root"]), "providers holds something that is no capability"),
    ]
    for change, message in breaches:
        runner.reset()
        headers, document = request(payload={"a": 1})
        change(headers, document)
        runner.call("POST", "/v1/execute", json.dumps(document), headers)
        stats = runner.stats()
        same((stats["violations"], stats["first_violation"]), (1, message), message)


def test_garbage(runner):
    """Nothing that a client sends ends the Runner."""
    runner.reset()
    good = json.dumps(request(payload={"fault": {"status": 500}})[1])
    texts = ["", "x", "{", "[]", "null", '{"a":}', '{"a":1,}', "{}{}", "[" * 1000, '{"a":' * 1000,
             '"' + "x" * 100, '{"context":[]}', '{"http":{"path":"\\ud800"}}', '{"a":01}',
             '{"a":"\x01"}', "{\"a\":\"\\x\"}", "\0" * 100, good[:-1], good + " ", " " + good]
    chance = random.Random(7)
    for _ in range(400):
        text = list(good)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(text))
            text[at:at + chance.randint(0, 3)] = chance.choice(["", '"', "{", "}", "\\", "\x7f", "9", ","])
        texts.append("".join(text))
    connection = http.client.HTTPConnection("127.0.0.1", runner.port, timeout=20)
    headers = request()[0]
    statuses = set()
    for text in texts:
        connection.request("POST", "/v1/execute", text.encode(), headers)
        response = connection.getresponse()
        response.read()
        statuses.add(response.status)
    connection.close()
    ok(statuses <= {200, 400}, "garbage is answered or refused", statuses)
    same(runner.stats()["arrivals"], len(texts), "and counted")
    same(runner.call("POST", "/v1/execute", b"x" * (11 << 20))[0], 413,
         "a request over 10 MB is refused")
    same(runner.call("GET", "/health")[0], 200, "the Runner is still there")


def test_waiting(runner):
    """GET /wait answers at the Nth arrival, or at its time limit."""
    runner.reset()
    reply = json.loads(runner.call("GET", "/wait?arrivals=1&timeout_ms=100")[1])
    same(reply, {"arrivals": 0, "reached": False}, "wait ends at its time limit")

    result = []
    waiter = threading.Thread(target=lambda: result.append(
        json.loads(runner.call("GET", "/wait?arrivals=3&timeout_ms=10000")[1])))
    start = time.monotonic()
    waiter.start()
    time.sleep(0.2)
    for _ in range(3):
        execute(runner)
    waiter.join()
    same(result, [{"arrivals": 3, "reached": True}], "wait ends with the arrival")
    ok(time.monotonic() - start < 5, "at once")
    same(json.loads(runner.call("GET", "/wait?arrivals=3")[1])["reached"], True,
         "wait does not wait for what was before")


def test_holding(runner):
    """A request is held until the server's default fault is set again."""
    runner.reset()
    results = queue.Queue()

    def ask(**named):
        threading.Thread(target=lambda: results.put(execute(runner, **named)), daemon=True).start()

    for _ in range(3):
        ask(payload={"fault": {"hold": True}})
    runner.call("GET", "/wait?arrivals=3")
    same(execute(runner), (200, {"status": 200}), "another request is answered at once")
    ok(results.empty(), "held requests are not")
    runner.call("POST", "/fault", b'{"hold": true}')
    same([results.get(timeout=10) for _ in range(3)], [(200, {"status": 200})] * 3, "they are when a fault is set")

    ask()
    ask(payload={"fault": {"hold": True, "status": 503}})
    runner.call("GET", "/wait?arrivals=6")
    ok(results.empty(), "the server's default may hold, too")
    runner.call("POST", "/fault", b"{}")
    same(sorted(results.get(timeout=10)[1]["status"] for _ in range(2)), [200, 503], "and ends with the next one")
    same(execute(runner), (200, {"status": 200}), "which holds nothing")


def test_many_hang(runner):
    """Hanging requests hold no thread, and are freed when clients leave."""
    runner.reset()
    headers, document = request(payload={"fault": {"hang": True}})
    clients = []
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", runner.port, timeout=20)
        connection.request("POST", "/v1/execute", json.dumps(document), headers)
        clients.append(connection)
    runner.call("GET", "/wait?arrivals=300")
    stats = runner.stats()
    same((stats["in_flight"], stats["max_in_flight"]), (300, 300), "300 requests hang at once")
    same(execute(runner), (200, {"status": 200}), "while another is answered")
    for connection in clients:
        connection.close()
    deadline = time.monotonic() + 5
    while runner.stats()["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.02)
    same(runner.stats()["in_flight"], 0, "clients that leave are noticed")


def test_many_at_once(runner):
    """As many requests at a moment as the library reads events are not forgotten."""
    connections = [http.client.HTTPConnection("127.0.0.1", runner.port, timeout=20) for _ in range(128)]

    def ask():
        for connection in connections:
            connection.request("GET", "/health")

    def answered():
        return sum(connection.getresponse().read() is not None for connection in connections)

    ask()
    answered()
    runner.process.send_signal(signal.SIGSTOP)
    ask()
    runner.process.send_signal(signal.SIGCONT)
    try:
        same(answered(), 128, "128 requests at once are answered")
    finally:
        for connection in connections:
            connection.close()


def test_life():
    """The program ends when it is told to, or when its parent does."""
    runner = Runner()
    hanging = http.client.HTTPConnection("127.0.0.1", runner.port)
    headers, document = request(payload={"fault": {"hang": True}})
    hanging.request("POST", "/v1/execute", json.dumps(document), headers)
    runner.call("GET", "/wait?arrivals=1")
    same(runner.stop(), 0, "SIGTERM ends it, with a request in progress")

    with tempfile.TemporaryDirectory() as folder:
        runner = Runner("--watch-stdin", "--port-file", folder + "/port")
        same(open(folder + "/port").read(), f"{runner.port}\n", "--port-file holds the port")
        runner.process.stdin.close()
        same(runner.process.wait(10), 0, "--watch-stdin ends it with its input")

    parent = subprocess.Popen(["sleep", "60"])
    runner = Runner("--parent-pid", str(parent.pid))
    parent.kill()
    parent.wait()
    same(runner.process.wait(10), 0, "--parent-pid ends it with that process")

    runner = Runner("--max-arrivals", "2", "--fault", '{"status":503}', "--header-prefix", "x-acme")
    for _ in range(3):
        same(execute(runner)[1], {"status": 503}, "--fault is the default")
    stats = runner.stats()
    same((stats["arrivals"], stats["unrecorded"]), (2, 1), "--max-arrivals bounds the record")
    same(stats["violations"], 3, "--header-prefix changes the headers to expect")
    runner.stop()

    done = subprocess.run([PROGRAM, "--fault", "{"], stderr=subprocess.PIPE, text=True, check=False)
    ok(done.returncode == 2 and "no JSON object" in done.stderr, "a bad --fault is refused", done)

    runner = Runner("--threads", "3")
    threads = [threading.Thread(target=lambda: [execute(runner) for _ in range(50)])
               for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(runner.stats()["distinct_keys"], 300, "--threads loses nothing")
    runner.stop()


def main():
    runner = Runner()
    for test in (test_healthy, test_inner_faults, test_http_faults, test_broken_transfers,
                 test_sizes, test_choice, test_statistics, test_last, test_contract, test_garbage,
                 test_waiting, test_holding, test_many_hang, test_many_at_once):
        runner.reset()
        try:
            test(runner)
        except (OSError, ValueError, KeyError, queue.Empty, http.client.HTTPException) as error:
            ok(False, f"{test.__name__} runs to its end", error)
    same(runner.stop(), 0, "it ends cleanly")
    test_life()
    print(f"1..{tests_run}")
    return 1 if tests_failed else 0


if __name__ == "__main__":
    signal.alarm(300)
    sys.exit(main())
