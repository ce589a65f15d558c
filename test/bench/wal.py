"""WAL of a run where nothing fits together: few of many schedules run between
two checkpoints, so that each run changes pages that are then written whole."""

import datetime
import time

from growth import add_sleeping, install_template, put_to_sleep, worker_us_per_run
from server import Server, wait_until

SETTINGS = {"fsync": "off", "autovacuum": "off", "shared_buffers": "'6GB'", "max_wal_size": "'64GB'", "checkpoint_timeout": "'1h'"}


def add_history(server, day, each):
    """Runs of that day's first half, so many of each schedule that sleeps."""
    server.sql(f"""
        SET session_replication_role = replica;
        SET synchronous_commit = off;
        INSERT INTO extsched.run
        SELECT r.* FROM (SELECT run FROM extsched.run WHERE state = 'succeeded' LIMIT 1) AS t (run),
               extsched.timer AS m, generate_series(1, {each}) AS n,
               LATERAL (SELECT '{day}'::timestamptz + (hashtext(m.schedule_id::text || n) & 32767) % 720 * interval '1 minute'
                               + n * interval '1 second') AS d (nominal),
               jsonb_populate_record(t.run, jsonb_build_object(
                   'tenant_id', m.tenant_id, 'schedule_id', m.schedule_id, 'nominal_time', d.nominal,
                   'slot', extsched.run_slot(d.nominal), 'run_id', extsched.run_id(m.tenant_id, m.schedule_id, d.nominal, 'schedule'))) AS r
         WHERE m.tenant_id <> 'template';
        VACUUM ANALYZE extsched.run""")


def run_after_checkpoint(server, due, seed, runs):
    """Bytes of WAL and whole pages in it, for each run of some schedules by chance."""
    server.sql("CHECKPOINT")
    server.travel_to(due - datetime.timedelta(seconds=30))
    server.sql(f"""
        UPDATE extsched.timer SET next_due = '{due}', accounted_from = '{due}'
         WHERE schedule_id IN (SELECT schedule_id FROM extsched.timer WHERE tenant_id <> 'template'
                                ORDER BY md5(schedule_id || '{seed}') LIMIT {runs});
        VACUUM extsched.timer;
        CHECKPOINT""")

    def wal():
        return [int(n) for n in server.sql("SELECT pg_current_wal_insert_lsn() - '0/0', wal_fpi FROM pg_stat_wal").split("|")]

    before = wal()
    if server.sql(f"SELECT count(*) FROM extsched.run WHERE nominal_time = '{due}'") != "0":
        raise RuntimeError("the checkpoint took longer than there was time before the runs")
    server.travel_to(due)
    wait_until(lambda: int(server.sql(f"SELECT count(*) FROM extsched.run WHERE nominal_time = '{due}' AND state = 'succeeded'")) >= runs,
               60, "all outcomes")
    time.sleep(1.5)  # what a process counts is seen a second later
    after = wal()
    put_to_sleep(server)
    return [(b - a) / runs for a, b in zip(before, after)]


def after_checkpoint(schedules=300_000, runs=18_000, each=9):
    """With whole pages as they are, and compressed.

    The default is the day of docs/scaling.md at noon, a third as large: 201 runs
    a second for five minutes among a million schedules, with the history of
    half a day.
    """
    with Server(SETTINGS) as server:
        install_template(server)
        add_sleeping(server, 1, schedules)
        worker_us_per_run(server, 1)  # the one that the history is copied from
        tomorrow = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=1)
        add_history(server, tomorrow, each)
        noon = tomorrow + datetime.timedelta(hours=12, minutes=5)
        bytes_each, pages_each = run_after_checkpoint(server, noon, "plain", runs)
        server.sql("ALTER SYSTEM SET wal_compression = 'lz4'")
        compressed, _ = run_after_checkpoint(server, noon + datetime.timedelta(minutes=5), "compressed", runs)
        return {"bytes_per_run": bytes_each, "page_images_per_run": pages_each, "bytes_per_run_compressed": compressed}
