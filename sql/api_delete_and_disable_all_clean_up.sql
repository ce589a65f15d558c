-- delete removes a schedule and what waits of it; disable_all stops all of an
-- install; pause and resume stop one.
\pset format unaligned
SELECT regress.set_up('stop', 76);
SELECT extsched_create('stop', regress.id(1), 'GET /a', '0 0 * * *', name => 'n' || n, enabled => n <> 3) IS NOT NULL AS created FROM generate_series(1, 4) AS n;
INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, attempt, ready_at, created_at, lease_id, lease_owner, lease_expires_at, schedule_name)
SELECT 'stop', s.schedule_id, t, trigger, extsched.run_slot(t), extsched.run_id('stop', s.schedule_id, t, trigger), s.install_id, 'default', state, 1, t, t, CASE WHEN state = 'running' THEN gen_random_uuid() END, 'test', CASE WHEN state = 'running' THEN t + interval '1 hour' END, s.name
  FROM extsched.schedule AS s, (VALUES (1, 'pending', 'schedule'), (2, 'running', 'schedule'), (3, 'retrying', 'schedule'), (4, 'pending', 'manual')) AS r (n, state, trigger), LATERAL (SELECT date_trunc('minute', now()) - n * interval '1 min') AS x (t)
 WHERE s.tenant_id = 'stop' AND s.name IN ('n1', 'n2');
UPDATE extsched.timer AS m SET in_flight = 4 FROM extsched.schedule AS s WHERE s.tenant_id = 'stop' AND m.schedule_id = s.schedule_id AND s.name IN ('n1', 'n2');

-- Deleted: what had not started is cancelled, what is in flight goes on, and
-- history keeps id and name.
SELECT extsched_delete('stop', regress.id(1), regress.schedule('stop', 'n1'));
SELECT state, reason, trigger, attempt, finished_at IS NOT NULL AS finished FROM extsched.run WHERE tenant_id = 'stop' AND schedule_name = 'n1' ORDER BY state, trigger;
SELECT object_name, before, after FROM extsched.audit WHERE tenant_id = 'stop' AND action = 'schedule.delete';
SELECT count(*) FROM extsched.timer WHERE tenant_id = 'stop';
SELECT regress.error(format('SELECT extsched_delete(''stop'', regress.id(1), %L)', regress.id(9)));
SELECT regress.error('SELECT extsched_delete(''stop'', regress.id(1), NULL)');

-- An error at the end leaves the schedule whole, and still due.
SELECT regress.state() AS before \gset
CREATE FUNCTION regress.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE TRIGGER fail AFTER DELETE ON extsched.schedule FOR EACH ROW EXECUTE FUNCTION regress.fail();
SELECT regress.error(format('SELECT extsched_delete(''stop'', regress.id(1), %L)', regress.schedule('stop', 'n2'))), regress.host('stop', 'delete', jsonb_build_object('scheduleId', regress.schedule('stop', 'n2'))) ->> 'code';
DROP TRIGGER fail ON extsched.schedule;
DROP FUNCTION regress.fail();
SELECT regress.state() = :'before' AS unchanged;

-- Paused: kept, shown without a next run; the reason can change; resumed.
SELECT extsched_pause('stop', regress.id(1), regress.schedule('stop', 'n4'), reason) FROM unnest('{maintenance,maintenance,"longer maintenance"}'::text[]) AS reason;
SELECT is_paused, pause_reason, paused_at IS NOT NULL AS since, next_due IS NOT NULL AS armed FROM extsched.timer WHERE tenant_id = 'stop' AND schedule_id = regress.schedule('stop', 'n4');
SELECT name, enabled, next_run_at IS NULL AS stopped FROM extsched_list('stop', regress.id(1));
SELECT regress.error(format('SELECT extsched_pause(''stop'', regress.id(1), %L, %L)', regress.schedule('stop', 'n4'), reason)) FROM unnest(ARRAY[NULL, '', repeat('x', 4001)]) AS reason;
SELECT extsched_resume('stop', regress.id(1), regress.schedule('stop', 'n4')) FROM generate_series(1, 2);
SELECT is_paused, pause_reason, paused_at FROM extsched.timer WHERE tenant_id = 'stop' AND schedule_id = regress.schedule('stop', 'n4');

-- A quarantine ends with resume, and the schedule is armed again.
UPDATE extsched.timer SET next_due = NULL, quarantine_reason = 'planted', consecutive_failures = 3 WHERE tenant_id = 'stop' AND schedule_id = regress.schedule('stop', 'n4');
SELECT extsched_resume('stop', regress.id(1), regress.schedule('stop', 'n4'));
SELECT quarantine_reason, consecutive_failures, next_due > now() AS armed FROM extsched.timer WHERE tenant_id = 'stop' AND schedule_id = regress.schedule('stop', 'n4');
-- So it does with any change of the schedule.
UPDATE extsched.timer SET next_due = NULL, quarantine_reason = 'planted' WHERE tenant_id = 'stop' AND schedule_id = regress.schedule('stop', 'n4');
SELECT extsched_update('stop', regress.id(1), regress.schedule('stop', 'n4'), '{"payload": []}');
SELECT quarantine_reason, next_due > now() AS armed FROM extsched.timer WHERE tenant_id = 'stop' AND schedule_id = regress.schedule('stop', 'n4');

-- disable_all disables what is enabled, says how many, and cancels what the
-- recurrence had asked for; a second call has nothing to do.
SELECT extsched_disable_all('stop', regress.id(1));
SELECT extsched_disable_all('stop', regress.id(1));
SELECT s.name, s.enabled, s.revision, m.next_due, m.in_flight FROM extsched.schedule AS s JOIN extsched.timer AS m USING (tenant_id, schedule_id) WHERE tenant_id = 'stop' ORDER BY name;
SELECT state, reason, trigger FROM extsched.run WHERE tenant_id = 'stop' AND schedule_name = 'n2' ORDER BY state, trigger;
SELECT action, object_name, before, after FROM extsched.audit WHERE tenant_id = 'stop' AND action IN ('schedule.pause', 'schedule.resume', 'schedule.update') ORDER BY action, object_name, at;

-- An administrator deletes on a disabled install too, and a schedule that was
-- never armed.
SELECT extsched_set_install_enabled('stop', regress.id(1), false);
SELECT extsched_delete('stop', regress.id(1), regress.schedule('stop', name)) FROM unnest('{n2,n3,n4}'::text[]) AS name;
SELECT count(*) FROM extsched.schedule WHERE tenant_id = 'stop';
DELETE FROM extsched.run WHERE tenant_id = 'stop';
SELECT extsched_drop_tenant('stop');
SELECT extsched_drop_version(regress.id(76));
