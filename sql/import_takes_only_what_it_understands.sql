-- extsched_import_pg_cron makes schedules of jobs that are one HTTP call with
-- constants to an endpoint of the install, and reports all others.
SELECT regress.set_up('import', 10, 'GET /status, POST /sync, POST /v1/mail, DELETE /sync/{id}');
\set install '''import'', ''00000000-0000-4000-8000-000000000001'''

-- Without pg_cron there is nothing to read.
SELECT outcome, message, hint FROM regress.outcome($$SELECT extsched_import_pg_cron('import', regress.id(1))$$);

-- The table as pg_cron has it.
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint PRIMARY KEY, schedule text NOT NULL, command text NOT NULL, nodename text DEFAULT 'localhost', nodeport int DEFAULT 5432,
                       database text NOT NULL DEFAULT current_database(), username text NOT NULL DEFAULT current_user, active boolean NOT NULL DEFAULT true, jobname name);
INSERT INTO cron.job (jobid, jobname, schedule, command) VALUES
    -- what is taken over
    (1, 'named', '*/10 * * * *', $$select net.http_post(url := 'https://api.example.com/sync', headers := '{"Content-Type": "application/json"}'::jsonb, body := '{"full": false, "note": "it''s"}'::jsonb) as request_id;$$),
    (2, 'by arrow', '0 9 * * 1-5', $_$ SELECT net.http_post(url => 'http://10.0.0.1:8080/v1/mail', body => $${"to": "all"}$$::jsonb, timeout_milliseconds => 5000) $_$),
    (3, NULL, '@daily', $$SELECT * FROM net.http_get('https://api.example.com/status')$$),
    (4, 'headers', '0 * * * *', $$SELECT net.http_get('https://api.example.com/status', '{}', '{"Authorization": "Bearer MARKER", "X-Plan": "b"}'::jsonb, 1000)$$),
    (5, 'stopped', '0 3 1 * *', $$select net.http_post('https://api.example.com/sync', '[1, 2]')$$),
    -- what is not
    (10, 'vacuum', '0 3 * * *', 'VACUUM'),
    (11, 'two', '0 3 * * *', $$select net.http_get('https://a/status'); select net.http_get('https://a/status')$$),
    (12, 'computed body', '0 3 * * *', $$select net.http_post('https://a/sync', jsonb_build_object('at', now()))$$),
    (13, 'computed url', '0 3 * * *', $$select net.http_get('https://a' || '/status')$$),
    (14, 'escapes', '0 3 * * *', $$select net.http_get(E'https://a/status')$$),
    (15, 'more', '0 3 * * *', $$select net.http_get('https://a/status') from tenants$$),
    (16, 'query', '0 3 * * *', $$select net.http_get('https://a/status?key=MARKER')$$),
    (17, 'params', '0 3 * * *', $$select net.http_get('https://a/status', '{"key": "MARKER"}')$$),
    (18, 'relative', '0 3 * * *', $$select net.http_get('/status')$$),
    (19, 'no json', '0 3 * * *', $$select net.http_post('https://a/sync', 'MARKER')$$),
    (20, 'scalar', '0 3 * * *', $$select net.http_post('https://a/sync', '3')$$),
    (21, 'unknown path', '0 3 * * *', $$select net.http_get('https://a/elsewhere')$$),
    (22, 'wrong method', '0 3 * * *', $$select net.http_get('https://a/sync')$$),
    (23, 'seconds', '30 seconds', $$select net.http_get('https://a/status')$$),
    (24, 'often', '* * * * *', $$select net.http_get('https://a/status')$$),
    (25, 'twice', '0 3 * * *', $$select net.http_get('https://a/status', url := 'https://b/status')$$),
    (26, 'unknown argument', '0 3 * * *', $$select net.http_get('https://a/status', verb := 'x')$$),
    (27, 'trailing comma', '0 3 * * *', $$select net.http_get('https://a/status', )$$),
    (28, 'no arguments', '0 3 * * *', $$select net.http_get()$$),
    (29, 'time-out', '0 3 * * *', $$select net.http_get('https://a/status', timeout_milliseconds := 0)$$),
    (30, 'elsewhere', '0 3 * * *', $$select net.http_get('https://a/status')$$),
    (31, 'hidden', '0 3 * * *', $$select net.http_get('https://a/status') /* ) x */$$),
    (32, 'schema', '0 3 * * *', $$select mynet.http_get('https://a/status')$$);
UPDATE cron.job SET database = 'other' WHERE jobid = 30;
UPDATE cron.job SET active = false WHERE jobid = 5;
-- a name that is taken in the install
SELECT extsched_create(:install, 'GET /status', '0 * * * *', name => 'taken') IS NOT NULL AS made;
INSERT INTO cron.job (jobid, jobname, schedule, command) VALUES (40, 'taken', '0 3 * * *', $$select net.http_get('https://a/status')$$);

-- A dry run is the default, says what would be, and leaves nothing.
SELECT regress.state() AS before \gset
SELECT * FROM extsched_import_pg_cron(:install);
SELECT regress.state() = :'before' AS unchanged;

-- The report shows no command, and with it no secret.
SELECT count(*) AS leaks FROM extsched_import_pg_cron(:install) AS r WHERE r::text LIKE '%MARKER%';

-- For real: the same report, and schedules that say the same as the jobs.
CREATE TABLE regress.foretold AS SELECT * FROM extsched_import_pg_cron(:install);
CREATE TABLE regress.happened AS SELECT * FROM extsched_import_pg_cron(:install, false);
SELECT count(*) AS differences FROM (TABLE regress.foretold EXCEPT TABLE regress.happened) AS d;
SELECT s.name, s.endpoint_method, s.endpoint_path, s.cron, s.timezone, s.payload, s.enabled, s.timeout_ms, s.created_via
  FROM extsched.schedules AS s WHERE s.tenant_id = 'import' AND s.name IS DISTINCT FROM 'taken' ORDER BY s.name COLLATE "C";

-- Again: what is there is left; a job that was changed since is said to be.
UPDATE cron.job SET schedule = '0 4 * * *' WHERE jobid = 2;
SELECT jobid, action, problem FROM extsched_import_pg_cron(:install, false) WHERE jobid < 10;
SELECT count(*) FROM extsched_list(:install);

-- The quota is judged for all jobs together.
SELECT extsched_delete(:install, s.id) FROM extsched_list(:install) AS s;
SELECT extsched_set_limits('import', NULL, '{"max_schedules": 2}');
SELECT jobid, action, problem FROM extsched_import_pg_cron(:install) WHERE jobid < 10;
SELECT extsched_set_limits('import', NULL, '{"max_schedules": null}');

-- A prefix that all endpoints have outside is taken off.
SELECT jobid, jobname, action, problem FROM extsched_import_pg_cron(:install, path_prefix => '/v1') WHERE jobid IN (1, 2);

-- The zone is that of pg_cron.
SELECT count(*) AS created FROM extsched_import_pg_cron(:install, false) WHERE action = 'create';
SELECT extsched_delete(:install, s.id) FROM extsched_list(:install) AS s;
SET cron.timezone = 'Europe/Berlin';
SELECT count(*) AS created FROM extsched_import_pg_cron(:install, false) WHERE action = 'create';
SELECT DISTINCT timezone FROM extsched_list(:install);
RESET cron.timezone;

-- What is not pg_cron's own table is not read: who owns a schema of that name
-- could have the owner of the extension run anything.
CREATE ROLE regress_planter;
ALTER TABLE cron.job OWNER TO regress_planter;
SELECT outcome FROM regress.outcome($$SELECT extsched_import_pg_cron('import', regress.id(1))$$);
ALTER TABLE cron.job OWNER TO CURRENT_USER;
ALTER SCHEMA cron OWNER TO regress_planter;
SELECT outcome FROM regress.outcome($$SELECT extsched_import_pg_cron('import', regress.id(1))$$);
ALTER SCHEMA cron OWNER TO CURRENT_USER;
ALTER TABLE cron.job RENAME TO hidden;
CREATE VIEW cron.job AS SELECT * FROM cron.hidden;
SELECT outcome FROM regress.outcome($$SELECT extsched_import_pg_cron('import', regress.id(1))$$);
DROP VIEW cron.job;
ALTER TABLE cron.hidden RENAME TO job;
CREATE TABLE cron.child () INHERITS (cron.job);
INSERT INTO cron.child (jobid, jobname, schedule, command) VALUES (99, 'child', '0 3 * * *', $$select net.http_get('https://a/status')$$);
SELECT count(*) AS from_children FROM extsched_import_pg_cron(:install) WHERE jobid = 99;

-- Refusals.
SELECT call, o.outcome, o.message
  FROM unnest(ARRAY[$$extsched_import_pg_cron(NULL, regress.id(1))$$, $$extsched_import_pg_cron('import', NULL)$$, $$extsched_import_pg_cron('import', regress.id(1), NULL)$$,
                    $$extsched_import_pg_cron('import', regress.id(2))$$, $$extsched_import_pg_cron('other', regress.id(1))$$]) AS call,
       regress.outcome('SELECT ' || call) AS o;
SELECT extsched_set_install_enabled(:install, false);
SELECT outcome, message FROM regress.outcome($$SELECT extsched_import_pg_cron('import', regress.id(1))$$);

DROP SCHEMA cron CASCADE;
DROP TABLE regress.foretold, regress.happened;
DROP ROLE regress_planter;
SELECT extsched_drop_tenant('import');
SELECT extsched_drop_version(regress.id(10));
