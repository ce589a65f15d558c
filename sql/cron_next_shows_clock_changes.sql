SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- The whole table of clock changes is test/cron/golden.txt.

-- Rule: a fixed-time schedule fires once after a gap.
SELECT * FROM extsched_next_runs('30 2 * * *', 'Europe/Berlin', 3, '2024-03-30Z');
SELECT * FROM extsched_next_runs('0,30 2,3 * * *', 'Europe/Berlin', 4, '2024-03-30 12:00Z');

-- Rule: another schedule has no time in the gap.
SELECT * FROM extsched_next_runs('*/30 * * * *', 'Europe/Berlin', 4, '2024-03-31 00:00Z');

-- Rule: in a fold a fixed-time schedule fires at the first of both.
SELECT * FROM extsched_next_runs('30 2 * * *', 'Europe/Berlin', 3, '2024-10-26Z');

-- Rule: another schedule fires in both.
SELECT * FROM extsched_next_runs('*/30 * * * *', 'Europe/Berlin', 7, '2024-10-26 23:30Z');

-- Rule: a skipped day is a long gap.
SELECT * FROM extsched_next_runs('0 9,17 30 12 *', 'Pacific/Apia', 3, '2011-12-29Z');

-- Rule: times are strictly after the instant, whatever its fraction of a second.
SELECT extsched_next('0 * * * *', 'UTC', '2026-01-01 00:00:00Z'),
       extsched_next('0 * * * *', 'UTC', '2025-12-31 23:59:59.999999Z'),
       extsched_next('* * * * *', 'UTC', '1999-12-31 23:58:59.5Z');

-- Rule: next and next_runs say the same, by either of the ways they are called.
WITH RECURSIVE step AS (
    SELECT extsched_next('*/20 1-3 * * *', 'Australia/Lord_Howe', '2024-04-06 13:00Z') AS nominal, 1 AS n
    UNION ALL
    SELECT extsched_next('*/20 1-3 * * *', 'Australia/Lord_Howe', nominal), n + 1 FROM step WHERE n < 50)
SELECT count(*), count(*) FILTER (WHERE r.note = 'fold') AS folds
  FROM step JOIN extsched_next_runs('*/20 1-3 * * *', 'Australia/Lord_Howe', 50, '2024-04-06 13:00Z') AS r
       USING (nominal);

-- Rule: null gives null, or an error where a row is asked for.
SELECT extsched_next(NULL, 'UTC', now()) IS NULL AND extsched_next('* * * * *', NULL, now()) IS NULL AND
       extsched_next('* * * * *', 'UTC', NULL) IS NULL AS is_null;
SELECT regress.error($$SELECT * FROM extsched_next_runs(NULL)$$);
SELECT regress.error($$SELECT * FROM extsched_next_runs('* * * * *', NULL)$$);
SELECT regress.error($$SELECT * FROM extsched_next_runs('* * * * *', 'UTC', NULL)$$);
SELECT regress.error($$SELECT * FROM extsched_next_runs('* * * * *', 'UTC', 1, NULL)$$);

-- Rule: the number of rows is 0 to 10,000.
SELECT count(*) FROM extsched_next_runs('* * * * *', 'UTC', 0, '2026-01-01Z');
SELECT count(*) FROM extsched_next_runs('* * * * *', 'UTC', 10000, '2026-01-01Z');
SELECT o.* FROM regress.outcome($$SELECT * FROM extsched_next_runs('* * * * *', 'UTC', 10001)$$) AS o;
SELECT o.* FROM regress.outcome($$SELECT * FROM extsched_next_runs('* * * * *', 'UTC', -1)$$) AS o;

-- Rule: the calendar covers the years 1 to 9999.
SELECT o.* FROM regress.outcome($$SELECT extsched_next('* * * * *', 'UTC', 'infinity')$$) AS o;
SELECT o.* FROM regress.outcome($$SELECT extsched_next('* * * * *', 'UTC', '20000-01-01Z')$$) AS o;
SELECT o.* FROM regress.outcome($$SELECT extsched_next('* * * * *', 'UTC', '0002-01-01Z BC')$$) AS o;
SELECT extsched_next('0 0 1 1 *', 'UTC', '0001-06-01Z');

-- Rule: the default instant is the clock of the scheduler.
SELECT nominal > now() AND nominal <= now() + interval '1 minute' AS is_now FROM extsched_next_runs('* * * * *', n => 1);
SET extsched.clock_offset = '30d';
SELECT nominal > now() + interval '30 days' AND nominal <= now() + interval '30 days 1 minute' AS is_shifted
  FROM extsched_next_runs('* * * * *', n => 1);
SELECT extsched_next('* * * * *', 'UTC', '2026-01-01Z') AS not_shifted;
