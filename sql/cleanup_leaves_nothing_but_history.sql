-- Uninstalling and dropping a tenant name each row that goes; no foreign key
-- cascades, and no other tenant's row changes.
SELECT regress.register(10, 'GET /a, POST /b');
SELECT regress.register(20, 'GET /a');
SELECT extsched_install(tenant, regress.id(1), regress.id(10), '{cap:scheduler.manage}') FROM unnest(ARRAY['gone', 'stays']) AS tenant;
SELECT extsched_install('gone', regress.id(2), regress.id(20), '{cap:scheduler.manage}');
CREATE TABLE regress.made AS
SELECT n, tenant, extsched_create(tenant, regress.id(install), endpoint, '0 * * * *', name => 'schedule ' || n) AS id
  FROM (VALUES (1, 'gone', 1, 'GET /a'), (2, 'gone', 1, 'POST /b'), (3, 'gone', 2, 'GET /a'), (4, 'stays', 1, 'GET /a')) AS v (n, tenant, install, endpoint);

-- A run of each live state, and one that ended.
INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, ready_at,
                          created_at, finished_at, lease_id, lease_expires_at, schedule_name)
SELECT m.tenant, m.id, t.at, 'schedule', extsched.run_slot(t.at), extsched.run_id(m.tenant, m.id, t.at, 'schedule'),
       regress.id(1), 'default', s.state, t.at, t.at, CASE s.state WHEN 'succeeded' THEN t.at END,
       CASE s.state WHEN 'running' THEN gen_random_uuid() END, CASE s.state WHEN 'running' THEN now() + interval '1 hour' END, 'schedule ' || m.n
  FROM regress.made AS m
 CROSS JOIN (VALUES (1, 'succeeded'), (2, 'running'), (3, 'retrying'), (4, 'pending')) AS s (n, state)
 CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) - make_interval(hours => s.n) AS at) AS t
 WHERE m.n IN (1, 4);
CREATE VIEW regress.rows AS
SELECT v.table_name, v.tenant_id, count(*)
  FROM (SELECT 'install' AS table_name, tenant_id FROM extsched.install UNION ALL SELECT 'limiter', tenant_id FROM extsched.install_limiter
        UNION ALL SELECT 'schedule', tenant_id FROM extsched.schedule UNION ALL SELECT 'timer', tenant_id FROM extsched.timer
        UNION ALL SELECT 'tenant', tenant_id FROM extsched.tenant UNION ALL SELECT 'tenant limiter', tenant_id FROM extsched.tenant_limiter) AS v
 WHERE v.tenant_id IN ('gone', 'stays') GROUP BY 1, 2 ORDER BY 2, 1;
CREATE TABLE regress.stays AS SELECT s.* FROM extsched.schedules AS s WHERE tenant_id = 'stays';
SELECT * FROM regress.rows;

-- No foreign key cascades: a parent with children cannot be deleted by hand.
-- PostgreSQL 18 says so with another code, 23001.
SELECT count(*) AS cascading FROM pg_constraint WHERE contype = 'f' AND connamespace = 'extsched'::regnamespace AND (confdeltype NOT IN ('r', 'a') OR confupdtype NOT IN ('r', 'a'));
SELECT table_name, substring(regress.error(format('DELETE FROM extsched.%I', table_name)) FROM '^(?:23503|23001) .*(foreign key .*)') AS refused_by
  FROM unnest(ARRAY['tenant', 'install', 'schedule', 'version', 'endpoint']) AS table_name;

-- An error in the middle leaves all of it.
CREATE FUNCTION regress.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected'; END $$;
CREATE TRIGGER injected BEFORE DELETE ON extsched.install FOR EACH ROW EXECUTE FUNCTION regress.refuse();
SELECT regress.error('SELECT extsched_uninstall(''gone'', regress.id(1))');
SELECT regress.error('SELECT extsched_drop_tenant(''gone'')');
DROP TRIGGER injected ON extsched.install;
DROP FUNCTION regress.refuse;
SELECT count(*) FROM extsched.schedule WHERE tenant_id = 'gone';
SELECT state, count(*) FROM extsched.runs WHERE tenant_id = 'gone' GROUP BY state ORDER BY state;

-- Uninstalling returns the number of schedules.  Waiting runs are cancelled,
-- the one in flight goes on, history stays.
SELECT extsched_uninstall('gone', regress.id(1));
SELECT * FROM regress.rows;
SELECT tenant_id, state, reason, finished_at IS NOT NULL AS finished, schedule_name FROM extsched.runs WHERE tenant_id IN ('gone', 'stays') ORDER BY tenant_id, nominal_time;

-- The log knows the name and the id of what went.
SELECT a.action, a.object_name, m.id IS NOT NULL AS id_is_kept, a.before FROM extsched.audit_log AS a LEFT JOIN regress.made AS m ON m.id = a.schedule_id
 WHERE a.tenant_id = 'gone' AND a.action ~ 'delete|uninstall' ORDER BY a.action DESC, a.object_name;

-- Gone is gone, and was never another tenant's.
SELECT * FROM regress.outcome('SELECT extsched_uninstall(''gone'', regress.id(1))');
SELECT * FROM regress.outcome('SELECT extsched_uninstall(''gone'', regress.id(3))');
SELECT regress.error('SELECT extsched_uninstall(NULL, regress.id(1))'), regress.error('SELECT extsched_uninstall(''gone'', NULL)');

-- Dropping the tenant leaves history and audit only.
SELECT extsched_pause_tenant('gone', 'leaving'), extsched_set_limits('gone', NULL, '{"max_schedules": 7}');
SELECT extsched_drop_tenant('gone');
SELECT * FROM regress.rows;
SELECT count(*) AS history FROM extsched.runs WHERE tenant_id = 'gone';
SELECT action, before FROM extsched.audit_log WHERE tenant_id = 'gone' AND action = 'tenant.drop';
SELECT * FROM regress.outcome('SELECT extsched_drop_tenant(''gone'')');
SELECT regress.error('SELECT extsched_drop_tenant(NULL)');

-- The other tenant did not notice.
SELECT count(*) AS same FROM extsched.schedules AS s JOIN regress.stays AS b ON b = s;

DROP VIEW regress.rows;
DROP TABLE regress.made, regress.stays;
SELECT extsched_drop_tenant('stays');
SELECT extsched_drop_version(regress.id(10)), extsched_drop_version(regress.id(20));
DELETE FROM extsched.run;
