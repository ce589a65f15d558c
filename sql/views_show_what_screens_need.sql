-- The views show schedules, runs and what is overdue across tenants, and no
-- secret.
SELECT regress.register(10, 'GET /a, POST /b');
SELECT extsched_install('viewed', regress.id(1), regress.id(10), '{cap:scheduler.manage}', '{}', '{"ciphertext_b64": "MARKER"}');
SELECT extsched_install('viewed too', regress.id(1), regress.id(10), '{cap:scheduler.manage}', '{}', '{"ciphertext_b64": "MARKER"}');
CREATE TABLE regress.made AS
SELECT n, extsched_create(CASE WHEN n = 9 THEN 'viewed too' ELSE 'viewed' END, regress.id(1), 'POST /b', '0 9 * * *', 'Europe/Berlin',
                          'schedule ' || n, '{"n": 1}', n <> 2, '{"overlap": "allow"}') AS id
  FROM generate_series(1, 9) AS n;

-- Each state of a schedule has a status, and its reason.
UPDATE extsched.timer AS t SET is_paused = true, pause_reason = 'too many failures' FROM regress.made AS m WHERE m.id = t.schedule_id AND m.n = 3;
UPDATE extsched.timer AS t SET quarantine_reason = 'zone is gone', next_due = NULL FROM regress.made AS m WHERE m.id = t.schedule_id AND m.n = 4;
UPDATE extsched.timer AS t SET next_due = NULL FROM regress.made AS m WHERE m.id = t.schedule_id AND m.n = 5;
UPDATE extsched.schedule AS s SET version_id = NULL, endpoint_id = NULL, enabled = false, invalid_reason = 'endpoint is gone' FROM regress.made AS m WHERE m.id = s.schedule_id AND m.n = 6;
SELECT extsched_pause_tenant('viewed too', 'unpaid');
SELECT s.tenant_id, s.name, s.endpoint_method, s.endpoint_path, s.cron, s.timezone, s.payload, s.enabled, s.status, s.status_reason, s.overlap, s.extension, s.version, s.runner, s.created_via, s.revision
  FROM extsched.schedules AS s JOIN regress.made AS m ON m.id = s.schedule_id WHERE m.n IN (1, 2, 3, 4, 5, 6, 9) ORDER BY m.n;
SELECT extsched_set_install_enabled('viewed', regress.id(1), false);
SELECT status, count(*) FROM extsched.schedules WHERE tenant_id = 'viewed' AND install_id = regress.id(1) GROUP BY status ORDER BY status;
SELECT extsched_set_install_enabled('viewed', regress.id(1), true);

-- Runs have their lateness and their duration, and never a lease: who knows the
-- lease of a run can complete it.
INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, reason, attempt, ready_at, created_at,
                          dispatched_at, attempt_at, finished_at, http_status, error, schedule_name, endpoint_method, endpoint_path)
SELECT 'viewed', m.id, t.at, 'schedule', extsched.run_slot(t.at), extsched.run_id('viewed', m.id, t.at, 'schedule'), regress.id(1), 'default',
       'failed', 'http_status', 3, t.at, t.at, t.at + interval '2 seconds', t.at + interval '1 minute', t.at + interval '62 seconds', 503, 'busy', 'schedule 1', 'POST', '/b'
  FROM regress.made AS m, LATERAL (SELECT date_trunc('day', now()) AS at) AS t WHERE m.n = 1;
SELECT schedule_name, trigger, state, reason, attempt, lateness, duration, http_status, error, endpoint_method, endpoint_path FROM extsched.runs WHERE tenant_id = 'viewed';
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'extsched' AND table_name IN ('schedules', 'runs', 'overdue', 'audit_log')
   AND column_name ~ 'envelope|lease_id|key_file|secret';

-- What should have happened is overdue: a nominal time nobody took, a run that
-- could start and has not.
SELECT count(*) FROM extsched.overdue;
UPDATE extsched.timer AS t SET next_due = now() - interval '1 hour' FROM regress.made AS m WHERE m.id = t.schedule_id AND m.n = 1;
INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, waits_for_slot, ready_at, created_at, schedule_name)
SELECT 'viewed', m.id, t.at, 'manual', extsched.run_slot(t.at), extsched.run_id('viewed', m.id, t.at, 'manual'), regress.id(1), 'default',
       'pending', m.n = 7, t.at, t.at, 'schedule ' || m.n
  FROM regress.made AS m, LATERAL (SELECT now() - interval '10 minutes' AS at) AS t WHERE m.n IN (7, 8);
SELECT tenant_id, name, what, overdue_by > interval '9 minutes' AS late, run_id IS NOT NULL AS is_run FROM extsched.overdue ORDER BY what, name;

-- No secret in any of them.
SELECT (SELECT count(*) FROM extsched.schedules AS v WHERE v::text LIKE '%MARKER%') + (SELECT count(*) FROM extsched.runs AS v WHERE v::text LIKE '%MARKER%')
     + (SELECT count(*) FROM extsched.audit_log AS v WHERE v::text LIKE '%MARKER%') AS leaks;

DROP TABLE regress.made;
SELECT extsched_drop_tenant('viewed'), extsched_drop_tenant('viewed too'), extsched_drop_version(regress.id(10));
DELETE FROM extsched.run;
