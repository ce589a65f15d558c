-- An install has as many schedules as its limit says, whatever made them.
\pset format unaligned
SELECT regress.set_up('quota', 66);
SELECT extsched_install('free', regress.id(1), regress.id(66), '{cap:scheduler.manage}');

-- 50 is the default: host and SQL, enabled and disabled count alike; then the
-- 51st is refused on each face, and it is no field error.
SELECT count(CASE WHEN n % 2 = 0 THEN regress.host('quota', 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'enabled', n % 3 = 0)) ->> 'scheduleId'
                  ELSE extsched_create('quota', regress.id(1), 'GET /a', '0 0 * * *', name => 'n' || n, enabled => n % 3 = 0)::text END)
  FROM generate_series(1, 50) AS n;
SELECT regress.host('quota', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "enabled": false}');
SELECT * FROM regress.outcome($$SELECT extsched_create('quota', regress.id(1), 'GET /a', '0 0 * * *')$$);
SELECT extsched_validate('quota', regress.id(1), '{"endpoint": "GET /a", "cron": "0 0 * * *"}');
SELECT count(*) FROM extsched_list('quota', regress.id(1));

-- Wrong fields and a taken name come first.
SELECT regress.host('quota', 'create', '{"endpoint": "GET /x", "cron": "0 0 * * *"}') ->> 'code', regress.host('quota', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "n1"}') ->> 'error';

-- Another install is not concerned; updates go on; a deleted one makes room.
SELECT regress.host('free', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}') ->> 'success';
SELECT regress.host('quota', 'update', jsonb_build_object('scheduleId', regress.schedule('quota', 'n1'), 'enabled', true)) ->> 'success';
SELECT regress.host('quota', 'delete', jsonb_build_object('scheduleId', regress.schedule('quota', 'n1')));
SELECT regress.host('quota', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}') ->> 'success', regress.host('quota', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}') ->> 'code';

-- Limits: the install's own wins, then the tenant's, then the setting; in force
-- from the next call on, and existing schedules stay.
CREATE FUNCTION regress.may_create(tenant text) RETURNS text LANGUAGE sql
AS $$ SELECT coalesce(answer ->> 'code', 'yes') FROM regress.host(tenant, 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}') AS answer $$;
SELECT extsched_set_limits('quota', NULL, '{"max_schedules": 51}');
SELECT regress.may_create('quota'), regress.may_create('quota');
SELECT extsched_set_limits('quota', regress.id(1), '{"max_schedules": 52}');
SELECT regress.may_create('quota'), regress.may_create('quota');
SELECT extsched_set_limits('quota', regress.id(1), '{"max_schedules": 0}');
SELECT regress.may_create('quota');
SELECT count(*) FROM extsched_list('quota', regress.id(1));
SELECT extsched_set_limits('quota', regress.id(1), '{"max_schedules": -1}');
SELECT regress.may_create('quota');
SELECT extsched_set_limits('quota', regress.id(1), '{"max_schedules": null}');
SELECT extsched_set_limits('quota', NULL, '{"max_schedules": null}');
SELECT regress.may_create('quota');
SET extsched.max_schedules_per_install = 54;
SELECT regress.may_create('quota'), regress.may_create('quota');
RESET extsched.max_schedules_per_install;

-- Staged roll-out: a tenant with 0 cannot create, others can.
SELECT extsched_set_limits('free', NULL, '{"max_schedules": 0}');
SELECT regress.host('free', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}');
SELECT extsched_set_limits('free', NULL, '{"max_schedules": null}');
SELECT regress.may_create('free');

-- A total of the tenant counts over all its installs.
SELECT regress.register(72, 'GET /a');
SELECT extsched_install('free', regress.id(2), regress.id(72), '{cap:scheduler.manage}');
SELECT extsched_set_limits('free', NULL, '{"max_schedules_total": 4}');
SELECT regress.may_create('free'), extsched_host('free', regress.id(2), 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}') ->> 'success';
SELECT regress.host('free', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}', regress.id(2));
SELECT * FROM regress.outcome($$SELECT extsched_create('free', regress.id(1), 'GET /a', '0 0 * * *')$$);
SELECT extsched_set_limits('free', NULL, '{"max_schedules_total": null}');
SET extsched.max_schedules_per_tenant = 5;
SELECT regress.may_create('free'), regress.may_create('free');
RESET extsched.max_schedules_per_tenant;

SELECT extsched_drop_tenant(t) FROM unnest('{quota,free}'::text[]) AS t;
SELECT extsched_drop_version(regress.id(n)) FROM unnest('{66,72}'::int[]) AS n;
DROP FUNCTION regress.may_create;
