#!/usr/bin/python3
"""host_route.py: the platform's internal route of the host API.

    host_route.py --dsn DSN --token-file FILE [--port N] [--port-file FILE]
                  [--header-prefix P]

POST /api/internal/ext-scheduler/install/:installId with a JSON object that
holds "operation" and the operation's input.  A Runner calls it on behalf of an
extension.  The route decides nothing: it authenticates the Runner, and makes
one call of extsched_host() for each request.  All rules are in the database.

The tenant comes from the header that the Runner sets, never from the body,
which an extension wrote.  The role of the DSN needs only
extsched_grant(role, 'host').
"""

import argparse
import hmac
import json
import os
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUTE = re.compile(r"/api/internal/ext-scheduler/install/([^/?#]+)/?")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)

# Well over what any valid input needs: 100,000 bytes of payload and its escapes.
MAX_BODY = 1 << 20


class InputRefused(Exception):
    """The text is no value of the database's jsonb."""


def failure(status, code, text, **more):
    """A failure as the host API words it: status, JSON text."""
    return status, json.dumps({"success": False, "code": code, "error": text, **more,
                               "httpStatus": status})


def invalid_input(text):
    return failure(400, "VALIDATION_FAILED", "The input is not valid.", fieldErrors={"input": text})


def answer(call, token, prefix, path, headers, body):
    """Answer a request: HTTP status, JSON text.

    call(tenant, install, operation, input text) is the statement, and returns
    the text of its result.  headers has names in lower case.
    """
    match = ROUTE.fullmatch(path)
    if not match:
        return failure(404, "NOT_FOUND", "There is no such route.")
    if not hmac.compare_digest(headers.get("x-runner-auth", "").encode(), token.encode()):
        return failure(401, "DENIED", "The caller is not authenticated.")
    install = match.group(1)
    if not UUID.fullmatch(install):
        return failure(404, "NOT_FOUND", "There is no such install.")
    try:
        text = body.decode()
        document = json.loads(text)
    except (ValueError, RecursionError):
        return invalid_input("must be JSON in UTF-8")
    operation = document.get("operation") if isinstance(document, dict) else None
    if not isinstance(operation, str):
        operation = ""  # which the function refuses, with the field's name

    try:
        # The text goes on as it came: what a decoder here would change in
        # numbers or repeated keys is the database's to judge.
        result = call(headers.get(prefix + "-tenant"), install, operation, text)
    except InputRefused as error:
        return invalid_input(str(error))
    except Exception as error:
        print(f"host_route: {operation}: {error}", file=sys.stderr, flush=True)
        return failure(500, "INTERNAL_ERROR", "The scheduler could not answer.")
    return status_of(operation, json.loads(result)), result


def status_of(operation, result):
    if not result["success"]:
        return result["httpStatus"]
    return 201 if operation == "create" else 200


class Database:
    """The statement, on a connection for each thread that serves requests."""

    # what the input function of jsonb refuses: syntax, escapes, depth; and
    # characters that the database's encoding lacks
    REFUSALS = {"22P02", "22P05", "54001", "22021"}

    def __init__(self, dsn):
        import psycopg2  # not needed by the tests, which bring a call of their own

        self._driver = psycopg2
        self._dsn = dsn
        self._local = threading.local()

    def call(self, tenant, install, operation, text):
        if "\0" in text or "\0" in operation:
            raise InputRefused("must not contain NUL")
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._driver.connect(self._dsn)
            connection.autocommit = True
            self._local.connection = connection
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT extsched_host(%s, %s::uuid, %s, %s::jsonb)::text",
                               (tenant, install, operation, text))
                return cursor.fetchone()[0]
        except self._driver.Error as error:
            if error.pgcode in self.REFUSALS:
                raise InputRefused(str(error).splitlines()[0]) from error
            raise

    def close(self):
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()


def make_server(call, token, prefix="x-alga", port=0, close=lambda: None):
    """An HTTP server of the route on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self):
            try:
                length = int(self.headers.get("content-length", ""))
            except ValueError:
                length = -1
            if not 0 <= length <= MAX_BODY:
                self.close_connection = True
                self.respond(*invalid_input(f"must be of at most {MAX_BODY} bytes"))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.respond(*answer(call, token, prefix, self.path, headers, self.rfile.read(length)))

        def respond(self, status, text):
            data = text.encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            if self.close_connection:
                self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def finish(self):
            super().finish()
            close()  # the thread ends with its connection

        def log_message(self, *_):
            """No line per request: the database counts and audits them."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def serve(server, port_file=None):
    """Tell the port, and serve until SIGTERM or SIGINT."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    port = server.server_address[1]
    if port_file:
        with open(port_file + ".tmp", "w") as file:
            file.write(f"{port}\n")
        os.rename(port_file + ".tmp", port_file)
    print(f"listening on {port}", flush=True)
    server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description="The internal route of the host API.")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--token-file", required=True, help="what Runners send as x-runner-auth")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--header-prefix", default="x-alga")
    options = parser.parse_args()
    with open(options.token_file) as file:
        token = file.read().strip()
    if not token:
        parser.error("the token is empty")
    database = Database(options.dsn)
    serve(make_server(database.call, token, options.header_prefix, options.port, database.close),
          options.port_file)


if __name__ == "__main__":
    main()
