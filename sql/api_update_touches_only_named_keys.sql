-- An update changes the keys it names and nothing else, all of them or none.
\pset format unaligned
SELECT regress.set_up('update', 63, 'GET /a, POST /b, DELETE /c, GET /d/:id');
SELECT extsched_create('update', regress.id(1), 'GET /a', '0 3 * * *', 'Europe/Berlin', 'kept', '{"a": 1}', options => '{"max_attempts": 5}') IS NOT NULL AS created;
SELECT schedule_id AS id FROM extsched.schedule WHERE tenant_id = 'update' \gset
CREATE FUNCTION regress.change(changes jsonb) RETURNS text LANGUAGE sql
AS $$ SELECT coalesce(answer ->> 'revision', answer ->> 'fieldErrors', answer::text)
        FROM regress.host('update', 'update', changes || jsonb_build_object('scheduleId', (SELECT schedule_id FROM extsched.schedule WHERE tenant_id = 'update'))) AS answer $$;
CREATE VIEW regress.changed AS
SELECT endpoint_method || ' ' || endpoint_path AS endpoint, s.name, cron, timezone, enabled, payload, max_attempts, overlap, revision, m.next_due IS NOT NULL AS is_armed
  FROM extsched.schedule AS s JOIN extsched.timer AS m USING (tenant_id, schedule_id) WHERE tenant_id = 'update';

-- Each key by itself, on either face; all others stay.
TABLE regress.changed;
SELECT regress.change('{"enabled": false}');
TABLE regress.changed;
SELECT regress.change('{"enabled": true}'), regress.change('{"endpoint": "post /b"}');
TABLE regress.changed;
SELECT extsched_update('update', regress.id(1), :'id', '{"cron": "0 4 * * *", "options": {"overlap": "allow"}}');
TABLE regress.changed;
SELECT regress.change('{"timezone": "  "}'), regress.change('{"payload": [1]}'), regress.change('{"options": {"max_attempts": 2}}'), regress.change('{"name": " other "}');
TABLE regress.changed;

-- Null, and a blank name, clear name; null clears payload.  On any other key
-- null is an error.
SELECT regress.change('{"name": null, "payload": null}');
TABLE regress.changed;
SELECT extsched_update('update', regress.id(1), :'id', '{"name": "x", "payload": {}}'), regress.change('{"name": "  "}'), extsched_update('update', regress.id(1), :'id', '{"payload": null}');
TABLE regress.changed;
SELECT regress.change(jsonb_build_object(key, NULL)) FROM unnest('{endpoint,cron,timezone,enabled,options}'::text[]) AS key;

-- What changes nothing is no new revision and no audit record.
SELECT regress.state() AS before \gset
SELECT regress.change('{}'), regress.change('{"enabled": true, "timezone": "utc", "cron": " 0 4 * * * ", "endpoint": "POST /b", "name": null, "options": {"overlap": "allow"}}');
SELECT extsched_update('update', regress.id(1), :'id', '{}');
SELECT regress.state() = :'before' AS unchanged;

-- Judged as create judges; with one wrong key nothing changes.
SELECT changes, regress.change(changes)
  FROM unnest('{"{\"cron\": \"\"}","{\"cron\": \"*/7 * * * *\", \"enabled\": false}","{\"cron\": \"0 0 31 2 *\"}","{\"timezone\": \"Mars\", \"name\": \"new\"}","{\"endpoint\": \"GET /x\"}","{\"endpoint\": \"DELETE /c\"}","{\"endpoint\": \"/d/:id\"}",
                "{\"payload\": 7}","{\"enabled\": 1}","{\"operation\": \"update\", \"clientToken\": \"x\"}","{\"options\": {\"max_attempts\": 0}, \"cron\": \"5 * * * *\"}"}'::jsonb[]) AS changes;
SELECT * FROM regress.outcome(format($$SELECT extsched_update('update', regress.id(1), %L, '{"cron": "*/7 * * * *", "timezone": "Mars"}')$$, :'id'));
SELECT regress.state() = :'before' AS unchanged;

-- Only a real change of cron, zone, enabled or the window moves the due time;
-- it is the next one from now.
UPDATE extsched.timer SET next_due = '2001-01-01', accounted_from = '2000-01-01' WHERE tenant_id = 'update';
CREATE FUNCTION regress.rearms(changes jsonb) RETURNS boolean LANGUAGE plpgsql
AS $$
DECLARE moved boolean;
BEGIN
    PERFORM regress.change(changes);
    SELECT m.next_due IS DISTINCT FROM '2001-01-01' INTO moved FROM extsched.timer AS m WHERE tenant_id = 'update';
    PERFORM FROM extsched.timer AS m JOIN extsched.schedule AS s USING (tenant_id, schedule_id)
      WHERE tenant_id = 'update' AND moved AND m.next_due IS DISTINCT FROM CASE WHEN s.enabled THEN extsched_next(s.cron, s.timezone, m.accounted_from, s.schedule_id::text) END
        AND s.starts_at IS NULL AND s.ends_at IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'the due time is not the next one';
    END IF;
    UPDATE extsched.timer SET next_due = '2001-01-01', accounted_from = '2000-01-01' WHERE tenant_id = 'update';
    RETURN moved;
END $$;
SELECT changes, regress.rearms(changes)
  FROM unnest('{"{\"name\": \"n\"}","{\"payload\": [2]}","{\"endpoint\": \"GET /a\"}","{\"options\": {\"overlap\": \"skip\", \"jitter_s\": 5, \"catch_up_s\": 1}}","{\"cron\": \"0 4 * * *\"}","{\"timezone\": \"UTC\", \"enabled\": true}",
                "{\"cron\": \"0 5 * * *\"}","{\"timezone\": \"Asia/Tokyo\"}","{\"options\": {\"starts_at\": \"2030-01-01T00:00:00Z\"}}","{\"options\": {\"ends_at\": \"2031-01-01T00:00:00Z\"}}","{\"options\": {\"starts_at\": null, \"ends_at\": null}}","{\"enabled\": false}"}'::jsonb[]) AS changes;
-- Of a window both ends must fit together, also when only one is given.
SELECT regress.change('{"options": {"starts_at": "2030-01-01T00:00:00Z"}}'), regress.change('{"options": {"ends_at": "2029-01-01T00:00:00Z"}}');
UPDATE extsched.timer SET next_due = NULL WHERE tenant_id = 'update';

-- Disabling cancels what waits; enabling keeps the id, and begins with the next
-- nominal time from now, replaying nothing.
SELECT regress.change('{"options": {"starts_at": null}, "enabled": true}');
INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, ready_at, created_at)
SELECT 'update', :'id', t, 'schedule', extsched.run_slot(t), extsched.run_id('update', :'id', t, 'schedule'), regress.id(1), 'default', 'pending', t, t FROM (SELECT date_trunc('minute', now())) AS n (t);
UPDATE extsched.timer SET in_flight = 1 WHERE tenant_id = 'update';
SELECT regress.change('{"enabled": false}');
SELECT state, reason, finished_at IS NOT NULL AS finished, m.in_flight, m.next_due FROM extsched.run JOIN extsched.timer AS m USING (tenant_id, schedule_id) WHERE tenant_id = 'update';
SET extsched.clock_offset = 864000;
SELECT regress.change('{"enabled": true}');
SELECT m.next_due = extsched_next('0 5 * * *', 'Asia/Tokyo', now() + interval '10 days') AS next_from_now, m.accounted_from > now() + interval '9 days' AS nothing_before, schedule_id = :'id' AS same_id FROM extsched.timer AS m WHERE tenant_id = 'update';
RESET extsched.clock_offset;

-- An error at the last step leaves the old definition and its due time.
SELECT regress.state() AS before \gset
CREATE FUNCTION regress.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE TRIGGER fail AFTER UPDATE ON extsched.timer FOR EACH ROW EXECUTE FUNCTION regress.fail();
SELECT regress.change('{"cron": "0 6 * * *"}'), regress.error(format($$SELECT extsched_update('update', regress.id(1), %L, '{"cron": "0 6 * * *"}')$$, :'id'));
DROP TRIGGER fail ON extsched.timer;
DROP FUNCTION regress.fail();
SELECT regress.state() = :'before' AS unchanged;

-- The audit record holds the changed fields alone.
SELECT before, after FROM extsched.audit WHERE tenant_id = 'update' AND action = 'schedule.update' ORDER BY at LIMIT 4;
SELECT extsched_drop_tenant('update');
SELECT extsched_drop_version(regress.id(63));
DROP VIEW regress.changed;
DROP FUNCTION regress.change, regress.rearms;
