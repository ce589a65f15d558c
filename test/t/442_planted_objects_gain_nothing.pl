# Somebody who may create objects where the extension will be installed plants
# them beforehand: what the extension would call, create or trust.  CREATE
# EXTENSION either fails, or runs none of it, and leaves nobody but the owner
# with privileges; nor does the planted gain anything later.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'extsched.enabled' => 'off');
$node->safe_psql('postgres', 'CREATE ROLE regress_attacker LOGIN; CREATE ROLE regress_friend LOGIN');
my $n = 0;

# A database in which the attacker has planted something.
sub planted
{
	my ($statements) = @_;
	my $dbname = 'db' . ++$n;

	$node->safe_psql('postgres', "CREATE DATABASE $dbname; GRANT CREATE ON DATABASE $dbname TO regress_attacker");
	$node->safe_psql($dbname, 'GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE SCHEMA own AUTHORIZATION regress_attacker;'
		  . ' CREATE TABLE public.caught (who name, how text); GRANT INSERT, SELECT ON public.caught TO PUBLIC');
	attack($dbname, $statements);
	return $dbname;
}

sub attack
{
	my ($dbname, $statements) = @_;

	return $node->safe_psql($dbname, $statements, connstr => $node->connstr($dbname) . ' user=regress_attacker');
}

sub refused
{
	my ($what, $sqlstate, $statements) = @_;
	my $dbname = planted($statements);
	my ($status, undef, $stderr) = $node->psql($dbname, "\\set VERBOSITY verbose\nCREATE EXTENSION extsched");

	like($stderr, qr/ERROR:  $sqlstate/, "refused: $what");
	is($node->safe_psql($dbname, q{SELECT count(*) FROM pg_extension WHERE extname = 'extsched'}), 0, 'and nothing is there');
	return $stderr;
}

refused('a schema of its name', '42P06', 'CREATE SCHEMA extsched');
refused('a function of its name', '42723',
	q{CREATE FUNCTION public.extsched_host(text, uuid, text, jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS 'SELECT $4'});
refused('a function of its name that it does not replace', '42723',
	q{CREATE FUNCTION public.extsched_adopt() RETURNS void LANGUAGE sql AS ''});

# A trap for each function and operator that a script like ours is likely to
# use, with arguments that fit better than those of pg_catalog.
my $traps = '';
for my $trap (
	[ 'format', 'text', 'text' ], [ 'format', 'text', 'integer' ], [ 'format', 'text', 'text, integer' ],
	[ 'format', 'text', 'text, text' ], [ 'to_char', 'text', 'smallint, text' ], [ 'to_char', 'text', 'integer, unknown' ],
	[ 'pg_extension_config_dump', 'void', 'text, text' ], [ 'jsonb_build_object', 'jsonb', 'text, text' ],
	[ 'jsonb_build_object', 'jsonb', 'text, integer' ], [ 'concat', 'text', 'text, text' ],
	[ 'coalesce', 'text', 'text, text' ], [ 'now', 'timestamptz', 'integer' ], [ 'quote_ident', 'text', 'name' ],
	[ 'octet_length', 'integer', 'name' ], [ 'jsonb_typeof', 'text', 'json' ], [ 'set_config', 'text', 'text, text, integer' ])
{
	my ($name, $type, $arguments) = @$trap;
	next if $arguments =~ /unknown/;

	my @types = split /, /, $arguments;
	my $list = $name eq 'format' && @types > 1 ? 'text, ' . $arguments =~ s/^text(, )?//r : $arguments;
	my $result = $type eq 'void' ? '' : ' SELECT NULL::' . $type . ';';
	my $quoted = $name eq 'coalesce' ? '"coalesce"' : $name;
	$traps .= "CREATE OR REPLACE FUNCTION public.$quoted($list) RETURNS $type LANGUAGE sql AS "
	  . "\$\$INSERT INTO public.caught VALUES (current_user, '$name'); $result\$\$;\n";
}
$traps .= q{
	CREATE FUNCTION public.trap(anyelement, anyelement) RETURNS boolean LANGUAGE sql
		AS $$INSERT INTO public.caught VALUES (current_user, 'operator'); SELECT true$$;
	CREATE FUNCTION public.trap(text, integer) RETURNS text LANGUAGE sql
		AS $$INSERT INTO public.caught VALUES (current_user, 'operator'); SELECT ''$$;
	CREATE OPERATOR public.|| (leftarg = text, rightarg = integer, function = public.trap);
	CREATE OPERATOR public.= (leftarg = anyelement, rightarg = anyelement, function = public.trap);
	CREATE OPERATOR public.<> (leftarg = anyelement, rightarg = anyelement, function = public.trap);
	CREATE TYPE public.jsonb AS (planted text);
	CREATE DOMAIN public.uuid AS text;
	CREATE DOMAIN public.timestamptz AS text;
	CREATE TYPE own.source AS (a text);
	CREATE FUNCTION own.convert(own.source) RETURNS text LANGUAGE sql AS $$SELECT ''$$;
	CREATE CAST (own.source AS text) WITH FUNCTION own.convert(own.source) AS IMPLICIT;
	CREATE TABLE public.run (planted text);
	CREATE TABLE public.timer (planted text);
	CREATE VIEW public.pg_class AS SELECT 1 AS oid;
	CREATE TABLE public.pg_extension (extname text)};
my $dbname = planted($traps);
$node->safe_psql($dbname, 'CREATE EXTENSION extsched SCHEMA public');
is($node->safe_psql($dbname, 'SELECT string_agg(DISTINCT how || $$ as $$ || who, $$, $$) FROM public.caught'), '',
	'the script runs nothing of what was planted');
is( $node->safe_psql($dbname, q{
		SELECT count(*) FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
		 WHERE d.deptype = 'e' AND p.proowner <> 10 OR p.pronamespace = 'extsched'::regnamespace AND p.proowner <> 10}),
	0, 'every function is the owner\'s');
is( $node->safe_psql($dbname, q{
		SELECT count(*) FROM pg_depend AS d JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid
		 WHERE t.typname IN ('jsonb', 'uuid', 'timestamptz') AND t.typnamespace = 'public'::regnamespace
		   AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
		   AND EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')}),
	0, 'and uses no planted type');

# The same traps are there when the functions are called, by whom it may be.
$node->safe_psql($dbname, q{
	SET search_path = pg_catalog;
	SELECT public.extsched_set_runner('default', 'notify');
	SELECT public.extsched_register_version('0aa1c000-0000-4000-8000-000000000001', '0aa1c000-0000-4000-8000-0000000000aa', 'h',
		'{"name": "x", "version": "1", "capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "POST", "path": "/a", "handler": "h"}]}');
	SELECT public.extsched_install('acme', '11111111-1111-4111-8111-111111111111', '0aa1c000-0000-4000-8000-000000000001', '{cap:scheduler.manage}');
	SELECT public.extsched_grant('regress_friend', 'host');
	SELECT public.extsched_grant('regress_friend', 'admin')});
$node->safe_psql($dbname, q{
	SET search_path = public, pg_catalog;
	SELECT extsched_host('acme', '11111111-1111-4111-8111-111111111111'::pg_catalog.uuid, 'create', '{"endpoint": "POST /a", "cron": "0 9 * * *"}'::pg_catalog.jsonb);
	SELECT count(*) FROM extsched_list('acme', '11111111-1111-4111-8111-111111111111'::pg_catalog.uuid);
	SELECT extsched_status() IS NULL;
	SELECT extsched_metrics() IS NULL;
	SELECT count(*) FROM extsched_check()},
	connstr => $node->connstr($dbname) . ' user=regress_friend');
is($node->safe_psql($dbname, 'SELECT string_agg(DISTINCT how || $$ as $$ || who, $$, $$) FROM public.caught WHERE who = $$postgres$$ OR who = (SELECT rolname FROM pg_roles WHERE oid = 10)'),
	'', 'nor do its functions, with the path of a careless caller');

# What is named after the extension's functions afterwards is another function.
attack($dbname, q{CREATE FUNCTION public.extsched_host(text, pg_catalog.uuid, text, text) RETURNS text LANGUAGE sql AS $$SELECT 'planted'$$});
my ($status, $stdout, $stderr) = $node->psql($dbname, 'CREATE SCHEMA mine', connstr => $node->connstr($dbname) . ' user=regress_friend');
isnt($status, 0, 'a role with access has no more than that');
($status, $stdout, $stderr) = $node->psql($dbname, 'CREATE TABLE extsched.run_99 (a integer)', connstr => $node->connstr($dbname) . ' user=regress_attacker');
like($stderr, qr/permission denied for schema extsched/, 'nobody else creates in its schema');

# Privileges by default would open what the script makes.
$dbname = planted('SELECT 1');
$node->safe_psql($dbname, "ALTER DEFAULT PRIVILEGES GRANT ALL ON $_ TO PUBLIC, regress_attacker") for qw(TABLES FUNCTIONS SCHEMAS TYPES);
$node->safe_psql($dbname, 'CREATE EXTENSION extsched SCHEMA public');
is( $node->safe_psql($dbname, q{
		SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, 0) || ' to ' || a.grantee::regrole, ', ')
		  FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
		  LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		  LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
		  LEFT JOIN pg_namespace AS s ON d.classid = 'pg_namespace'::regclass AND s.oid = d.objid,
		  LATERAL aclexplode(coalesce(p.proacl, c.relacl, s.nspacl)) AS a
		 WHERE e.extname = 'extsched' AND d.deptype = 'e' AND a.grantee <> 10}),
	'', 'default privileges give nobody anything of it');

$node->stop('fast');
done_testing();
