--
-- What this database is, and whether its schedules are its own.
--

CREATE FUNCTION extsched.system_identifier() RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_system_identifier';
REVOKE ALL ON FUNCTION extsched.system_identifier() FROM PUBLIC;
COMMENT ON FUNCTION extsched.system_identifier() IS
'System identifier of this cluster, decimal.';

CREATE FUNCTION extsched.ensure_identity() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_ensure_identity';
REVOKE ALL ON FUNCTION extsched.ensure_identity() FROM PUBLIC;
COMMENT ON FUNCTION extsched.ensure_identity() IS
'Writes the identity row if there is none. Called by the first writes of the API, never by a worker, which would race with a restore.';

CREATE FUNCTION extsched.identity_state() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_identity_state';
REVOKE ALL ON FUNCTION extsched.identity_state() FROM PUBLIC;
COMMENT ON FUNCTION extsched.identity_state() IS
'ours: the schedules belong to this database; copy: to another one, so they do not run; none: the API has written nothing yet.';

CREATE FUNCTION @extschema@.extsched_adopt() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before extsched.identity;
    after  extsched.identity;
BEGIN
    SELECT i.* INTO before FROM extsched.identity AS i FOR UPDATE;
    INSERT INTO extsched.identity AS i (system_identifier, database_oid, worker_epoch, adopted_at)
    SELECT extsched.system_identifier(), d.oid, 0, clock_timestamp()
      FROM pg_database AS d
     WHERE d.datname = current_database()
        ON CONFLICT (singleton) DO UPDATE
       SET system_identifier = excluded.system_identifier, database_oid = excluded.database_oid,
           adopted_at = excluded.adopted_at
     WHERE (i.system_identifier, i.database_oid) IS DISTINCT FROM (excluded.system_identifier, excluded.database_oid)
    RETURNING i.* INTO after;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    -- Runs in flight stayed behind with the original: a dump has no history.
    UPDATE extsched.timer AS t
       SET in_flight = live.n
      FROM (SELECT w.tenant_id, w.schedule_id,
                   (SELECT count(*)
                      FROM extsched.run AS r
                     WHERE r.tenant_id = w.tenant_id AND r.schedule_id = w.schedule_id
                       AND r.state IN ('pending', 'running', 'retrying'))::integer AS n
              FROM extsched.timer AS w
             WHERE w.in_flight <> 0) AS live
     WHERE t.tenant_id = live.tenant_id AND t.schedule_id = live.schedule_id AND t.in_flight <> live.n;
    -- Nor are there records of the nominal times up to the dump.
    UPDATE extsched.timer AS t SET accounted_from = t.next_due WHERE t.next_due > t.accounted_from;

    PERFORM extsched.audit_write('', 'sql', 'identity.adopt', NULL, NULL, NULL,
                                 to_jsonb(before) - 'singleton', to_jsonb(after) - 'singleton');
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_adopt() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_adopt() IS
'Makes a restored or copied set of schedules run in this database. Does nothing where they run already. Be sure that the original does not run them any more.';
