SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- Rule: an IANA name is found in any letter case, aliases too.
SELECT tz, extsched_next('0 12 * * *', tz, '2026-01-15Z')
  FROM unnest(ARRAY['UTC', 'utc', 'europe/BERLIN', 'America/Argentina/Buenos_Aires', 'asia/calcutta', 'Etc/GMT+5',
                    'GMT+0', 'EST5EDT', 'Pacific/Chatham']) AS tz;

-- Rule: everything else is refused: unknown names, offsets, POSIX strings, files
-- that are no zones of their own, and ways out of the folder.
SELECT e.tz, o.outcome, o.message, o.detail
  FROM unnest(ARRAY['', 'Mars/Olympus', '+05:00', 'UTC+3', 'FOO+3', 'CET-1CEST,M3.5.0,M10.5.0/3', 'posix/Europe/Berlin',
                    'right/UTC', 'POSIX/UTC', 'posixrules', 'localtime', 'Factory', 'zone.tab', 'tzdata.zi', 'Europe',
                    'Europe/', '/Europe/Berlin', 'Europe//Berlin', '../zoneinfo/UTC', 'Europe/./Berlin', 'UTC ',
                    'Europe/Berlin/x', repeat('a', 70), 'Zürich']) WITH ORDINALITY AS e(tz, n),
       regress.outcome(format('SELECT extsched_next(%L, %L, %L)', '0 12 * * *', tz, '2026-01-15Z')) AS o
 ORDER BY n;

-- Rule: the error has a hint.
SELECT o.hint FROM regress.outcome($$SELECT * FROM extsched_next_runs('0 12 * * *', 'Mars/Olympus')$$) AS o;

-- Rule: each name that the server offers is a zone here, too.
WITH names AS MATERIALIZED (
    SELECT name FROM pg_timezone_names
     WHERE name !~ '^(posix|right)/' AND name NOT IN ('posixrules', 'localtime', 'Factory'))
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE extsched_next('0 12 * * *', name, '2026-01-15Z') IS NULL) AS refused
  FROM names;

-- Rule: and agrees with the server about each hour of a year.
SELECT count(*) AS differ
  FROM unnest(ARRAY['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca',
                    'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia', 'Europe/Dublin']) AS tz,
       extsched_next_runs('0 * * * *', tz, 10000, '2025-01-01Z') AS r
 WHERE r.nominal AT TIME ZONE tz <> r.local_time;

-- Rule: a folder without zones, or none at all, is an error of the call.
SET extsched.timezone_directory = '/nonexistent';
SELECT o.outcome, o.message, o.detail FROM regress.outcome($$SELECT extsched_next('0 12 * * *', 'UTC', '2026-01-15Z')$$) AS o;
RESET extsched.timezone_directory;
SELECT extsched_next('0 12 * * *', 'UTC', '2026-01-15Z');
