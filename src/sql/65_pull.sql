--
-- Runners that pull.
--

CREATE FUNCTION @extschema@.extsched_claim(runner text, max_runs integer DEFAULT 10, lease_s integer DEFAULT 60)
RETURNS TABLE (run uuid, lease uuid, request jsonb, idempotency_key text, deadline timestamptz)
LANGUAGE C VOLATILE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_claim';
REVOKE ALL ON FUNCTION @extschema@.extsched_claim(text, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_claim(text, integer, integer) IS
'Takes up to max_runs runs of a Runner with the transport notify, oldest first and in turn between tenants, within all caps, and leases them for lease_s seconds. NOTIFY extsched_<runner> only wakes: what was missed is found by claiming. Fails with 42501 without a grant for that Runner, 42704 if it does not exist, 55000 if its transport is http, 22023 on a number out of range.';

CREATE FUNCTION @extschema@.extsched_heartbeat(run uuid, lease uuid, lease_s integer DEFAULT 60) RETURNS boolean
LANGUAGE C VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_heartbeat';
REVOKE ALL ON FUNCTION @extschema@.extsched_heartbeat(uuid, uuid, integer) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_heartbeat(uuid, uuid, integer) IS
'Extends a lease to lease_s seconds from now. False means that the lease is gone, and that the Runner should stop: another one may have the run. Fails with 22023 on a number out of range.';

CREATE FUNCTION @extschema@.extsched_complete(run uuid, lease uuid, response jsonb) RETURNS text
LANGUAGE C VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_complete';
REVOKE ALL ON FUNCTION @extschema@.extsched_complete(uuid, uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_complete(uuid, uuid, jsonb) IS
'Reports the response to a request, {"status", "headers", "body_b64", "error"}, judged as the body of a reply over HTTP. Returns the state of the run after it, or stale when the lease is not the one the run has now: then nothing is changed. Fails with 22004 if response is null.';
