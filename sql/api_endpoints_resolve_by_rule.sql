-- An endpoint is chosen by rule, never by the order of rows, and each way of
-- naming none has a message of its own.
\pset format unaligned
SELECT regress.set_up('select', 55, 'GET /get, POST /post, GET /both, POST /both, DELETE /gone, PUT /put, PATCH /put, DELETE /mixed, POST /mixed, GET /item/:id, POST /item/{id}, POST /Case, GET /slash/');
SELECT extsched_register_version(regress.id(60), regress.id(6), 'hash', '{"capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "POST", "path": "/both", "handler": "h"}, {"method": "GET", "path": "/both", "handler": "h"},
           {"method": "GET", "path": "/out", "handler": "h", "schedulable": false}, {"method": "GET", "path": "/item/:id", "handler": "h", "schedulable": true}]}');
CREATE FUNCTION regress.resolve(endpoint text) RETURNS text LANGUAGE sql
AS $$ SELECT regress.verdict('select', jsonb_build_object('endpoint', endpoint, 'cron', '0 0 * * *')) $$;

-- Method in any case, any blanks between, the path in its stored form.
CREATE TEMP TABLE made AS
SELECT n, endpoint, extsched_create('select', regress.id(1), endpoint, '0 0 * * *') AS id
  FROM unnest(ARRAY['GET /get', 'get /get', E'  Get \t /get  ', 'GET //get', '/get', ' //post ', '/mixed', 'POST /mixed', 'GET /both', 'POST /both', 'GET /slash/', 'POST /Case']) WITH ORDINALITY AS e (endpoint, n);
SELECT endpoint, s.endpoint_method, s.endpoint_path FROM made JOIN extsched_list('select', regress.id(1)) AS s USING (id) ORDER BY n;
DROP TABLE made;

-- An endpoint's id names it too.
SELECT regress.resolve(endpoint_id::text) FROM extsched.endpoint WHERE version_id = regress.id(55) AND path = '/post';
SELECT regress.resolve(upper(endpoint_id::text)) FROM extsched.endpoint WHERE version_id = regress.id(55) AND path = '/post';

-- Unknown; wrong method; unschedulable by method, by parameters.
SELECT endpoint, regress.resolve(endpoint)
  FROM unnest(ARRAY['GET /nowhere', '/nowhere', 'GET /post', 'POST /get', 'HEAD /get', 'GET /GET', 'GET /case', 'GET /slash', '/slash',
                    'DELETE /gone', 'PUT /put', 'PATCH /put', '/gone', '/put', 'GET /gone', 'GET /item/:id', 'POST /item/{id}', '/item/:id', 'GET /item/7']) AS endpoint;

-- Ambiguous.
SELECT regress.resolve('/both');

-- Malformed; with a query or a fragment; too long.
SELECT left(endpoint, 40) AS endpoint, left(regress.resolve(endpoint), 120) AS resolve
  FROM unnest(ARRAY['', '  ', 'get', 'GET', 'GET get', 'GET/get', 'GET /get x', E'GET /g\tet', 'G3T /get', 'http://host/get', 'GET http://host/get', '/get?x=1', 'GET /get#top', 'GET ?', rpad('GET /', 256, 'x'), rpad('GET /', 257, 'x'), rpad('GET /', 256, 'é'),
                    '00000000-0000-4000-8000-000000000000']) AS endpoint;

-- Another version: registered in the other order the same path is as ambiguous;
-- what its manifest opted out is refused as such; "schedulable": true grants
-- nothing.
SELECT extsched_install('select', regress.id(2), regress.id(60), '{cap:scheduler.manage}');
SELECT regress.host('select', 'create', jsonb_build_object('endpoint', endpoint, 'cron', '0 0 * * *'), regress.id(2)) -> 'fieldErrors' ->> 'endpoint'
  FROM unnest('{/both,/out,GET /item/:id,GET /get}'::text[]) AS endpoint;

-- An endpoint of another version has an id that this install does not know.
SELECT regress.resolve(endpoint_id::text) LIKE '22023 endpoint: The installed version has no endpoint with id%' AS unknown
  FROM extsched.endpoint WHERE version_id = regress.id(60) AND path = '/out';

SELECT extsched_drop_tenant('select');
SELECT extsched_drop_version(n) FROM unnest(ARRAY[regress.id(55), regress.id(60)]) AS n;
DROP FUNCTION regress.resolve(text);
