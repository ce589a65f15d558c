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
