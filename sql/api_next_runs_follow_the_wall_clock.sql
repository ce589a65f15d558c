-- The next nominal times are those strictly after an instant, as the wall clock
-- of the zone shows them.
\pset format unaligned
SET timezone = 'UTC';
SELECT * FROM extsched_next_runs('0 9 * * *', 'UTC', 3, '2026-01-01 09:00Z');
SELECT * FROM extsched_next_runs('0 9 * * *', 'UTC', 1, '2026-01-01 08:59:59.999999Z');
-- A clock that is set forward or back: what falls into the gap, what is twice.
SELECT * FROM extsched_next_runs('30 2 * * *', 'Europe/Berlin', 3, '2026-03-28 00:00Z');
SELECT * FROM extsched_next_runs('30 2 * * *', 'Europe/Berlin', 3, '2026-10-24 00:00Z');
SELECT * FROM extsched_next_runs('0,30 * * * *', 'Europe/Berlin', 5, '2026-10-24 23:30Z');
SELECT * FROM extsched_next_runs('0 0 29 2 *', 'Asia/Kathmandu', 2, '2026-01-01Z');
-- The hash key decides an H, and the same key always alike.
SELECT extsched_next('H H * * *', 'UTC', '2026-01-01Z', 'a') = extsched_next('H H * * *', 'UTC', '2026-01-01Z', 'a') AS same, extsched_next('H H * * *', 'UTC', '2026-01-01Z', 'a') <> extsched_next('H H * * *', 'UTC', '2026-01-01Z', 'b') AS differ;
-- extsched_next is the first of them; by default both begin now, by the clock of
-- the scheduler.
SELECT extsched_next('*/5 * * * *', 'UTC', '2026-01-01Z') = (SELECT nominal FROM extsched_next_runs('*/5 * * * *', 'UTC', 1, '2026-01-01Z')) AS same;
SET extsched.clock_offset = 86400000;
SELECT min(nominal) > now() + interval '999 days' AS travelled, count(*) FROM extsched_next_runs('0 0 * * *');
RESET extsched.clock_offset;
-- A schedule is due at the first of them, and extsched_validate shows them.
SELECT regress.set_up('next', 77);
SELECT extsched_create('next', regress.id(1), 'GET /a', '7 3 * * *', 'America/New_York', 'n') IS NOT NULL AS created;
SELECT m.next_due = (SELECT min(nominal) FROM extsched_next_runs('7 3 * * *', 'America/New_York')) AS due_first FROM extsched.timer AS m WHERE tenant_id = 'next';
SELECT ARRAY(SELECT (jsonb_array_elements_text(v -> 'nextRuns'))::timestamptz) = ARRAY(SELECT nominal FROM extsched_next_runs('7 3 * * *', 'America/New_York', 5)) AS validate_shows_them
  FROM extsched_validate('next', regress.id(1), '{"endpoint": "GET /a", "cron": "7 3 * * *", "timezone": "america/new_york"}') AS v;
-- Validating stores and charges nothing.
SELECT called_at, calls FROM extsched.install_limiter WHERE tenant_id = 'next';
-- Refusals.
SELECT * FROM regress.outcome($$SELECT extsched_next_runs('61 * * * *')$$);
SELECT * FROM regress.outcome($$SELECT extsched_next('0 0 * * *', 'Mars/Olympus', now())$$);
SELECT regress.error(format('SELECT count(*) FROM extsched_next_runs(%L, %L, %L, %L)', cron, tz, n, after))
  FROM (VALUES ('0 0 * * *', 'UTC', 0, '2026-01-01'), ('0 0 * * *', 'UTC', -1, '2026-01-01'), ('0 0 31 2 *', 'UTC', 1, '2026-01-01'), ('0 0 * * *', 'UTC', 1, 'infinity'), ('0 0 * * *', 'UTC', 1000000000, '2026-01-01')) AS c (cron, tz, n, after);
SELECT extsched_drop_tenant('next');
SELECT extsched_drop_version(regress.id(77));
