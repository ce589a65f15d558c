-- create on both faces, extsched_validate and update say the same of the same
-- input; validate stores nothing and is not charged.
\pset format unaligned
SELECT regress.set_up('judge', 57, 'GET /a, POST /b, DELETE /c, GET /d/:id, GET /both, POST /both');
SELECT extsched_create('judge', regress.id(1), 'GET /a', '0 3 * * *', name => 'subject') IS NOT NULL AS created;

-- What an update says of changes: "ok", or what is wrong with each field.
CREATE FUNCTION regress.change(changes jsonb) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
    answer jsonb;
BEGIN
    answer := regress.host('judge', 'update', changes || jsonb_build_object('scheduleId', regress.schedule('judge', 'subject')));
    RETURN CASE WHEN answer -> 'success' = 'true' THEN 'ok'
           ELSE (SELECT '22023 ' || string_agg(key || ': ' || value, ' | ' ORDER BY key COLLATE "C") FROM jsonb_each_text(answer -> 'fieldErrors')) END;
END
$$;

CREATE TABLE regress.corpus (n serial, change jsonb);
INSERT INTO regress.corpus (change) VALUES
    ('{"cron": "*/10 * * * *"}'), ('{"cron": "* * * * *"}'), ('{"cron": "61 * * * *"}'), ('{"cron": "0 0 31 2 *"}'), ('{"cron": "0 0 1 * 1"}'),
    ('{"cron": ""}'), ('{"cron": "@reboot"}'), ('{"timezone": "europe/berlin"}'), ('{"timezone": "+05:00"}'), ('{"timezone": "posix/UTC"}'),
    ('{"timezone": "  "}'), ('{"payload": {"a": 1}}'), ('{"payload": 7}'), ('{"name": " subject "}'),
    ('{"endpoint": "POST /b"}'), ('{"endpoint": "/a"}'), ('{"endpoint": "/both"}'), ('{"endpoint": "/none"}'), ('{"endpoint": "DELETE /c"}'),
    ('{"endpoint": "GET /d/:id"}'), ('{"endpoint": "/a?x"}'), ('{"endpoint": "GET"}'), ('{"options": {"max_attempts": 0}}'),
    ('{"options": {"what": 1}}'), ('{"options": {"starts_at": "yesterday"}}'), ('{"cron": "x", "timezone": "Mars", "endpoint": "/none"}');
SELECT n, change, regress.change(change) AS of_update FROM regress.corpus ORDER BY n;
SELECT n, change, of_create, of_update
  FROM (SELECT n, change, regress.change(change) AS of_update,
               regress.verdict('judge', '{"endpoint": "GET /a", "cron": "0 3 * * *"}' || (change - 'name')) AS of_create FROM regress.corpus) AS v
 WHERE of_create <> of_update AND (of_create = 'ok') <> (of_update = 'ok') OR substr(of_create, 7) <> substr(of_update, 7);

-- An update to another endpoint takes it as it is registered; a refused one
-- leaves the one before.
SELECT regress.change('{"endpoint": "GET /a"}'), regress.change('{"endpoint": "post //b"}');
SELECT regress.change('{"endpoint": "PUT /b"}') <> 'ok' AS is_refused;
SELECT s.endpoint_method, s.endpoint_path, e.endpoint_id = s.endpoint_id AS is_resolved, e.handler
  FROM extsched.schedule AS s JOIN extsched.endpoint AS e USING (version_id, endpoint_id) WHERE s.tenant_id = 'judge';

-- Nothing is stored, nothing is charged; the update before is.
SELECT extsched_set_limits('judge', NULL, '{"mutations_per_minute": 1000}');
SELECT regress.change('{"timezone": "UTC"}');
SELECT regress.state() AS before \gset
SELECT count(extsched_validate('judge', regress.id(1), '{"endpoint": "GET /a", "cron": "0 3 * * *"}' || change)) FROM regress.corpus;
SELECT regress.state() = :'before' AS nothing_is_stored, (SELECT sum(n) FROM unnest(l.calls) AS n) AS charged
  FROM extsched.install_limiter AS l WHERE tenant_id = 'judge';

DROP TABLE regress.corpus;
DROP FUNCTION regress.change(jsonb);
SELECT * FROM extsched_check();
SELECT extsched_drop_tenant('judge');
SELECT extsched_drop_version(regress.id(57));
