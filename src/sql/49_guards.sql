--
-- What the administrative functions check and lock before they change
-- anything.  Everywhere locks are taken in one order: tenant, its limiter row,
-- install, its limiter row, schedules and timers by id.
--

CREATE FUNCTION extsched.refuse_nulls(VARIADIC arguments text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR i IN 1 .. cardinality(arguments) BY 2 LOOP
        IF arguments[i + 1] IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'null_value_not_allowed',
                MESSAGE = format('%s must not be null', arguments[i]);
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION extsched.refuse_nulls(text[]) FROM PUBLIC;
COMMENT ON FUNCTION extsched.refuse_nulls(text[]) IS
'Takes names and values in turn. Fails with 22004 naming the first whose value is null.';

CREATE FUNCTION extsched.refuse_unknown_keys(argument text, given jsonb, known text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('argument "%s" must be a JSON object', argument);
    END IF;
    SELECT string_agg(format('"%s"', k.key), ', ' ORDER BY k.key COLLATE "C")
      INTO unknown
      FROM jsonb_object_keys(given) AS k (key)
     WHERE k.key <> ALL (known);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown key in argument "%s": %s', argument, left(unknown, 1000)),
            HINT = format('Known keys are %s.',
                          (SELECT string_agg(format('"%s"', k.key), ', ' ORDER BY k.n)
                             FROM unnest(known) WITH ORDINALITY AS k (key, n)));
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.refuse_unknown_keys(text, jsonb, text[]) FROM PUBLIC;
COMMENT ON FUNCTION extsched.refuse_unknown_keys(text, jsonb, text[]) IS
'Fails with 22023 unless given is a JSON object of known keys only.';

CREATE FUNCTION extsched.check_document(argument text, document jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(document) <> 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('argument "%s" must be a JSON object', argument);
    END IF;
    IF octet_length(document::text) > 1048576 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('argument "%s" is too large', argument),
            DETAIL = format('It has %s bytes; at most 1048576 are allowed, because every request carries it.',
                            octet_length(document::text));
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_document(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_document(text, jsonb) IS
'What config and secret envelope of an install must be: a JSON object (22023) of at most 1 MB (54000). Null passes.';

CREATE FUNCTION extsched.text_array(argument text, given jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(given) <> 'array'
       OR EXISTS (SELECT FROM jsonb_array_elements(given) AS e (entry) WHERE jsonb_typeof(e.entry) <> 'string') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('argument "%s" must be a JSON array of texts', argument);
    END IF;
    RETURN ARRAY(SELECT jsonb_array_elements_text(given));
END
$$;
REVOKE ALL ON FUNCTION extsched.text_array(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.text_array(text, jsonb) IS
'A JSON array of texts as an array. Fails with 22023 on anything else.';

CREATE FUNCTION extsched.is_whole_number(given jsonb, minimum integer, maximum integer) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(given) = 'number'
                THEN (given #>> '{}')::numeric BETWEEN minimum AND maximum
                     AND (given #>> '{}')::numeric = trunc((given #>> '{}')::numeric)
                ELSE false END
$$;
REVOKE ALL ON FUNCTION extsched.is_whole_number(jsonb, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION extsched.is_whole_number(jsonb, integer, integer) IS
'Whether a JSON value is a whole number of the range, however it is written.';

CREATE FUNCTION extsched.check_runner_name(runner text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF runner !~ '^[a-z][a-z0-9_]{0,53}$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid runner name "%s"', left(runner, 100)),
            HINT = 'Use a lower case letter, then up to 53 lower case letters, digits and underscores.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_runner_name(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_runner_name(text) IS
'Fails with 22023 unless the name can be that of a Runner. Whether there is one is judged when a run is dispatched.';

CREATE FUNCTION extsched.check_granted(granted text[]) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted  text[];
    unknown text;
BEGIN
    IF array_position(granted, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'granted capabilities must not be null';
    END IF;
    wanted := ARRAY(SELECT DISTINCT lower(btrim(g.name, E' \t\n\r\f\x0b') COLLATE "C") COLLATE "C"
                      FROM unnest(granted) AS g (name) ORDER BY 1);
    SELECT string_agg(format('"%s"', w.name), ', ')
      INTO unknown
      FROM unnest(wanted) AS w (name)
     WHERE w.name <> ALL (extsched.known_capabilities())
       AND NOT EXISTS (SELECT FROM extsched.capability AS c WHERE c.capability = w.name);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown capability: %s', left(unknown, 1000)),
            HINT = format('Built-in capabilities are %s.', array_to_string(extsched.known_capabilities(), ', '));
    END IF;
    RETURN wanted;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_granted(text[]) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_granted(text[]) IS
'The stored form of granted capabilities: trimmed, lower case, sorted, distinct. Fails with 22023 on an unknown name.';

CREATE FUNCTION extsched.ensure_tenant(tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF octet_length(tenant) NOT BETWEEN 1 AND 255 OR tenant ~ '[\x01-\x1f\x7f]' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid tenant',
            HINT = 'A tenant is named by 1 to 255 bytes without control characters.';
    END IF;
    PERFORM extsched.ensure_identity();
    PERFORM extsched.ensure_identity();
    -- A tenant that is dropped between the two statements is made again.
    LOOP
        INSERT INTO extsched.tenant (tenant_id) VALUES (tenant) ON CONFLICT DO NOTHING;
        PERFORM FROM extsched.tenant AS t WHERE t.tenant_id = tenant FOR KEY SHARE;
        EXIT WHEN FOUND;
    END LOOP;
    INSERT INTO extsched.tenant_limiter (tenant_id) VALUES (tenant) ON CONFLICT DO NOTHING;
END
$$;
REVOKE ALL ON FUNCTION extsched.ensure_tenant(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.ensure_tenant(text) IS
'Makes the rows of a tenant unless they exist, and keeps them from being dropped until the end of the transaction. Fails with 22023 when it can be no tenant.';

CREATE FUNCTION extsched.lock_tenant(tenant text) RETURNS extsched.tenant
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row extsched.tenant;
BEGIN
    SELECT t.* INTO found_row FROM extsched.tenant AS t WHERE t.tenant_id = tenant FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('tenant "%s" does not exist', left(tenant, 255));
    END IF;
    RETURN found_row;
END
$$;
REVOKE ALL ON FUNCTION extsched.lock_tenant(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.lock_tenant(text) IS
'Locks the row of a tenant FOR UPDATE and returns it. Fails with 42704 when there is none.';

CREATE FUNCTION extsched.lock_install(tenant text, install uuid) RETURNS extsched.install
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row extsched.install;
BEGIN
    SELECT i.* INTO found_row
      FROM extsched.install AS i
     WHERE i.tenant_id = tenant AND i.install_id = install
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_install(tenant, install);
    END IF;
    RETURN found_row;
END
$$;
REVOKE ALL ON FUNCTION extsched.lock_install(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.lock_install(text, uuid) IS
'Locks an install FOR UPDATE, which keeps out create (it takes FOR SHARE), and returns it. Fails with 42704 when the tenant has no such install.';

CREATE FUNCTION extsched.refuse_install(tenant text, install uuid) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = format('install %s of tenant "%s" does not exist', install, left(tenant, 255)),
        HINT = 'An install is known only together with its own tenant.';
END
$$;
REVOKE ALL ON FUNCTION extsched.refuse_install(text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.refuse_install(text, uuid) IS
'Fails with 42704, in one text for absent installs and those of another tenant.';

CREATE FUNCTION extsched.refuse_version(version uuid) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = format('version %s does not exist', version),
        HINT = 'Register it with extsched_register_version.';
END
$$;
REVOKE ALL ON FUNCTION extsched.refuse_version(uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.refuse_version(uuid) IS
'Fails with 42704.';

CREATE FUNCTION extsched.lock_version(version uuid) RETURNS extsched.version
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row extsched.version;
BEGIN
    SELECT v.* INTO found_row
      FROM extsched.version AS v
     WHERE v.version_id = version
       FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_version(version);
    END IF;
    RETURN found_row;
END
$$;
REVOKE ALL ON FUNCTION extsched.lock_version(uuid) FROM PUBLIC;
COMMENT ON FUNCTION extsched.lock_version(uuid) IS
'Returns a version and keeps it from being dropped until the end of the transaction. Fails with 42704 when there is none.';
