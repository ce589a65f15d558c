--
-- The cron language.  The contract is docs/semantics.md.
--

CREATE FUNCTION @extschema@.extsched_next(cron text, tz text, after timestamptz,
										  hash_key text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_next';
REVOKE ALL ON FUNCTION @extschema@.extsched_next(text, text, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_next(text, text, timestamptz, text) IS
'The first nominal time of a cron expression strictly after an instant; null when an argument other than hash_key is null, or when all times of the next 41 years fall into gaps of the zone. hash_key (the id of the schedule) is needed for H. Fails with 22023 for an expression or zone that cannot be stored, and with 22008 outside the years 1 to 9999.';

CREATE FUNCTION @extschema@.extsched_next_runs(cron text, tz text DEFAULT 'UTC',
											   n integer DEFAULT 5,
											   after timestamptz DEFAULT now(),
											   hash_key text DEFAULT NULL)
RETURNS TABLE (nominal timestamptz, local_time timestamp, note text)
LANGUAGE C STABLE PARALLEL SAFE
ROWS 5
AS 'MODULE_PATHNAME', 'extsched_next_runs';
REVOKE ALL ON FUNCTION @extschema@.extsched_next_runs(text, text, integer, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_next_runs(text, text, integer, timestamptz, text) IS
'The first n (0 to 10000) nominal times of a cron expression strictly after an instant, with the local time at that instant; note says "gap" when the time stands for local times that do not exist, "fold" when its local time occurs twice. An "after" equal to now() means the clock of the scheduler (extsched.clock_offset). Fails with 22023 for an expression or zone that cannot be stored or another n, with 22004 for null, and with 22008 outside the years 1 to 9999.';

CREATE FUNCTION @extschema@.extsched_explain(cron text, tz text DEFAULT 'UTC',
											 after timestamptz DEFAULT now(),
											 hash_key text DEFAULT NULL)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_explain';
REVOKE ALL ON FUNCTION @extschema@.extsched_explain(text, text, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_explain(text, text, timestamptz, text) IS
'A cron expression in words, with its next times, and a line for each thing to beware of: that it is never due or refused by a create for another reason, the next clock changes that touch it, and a minute at which many schedules are due. Null when an argument other than hash_key is null. Fails with 22023 for an expression that cannot be read or another zone, and with 22008 outside the years 1 to 9999.';

CREATE FUNCTION @extschema@.extsched_min_gap(cron text)
RETURNS interval
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_min_gap';
REVOKE ALL ON FUNCTION @extschema@.extsched_min_gap(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_min_gap(text) IS
'The smallest distance of two consecutive nominal times of a cron expression on a wall clock without changes; for H the smallest of all its values. Fails with 22023 for an expression that cannot be stored.';
