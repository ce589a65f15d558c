# Every function of the extension, its internal ones too, called with random
# arguments as each kind of access, and as none: no crash, no internal error,
# no call that lasts; what the access matrix does not give is refused; and what
# belongs to a tenant that is never named is neither shown nor changed.
#
# Calls come from a seed that is shown: the same seed makes the same calls.
# EXTSCHED_FUZZ_SEED (-1..1) chooses another.  make campaign makes twenty
# times as many.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = campaign(1_500, 20_000);
my $seed = $ENV{EXTSCHED_FUZZ_SEED} // 0.20260207;
my @access = qw(host runner admin monitor none);
my $marker = 'Xq7neighbour';
my $secret = '5ec3e700-0000-4000-8000-000000000001';

my $node = new_node('main', log_line_prefix => '%m [%p] %q%u %e ');
create_extension($node);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

# A tenant with a marker in all its text, and some that are called.
$node->safe_psql('postgres', <<"SQL");
SELECT extsched_set_runner(name, 'notify') FROM unnest('{pull,other}'::text[]) AS name;
SELECT extsched_register_version(id::uuid, 'de300000-0000-4000-8000-000000000001', hash, jsonb_build_object('name', hash, 'version', '1',
           'capabilities', '["cap:scheduler.manage"]'::jsonb,
           'endpoints', jsonb_build_array(jsonb_build_object('method', 'GET', 'path', '/a', 'handler', 'h'), jsonb_build_object('method', 'POST', 'path', path, 'handler', hash))))
  FROM (VALUES ('de300000-0000-4000-8000-000000000010', 'one', '/b'), ('de300000-0000-4000-8000-000000000011', 'two', '/b'), ('$secret', '$marker', '/$marker')) AS v (id, hash, path);
SELECT extsched_install(tenant, ('a0000000-0000-4000-8000-00000000000' || n)::uuid, 'de300000-0000-4000-8000-000000000010', '{cap:scheduler.manage}', runner => 'pull')
  FROM unnest('{acme,other}'::text[]) WITH ORDINALITY AS t (tenant, n);
SELECT extsched_install('$marker', '$secret', '$secret', '{cap:scheduler.manage}', '{"config": "$marker"}', '{"secret": "$marker"}', 'other');
SELECT extsched_create(tenant, install_id, 'GET /a', cron, name => tenant || cron) FROM extsched.install, unnest('{0 3 * * *,"0 12 2 1 *"}'::text[]) AS cron, unnest(ARRAY[tenant_id]) AS tenant;
SELECT extsched_run_now(s.tenant_id, s.install_id, s.schedule_id) FROM extsched.schedule AS s;
SELECT extsched_pause_tenant('$marker', '$marker');
SELECT extsched_set_limits(t, NULL, '{"mutations_per_minute": -1, "run_now_per_minute": -1}') FROM unnest('{acme,other}'::text[]) AS t;
CREATE SCHEMA fuzz;

CREATE FUNCTION fuzz.pick(VARIADIC choices text[]) RETURNS text LANGUAGE plpgsql VOLATILE
AS \$\$ BEGIN RETURN choices[1 + floor(random() * cardinality(choices))::int]; END \$\$;

CREATE FUNCTION fuzz.text() RETURNS text LANGUAGE plpgsql VOLATILE
AS \$\$
BEGIN
    RETURN CASE floor(random() * 9)::int
        WHEN 0 THEN fuzz.pick('', ' ', E'\\t\\n', 'null', 'true', '0', '-1', '''; DROP TABLE extsched.schedule; --', '%s%n%1\$s', '\\', '"', '{', '[]', '\$1')
        WHEN 1 THEN repeat(fuzz.pick('x', 'é', '€', U&'\\+01F600', ' ', '/', '*', ',', U&'\\0301', E'\\x7f', '('), floor(random() * 300)::int)
        WHEN 2 THEN (SELECT coalesce(string_agg(chr((1 + random() * 55294)::int), ''), '') FROM generate_series(1, (random() * 20)::int))
        WHEN 3 THEN repeat(chr(1 + (random() * 126)::int), floor(random() * 100000)::int)
        WHEN 4 THEN md5(random()::text)::uuid::text
        WHEN 5 THEN fuzz.pick('acme', 'other', 'default', 'pull', 'GET /a', 'UTC', 'ok', 'host', 'runner', 'admin', 'monitor', 'none', 'http', 'notify', 'list', 'get', 'create', 'update', 'delete')
        WHEN 6 THEN fuzz.pick('http://127.0.0.1:1', 'https://[::1]/a?b#c', 'http://u:p\@h/', 'file:///etc/passwd', 'http://' || repeat('h', 3000))
        WHEN 7 THEN fuzz.pick('* * * * *', '0 3 * * *', '\@daily', 'H H * * *', '0 0 31 2 *', 'Europe/Berlin', 'US/Pacific', '../../etc/passwd', 'FOO+3')
        ELSE (SELECT string_agg(fuzz.pick('*', '0', '5', '59', '60', '-', ',', '/', ' ', ' ', 'L', 'W', '#', 'H', '(', ')', '?', 'MON', 'jan', '99999999999999999999'), '') FROM generate_series(1, 1 + (random() * 14)::int))
    END;
END \$\$;

-- Any JSON; keys are often those that mean something.
CREATE FUNCTION fuzz.json(depth integer DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql VOLATILE
AS \$\$
BEGIN
    RETURN CASE CASE WHEN depth > 3 THEN 0 ELSE floor(random() * 10)::int END
        WHEN 0 THEN to_jsonb(fuzz.text())
        WHEN 1 THEN fuzz.pick('null', 'true', 'false', '0', '-1', '1', '1e300', '2147483648', '0.5')::jsonb
        WHEN 2 THEN (SELECT coalesce(jsonb_agg(fuzz.json(depth + 1)), '[]') FROM generate_series(1, (random() * 4)::int))
        WHEN 3 THEN '{}'
        ELSE (SELECT coalesce(jsonb_object_agg(
                  CASE WHEN random() < 0.1 THEN fuzz.text() ELSE
                  fuzz.pick('name', 'version', 'capabilities', 'endpoints', 'method', 'path', 'handler', 'schedulable', 'endpoint', 'cron', 'timezone', 'enabled', 'payload', 'options',
                            'scheduleId', 'ifRevision', 'clientToken', 'overlap', 'catch_up_s', 'max_attempts', 'backoff_s', 'max_age_s', 'timeout_ms', 'on_unknown', 'starts_at', 'ends_at',
                            'jitter_s', 'max_schedules', 'max_schedules_total', 'min_interval_s', 'mutations_per_minute', 'run_now_per_minute', 'max_in_flight', 'connect_timeout_ms',
                            'context_headers', 'config', 'secret_envelope', 'granted', 'runner', 'status', 'headers', 'body_b64', 'error') END,
                  fuzz.json(depth + 1)), '{}') FROM generate_series(1, (random() * 5)::int))
    END;
END \$\$;

-- A literal for an argument: nothing, what fits its name, or anything.
CREATE FUNCTION fuzz.argument(name text, type text) RETURNS text LANGUAGE plpgsql VOLATILE
AS \$\$
DECLARE
    nice boolean := random() < 0.75;
    value text;
BEGIN
    value := CASE
        WHEN random() < 0.06 OR type LIKE 'extsched.%' THEN NULL
        WHEN nice AND name = 'tenant' THEN fuzz.pick('acme', 'acme', 'other', 'nobody')
        WHEN nice AND name = 'install' AND type = 'uuid' THEN fuzz.pick('a0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000002', '$secret')
        WHEN nice AND name = 'schedule' AND type = 'uuid' THEN (SELECT i.id::text FROM fuzz.id AS i ORDER BY random() LIMIT 1)
        WHEN nice AND name IN ('run', 'lease') THEN (SELECT i.id::text FROM fuzz.id AS i ORDER BY random() LIMIT 1)
        WHEN nice AND name IN ('version', 'registry') THEN 'de300000-0000-4000-8000-0000000000' || fuzz.pick('01', '10', '11')
        WHEN nice AND name = 'runner' THEN fuzz.pick('pull', 'pull', 'other', 'default')
        WHEN nice AND name = 'access' THEN fuzz.pick('host', 'runner', 'admin', 'monitor')
        WHEN nice AND name = 'operation' THEN fuzz.pick('list', 'get', 'create', 'create', 'update', 'delete', 'getEndpoints')
        WHEN nice AND name = 'endpoint' THEN fuzz.pick('GET /a', 'POST /b', '/a', '/b', 'POST /$secret')
        WHEN nice AND name = 'cron' THEN fuzz.pick('0 3 * * *', 'H H * * *', '*/5 * * * *', '0 0 29 2 *', '59 23 31 12 *')
        WHEN nice AND name = 'tz' THEN fuzz.pick('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia')
        WHEN type = 'text' OR type = 'name' THEN fuzz.text()
        WHEN type = 'uuid' THEN md5(random()::text)
        WHEN type = 'jsonb' THEN fuzz.json()::text
        WHEN type = 'boolean' THEN fuzz.pick('true', 'false')
        WHEN type IN ('integer', 'bigint', 'smallint') THEN fuzz.pick('0', '1', '-1', '7', '60', '1000', '32767', CASE type WHEN 'smallint' THEN '-32768' ELSE '2147483647' END, CASE type WHEN 'smallint' THEN '2' ELSE '-2147483648' END)
        WHEN type = 'double precision' THEN fuzz.pick('0', '-1', '1e300', 'NaN', 'Infinity')
        WHEN type LIKE 'timestamp%' THEN fuzz.pick('2030-01-02 11:00', '2029-12-31 23:59', '1970-01-01', 'infinity', '-infinity', '294276-12-31 23:59', '4713-01-01 BC', '2030-03-31 02:30')
        WHEN type = 'interval' THEN fuzz.pick('0', '1 day', '-1 day', '178000000 years')
        WHEN type = 'regrole' THEN fuzz.pick('regress_host', 'regress_none', '0', '10', '4294967295')
        WHEN type = 'text[]' THEN (SELECT array_agg(fuzz.text()) FROM generate_series(1, (random() * 4)::int))::text
        END;
    -- A strict function of a constant NULL would not be called at all, nor
    -- would anybody ask who may call it.
    RETURN coalesce(quote_literal(value) || '::' || type, format('(SELECT NULL::%s)', type));
END \$\$;

-- What a role cannot look up by itself; the ids of all tenants, so that it
-- guesses right those of the others.
CREATE TABLE fuzz.id AS SELECT s.schedule_id AS id FROM extsched.schedule AS s UNION ALL SELECT r.run_id FROM extsched.run AS r UNION ALL SELECT '$secret';
CREATE TABLE fuzz.problem (n integer, access text, problem text, call text);
CREATE TABLE fuzz.answer (access text, name text, sqlstate text, calls integer);
-- All functions, and who may call them.
CREATE TABLE fuzz.target AS
SELECT row_number() OVER (ORDER BY p.oid::regprocedure::text COLLATE "C")::int AS n, p.oid::regproc::text AS name,
       CASE WHEN p.proname LIKE 'extsched\\_%' THEN 9 ELSE 1 END AS weight,
       coalesce((SELECT m.access FROM extsched.access_matrix() AS m WHERE m.kind = 'function' AND m.object = p.proname), '{}') AS access,
       p.provariadic <> 0 AS is_variadic,
       ARRAY(SELECT coalesce(p.proargnames[o], '') FROM generate_series(1, p.pronargs) AS o) AS names,
       ARRAY(SELECT format_type(a, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (a, o) ORDER BY o) AS types
  FROM pg_proc AS p
  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension AS e ON e.oid = d.refobjid
 WHERE e.extname = 'extsched';

-- Call n: of each function once, then of any, the public ones more often.
CREATE FUNCTION fuzz.call(n integer) RETURNS TABLE (statement text, name text, access text[]) LANGUAGE plpgsql VOLATILE
AS \$\$
DECLARE
    t    fuzz.target;
    last integer;
BEGIN
    SELECT x.* INTO t FROM fuzz.target AS x WHERE x.n = call.n;
    IF NOT FOUND THEN
        SELECT x.* INTO t FROM fuzz.target AS x ORDER BY random() ^ (1.0 / x.weight) DESC LIMIT 1;
    END IF;
    last := cardinality(t.names);
    RETURN QUERY SELECT format('SELECT left(string_agg(x::text, ''|''), 1000000) FROM (SELECT * FROM %s(%s) LIMIT 2000) AS x', t.name,
                               (SELECT string_agg(CASE WHEN t.is_variadic AND o = last THEN 'VARIADIC ' ELSE '' END || fuzz.argument(t.names[o], t.types[o]), ', ' ORDER BY o)
                                  FROM generate_series(1, last) AS o)), t.name, t.access;
END \$\$;

CREATE PROCEDURE fuzz.run(held text, calls integer, seed double precision) LANGUAGE plpgsql
AS \$\$
DECLARE
    statement text;
    name      text;
    access    text[];
    shown     text;
    more      text;
    state     text;
    counts    jsonb := '{}';
BEGIN
    PERFORM setseed(seed);
    FOR n IN 1..calls LOOP
        SELECT c.* INTO statement, name, access FROM fuzz.call(n) AS c;
        BEGIN
            state := '00000';
            EXECUTE statement INTO shown;
        EXCEPTION WHEN query_canceled OR OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, shown = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL;
            shown := concat(shown, ' ', more);
            GET STACKED DIAGNOSTICS more = PG_EXCEPTION_HINT;
            shown := concat(shown, ' ', more);
        END;
        IF state ~ '^(XX|P0|58|57|42P01|42703|42804|42883|21|26|HV)' AND NOT (state ~ '^42' AND NOT held = ANY (access)) THEN
            INSERT INTO fuzz.problem VALUES (n, held, state || ' ' || shown, left(statement, 3000));
        ELSIF NOT held = ANY (access) AND state <> '42501' THEN
            INSERT INTO fuzz.problem VALUES (n, held, 'may call it: ' || state || ' ' || shown, left(statement, 3000));
        ELSIF held = ANY (access) AND state = '42501' AND shown LIKE 'permission denied for function%' THEN
            INSERT INTO fuzz.problem VALUES (n, held, 'may not call it', left(statement, 3000));
        ELSIF shown LIKE '%$marker%' AND name NOT LIKE '%extsched_check' THEN
            INSERT INTO fuzz.problem VALUES (n, held, 'shows a neighbour: ' || left(shown, 1000), left(statement, 3000));
        END IF;
        counts := counts || jsonb_build_object(name || ' ' || state, coalesce((counts ->> (name || ' ' || state))::int, 0) + 1);
        IF n % 100 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
    INSERT INTO fuzz.answer SELECT held, split_part(key, ' ', 1), split_part(key, ' ', 2), value::int FROM jsonb_each_text(counts);
END \$\$;
GRANT USAGE ON SCHEMA fuzz TO PUBLIC;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA fuzz TO PUBLIC;
SQL
$node->safe_psql('postgres', "CREATE ROLE regress_$_ LOGIN") for @access;
$node->safe_psql('postgres', "SELECT extsched_grant('regress_$_', '$_'"
	  . ($_ eq 'runner' ? ", 'pull')" : ')'))
  for grep { $_ ne 'none' } @access;

# All rows of the tenant that is never named.
my $belongings = join ' || ', map { "(SELECT coalesce(string_agg(x::text, '' ORDER BY x::text), '') FROM extsched.$_ AS x WHERE x.tenant_id = '$marker')" }
  qw(tenant install schedule timer run tenant_limiter install_limiter);
my $before = $node->safe_psql('postgres', "SELECT md5($belongings)");
my $pid = worker_pid($node);

note("seed $seed");
for my $access (@access)
{
	my ($status, undef, $stderr) = $node->psql('postgres',
		"SET statement_timeout = '1h'; SET client_min_messages = error; CALL fuzz.run('$access', $calls, $seed)",
		connstr => $node->connstr('postgres') . " user=regress_$access");

	is($status, 0, "$access: the session lives") or diag($stderr);
	is($node->safe_psql('postgres', "SELECT sum(calls) FROM fuzz.answer WHERE access = '$access'"),
		$calls, "all $calls calls came back");
	is($node->safe_psql('postgres',
			"SELECT n || ' ' || problem || ': ' || call FROM fuzz.problem WHERE access = '$access' ORDER BY n LIMIT 5"),
		'', 'no internal error, nothing that is not its own');
}

# A generator that is always refused would prove little.
note($node->safe_psql('postgres',
	q{SELECT string_agg(format('%s %s: %s', access, sqlstate, calls), ', ' ORDER BY access, sqlstate)
	FROM (SELECT access, sqlstate, sum(calls) AS calls FROM fuzz.answer GROUP BY access, sqlstate) AS a}));
is( $node->safe_psql('postgres', q{
		SELECT count(DISTINCT t.name) FROM fuzz.target AS t WHERE NOT EXISTS (SELECT FROM fuzz.answer AS a WHERE a.name = t.name)}),
	0, 'every function was called');
cmp_ok($node->safe_psql('postgres', q{SELECT count(DISTINCT name) FROM fuzz.answer WHERE sqlstate = '00000'}),
	'>', 25, 'many of them with success');

# Views and tables: as the matrix says.
for my $access (@access)
{
	my $readable = $node->safe_psql('postgres', qq{
		SELECT coalesce(string_agg(c.relname, ' ' ORDER BY c.relname), '') FROM pg_class AS c
		WHERE c.relnamespace = 'extsched'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
		AND has_schema_privilege('regress_$access', 'extsched', 'USAGE')
		AND has_any_column_privilege('regress_$access', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')});
	my $granted = $node->safe_psql('postgres', qq{
		SELECT coalesce(string_agg(m.object, ' ' ORDER BY m.object), '') FROM extsched.access_matrix() AS m
		WHERE m.kind = 'view' AND '$access' = ANY (m.access)});
	is($readable, $granted, "$access: reads the views of the matrix, and no table");
}

is($node->safe_psql('postgres', "SELECT md5($belongings)"), $before, 'nothing of the neighbour has changed');
is(worker_pid($node), $pid, 'nothing has crashed');
my @internal = slurp_file($node->logfile) =~ /^.* XX\d{3} .*$/mg;
is("@internal", '', 'no error in the log is an internal one');

$node->stop('fast');
done_testing();
