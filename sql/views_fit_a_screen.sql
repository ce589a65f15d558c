-- Rule: agenda and history are at most 100 columns wide, whatever tenants wrote,
-- and one line a row.
SET timezone = 'UTC';
BEGIN;
SELECT extsched_register_version('fa110000-0000-4000-8000-000000000001', 'fa110000-0000-4000-8000-0000000000aa', 'h',
    '{"name": "wide", "version": "1", "capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "GET", "path": "/a/rather/long/path/to/call", "handler": "x"}]}');
SELECT extsched_install(repeat('regress wide ', 10), 'fa110000-0000-4000-8000-0000000000bb', 'fa110000-0000-4000-8000-000000000001', '{cap:scheduler.manage}');
SELECT count(extsched_create(repeat('regress wide ', 10), 'fa110000-0000-4000-8000-0000000000bb', '/a/rather/long/path/to/call', cron, name => name))
  FROM (VALUES ('0 0 1 1 *', NULL), ('0,5,10,15,20,25,30,35,40 0 1 1 *', repeat('long name ', 12))) AS s (cron, name);
INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, reason, ready_at, created_at, dispatched_at,
                          finished_at, http_status, error, missed_count, missed_first, schedule_name, endpoint_method, endpoint_path)
SELECT s.tenant_id, s.schedule_id, '2026-01-01Z', o.trigger, extsched.run_slot('2026-01-01Z'), gen_random_uuid(), s.install_id, 'default', o.state, o.reason,
       now(), now(), '2026-01-01Z'::timestamptz + o.late, '2026-01-02 11:12:13Z', o.status, o.error, o.missed, CASE WHEN o.missed > 0 THEN '2026-01-01Z'::timestamptz END, s.name,
       s.endpoint_method, s.endpoint_path
  FROM extsched.schedule AS s,
       (VALUES ('schedule', 'failed', 'response_too_large', interval '11 h 12 min', 503, E'first line\nsecond line', NULL),
               ('manual', 'missed', 'outside_catch_up', NULL, NULL, NULL, 123456)) AS o (trigger, state, reason, late, status, error, missed)
 WHERE s.install_id = 'fa110000-0000-4000-8000-0000000000bb';
SELECT due, tenant, schedule, cron, state FROM extsched.agenda WHERE tenant LIKE 'regress wide%' ORDER BY schedule;
SELECT * FROM extsched.history WHERE tenant LIKE 'regress wide%' ORDER BY schedule, outcome;
-- how wide psql would make it
SELECT sum(width) + 3 * count(*) - 1 <= 100 AS agenda_fits
  FROM (SELECT greatest(max(char_length(v.value)), max(char_length(v.key))) AS width
          FROM extsched.agenda AS a, jsonb_each_text(to_jsonb(a)) AS v GROUP BY v.key) AS w;
SELECT sum(width) + 3 * count(*) - 1 <= 100 AS history_fits
  FROM (SELECT greatest(max(char_length(v.value)), max(char_length(v.key))) AS width
          FROM extsched.history AS h, jsonb_each_text(to_jsonb(h)) AS v GROUP BY v.key) AS w;
ROLLBACK;
