-- Whatever JSON a plugin sends, the host face answers; it raises nothing and
-- changes nothing.
\pset format unaligned
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT regress.set_up('hostile', 51);
SELECT extsched_create('hostile', regress.id(1), 'GET /a', '0 * * * *', name => 'kept') IS NOT NULL AS created;

-- Wrong types, in every key and all at once.
CREATE FUNCTION regress.everywhere(value jsonb) RETURNS jsonb LANGUAGE sql
AS $$ SELECT jsonb_object_agg(key, value) FROM unnest('{endpoint,cron,timezone,enabled,name,payload,options,clientToken,scheduleId,ifRevision}'::text[]) AS key $$;
SELECT left(value::text, 5) AS value, key, error
  FROM unnest('{"7", "true", "\"x\"", "[]", "{}", "null", "1e400"}'::jsonb[]) AS value,
       jsonb_each_text(regress.host('hostile', 'update', regress.everywhere(value)) -> 'fieldErrors') AS e (key, error)
 ORDER BY 1, 2;
SELECT op, answer ->> 'code' AS code, (SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(answer -> 'fieldErrors') AS key) AS fields
  FROM unnest('{list,get,create,update,delete,getEndpoints}'::text[]) AS op,
       LATERAL (SELECT regress.host('hostile', op, regress.everywhere('7')) AS answer) AS a;

-- More wrong keys than there is room to report: what was not reported is
-- refused all the same.
SELECT answer ->> 'code' AS code, answer ->> 'error' AS error
  FROM (SELECT jsonb_object_agg(chr(n + 96), n) AS junk FROM generate_series(1, 26) AS n) AS a,
       (SELECT jsonb_object_agg(chr(n + 64), n) AS more FROM generate_series(1, 26) AS n) AS b,
       unnest(ARRAY['{"cron": 5, "endpoint": {}, "timezone": [], "name": 1, "payload": "x", "clientToken": true, "enabled": 1, "options": 2}',
                    '{"cron": "* * * * *", "endpoint": "GET /nowhere"}']::jsonb[]) AS wrong,
       LATERAL (SELECT regress.host('hostile', 'create', junk || more || wrong) AS answer) AS c;

-- Numbers beyond all types, fractions.
SELECT regress.host('hostile', 'update', jsonb_build_object('scheduleId', regress.schedule('hostile', 'kept'), 'ifRevision', n)) -> 'fieldErrors' ->> 'ifRevision'
  FROM unnest('{1.5,-1,9223372036854775808,1e400,-1e400}'::jsonb[]) AS n;
SELECT regress.host('hostile', 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 * * * *', 'options', jsonb_build_object(
           'catch_up_s', n, 'max_attempts', n, 'backoff_s', n, 'max_age_s', n, 'pause_after_failures', n, 'timeout_ms', n, 'jitter_s', n))) -> 'fieldErrors'
  FROM unnest('{-1,0.5,2147483648,1e400}'::jsonb[]) AS n;

-- Deep nesting.
SELECT answer ->> 'code' AS code, answer -> 'fieldErrors' AS fields
  FROM unnest('{endpoint,cron,options,unknown}'::text[]) AS key,
       LATERAL (SELECT regress.host('hostile', 'create', '{"endpoint": "GET /a", "cron": "0 * * * *"}'
                                    || jsonb_build_object(key, (repeat('[', 2000) || repeat(']', 2000))::jsonb)) AS answer) AS a;
SELECT regress.host('hostile', 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 * * * *', 'name', 'deep', 'payload', (repeat('[', 1000) || repeat(']', 1000))::jsonb));
SELECT length(s ->> 'payload') FROM (SELECT regress.host('hostile', 'list') -> 'schedules' -> 1) AS a (s);
SELECT regress.host('hostile', 'delete', jsonb_build_object('scheduleId', regress.schedule('hostile', 'deep')));

-- Odd Unicode: blanks that are none, text beyond the basic plane, right to
-- left marks.  A key is named in the answer, at a bounded length.
SELECT regress.host('hostile', 'create', jsonb_build_object('endpoint', U&'\00a0GET /a', 'cron', U&'0 * * * *\2003', 'timezone', U&'\202eUTC'));
SELECT regress.host('hostile', 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 * * * *', 'name', U&'\+01F600 \202e', 'enabled', false));
SELECT regress.host('hostile', 'delete', jsonb_build_object('scheduleId', regress.schedule('hostile', U&'\+01F600 \202e')));
SELECT regress.host('hostile', 'list', jsonb_build_object(U&'\+01F600' || E'"\n', 1));
SELECT length(key), octet_length(key) FROM jsonb_object_keys(regress.host('hostile', 'list', jsonb_build_object(repeat('é', 5000), 1)) -> 'fieldErrors') AS key;

-- Ten megabytes in each text.
SELECT key, left(error, 60) AS error, length(error) < 700 AS is_short
  FROM (SELECT repeat('x', 10 * 1024 * 1024) AS big) AS b,
       jsonb_each_text(regress.host('hostile', 'create', jsonb_build_object('endpoint', big, 'cron', big, 'timezone', big, 'name', big, 'clientToken', big,
                                                                          'payload', jsonb_build_array(big))) -> 'fieldErrors') AS e (key, error);

-- NULL tenant and install.
SELECT extsched_host(NULL, regress.id(1), 'list'), extsched_host('hostile', NULL, 'list'), extsched_host(NULL, NULL, NULL, NULL);

-- An unexpected error, here of a trigger, becomes INTERNAL_ERROR: what the call
-- wrote is undone, its charge stays.
SELECT extsched_set_limits('hostile', NULL, '{"mutations_per_minute": 10}');
CREATE FUNCTION regress.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
DO $$
DECLARE partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'extsched.audit'::regclass LOOP
        EXECUTE format('CREATE TRIGGER fail BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION regress.fail()', partition);
    END LOOP;
END $$;
SELECT regress.host('hostile', 'create', '{"endpoint": "GET /a", "cron": "0 * * * *"}');
SELECT regress.host('hostile', 'update', jsonb_build_object('scheduleId', regress.schedule('hostile', 'kept'), 'cron', '0 0 * * *'));
SELECT regress.host('hostile', 'delete', jsonb_build_object('scheduleId', regress.schedule('hostile', 'kept')));
SELECT regress.error($$SELECT extsched_create('hostile', regress.id(1), 'GET /a', '0 * * * *')$$);
SELECT cardinality(called_at) FROM extsched.install_limiter WHERE tenant_id = 'hostile';
DROP FUNCTION regress.fail() CASCADE;

-- Cancellation and the like are not an answer but raised.
SET statement_timeout = '300ms';
CREATE FUNCTION regress.stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
CREATE TRIGGER stall BEFORE INSERT ON extsched.schedule FOR EACH ROW EXECUTE FUNCTION regress.stall();
SELECT extsched_host('hostile', regress.id(1), 'create', '{"endpoint": "GET /a", "cron": "0 * * * *"}');
RESET statement_timeout;
DROP FUNCTION regress.stall() CASCADE;

SELECT name, cron FROM extsched_list('hostile', regress.id(1));
SELECT * FROM extsched_check();
SELECT extsched_drop_tenant('hostile');
SELECT extsched_drop_version(regress.id(51));
DROP FUNCTION regress.everywhere(jsonb);
