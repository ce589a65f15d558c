-- An upgrade remaps every schedule by (METHOD, path) and switches the version,
-- all or nothing.
SELECT regress.register(10, 'GET /stays, POST /stays, POST /goes');
SELECT regress.register(11, 'GET /stays, POST /stays, POST /goes, GET /new');
SELECT regress.register(12, 'GET /stays, POST /stays, PUT /goes');
SELECT regress.register(20, 'GET /stays, POST /stays, POST /goes');
SELECT extsched_install('upgraded', regress.id(1), regress.id(10), '{cap:scheduler.manage}', '{"a": 1}', NULL, 'blue');
SELECT extsched_install('bystander', regress.id(1), regress.id(10), '{cap:scheduler.manage}');
CREATE TABLE regress.made AS
SELECT n, extsched_create(tenant, regress.id(1), endpoint, '0 * * * *', name => 'schedule ' || n, enabled => enabled) AS id
  FROM (VALUES (1, 'upgraded', 'GET /stays', true), (2, 'upgraded', 'POST /stays', false), (3, 'upgraded', 'POST /goes', true),
               (4, 'upgraded', 'POST /goes', false), (5, 'bystander', 'GET /stays', true)) AS v (n, tenant, endpoint, enabled);
CREATE VIEW regress.upgraded AS
SELECT m.n, s.version_id = i.version_id AS on_installed_version, p.version_id = s.version_id AS on_its_endpoint,
       s.endpoint_method || ' ' || s.endpoint_path AS endpoint, s.enabled, s.revision, t.next_due IS NOT NULL AS armed,
       t.quarantine_reason IS NOT NULL AS quarantined, s.invalid_reason, t.last_error
  FROM regress.made AS m
  JOIN extsched.schedule AS s ON s.schedule_id = m.id
  JOIN extsched.timer AS t USING (tenant_id, schedule_id)
  JOIN extsched.install AS i USING (tenant_id, install_id)
  LEFT JOIN extsched.endpoint AS p USING (endpoint_id)
 ORDER BY m.n;
CREATE VIEW regress.untouched AS
SELECT m.n, s.name, s.cron, s.timezone, s.created_at, t.next_due, t.accounted_from, t.in_flight
  FROM regress.made AS m JOIN extsched.schedule AS s ON s.schedule_id = m.id JOIN extsched.timer AS t USING (tenant_id, schedule_id);
CREATE TABLE regress.before AS SELECT * FROM regress.untouched;

-- Everything is found in 11: all are remapped, disabled ones stay disabled.
-- The preview says so before, and changes nothing.
SELECT m.n, p.method, p.path, p.action
  FROM extsched_preview_upgrade('upgraded', regress.id(1), regress.id(11)) WITH ORDINALITY AS p (schedule, method, path, action, ordinal)
  JOIN regress.made AS m ON m.id = p.schedule ORDER BY ordinal;
SELECT extsched_upgrade_install('upgraded', regress.id(1), regress.id(11));
SELECT * FROM regress.upgraded;
SELECT version_id, granted, config, runner, enabled FROM extsched.install WHERE tenant_id = 'upgraded';

-- Due times, names and ids stay.
SELECT count(*) AS same FROM regress.before AS b JOIN regress.untouched AS u ON b = u;

-- The same version again changes nothing.
SELECT count(*) FROM extsched_preview_upgrade('upgraded', regress.id(1), regress.id(11));
SELECT extsched_upgrade_install('upgraded', regress.id(1), regress.id(11));
SELECT count(*) FROM extsched.audit_log WHERE tenant_id = 'upgraded' AND action = 'install.upgrade';

-- One missing pair, and nothing moves; every missing schedule is named, the
-- disabled one too.  An endpoint that cannot be scheduled is missing.
SELECT m.n, p.action FROM extsched_preview_upgrade('upgraded', regress.id(1), regress.id(12)) AS p JOIN regress.made AS m ON m.id = p.schedule ORDER BY m.n;
SELECT o.outcome, o.message, o.detail::jsonb ->> 'code' AS code, o.hint FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(12))') AS o;
SELECT m.n, e - 'scheduleId' AS named
  FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(12))') AS o,
       jsonb_array_elements(o.detail::jsonb -> 'missing') AS e JOIN regress.made AS m ON m.id = (e ->> 'scheduleId')::uuid ORDER BY m.n;
SELECT * FROM regress.upgraded;

-- An error at its very end leaves the old version in force.
BEGIN;
SAVEPOINT upgrade;
SELECT extsched_upgrade_install('upgraded', regress.id(1), regress.id(12), true) ->> 'disabled' AS disabled;
ROLLBACK TO upgrade;
SELECT * FROM regress.upgraded;
COMMIT;
CREATE FUNCTION regress.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected'; END $$;
CREATE TRIGGER injected AFTER UPDATE ON extsched.schedule FOR EACH ROW WHEN (NEW.endpoint_id IS NULL) EXECUTE FUNCTION regress.refuse();
SELECT regress.error('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(12), true)');
DROP TRIGGER injected ON extsched.schedule;
CREATE TRIGGER injected AFTER UPDATE ON extsched.timer FOR EACH ROW EXECUTE FUNCTION regress.refuse();
SELECT regress.error('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(12), true)');
DROP TRIGGER injected ON extsched.timer;
DROP FUNCTION regress.refuse;
SELECT count(*) AS on_old_version FROM extsched.schedule WHERE version_id = regress.id(11);

-- With the override exactly the missing ones are disabled, with a note; the
-- others are remapped and otherwise untouched.
SELECT r - 'missing' AS result, jsonb_array_length(r -> 'missing') AS missing
  FROM extsched_upgrade_install('upgraded', regress.id(1), regress.id(12), true) AS r;
SELECT * FROM regress.upgraded;
SELECT m.n, s.method, s.path, s.enabled FROM (SELECT schedule_id, endpoint_method AS method, endpoint_path AS path, enabled FROM extsched.schedules) AS s
  JOIN regress.made AS m ON m.id = s.schedule_id ORDER BY m.n;
SELECT count(*) FROM extsched_check();

-- They keep no old version alive, and cannot be enabled without an endpoint.
SELECT extsched_drop_version(regress.id(11));
SELECT left(regress.error('UPDATE extsched.schedule SET enabled = true WHERE endpoint_id IS NULL'), 60);

-- They are missing to the next version without the endpoint, too.
SELECT outcome FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(11))');
SELECT regress.register(13, 'GET /stays, POST /stays');
SELECT outcome, jsonb_array_length(detail::jsonb -> 'missing') FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(13))');

-- Back on the old version, by the same rules: remapped, and still disabled.
SELECT extsched_upgrade_install('upgraded', regress.id(1), regress.id(10));
SELECT * FROM regress.upgraded;

-- The log has the upgrades and each schedule, with the endpoint before and after.
SELECT a.action, m.n, a.before - 'endpoint' AS before, a.after - 'endpoint' AS after,
       a.before ? 'endpoint' AS has_old_endpoint, a.after ? 'endpoint' AS has_new_endpoint
  FROM extsched.audit_log AS a LEFT JOIN regress.made AS m ON m.id = a.schedule_id
 WHERE a.tenant_id = 'upgraded' AND a.action ~ 'upgrade|remap|missing' ORDER BY a.at, m.n;

-- Refusals.
SELECT * FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(20))');
SELECT * FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(99))');
SELECT * FROM regress.outcome('SELECT extsched_upgrade_install(''upgraded'', regress.id(2), regress.id(10))');
SELECT * FROM regress.outcome('SELECT extsched_upgrade_install(''stranger'', regress.id(1), regress.id(10))');
SELECT regress.error('SELECT * FROM extsched_preview_upgrade(''upgraded'', regress.id(1), regress.id(20))');
SELECT regress.error('SELECT * FROM extsched_preview_upgrade(''upgraded'', regress.id(1), regress.id(99))');
SELECT regress.error('SELECT * FROM extsched_preview_upgrade(''stranger'', regress.id(1), regress.id(10))');
SELECT regress.error('SELECT extsched_upgrade_install(NULL, regress.id(1), regress.id(10))');
SELECT regress.error('SELECT extsched_upgrade_install(''upgraded'', NULL, regress.id(10))');
SELECT regress.error('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), NULL)');
SELECT regress.error('SELECT extsched_upgrade_install(''upgraded'', regress.id(1), regress.id(10), NULL)');

DROP VIEW regress.upgraded, regress.untouched;
DROP TABLE regress.made, regress.before;
SELECT extsched_drop_tenant('upgraded'), extsched_drop_tenant('bystander');
SELECT extsched_drop_version(regress.id(n)) FROM unnest(ARRAY[10, 12, 13, 20]) AS n;
