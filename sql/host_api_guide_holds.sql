-- The statements of docs/host-api.md.
\pset format unaligned
SELECT regress.register(90, 'POST /api/sync');
SELECT extsched_install('acme', '11111111-1111-4111-8111-111111111111', regress.id(90), '{cap:scheduler.manage}');
SELECT extsched_host('acme', '11111111-1111-4111-8111-111111111111', 'create',
                     '{"endpoint": "POST /api/sync", "cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin", "name": "Morning sync"}') - 'scheduleId';
SELECT extsched_host('acme', '11111111-1111-4111-8111-111111111111', 'create', '{"endpoint": "/api/sync", "cron": "* * * * *", "timezone": "Mars"}');

-- The codes of the guide are those of the answers, with their HTTP status.
CREATE FUNCTION regress.code(operation text, input jsonb DEFAULT '{}', tenant text DEFAULT 'acme') RETURNS text LANGUAGE sql
AS $$ SELECT (answer ->> 'code') || ' ' || (answer ->> 'httpStatus') FROM extsched_host(tenant, '11111111-1111-4111-8111-111111111111', operation, input) AS answer $$;
SELECT regress.code('create'), regress.code('list', '{}', 'other'), regress.code('delete', '{"scheduleId": "11111111-1111-4111-8111-111111111111"}');
SELECT extsched_set_limits('acme', NULL, '{"max_schedules": 1}');
SELECT regress.code('create', '{"endpoint": "/api/sync", "cron": "0 0 * * *"}');
SELECT extsched_set_limits('acme', NULL, '{"mutations_per_minute": 0}');
SELECT regress.code('create', '{"endpoint": "/api/sync", "cron": "0 0 * * *"}');
SELECT extsched_configure_install('acme', '11111111-1111-4111-8111-111111111111', '{"granted": []}');
SELECT regress.code('list');

SELECT extsched_drop_tenant('acme');
SELECT extsched_drop_version(regress.id(90));
DROP FUNCTION regress.code;
