-- A name is unique in an install, on create and on rename; letters count as
-- they are, and no name is never taken.
\pset format unaligned
SELECT regress.set_up('names', 64);
SELECT regress.register(71, 'GET /a');
SELECT extsched_install('names', regress.id(2), regress.id(71), '{cap:scheduler.manage}');
SELECT extsched_create('names', regress.id(1), 'GET /a', '0 0 * * *', name => name) IS NOT NULL AS created FROM unnest(ARRAY['Daily', 'daily', 'other', NULL, NULL, '  ']) AS name;
SELECT extsched_create('names', regress.id(2), 'GET /a', '0 0 * * *', name => 'Daily') IS NOT NULL AS created;

SELECT regress.host('names', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": " Daily "}');
SELECT * FROM regress.outcome($$SELECT extsched_create('names', regress.id(1), 'GET /a', '0 0 * * *', name => 'Daily')$$);
SELECT regress.verdict('names', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "Daily"}');
SELECT regress.host('names', 'update', jsonb_build_object('scheduleId', regress.schedule('names', 'other'), 'name', 'Daily', 'cron', '5 0 * * *'));
SELECT * FROM regress.outcome($$SELECT extsched_update('names', regress.id(1), regress.schedule('names', 'other'), '{"name": "Daily", "cron": "5 0 * * *"}')$$);
SELECT name, cron, revision FROM extsched_list('names', regress.id(1)) WHERE name = 'other';
-- Its own name is not taken by itself.
SELECT regress.host('names', 'update', jsonb_build_object('scheduleId', regress.schedule('names', 'other'), 'name', 'other', 'cron', '5 0 * * *'));

-- A deleted or renamed one frees its name.
SELECT extsched_delete('names', regress.id(1), regress.schedule('names', 'daily'));
SELECT extsched_update('names', regress.id(1), regress.schedule('names', 'other'), '{"name": "daily"}');
SELECT regress.host('names', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "other"}');
SELECT name FROM extsched_list('names', regress.id(1)) ORDER BY name COLLATE "C";
SELECT extsched_drop_tenant('names');
SELECT extsched_drop_version(regress.id(n)) FROM unnest('{64,71}'::int[]) AS n;
