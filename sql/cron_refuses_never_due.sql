SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- Rule: an expression that no day of the calendar matches is refused, whatever
-- hides it.
SELECT e.cron, o.outcome, o.detail
  FROM unnest(ARRAY['0 0 30 2 *', '0 0 31 4,6 *', '0 0 31 2,4,6,9,11 *', '0 0 30W 2 *', '0 0 L-30 4 *',
                    '0 0 */31 * 5L', '0 0 LW * */6', '0 0 31 H *']) WITH ORDINALITY AS e(cron, n),
       regress.outcome(format('SELECT extsched_next(%L, %L, %L, %L)', cron, 'UTC', '2026-01-01Z', 'key')) AS o
 ORDER BY n;

-- Rule: a rare day is a day.  Times in UTC.
SELECT nominal FROM extsched_next_runs('0 0 29 2 *', 'UTC', 4, '2091-01-01Z');
SELECT nominal FROM extsched_next_runs('0 0 29 2 */7', 'UTC', 3, '2060-01-01Z');
SELECT extsched_next('0 0 L 2 *', 'UTC', '2027-03-01Z'), extsched_next('0 0 29W 2 *', 'UTC', '2026-03-01Z');

-- Rule: times that only a gap of the zone swallows are no error, but no time.
SELECT extsched_next('*/15 2 * 3 0#2', 'America/New_York', '2026-01-01Z') IS NULL AS has_none;
SELECT count(*) FROM extsched_next_runs('*/15 2 * 3 0#2', 'America/New_York', 5, '2026-01-01Z');
