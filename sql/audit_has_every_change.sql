-- Each change is on record in its own transaction: who acted (the outer role,
-- and who logged in), by which face, and the fields before and after.
CREATE ROLE regress_auditor;
SELECT extsched_grant('regress_auditor', 'admin'), extsched_grant('regress_auditor', 'host');
SELECT now() AS start \gset
SET ROLE regress_auditor;
SELECT extsched_register_version('00000000-0000-4000-8000-000000000010', '00000000-0000-4000-8000-000000000001', 'h',
    '{"name": "audited", "version": "1", "capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "GET", "path": "/a", "handler": "h"}, {"method": "POST", "path": "/b", "handler": "h"}]}');
SELECT extsched_register_version('00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000001', 'h',
    '{"name": "audited", "version": "2", "capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "GET", "path": "/a", "handler": "h"}]}');
\set install '''audited'', ''00000000-0000-4000-8000-000000000001'''
SELECT extsched_install(:install, '00000000-0000-4000-8000-000000000010', '{cap:scheduler.manage}', '{}', '{"ciphertext_b64": "MARKER"}');
SELECT extsched_create(:install, 'POST /b', '0 * * * *', name => 'first', payload => '{"secret": "MARKER"}') AS id \gset
SELECT extsched_update(:install, :'id', '{"cron": "30 * * * *", "payload": {"other": "MARKER"}}') AS revision;
SELECT extsched_run_now(:install, :'id', 'a key') IS NOT NULL AS ran;
SELECT extsched_pause(:install, :'id', 'look into it') IS NOT NULL AS paused;
SELECT extsched_resume(:install, :'id') IS NOT NULL AS resumed;
SELECT r ->> 'success' AS success, r ->> 'scheduleId' AS host_id FROM extsched_host(:install, 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "second"}') AS r \gset
SELECT extsched_host(:install, 'delete', jsonb_build_object('scheduleId', :'host_id')) ->> 'success' AS success;
SELECT extsched_disable_all(:install);
SELECT extsched_configure_install(:install, '{"runner": "blue"}');
SELECT extsched_set_install_enabled(:install, false);
SELECT extsched_set_limits('audited', NULL, '{"max_schedules": 5}');
SELECT extsched_pause_tenant('audited', 'unpaid');
SELECT extsched_resume_tenant('audited');
SELECT extsched_upgrade_install(:install, '00000000-0000-4000-8000-000000000011', true) ->> 'disabled' AS disabled;
SELECT extsched_delete(:install, :'id');
SELECT extsched_uninstall(:install);
SELECT extsched_drop_tenant('audited');
SELECT extsched_drop_version('00000000-0000-4000-8000-000000000010'), extsched_drop_version('00000000-0000-4000-8000-000000000011');
RESET ROLE;
SELECT action, actor, session_actor = session_user AS by_session, face, object_name, before IS NOT NULL AS before, after IS NOT NULL AS after
  FROM extsched.audit_log WHERE at >= :'start' ORDER BY at;
SELECT before ->> 'cron' AS cron_before, after ->> 'cron' AS cron_after FROM extsched.audit_log WHERE at >= :'start' AND action = 'schedule.update' AND before ? 'cron';
SELECT count(*) AS leaks FROM extsched.audit_log AS a WHERE a::text LIKE '%MARKER%';

-- What is rolled back leaves no record.
BEGIN;
SELECT extsched_pause_tenant('audited', 'never');
ROLLBACK;
SELECT count(*) FROM extsched.audit_log WHERE after ->> 'reason' = 'never';

SELECT extsched_revoke('regress_auditor', 'admin'), extsched_revoke('regress_auditor', 'host');
DROP ROLE regress_auditor;
DELETE FROM extsched.run;
