--
-- Installs and tenants: from the first install to the clean-up.  No foreign
-- key cascades, so what goes is named here, in the order of the locks.
--

CREATE FUNCTION extsched.describe_envelope(secret_envelope jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN secret_envelope IS NOT NULL
                THEN jsonb_build_object('present', true,
                                        'digest', left(encode(sha256(convert_to(secret_envelope::text, 'UTF8')), 'hex'), 16))
                ELSE jsonb_build_object('present', false) END
$$;
REVOKE ALL ON FUNCTION extsched.describe_envelope(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.describe_envelope(jsonb) IS
'What the audit log may say of a secret envelope: whether there is one, and the beginning of a digest that tells two apart.';

CREATE FUNCTION extsched.describe_install(install extsched.install) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('version', install.version_id, 'granted', install.granted, 'config', install.config,
                              'secretEnvelope', extsched.describe_envelope(install.secret_envelope),
                              'runner', install.runner, 'enabled', install.enabled)
$$;
REVOKE ALL ON FUNCTION extsched.describe_install(extsched.install) FROM PUBLIC;
COMMENT ON FUNCTION extsched.describe_install(extsched.install) IS
'An install for the audit log, without secrets.';

CREATE FUNCTION extsched.audit_difference(INOUT before jsonb, INOUT after jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(k.key, before -> k.key) FILTER (WHERE before ? k.key),
           jsonb_object_agg(k.key, after -> k.key) FILTER (WHERE after ? k.key)
      FROM (SELECT jsonb_object_keys(before) UNION SELECT jsonb_object_keys(after)) AS k (key)
     WHERE before -> k.key IS DISTINCT FROM after -> k.key
$$;
REVOKE ALL ON FUNCTION extsched.audit_difference(jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.audit_difference(jsonb, jsonb) IS
'The keys of two objects that differ, with their values; both null when none does.';

CREATE FUNCTION @extschema@.extsched_install(tenant text, install uuid, version uuid,
                                             granted text[] DEFAULT '{}', config jsonb DEFAULT '{}',
                                             secret_envelope jsonb DEFAULT NULL, runner text DEFAULT 'default')
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted extsched.install;
    stored extsched.install;
    now    timestamptz := extsched.clock_now();
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'version', version::text,
                                  'granted', granted::text, 'config', config::text, 'runner', runner);
    PERFORM extsched.check_document('config', config);
    PERFORM extsched.check_document('secret_envelope', secret_envelope);
    PERFORM extsched.check_runner_name(runner);
    wanted := (tenant, install, NULL, version, extsched.check_granted(granted), config, secret_envelope, runner,
               true, '{}', now, now);
    PERFORM extsched.ensure_tenant(tenant);
    wanted.registry_id := (extsched.lock_version(version)).registry_id;

    INSERT INTO extsched.install VALUES (wanted.*) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT i.* INTO stored
          FROM extsched.install AS i
         WHERE i.tenant_id = tenant AND (i.install_id = install OR i.registry_id = wanted.registry_id)
         ORDER BY i.install_id = install DESC
         LIMIT 1;
        IF stored.install_id = install
           AND extsched.describe_install(stored) - 'enabled' = extsched.describe_install(wanted) - 'enabled' THEN
            RETURN;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = CASE WHEN stored.install_id = install
                           THEN format('install %s already exists', install)
                           ELSE format('tenant "%s" already has an install of extension %s',
                                       left(tenant, 255), wanted.registry_id) END,
            DETAIL = format('Install %s is at version %s.', stored.install_id, stored.version_id),
            HINT = 'Change it with extsched_configure_install, and its version with extsched_upgrade_install.';
    END IF;
    INSERT INTO extsched.install_limiter (tenant_id, install_id) VALUES (tenant, install);
    PERFORM extsched.audit_write(tenant, 'sql', 'install.create', install, NULL, NULL, NULL,
                                 extsched.describe_install(wanted));
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_install(text, uuid, uuid, text[], jsonb, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_install(text, uuid, uuid, text[], jsonb, jsonb, text) IS
'Installs a version of an extension for a tenant; the first one makes the tenant. The same call again does nothing. A tenant has one install of an extension: another id, version or setting fails with 42710 and changes nothing. Granted capabilities count once the version declares them too. Fails with 42704 when there is no such version, 22023 on an unknown capability, 54000 when config or secret envelope is over 1 MB.';

CREATE FUNCTION @extschema@.extsched_configure_install(tenant text, install uuid, changes jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored     extsched.install;
    wanted     extsched.install;
    difference record;
    wrong      text;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'changes', changes::text);
    PERFORM extsched.refuse_unknown_keys('changes', changes, '{config,secret_envelope,granted,runner}');
    SELECT k.key INTO wrong
      FROM jsonb_each(changes) AS k
     WHERE jsonb_typeof(k.value) = 'null' AND k.key <> 'secret_envelope'
     ORDER BY k.key
     LIMIT 1;
    IF FOUND THEN
        PERFORM extsched.refuse_nulls(wrong, NULL);
    END IF;

    stored := extsched.lock_install(tenant, install);
    wanted := stored;
    IF changes ? 'config' THEN
        PERFORM extsched.check_document('config', changes -> 'config');
        wanted.config := changes -> 'config';
    END IF;
    IF changes ? 'secret_envelope' THEN
        wanted.secret_envelope := nullif(changes -> 'secret_envelope', 'null');
        PERFORM extsched.check_document('secret_envelope', wanted.secret_envelope);
    END IF;
    IF changes ? 'granted' THEN
        wanted.granted := extsched.check_granted(extsched.text_array('granted', changes -> 'granted'));
    END IF;
    IF changes ? 'runner' THEN
        IF jsonb_typeof(changes -> 'runner') <> 'string' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'key "runner" must be a text';
        END IF;
        wanted.runner := changes ->> 'runner';
        PERFORM extsched.check_runner_name(wanted.runner);
    END IF;

    difference := extsched.audit_difference(extsched.describe_install(stored), extsched.describe_install(wanted));
    IF difference.after IS NULL THEN
        RETURN;
    END IF;
    UPDATE extsched.install AS i
       SET config = wanted.config, secret_envelope = wanted.secret_envelope, granted = wanted.granted,
           runner = wanted.runner, updated_at = extsched.clock_now()
     WHERE i.tenant_id = tenant AND i.install_id = install;
    PERFORM extsched.audit_write(tenant, 'sql', 'install.configure', install, NULL, NULL,
                                 difference.before, difference.after);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_configure_install(text, uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_configure_install(text, uuid, jsonb) IS
'Changes config, secret_envelope, granted or runner of an install; an absent key keeps, null clears the secret envelope. The next attempt of each run sees it. Fails with 42704 when the tenant has no such install, 22023 on an unknown key or capability.';

CREATE FUNCTION @extschema@.extsched_set_install_enabled(tenant text, install uuid, enabled boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored extsched.install;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'enabled', enabled::text);
    stored := extsched.lock_install(tenant, install);
    IF stored.enabled = extsched_set_install_enabled.enabled THEN
        RETURN;
    END IF;
    -- Timers go on either way: the nominal times in between are recorded as
    -- skipped, so that there is nothing to catch up when it is enabled again.
    UPDATE extsched.install AS i
       SET enabled = extsched_set_install_enabled.enabled, updated_at = extsched.clock_now()
     WHERE i.tenant_id = tenant AND i.install_id = install;
    PERFORM extsched.audit_write(tenant, 'sql', CASE WHEN stored.enabled THEN 'install.disable' ELSE 'install.enable' END,
                                 install, NULL, NULL, jsonb_build_object('enabled', stored.enabled),
                                 jsonb_build_object('enabled', NOT stored.enabled));
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_set_install_enabled(text, uuid, boolean) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_set_install_enabled(text, uuid, boolean) IS
'Stops or restarts all schedules of an install; each keeps its own enabled. Nominal times in between are recorded as skipped, install_disabled. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION extsched.remove_installs(tenant text, installs uuid[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schedules uuid[];
BEGIN
    PERFORM FROM extsched.install_limiter AS l
      WHERE l.tenant_id = tenant AND l.install_id = ANY (installs)
      ORDER BY l.install_id
        FOR UPDATE;
    schedules := ARRAY(SELECT s.schedule_id
                         FROM extsched.schedule AS s
                        WHERE s.tenant_id = tenant AND s.install_id = ANY (installs)
                        ORDER BY s.schedule_id
                          FOR UPDATE);
    -- Waits for a claim under way; what it made is cancelled below.
    PERFORM FROM extsched.timer AS m
      WHERE m.tenant_id = tenant AND m.schedule_id = ANY (schedules)
      ORDER BY m.schedule_id
        FOR UPDATE;

    PERFORM extsched.cancel_runs(tenant, s.schedule, 'deleted') FROM unnest(schedules) AS s (schedule);
    PERFORM extsched.audit_write(tenant, 'sql', 'schedule.delete', s.install_id, s.schedule_id, s.name,
                                 jsonb_build_object('method', s.endpoint_method, 'path', s.endpoint_path,
                                                    'cron', s.cron, 'timezone', s.timezone, 'enabled', s.enabled),
                                 NULL)
       FROM extsched.schedule AS s
      WHERE s.tenant_id = tenant AND s.schedule_id = ANY (schedules)
      ORDER BY s.schedule_id;
    DELETE FROM extsched.timer AS m WHERE m.tenant_id = tenant AND m.schedule_id = ANY (schedules);
    DELETE FROM extsched.schedule AS s WHERE s.tenant_id = tenant AND s.schedule_id = ANY (schedules);
    DELETE FROM extsched.install_limiter AS l WHERE l.tenant_id = tenant AND l.install_id = ANY (installs);

    PERFORM extsched.audit_write(tenant, 'sql', 'install.uninstall', i.install_id, NULL, NULL,
                                 extsched.describe_install(i), NULL)
       FROM extsched.install AS i
      WHERE i.tenant_id = tenant AND i.install_id = ANY (installs)
      ORDER BY i.install_id;
    DELETE FROM extsched.install AS i WHERE i.tenant_id = tenant AND i.install_id = ANY (installs);
    RETURN cardinality(schedules);
END
$$;
REVOKE ALL ON FUNCTION extsched.remove_installs(text, uuid[]) FROM PUBLIC;
COMMENT ON FUNCTION extsched.remove_installs(text, uuid[]) IS
'Removes installs, which the caller has locked, with their schedules, whose number it returns. Runs that wait are cancelled; those in flight finish and keep their record.';

CREATE FUNCTION @extschema@.extsched_uninstall(tenant text, install uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text);
    PERFORM extsched.lock_install(tenant, install);
    RETURN extsched.remove_installs(tenant, ARRAY[install]);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_uninstall(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_uninstall(text, uuid) IS
'Removes an install and its schedules; returns the number of schedules. Waiting runs are cancelled with reason deleted, runs in flight finish, history and audit stay. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION @extschema@.extsched_drop_tenant(tenant text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped   extsched.tenant;
    schedules integer;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant);
    dropped := extsched.lock_tenant(tenant);
    PERFORM FROM extsched.tenant_limiter AS l WHERE l.tenant_id = tenant FOR UPDATE;
    schedules := extsched.remove_installs(tenant, ARRAY(SELECT i.install_id
                                                          FROM extsched.install AS i
                                                         WHERE i.tenant_id = tenant
                                                         ORDER BY i.install_id
                                                           FOR UPDATE));
    DELETE FROM extsched.tenant_limiter AS l WHERE l.tenant_id = tenant;
    DELETE FROM extsched.tenant AS t WHERE t.tenant_id = tenant;
    PERFORM extsched.audit_write(tenant, 'sql', 'tenant.drop', NULL, NULL, NULL,
                                 jsonb_build_object('limits', dropped.limits, 'paused', dropped.is_paused,
                                                    'schedules', schedules), NULL);
    RETURN schedules;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_drop_tenant(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_drop_tenant(text) IS
'Removes all of a tenant: installs, schedules, limits, pause; returns the number of schedules. History and audit stay until their retention. Fails with 42704 when there is no such tenant.';

CREATE FUNCTION @extschema@.extsched_pause_tenant(tenant text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored extsched.tenant;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'reason', reason);
    IF octet_length(reason) > 4000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'reason is too long',
            DETAIL = format('It has %s bytes; at most 4000 are kept.', octet_length(reason));
    END IF;
    PERFORM extsched.ensure_tenant(tenant);
    SELECT t.* INTO stored FROM extsched.tenant AS t WHERE t.tenant_id = tenant FOR NO KEY UPDATE;
    IF stored.is_paused AND stored.pause_reason = reason THEN
        RETURN;
    END IF;
    UPDATE extsched.tenant AS t
       SET is_paused = true, pause_reason = reason, paused_at = coalesce(t.paused_at, extsched.clock_now())
     WHERE t.tenant_id = tenant;
    PERFORM extsched.audit_write(tenant, 'sql', 'tenant.pause', NULL, NULL, NULL,
                                 jsonb_build_object('paused', stored.is_paused, 'reason', stored.pause_reason),
                                 jsonb_build_object('paused', true, 'reason', reason));
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_pause_tenant(text, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_pause_tenant(text, text) IS
'Stops every run of a tenant from starting; nominal times are recorded as skipped, tenant_paused. The tenant need not have installs yet; pausing again changes the reason. Attempts in flight finish.';

CREATE FUNCTION @extschema@.extsched_resume_tenant(tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored extsched.tenant;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant);
    stored := extsched.lock_tenant(tenant);
    IF NOT stored.is_paused THEN
        RETURN;
    END IF;
    UPDATE extsched.tenant AS t
       SET is_paused = false, pause_reason = NULL, paused_at = NULL
     WHERE t.tenant_id = tenant;
    PERFORM extsched.audit_write(tenant, 'sql', 'tenant.resume', NULL, NULL, NULL,
                                 jsonb_build_object('paused', true, 'reason', stored.pause_reason),
                                 jsonb_build_object('paused', false));
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_resume_tenant(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_resume_tenant(text) IS
'Lets the runs of a paused tenant start again, from the next nominal time on. Fails with 42704 when there is no such tenant.';
