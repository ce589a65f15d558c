--
-- Import from pg_cron.  A job is taken over when its command is one call of
-- pg_net with constants as arguments, and its URL leads to an endpoint of the
-- install.  Everything else is reported and left: a command is text that
-- somebody wrote, and half understood it would fire something else.
--

CREATE FUNCTION extsched.read_constant(token text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN token LIKE '''%' THEN replace(substr(token, 2, length(token) - 2), '''''', '''')
                WHEN token LIKE '$%' THEN regexp_replace(token, '^(\$\w*\$)(.*)\1$', '\2')
                WHEN lower(token) <> 'null' THEN token END
$$;
REVOKE ALL ON FUNCTION extsched.read_constant(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.read_constant(text) IS
'The value of a constant as it stands in a statement: quoted, dollar-quoted, a number or null.';

CREATE FUNCTION extsched.read_arguments(arguments text, names text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- name, constant, cast, and what follows
    pattern CONSTANT text := '^\s*(?:(\w+)\s*(?::=|=>)\s*)?(''(?:[^'']|'''')*''|(\$\w*\$).*?\3|\d+|null)\s*'
                             || '(?:::\s*(?:jsonb?|text|int|integer)\s*)?(?:,(?=\s*\S)|$)';
    rest  text := arguments;
    found text[];
    place integer := 0;
    name  text;
    given jsonb := '{}';
BEGIN
    WHILE rest ~ '\S' LOOP
        found := regexp_match(rest, pattern, 'i');
        place := place + 1;
        name := lower(coalesce(found[1], names[place]));
        IF found IS NULL OR name IS NULL OR name <> ALL (names) OR given ? name THEN
            RETURN NULL;
        END IF;
        given := given || jsonb_build_object(name, extsched.read_constant(found[2]));
        rest := regexp_replace(rest, pattern, '', 'i');
    END LOOP;
    RETURN given;
END
$$;
REVOKE ALL ON FUNCTION extsched.read_arguments(text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION extsched.read_arguments(text, text[]) IS
'The arguments of a call by name, given by name or in the order of names, as texts. Null unless every one is a constant.';

CREATE FUNCTION extsched.read_object(document text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN document::jsonb;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character OR statement_too_complex THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION extsched.read_object(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.read_object(text) IS 'A text as jsonb; null when it is none.';

CREATE FUNCTION extsched.read_http_call(command text, path_prefix text, OUT method text, OUT path text, OUT payload jsonb,
                                        OUT timeout_ms text, OUT dropped text, OUT problem text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    call     text[] := regexp_match(command, '^\s*select\s+(?:\*\s+from\s+)?net\.http_(post|get)\s*\((.*)\)'
                                             || '\s*(?:(?:as\s+)?\w+\s*)?;?\s*$', 'i');
    is_post  boolean := lower(call[1]) = 'post';
    given    jsonb;
    url      text[];
BEGIN
    IF call IS NULL THEN
        problem := 'its command is not one call of net.http_post or net.http_get';
        RETURN;
    END IF;
    given := extsched.read_arguments(call[2],
                                     CASE WHEN is_post THEN '{url,body,params,headers,timeout_milliseconds}'::text[]
                                          ELSE '{url,params,headers,timeout_milliseconds}' END);
    url := regexp_match(given ->> 'url', '^https?://[^/?#\s]+(/[^\s]*)?$', 'i');
    method := upper(call[1]);
    path := coalesce(url[1], '/');
    payload := CASE WHEN is_post THEN extsched.read_object(coalesce(given ->> 'body', '{}')) END;
    timeout_ms := given ->> 'timeout_milliseconds';
    SELECT string_agg(lower(h.key), ', ' ORDER BY lower(h.key) COLLATE "C") INTO dropped
      FROM jsonb_each(CASE WHEN jsonb_typeof(extsched.read_object(given ->> 'headers')) = 'object'
                           THEN extsched.read_object(given ->> 'headers') END) AS h
     WHERE lower(h.key) <> 'content-type';

    problem := CASE
        WHEN given IS NULL THEN 'an argument of its call is computed, not a constant'
        WHEN url IS NULL THEN 'its url is not an absolute http or https url'
        WHEN path ~ '[?#]' OR coalesce(extsched.read_object(given ->> 'params'), '{}') <> '{}'
            THEN 'its url has a query, which endpoints have not'
        WHEN NOT starts_with(path, path_prefix) THEN format('its path does not begin with "%s"', path_prefix)
        WHEN is_post AND payload IS NULL THEN 'its body is not JSON' END;
    path := substr(path, length(path_prefix) + 1);
END
$$;
REVOKE ALL ON FUNCTION extsched.read_http_call(text, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.read_http_call(text, text) IS
'What a job of pg_cron calls: method, path behind path_prefix, body and time-out of its one call of pg_net; dropped names the headers that no run will carry. problem says why it cannot be told.';

CREATE FUNCTION extsched.pg_cron_jobs() RETURNS SETOF jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    jobs regclass := to_regclass('cron.job');
BEGIN
    -- Read with the rights of the owner, so whoever can make a schema must
    -- not be able to put a view, a child table or a policy of his in its way.
    IF NOT EXISTS (SELECT FROM pg_class AS c
                     JOIN pg_namespace AS n ON n.oid = c.relnamespace
                     JOIN pg_roles AS table_owner ON table_owner.oid = c.relowner AND table_owner.rolsuper
                     JOIN pg_roles AS schema_owner ON schema_owner.oid = n.nspowner AND schema_owner.rolsuper
                    WHERE c.oid = jobs AND c.relkind = 'r'
                      AND 3 = (SELECT count(*) FROM pg_attribute AS a
                                WHERE a.attrelid = c.oid AND a.attname IN ('jobid', 'schedule', 'command'))) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = 'there is no table cron.job of pg_cron in this database',
            DETAIL = 'It must be an ordinary table that belongs to a superuser, as must its schema.',
            HINT = 'pg_cron keeps its jobs in the database of "cron.database_name"; copy the table from there.';
    END IF;
    RETURN QUERY EXECUTE 'SELECT to_jsonb(j) FROM ONLY cron.job AS j ORDER BY j.jobid';
END
$$;
REVOKE ALL ON FUNCTION extsched.pg_cron_jobs() FROM PUBLIC;
COMMENT ON FUNCTION extsched.pg_cron_jobs() IS
'The rows of cron.job, of whichever version of pg_cron. Fails with 42P01 when there is no such table, or when it could be somebody else''s.';

CREATE FUNCTION extsched.import_job(tenant text, install uuid, job jsonb, path_prefix text, OUT action text, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    call  record;
    token text := 'pg_cron job ' || (job ->> 'jobid');
BEGIN
    action := 'skip';
    IF job ->> 'database' <> current_database() THEN
        problem := format('it runs in database "%s"', job ->> 'database');
        RETURN;
    END IF;
    SELECT c.* INTO call FROM extsched.read_http_call(job ->> 'command', path_prefix) AS c;
    problem := call.problem;
    IF problem IS NOT NULL THEN
        RETURN;
    END IF;
    action := CASE WHEN EXISTS (SELECT FROM extsched.schedule AS s
                                 WHERE s.tenant_id = tenant AND s.install_id = install AND s.client_token = token)
                   THEN 'exists' ELSE 'create' END;
    PERFORM @extschema@.extsched_create(
        tenant, install, call.method || ' ' || call.path, job ->> 'schedule',
        coalesce(nullif(current_setting('cron.timezone', true), ''), 'UTC'), job ->> 'jobname', call.payload,
        coalesce((job ->> 'active')::boolean, true),
        CASE WHEN call.timeout_ms IS NULL THEN '{}' ELSE jsonb_build_object('timeout_ms', call.timeout_ms::numeric) END,
        token);
    problem := 'not carried over: ' || call.dropped;
EXCEPTION
    -- what may be wrong with a schedule; what is wrong with the server goes on
    WHEN invalid_parameter_value OR null_value_not_allowed OR duplicate_object
         OR configuration_limit_exceeded OR program_limit_exceeded THEN
        GET STACKED DIAGNOSTICS problem = PG_EXCEPTION_DETAIL;
        problem := CASE WHEN problem = '' OR SQLSTATE = '53400' THEN SQLERRM ELSE replace(problem, E'\n', '; ') END;
        action := 'skip';
END
$$;
REVOKE ALL ON FUNCTION extsched.import_job(text, uuid, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.import_job(text, uuid, jsonb, text) IS
'Makes a schedule of a job of pg_cron, under a client token of its own, or says why not. A refused one leaves nothing.';

CREATE FUNCTION @extschema@.extsched_import_pg_cron(tenant text, install uuid, dry_run boolean DEFAULT true,
                                                    path_prefix text DEFAULT '')
RETURNS TABLE (jobid bigint, jobname text, action text, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    report jsonb := '[]';
    job    jsonb;
    made   record;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'dry_run', dry_run::text,
                                  'path_prefix', path_prefix);
    IF NOT (extsched.lock_install(tenant, install)).enabled THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('install %s is disabled', install),
            HINT = 'Enable the install first.';
    END IF;

    -- A dry run does everything and takes it back, so that names, quota and
    -- limits are judged for all jobs together.
    BEGIN
        FOR job IN SELECT j FROM extsched.pg_cron_jobs() AS j LOOP
            SELECT i.* INTO made FROM extsched.import_job(tenant, install, job, path_prefix) AS i;
            report := report || jsonb_build_object('jobid', job -> 'jobid', 'jobname', job -> 'jobname',
                                                   'action', made.action, 'problem', made.problem);
        END LOOP;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'EX001', MESSAGE = 'taken back';
        END IF;
    EXCEPTION WHEN SQLSTATE 'EX001' THEN
        NULL;
    END;
    RETURN QUERY SELECT r.* FROM jsonb_to_recordset(report) AS r (jobid bigint, jobname text, action text, problem text);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_import_pg_cron(text, uuid, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_import_pg_cron(text, uuid, boolean, text) IS
'Makes schedules of the jobs in cron.job of pg_cron that are one call of net.http_post or net.http_get with constants, to a path (behind path_prefix) of a schedulable endpoint of the install. Returns a row for each job, in order: action is create, exists (imported before) or skip; problem says why it is skipped, or which headers were not carried over. Never shows a command. With dry_run nothing stays. Jobs in cron.job stay as they are: unschedule what was created. Fails with 42P01 when there is no cron.job of a superuser, 42704 on an unknown install, 55000 on a disabled one.';
