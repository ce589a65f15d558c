-- extsched_check() is empty on a sound database, and reports every kind of
-- damage that it names.  Each kind is planted in a transaction of its own.
SELECT count(*) FROM extsched_check();
SELECT regress.register(10, 'GET /a');
SELECT extsched_install('checked', regress.id(1), regress.id(10), '{cap:scheduler.manage}');
SELECT extsched_create('checked', regress.id(1), 'GET /a', '0 * * * *') AS id \gset
SELECT extsched_create('checked', regress.id(1), 'GET /a', '0 * * * *', enabled => false) AS disabled \gset
CREATE VIEW regress.damage AS
SELECT c.tenant, CASE c.schedule WHEN NULL THEN NULL ELSE coalesce(s.enabled::text, 'gone') END AS enabled, c.problem,
       c.detail - '{first,last,run,nextDue,expiredAt,endpoint,version,install}'::text[] AS detail
  FROM extsched_check() AS c LEFT JOIN extsched.schedule AS s ON s.schedule_id = c.schedule ORDER BY 1, 3, 2;
CREATE FUNCTION regress.record(schedule uuid, hours integer, state text, missed integer DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, reason, ready_at,
                              created_at, finished_at, missed_count, missed_first, lease_id, lease_expires_at)
    SELECT 'checked', schedule, t.at, 'schedule', extsched.run_slot(t.at), extsched.run_id('checked', schedule, t.at, 'schedule'), regress.id(1), 'default', state,
           CASE WHEN state IN ('failed', 'missed', 'skipped') THEN 'overlap' END, t.at, t.at, CASE WHEN state IN ('succeeded', 'failed', 'missed', 'skipped') THEN t.at END,
           missed, t.at - make_interval(hours => missed - 1), CASE WHEN state = 'running' THEN gen_random_uuid() END, CASE WHEN state = 'running' THEN now() - interval '1 hour' END
      FROM (SELECT date_trunc('hour', now()) - make_interval(hours => hours) AS at) AS t
$$;

-- A database with schedules, a disabled one too, is sound.
SELECT * FROM regress.damage;

-- Nominal times: four were due; one record for each is sound, whatever it says.
BEGIN;
UPDATE extsched.timer SET accounted_from = date_trunc('hour', now()) - interval '3 hours' WHERE schedule_id = :'id';
SELECT regress.record(:'id', 3, 'succeeded'), regress.record(:'id', 2, 'failed'), regress.record(:'id', 1, 'skipped'), regress.record(:'id', 0, 'succeeded');
SELECT * FROM regress.damage;
-- One lacks its record.
DELETE FROM extsched.run WHERE state = 'failed';
SELECT * FROM regress.damage;
-- The whole stretch as one missed range is sound, too.
DELETE FROM extsched.run;
SELECT regress.record(:'id', 0, 'missed', 4);
SELECT * FROM regress.damage;
-- A single record within the range is one too many.
SELECT regress.record(:'id', 2, 'succeeded');
SELECT * FROM regress.damage;
-- So are two ranges that overlap.
DELETE FROM extsched.run;
SELECT regress.record(:'id', 0, 'missed', 2), regress.record(:'id', 1, 'missed', 3);
SELECT * FROM regress.damage;
-- A manual run is an additional row, and no record of a nominal time.
DELETE FROM extsched.run;
SELECT regress.record(:'id', 3, 'succeeded'), regress.record(:'id', 2, 'failed'), regress.record(:'id', 1, 'skipped');
UPDATE extsched.run SET trigger = 'manual' WHERE state = 'failed';
SELECT * FROM regress.damage;
ROLLBACK;

-- A gap within the kept history counts, what is older does not.
BEGIN;
UPDATE extsched.timer SET accounted_from = now() - interval '30 days' WHERE schedule_id = :'id';
SELECT problem, (detail ->> 'count')::integer BETWEEN 167 AND 169 AS one_week FROM extsched_check();
ROLLBACK;

-- The timer does not agree with its schedule.
BEGIN;
UPDATE extsched.timer SET next_due = NULL WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
UPDATE extsched.timer SET quarantine_reason = 'known to be broken' WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
ROLLBACK;
BEGIN;
UPDATE extsched.timer SET next_due = next_due + interval '1 minute', accounted_from = next_due + interval '1 second' WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
ROLLBACK;
BEGIN;
UPDATE extsched.timer SET next_due = now() + interval '1 hour', accounted_from = now() + interval '1 hour' WHERE schedule_id = :'disabled';
SELECT * FROM regress.damage;
ROLLBACK;
BEGIN;
UPDATE extsched.schedule SET timezone = 'Atlantis/Capital' WHERE schedule_id = :'id';
SELECT tenant, enabled, problem, detail ? 'reason' AS says_why FROM regress.damage;
ROLLBACK;

-- Live runs do not agree with their timer.
BEGIN;
UPDATE extsched.timer SET in_flight = 2 WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
ROLLBACK;
BEGIN;
SELECT regress.record(:'id', 1, 'running');
SELECT * FROM regress.damage;
UPDATE extsched.run SET lease_expires_at = now() + interval '1 minute', lease_owner = 'worker';
UPDATE extsched.timer SET in_flight = 1 WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
ROLLBACK;
BEGIN;
SELECT regress.record(regress.id(77), 1, 'pending');
SELECT * FROM regress.damage;
ROLLBACK;

-- Rows without the row they belong to, past the foreign keys.
BEGIN;
SET LOCAL session_replication_role = replica;
SAVEPOINT sound;
DELETE FROM extsched.timer WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.schedule WHERE schedule_id = :'id';
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.install WHERE tenant_id = 'checked';
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.endpoint WHERE version_id = regress.id(10);
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.version WHERE version_id = regress.id(10);
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.tenant WHERE tenant_id = 'checked';
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.install_limiter WHERE tenant_id = 'checked';
SELECT * FROM regress.damage;
ROLLBACK TO sound;
DELETE FROM extsched.tenant_limiter WHERE tenant_id = 'checked';
SELECT * FROM regress.damage;
ROLLBACK;

-- Disabled installs and paused tenants are no damage.
SELECT extsched_set_install_enabled('checked', regress.id(1), false), extsched_pause_tenant('checked', 'test');
SELECT * FROM regress.damage;

DROP VIEW regress.damage;
DROP FUNCTION regress.record;
SELECT extsched_drop_tenant('checked'), extsched_drop_version(regress.id(10));
