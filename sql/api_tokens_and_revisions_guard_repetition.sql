-- A client token makes a repeated create safe; a revision makes an update safe
-- against changes that the caller has not seen.
\pset format unaligned
SELECT regress.set_up('again', 75);
CREATE FUNCTION regress.again(input jsonb) RETURNS text LANGUAGE sql
AS $$ SELECT coalesce(answer ->> 'fieldErrors', answer ->> 'error', (SELECT 'schedule ' || s.name FROM extsched.schedule AS s WHERE s.schedule_id = (answer ->> 'scheduleId')::uuid))
        FROM extsched_host('again', regress.id(1), 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "first", "clientToken": "t"}' || input) AS answer $$;

-- The same content, in whatever spelling: the first schedule, and nothing new.
SELECT extsched_host('again', regress.id(1), 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "first", "clientToken": "t"}') ->> 'success';
SELECT regress.state() AS before \gset
SELECT regress.again('{}'), regress.again('{"endpoint": "/a", "cron": " 0 0 * * * ", "timezone": "utc", "enabled": true, "payload": null, "options": {"overlap": "skip"}}');
SELECT extsched_create('again', regress.id(1), 'GET /a', '0 0 * * *', name => 'first', client_token => 't') = regress.schedule('again', 'first') AS same_on_sql;
SELECT regress.state() = :'before' AS unchanged;

-- Other content under the same token is an error of that field.
SELECT regress.again(input) FROM unnest('{"{\"cron\": \"5 0 * * *\"}","{\"name\": \"second\"}","{\"payload\": []}","{\"enabled\": false}","{\"endpoint\": \"POST /b\"}","{\"options\": {\"jitter_s\": 1}}"}'::jsonb[]) AS input;
SELECT * FROM regress.outcome($$SELECT extsched_create('again', regress.id(1), 'GET /a', '5 0 * * *', name => 'first', client_token => 't')$$);
-- What was changed since does not matter, nor does a full quota.
SELECT extsched_update('again', regress.id(1), regress.schedule('again', 'first'), '{"cron": "9 9 * * *"}');
SELECT extsched_set_limits('again', NULL, '{"max_schedules": 1}');
SELECT regress.again('{}'), regress.again('{"clientToken": "other", "name": "second"}');
SELECT extsched_set_limits('again', NULL, '{"max_schedules": null}');
-- A token belongs to its install, is 1 to 255 bytes, and is free again when its
-- schedule is gone.
SELECT regress.again('{"clientToken": ""}'), regress.again(jsonb_build_object('clientToken', repeat('é', 128)));
SELECT extsched_delete('again', regress.id(1), regress.schedule('again', 'first'));
SELECT regress.again(jsonb_build_object('clientToken', repeat('t', 255), 'name', 'long', 'cron', '5 0 * * *')) IS NULL AS created;
SELECT extsched_host('again', regress.id(1), 'create', '{"endpoint": "GET /a", "cron": "5 0 * * *", "name": "first", "clientToken": "t"}') ->> 'success';

-- Each change raises the revision by one; a stale one changes nothing.
SELECT schedule_id AS id FROM extsched.schedule WHERE tenant_id = 'again' AND name = 'first' \gset
SELECT regress.host('again', 'update', jsonb_build_object('scheduleId', :'id', 'ifRevision', 1, 'enabled', false));
SELECT extsched_update('again', regress.id(1), :'id', '{"enabled": true}', 2);
SELECT regress.host('again', 'update', jsonb_build_object('scheduleId', :'id', 'ifRevision', 2, 'enabled', false));
SELECT outcome, replace(message, :'id', '(id)') AS message, detail, detail::jsonb ->> 'code' AS code, hint FROM regress.outcome(format($$SELECT extsched_update('again', regress.id(1), %L, '{"enabled": false}', 1)$$, :'id'));
SELECT regress.host('again', 'update', jsonb_build_object('scheduleId', :'id', 'ifRevision', 4)) ->> 'code', regress.error(format($$SELECT extsched_update('again', regress.id(1), %L, '{}', 0)$$, :'id')) LIKE '55000%' AS stale;
SELECT enabled, revision FROM extsched_list('again', regress.id(1)) WHERE name = 'first';

SELECT extsched_drop_tenant('again');
SELECT extsched_drop_version(regress.id(75));
DROP FUNCTION regress.again;
