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
