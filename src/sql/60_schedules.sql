--
-- Schedules: the SQL face and the host face.
--

CREATE VIEW extsched.schedule_record AS
SELECT s.tenant_id, s.install_id,
       s.schedule_id AS id, s.endpoint_path, s.endpoint_method, s.name, s.cron, s.timezone, s.enabled, s.payload,
       m.last_run_at, m.last_run_status, coalesce(s.invalid_reason, m.last_error) AS last_error, s.created_at,
       CASE WHEN NOT m.is_paused THEN m.next_due END AS fires_at,
       s.revision
  FROM extsched.schedule AS s
  LEFT JOIN extsched.timer AS m ON m.tenant_id = s.tenant_id AND m.schedule_id = s.schedule_id;
COMMENT ON VIEW extsched.schedule_record IS
'A schedule as its extension sees it, with its tenant and install: what extsched_get, extsched_list and the host face show.';
COMMENT ON COLUMN extsched.schedule_record.fires_at IS 'When it fires next, as long as its install is enabled and its tenant not paused; null when it cannot: disabled, paused, quarantined, or past its window. Those two are read once for an install, not for each of its schedules.';

CREATE FUNCTION extsched.cancel_runs(tenant text, schedule uuid, why text) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cancelled integer;
BEGIN
    UPDATE extsched.run AS r
       SET state = 'cancelled', reason = why, finished_at = extsched.clock_now(), waits_for_slot = false
     WHERE r.tenant_id = tenant AND r.schedule_id = schedule AND r.state IN ('pending', 'retrying')
       AND (why = 'deleted' OR r.trigger = 'schedule');
    GET DIAGNOSTICS cancelled = ROW_COUNT;
    IF cancelled > 0 THEN
        UPDATE extsched.timer AS m
           SET in_flight = greatest(m.in_flight - cancelled, 0)
         WHERE m.tenant_id = tenant AND m.schedule_id = schedule;
    END IF;
    RETURN cancelled;
END
$$;
REVOKE ALL ON FUNCTION extsched.cancel_runs(text, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.cancel_runs(text, uuid, text) IS
'Ends the runs of a schedule that have not started, with a reason; returns their number. With another reason than deleted, runs asked for by hand stay. The caller holds the timer.';

CREATE FUNCTION @extschema@.extsched_host(tenant text, install uuid, operation text, input jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_host';
REVOKE ALL ON FUNCTION @extschema@.extsched_host(text, uuid, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_host(text, uuid, text, jsonb) IS
'The host API: list, get, create, update, delete, getEndpoints for an install with cap:scheduler.manage. Returns {"success":true,...} or {"success":false,"code","error","httpStatus","fieldErrors"}; raises nothing for a user''s mistake.';

CREATE FUNCTION @extschema@.extsched_create(tenant text, install uuid, endpoint text, cron text, tz text DEFAULT 'UTC',
                                            name text DEFAULT NULL, payload jsonb DEFAULT NULL,
                                            enabled boolean DEFAULT true, options jsonb DEFAULT '{}',
                                            client_token text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_create';
REVOKE ALL ON FUNCTION @extschema@.extsched_create(text, uuid, text, text, text, text, jsonb, boolean, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_create(text, uuid, text, text, text, text, jsonb, boolean, jsonb, text) IS
'Creates a schedule and arms it; returns its id. endpoint is "METHOD /path", "/path" or an endpoint''s id. The same client_token returns the schedule it made. Fails with 22023 (all wrong fields in the DETAIL), 22004, 42710 name taken, 42704 no such install, 53400 quota, 54000 payload, 55000 install disabled.';

CREATE FUNCTION @extschema@.extsched_update(tenant text, install uuid, schedule uuid, changes jsonb,
                                            if_revision bigint DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_update';
REVOKE ALL ON FUNCTION @extschema@.extsched_update(text, uuid, uuid, jsonb, bigint) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_update(text, uuid, uuid, jsonb, bigint) IS
'Changes the named keys (endpoint, cron, timezone, enabled, name, payload, options) and returns the new revision; an absent key keeps, null clears name and payload. Fails as extsched_create does, with 42704 for an unknown schedule, and with 55000 and a JSON DETAIL when if_revision is stale.';

CREATE FUNCTION @extschema@.extsched_delete(tenant text, install uuid, schedule uuid) RETURNS void
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_delete';
REVOKE ALL ON FUNCTION @extschema@.extsched_delete(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_delete(text, uuid, uuid) IS
'Deletes a schedule. Runs that wait are cancelled, a run in flight finishes; history stays. Works on a disabled install too. Fails with 42704 for unknown and foreign ids alike.';

CREATE FUNCTION @extschema@.extsched_validate(tenant text, install uuid, input jsonb) RETURNS jsonb
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_validate_sql';
REVOKE ALL ON FUNCTION @extschema@.extsched_validate(text, uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_validate(text, uuid, jsonb) IS
'Gives the verdict that create would give for this input, storing and charging nothing: {"valid","fieldErrors","nextRuns"}. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION @extschema@.extsched_run_now(tenant text, install uuid, schedule uuid,
                                             idempotency_key text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_run_now';
REVOKE ALL ON FUNCTION @extschema@.extsched_run_now(text, uuid, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_run_now(text, uuid, uuid, text) IS
'Runs a schedule once, beside its recurrence, and returns the run; the same idempotency_key returns the same run. Works on a disabled or paused schedule. Fails with 42704 unknown schedule, 55000 install disabled, 53400 more than run_now_per_minute of the tenant.';

CREATE FUNCTION @extschema@.extsched_preview_request(tenant text, install uuid, schedule uuid) RETURNS jsonb
LANGUAGE C VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'extsched_preview_request';
REVOKE ALL ON FUNCTION @extschema@.extsched_preview_request(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_preview_request(text, uuid, uuid) IS
'The request that the next run of a schedule would send: {"url","headers","body"}, ids of an example, secrets masked; or {"reason","error"} when it could send none. Fails with 42704 for an unknown schedule.';

CREATE FUNCTION extsched.require_install(tenant text, install uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fires boolean;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text);
    SELECT i.enabled AND NOT t.is_paused
      INTO fires
      FROM extsched.install AS i
      JOIN extsched.tenant AS t ON t.tenant_id = i.tenant_id
     WHERE i.tenant_id = tenant AND i.install_id = install;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_install(tenant, install);
    END IF;
    RETURN fires;
END
$$;
REVOKE ALL ON FUNCTION extsched.require_install(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.require_install(text, uuid) IS
'Whether schedules of an install fire: it is enabled and its tenant not paused. Fails with 22004 or 42704 unless the tenant has this install.';

CREATE FUNCTION @extschema@.extsched_get(tenant text, install uuid, schedule uuid) RETURNS extsched.schedule_info
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    info extsched.schedule_info;
    fires boolean := extsched.require_install(tenant, install);
BEGIN
    SELECT r.id, r.endpoint_path, r.endpoint_method, r.name, r.cron, r.timezone, r.enabled, r.payload,
           r.last_run_at, r.last_run_status, r.last_error, r.created_at, CASE WHEN fires THEN r.fires_at END,
           r.revision
      INTO info
      FROM extsched.schedule_record AS r
     WHERE r.tenant_id = tenant AND r.install_id = install AND r.id = schedule;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN info;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_get(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_get(text, uuid, uuid) IS
'A schedule of an install; null when it has none of this id. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION @extschema@.extsched_list(tenant text, install uuid) RETURNS SETOF extsched.schedule_info
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fires boolean := extsched.require_install(tenant, install);
BEGIN
    RETURN QUERY
    SELECT r.id, r.endpoint_path, r.endpoint_method, r.name, r.cron, r.timezone, r.enabled, r.payload,
           r.last_run_at, r.last_run_status, r.last_error, r.created_at, CASE WHEN fires THEN r.fires_at END,
           r.revision
      FROM extsched.schedule_record AS r
     WHERE r.tenant_id = tenant AND r.install_id = install
     ORDER BY r.created_at, r.id;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_list(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_list(text, uuid) IS
'All schedules of an install, enabled or not, in the order of their creation. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION @extschema@.extsched_endpoints(tenant text, install uuid) RETURNS SETOF extsched.endpoint_info
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM extsched.require_install(tenant, install);
    RETURN QUERY
    SELECT e.endpoint_id, e.method, e.path, e.handler, e.schedulable
      FROM extsched.install AS i
      JOIN extsched.endpoint AS e ON e.version_id = i.version_id
     WHERE i.tenant_id = tenant AND i.install_id = install
     ORDER BY e.path COLLATE "C", e.method COLLATE "C";
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_endpoints(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_endpoints(text, uuid) IS
'The endpoints of the installed version, by path and method; schedulable says which a schedule may call. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION extsched.lock_schedule(tenant text, install uuid, schedule uuid) RETURNS extsched.schedule
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    locked extsched.schedule;
BEGIN
    PERFORM extsched.require_install(tenant, install);
    PERFORM extsched.refuse_nulls('schedule', schedule::text);
    SELECT s.* INTO locked
      FROM extsched.schedule AS s
     WHERE s.tenant_id = tenant AND s.install_id = install AND s.schedule_id = schedule
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('schedule %s does not exist', schedule),
            HINT = 'A schedule is known only together with its own tenant and install.';
    END IF;
    RETURN locked;
END
$$;
REVOKE ALL ON FUNCTION extsched.lock_schedule(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.lock_schedule(text, uuid, uuid) IS
'Locks a schedule and returns it. Fails with 22004 or 42704, the same for unknown and foreign ids.';

CREATE FUNCTION @extschema@.extsched_pause(tenant text, install uuid, schedule uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    locked extsched.schedule;
    timer  extsched.timer;
BEGIN
    locked := extsched.lock_schedule(tenant, install, schedule);
    PERFORM extsched.refuse_nulls('reason', reason);
    IF octet_length(reason) NOT BETWEEN 1 AND 4000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid pause reason',
            DETAIL = format('It has %s bytes; 1 to 4000 are allowed.', octet_length(reason)),
            HINT = 'Say in a sentence why the schedule is paused.';
    END IF;
    SELECT m.* INTO timer FROM extsched.timer AS m
     WHERE m.tenant_id = tenant AND m.schedule_id = schedule FOR NO KEY UPDATE;
    IF timer.is_paused AND timer.pause_reason = reason THEN
        RETURN;
    END IF;
    UPDATE extsched.timer AS m
       SET is_paused = true, pause_reason = reason, paused_at = coalesce(m.paused_at, extsched.clock_now())
     WHERE m.tenant_id = tenant AND m.schedule_id = schedule;
    PERFORM extsched.audit_write(tenant, 'sql', 'schedule.pause', install, schedule, locked.name,
                                 jsonb_build_object('paused', timer.is_paused, 'reason', timer.pause_reason),
                                 jsonb_build_object('paused', true, 'reason', reason));
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_pause(text, uuid, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_pause(text, uuid, uuid, text) IS
'Stops a schedule until extsched_resume; nominal times are recorded as skipped, schedule_paused. Pausing again changes the reason. A run in flight finishes. Fails with 42704 for an unknown schedule.';

CREATE FUNCTION @extschema@.extsched_resume(tenant text, install uuid, schedule uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    locked extsched.schedule;
    timer  extsched.timer;
    now    timestamptz := extsched.clock_now();
BEGIN
    locked := extsched.lock_schedule(tenant, install, schedule);
    SELECT m.* INTO timer FROM extsched.timer AS m
     WHERE m.tenant_id = tenant AND m.schedule_id = schedule FOR NO KEY UPDATE;
    IF NOT timer.is_paused AND timer.quarantine_reason IS NULL AND timer.consecutive_failures = 0 THEN
        RETURN;
    END IF;
    UPDATE extsched.timer AS m
       SET is_paused = false, pause_reason = NULL, paused_at = NULL, consecutive_failures = 0
     WHERE m.tenant_id = tenant AND m.schedule_id = schedule;
    IF timer.quarantine_reason IS NOT NULL THEN
        UPDATE extsched.timer AS m
           SET quarantine_reason = NULL, accounted_from = now + interval '1 microsecond',
               next_due = CASE WHEN locked.enabled
                               THEN extsched.next_due(locked.cron, locked.timezone, schedule,
                                                      locked.starts_at, locked.ends_at, now) END
         WHERE m.tenant_id = tenant AND m.schedule_id = schedule;
    END IF;
    PERFORM extsched.audit_write(tenant, 'sql', 'schedule.resume', install, schedule, locked.name,
                                 jsonb_strip_nulls(jsonb_build_object(
                                     'paused', timer.is_paused, 'reason', timer.pause_reason,
                                     'quarantine', timer.quarantine_reason, 'failures', timer.consecutive_failures)),
                                 jsonb_build_object('paused', false));
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_resume(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_resume(text, uuid, uuid) IS
'Lets a paused schedule fire again from its next nominal time, resets its count of failures, and ends a quarantine. Fails with 42704 for an unknown schedule, with 22023 when the cause of the quarantine is still there.';

CREATE FUNCTION @extschema@.extsched_disable_all(tenant text, install uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    disabled extsched.schedule;
    changed  integer := 0;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text);
    PERFORM extsched.lock_install(tenant, install);
    FOR disabled IN
        SELECT s.* FROM extsched.schedule AS s
         WHERE s.tenant_id = tenant AND s.install_id = install AND s.enabled
         ORDER BY s.schedule_id FOR NO KEY UPDATE
    LOOP
        UPDATE extsched.schedule AS s
           SET enabled = false, revision = s.revision + 1, updated_at = clock_timestamp()
         WHERE s.tenant_id = tenant AND s.schedule_id = disabled.schedule_id;
        UPDATE extsched.timer AS m
           SET next_due = NULL, quarantine_reason = NULL
         WHERE m.tenant_id = tenant AND m.schedule_id = disabled.schedule_id;
        PERFORM extsched.cancel_runs(tenant, disabled.schedule_id, 'schedule_paused');
        PERFORM extsched.audit_write(tenant, 'sql', 'schedule.update', install, disabled.schedule_id, disabled.name,
                                     '{"enabled": true}', '{"enabled": false}');
        changed := changed + 1;
    END LOOP;
    RETURN changed;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_disable_all(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_disable_all(text, uuid) IS
'Disables every enabled schedule of an install and returns how many there were. Fails with 42704 when the tenant has no such install.';
