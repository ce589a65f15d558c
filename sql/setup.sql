-- The extension, and what the tests share.  Every test cleans up after itself:
-- it drops its tenants, its versions and its roles.
CREATE EXTENSION extsched;
CREATE SCHEMA regress;

-- Fixed ids, so that output can be compared.
CREATE FUNCTION regress.id(n integer) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;

-- What a statement gives: its first value, or SQLSTATE, message, detail and
-- hint of its error.
CREATE FUNCTION regress.outcome(statement text) RETURNS TABLE (outcome text, message text, detail text, hint text)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE statement INTO outcome;
    outcome := 'ok' || coalesce(': ' || nullif(outcome, ''), '');
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS outcome = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    detail := nullif(detail, '');
    hint := nullif(hint, '');
    RETURN NEXT;
END
$$;

-- SQLSTATE and message alone.
CREATE FUNCTION regress.error(statement text) RETURNS text
LANGUAGE sql
AS $$ SELECT concat_ws(' ', o.outcome, o.message) FROM regress.outcome(statement) AS o $$;

-- Version n of extension n / 10 (ids 10 and 11 are versions of extension 1),
-- with endpoints given as 'GET /a, POST /b'.
CREATE FUNCTION regress.register(n integer, endpoints text, capabilities text DEFAULT 'cap:scheduler.manage') RETURNS integer
LANGUAGE sql
AS $$
    SELECT extsched_register_version(regress.id(n), regress.id(n / 10), 'hash' || n, jsonb_build_object(
               'name', 'extension ' || n / 10, 'version', n % 10 || '.0',
               'capabilities', string_to_array(capabilities, ' '),
               'endpoints', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                        'method', split_part(e, ' ', 1), 'path', split_part(e, ' ', 2), 'handler', 'handle')), '[]')
                               FROM regexp_split_to_table(nullif(endpoints, ''), ', *') AS e)))
$$;

-- An install of version n for a tenant, that may call as often as it likes.
CREATE FUNCTION regress.set_up(tenant text, n integer, endpoints text DEFAULT 'GET /a, POST /b') RETURNS void
LANGUAGE sql
AS $$
    SELECT regress.register(n, endpoints);
    SELECT extsched_install(tenant, regress.id(1), regress.id(n), '{cap:scheduler.manage}');
    SELECT extsched_set_limits(tenant, NULL, '{"mutations_per_minute": -1, "run_now_per_minute": -1}');
$$;

-- All that a refused call must leave as it was: definitions, due times, runs
-- and audit records.
CREATE FUNCTION regress.state() RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT md5(concat((SELECT string_agg(s::text, '' ORDER BY s::text) FROM extsched.schedule AS s),
                      (SELECT string_agg(m::text, '' ORDER BY m::text) FROM extsched.timer AS m),
                      (SELECT string_agg(r::text, '' ORDER BY r::text) FROM extsched.run AS r),
                      (SELECT count(*) FROM extsched.audit)))
$$;

-- A host call of install 1.  A new id is shown as such; a call that failed and
-- changed something all the same is an error.
CREATE FUNCTION regress.host(tenant text, operation text, input jsonb DEFAULT '{}', install uuid DEFAULT regress.id(1)) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
    before text := regress.state();
    answer jsonb := extsched_host(tenant, install, operation, input);
BEGIN
    IF answer -> 'success' = 'false' AND regress.state() <> before THEN
        RAISE EXCEPTION 'a failed call changed something: %', answer;
    END IF;
    RETURN CASE WHEN answer ? 'scheduleId' THEN answer || '{"scheduleId": "new"}' ELSE answer END;
END
$$;

-- The id of a tenant's schedule.
CREATE FUNCTION regress.schedule(tenant text, name text) RETURNS uuid
LANGUAGE sql STABLE
AS $$ SELECT s.schedule_id FROM extsched.schedule AS s WHERE s.tenant_id = tenant AND s.name = schedule.name $$;

-- The verdict on a new schedule: "ok", or SQLSTATE and what is wrong with each
-- field.  Asked of the host face, the SQL face and extsched_validate, which
-- must all say the same; nothing is left behind.
CREATE FUNCTION regress.verdict(tenant text, input jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    id     uuid := regress.id(1);
    host   jsonb := extsched_host(tenant, id, 'create', input);
    wanted text := (SELECT string_agg(concat(key, ': ', value), E'\n' ORDER BY key COLLATE "C") FROM jsonb_each_text(host -> 'fieldErrors'));
    state  text := 'ok';
    detail text;
    judged jsonb;
BEGIN
    PERFORM extsched_delete(tenant, id, (host ->> 'scheduleId')::uuid) WHERE host ? 'scheduleId';
    judged := extsched_validate(tenant, id, input);
    BEGIN
        PERFORM extsched_delete(tenant, id, extsched_create(tenant, id, input ->> 'endpoint', input ->> 'cron', input ->> 'timezone', input ->> 'name',
                                            input -> 'payload', (input ->> 'enabled')::boolean, coalesce(input -> 'options', '{}'), input ->> 'clientToken'));
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    END;
    SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") INTO detail FROM regexp_split_to_table(nullif(detail, ''), E'\n') AS line;
    IF detail IS DISTINCT FROM wanted OR (state = 'ok') <> (host -> 'success')::boolean
       OR judged -> 'valid' <> host -> 'success' OR judged -> 'fieldErrors' <> coalesce(host -> 'fieldErrors', '{}')
       OR state <> 'ok' AND (host ->> 'code', host ->> 'httpStatus') <> ('VALIDATION_FAILED', '400') THEN
        RAISE EXCEPTION 'the faces disagree: % % %, %, %', state, detail, wanted, judged, host;
    END IF;
    RETURN concat_ws(' ', state, replace(detail, E'\n', ' | '));
END
$$;
