# pg_upgrade of a cluster with schedules in use: definitions, state, history,
# audit and access come along, and the copy waits until it is adopted.
#
# The older server is one of this machine whose headers are there, as in the
# folders of make check-matrix; without one, this version upgrades from itself.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(dirname(dirname(__FILE__)));
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my @at = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');

sub output
{
	my $output = `@_`;

	chomp $output;
	return $output;
}

sub major_version
{
	my ($config) = @_;

	return (output("$config --version") =~ /(\d+)/)[0];
}

# The extension in a private copy of an older server; its folder, if there is one.
sub older_server
{
	my $tree = PostgreSQL::Test::Utils::tempdir() . '/older';
	my ($older) = grep { major_version($_) < major_version($pg_config) } split /\n/, output("$root/script/find-pg-config --all");

	return undef if !defined $older;
	note('from ', output("$older --version"));
	mkdir $tree;
	system_or_bail('cp', '-pr', map({ "$root/$_" } qw(Makefile extsched.control src script)), $tree);
	system_or_bail('make', '-s', '-C', $tree, "PG_CONFIG=$older", 'clean');
	system_or_bail('make', '-s', '-C', $tree, "PG_CONFIG=$older", 'temp-install');
	return "$tree/build/install";
}

# A cluster that differs in nothing that pg_upgrade wants to be the same.
sub make_cluster
{
	my ($name, $folder) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, $folder ? (install_path => $folder) : ());
	my @sums = major_version($pg_config) >= 18 && !$folder ? ('--no-data-checksums') : ();

	$node->init(extra => [ '--no-locale', '--encoding=UTF8', @sums ]);
	$node->append_conf('postgresql.conf',
		"timezone = 'UTC'\nmax_worker_processes = 20\nshared_preload_libraries = 'extsched'\n");
	return $node;
}

my $older = older_server();
my $old = make_cluster('old', $older);
my $new = make_cluster('new');
my $runner = start_runner();

# Schedules of two tenants, one in use, one paused; history of several days.
$old->start;
create_extension($old);
set_runner($old, $runner);
$old->safe_psql('postgres', q{CREATE ROLE regress_api; SELECT extsched_grant('regress_api', 'host')});
install_demo($old, @at);
install_demo($old, tenant => 'beta', install => 'b0000000-0000-4000-8000-000000000001');
travel_to($old, '2030-01-02 11:30:00+00');
wait_for_worker($old);
create_schedule($old, @at, endpoint => 'POST /api/heartbeat', cron => '0 * * * *', name => 'hourly',
	payload => '{"from": "before"}');
create_schedule($old, tenant => 'beta', install => 'b0000000-0000-4000-8000-000000000001',
	endpoint => 'POST /api/heartbeat', cron => '0 3 * * *', tz => 'Europe/Berlin');
$old->safe_psql('postgres', q{SELECT extsched_pause_tenant('beta', 'for now')});
for my $day (2 .. 4)
{
	travel_to($old, "2030-01-0$day 12:00:01+00");
	poll_until($old, "SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-0$day 12:00+00' AND state = 'succeeded'", 1);
}
check_sound($old);

# The contents of each table, but for what tells where it runs.
sub contents
{
	my ($node) = @_;

	return { map { $_ => $node->safe_psql('postgres',
				"SELECT count(*), md5(string_agg(x::text, '' ORDER BY x::text)) FROM extsched.$_ AS x") }
		  qw(schedule timer tenant install version endpoint runner access_grant run audit) };
}
$old->safe_psql('postgres', 'ALTER SYSTEM SET extsched.enabled = off');
$old->reload;
poll_until($old, 'SELECT min(state) FROM extsched.stat_workers', 'paused');
my $before = contents($old);
$old->stop;

chdir PostgreSQL::Test::Utils::tempdir();
command_ok([ 'pg_upgrade', '--no-sync', '--old-bindir', $old->config_data('--bindir'), '--new-bindir', $new->config_data('--bindir'),
		'--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
		'--old-port', $old->port, '--new-port', $new->port, '--socketdir', $new->host ],
	'pg_upgrade')
  or diag(map { slurp_file($_) =~ /(.{0,2000})\z/s } glob $new->data_dir . '/pg_upgrade_output.d/*/log/*_dump_*.log');
chdir $root;
$new->start;
is_deeply(contents($new), $before, 'all is as it was');
is($new->safe_psql('postgres', q{SELECT has_function_privilege('regress_api', 'extsched_host(text, uuid, text, jsonb)', 'EXECUTE')}),
	't', 'and who may call what');

# It has another system identifier.
poll_until($new, 'SELECT min(state) FROM extsched.stat_workers', 'paused');
is($new->safe_psql('postgres', q{SELECT extsched_status() ->> 'why'}), 'this database is a copy: call extsched_adopt()',
	'the status says that it waits');
like($new->safe_psql('postgres', 'SELECT extsched_metrics()'), qr/^extsched_copy 1$/m, 'the metrics do');
like(slurp_file($new->logfile), qr/does not run schedules in database "postgres", because it is a copy/, 'the log does');
$new->safe_psql('postgres', 'SELECT extsched_adopt()');
travel_to($new, '2030-01-04 13:00:01+00');
poll_until($new, "SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-04 13:00+00' AND state = 'succeeded'", 1);
pass('adopted, it goes on with the next time');
check_sound($new);

done_testing();
