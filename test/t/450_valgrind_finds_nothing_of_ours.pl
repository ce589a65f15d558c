# The server under valgrind: runs through HTTP, retries, faults, runs on request
# and a Runner that pulls; no error is ours.
#
# The server itself is not built for valgrind, so what it does is not looked at:
# an error is ours when the first frame outside of valgrind and the C library is
# in extsched.so.  Valgrind is some thirty times slower; all that needs no worker
# is prepared at full speed.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my @at = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $runs = campaign(6, 60);
my $logs = PostgreSQL::Test::Utils::tempdir();

my ($valgrind) = grep { -x } map { "$_/valgrind" } split /:/, $ENV{PATH};
plan skip_all => 'valgrind is not installed' if !$valgrind;

my $runner = start_runner();
my $node = new_node('main', 'extsched.enabled' => 'off');
create_extension($node);
set_runner($node, $runner);
$node->safe_psql('postgres', q{SELECT extsched_set_runner('puller', 'notify', NULL)});
install_demo($node, @at);
allow_every_minute($node, 'acme');

# What the Runner does with each of them in turn.
my @faults = ('{}', '{"status": 503, "times": 1}', '{"reset": true, "times": 1}', '{"body": "no json"}',
	'{"huge": 100000}', '{"cut": true}');
for my $n (1 .. 6)
{
	create_schedule($node, @at, name => "s$n", endpoint => 'POST /api/heartbeat', cron => '* * * * *',
		payload => qq({"fault": $faults[$n - 1]}), options => '{"max_attempts": 2, "backoff_s": 1, "overlap": "allow"}');
}
my @puller = (tenant => 'other', install => $at[3]);
$node->safe_psql('postgres', qq{
	SELECT extsched_install('other', install_id, version_id, granted, runner => 'puller') FROM extsched.install});
allow_every_minute($node, 'other');
create_schedule($node, @puller, name => 'pulled', endpoint => 'POST /api/heartbeat', cron => '* * * * *');
$node->stop('fast');
$node->append_conf('postgresql.conf', "extsched.enabled = on\nautovacuum = off\n");

my ($postgres) = grep { -x } map { "$_/postgres" } split /:/, $ENV{PATH};
my $server = IPC::Run::start(
	[   $valgrind, '--quiet', '--leak-check=no', '--num-callers=30', '--error-limit=no',
		"--log-file=$logs/valgrind.%p", $postgres, '-D', $node->data_dir ],
	'<', \undef, '>&', "$logs/valgrind_server.log");
$ExtschedTest::timeout_s = 200;

# A psql that comes while the server starts may wait for it to the end.
my $deadline = time + $ExtschedTest::timeout_s;
sleep 0.1 while system('pg_isready', '-q', '-t', 5, '-h', $node->host, '-p', $node->port) != 0 && time < $deadline;
poll_until($node, "SELECT count(*) FROM extsched.stat_workers WHERE state = 'running'", 1);
$node->safe_psql('postgres', qq{
	SELECT extsched_run_now(tenant_id, install_id, schedule_id, n::text)
	FROM extsched.schedule, generate_series(1, $runs / 6) AS n ORDER BY n, name});
poll_until($node, q{SELECT count(*) FROM extsched.run AS r JOIN extsched.schedule AS s USING (schedule_id)
	WHERE r.trigger = 'manual' AND r.finished_at IS NOT NULL AND s.name <> 'pulled'}, 6 * int($runs / 6));
$node->safe_psql('postgres', q{
	SELECT extsched_complete(run, lease, '{"status": 200}') FROM extsched_claim('puller', 10)});
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded'}),
	'>', $runs / 3, 'there were runs of all kinds');
check_sound($node);
my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
kill 'INT', $pid;
$server->finish;

# Blocks of an error: a line that says what, then frames.
my @ours;
my $files = 0;
for my $file (glob "$logs/valgrind.*")
{
	$files++;
	for my $block (split /^==\d+== *\n/m, slurp_file($file))
	{
		my @frames = $block =~ /^==\d+==\s+(?:at|by) 0x[0-9A-F]+: (.*)$/mg;
		my ($first) = grep { !/vg_replace|vgpreload|libc\.so|ld-linux/ } @frames;

		push @ours, $block if defined $first && $first =~ /extsched/;
	}
}
cmp_ok($files, '>', 4, 'every process had its log');
is(join("\n", @ours), '', 'valgrind finds nothing of ours');
done_testing();
