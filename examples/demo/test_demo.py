#!/usr/bin/python3
"""test_demo.py: tests of the demo extension, the binding and the host route.

No database: a FakeHost keeps schedules in memory and answers as
extsched_host() does, so that also failures can be had that the real one does
not give on demand.  That the real one is called rightly is shown by
test/t/030_demo_manages_its_schedules.pl.
"""

import base64
import json
import sys
import threading
import urllib.error
import urllib.request
import uuid

import demo
import extension
import host_route
from binding import Mutation, Scheduler, SchedulerError, http_transport

TOKEN = "the-runner's-token"
EXTENSION = "de300000-0000-4000-8000-000000000001"
ACME = ("acme", "ac000000-0000-4000-8000-000000000001")
GLOBEX = ("globex", "91000000-0000-4000-8000-000000000002")
PROVIDERS = ["cap:context.read", "cap:log.emit", "cap:scheduler.manage"]

tests_run = 0
tests_failed = 0


def ok(condition, name, detail=None):
    global tests_run, tests_failed
    tests_run += 1
    print(f"{'ok' if condition else 'not ok'} {tests_run} - {name}", flush=True)
    if not condition:
        tests_failed += 1
        print("# " + repr(detail)[:2000])


def same(got, expected, name):
    ok(got == expected, name, {"got": got, "expected": expected})


class FakeHost:
    """extsched_host() in memory.  failures maps an operation to the answer
    that it gives instead; calls lists (tenant, install, operation, input)."""

    def __init__(self):
        self.schedules = {ACME: {}, GLOBEX: {}}
        self.failures = {}
        self.calls = []
        with open("manifest.json") as file:
            endpoints = json.load(file)["endpoints"]
        self.endpoints = [{"id": str(uuid.uuid4()), **e, "schedulable": ":" not in e["path"]}
                          for e in endpoints]

    def call(self, tenant, install, operation, text):
        given = json.loads(text)
        self.calls.append((tenant, install, operation, given))
        if operation in self.failures:
            failure = self.failures[operation]
            if isinstance(failure, Exception):
                raise failure
            return json.dumps(failure)
        if (tenant, install) not in self.schedules:
            return json.dumps(failed(404, "NOT_FOUND", "no such install"))
        mine = self.schedules[tenant, install]
        return json.dumps({"success": True, **getattr(self, operation)(mine, given)})

    def list(self, mine, _):
        return {"schedules": list(mine.values())}

    def get(self, mine, given):
        return {"schedule": mine.get(given["scheduleId"])}

    def getEndpoints(self, *_):
        return {"endpoints": self.endpoints}

    def create(self, mine, given):
        by_id = {e["id"]: e for e in self.endpoints}
        by_name = {f"{e['method']} {e['path']}": e for e in self.endpoints}
        endpoint = by_id.get(given["endpoint"]) or by_name[given["endpoint"]]
        schedule_id = str(uuid.uuid4())
        mine[schedule_id] = {"id": schedule_id, "endpointPath": endpoint["path"],
                             "endpointMethod": endpoint["method"], "name": given.get("name"),
                             "cron": given["cron"], "timezone": given.get("timezone", "UTC"),
                             "payload": given.get("payload")}
        return {"scheduleId": schedule_id}

    def delete(self, mine, given):
        if mine.pop(given["scheduleId"], None) is None:
            return failed(404, "NOT_FOUND", "no such schedule")
        return {}


def failed(status, code, text, **more):
    return {"success": False, "httpStatus": status, "code": code, "error": text, **more}


class Platform:
    """Host route and Runner over a FakeHost, all speaking HTTP."""

    def __init__(self):
        self.host = FakeHost()
        self.logged = []
        self.route = self.start(host_route.make_server(self.host.call, TOKEN))
        self.runner = self.start(demo.make_server(
            http_transport(self.route, TOKEN), emit=lambda *line: self.logged.append(line)))

    @staticmethod
    def start(server):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    def execute(self, method, path, body=None, at=ACME, providers=PROVIDERS, query=None):
        """Call an endpoint of the demo as the platform does: status, body."""
        http = {"method": method, "path": path, "query": query or {}}
        if body is not None:
            http["body_b64"] = base64.b64encode(json.dumps(body).encode()).decode()
        document = {
            "context": {"tenant_id": at[0], "install_id": at[1], "extension_id": EXTENSION},
            "http": http, "providers": providers,
        }
        headers = {"x-alga-tenant": at[0], "x-alga-extension": EXTENSION}
        status, reply = post(self.runner + "/v1/execute", headers, json.dumps(document).encode())
        if status != 200:
            return status, reply
        return reply["status"], json.loads(base64.b64decode(reply["body_b64"]))


def post(url, headers, data):
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_endpoints():
    platform = Platform()
    status, body = platform.execute("GET", "/api/status")
    ok(status == 200 and body["status"] == "healthy" and body["tenant"] == "acme" and
       body["extension"] == EXTENSION and {"timestamp", "build"} < set(body), "status", body)
    status, body = platform.execute("POST", "/api/heartbeat", {"source": "auto-setup"})
    ok(status == 200 and body["event"] == "heartbeat" and
       set(body) == {"event", "timestamp", "tenant", "message", "build"}, "heartbeat", body)
    status, body = platform.execute("GET", "/api/other")
    same((status, body["error"]), (404, "not_found"), "any other path is not found")
    status, body = platform.execute("GET", "/api/heartbeat")
    same((status, body["error"]), (404, "not_found"), "and so is another method")


def test_setup():
    platform = Platform()
    status, first = platform.execute("POST", "/api/setup")
    same((status, [(r["name"], r["success"]) for r in first["results"]]),
         (200, [("Heartbeat Check", True), ("Daily Status Check", True)]), "setup creates two")
    made = list(platform.host.schedules[ACME].values())
    same([(s["endpointMethod"], s["endpointPath"], s["cron"], s["timezone"], s["payload"])
          for s in made],
         [("POST", "/api/heartbeat", "*/5 * * * *", "UTC", {"source": "auto-setup"}),
          ("GET", "/api/status", "0 9 * * *", "America/New_York", None)], "as the manifest says")
    same([c[2] for c in platform.host.calls], ["getEndpoints", "list", "create", "create"],
         "it reads what is there first")
    ok("payload" not in platform.host.calls[-1][3], "a key that is not set is not sent",
       platform.host.calls[-1])

    status, second = platform.execute("POST", "/api/setup")
    same((status, [r["scheduleId"] for r in second["results"]]),
         (200, [r["scheduleId"] for r in first["results"]]), "a second setup keeps both ids")
    ok(all(r["success"] and "note" in r for r in second["results"]), "and says so", second)
    same(platform.host.calls[-1][2], "list", "and writes nothing")

    schedule = made[0]
    schedule["name"] = "Renamed"
    platform.execute("POST", "/api/setup")
    same(len(platform.host.schedules[ACME]), 2, "a schedule of the same path counts")
    schedule.update(name="Heartbeat Check", endpointPath="/elsewhere")
    platform.execute("POST", "/api/setup")
    same(len(platform.host.schedules[ACME]), 2, "and one of the same name")
    same(platform.host.schedules[GLOBEX], {}, "another tenant has none of it")


def test_setup_under_failures():
    platform = Platform()
    platform.host.failures = {"getEndpoints": failed(500, "INTERNAL_ERROR", "x"),
                              "list": failed(500, "INTERNAL_ERROR", "x")}
    status, body = platform.execute("POST", "/api/setup")
    same((status, platform.host.calls[2][3]["endpoint"]), (200, "POST /api/heartbeat"),
         "without endpoints, setup names them by method and path")

    fields = {"cron": "too often", "name": "taken"}
    platform.host.failures["create"] = failed(400, "VALIDATION_FAILED", "not valid",
                                              fieldErrors=fields)
    status, body = platform.execute("POST", "/api/setup")
    same((status, body["results"][0]),
         (207, {"name": "Heartbeat Check", "success": False, "error": "not valid",
                "fieldErrors": fields}), "a failed create makes a 207 with all field errors")

    platform.host.failures = {"create": RuntimeError("down")}
    status, body = platform.execute("POST", "/api/setup", at=GLOBEX)
    same((status, body["results"][1]["success"]), (207, False), "and so does a failing host")


def test_schedules():
    platform = Platform()
    platform.execute("POST", "/api/setup")
    status, body = platform.execute("GET", "/api/schedules")
    same((status, body["count"], body["schedules"][0]["payload"]),
         (200, 2, {"source": "auto-setup"}), "schedules are listed, payloads as values")
    first, second = (s["id"] for s in body["schedules"])

    same(platform.execute("GET", "/api/schedules", at=GLOBEX),
         (200, {"count": 0, "schedules": []}), "another tenant sees none")
    status, body = platform.execute("DELETE", "/api/schedules/" + first, at=GLOBEX)
    same((status, body["error"]), (400, "delete_failed"), "and cannot delete one")
    same(platform.execute("DELETE", "/api/schedules/" + first)[0], 200, "delete")
    same(platform.execute("POST", "/api/schedules/" + second, {"__method": "delete"})[0], 200,
         "delete, as a POST with __method in its body")
    same(platform.execute("GET", "/api/schedules")[1]["count"], 0, "both are gone")
    status, body = platform.execute("POST", "/api/schedules/" + second, query={"__method": "DELETE"})
    same((status, body["error"]), (400, "delete_failed"), "or in its query; once only")
    for path in ("/api/schedules/", "/api/schedules"):
        status, body = platform.execute("DELETE", path)
        same((status, body["error"]), (400, "invalid_request"), f"DELETE {path} lacks an id")

    platform.host.failures = {"list": RuntimeError("down")}
    status, body = platform.execute("GET", "/api/schedules")
    same((status, body["error"]), (500, "list_failed"), "a failing host fails the list")


def test_extension_alone():
    """What no host does, but an extension has to stand."""

    class Broken:
        def __getattr__(self, name):
            raise RuntimeError(name + " is broken")

    class Raising:
        def delete(self, _):
            raise SchedulerError("internal", "trap")

    request = extension.Request("POST", "/api/setup", *ACME)
    same(extension.handle(request, Broken()).body["error"], "handler_failed",
         "a crash is a 500 of the extension")
    request = extension.Request("POST", "/api/heartbeat", *ACME)
    same(extension.handle(request, Broken()).status, 200, "a failing log call is swallowed")
    host = demo.Host(Raising(), None)
    request = extension.Request("DELETE", "/api/schedules/1", *ACME)
    response = extension.handle(request, host)
    same((response.status, response.body["error"]), (500, "delete_error"), "a trap in delete")
    request = extension.Request("POST", "/api/heartbeat", *ACME, body=b"[1")
    same(extension.handle(request, host).status, 200, "a body that is no object is ignored")


def test_runner():
    platform = Platform()
    status, body = platform.execute("GET", "/api/schedules", providers=["cap:log.emit"])
    same((status, body["error"]), (500, "list_failed"), "without the capability, list is denied")
    status, body = platform.execute("POST", "/api/setup", providers=[])
    same((status, platform.host.calls, platform.logged), (207, [], []),
         "nothing reaches the host, and nothing is logged")
    platform.execute("POST", "/api/heartbeat", {"source": "x"})
    same(platform.logged, [("info", "heartbeat from x")], "with cap:log.emit it is")

    same(post(platform.runner + "/v1/execute", {}, b"{}"),
         (400, {"error": "missing_routing_headers"}), "the routing headers are needed")
    headers = {"x-alga-tenant": "a", "x-alga-extension": "b"}
    same(post(platform.runner + "/v1/execute", headers, b"{}")[0], 400, "and the context")
    same(post(platform.runner + "/v1/execute", headers, b"{")[0], 400, "and JSON")
    same(post(platform.runner + "/other", headers, b"{}")[0], 404, "and the path")


def test_binding():
    host = FakeHost()

    def call(tenant, install, document):
        return json.loads(host.call(tenant, install, document["operation"], json.dumps(document)))

    scheduler = Scheduler(call, *ACME)
    values = {"endpoint": "POST /api/heartbeat", "cron": "0 * * * *"}
    created = scheduler.create({**values, "payload": "[1]"})
    same(host.calls[-1][3]["payload"], [1], "a payload goes on as a value")
    same(scheduler.get(created.schedule_id)["payload"], "[1]", "and comes back as text")
    same(scheduler.get(str(uuid.uuid4())), None, "an unknown schedule is None")
    for text in ("", "  ", None):
        scheduler.create({**values, "payload": text})
        same(host.calls[-1][3]["payload"], None, f"the payload text {text!r} means null")

    calls = len(host.calls)
    same(scheduler.create({**values, "payload": "{"}),
         Mutation(False, error="the payload is no JSON", field_errors='{"payload": "must be JSON"}'),
         "a payload text that is no JSON is a field error")
    same(len(host.calls), calls, "before any call")

    for code, name in (("VALIDATION_FAILED", "validation-failed"), ("DENIED", "denied"),
                       ("NOT_FOUND", "not-found"), ("QUOTA_EXCEEDED", "quota-exceeded"),
                       ("RATE_LIMITED", "quota-exceeded"), ("INTERNAL_ERROR", "internal"),
                       ("NEWER", "internal")):
        host.failures = {"list": failed(400, code, "why"), "delete": failed(400, code, "why")}
        try:
            scheduler.list()
            ok(False, f"{code} fails")
        except SchedulerError as error:
            same((error.name, str(error)), (name, "why"), f"{code} is {name}")
        same(scheduler.delete("x"), Mutation(False, error="why"), f"{code} is no exception in delete")

    nobody = Scheduler(http_transport("http://127.0.0.1:1", TOKEN), *ACME)
    same(nobody.delete("x").success, False, "a route that is down is no exception in delete")
    try:
        nobody.list()
        ok(False, "a route that is down fails list")
    except SchedulerError as error:
        same(error.name, "internal", "a route that is down fails list as internal")


def test_route():
    platform = Platform()
    url = platform.route + "/api/internal/ext-scheduler/install/"
    good = {"x-runner-auth": TOKEN, "x-alga-tenant": "acme"}

    def send(document, headers=good, install=ACME[1]):
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return post(url + install, headers, data)

    created = {"operation": "create", "endpoint": "POST /api/heartbeat", "cron": "0 * * * *"}
    status, body = send(created)
    same((status, body["success"]), (201, True), "create is a 201")
    same(platform.host.calls[-1], (*ACME, "create", created), "one call, and the body as it came")
    same(send({"operation": "list"})[0], 200, "others are a 200")

    before = len(platform.host.calls)
    for headers in ({}, {"x-runner-auth": "wrong"}, {"x-runner-auth": ""}):
        status, body = send({"operation": "list"}, headers)
        same((status, body["code"], body["success"]), (401, "DENIED", False),
             f"a caller with {headers} is not authenticated")
    same(len(platform.host.calls), before, "and causes no call")

    same(send({"operation": "list"}, install="x")[:1], (404,), "an install that is no uuid")
    same(post(platform.route + "/api/other", good, b"{}")[0], 404, "another path")
    same(send({"operation": "list"}, {"x-runner-auth": TOKEN})[0], 404,
         "without a tenant the database judges a null")
    same(platform.host.calls[-1][0], None, "which it gets")

    for junk in (b"", b"{", b"\xff", b"[" * 5000):
        status, body = send(junk)
        same((status, body["code"], list(body["fieldErrors"])),
             (400, "VALIDATION_FAILED", ["input"]), f"{junk[:5]} is a field error on input")
    platform.host.failures = {"": failed(400, "VALIDATION_FAILED", "x", fieldErrors={"operation": "x"})}
    for document in ([], {}, {"operation": 7}):
        same(send(document)[1]["fieldErrors"], {"operation": "x"},
             f"{document} is the database's to judge")
        same(platform.host.calls[-1][2:], ("", document), "which gets an empty operation")

    platform.host.failures = {"get": host_route.InputRefused("too deep")}
    same(send({"operation": "get"})[1]["fieldErrors"], {"input": "too deep"},
         "what jsonb refuses is a field error on input")
    for status in (400, 403, 404, 429, 500):
        platform.host.failures = {"get": failed(status, "SOME", "x")}
        same(send({"operation": "get"})[0], status, f"httpStatus {status} is the status")
    platform.host.failures = {"get": RuntimeError("secret of the server")}
    status, body = send({"operation": "get"})
    ok(status == 500 and body["code"] == "INTERNAL_ERROR" and "secret" not in json.dumps(body),
       "an error of the server is internal, and not told", body)


def main():
    # the route reports errors of the server on stderr, which is no test result
    sys.stderr = open("/dev/null", "w")
    for test in (test_endpoints, test_setup, test_setup_under_failures, test_schedules,
                 test_extension_alone, test_runner, test_binding, test_route):
        try:
            test()
        except Exception as error:
            ok(False, f"{test.__name__} runs to its end", error)
    print(f"1..{tests_run}")
    return 1 if tests_failed else 0


if __name__ == "__main__":
    sys.exit(main())
