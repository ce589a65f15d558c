"""Next times inside SQL statements."""

from server import Server

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "Asia/Kolkata",
         "America/Sao_Paulo", "Africa/Cairo", "Europe/London", "Asia/Kathmandu", "Pacific/Auckland",
         "America/Los_Angeles", "Asia/Shanghai", "Africa/Lagos", "Europe/Moscow", "America/Chicago",
         "Australia/Lord_Howe", "Pacific/Apia", "Europe/Dublin", "America/Havana"]


def next_times(count=1_000_000):
    """extsched_next and extsched_next_runs, results a second."""
    zones = "ARRAY['" + "','".join(ZONES) + "']"
    with Server() as server:
        one = server.timed(f"""SELECT count(extsched_next('*/15 9-17 * * 1-5', 'Europe/Berlin',
                                       '2026-01-01Z'::timestamptz + n * interval '61 min'))
                                 FROM generate_series(1, {count}) AS n""")
        mix = server.timed(f"""SELECT count(extsched_next('*/15 9-17 * * 1-5', ({zones})[1 + n % 20],
                                       '2026-01-01Z'::timestamptz + n * interval '61 min'))
                                 FROM generate_series(1, {count}) AS n""")
        runs = server.timed(f"""SELECT count(*) FROM generate_series(1, {count} / 10000) AS n,
                                  extsched_next_runs('*/15 9-17 * * 1-5', 'Europe/Berlin', 10000,
                                                     '2026-01-01Z'::timestamptz + n * interval '61 min')""")
        return {"next_per_s": count / one, "next_20_zones_per_s": count / mix, "next_runs_per_s": count / runs}
