"""Every benchmark, its figures and their targets.

A target may only get stricter.
"""

import functools
import typing

import api
import backlog
import claim
import due
import fairness
import growth
import idle
import killed
import limit
import peers
import times
import wal
import workers


class Bench(typing.NamedTuple):
    measure: typing.Callable  # returns the figures by name
    figures: list  # of (figure, unit, "<" or ">" or "=" or None, target)
    is_own: bool = True  # of extsched: measured when nothing is named
    is_long: bool = False  # run once


def bench(function, *arguments, figures, **flags):
    return Bench(functools.partial(function, *arguments), figures, **flags)


BENCHMARKS = {
    "due 1,000": bench(due.at_one_edge, 1_000, figures=[
        ("p99_ms", "ms", "<", 250), ("last_ms", "ms", "<", 250), ("duplicates", "", "=", 0),
        ("problems", "", "=", 0), ("runs_per_s", "/s", None, None)]),
    "due 10,000": bench(due.at_one_edge, 10_000, figures=[
        ("p99_ms", "ms", "<", 2000), ("last_ms", "ms", "<", 2000), ("duplicates", "", "=", 0),
        ("problems", "", "=", 0), ("runs_per_s", "/s", None, None), ("wal_bytes_per_run", "B", "<", 2200),
        ("transactions_per_run", "", "<", 0.02), ("buffers_dirtied_per_run", "", "<", 0.25),
        ("history_bytes_per_run", "B", "<", 1200)]),
    "killed": bench(killed.worker_in_mid_stream, 10_000, figures=[
        ("lost", "", "=", 0), ("sent_twice", "", "<", 257), ("back_s", "s", "<", 2), ("problems", "", "=", 0)]),
    "black hole": bench(fairness.black_hole, figures=[
        ("p99_alone_ms", "ms", None, None), ("p99_beside_ms", "ms", None, None), ("p99_later_ms", "ms", None, None),
        ("moved_ms", "ms", "<", 200), ("snapshot_age_s", "s", "<", 1), ("memory_mb", "MB", "<", 64),
        ("problems", "", "=", 0)], is_long=True),
    "flood": bench(fairness.flood, figures=[
        ("alone_ms", "ms", None, None), ("beside_ms", "ms", None, None), ("later_ms", "ms", None, None),
        ("delayed_ms", "ms", "<", 300), ("on_request_delayed_ms", "ms", "<", 300), ("snapshot_age_s", "s", "<", 1),
        ("memory_mb", "MB", "<", 64), ("problems", "", "=", 0)], is_long=True),
    "workers": bench(workers.speedup, figures=[
        ("runs_per_s_with_1", "/s", None, None), ("runs_per_s_with_2", "/s", None, None),
        ("runs_per_s_with_4", "/s", None, None), ("ratio_2", "", ">", 1.2), ("ratio_4", "", None, None),
        ("cpu_us_with_1", "us", None, None), ("cpu_us_with_2", "us", None, None), ("cpu_us_with_4", "us", None, None),
        ("duplicates", "", "=", 0), ("problems", "", "=", 0)], is_long=True),
    "queue": bench(backlog.queue, figures=[("per_s", "/s", ">", 5_000)]),
    "queue 50 ms": bench(backlog.queue_50_ms, figures=[
        ("per_s_64", "/s", ">", 1_100), ("per_s_128", "/s", ">", 2_100), ("per_s_256", "/s", ">", 3_500),
        ("per_s_512", "/s", ">", 7_500)]),
    "queue hanging": bench(backlog.hanging, figures=[
        ("per_s", "/s", None, None), ("share", "", ">", 0.9), ("share_evenly", "", ">", 0.9)]),
    "full Runner": bench(backlog.full_runner, figures=[
        ("per_s", "/s", None, None), ("share", "", ">", 0.5), ("cpu_us", "us", None, None)]),
    "idle 100,000": bench(idle.idle, 100_000, figures=[
        ("cpu_s_per_minute", "s", "<", 0.02), ("cpu_s_first_minute", "s", None, None), ("transactions", "", "<", 4)], is_long=True),
    "edit 100,000": bench(idle.edits, 100_000, figures=[("worker_ms_per_edit", "ms", "<", 1)]),
    "create": bench(api.creates, figures=[
        ("sql_1_connection", "/s", ">", 2500), ("sql_8_connections", "/s", None, None),
        ("host_1_connection", "/s", ">", 2500), ("host_4_connections", "/s", ">", 5000),
        ("host_8_connections", "/s", None, None), ("list_of_50_ms", "ms", "<", 1)]),
    "growth of create": bench(growth.creates, figures=[
        ("huge_pages", "", None, None), ("create_us_at_1000", "us", None, None),
        ("create_us_at_10000", "us", None, None), ("create_us_at_100000", "us", None, None),
        ("create_us_at_1000000", "us", None, None), ("create_ratio", "", "<", 1.3),
        ("spread_us_at_1000000", "us", None, None), ("spread_ratio", "", None, None)], is_long=True),
    "growth of work": bench(growth.work, figures=[
        ("run_ratio", "", "<", 1.3), ("list_ratio", "", "<", 1.3), ("idle_cpu_s_per_minute_at_1000000", "s", "<", 0.02),
        ("tick_ratio", "", "<", 1.3), ("worker_mb_growth", "MB", "<", 1), ("bytes_per_schedule", "B", None, None)], is_long=True),
    "wal": bench(wal.after_checkpoint, figures=[
        ("bytes_per_run", "B", "<", 10_000), ("page_images_per_run", "", "<", 1.5),
        ("bytes_per_run_compressed", "B", "<", 5_200)], is_long=True),
    "claim": bench(claim.claims, figures=[("rows_per_s", "/s", ">", 12_000), ("pulled_per_s", "/s", ">", 6_000)]),
    "times": bench(times.next_times, figures=[
        ("next_per_s", "/s", ">", 300_000), ("next_20_zones_per_s", "/s", ">", 500_000),
        ("next_runs_per_s", "/s", ">", 300_000)]),
    "limit http": bench(limit.http, figures=[
        ("multi_64_per_s", "/s", None, None), ("multi_64_cpu_us", "us", None, None), ("wrk_64_per_s", "/s", None, None),
        *((f"multi_{connections}_50ms_per_s", "/s", None, None) for connections in backlog.CONNECTIONS)],
        is_own=False),
    "limit claim": bench(limit.claim, figures=[("rows_per_s", "/s", None, None)], is_own=False),
    "limit create": bench(limit.create, figures=[
        ("connections_1", "/s", None, None), ("connections_8", "/s", None, None)], is_own=False),
    "pg_cron due 1,000": bench(peers.cron_due, 1_000, figures=[("last_ms", "ms", None, None)], is_own=False),
    "pg_cron due 10,000": bench(peers.cron_due, 10_000, figures=[("last_ms", "ms", None, None)], is_own=False, is_long=True),
    "pg_cron killed": bench(peers.cron_killed, 500, figures=[("lost", "", None, None)], is_own=False),
    "pg_cron idle": bench(peers.cron_idle, 100_000, figures=[
        ("cpu_s_per_minute", "s", None, None), ("ms_per_edit", "ms", None, None)], is_own=False, is_long=True),
    "pg_cron create": bench(peers.cron_create, figures=[
        ("connections_1", "/s", None, None), ("connections_8", "/s", None, None)], is_own=False),
    **{f"{title} {name}": bench(function, program, *arguments, figures=figures, is_own=False, is_long=is_long)
       for title, program in (("pg-boss", "boss"), ("graphile-worker", "graphile"))
       for name, function, arguments, is_long, figures in (
           ("due 1,000", peers.program_due, (1_000,), False, [("last_ms", "ms", None, None)]),
           ("queue", peers.queue, ("at once",), False, [("per_s", "/s", None, None)]),
           ("queue 50 ms", peers.queue, ("50 ms",), False, [("per_s", "/s", None, None)]),
           ("queue hanging", peers.queue, ("5 % hang",), False, [("per_s", "/s", None, None)]),
           ("killed", peers.killed, (10_000,), False, [("unsent", "", None, None)]),
           ("idle", peers.program_idle, (100_000,), True, [("cpu_s_per_minute", "s", None, None)]),
           ("create", peers.program_create, (), False, [
               ("connections_1", "/s", None, None), ("connections_8", "/s", None, None)]))},
}
