-- The id of a run, its idempotency key, is derived from tenant, schedule,
-- nominal time and trigger: the same on every node and after every restart.
SELECT extsched.run_id('acme', '00000000-0000-4000-8000-000000000001', '2026-01-02 03:04:00+00', 'schedule');
SET timezone = 'Asia/Kolkata';
SELECT extsched.run_id('acme', '00000000-0000-4000-8000-000000000001', '2026-01-02 08:34:00', 'schedule');
RESET timezone;

-- Each of the four counts; it is a uuid of version 8, whose end says where the
-- run is stored.
SELECT count(DISTINCT id) AS different, bool_and(id::text ~ '^.{14}8.{4}[89ab]') AS version_8, bool_and(extsched.run_id_slot(id) = extsched.run_slot(at)) AS says_its_slot
  FROM (SELECT extsched.run_id(tenant, schedule, at, trigger) AS id, at
          FROM unnest(ARRAY['acme', 'acme2']) AS tenant, unnest(ARRAY[regress.id(1), regress.id(2)]) AS schedule,
               generate_series('2026-01-01 00:00+00'::timestamptz, '2026-02-05 00:00+00', '12 hours') AS at, unnest(ARRAY['schedule', 'manual', 'backfill']) AS trigger) AS r;
SELECT 2 * 2 * count(*) * 3 AS wanted FROM generate_series('2026-01-01 00:00+00'::timestamptz, '2026-02-05 00:00+00', '12 hours');

-- Runs of a minute lie together: before the hash, an id has the minute of its
-- UTC day. Both that and the partition are rounded down, also before 1970.
WITH instants AS (
    SELECT at, floor(extract(epoch FROM at) / 60)::bigint AS minute
      FROM unnest(ARRAY['2026-01-01 00:00+00', '2026-01-01 00:00:59.999999+00', '2026-01-01 00:01+00', '2026-06-30 23:59:59.999999+00',
                        '1999-12-31 23:59:30+00', '1969-12-31 23:59:59.999999+00', '1950-03-04 05:06:07+00']::timestamptz[]) AS at),
ids AS (
    SELECT at, minute, extsched.run_id('acme', regress.id(n), at, 'schedule') AS id FROM instants, generate_series(1, 50) AS n)
SELECT at AT TIME ZONE 'UTC' AS instant, count(DISTINCT id) AS different,
       bool_and(('x' || left(id::text, 4))::bit(16) >> 5 = ((minute % 1440 + 1440) % 1440)::int::bit(16)) AS begins_with_the_minute,
       bool_and(extsched.run_slot(at) = ((floor(minute / 1440.0) % 32 + 32) % 32)) AS slot_is_the_day
  FROM ids GROUP BY at ORDER BY at;
