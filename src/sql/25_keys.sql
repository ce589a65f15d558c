--
-- Keys that are computed, not drawn: the same on every node and after every
-- restart.  CHECK constraints use them, so they stand before the tables.
--

CREATE FUNCTION extsched.run_slot(nominal_time timestamptz) RETURNS smallint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_run_slot_sql';
REVOKE ALL ON FUNCTION extsched.run_slot(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.run_slot(timestamptz) IS
'The history partition of a nominal time: its UTC day since 1970 modulo 32.';

CREATE FUNCTION extsched.audit_slot(at timestamptz) RETURNS smallint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_audit_slot_sql';
REVOKE ALL ON FUNCTION extsched.audit_slot(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.audit_slot(timestamptz) IS
'The audit partition of an instant: its UTC week since 1970 modulo 32.';

CREATE FUNCTION extsched.run_id(tenant text, schedule uuid, nominal_time timestamptz, trigger text) RETURNS uuid
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_run_id_sql';
REVOKE ALL ON FUNCTION extsched.run_id(text, uuid, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.run_id(text, uuid, timestamptz, text) IS
'The id of a run, and its idempotency key: a version 8 uuid hashed from tenant, schedule, nominal time and trigger; its first eleven bits are the minute of the UTC day, its last five the history partition.';

CREATE FUNCTION extsched.run_id_slot(run uuid) RETURNS smallint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_run_id_slot_sql';
REVOKE ALL ON FUNCTION extsched.run_id_slot(uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.run_id_slot(uuid) IS
'The history partition that holds the run of this id, read off the id.';

CREATE FUNCTION extsched.acting_role() RETURNS name
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'extsched_acting_role';
REVOKE ALL ON FUNCTION extsched.acting_role() FROM PUBLIC;
COMMENT ON FUNCTION extsched.acting_role() IS
'The role that called in: the one of SET ROLE or the session, whatever SECURITY DEFINER functions stand between.';
