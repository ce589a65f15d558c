-- create stores one schedule and its due time, or nothing.
\pset format unaligned
SELECT regress.set_up('create', 61);
SELECT regress.host('create', 'create', '{"endpoint": "POST /b", "cron": "*/10 * * * *", "name": "host"}');
SELECT extsched_create('create', regress.id(1), 'GET /a', '0 3 * * *', 'Europe/Berlin', 'sql', '{"a": 1}') IS NOT NULL AS created;

-- The caller's tenant and install, the installed version, the endpoint it
-- resolved to, and which face made it.
SELECT s.tenant_id, s.install_id, s.version_id, e.version_id = s.version_id AS same_version, e.method, e.path, s.endpoint_method, s.endpoint_path, s.name, s.created_via, s.revision
  FROM extsched.schedule AS s JOIN extsched.endpoint AS e USING (endpoint_id) WHERE s.tenant_id = 'create' ORDER BY s.name;

-- Defaults: UTC, enabled, no name, no payload, options as documented.
SELECT timezone, enabled, payload, overlap, catch_up_s, max_attempts, backoff_s, max_age_s, pause_after_failures, timeout_ms, on_unknown, starts_at, ends_at, jitter_s
  FROM extsched.schedule WHERE tenant_id = 'create' AND name = 'host';
SELECT regress.host('create', 'create', '{"endpoint": "POST /b", "cron": "*/10 * * * *", "name": "options", "options": {"overlap": "allow", "catch_up_s": 0, "max_attempts": 1, "backoff_s": 2, "max_age_s": 60,
    "pause_after_failures": 0, "timeout_ms": 500, "on_unknown": "lost", "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2031-01-01T00:00:00Z", "jitter_s": 30}}');
SELECT overlap, catch_up_s, max_attempts, backoff_s, max_age_s, pause_after_failures, timeout_ms, on_unknown, starts_at AT TIME ZONE 'UTC', ends_at AT TIME ZONE 'UTC', jitter_s
  FROM extsched.schedule WHERE tenant_id = 'create' AND name = 'options';

-- The next nominal time is set by the same call; it is the one that
-- extsched_next tells, from the first instant after starts_at on.
SELECT s.name, m.next_due = extsched_next(s.cron, s.timezone, greatest(s.starts_at - interval '1 us', s.created_at), s.schedule_id::text) AS is_next, m.accounted_from > s.created_at - interval '1 s' AS from_now, m.in_flight, m.is_paused
  FROM extsched.schedule AS s JOIN extsched.timer AS m USING (tenant_id, schedule_id) WHERE s.tenant_id = 'create' ORDER BY s.name;

-- Created disabled: stored, listed, without a due time.
SELECT regress.host('create', 'create', '{"endpoint": "POST /b", "cron": "*/10 * * * *", "name": "disabled", "enabled": false}');
SELECT name, enabled, next_run_at FROM extsched_list('create', regress.id(1)) WHERE name = 'disabled';
SELECT count(*), count(next_due) FROM extsched.timer WHERE tenant_id = 'create';

-- One that has ended before it began to be due has none either.
SELECT regress.host('create', 'create', '{"endpoint": "POST /b", "cron": "0 0 * * *", "name": "over", "options": {"ends_at": "2020-01-01T00:00:00Z"}}');
SELECT name, enabled, next_run_at FROM extsched_list('create', regress.id(1)) WHERE name = 'over';

-- The audit record tells who and what, of the payload size and digest alone.
SELECT actor, face, action, object_name, before, after FROM extsched.audit WHERE tenant_id = 'create' AND action = 'schedule.create' ORDER BY object_name;

-- ROLLBACK, and an error at the last step, leave neither schedule, timer nor
-- audit record.
SELECT regress.state() AS before \gset
BEGIN;
SELECT extsched_create('create', regress.id(1), 'GET /a', '0 * * * *', name => 'undone') IS NOT NULL AS created;
SELECT regress.host('create', 'create', '{"endpoint": "POST /b", "cron": "0 0 * * *", "name": "undone too"}');
ROLLBACK;
CREATE FUNCTION regress.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON extsched.timer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION regress.fail();
\set VERBOSITY terse
SELECT extsched_create('create', regress.id(1), 'GET /a', '0 * * * *', name => 'undone');
SELECT extsched_host('create', regress.id(1), 'create', '{"endpoint": "POST /b", "cron": "0 0 * * *", "name": "undone too"}');
DROP TRIGGER fail ON extsched.timer;
DROP FUNCTION regress.fail();
SELECT regress.state() = :'before' AS unchanged;

-- The owner's own DML can neither store what is wrong by itself nor name an
-- endpoint of another version.
SELECT regress.register(62, 'GET /a');
CREATE FUNCTION regress.change(change text) RETURNS text LANGUAGE sql
AS $$ SELECT regress.error(format('UPDATE extsched.schedule SET %s WHERE tenant_id = ''create'' AND name = ''sql''', change)) $$;
SELECT change, regress.change(change)
  FROM unnest('{"name = ''''","name = repeat(''n'', 129)","cron = ''* * *''","cron = ''61 * * * *''","cron = ''0 0 30 2 *''","cron = ''@reboot''","cron = rpad(''0'', 125, '',0'') || '' 0 * * *''","timezone = ''''","timezone = repeat(''x'', 65)","payload = ''7''","payload = ''null''",
                "overlap = ''never''","max_attempts = 0","catch_up_s = -1","timeout_ms = 0","on_unknown = ''guess''","invalid_reason = repeat(''x'', 4001)","endpoint_id = NULL","starts_at = ''2030-01-01'', ends_at = ''2029-01-01''","revision = 0","created_via = ''other''","client_token = ''x''","client_token = '''', client_digest = ''x''",
                "version_id = regress.id(62)","endpoint_id = (SELECT endpoint_id FROM extsched.endpoint WHERE version_id = regress.id(62))",
                "version_id = regress.id(62), endpoint_id = (SELECT endpoint_id FROM extsched.endpoint WHERE version_id = regress.id(62))","endpoint_path = ''/b''","install_id = regress.id(2)","tenant_id = ''other''"}'::text[]) AS change;
DROP FUNCTION regress.change(text);
SELECT change, regress.error(format('UPDATE extsched.timer SET %s WHERE tenant_id = ''create''', change))
  FROM unnest('{"next_due = ''infinity''","accounted_from = ''-infinity''","in_flight = -1","consecutive_failures = -1","pause_reason = ''why''","paused_at = now()","is_paused = true, pause_reason = repeat(''x'', 4001)",
                "next_due = now(), quarantine_reason = ''x''","last_run_status = ''fine''","last_error = repeat(''x'', 4001)"}'::text[]) AS change;

SELECT * FROM extsched_check();
SELECT extsched_drop_tenant('create');
SELECT extsched_drop_version(regress.id(n)) FROM unnest('{61,62}'::int[]) AS n;
