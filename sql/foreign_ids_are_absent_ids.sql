-- Every function that takes a tenant, called with ids of another tenant, says
-- and does what it does for ids that do not exist.
SELECT regress.register(10, 'GET /a, POST /b');
SELECT regress.register(11, 'GET /a');
SELECT extsched_install('owner', regress.id(1), regress.id(10), '{cap:scheduler.manage}');
SELECT extsched_install('stranger', regress.id(2), regress.id(10), '{cap:scheduler.manage}');
SELECT extsched_create('owner', regress.id(1), 'GET /a', '0 * * * *', name => 'owned') AS owned \gset
CREATE TABLE regress.before AS SELECT s.*, i.version_id AS at_version, i.granted, i.enabled AS install_enabled, i.limits
  FROM extsched.schedules AS s JOIN extsched.install AS i USING (tenant_id, install_id);

-- Both calls as the stranger: one with the owner's ids, one with ids of nobody.
-- The ids themselves apart the answers are the same.
CREATE FUNCTION regress.answer(call text, install uuid, schedule uuid) RETURNS text
LANGUAGE sql AS $$
    SELECT replace(replace(regress.error(replace(replace(call, 'INSTALL', quote_literal(install) || '::uuid'), 'SCHEDULE', quote_literal(schedule) || '::uuid')),
                           install::text, 'INSTALL'), schedule::text, 'SCHEDULE')
$$;
CREATE TABLE regress.call (call text);
INSERT INTO regress.call VALUES
    ($$SELECT extsched_configure_install('stranger', INSTALL, '{"granted": []}')$$), ($$SELECT extsched_set_install_enabled('stranger', INSTALL, false)$$),
    ($$SELECT schedule FROM extsched_preview_upgrade('stranger', INSTALL, regress.id(11))$$), ($$SELECT extsched_upgrade_install('stranger', INSTALL, regress.id(11))$$),
    ($$SELECT extsched_uninstall('stranger', INSTALL)$$), ($$SELECT extsched_set_limits('stranger', INSTALL, '{"max_schedules": 0}')$$),
    ($$SELECT extsched_create('stranger', INSTALL, 'GET /a', '0 * * * *')$$), ($$SELECT extsched_list('stranger', INSTALL)$$),
    ($$SELECT extsched_endpoints('stranger', INSTALL)$$), ($$SELECT extsched_disable_all('stranger', INSTALL)$$),
    ($$SELECT extsched_validate('stranger', INSTALL, '{"endpoint": "GET /a", "cron": "0 * * * *"}')$$),
    ($$SELECT extsched_host('stranger', INSTALL, 'list')$$), ($$SELECT extsched_host('stranger', INSTALL, 'getEndpoints')$$),
    ($$SELECT action FROM extsched_import_pg_cron('stranger', INSTALL)$$);
INSERT INTO regress.call
SELECT format(c, i) FROM unnest(ARRAY['INSTALL', 'regress.id(2)']) AS i,
  unnest(ARRAY[$$SELECT extsched_update('stranger', %s, SCHEDULE, '{"enabled": false}')$$, $$SELECT extsched_delete('stranger', %s, SCHEDULE)$$,
               $$SELECT extsched_get('stranger', %s, SCHEDULE)$$, $$SELECT extsched_run_now('stranger', %s, SCHEDULE)$$,
               $$SELECT extsched_pause('stranger', %s, SCHEDULE, 'why')$$, $$SELECT extsched_resume('stranger', %s, SCHEDULE)$$,
               $$SELECT extsched_backfill('stranger', %s, SCHEDULE, now() - interval '1 hour', now())$$, $$SELECT extsched_preview_request('stranger', %s, SCHEDULE)$$,
               $$SELECT extsched_host('stranger', %s, 'get', jsonb_build_object('scheduleId', SCHEDULE))$$,
               $$SELECT extsched_host('stranger', %s, 'update', jsonb_build_object('scheduleId', SCHEDULE, 'enabled', false))$$,
               $$SELECT extsched_host('stranger', %s, 'delete', jsonb_build_object('scheduleId', SCHEDULE))$$]) AS c;
CREATE TABLE regress.answers AS
SELECT c.call, regress.answer(c.call, regress.id(1), :'owned') AS foreign_ids, regress.answer(c.call, regress.id(77), regress.id(78)) AS absent_ids FROM regress.call AS c;
SELECT call, foreign_ids, absent_ids FROM regress.answers WHERE foreign_ids IS DISTINCT FROM absent_ids;
SELECT split_part(split_part(call, 'extsched_', 2), '(', 1) AS function, count(*) AS calls, string_agg(DISTINCT left(foreign_ids, 5), ' ') AS answers
  FROM regress.answers GROUP BY 1 ORDER BY 1;

-- Every function with a tenant and an install is among them.
SELECT p.proname AS not_called FROM pg_proc AS p
 WHERE p.proname LIKE 'extsched\_%' AND p.proargnames[1] = 'tenant' AND 'install' = ANY (p.proargnames) AND p.proname <> 'extsched_install'
   AND NOT EXISTS (SELECT FROM regress.call WHERE call LIKE '%' || p.proname || '(%');

-- Nothing of the owner has changed.
SELECT count(*) AS same FROM regress.before AS b
  JOIN (SELECT s.*, i.version_id, i.granted, i.enabled AS install_enabled, i.limits FROM extsched.schedules AS s JOIN extsched.install AS i USING (tenant_id, install_id)) AS a ON a::text = b::text;

-- Nor can the owner of the tables by hand tie a schedule to the endpoint of
-- another version, or to the install of another tenant.
SELECT regress.error(format('UPDATE extsched.schedule SET endpoint_id = (SELECT endpoint_id FROM extsched.endpoint WHERE version_id = regress.id(11)) WHERE schedule_id = %L', :'owned')) ~ '^23503' AS refused;
SELECT regress.error(format('UPDATE extsched.schedule SET version_id = regress.id(11), endpoint_id = (SELECT endpoint_id FROM extsched.endpoint WHERE version_id = regress.id(11)) WHERE schedule_id = %L', :'owned')) ~ '^23503' AS refused;
SELECT regress.error(format('UPDATE extsched.schedule SET install_id = regress.id(2) WHERE schedule_id = %L', :'owned')) ~ '^23503' AS refused;
SELECT regress.error(format('UPDATE extsched.schedule SET tenant_id = ''stranger'' WHERE schedule_id = %L', :'owned')) ~ '^23503' AS refused;

DROP TABLE regress.before, regress.call, regress.answers;
DROP FUNCTION regress.answer;
SELECT extsched_drop_tenant('owner'), extsched_drop_tenant('stranger'), extsched_drop_version(regress.id(10)), extsched_drop_version(regress.id(11));
