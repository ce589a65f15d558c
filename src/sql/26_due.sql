--
-- When a schedule is due: cron, zone and window together.
--

CREATE FUNCTION extsched.next_due(cron text, tz text, schedule uuid, starts_at timestamptz, ends_at timestamptz,
                                  after timestamptz) RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_next_due';
REVOKE ALL ON FUNCTION extsched.next_due(text, text, uuid, timestamptz, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.next_due(text, text, uuid, timestamptz, timestamptz, timestamptz) IS
'The first nominal time of a schedule strictly after an instant and within its window; null when there is none. Fails with 22023 when the expression or the zone cannot be used.';
