-- Overrides of limits, the kill switch of a tenant, and Runners: what is
-- stored, what is refused, what is on record.

-- Limits of a tenant need no install; an absent key keeps, null removes.
SELECT extsched_set_limits('limited', NULL, '{"max_schedules": 3, "max_schedules_total": 10, "min_interval_s": 60, "mutations_per_minute": 0, "run_now_per_minute": -1, "max_in_flight": 1.0}');
SELECT extsched_set_limits('limited', limits => '{"max_schedules": null, "max_in_flight": 5}');
SELECT extsched_set_limits('limited', limits => '{"max_in_flight": 5}');
SELECT limits FROM extsched.tenant WHERE tenant_id = 'limited';

-- An install has its own, those apart that are the tenant's.
SELECT regress.register(10, 'GET /a');
SELECT extsched_install('limited', regress.id(1), regress.id(10));
SELECT extsched_set_limits('limited', regress.id(1), '{"max_schedules": 0, "min_interval_s": 3600, "mutations_per_minute": 100, "max_in_flight": 2}');
SELECT extsched_set_limits('limited', regress.id(1), '{"min_interval_s": null}');
SELECT limits FROM extsched.install WHERE tenant_id = 'limited';
SELECT * FROM regress.outcome('SELECT extsched_set_limits(''limited'', regress.id(1), ''{"run_now_per_minute": 1, "max_schedules_total": 2}'')');

-- Refusals.
SELECT limits, o.outcome, o.message, o.hint
  FROM unnest(ARRAY['[]', '5', '{"max_schedule": 5}', '{"max_schedules": -2}', '{"max_schedules": 1.5}', '{"max_schedules": "5"}',
                    '{"max_schedules": true}', '{"max_schedules": 2147483648}', '{"max_schedules": 1e99}']) AS limits,
       regress.outcome(format('SELECT extsched_set_limits(%L, NULL, %L)', 'limited', limits)) AS o;
SELECT regress.error('SELECT extsched_set_limits(NULL, NULL, ''{}'')'), regress.error('SELECT extsched_set_limits(''limited'', NULL, NULL)');
SELECT regress.error('SELECT extsched_set_limits('''', NULL, ''{}'')');
SELECT regress.error('SELECT extsched_set_limits(''limited'', regress.id(2), ''{}'')'), regress.error('SELECT extsched_set_limits(''stranger'', regress.id(1), ''{}'')');

-- They are in force from the next call on: the install's, else the tenant's,
-- else the setting; what exists stays.
SELECT regress.register(20, 'GET /a');
SELECT extsched_install('ranked', regress.id(1), regress.id(20), '{cap:scheduler.manage}');
CREATE FUNCTION regress.create_one() RETURNS text LANGUAGE sql AS $$ SELECT split_part(regress.error($c$SELECT extsched_create('ranked', regress.id(1), 'GET /a', '0 * * * *')$c$), ' ', 1) $$;
SELECT extsched_set_limits('ranked', NULL, '{"max_schedules": 1}');
SELECT regress.create_one(), regress.create_one();
SELECT extsched_set_limits('ranked', regress.id(1), '{"max_schedules": 2}');
SELECT regress.create_one(), regress.create_one();
SELECT extsched_set_limits('ranked', regress.id(1), '{"max_schedules": null}');
SELECT regress.create_one(), (SELECT count(*) FROM extsched.schedule WHERE tenant_id = 'ranked') AS kept;
SELECT extsched_set_limits('ranked', NULL, '{"max_schedules": null}');
SELECT regress.create_one();
DROP FUNCTION regress.create_one;
SELECT extsched_drop_tenant('ranked'), extsched_drop_version(regress.id(20));

-- A tenant is paused with a reason, before it has an install, too; pausing
-- again changes the reason.
SELECT extsched_pause_tenant('limited', 'unpaid'), extsched_pause_tenant('early', 'not yet');
SELECT extsched_pause_tenant('limited', 'unpaid'), extsched_pause_tenant('limited', 'abuse');
SELECT tenant_id, is_paused, pause_reason, paused_at IS NOT NULL AS has_time FROM extsched.tenant ORDER BY tenant_id;
SELECT extsched_resume_tenant('limited'), extsched_resume_tenant('limited'), extsched_resume_tenant('early');
SELECT tenant_id, is_paused, pause_reason, paused_at IS NOT NULL AS has_time FROM extsched.tenant ORDER BY tenant_id;
SELECT * FROM regress.outcome('SELECT extsched_resume_tenant(''stranger'')');
SELECT regress.error('SELECT extsched_pause_tenant(NULL, ''x'')'), regress.error('SELECT extsched_pause_tenant(''limited'', NULL)'),
       regress.error('SELECT extsched_resume_tenant(NULL)'), regress.error('SELECT extsched_pause_tenant(''limited'', repeat(''x'', 4001))');

-- A Runner is defined whole.
SELECT extsched_set_runner('regress_a', 'http', 'https://runner.internal:8443/base/', '{"timeout_ms": 5000, "connect_timeout_ms": 100, "max_in_flight": 7, "context_headers": true}');
SELECT * FROM extsched.runner WHERE runner = 'regress_a';
SELECT extsched_set_runner('regress_a', 'http', 'https://runner.internal:8443/base/', '{"timeout_ms": null}');
SELECT extsched_set_runner('regress_b', 'notify', options => '{"max_in_flight": 3}');
SELECT extsched_set_runner('regress_b', 'notify', options => '{"max_in_flight": 3}');
SELECT * FROM extsched.runner WHERE runner LIKE 'regress%' ORDER BY runner;
SELECT call, o.outcome, o.message, o.detail
  FROM unnest(ARRAY[$$NULL, 'notify'$$, $$'r', NULL$$, $$'r', 'notify', NULL, NULL$$, $$'Upper', 'notify'$$, $$'', 'notify'$$, $$'r', 'smtp'$$,
                    $$'r', 'http'$$, $$'r', 'notify', 'http://x'$$, $$'r', 'http', 'ftp://x'$$, $$'r', 'http', 'http://user:MARKER@x/'$$,
                    $$'r', 'http', 'http://x/?q=1'$$, $$'r', 'http', 'x'$$, $$'r', 'notify', NULL, '[]'$$, $$'r', 'notify', NULL, '{"timeout": 1}'$$,
                    $$'r', 'notify', NULL, '{"timeout_ms": 0}'$$, $$'r', 'notify', NULL, '{"timeout_ms": "1"}'$$, $$'r', 'notify', NULL, '{"max_in_flight": 1.5}'$$,
                    $$'r', 'notify', NULL, '{"context_headers": 1}'$$]) AS call,
       regress.outcome(format('SELECT extsched_set_runner(%s)', call)) AS o;

-- All of it is on record, once for each change.
SELECT tenant_id, action, install_id, object_name, before, after FROM extsched.audit_log
 WHERE tenant_id IN ('limited', 'early') OR action = 'runner.set' AND object_name LIKE 'regress\_%' ORDER BY at;

DELETE FROM extsched.runner WHERE runner LIKE 'regress%';
SELECT extsched_drop_tenant('limited'), extsched_drop_tenant('early'), extsched_drop_version(regress.id(10));
