SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- Rule: both day fields restricted is refused, with a hint.
SELECT o.* FROM regress.outcome($$SELECT extsched_next('0 0 13 * 5', 'UTC', '2026-01-01Z')$$) AS o;
SELECT o.* FROM regress.outcome($$SELECT extsched_next('0 0 1-31 * 0-6', 'UTC', '2026-01-01Z')$$) AS o;

-- Rule: with allow_day_or, either day fires.
SET extsched.allow_day_or = on;
SELECT nominal FROM extsched_next_runs('0 0 13 * 5', 'UTC', 5, '2026-11-06Z');

-- Rule: a field that begins with a star is no restriction, with the setting and
-- without; then both must match.
SELECT nominal FROM extsched_next_runs('0 0 */2 * 1', 'UTC', 3, '2026-11-01Z');
SET extsched.allow_day_or = off;
SELECT nominal FROM extsched_next_runs('0 0 */2 * 1', 'UTC', 3, '2026-11-01Z');

-- Rule: what a statement has parsed does not outlive a change of the setting.
CREATE FUNCTION pg_temp.next_of_both() RETURNS text LANGUAGE plpgsql
AS $$
BEGIN
    RETURN extsched_next('0 0 13 * 5', 'UTC', '2026-11-06Z');
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN 'refused';
END
$$;
SET extsched.allow_day_or = on;
SELECT pg_temp.next_of_both();
SET extsched.allow_day_or = off;
SELECT pg_temp.next_of_both();
