--
-- From one version of an extension to another: every schedule is remapped by
-- (METHOD, path), or the upgrade is refused, or the ones without a target are
-- disabled.  One plan serves preview and upgrade, so that the one foretells
-- what the other does.
--

CREATE FUNCTION extsched.plan_upgrade(tenant text, install uuid, version uuid)
RETURNS TABLE (schedule_id uuid, name text, method text, path text, was_enabled boolean,
               old_version uuid, old_endpoint uuid, new_endpoint uuid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.schedule_id, s.name, s.endpoint_method, s.endpoint_path, s.enabled,
           s.version_id, s.endpoint_id, p.endpoint_id
      FROM extsched.install AS i
      JOIN extsched.schedule AS s ON s.tenant_id = i.tenant_id AND s.install_id = i.install_id
      LEFT JOIN extsched.endpoint AS p
             ON p.version_id = version AND p.method = s.endpoint_method AND p.path = s.endpoint_path
                AND p.schedulable
     WHERE i.tenant_id = tenant AND i.install_id = install AND i.version_id <> version
     ORDER BY s.created_at, s.schedule_id
$$;
REVOKE ALL ON FUNCTION extsched.plan_upgrade(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.plan_upgrade(text, uuid, uuid) IS
'The schedules of an install with their endpoint in another version; new_endpoint is null where there is none that can be scheduled. No rows for the installed version: an upgrade to it changes nothing.';

CREATE FUNCTION extsched.check_upgrade(install extsched.install, version extsched.version) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF install.registry_id <> version.registry_id THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('version %s is of another extension', version.version_id),
            DETAIL = format('Install %s is of extension %s.', install.install_id, install.registry_id);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_upgrade(extsched.install, extsched.version) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_upgrade(extsched.install, extsched.version) IS
'Fails with 22023 when the version is of another extension than the install.';

CREATE FUNCTION @extschema@.extsched_preview_upgrade(tenant text, install uuid, version uuid)
RETURNS TABLE (schedule uuid, method text, path text, action text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    installed extsched.install;
    target    extsched.version;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'version', version::text);
    SELECT i.* INTO installed FROM extsched.install AS i WHERE i.tenant_id = tenant AND i.install_id = install;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_install(tenant, install);
    END IF;
    SELECT v.* INTO target FROM extsched.version AS v WHERE v.version_id = version;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_version(version);
    END IF;
    PERFORM extsched.check_upgrade(installed, target);
    RETURN QUERY
        SELECT p.schedule_id, p.method, p.path,
               CASE WHEN p.new_endpoint IS NOT NULL THEN 'remap' ELSE 'missing' END
          FROM extsched.plan_upgrade(tenant, install, version) AS p;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_preview_upgrade(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_preview_upgrade(text, uuid, uuid) IS
'What extsched_upgrade_install would do with each schedule: remap, or missing. In order of creation; no rows for the installed version. Fails like the upgrade on an unknown install (42704) or version (42704, 22023).';

CREATE FUNCTION extsched.missing_endpoint_note(method text, path text, version uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('endpoint "%s %s" cannot be scheduled in version %s', method, path, version)
$$;
REVOKE ALL ON FUNCTION extsched.missing_endpoint_note(text, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.missing_endpoint_note(text, text, uuid) IS
'What a schedule says whose endpoint an upgrade took away.';

CREATE FUNCTION extsched.apply_upgrade(tenant text, install uuid, version uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now timestamptz := extsched.clock_now();
BEGIN
    -- While the plan can still be told from the rows.
    PERFORM extsched.audit_write(tenant, 'sql',
                                 CASE WHEN p.new_endpoint IS NOT NULL THEN 'schedule.remap' ELSE 'schedule.disable_missing' END,
                                 install, p.schedule_id, p.name,
                                 jsonb_build_object('version', p.old_version, 'endpoint', p.old_endpoint,
                                                    'method', p.method, 'path', p.path, 'enabled', p.was_enabled),
                                 jsonb_build_object('version', CASE WHEN p.new_endpoint IS NOT NULL THEN version END,
                                                    'endpoint', p.new_endpoint, 'method', p.method, 'path', p.path,
                                                    'enabled', p.was_enabled AND p.new_endpoint IS NOT NULL))
       FROM extsched.plan_upgrade(tenant, install, version) AS p;

    UPDATE extsched.timer AS m
       SET next_due = CASE WHEN p.new_endpoint IS NOT NULL THEN m.next_due END,
           quarantine_reason = CASE WHEN p.new_endpoint IS NULL THEN extsched.missing_endpoint_note(p.method, p.path, version)
                                    WHEN p.old_endpoint IS NOT NULL THEN m.quarantine_reason END,
           last_error = CASE WHEN p.new_endpoint IS NULL THEN extsched.missing_endpoint_note(p.method, p.path, version) END
      FROM extsched.plan_upgrade(tenant, install, version) AS p
     WHERE m.tenant_id = tenant AND m.schedule_id = p.schedule_id
       AND (p.new_endpoint IS NULL OR p.old_endpoint IS NULL);

    -- One statement: the key that leads a schedule to the version of its
    -- install is checked at its end, when both have moved.
    WITH plan AS MATERIALIZED (
        SELECT p.* FROM extsched.plan_upgrade(tenant, install, version) AS p
    ), switched AS (
        UPDATE extsched.install AS i
           SET version_id = version, updated_at = now
         WHERE i.tenant_id = tenant AND i.install_id = install
    ), remapped AS (
        UPDATE extsched.schedule AS s
           SET version_id = version, endpoint_id = p.new_endpoint, invalid_reason = NULL
          FROM plan AS p
         WHERE s.tenant_id = tenant AND s.schedule_id = p.schedule_id AND p.new_endpoint IS NOT NULL
    )
    UPDATE extsched.schedule AS s
       SET version_id = NULL, endpoint_id = NULL, enabled = false,
           invalid_reason = extsched.missing_endpoint_note(p.method, p.path, version),
           revision = s.revision + p.was_enabled::integer, updated_at = now
      FROM plan AS p
     WHERE s.tenant_id = tenant AND s.schedule_id = p.schedule_id AND p.new_endpoint IS NULL;
END
$$;
REVOKE ALL ON FUNCTION extsched.apply_upgrade(text, uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.apply_upgrade(text, uuid, uuid) IS
'Remaps the schedules of an install, disables those without a target, switches the version, and writes the audit records of the schedules. Install, schedules and timers must be locked.';

CREATE FUNCTION @extschema@.extsched_upgrade_install(tenant text, install uuid, version uuid,
                                                     disable_missing boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    installed extsched.install;
    schedules uuid[];
    missing   jsonb;
    result    jsonb;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'version', version::text,
                                  'disable_missing', disable_missing::text);
    installed := extsched.lock_install(tenant, install);
    PERFORM extsched.check_upgrade(installed, extsched.lock_version(version));
    schedules := ARRAY(SELECT s.schedule_id
                         FROM extsched.schedule AS s
                        WHERE s.tenant_id = tenant AND s.install_id = install
                        ORDER BY s.schedule_id
                          FOR NO KEY UPDATE);
    PERFORM FROM extsched.timer AS m
      WHERE m.tenant_id = tenant AND m.schedule_id = ANY (schedules)
      ORDER BY m.schedule_id
        FOR NO KEY UPDATE;

    SELECT jsonb_build_object('previousVersion', installed.version_id, 'version', version,
                              'remapped', count(p.new_endpoint),
                              'disabled', count(*) FILTER (WHERE p.new_endpoint IS NULL)),
           coalesce(jsonb_agg(jsonb_build_object('scheduleId', p.schedule_id, 'method', p.method, 'path', p.path))
                    FILTER (WHERE p.new_endpoint IS NULL), '[]')
      INTO result, missing
      FROM extsched.plan_upgrade(tenant, install, version) AS p;
    IF (result ->> 'disabled')::bigint > 0 AND NOT disable_missing THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('cannot upgrade install %s: schedules use endpoints that the new version does not have',
                             install),
            DETAIL = jsonb_build_object('code', 'SCHEDULE_REMAP_FAILED', 'missing', missing),
            HINT = 'Change or delete these schedules, or upgrade with disable_missing.';
    END IF;
    IF installed.version_id <> version THEN
        PERFORM extsched.apply_upgrade(tenant, install, version);
        PERFORM extsched.audit_write(tenant, 'sql', 'install.upgrade', install, NULL, NULL,
                                     jsonb_build_object('version', installed.version_id),
                                     jsonb_build_object('version', version, 'disableMissing', disable_missing)
                                         || result - 'previousVersion');
        PERFORM extsched.wake_at_commit();
    END IF;
    RETURN result || jsonb_build_object('missing', missing);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_upgrade_install(text, uuid, uuid, boolean) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_upgrade_install(text, uuid, uuid, boolean) IS
'Switches an install to another version of its extension, up or down, and remaps every schedule by (method, path), all or nothing. Schedules whose endpoint the version does not have, or not for scheduling, make it fail with 55000 and a DETAIL that is JSON, {"code":"SCHEDULE_REMAP_FAILED","missing":[{"scheduleId","method","path"}]}; with disable_missing they are disabled with a note instead, until a later version has their endpoint. Returns previousVersion, version, remapped, disabled and missing. The installed version changes nothing. Fails with 42704 on an unknown install or version, 22023 on a version of another extension.';
