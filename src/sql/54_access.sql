--
-- Who may call what.  The matrix below is the only place that says so; what
-- was granted to whom is stored, so that an upgrade script can bring the
-- privileges of every role in line with a longer matrix.
--

CREATE FUNCTION extsched.access_matrix() RETURNS TABLE (kind text, object text, access text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.kind, m.object, m.access::text[]
      FROM (VALUES
            -- what the platform's internal API calls for an extension
            ('function', 'extsched_host', '{host}'),
            -- arithmetic only
            ('function', 'extsched_next', '{host,admin,monitor}'),
            ('function', 'extsched_next_runs', '{host,admin,monitor}'),
            ('function', 'extsched_min_gap', '{host,admin,monitor}'),
            ('function', 'extsched_explain', '{host,admin,monitor}'),
            -- Runners that pull
            ('function', 'extsched_claim', '{runner}'),
            ('function', 'extsched_heartbeat', '{runner}'),
            ('function', 'extsched_complete', '{runner}'),
            -- registry, installs, tenants
            ('function', 'extsched_register_version', '{admin}'),
            ('function', 'extsched_drop_version', '{admin}'),
            ('function', 'extsched_install', '{admin}'),
            ('function', 'extsched_configure_install', '{admin}'),
            ('function', 'extsched_set_install_enabled', '{admin}'),
            ('function', 'extsched_preview_upgrade', '{admin}'),
            ('function', 'extsched_upgrade_install', '{admin}'),
            ('function', 'extsched_uninstall', '{admin}'),
            ('function', 'extsched_drop_tenant', '{admin}'),
            ('function', 'extsched_pause_tenant', '{admin}'),
            ('function', 'extsched_resume_tenant', '{admin}'),
            ('function', 'extsched_set_limits', '{admin}'),
            ('function', 'extsched_set_runner', '{admin}'),
            ('function', 'extsched_adopt', '{admin}'),
            -- schedules
            ('function', 'extsched_create', '{admin}'),
            ('function', 'extsched_update', '{admin}'),
            ('function', 'extsched_delete', '{admin}'),
            ('function', 'extsched_get', '{admin}'),
            ('function', 'extsched_list', '{admin}'),
            ('function', 'extsched_endpoints', '{admin}'),
            ('function', 'extsched_run_now', '{admin}'),
            ('function', 'extsched_pause', '{admin}'),
            ('function', 'extsched_resume', '{admin}'),
            ('function', 'extsched_disable_all', '{admin}'),
            ('function', 'extsched_backfill', '{admin}'),
            ('function', 'extsched_import_pg_cron', '{admin}'),
            ('function', 'extsched_validate', '{admin}'),
            ('function', 'extsched_preview_request', '{admin}'),
            -- watching; the views call functions with the rights of the caller
            ('function', 'extsched_status', '{admin,monitor}'),
            ('function', 'extsched_metrics', '{admin,monitor}'),
            ('function', 'extsched_check', '{admin,monitor}'),
            ('function', 'extsched_report', '{admin,monitor}'),
            ('function', 'clock_now', '{admin,monitor}'),
            ('view', 'schedules', '{admin,monitor}'),
            ('view', 'runs', '{admin,monitor}'),
            ('view', 'overdue', '{admin,monitor}'),
            ('view', 'audit_log', '{admin,monitor}'),
            ('view', 'agenda', '{admin,monitor}'),
            ('view', 'history', '{admin,monitor}'),
            ('function', 'human_duration', '{admin,monitor}'),
            ('view', 'stat_api', '{admin,monitor}'),
            ('view', 'stat_dispatch', '{admin,monitor}'),
            ('view', 'stat_workers', '{admin,monitor}'),
            ('view', 'stat_events', '{admin,monitor}'),
            ('view', 'stat_histograms', '{admin,monitor}'),
            ('view', 'stat_now', '{admin,monitor}'),
            ('function', 'stat_api_counters', '{admin,monitor}'),
            ('function', 'stat_dispatch_counters', '{admin,monitor}'),
            ('function', 'stat_event_counters', '{admin,monitor}'),
            ('function', 'stat_histogram_counters', '{admin,monitor}'),
            ('function', 'stat_worker_slots', '{admin,monitor}')
           ) AS m (kind, object, access)
$$;
REVOKE ALL ON FUNCTION extsched.access_matrix() FROM PUBLIC;
COMMENT ON FUNCTION extsched.access_matrix() IS
'The functions and views of the extension by name, and which kinds of access hold them. What is not named here belongs to the owner alone, extsched_grant and extsched_revoke above all.';

CREATE FUNCTION extsched.access_objects() RETURNS TABLE (target text, access text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('FUNCTION %s', p.oid::regprocedure), m.access
      FROM extsched.access_matrix() AS m
      JOIN pg_proc AS p ON p.proname = m.object
      JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     WHERE m.kind = 'function' AND e.extname = 'extsched'
    UNION ALL
    SELECT format('TABLE %s', c.oid::regclass), m.access
      FROM extsched.access_matrix() AS m
      JOIN pg_class AS c ON c.relname = m.object
     WHERE m.kind = 'view' AND c.relnamespace = 'extsched'::regnamespace
    UNION ALL
    SELECT 'SCHEMA extsched', '{admin,monitor}'
     ORDER BY 1
$$;
REVOKE ALL ON FUNCTION extsched.access_objects() FROM PUBLIC;
COMMENT ON FUNCTION extsched.access_objects() IS
'The objects of the matrix, as GRANT names them. Reading views needs their schema, too.';

CREATE FUNCTION extsched.apply_access(role_name name) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held    text[] := ARRAY(SELECT DISTINCT g.access FROM extsched.access_grant AS g
                             WHERE g.role_name = apply_access.role_name);
    home    name := '@extschema@'::regnamespace;
    granted record;
BEGIN
    -- A dump can be restored before its roles are there.
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = apply_access.role_name) THEN
        RETURN;
    END IF;
    FOR granted IN SELECT o.target, o.access && held AS is_held FROM extsched.access_objects() AS o LOOP
        EXECUTE format(CASE WHEN granted.is_held THEN 'GRANT %s ON %s TO %I' ELSE 'REVOKE %s ON %s FROM %I' END,
                       CASE split_part(granted.target, ' ', 1)
                           WHEN 'FUNCTION' THEN 'EXECUTE' WHEN 'TABLE' THEN 'SELECT' ELSE 'USAGE' END,
                       granted.target, role_name);
    END LOOP;
    IF held = '{}' THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM %I', home, role_name);
    ELSIF NOT has_schema_privilege(role_name, home, 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', home, role_name);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.apply_access(name) FROM PUBLIC;
COMMENT ON FUNCTION extsched.apply_access(name) IS
'Makes the privileges of a role on the objects of the matrix those of its stored grants; does nothing when there is no such role.';

CREATE FUNCTION extsched.apply_all_access() RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT extsched.apply_access(g.role_name)
      FROM (SELECT DISTINCT a.role_name FROM extsched.access_grant AS a ORDER BY a.role_name) AS g
$$;
REVOKE ALL ON FUNCTION extsched.apply_all_access() FROM PUBLIC;
COMMENT ON FUNCTION extsched.apply_all_access() IS
'For upgrade scripts: applies the stored grants again, to the objects that the new version has.';

CREATE FUNCTION extsched.check_access(role regrole, access text) RETURNS name
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name name;
BEGIN
    PERFORM extsched.refuse_nulls('role', role::text, 'access', access);
    SELECT r.rolname INTO name FROM pg_roles AS r WHERE r.oid = role;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('role %s does not exist', role);
    END IF;
    IF access NOT IN ('host', 'runner', 'admin', 'monitor') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown access "%s"', left(access, 100)),
            HINT = 'Use "host", "runner", "admin" or "monitor".';
    END IF;
    RETURN name;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_access(regrole, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_access(regrole, text) IS
'The name of a role. Fails with 42704 when there is none, 22023 on an unknown kind of access.';

CREATE FUNCTION @extschema@.extsched_grant(role regrole, access text, runner text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee name := extsched.check_access(role, access);
BEGIN
    IF access = 'runner' THEN
        PERFORM extsched.refuse_nulls('runner', runner);
        PERFORM extsched.check_runner_name(runner);
    ELSIF runner IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('access "%s" is not for one runner', access),
            HINT = 'Leave runner null.';
    END IF;
    INSERT INTO extsched.access_grant (role_name, access, runner)
    VALUES (grantee, extsched_grant.access, coalesce(extsched_grant.runner, ''))
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM extsched.audit_write('', 'sql', 'access.grant', NULL, NULL, grantee::text, NULL,
                                     jsonb_build_object('access', access, 'runner', runner));
    END IF;
    PERFORM extsched.apply_access(grantee);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_grant(regrole, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_grant(regrole, text, text) IS
'Lets a role call the functions and read the views of an access: host, runner (with the name of a Runner it may claim for), admin or monitor; gives it USAGE on their schemas. Only the owner of the extension may call it. Fails with 42704 on an unknown role, 22023 on another access.';

CREATE FUNCTION @extschema@.extsched_revoke(role regrole, access text, runner text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee name := extsched.check_access(role, access);
BEGIN
    DELETE FROM extsched.access_grant AS g
     WHERE g.role_name = grantee AND g.access = extsched_revoke.access
       AND g.runner = coalesce(extsched_revoke.runner, g.runner);
    IF FOUND THEN
        PERFORM extsched.audit_write('', 'sql', 'access.revoke', NULL, NULL, grantee::text,
                                     jsonb_build_object('access', access, 'runner', runner), NULL);
    END IF;
    PERFORM extsched.apply_access(grantee);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_revoke(regrole, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_revoke(regrole, text, text) IS
'Takes back what extsched_grant gave; for access runner without a name, every Runner. What other grants of the role give stays; after the last one nothing of the extension is left to the role. Only the owner of the extension may call it. Fails with 42704 on an unknown role, 22023 on another access.';
