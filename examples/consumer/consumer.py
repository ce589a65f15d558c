#!/usr/bin/python3
"""consumer.py: a Runner that pulls its work from extsched.

    consumer.py --dsn DSN --runner NAME [--listen-dsn DSN] [--slots N]
                [--lease S] [--poll S] COMMAND [ARGUMENT ...]

Executes COMMAND once for each run it claims: the request as JSON on standard
input, the idempotency key in the environment variable EXTSCHED_KEY, the
response as JSON on standard output.  Any number of consumers may do this on
any number of machines; each run goes to one of them.

Each call is a transaction of its own, so DSN may lead through a transaction
pooler.  NOTIFY needs a session: --listen-dsn leads to the server itself.
Without it work is found by polling alone, which also finds what a lost NOTIFY
announced.  SIGTERM and SIGINT end it when what it has in hand is done.
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

import psycopg2
from psycopg2 import sql


class Run:
    """A run in hand: our lease of it, and the child that executes it."""

    def __init__(self, run, lease, request, key, command):
        self.run, self.lease = run, lease
        self.output = tempfile.TemporaryFile()
        with tempfile.TemporaryFile() as request_file:
            request_file.write(request.encode())
            request_file.seek(0)
            self.child = subprocess.Popen(command, stdin=request_file, stdout=self.output,
                                          env={**os.environ, "EXTSCHED_KEY": key})

    def response(self):
        """The child's answer; one that is none is a failure that may pass."""
        if self.child.returncode != 0:
            return {"status": 500, "error": f"the command ended with status {self.child.returncode}"}
        self.output.seek(0)
        try:
            return json.load(self.output)
        except ValueError:
            return {"status": 500, "error": "the command's output is not JSON"}


def connect(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    return connection


def call(connection, statement, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


def complete(database, run, response):
    return call(database, "SELECT extsched_complete(%s, %s, %s)", run.run, run.lease, json.dumps(response))[0][0]


def complete_ended(database, runs):
    """Report what has ended; a stale lease means that another has the run."""
    for run in [run for run in runs if run.child.poll() is not None]:
        try:
            state = complete(database, run, run.response())
        except psycopg2.DataError as error:
            state = complete(database, run, {"status": 500, "error": f"the output is no jsonb: {error.pgerror}"})
        print(f"{run.run} {state}", flush=True)
        runs.remove(run)


def prolong(database, runs, lease_s):
    """Keep the leases; what is not ours any more is not worth finishing."""
    for run in runs:
        is_ours, = call(database, "SELECT extsched_heartbeat(%s, %s, %s)", run.run, run.lease, lease_s)[0]
        if not is_ours:
            run.child.kill()


def sleep(sleepers, wake_fd, timeout_s):
    """Until a NOTIFY, a child that ended or a signal wakes us, or it is time to poll."""
    if wake_fd in select.select(sleepers, [], [], timeout_s)[0]:
        os.read(wake_fd, 4096)


def serve(options, runs, wake_fd, is_ending):
    """Claim, prolong and complete until told to end, or until a connection breaks."""
    database = connect(options.dsn)
    sleepers = [wake_fd]
    if options.listen_dsn:
        listener = connect(options.listen_dsn)
        listener.cursor().execute(
            sql.SQL("LISTEN {}").format(sql.Identifier("extsched_" + options.runner)))
        sleepers.append(listener)
    next_heartbeat = 0
    while True:
        complete_ended(database, runs)
        if is_ending and not runs:
            return 0
        if time.monotonic() >= next_heartbeat:
            prolong(database, runs, options.lease)
            next_heartbeat = time.monotonic() + options.lease / 3
        if len(runs) < options.slots and not is_ending:
            for row in call(database, "SELECT run, lease, request::text, idempotency_key FROM extsched_claim(%s, %s, %s)",
                            options.runner, options.slots - len(runs), options.lease):
                runs.append(Run(*row, options.command))
        sleep(sleepers, wake_fd, min(options.poll, options.lease / 3))
        if options.listen_dsn:
            listener.poll()
            listener.notifies.clear()


def main():
    parser = argparse.ArgumentParser(description="A Runner that pulls its work from extsched.")
    parser.add_argument("--dsn", required=True, help="connection for claims; may be a transaction pooler")
    parser.add_argument("--listen-dsn", help="connection for LISTEN; without it work is found by polling")
    parser.add_argument("--runner", required=True, help="the name given to extsched_set_runner")
    parser.add_argument("--slots", type=int, default=4, help="runs at a time (4)")
    parser.add_argument("--lease", type=int, default=30, help="seconds after which a dead consumer's run is redelivered (30)")
    parser.add_argument("--poll", type=float, default=5, help="seconds between looks without a NOTIFY (5)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what executes a run")
    options = parser.parse_args()
    if not options.command:
        parser.error("a command is needed")

    wake_fd, signal_fd = os.pipe()
    os.set_blocking(signal_fd, False)
    signal.set_wakeup_fd(signal_fd, warn_on_full_buffer=False)
    is_ending = []
    for number in signal.SIGTERM, signal.SIGINT:
        signal.signal(number, lambda *_: is_ending.append(True))
    signal.signal(signal.SIGCHLD, lambda *_: None)

    runs = []
    while True:
        try:
            return serve(options, runs, wake_fd, is_ending)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            # Runs in hand go on; they are reported when the database is back.
            print(f"no connection: {error}", file=sys.stderr, flush=True)
            sleep([wake_fd], wake_fd, options.poll)
            if is_ending:
                return 1


if __name__ == "__main__":
    sys.exit(main())
