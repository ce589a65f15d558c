# A copy of a database carries schedules that still run in the original.  It is
# paused, and says so, until an administrator adopts it.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @at = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $copy_text = 'this database is a copy: call extsched_adopt()';
my $why = q{SELECT extsched_status() ->> 'why'};
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';

my $node = new_node('original');
create_extension($node);
wait_for_worker($node);
is($node->safe_psql('postgres', q{SELECT extsched_status() ->> 'identity'}),
	'none', 'there is no identity before the first write');

install_demo($node, @at);
allow_every_minute($node, 'acme');
create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '* * * * *');
is($node->safe_psql('postgres', q{SELECT extsched_status() ->> 'identity'}),
	'ours', 'the first write takes it');
poll_until($node, "SELECT ($why) IS NULL");
poll_until($node, 'SELECT min(epoch) FROM extsched.stat_workers', 1);

sub is_paused_until_adopted
{
	my ($where, $dbname, $what) = @_;

	poll_until($where, "SELECT count(*) FROM extsched.stat_workers WHERE state = 'paused'",
		1, $dbname);
	is($where->safe_psql($dbname, $why), $copy_text, "$what is paused");
	like($where->safe_psql($dbname, 'SELECT extsched_metrics()'),
		qr/^extsched_copy 1$/m, 'the metrics show it');
	is($where->safe_psql($dbname, "SELECT extsched_status() ->> 'running'"),
		'false', 'the status does');
	$where->safe_psql($dbname, 'SELECT extsched_adopt()');
	poll_until($where, "SELECT ($why) IS NULL", 't', $dbname);
	is( $where->safe_psql(
			$dbname, q{SELECT count(*) FROM extsched.audit WHERE action = 'identity.adopt'}),
		'1', 'adoption is audited');
	$where->safe_psql($dbname, 'SELECT extsched_adopt()');
	is( $where->safe_psql(
			$dbname, q{SELECT count(*) FROM extsched.audit WHERE action = 'identity.adopt'}),
		'1', 'adopting again does nothing');
	return;
}

# A copy in the same cluster: another database OID.
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE template0');
$node->safe_psql('postgres', 'CREATE DATABASE source');
create_extension($node, 'source');
install_demo($node, @at, dbname => 'source');
create_schedule($node, @at, dbname => 'source', endpoint => 'POST /api/heartbeat', cron => '0 3 * * *');
$node->safe_psql('postgres', 'CREATE DATABASE clone TEMPLATE source');
is_paused_until_adopted($node, 'clone', 'a database made from a template');
like(slurp_file($node->logfile), qr/does not run schedules in database "clone", because it is a copy/,
	'the log has a warning');
is(poll_until($node, "SELECT ($why) IS NULL", 't', 'source'), 't', 'the original goes on');

# A restore in another cluster: definitions, state, audit and access are those
# of the original, which rests meanwhile so that they can be compared.
$node->safe_psql('postgres', q{
	CREATE ROLE regress_api;
	SELECT extsched_grant('regress_api', 'host');
	SELECT extsched_pause_tenant('acme', 'for now');
	ALTER SYSTEM SET extsched.enabled = off});
$node->reload;
poll_until($node, 'SELECT min(state) FROM extsched.stat_workers', 'paused');
my $other = new_node('other', own_identity => 1);
$other->safe_psql('postgres', 'CREATE ROLE regress_api');
$other->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ],
	'dump');
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', $other->connstr('restored'), $dump ],
	'restore');
for my $table (qw(schedule timer tenant install tenant_limiter install_limiter version endpoint runner access_grant identity audit))
{
	my $content = "SELECT count(*), md5(string_agg(x::text, '' ORDER BY x::text)) FROM extsched.$table AS x";

	is($other->safe_psql('restored', $content), $node->safe_psql('postgres', $content), "restored as it was: $table");
}
is($other->safe_psql('restored', 'SELECT count(*) > 3 FROM extsched.audit'), 't', 'with something in it');
is($other->safe_psql('restored', q{SELECT has_function_privilege('regress_api', 'extsched_host(text, uuid, text, jsonb)', 'EXECUTE')}),
	't', 'and who may call what');
is($other->safe_psql('restored', 'SELECT count(*) FROM extsched.run'),
	'0', 'it does not run');
$other->safe_psql('restored', 'SELECT extsched.wake_at_commit()');
poll_until($other, "SELECT count(*) FROM extsched.stat_workers WHERE state = 'paused'", 1, 'restored');
like(slurp_file($other->logfile), qr/does not run schedules in database "restored", because it is a copy/,
	'its log has the warning');
is_paused_until_adopted($other, 'restored', 'a restored database');

$_->stop('fast') for $node, $other;
done_testing();
