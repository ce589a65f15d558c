--
-- Internal functions that the SQL parts below share with the C code.
--

CREATE FUNCTION extsched.clock_now() RETURNS timestamptz
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_clock_now_sql';
REVOKE ALL ON FUNCTION extsched.clock_now() FROM PUBLIC;
COMMENT ON FUNCTION extsched.clock_now() IS
'The clock of the scheduler: the clock of the server plus extsched.clock_offset.';

CREATE FUNCTION extsched.wake_at_commit(due timestamptz DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'extsched_wake_at_commit_sql';
REVOKE ALL ON FUNCTION extsched.wake_at_commit(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.wake_at_commit(timestamptz) IS
'When this transaction commits, wakes the worker if it sleeps past due; null wakes it in any case.';

CREATE FUNCTION extsched.normalize_path(path text) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_normalize_path';
REVOKE ALL ON FUNCTION extsched.normalize_path(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.normalize_path(text) IS
'The stored form of a path: trimmed, one leading slash, no repeated slashes. Null when it can be no path: empty, over 2,048 bytes, with ? or #, a blank or a control character.';

CREATE FUNCTION extsched.known_capabilities() RETURNS text[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_known_capabilities';
REVOKE ALL ON FUNCTION extsched.known_capabilities() FROM PUBLIC;
COMMENT ON FUNCTION extsched.known_capabilities() IS
'The built-in capabilities, sorted; the table extsched.capability adds to them.';

CREATE FUNCTION extsched.effective_capabilities(declared text[], granted text[]) RETURNS text[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_effective_capabilities';
REVOKE ALL ON FUNCTION extsched.effective_capabilities(text[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION extsched.effective_capabilities(text[], text[]) IS
'The defaults plus what is both declared and granted; sorted, distinct.';

CREATE FUNCTION extsched.audit_write(tenant text, face text, action text, install uuid, schedule uuid,
                                     object_name text, before jsonb, after jsonb) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_audit_write_sql';
REVOKE ALL ON FUNCTION extsched.audit_write(text, text, text, uuid, uuid, text, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.audit_write(text, text, text, uuid, uuid, text, jsonb, jsonb) IS
'Adds an audit record in the transaction of the change. tenant is empty for what belongs to none; face is host, sql or worker.';

CREATE FUNCTION extsched.human_duration(duration interval) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN s.value < 0 THEN '-' ELSE '' END
           || CASE WHEN s.size = 0 THEN '0 s'
                   WHEN s.size < 0.9995 THEN greatest(round(s.size * 1000), 1) || ' ms'
                   WHEN s.size < 9.95 THEN round(s.size, 1) || ' s'
                   WHEN s.size < 60 THEN least(round(s.size), 59) || ' s'
                   WHEN s.size < 3600 THEN floor(s.size / 60) || ' min' || coalesce(' ' || nullif(floor(s.size % 60), 0) || ' s', '')
                   WHEN s.size < 86400 THEN floor(s.size / 3600) || ' h' || coalesce(' ' || nullif(floor(s.size % 3600 / 60), 0) || ' min', '')
                   ELSE floor(s.size / 86400) || ' d' || coalesce(' ' || nullif(floor(s.size % 86400 / 3600), 0) || ' h', '') END
      FROM (SELECT extract(epoch FROM duration), abs(extract(epoch FROM duration))) AS s (value, size)
$$;
REVOKE ALL ON FUNCTION extsched.human_duration(interval) FROM PUBLIC;
COMMENT ON FUNCTION extsched.human_duration(interval) IS
'A duration as people say it, in its two largest units: 340 ms, 1.2 s, 3 min 5 s, 2 h 10 min, 5 d.';
