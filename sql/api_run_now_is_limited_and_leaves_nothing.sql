-- run-now makes one run for an administrator, five in a minute for a tenant
-- over all its installs; a refused call leaves nothing.
\pset format unaligned
SELECT regress.set_up('now', 74);
SELECT regress.register(80, 'GET /a');
SELECT extsched_install('now', regress.id(2), regress.id(80));
SELECT extsched_set_limits('now', NULL, '{"run_now_per_minute": null}');
SELECT extsched_create('now', regress.id(1), 'POST /b', '0 0 * * *', name => 'one', options => '{"overlap": "allow"}') IS NOT NULL AS created,
       extsched_create('now', regress.id(1), 'POST /b', '0 0 * * *', name => 'disabled', enabled => false, options => '{"overlap": "queue_one"}') IS NOT NULL AS created,
       extsched_create('now', regress.id(2), 'GET /a', '0 0 * * *', name => 'two') IS NOT NULL AS created;
CREATE FUNCTION regress.run_now(name text, key text DEFAULT NULL, install integer DEFAULT 1) RETURNS text LANGUAGE sql
AS $$ SELECT CASE WHEN error LIKE 'ok%' THEN 'run' ELSE regexp_replace(error, 'schedule [0-9a-f-]{36}', 'schedule (id)') END
        FROM regress.error(format('SELECT extsched_run_now(''now'', regress.id(%s), %L, %L)', install, regress.schedule('now', name), key)) AS error $$;

-- The run is a row of its own beside the recurrence, whose due time stays.
CREATE TEMP TABLE before AS SELECT schedule_id, next_due FROM extsched.timer WHERE tenant_id = 'now';
SELECT regress.run_now('one', 'key');
SELECT r.trigger, r.state, r.attempt, r.install_id, r.runner, r.schedule_name, r.endpoint_method, r.endpoint_path, r.content_hash, r.caller_key, r.run_id = extsched.run_id('now', r.schedule_id, r.nominal_time, 'manual') AS keyed, m.in_flight
  FROM extsched.run AS r JOIN extsched.timer AS m USING (tenant_id, schedule_id) WHERE r.tenant_id = 'now';
-- A known key is the same run, however often, also when it has ended.
SELECT count(DISTINCT extsched_run_now('now', regress.id(1), regress.schedule('now', 'one'), 'key')) FROM generate_series(1, 10);
UPDATE extsched.run SET state = 'succeeded', finished_at = now() WHERE tenant_id = 'now';
UPDATE extsched.timer SET in_flight = 0 WHERE tenant_id = 'now';
SELECT extsched_run_now('now', regress.id(1), regress.schedule('now', 'one'), 'key') = run_id AS same FROM extsched.run WHERE tenant_id = 'now';
-- Without a key each call is a new run; the overlap policy applies, recorded.
SELECT regress.run_now('one'), regress.run_now('disabled'), regress.run_now('disabled');
SELECT regress.run_now('two', NULL, 2);
-- The sixth of the minute is refused, for each install of the tenant; a known
-- key is still free.
SELECT regress.run_now('one'), regress.run_now('two', NULL, 2), regress.run_now('two', 'key', 2), regress.run_now('one', 'key');
SELECT outcome, message, hint LIKE 'Try again in % seconds.' AS hint FROM regress.outcome(format('SELECT extsched_run_now(''now'', regress.id(1), %L)', regress.schedule('now', 'one')));
SELECT schedule_name, state, reason, waits_for_slot, count(*) FROM extsched.run WHERE tenant_id = 'now' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT s.name, m.in_flight, m.next_due IS NOT DISTINCT FROM b.next_due AS due_stays FROM extsched.timer AS m JOIN extsched.schedule AS s USING (tenant_id, schedule_id) JOIN before AS b ON b.schedule_id = m.schedule_id WHERE tenant_id = 'now' ORDER BY s.name;
SELECT object_name, actor, face, after -> 'skipped' AS skipped, count(*) FROM extsched.audit WHERE tenant_id = 'now' AND action = 'schedule.run_now' GROUP BY 1, 2, 3, 4 ORDER BY 1, 4;

-- When the minute has passed there is room again.
UPDATE extsched.tenant_limiter SET called_at = ARRAY(SELECT a - interval '60 s' FROM unnest(called_at) AS a) WHERE tenant_id = 'now';
SELECT regress.run_now('one');

-- Disabled install 55000, unknown schedule 42704, unknown pair 42704, no
-- schedule 22004, wrong key 22023, no row to count in XX001: nothing is left.
SELECT extsched_set_install_enabled('now', regress.id(1), false);
SELECT regress.run_now('one'), regress.run_now('one', 'key'), regress.run_now('two'), regress.run_now('one', NULL, 3), regress.run_now('nothing');
SELECT extsched_set_install_enabled('now', regress.id(1), true);
SELECT regress.run_now('two'), regress.run_now('one', ''), regress.run_now('one', repeat('k', 256));
CREATE TEMP TABLE limiter AS SELECT * FROM extsched.tenant_limiter WHERE tenant_id = 'now';
DELETE FROM extsched.tenant_limiter WHERE tenant_id = 'now';
SELECT regress.run_now('one');
INSERT INTO extsched.tenant_limiter SELECT * FROM limiter;
SELECT count(*), (SELECT sum(m.in_flight) FROM extsched.timer AS m WHERE tenant_id = 'now') AS in_flight FROM extsched.run WHERE tenant_id = 'now';

-- Limits of the tenant.
SELECT extsched_set_limits('now', NULL, '{"run_now_per_minute": 2}');
SELECT regress.run_now('one'), regress.run_now('one');
SELECT extsched_set_limits('now', NULL, '{"run_now_per_minute": 0}');
SELECT regress.run_now('one');
SELECT extsched_set_limits('now', NULL, '{"run_now_per_minute": -1}');
SELECT count(DISTINCT extsched_run_now('now', regress.id(1), regress.schedule('now', 'one'))) FROM generate_series(1, 20);

SELECT extsched_drop_tenant('now');
DELETE FROM extsched.run WHERE tenant_id = 'now';
SELECT extsched_drop_version(regress.id(n)) FROM unnest('{74,80}'::int[]) AS n;
DROP TABLE before, limiter;
DROP FUNCTION regress.run_now;
