#!/usr/bin/python3
"""demo.py: a small Runner that executes the demo extension.

    demo.py --route-url URL --token-file FILE [--port N] [--port-file FILE]
            [--header-prefix P]

POST /v1/execute, as the Runner contract has it.  A real Runner fetches the
bundle of content_hash and executes it in a sandbox; this one imports
extension.py.  What the extension may do follows from the request's providers:
without cap:scheduler.manage each call of its scheduler is denied, without
cap:log.emit nothing is logged.
"""

import argparse
import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import extension
from binding import Mutation, Scheduler, SchedulerError, http_transport
from host_route import serve

MAX_BODY = 10 << 20


class DeniedScheduler:
    """The scheduler of an extension that was not granted one."""

    def _denied(self, *_):
        raise SchedulerError("denied", "cap:scheduler.manage is not granted")

    list = get = get_endpoints = _denied

    def _denied_change(self, *_):
        return Mutation(False, error="cap:scheduler.manage is not granted")

    create = update = delete = _denied_change


class Host:
    """What an extension can call."""

    def __init__(self, scheduler, emit):
        self.scheduler = scheduler
        self._emit = emit

    def log(self, level, text):
        if self._emit is not None:
            self._emit(level, text)


def execute(document, headers, call, prefix="x-alga", emit=None):
    """Execute one request: HTTP status, reply object.  headers has names in
    lower case; call is the binding's transport."""
    if not headers.get(prefix + "-tenant") or not headers.get(prefix + "-extension"):
        return 400, {"error": "missing_routing_headers"}
    try:
        context, http = document["context"], document["http"]
        providers = document["providers"]
        request = extension.Request(
            http["method"], http["path"], context["tenant_id"], context["extension_id"],
            http.get("query") or {}, base64.b64decode(http.get("body_b64") or "", validate=True))
        install = context["install_id"]
    except (KeyError, TypeError, ValueError) as error:
        return 400, {"error": f"invalid_request: {error!r}"}

    scheduler = DeniedScheduler()
    if "cap:scheduler.manage" in providers:
        scheduler = Scheduler(call, request.tenant, install)
    host = Host(scheduler, emit if "cap:log.emit" in providers else None)
    response = extension.handle(request, host)
    return 200, {
        "status": response.status,
        "headers": {"content-type": "application/json"},
        "body_b64": base64.b64encode(json.dumps(response.body).encode()).decode(),
    }


def make_server(call, prefix="x-alga", port=0, emit=None):
    """An HTTP server of the Runner contract on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self):
            try:
                length = int(self.headers.get("content-length", ""))
                if not 0 <= length <= MAX_BODY:
                    raise ValueError("too large")
                document = json.loads(self.rfile.read(length))
            except (ValueError, RecursionError) as error:
                self.close_connection = True
                self.respond(400, {"error": f"invalid_request: {error}"})
                return
            if self.path != "/v1/execute":
                self.respond(404, {"error": "not_found"})
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.respond(*execute(document, headers, call, prefix, emit))

        def respond(self, status, reply):
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            if self.close_connection:
                self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """The extension's own log is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def main():
    parser = argparse.ArgumentParser(description="A Runner that executes the demo extension.")
    parser.add_argument("--route-url", required=True, help="where host_route.py listens")
    parser.add_argument("--token-file", required=True, help="what the host route expects")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--header-prefix", default="x-alga")
    options = parser.parse_args()
    with open(options.token_file) as file:
        token = file.read().strip()

    def emit(level, text):
        print(f"{level}: {text}", file=sys.stderr, flush=True)

    call = http_transport(options.route_url, token, options.header_prefix)
    serve(make_server(call, options.header_prefix, options.port, emit), options.port_file)


if __name__ == "__main__":
    main()
