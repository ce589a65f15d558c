-- A backfill makes the runs that are missing in a range, and no other.
SELECT regress.register(10, 'GET /a');
SELECT extsched_install('filled', regress.id(1), regress.id(10), '{cap:scheduler.manage}', runner => 'blue');
SELECT extsched_create('filled', regress.id(1), 'GET /a', '0 * * * *', name => 'hourly') AS id \gset
SELECT date_trunc('hour', now()) - interval '10 hours' AS start \gset
CREATE FUNCTION regress.record(hours integer, state text, missed_hours integer DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, reason, ready_at,
                              created_at, finished_at, missed_count, missed_first, lease_id)
    SELECT s.tenant_id, s.schedule_id, t.at, 'schedule', extsched.run_slot(t.at), extsched.run_id('filled', s.schedule_id, t.at, 'schedule'),
           s.install_id, 'blue', state, CASE WHEN state NOT IN ('succeeded', 'running') THEN 'overlap' END, t.at, t.at, CASE WHEN state <> 'running' THEN t.at END,
           missed_hours, t.at - make_interval(hours => missed_hours - 1), CASE WHEN state = 'running' THEN gen_random_uuid() END
      FROM extsched.schedule AS s
     CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) + make_interval(hours => hours - 10) AS at) AS t
     WHERE s.tenant_id = 'filled'
$$;
CREATE VIEW regress.filled AS
SELECT extract(epoch FROM nominal_time - (date_trunc('hour', now()) - interval '10 hours'))::integer / 3600 AS hour, trigger, state, waits_for_slot, runner, schedule_name,
       run_id = extsched.run_id('filled', schedule_id, nominal_time, trigger) AS has_its_key
  FROM extsched.runs WHERE tenant_id = 'filled' ORDER BY nominal_time, trigger DESC;

-- Hours 0 to 9: 1 succeeded, 2 skipped, 3 and 4 missed, 5 failed, 6 is running.
SELECT regress.record(1, 'succeeded'), regress.record(2, 'skipped'), regress.record(4, 'missed', 2), regress.record(5, 'failed'), regress.record(6, 'running');
UPDATE extsched.timer SET in_flight = 1 WHERE tenant_id = 'filled';

-- The range is half open; what has no record, or one that says skipped or
-- missed, is run, the oldest first, at most as many as wanted.
SELECT extsched_backfill('filled', regress.id(1), :'id', :'start', :'start'::timestamptz + interval '9 hours', 2);
SELECT * FROM regress.filled;
SELECT extsched_backfill('filled', regress.id(1), :'id', :'start', :'start'::timestamptz + interval '9 hours');
SELECT * FROM regress.filled WHERE trigger = 'backfill';
SELECT in_flight FROM extsched.timer WHERE tenant_id = 'filled';

-- Again there is nothing left to do.
SELECT extsched_backfill('filled', regress.id(1), :'id', :'start', :'start'::timestamptz + interval '9 hours');

-- It never reaches into what the schedule itself will run.
SELECT extsched_backfill('filled', regress.id(1), :'id', :'start', 'tomorrow'::timestamptz + interval '1 week') = extract(epoch FROM now() - :'start'::timestamptz)::integer / 3600 - 8 AS fills_up_to_now;
SELECT max(nominal_time) < (SELECT next_due FROM extsched.timer WHERE tenant_id = 'filled') AS below_next_due FROM extsched.runs WHERE tenant_id = 'filled';

-- With nothing in flight the first one starts at once, the others wait; the
-- window of the schedule counts, and its being disabled or paused does not.
UPDATE extsched.timer SET in_flight = 0, is_paused = true WHERE tenant_id = 'filled';
DELETE FROM extsched.run WHERE tenant_id = 'filled';
UPDATE extsched.schedule SET enabled = false, starts_at = :'start'::timestamptz + interval '1 hour', ends_at = :'start'::timestamptz + interval '3 hours' WHERE tenant_id = 'filled';
UPDATE extsched.timer SET next_due = NULL WHERE tenant_id = 'filled';
SELECT extsched_backfill('filled', regress.id(1), :'id', :'start', :'start'::timestamptz + interval '9 hours');
SELECT * FROM regress.filled;
SELECT count(*) FROM extsched_check();

-- On record.
SELECT action, object_name, after - '{from,to}'::text[] AS after FROM extsched.audit_log WHERE tenant_id = 'filled' AND action = 'schedule.backfill' ORDER BY at;

-- Refusals.
CREATE FUNCTION regress.backfill(install text, schedule text, from_time text, to_time text, max_runs text) RETURNS text
LANGUAGE sql AS $$ SELECT regress.error(format('SELECT extsched_backfill(''filled'', %L, %L, %L, %L, %L)', install, schedule, from_time, to_time, max_runs)) $$;
SELECT regress.backfill(NULL, :'id', :'start', 'now', '1'), regress.backfill(regress.id(1)::text, NULL, :'start', 'now', '1'),
       regress.backfill(regress.id(1)::text, :'id', NULL, 'now', '1'), regress.backfill(regress.id(1)::text, :'id', :'start', NULL, '1'),
       regress.backfill(regress.id(1)::text, :'id', :'start', 'now', NULL) \gx
SELECT max_runs, regress.backfill(regress.id(1)::text, :'id', :'start', 'now', max_runs) FROM unnest(ARRAY['0', '-1', '10001']) AS max_runs;
SELECT regress.backfill(regress.id(1)::text, :'id', 'now', :'start', '1') AS reversed, regress.backfill(regress.id(1)::text, :'id', :'start', :'start', '1') AS empty,
       regress.backfill(regress.id(1)::text, :'id', :'start', 'infinity', '1') AS endless \gx
SELECT regress.backfill(regress.id(1)::text, :'id', (now() - interval '7 days 1 minute')::text, 'now', '1') AS before_history,
       regress.backfill(regress.id(1)::text, :'id', '-infinity', 'now', '1') AS from_ever \gx
SELECT regress.backfill(regress.id(2)::text, :'id', :'start', 'now', '1') AS unknown_install,
       regress.backfill(regress.id(1)::text, regress.id(5)::text, :'start', 'now', '1') AS unknown_schedule,
       regress.error(format('SELECT extsched_backfill(''other'', regress.id(1), %L, %L, now())', :'id', :'start')) ~ '^42704 install .* does not exist$' AS of_another_tenant \gx
SELECT extsched_set_install_enabled('filled', regress.id(1), false);
SELECT regress.backfill(regress.id(1)::text, :'id', :'start', 'now', '1');

DROP FUNCTION regress.record, regress.backfill;
DROP VIEW regress.filled;
SELECT extsched_drop_tenant('filled'), extsched_drop_version(regress.id(10));
DELETE FROM extsched.run;
