"""A worker that is killed among its runs."""

import datetime
import os
import signal
import time

from due import create_due, edge_after
from server import Server, wait_until


def worker_in_mid_stream(count):
    """SIGKILL after three tenths of the requests; the server recovers, and
    every run ends."""
    with Server() as server:
        server.install_tenants(100)
        edge = edge_after(3 + count / 500)
        create_due(server, count, edge)
        server.runner.post("/reset")
        while datetime.datetime.now(datetime.timezone.utc) < edge:
            time.sleep(0.01)
        wait_until(lambda: server.runner.get("/count") >= count * 0.3, 60, "the first requests")
        worker = server.worker()
        os.kill(worker, signal.SIGKILL)
        time.sleep(0.2)
        before = server.runner.get("/count")
        wait_until(server.is_up, 60, "the server to recover")
        up_at = time.time()
        wait_until(lambda: server.runner.get("/count") > before, 60, "requests again")
        back = time.time() - up_at
        wait_until(lambda: server.is_up() and server.sql(
            "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'") == str(count), 120, "all outcomes")
        stats = server.runner.get("/stats")
        lost = count - stats["distinct_keys"]
        return {"lost": lost, "lost_percent": lost / count * 100, "sent_twice": stats["arrivals"] - stats["distinct_keys"],
                "back_s": back, "problems": int(server.sql("SELECT count(*) FROM extsched_check()"))}
