-- A call is served for a pair of tenant and install that exists, is enabled and
-- may manage schedules; what is another's does not exist.
\pset format unaligned
SELECT regress.set_up('mine', 57);
SELECT extsched_install('theirs', regress.id(2), regress.id(57), '{cap:scheduler.manage}');
SELECT extsched_create('mine', regress.id(1), 'GET /a', '0 * * * *', name => 'mine') IS NOT NULL AS created,
       extsched_create('theirs', regress.id(2), 'GET /a', '0 * * * *', name => 'theirs') IS NOT NULL AS created;
CREATE FUNCTION regress.all_operations(tenant text, install uuid, schedule uuid) RETURNS TABLE (operation text, answer jsonb) LANGUAGE sql
AS $$ SELECT operation, regress.host(tenant, operation, input, install)
        FROM (VALUES ('list', '{}'), ('get', jsonb_build_object('scheduleId', schedule)), ('create', '{"endpoint": "GET /a", "cron": "0 * * * *", "name": "new"}'),
                     ('update', jsonb_build_object('scheduleId', schedule, 'cron', '5 * * * *')), ('delete', jsonb_build_object('scheduleId', schedule)), ('getEndpoints', '{}')) AS o (operation, input) $$;
CREATE FUNCTION regress.sql_calls(tenant text, install uuid, schedule uuid) RETURNS TABLE (call text, error text) LANGUAGE sql
AS $$ SELECT call, regress.error(format('SELECT ' || call, tenant, install, schedule))
        FROM unnest('{"extsched_create(%L, %L, ''GET /a'', ''0 * * * *'')","extsched_update(%L, %L, %L, ''{}'')","id FROM extsched_get(%L, %L, %L)","count(*) FROM extsched_list(%L, %L)",
                      "count(*) FROM extsched_endpoints(%L, %L)","extsched_validate(%L, %L, ''{}'') -> ''valid''","extsched_run_now(%L, %L, %L)","extsched_pause(%L, %L, %L, ''why'')","extsched_resume(%L, %L, %L)","extsched_disable_all(%L, %L)",
                      "extsched_preview_request(%L, %L, %L) -> ''reason''","extsched_delete(%L, %L, %L)"}'::text[]) AS call $$;

-- An unknown install, an unknown tenant, another tenant's install: one answer.
SELECT operation, answer - 'error', (answer ->> 'error') AS error FROM regress.all_operations('mine', regress.id(9), regress.id(8));
SELECT DISTINCT answer - 'error' FROM regress.all_operations('nobody', regress.id(1), regress.id(8));
SELECT count(DISTINCT answer) AS answers, replace(min(answer ->> 'error'), '000000000002', '000000000009') AS error
  FROM regress.all_operations('mine', regress.id(2), regress.schedule('theirs', 'theirs'));
SELECT * FROM regress.sql_calls('mine', regress.id(9), regress.id(8));
SELECT count(*) AS different FROM regress.sql_calls('mine', regress.id(2), regress.schedule('theirs', 'theirs')) AS a
  JOIN regress.sql_calls('mine', regress.id(9), regress.id(8)) AS b USING (call) WHERE a.error <> replace(b.error, '000000000009', '000000000002');

-- NULL for one of them is DENIED, on the SQL face 22004.
SELECT DISTINCT answer FROM regress.all_operations(NULL, regress.id(1), regress.id(8));
SELECT DISTINCT answer FROM regress.all_operations('mine', NULL, regress.id(8));
SELECT * FROM regress.sql_calls(NULL, regress.id(1), regress.id(8));

-- A foreign schedule is as absent as an unknown one, byte for byte but for the id.
SELECT operation, b.answer, a.answer::text = replace(b.answer::text, regress.id(8)::text, regress.schedule('theirs', 'theirs')::text) AS alike
  FROM regress.all_operations('mine', regress.id(1), regress.id(8)) AS b JOIN regress.all_operations('mine', regress.id(1), regress.schedule('theirs', 'theirs')) AS a USING (operation)
 WHERE operation IN ('get', 'update', 'delete');
SELECT a.call, CASE WHEN a.error LIKE '42704%' THEN b.error ELSE a.error END AS error, a.error = replace(b.error, regress.id(8)::text, regress.schedule('theirs', 'theirs')::text) AS alike
  FROM regress.sql_calls('mine', regress.id(1), regress.schedule('theirs', 'theirs')) AS a JOIN regress.sql_calls('mine', regress.id(1), regress.id(8)) AS b USING (call)
 WHERE a.call LIKE '%\%L, \%L, \%L%';
SELECT tenant_id, name, cron, enabled, revision FROM extsched.schedule WHERE name IS NOT NULL ORDER BY tenant_id, name;

-- The valid pair is served.
SELECT operation, answer -> 'success' FROM regress.all_operations('mine', regress.id(1), regress.schedule('mine', 'new'));

-- Without the capability all operations are DENIED: right after a revoke,
-- without any grant, and when a version no longer declares it.  Administrators
-- go on.
SELECT extsched_configure_install('mine', regress.id(1), '{"granted": []}');
SELECT operation, answer FROM regress.all_operations('mine', regress.id(1), regress.schedule('mine', 'mine'));
SELECT regress.error($$SELECT extsched_update('mine', regress.id(1), regress.schedule('mine', 'mine'), '{"cron": "10 * * * *"}')$$);
SELECT extsched_configure_install('mine', regress.id(1), '{"granted": ["cap:scheduler.manage"]}');
SELECT regress.host('mine', 'update', jsonb_build_object('scheduleId', regress.schedule('mine', 'mine'), 'cron', '15 * * * *'));
SELECT regress.register(58, 'GET /a, POST /b', '');
SELECT extsched_upgrade_install('mine', regress.id(1), regress.id(58)) IS NOT NULL AS upgraded;
SELECT DISTINCT answer - 'error' FROM regress.all_operations('mine', regress.id(1), regress.schedule('mine', 'mine'));
SELECT extsched_upgrade_install('mine', regress.id(1), regress.id(57)) IS NOT NULL AS upgraded;

-- A denied call is not charged, nor is one for an unknown install.
SELECT extsched_set_limits('mine', NULL, '{"mutations_per_minute": 10}');
SELECT regress.host('mine', 'create', '{}') ->> 'code';
SELECT cardinality(called_at) FROM extsched.install_limiter WHERE tenant_id = 'mine';
SELECT extsched_configure_install('mine', regress.id(1), '{"granted": []}');
SELECT regress.host('mine', 'create', '{}') ->> 'code', extsched_host('mine', regress.id(2), 'create', '{}') ->> 'code';
SELECT cardinality(called_at) FROM extsched.install_limiter WHERE tenant_id = 'mine';
SELECT extsched_configure_install('mine', regress.id(1), '{"granted": ["cap:scheduler.manage"]}');

-- On a disabled install the host face denies all six operations; SQL create,
-- update and run-now fail with 55000, while
-- get, list and delete go on.
SELECT extsched_set_install_enabled('mine', regress.id(1), false);
SELECT operation, answer FROM regress.all_operations('mine', regress.id(1), regress.schedule('mine', 'mine'));
SELECT call, CASE WHEN error LIKE 'ok%' THEN 'ok' ELSE error END AS error FROM regress.sql_calls('mine', regress.id(1), regress.schedule('mine', 'mine'));
SELECT count(*) FROM extsched_list('mine', regress.id(1));

SELECT tenant, problem FROM extsched_check();
SELECT extsched_drop_tenant(t) IS NOT NULL AS dropped FROM unnest('{mine,theirs}'::text[]) AS t;
SELECT extsched_drop_version(regress.id(n)) FROM unnest('{57,58}'::int[]) AS n;
DROP FUNCTION regress.all_operations, regress.sql_calls;
