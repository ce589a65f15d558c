--
-- Overrides of the limits, and the Runners.
--

CREATE FUNCTION extsched.check_limits(limits jsonb, is_install boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
BEGIN
    PERFORM extsched.refuse_unknown_keys('limits', limits,
        CASE WHEN is_install THEN '{max_schedules,min_interval_s,mutations_per_minute,max_in_flight}'::text[]
             ELSE '{max_schedules,max_schedules_total,min_interval_s,mutations_per_minute,run_now_per_minute,max_in_flight}' END);
    SELECT k.key, k.value INTO wrong
      FROM jsonb_each(limits) AS k
     WHERE jsonb_typeof(k.value) <> 'null'
       AND NOT extsched.is_whole_number(k.value, -1, 2147483647)
     ORDER BY k.key
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid value for limit "%s": %s', wrong.key, left(wrong.value::text, 100)),
            HINT = 'Give a whole number from 0 to 2147483647, -1 for no limit, or null to remove the override.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_limits(jsonb, boolean) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_limits(jsonb, boolean) IS
'Fails with 22023 unless limits has only known keys of a tenant or an install, each null or a whole number from -1.';

CREATE FUNCTION extsched.merge_limits(stored jsonb, changes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(stored || coalesce(jsonb_object_agg(k.key, CASE WHEN jsonb_typeof(k.value) = 'number'
                                                                             THEN to_jsonb((k.value #>> '{}')::numeric::integer)
                                                                             ELSE k.value END), '{}'))
      FROM jsonb_each(changes) AS k
$$;
REVOKE ALL ON FUNCTION extsched.merge_limits(jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.merge_limits(jsonb, jsonb) IS
'Stored overrides with checked changes applied: null removes, a number is stored as an integer.';

CREATE FUNCTION @extschema@.extsched_set_limits(tenant text, install uuid DEFAULT NULL, limits jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before     jsonb;
    after      jsonb;
    difference record;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'limits', limits::text);
    PERFORM extsched.check_limits(limits, install IS NOT NULL);
    IF install IS NULL THEN
        PERFORM extsched.ensure_tenant(tenant);
        SELECT t.limits INTO before FROM extsched.tenant AS t WHERE t.tenant_id = tenant FOR NO KEY UPDATE;
        after := extsched.merge_limits(before, extsched_set_limits.limits);
        UPDATE extsched.tenant AS t SET limits = after WHERE t.tenant_id = tenant AND t.limits <> after;
    ELSE
        before := (extsched.lock_install(tenant, install)).limits;
        after := extsched.merge_limits(before, extsched_set_limits.limits);
        UPDATE extsched.install AS i
           SET limits = after
         WHERE i.tenant_id = tenant AND i.install_id = install AND i.limits <> after;
    END IF;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    difference := extsched.audit_difference(before, after);
    PERFORM extsched.audit_write(tenant, 'sql', 'limits.set', install, NULL, NULL,
                                 difference.before, difference.after);
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_set_limits(text, uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_set_limits(text, uuid, jsonb) IS
'Overrides limits of a tenant (install null) or of one install: max_schedules (of each install), max_schedules_total, min_interval_s, mutations_per_minute, run_now_per_minute, max_in_flight; those of an install win, max_schedules_total and run_now_per_minute are of the tenant only. 0 means none at all, -1 no limit, null removes the override, an absent key keeps. In force from the next call on; existing schedules stay. Fails with 22023 on an unknown key or value, 42704 when the tenant has no such install.';

CREATE FUNCTION extsched.runner_option(options jsonb, key text, maximum integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given jsonb := nullif(options -> key, 'null');
BEGIN
    IF NOT extsched.is_whole_number(given, 1, maximum) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid value for option "%s": %s', key, left(given::text, 100)),
            HINT = format('Give a whole number from 1 to %s, or null for the default.', maximum);
    END IF;
    RETURN (given #>> '{}')::numeric::integer;
END
$$;
REVOKE ALL ON FUNCTION extsched.runner_option(jsonb, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION extsched.runner_option(jsonb, text, integer) IS
'A whole number from 1 to maximum in the options of a Runner; null when it is absent or null. Fails with 22023 on anything else.';

CREATE FUNCTION extsched.check_runner_address(transport text, base_url text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF transport = 'http' THEN
        PERFORM extsched.refuse_nulls('base_url', base_url);
        RETURN extsched.check_base_url(base_url);
    ELSIF transport <> 'notify' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid transport "%s"', left(transport, 100)),
            HINT = 'Use "http" or "notify".';
    ELSIF base_url IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a runner of transport "notify" has no base URL',
            HINT = 'Leave base_url null.';
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_runner_address(text, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_runner_address(text, text) IS
'The base URL of a Runner in stored form, null for notify. Fails with 22023 or 22004 unless transport and base URL fit together.';

CREATE FUNCTION @extschema@.extsched_set_runner(runner text, transport text, base_url text DEFAULT NULL,
                                                options jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted extsched.runner;
    stored extsched.runner;
BEGIN
    PERFORM extsched.refuse_nulls('runner', runner, 'transport', transport, 'options', options::text);
    PERFORM extsched.check_runner_name(runner);
    PERFORM extsched.refuse_unknown_keys('options', options,
                                         '{timeout_ms,connect_timeout_ms,max_in_flight,context_headers}');
    IF jsonb_typeof(options -> 'context_headers') NOT IN ('boolean', 'null') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid value for option "context_headers"',
            HINT = 'Give true or false.';
    END IF;
    wanted := (runner, transport, extsched.check_runner_address(transport, base_url),
               extsched.runner_option(options, 'timeout_ms', 3600000),
               extsched.runner_option(options, 'connect_timeout_ms', 3600000),
               extsched.runner_option(options, 'max_in_flight', 100000),
               coalesce((options ->> 'context_headers')::boolean, false));

    SELECT r.* INTO stored FROM extsched.runner AS r WHERE r.runner = wanted.runner FOR UPDATE;
    IF stored = wanted THEN
        RETURN;
    END IF;
    PERFORM extsched.ensure_identity();
    INSERT INTO extsched.runner AS r VALUES (wanted.*)
    ON CONFLICT ON CONSTRAINT runner_pkey DO UPDATE
       SET transport = excluded.transport, base_url = excluded.base_url, timeout_ms = excluded.timeout_ms,
           connect_timeout_ms = excluded.connect_timeout_ms, max_in_flight = excluded.max_in_flight,
           context_headers = excluded.context_headers;
    PERFORM extsched.audit_write('', 'sql', 'runner.set', NULL, NULL, wanted.runner,
                                 CASE WHEN stored.runner IS NOT NULL THEN to_jsonb(stored) END, to_jsonb(wanted));
    PERFORM extsched.wake_at_commit();
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_set_runner(text, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_set_runner(text, text, text, jsonb) IS
'Defines a Runner, whole: an option that is not given takes its default. transport is http, with a base_url, or notify. Options: timeout_ms and connect_timeout_ms (up to 3600000), max_in_flight (up to 100000), context_headers. Seen by the next attempt of each run. Fails with 22023 on a malformed name, URL or option.';
