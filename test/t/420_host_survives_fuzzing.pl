# Whatever a plugin sends, the host face answers with an object of the
# documented shape.  It raises nothing, and leaves the tables sound.
#
# The calls are made in SQL, in one session, from a seed that is shown: the same
# seed makes the same calls.  EXTSCHED_FUZZ_SEED (-1..1) chooses another.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $calls = 21_000;
my $seed = $ENV{EXTSCHED_FUZZ_SEED} // 0.20260131;

my $node = new_node('fuzz');
create_extension($node);

$node->safe_psql('postgres', <<'SQL');
SELECT extsched_register_version('10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000000', 'h', '{"capabilities": ["cap:scheduler.manage"],
    "endpoints": [{"method": "GET", "path": "/a", "handler": "h"}, {"method": "POST", "path": "/b", "handler": "h"}, {"method": "GET", "path": "/both", "handler": "h"},
                  {"method": "POST", "path": "/both", "handler": "h"}, {"method": "DELETE", "path": "/c", "handler": "h"}, {"method": "GET", "path": "/d/:id", "handler": "h"}]}');
SELECT extsched_install('fuzz', '20000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000001', '{cap:scheduler.manage}');
SELECT extsched_set_limits('fuzz', NULL, '{"mutations_per_minute": -1, "max_schedules": 12}');
CREATE SCHEMA fuzz;

-- In PL/pgSQL, like the rest, which plans once in a session, not at each call.
CREATE FUNCTION fuzz.pick(VARIADIC choices text[]) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$ BEGIN RETURN choices[1 + floor(random() * cardinality(choices))::int]; END $$;

-- Any text: short, long, odd characters, nearly right.
CREATE FUNCTION fuzz.text() RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN CASE floor(random() * 8)::int
        WHEN 0 THEN fuzz.pick('', ' ', E'\t\n', 'null', 'true', '0', '-1', '''; DROP TABLE extsched.schedule; --', '%s%n', '\', '"', '{', '[]')
        WHEN 1 THEN repeat(fuzz.pick('x', 'é', '€', U&'\+01F600', ' ', '/', '*', ',', U&'\0301', E'\x7f'), floor(random() * 300)::int)
        WHEN 2 THEN (SELECT coalesce(string_agg(chr((1 + random() * 55294)::int), ''), '') FROM generate_series(1, (random() * 20)::int))
        WHEN 3 THEN (SELECT coalesce(string_agg(chr((57344 + random() * 1056767)::int), ''), '') FROM generate_series(1, (random() * 9)::int))
        WHEN 4 THEN fuzz.pick(U&'\202e', U&'\feff', U&'\00a0', U&'\2028', U&'\fffd', U&'\fffe', U&'\200b') || fuzz.pick('GET /a', 'UTC', '0 * * * *', '')
        WHEN 5 THEN repeat(chr(1 + (random() * 126)::int), floor(random() * 3000)::int)
        WHEN 6 THEN md5(random()::text)::uuid::text
        ELSE (SELECT string_agg(fuzz.pick('*', '0', '5', '59', '60', '-', ',', '/', ' ', ' ', 'L', 'W', '#', 'H', '(', ')', '?', 'MON', 'jan', '@daily', '99999999999999999999'), '') FROM generate_series(1, 1 + (random() * 14)::int))
    END;
END $$;

-- Any JSON value.
CREATE FUNCTION fuzz.value(depth integer DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN CASE floor(random() * CASE WHEN depth > 3 THEN 6 ELSE 9 END)::int
        WHEN 0 THEN 'null'
        WHEN 1 THEN to_jsonb(random() < 0.5)
        WHEN 2 THEN fuzz.pick('0', '-0', '1', '-1', '2.5', '1e400', '-1e-400', '9223372036854775807', '9223372036854775808', '2147483648', '1' || repeat('0', 5000), '0.' || repeat('1', 3000))::jsonb
        WHEN 3 THEN to_jsonb(fuzz.text())
        WHEN 4 THEN fuzz.pick('{}', '[]', '""', '[null]', '{"": null}')::jsonb
        WHEN 5 THEN to_jsonb(floor(random() * 100))
        WHEN 6 THEN (SELECT coalesce(jsonb_agg(fuzz.value(depth + 1)), '[]') FROM generate_series(1, (random() * 4)::int))
        WHEN 7 THEN (SELECT coalesce(jsonb_object_agg(fuzz.text(), fuzz.value(depth + 1)), '{}') FROM generate_series(1, (random() * 4)::int))
        ELSE (SELECT (repeat('[', n) || repeat(']', n))::jsonb FROM (SELECT (1 + random() ^ 8 * 2000)::int) AS d (n))
    END;
END $$;

-- A value that may be right for a key.
CREATE FUNCTION fuzz.value_of(key text) RETURNS jsonb LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF random() < 0.08 THEN
        RETURN fuzz.value();
    ELSIF random() < 0.04 THEN
        RETURN to_jsonb(fuzz.text());
    END IF;
    RETURN CASE key
        WHEN 'endpoint' THEN to_jsonb(fuzz.pick('GET /a', 'GET /a', '/a', '/b', 'POST /b', 'post //b', 'get /both', '/both', 'DELETE /c', '/d/:id', '/nowhere', '/a?x', 'GET'))
        WHEN 'cron' THEN to_jsonb(fuzz.pick('0 * * * *', '*/5 * * * *', '@daily', 'H H * * *', '0 0 L * *', '0 9 * * 1-5', '5 4 * * *', '@weekly', '*/7 * * * *', '0 0 31 2 *', '0 0 1 1 1'))
        WHEN 'timezone' THEN to_jsonb(fuzz.pick('UTC', 'europe/BERLIN', 'Asia/Tokyo', '', 'utc', 'Mars', '+05:00', '../UTC'))
        WHEN 'enabled' THEN to_jsonb(random() < 0.5)
        WHEN 'name' THEN fuzz.pick('null', '"one"', '"two"', '" three "', '""')::jsonb
        WHEN 'payload' THEN CASE WHEN random() < 0.02 THEN jsonb_build_array(repeat('y', 99990 + (random() * 12)::int)) ELSE jsonb_build_array(fuzz.value()) END
        WHEN 'options' THEN (SELECT coalesce(jsonb_object_agg(o, CASE WHEN random() < 0.8 THEN to_jsonb((random() * 4000)::int) ELSE fuzz.value() END), '{}') FROM unnest(ARRAY[fuzz.pick('overlap', 'catch_up_s', 'max_attempts', 'backoff_s', 'x'),
                                    fuzz.pick('max_age_s', 'pause_after_failures', 'timeout_ms'), fuzz.pick('on_unknown', 'starts_at', 'ends_at', 'jitter_s')]) AS o WHERE random() < 0.2)
                                 || CASE WHEN random() < 0.1 THEN jsonb_build_object('starts_at', fuzz.pick('2026-01-31T08:00:00Z', '2026-01-31 08:00:00+02', '99999-01-31T08:00:00Z', '2026-01-31T08:00:00+99:99', '0000-00-00T00:00:00Z', '2026-01-31T08:00:00-', '2026T01-31 08:00:00Z::+++')) ELSE '{}' END
        WHEN 'clientToken' THEN to_jsonb(fuzz.pick('t', 'u', 'v'))
        WHEN 'ifRevision' THEN to_jsonb((random() * 3)::int)
        WHEN 'scheduleId' THEN coalesce((SELECT to_jsonb(schedule_id) FROM extsched.schedule ORDER BY created_at OFFSET floor(random() * 8)::int LIMIT 1), '"20000000-0000-4000-8000-000000000009"')
        ELSE fuzz.value()
    END;
END $$;

CREATE FUNCTION fuzz.input(operation text) RETURNS jsonb LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    likely text[] := CASE operation WHEN 'create' THEN '{endpoint,cron}' WHEN 'update' THEN '{scheduleId}' WHEN 'get' THEN '{scheduleId}' WHEN 'delete' THEN '{scheduleId}' ELSE '{}' END;
    other  text[] := CASE WHEN operation IN ('create', 'update') OR random() < 0.2 THEN '{endpoint,cron,timezone,enabled,name,payload,options,clientToken,ifRevision,scheduleId,operation}' ELSE '{}' END;
    input  jsonb;
BEGIN
    IF random() < 0.05 THEN
        RETURN fuzz.value();
    END IF;
    SELECT coalesce(jsonb_object_agg(key, fuzz.value_of(key)), '{}') INTO input FROM unnest(likely || other) WITH ORDINALITY AS k (key, n)
     WHERE random() < CASE WHEN n <= cardinality(likely) THEN 0.97
                            WHEN operation = 'create' AND key IN ('ifRevision', 'scheduleId') OR operation = 'update' AND key = 'clientToken' THEN 0.02
                            ELSE 0.15 END;
    IF random() < 0.03 THEN
        input := input || (SELECT jsonb_object_agg(left(fuzz.text(), 200) || n, fuzz.value()) FROM generate_series(1, (1 + random() * 40)::int) AS n);
    END IF;
    RETURN input;
END $$;

-- Is it an answer as documented?
CREATE FUNCTION fuzz.is_answer(operation text, answer jsonb) RETURNS boolean LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN CASE WHEN answer -> 'success' = 'true' THEN
        answer - 'success' - CASE operation WHEN 'list' THEN 'schedules' WHEN 'get' THEN 'schedule' WHEN 'create' THEN 'scheduleId' WHEN 'update' THEN 'revision' WHEN 'getEndpoints' THEN 'endpoints' ELSE '' END = '{}'
        AND CASE operation WHEN 'list' THEN jsonb_typeof(answer -> 'schedules') = 'array' WHEN 'get' THEN jsonb_typeof(answer -> 'schedule') IN ('object', 'null') WHEN 'create' THEN answer ->> 'scheduleId' ~ '^[0-9a-f-]{36}$'
                           WHEN 'update' THEN jsonb_typeof(answer -> 'revision') = 'number' WHEN 'getEndpoints' THEN jsonb_typeof(answer -> 'endpoints') = 'array' ELSE operation = 'delete' END
    ELSE
        answer - '{success,code,error,httpStatus,fieldErrors}'::text[] = '{}' AND answer -> 'success' = 'false' AND length(answer ->> 'error') > 0
        AND (answer ->> 'code', answer -> 'httpStatus') IN (('VALIDATION_FAILED', '400'), ('NOT_FOUND', '404'), ('DENIED', '403'), ('QUOTA_EXCEEDED', '429'))
        AND (answer ->> 'code' = 'VALIDATION_FAILED') = (answer ? 'fieldErrors')
        AND NOT EXISTS (SELECT FROM jsonb_each(answer -> 'fieldErrors') AS f WHERE jsonb_typeof(f.value) <> 'string')
    END;
END $$;

CREATE TABLE fuzz.answer (code text, calls integer);
CREATE TABLE fuzz.problem (n integer, operation text, problem text, input text);
CREATE PROCEDURE fuzz.run(calls integer, seed double precision) LANGUAGE plpgsql
AS $$
DECLARE
    counts    jsonb := '{}';
    operation text;
    input     jsonb;
    answer    jsonb;
    code      text;
BEGIN
    PERFORM setseed(seed);
    FOR n IN 1..calls LOOP
        operation := CASE WHEN random() < 0.03 THEN fuzz.text() ELSE fuzz.pick('list', 'get', 'create', 'create', 'create', 'create', 'update', 'update', 'update', 'delete', 'getEndpoints') END;
        input := CASE WHEN n % 5000 = 0 THEN jsonb_build_object(fuzz.pick('cron', 'payload', 'name', 'x', 'endpoint'), jsonb_build_array(repeat(fuzz.pick('z', '€'), 10000000))) ELSE fuzz.input(operation) END;
        BEGIN
            answer := extsched_host('fuzz', '20000000-0000-4000-8000-000000000001', operation, input);
            code := coalesce(answer ->> 'code', 'success');
            IF fuzz.is_answer(operation, answer) IS NOT TRUE THEN
                INSERT INTO fuzz.problem VALUES (n, operation, 'answer: ' || left(answer::text, 500), left(input::text, 2000));
            END IF;
        EXCEPTION WHEN OTHERS THEN
            code := 'raised';
            INSERT INTO fuzz.problem VALUES (n, operation, 'raised: ' || sqlstate || ' ' || sqlerrm, left(input::text, 2000));
        END;
        code := CASE WHEN operation IN ('list', 'get', 'create', 'update', 'delete', 'getEndpoints') THEN operation ELSE 'other' END || ' ' || code;
        counts := counts || jsonb_build_object(code, coalesce((counts ->> code)::int, 0) + 1);
        IF n % 500 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
    INSERT INTO fuzz.answer SELECT key, value::int FROM jsonb_each_text(counts);
END $$;
SQL

note("seed $seed");
my ($status, $stdout, $stderr) =
  $node->psql('postgres', "CALL fuzz.run($calls, $seed)", timeout => 280);
is($status, 0, 'the session lives') or diag($stderr);
is($node->safe_psql('postgres', 'SELECT sum(calls) FROM fuzz.answer'),
	$calls, "all $calls calls were answered");
is( $node->safe_psql('postgres',
		"SELECT n || ' ' || operation || ' ' || problem || ' ' || input FROM fuzz.problem ORDER BY n LIMIT 5"),
	'',
	'each answer has the documented shape, and nothing was raised');

# A generator that makes nothing right, or nothing wrong, would prove little.
my $counts = $node->safe_psql('postgres',
	q{SELECT string_agg(code || '=' || calls, ' ' ORDER BY code) FROM fuzz.answer});
note($counts);
foreach my $kind ('list success', 'get success', 'create success',
	'create VALIDATION_FAILED', 'create QUOTA_EXCEEDED', 'update success',
	'update VALIDATION_FAILED', 'delete success', 'delete VALIDATION_FAILED',
	'other VALIDATION_FAILED')
{
	like($counts, qr/$kind=\d{2}/, "there was many a $kind");
}
check_sound($node);

done_testing();
