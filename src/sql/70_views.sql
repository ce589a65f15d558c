--
-- What administrators and monitoring read, across tenants.  No view shows a
-- secret envelope, or a lease: who knows the lease of a run can complete it.
--

CREATE VIEW extsched.schedules AS
SELECT s.tenant_id, s.install_id, i.registry_id, v.name AS extension, v.label AS version,
       s.schedule_id, s.name, s.endpoint_method, s.endpoint_path, s.cron, s.timezone, s.payload, s.enabled,
       CASE WHEN s.invalid_reason IS NOT NULL THEN 'invalid'
            WHEN NOT s.enabled THEN 'disabled'
            WHEN m.quarantine_reason IS NOT NULL THEN 'quarantined'
            WHEN t.is_paused THEN 'tenant_paused'
            WHEN NOT i.enabled THEN 'install_disabled'
            WHEN m.is_paused THEN 'paused'
            WHEN m.next_due IS NULL THEN 'ended'
            ELSE 'active' END AS status,
       CASE WHEN s.invalid_reason IS NOT NULL THEN s.invalid_reason
            WHEN NOT s.enabled THEN NULL
            WHEN m.quarantine_reason IS NOT NULL THEN m.quarantine_reason
            WHEN t.is_paused THEN t.pause_reason
            WHEN NOT i.enabled THEN NULL
            WHEN m.is_paused THEN m.pause_reason END AS status_reason,
       m.next_due, m.accounted_from, m.in_flight, m.consecutive_failures, m.succeeded_total, m.failed_total,
       m.last_run_at, m.last_run_status, m.last_error, m.last_success_at,
       s.overlap, s.catch_up_s, s.max_attempts, s.backoff_s, s.max_age_s, s.pause_after_failures, s.timeout_ms,
       s.on_unknown, s.starts_at, s.ends_at, s.jitter_s,
       i.runner, s.created_via, s.created_at, s.updated_at, s.revision
  FROM extsched.schedule AS s
  JOIN extsched.install AS i ON i.tenant_id = s.tenant_id AND i.install_id = s.install_id
  JOIN extsched.version AS v ON v.version_id = i.version_id
  JOIN extsched.tenant AS t ON t.tenant_id = s.tenant_id
  JOIN extsched.timer AS m ON m.tenant_id = s.tenant_id AND m.schedule_id = s.schedule_id;
REVOKE ALL ON extsched.schedules FROM PUBLIC;
COMMENT ON VIEW extsched.schedules IS 'Every schedule with its state. status is active, or what keeps it from running: invalid (its endpoint is gone), disabled, quarantined, tenant_paused, install_disabled, paused, ended (no nominal time is left).';

CREATE VIEW extsched.runs AS
SELECT r.tenant_id, r.install_id, r.schedule_id, r.schedule_name, r.run_id, r.trigger, r.nominal_time, r.state, r.reason,
       r.attempt, r.ready_at, r.created_at, r.dispatched_at, r.attempt_at, r.finished_at,
       CASE WHEN r.trigger = 'schedule' THEN r.dispatched_at - r.nominal_time END AS lateness,
       r.finished_at - r.dispatched_at AS duration,
       r.waits_for_slot, r.lease_owner, r.lease_expires_at, r.http_status, r.error, r.response_excerpt, r.request_id,
       r.caller_key, r.missed_count, r.missed_first, r.runner, r.registry_id, r.version_id, r.content_hash,
       r.endpoint_method, r.endpoint_path
  FROM extsched.run AS r;
REVOKE ALL ON extsched.runs FROM PUBLIC;
COMMENT ON VIEW extsched.runs IS 'The history: what became of each nominal time, run-now and backfill. run_id is also the idempotency key. Schedules that were deleted keep theirs until extsched.history_retention.';

CREATE VIEW extsched.overdue AS
SELECT m.tenant_id, s.install_id, m.schedule_id, s.name, 'due' AS what, m.next_due AS due, NULL::uuid AS run_id,
       extsched.clock_now() - m.next_due AS overdue_by
  FROM extsched.timer AS m
  JOIN extsched.schedule AS s ON s.tenant_id = m.tenant_id AND s.schedule_id = m.schedule_id
 WHERE m.next_due < (SELECT extsched.clock_now())
UNION ALL
SELECT r.tenant_id, r.install_id, r.schedule_id, r.schedule_name, 'waiting', r.ready_at, r.run_id,
       extsched.clock_now() - r.ready_at
  FROM extsched.run AS r
 WHERE r.state IN ('pending', 'retrying') AND NOT r.waits_for_slot AND r.ready_at < (SELECT extsched.clock_now());
REVOKE ALL ON extsched.overdue FROM PUBLIC;
COMMENT ON VIEW extsched.overdue IS 'What should have happened by now: nominal times that no worker has taken (due) and runs that could start but have not (waiting). Empty when a worker keeps up.';

CREATE VIEW extsched.audit_log AS
SELECT a.at, a.tenant_id, a.action, a.actor, a.session_actor, a.face, a.install_id, a.schedule_id, a.object_name,
       a.before, a.after
  FROM extsched.audit AS a;
REVOKE ALL ON extsched.audit_log FROM PUBLIC;
COMMENT ON VIEW extsched.audit_log IS 'Who changed what, when, with the changed fields before and after; tenant_id is empty for what belongs to no tenant. Kept for extsched.audit_retention.';

--
-- The same for people in psql: a screen of 100 columns, times in the zone of
-- the session, durations in words, long texts cut.
--

CREATE VIEW extsched.agenda AS
SELECT to_char(m.next_due, 'MM-DD HH24:MI') AS due,
       extsched.human_duration(date_trunc('second', m.next_due - extsched.clock_now())) AS "in",
       left(m.tenant_id, 14) AS tenant,
       left(coalesce(s.name, s.endpoint_method || ' ' || s.endpoint_path), 20) AS schedule,
       left(s.cron, 14) AS cron,
       CASE WHEN t.is_paused THEN 'tenant paused' WHEN NOT i.enabled THEN 'off' WHEN m.is_paused THEN 'paused'
            WHEN m.in_flight > 0 THEN 'running' ELSE coalesce(m.last_run_status, 'new') END AS state
  FROM extsched.timer AS m
  JOIN extsched.schedule AS s ON s.tenant_id = m.tenant_id AND s.schedule_id = m.schedule_id
  JOIN extsched.install AS i ON i.tenant_id = s.tenant_id AND i.install_id = s.install_id
  JOIN extsched.tenant AS t ON t.tenant_id = m.tenant_id
 WHERE m.next_due IS NOT NULL
 ORDER BY m.next_due, m.tenant_id, m.schedule_id;
REVOKE ALL ON extsched.agenda FROM PUBLIC;
COMMENT ON VIEW extsched.agenda IS 'What comes next, for people in psql: at most 100 columns wide. Ask with LIMIT; programs read extsched.schedules.';
COMMENT ON COLUMN extsched.agenda.due IS 'The next nominal time, in the zone of the session.';
COMMENT ON COLUMN extsched.agenda."in" IS 'How long until then; negative when it is overdue.';
COMMENT ON COLUMN extsched.agenda.tenant IS 'The tenant, cut.';
COMMENT ON COLUMN extsched.agenda.schedule IS 'Name, or endpoint where there is none; cut.';
COMMENT ON COLUMN extsched.agenda.cron IS 'The expression, cut; extsched_explain() says it in words.';
COMMENT ON COLUMN extsched.agenda.state IS 'Why it will be skipped (tenant paused, off, paused); else running, the outcome of its last run, or new.';

CREATE VIEW extsched.history AS
SELECT to_char(r.nominal_time, 'MM-DD HH24:MI') AS due,
       left(r.tenant_id, 12) AS tenant,
       left(coalesce(r.schedule_name, r.endpoint_method || ' ' || r.endpoint_path, r.schedule_id::text), 16) AS schedule,
       left(concat_ws(' ', r.missed_count || ' x', coalesce(r.reason, r.state), r.http_status), 22) AS outcome,
       extsched.human_duration(CASE WHEN r.trigger = 'schedule' THEN r.dispatched_at - r.nominal_time END) AS late,
       extsched.human_duration(r.finished_at - r.dispatched_at) AS took
  FROM extsched.run AS r
 ORDER BY r.nominal_time DESC, r.tenant_id, r.schedule_id;
REVOKE ALL ON extsched.history FROM PUBLIC;
COMMENT ON VIEW extsched.history IS 'What happened last, for people in psql: at most 100 columns wide. It sorts what it is asked for, so name a tenant; programs read extsched.runs.';
COMMENT ON COLUMN extsched.history.due IS 'The nominal time, in the zone of the session; of a missed range the last one.';
COMMENT ON COLUMN extsched.history.tenant IS 'The tenant, cut.';
COMMENT ON COLUMN extsched.history.schedule IS 'Name of the schedule, or its endpoint; cut.';
COMMENT ON COLUMN extsched.history.outcome IS 'How many times a missed range stands for; its state, or the reason when it did not succeed; the HTTP status.';
COMMENT ON COLUMN extsched.history.late IS 'First dispatch minus nominal time; null when it was not dispatched, or not made by a schedule.';
COMMENT ON COLUMN extsched.history.took IS 'First dispatch to the end.';
