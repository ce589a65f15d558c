-- A payload is an object or an array of at most 100,000 bytes of JSON text, and
-- comes back as it was.
\pset format unaligned
SELECT regress.set_up('payload', 54);
CREATE FUNCTION regress.payload(payload jsonb) RETURNS text LANGUAGE sql
AS $$ SELECT regress.verdict('payload', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'payload', payload)) $$;

-- Objects and arrays pass, JSON null is none; scalars are refused.
SELECT payload, regress.payload(payload) FROM unnest('{"{}","[]","{\"a\": 1}","[[1]]","null","7","true","\"{}\"","\"\""}'::jsonb[]) AS payload;

-- They are stored and shown unchanged, also through the host face.
CREATE TEMP TABLE made AS
SELECT n, payload, (extsched_host('payload', regress.id(1), 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'payload', payload)) ->> 'scheduleId')::uuid AS id
  FROM unnest('{"[]","{}","[{\"a\": 1}]","[[1]]","{\"a\": null, \"b\": [1.50, \"x\"]}","[null]","null"}'::jsonb[]) WITH ORDINALITY AS p (payload, n);
SELECT m.payload AS given, p.payload AS shown, extsched_host('payload', regress.id(1), 'get', jsonb_build_object('scheduleId', m.id)) -> 'schedule' -> 'payload' AS on_host
  FROM made AS m JOIN extsched_list('payload', regress.id(1)) AS p USING (id) ORDER BY n;
DROP TABLE made;

-- 100,000 bytes pass and one more does not, whatever the characters: of 1, 2,
-- 3 and 4 bytes, and such that JSON writes as two.
SELECT octet_length(payload::text) AS bytes, char_length(payload::text) AS characters, left(regress.payload(payload), 120) AS verdict
  FROM (SELECT jsonb_build_array(repeat(c, (99996 - n) / octet_length(c)) || repeat('x', (99996 - n) % octet_length(c) + n + more))
          FROM unnest(ARRAY['x', 'é', '€', U&'\+01F600']) AS c, unnest('{0,1}'::integer[]) AS n, unnest('{0,1}'::integer[]) AS more
         WHERE n = 0) AS p (payload);
SELECT octet_length(payload::text) AS bytes, left(regress.payload(payload), 120) AS verdict
  FROM unnest(ARRAY[jsonb_build_array(repeat('"', 49998)), jsonb_build_array(repeat('"', 49998) || 'x'), jsonb_build_array(repeat('€', 99998))]) AS payload;

-- The stored form counts, not how it was typed: jsonb writes a blank after each
-- comma, and a number as a number.
SELECT octet_length(payload::text) AS bytes, left(regress.payload(payload), 120) AS verdict
  FROM (SELECT ('[' || rpad('1', 66665, ',1') || repeat(' ', 50000) || ']')::jsonb
        UNION ALL SELECT ('[' || rpad('1', 66667, ',1') || ']')::jsonb) AS p (payload);

-- On the SQL face alone the SQLSTATE is that of a size, of the type that of a value.
SELECT regress.error($$SELECT extsched_create('payload', regress.id(1), 'GET /a', '0 0 * * *', payload => jsonb_build_array(repeat('x', 100000)))$$),
       regress.error($$SELECT extsched_create('payload', regress.id(1), 'GET /a', '0 0 * * *', payload => '7')$$);

-- The same in an update, and with another setting.
SELECT extsched_create('payload', regress.id(1), 'GET /a', '0 0 * * *', name => 'p', payload => '[1]') IS NOT NULL AS created;
SELECT left(regress.host('payload', 'update', jsonb_build_object('scheduleId', regress.schedule('payload', 'p'), 'payload', jsonb_build_array(repeat('x', n))))::text, 100)
  FROM unnest('{99996,99997}'::integer[]) AS n;
SET extsched.max_payload_bytes = 1024;
SELECT left(regress.payload(jsonb_build_array(repeat('x', n))), 120) FROM unnest('{1020,1021}'::integer[]) AS n;
RESET extsched.max_payload_bytes;

SELECT extsched_drop_tenant('payload');
SELECT extsched_drop_version(regress.id(54));
DROP FUNCTION regress.payload(jsonb);
