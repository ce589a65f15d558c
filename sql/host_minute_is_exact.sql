-- create, update and delete of an install share ten calls in any sixty seconds.
\pset format unaligned
SELECT regress.set_up('minute', 67);
SELECT extsched_set_limits('minute', NULL, '{"mutations_per_minute": null}');
CREATE FUNCTION regress.calls() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT sum(c) FROM extsched.install_limiter, unnest(calls) AS c WHERE tenant_id = 'minute' AND install_id = regress.id(1) $$;
-- Let time pass for the window: what it remembers grows older.
CREATE FUNCTION regress.pass(seconds numeric) RETURNS void LANGUAGE sql VOLATILE
AS $$ UPDATE extsched.install_limiter SET called_at = ARRAY(SELECT a - seconds * interval '1 s' FROM unnest(called_at) WITH ORDINALITY AS u (a, n) ORDER BY n) WHERE tenant_id = 'minute' $$;

-- All three count, whatever became of the call: done, wrong fields, unknown
-- schedule, quota.
SELECT regress.host('minute', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "one"}') ->> 'success', regress.calls();
SELECT regress.host('minute', 'update', jsonb_build_object('scheduleId', regress.schedule('minute', 'one'), 'enabled', false)) ->> 'success', regress.calls();
SELECT regress.host('minute', 'create', '{}') ->> 'code', regress.calls();
SELECT regress.host('minute', 'create', '[]') ->> 'code', regress.calls();
SELECT regress.host('minute', 'update', '{"scheduleId": "x"}') ->> 'code', regress.calls();
SELECT regress.host('minute', 'delete', jsonb_build_object('scheduleId', regress.id(9))) ->> 'code', regress.calls();
SELECT extsched_set_limits('minute', NULL, '{"max_schedules": 0}');
SELECT regress.host('minute', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}') ->> 'code', regress.calls();
SELECT regress.host('minute', 'delete', jsonb_build_object('scheduleId', regress.schedule('minute', 'one'))) ->> 'success', regress.calls();

-- list, get, getEndpoints, an unknown operation and the SQL face are free.
SELECT regress.host('minute', op, CASE op WHEN 'get' THEN jsonb_build_object('scheduleId', regress.id(9)) ELSE '{}' END) ->> 'success' FROM unnest('{list,get,getEndpoints,other}'::text[]) AS op, generate_series(1, 3);
SELECT extsched_set_limits('minute', NULL, '{"max_schedules": null}');
SELECT extsched_create('minute', regress.id(1), 'GET /a', '0 0 * * *', name => 'sql') IS NOT NULL AS created FROM generate_series(1, 1);
SELECT regress.calls();

-- The eleventh is refused and writes nothing: neither charge nor audit record,
-- not even a new version of the row.  It comes before the fields are judged.
SELECT regress.host('minute', 'create', '{}') ->> 'code', regress.host('minute', 'create', '{}') ->> 'code', regress.calls();
SELECT xmin AS before, ctid AS place FROM extsched.install_limiter WHERE tenant_id = 'minute' \gset
SELECT regress.state() AS state \gset
SELECT regress.host('minute', op, '{"endpoint": "GET /a", "cron": "0 0 * * *", "name": "eleventh"}') - 'retryAfterSeconds' - 'error' FROM unnest('{create,update,delete}'::text[]) AS op;
SELECT answer ->> 'error' AS error, (answer -> 'retryAfterSeconds')::int > 1 AS waits FROM regress.host('minute', 'create', '{}') AS answer;
SELECT regress.calls(), xmin = :'before' AND ctid = :'place' AS same_row, regress.state() = :'state' AS unchanged FROM extsched.install_limiter WHERE tenant_id = 'minute';
SELECT regress.host('minute', 'list') ->> 'success';

-- The wait is true to the second; when it is over, one call is accepted for
-- each that left the window.
CREATE FUNCTION regress.wait_is_true() RETURNS boolean LANGUAGE plpgsql
AS $$
DECLARE
    oldest timestamptz := (SELECT called_at[1] FROM extsched.install_limiter WHERE tenant_id = 'minute');
    before numeric := 60 - extract(epoch FROM clock_timestamp() - oldest);
    wait   numeric := regress.host('minute', 'create', '{}') -> 'retryAfterSeconds';
BEGIN
    RETURN wait BETWEEN ceil(60 - extract(epoch FROM clock_timestamp() - oldest)) AND ceil(before);
END $$;
UPDATE extsched.install_limiter SET called_at = ARRAY(SELECT clock_timestamp() - CASE n WHEN 1 THEN 30 ELSE 10 END * interval '1 s' FROM generate_series(1, 10) AS n) WHERE tenant_id = 'minute';
SELECT regress.wait_is_true();
SELECT regress.pass(12.3);
SELECT regress.wait_is_true();
SELECT regress.pass(17.701);
SELECT regress.host('minute', 'create', '{}') ->> 'code', regress.host('minute', 'create', '{}') ->> 'code', regress.calls();
-- Ten at the end of one minute leave none for the beginning of the next.
UPDATE extsched.install_limiter SET called_at = ARRAY(SELECT clock_timestamp() - interval '0.5 s' FROM generate_series(1, 10)), calls = array_fill(1, '{10}') WHERE tenant_id = 'minute';
SELECT regress.host('minute', 'create', '{}') ->> 'code', regress.wait_is_true();
SELECT regress.pass(59.6);
SELECT count(*) FILTER (WHERE regress.host('minute', 'create', '{}') ->> 'code' = 'VALIDATION_FAILED') FROM generate_series(1, 12);
-- A clock that was set back makes calls wait; it lets none through.
SELECT regress.pass(-30);
SELECT regress.host('minute', 'create', '{}') ->> 'code', (regress.host('minute', 'create', '{}') -> 'retryAfterSeconds')::int > 60 AS waits_longer;

-- The scheduler's own clock, moved by tests, opens no window.
SET extsched.clock_offset = 3600;
SELECT regress.host('minute', 'create', '{}') ->> 'code';
RESET extsched.clock_offset;

-- Another install has a minute of its own, whatever the spelling of an id.
SELECT regress.register(73, 'GET /a');
SELECT extsched_install('minute', regress.id(2), regress.id(73), '{cap:scheduler.manage}');
SELECT extsched_host('minute', regress.id(2), 'create', '{}') ->> 'code', extsched_host('minute', upper(regress.id(1)::text)::uuid, 'create', '{}') ->> 'code';

-- Other limits, in force from the next call on: more, none at all, any number.
SELECT regress.pass(100);
SELECT extsched_set_limits('minute', regress.id(1), '{"mutations_per_minute": 3}');
SELECT count(*) FILTER (WHERE regress.host('minute', 'create', '{}') ->> 'code' = 'VALIDATION_FAILED') FROM generate_series(1, 12);
SELECT extsched_set_limits('minute', regress.id(1), '{"mutations_per_minute": 0}');
SELECT regress.host('minute', 'create', '{}');
SELECT extsched_set_limits('minute', regress.id(1), '{"mutations_per_minute": 5}');
SELECT count(*) FILTER (WHERE regress.host('minute', 'create', '{}') ->> 'code' = 'VALIDATION_FAILED') FROM generate_series(1, 12);
SELECT extsched_set_limits('minute', regress.id(1), '{"mutations_per_minute": -1}');
SELECT count(*) FILTER (WHERE regress.host('minute', 'create', '{}') ->> 'code' = 'VALIDATION_FAILED') FROM generate_series(1, 300);
-- A large limit is as strict, and costs at most an entry for each second.
SELECT regress.pass(100);
SELECT extsched_set_limits('minute', regress.id(1), '{"mutations_per_minute": 250}');
SELECT count(*) FILTER (WHERE regress.host('minute', 'create', '{}') ->> 'code' = 'VALIDATION_FAILED') FROM generate_series(1, 260);
SELECT regress.calls(), cardinality(called_at) < 61 AS is_short FROM extsched.install_limiter WHERE tenant_id = 'minute' AND install_id = regress.id(1);
SELECT extsched_set_limits('minute', regress.id(1), '{"mutations_per_minute": null}');

-- A caller that rolls back takes its charge back too.
SELECT regress.pass(100);
BEGIN;
SELECT regress.host('minute', 'create', '{}') ->> 'code';
ROLLBACK;
SELECT count(*) FILTER (WHERE regress.host('minute', 'create', '{}') ->> 'code' = 'VALIDATION_FAILED') FROM generate_series(1, 12);

-- Without its row nothing can be counted, and nothing is done.
SELECT regress.pass(100);
DELETE FROM extsched.install_limiter WHERE tenant_id = 'minute' AND install_id = regress.id(1);
SELECT regress.host('minute', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *"}');
SELECT * FROM regress.outcome($$SELECT extsched_create('minute', regress.id(1), 'GET /a', '0 0 * * *')$$);
INSERT INTO extsched.install_limiter (tenant_id, install_id) VALUES ('minute', regress.id(1));

SELECT extsched_drop_tenant('minute');
SELECT extsched_drop_version(regress.id(n)) FROM unnest('{67,73}'::int[]) AS n;
DROP FUNCTION regress.calls, regress.pass, regress.wait_is_true;
