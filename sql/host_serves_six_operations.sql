-- One statement serves the six operations, with the keys of the host API and
-- no others.
\pset format unaligned
SELECT regress.set_up('six', 50, 'POST /b, GET /a, DELETE /a, GET /item/:id');

-- getEndpoints: the installed version's, by path and method; only GET and POST
-- without parameters are schedulable.
SELECT e - 'id', e ->> 'id' ~ '^[0-9a-f-]{36}$' AS has_id
  FROM jsonb_array_elements(regress.host('six', 'getEndpoints') -> 'endpoints') AS e;

-- list of nothing; get of an absent schedule, alike for one that never was.
SELECT regress.host('six', 'list');
SELECT regress.host('six', 'get', jsonb_build_object('scheduleId', regress.id(1)));

-- create, and the record it makes: exactly these keys, null when there is no
-- value, times in ISO 8601 UTC.
SELECT regress.host('six', 'create', '{"endpoint": "POST /b", "cron": " 0 9 * * * ", "name": " daily ", "timezone": "europe/berlin", "payload": {"a": [1]}}');
SELECT regress.host('six', 'create', '{"endpoint": "GET /a", "cron": "*/5 * * * *"}');
SELECT key, CASE WHEN key IN ('id', 'createdAt', 'nextRunAt') THEN to_jsonb(value #>> '{}' ~ CASE key WHEN 'id' THEN '^[0-9a-f-]{36}$' ELSE '^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$' END)
            ELSE value END
  FROM jsonb_each(regress.host('six', 'get', jsonb_build_object('scheduleId', regress.schedule('six', 'daily'))) -> 'schedule');

-- list: all, enabled or not, in the order of their creation.
SELECT regress.host('six', 'create', '{"endpoint": "/b", "cron": "@daily", "name": "off", "enabled": false}');
SELECT s ->> 'name' AS name, s -> 'enabled' AS enabled, s ->> 'endpointMethod' AS method, s -> 'nextRunAt' = 'null' AS never, s -> 'payload' AS payload, s -> 'revision' AS revision
  FROM jsonb_array_elements(regress.host('six', 'list') -> 'schedules') AS s;
SELECT regress.host('six', 'list') -> 'schedules' -> 0 = regress.host('six', 'get', jsonb_build_object('scheduleId', regress.schedule('six', 'daily'))) -> 'schedule' AS list_and_get_agree;

-- The SQL face has the same facts under the same names in snake case.
SELECT count(*) AS fields, bool_and(value IS NOT DISTINCT FROM CASE WHEN key IN ('created_at', 'next_run_at') THEN value ELSE host END) AS agree
  FROM (SELECT i.key, i.value, h.value AS host
          FROM extsched_get('six', regress.id(1), regress.schedule('six', 'daily')) AS g,
               jsonb_each(to_jsonb(g)) AS i
          JOIN jsonb_each(regress.host('six', 'get', jsonb_build_object('scheduleId', regress.schedule('six', 'daily'))) -> 'schedule') AS h
            ON lower(regexp_replace(h.key, '([A-Z])', '_\1', 'g')) = i.key) AS pairs;
SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'extsched.schedule_info'::regclass AND attnum > 0 ORDER BY attnum;

-- What cannot fire has no next run, on both faces: the tenant is paused, or the
-- install disabled (which the host face does not serve at all).
SELECT extsched_pause_tenant('six', 'unpaid');
SELECT count(*), bool_and(s -> 'nextRunAt' = 'null') AS never FROM jsonb_array_elements(regress.host('six', 'list') -> 'schedules') AS s;
SELECT regress.host('six', 'get', jsonb_build_object('scheduleId', regress.schedule('six', 'daily'))) -> 'schedule' -> 'nextRunAt' AS next_run;
SELECT count(*), count(next_run_at) FROM extsched_list('six', regress.id(1));
SELECT extsched_resume_tenant('six');
SELECT extsched_set_install_enabled('six', regress.id(1), false);
SELECT count(*), count(next_run_at) FROM extsched_list('six', regress.id(1));
SELECT (extsched_get('six', regress.id(1), regress.schedule('six', 'daily'))).next_run_at;
SELECT extsched_set_install_enabled('six', regress.id(1), true);
SELECT count(*), count(next_run_at) FROM extsched_list('six', regress.id(1));
SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'extsched.endpoint_info'::regclass AND attnum > 0 ORDER BY attnum;
SELECT name, enabled, endpoint_method, next_run_at IS NULL AS never FROM extsched_list('six', regress.id(1));
SELECT method, path, handler, schedulable FROM extsched_endpoints('six', regress.id(1));

-- update and delete.  What a route passes on as "operation" is ignored.
SELECT regress.host('six', 'update', jsonb_build_object('operation', 'update', 'scheduleId', regress.schedule('six', 'daily'), 'cron', '0 10 * * *'));
SELECT regress.host('six', 'delete', jsonb_build_object('scheduleId', regress.schedule('six', 'daily')));
SELECT regress.host('six', 'get', jsonb_build_object('scheduleId', regress.id(1)));

-- Another operation, no operation, an input that is no object.
SELECT regress.host('six', operation, '{"x": 1}') FROM unnest(ARRAY['List', 'run_now', '', NULL]) AS operation;
SELECT regress.host('six', 'list', input) FROM unnest(ARRAY['[]', '"x"', '1', 'null', NULL]::jsonb[]) AS input;
SELECT regress.host('six', 'list', '{"limit": 3}');
SELECT regress.host('six', 'getEndpoints', '{"scheduleId": null}');

-- A failed get, update or delete for want of an id, or a malformed one.
SELECT op, regress.host('six', op, input)
  FROM unnest('{get,update,delete}'::text[]) AS op,
       unnest(ARRAY['{}', '{"scheduleId": null}', '{"scheduleId": 7}', '{"scheduleId": "00000000-0000-4000-8000-00000000000g"}']::jsonb[]) AS input;

SELECT * FROM extsched_check();
SELECT extsched_drop_tenant('six');
SELECT extsched_drop_version(regress.id(50));
