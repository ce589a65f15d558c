# Whatever ends a worker or the launcher, both are there again within two
# seconds, without a restart; the number of workers follows its setting.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('main', restart_after_crash => 'on');
create_extension($node);
wait_for_worker($node);

sub launcher_pid
{
	return $node->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'extsched launcher'});
}

# The two seconds count from when the server can be connected to: after a
# SIGKILL it recovers first, which takes what it takes.
my @took;
sub is_back
{
	my ($before, $what) = @_;
	my $deadline = time + $ExtschedTest::timeout_s;
	my $start = time;
	my $pid = '';

	while (time < $deadline)
	{
		my ($status, $stdout) = ask_once($node,
			"SELECT pid FROM extsched.stat_workers WHERE state = 'running' AND pid <> $before");
		$start = time if $status == 2;
		$pid = $stdout if $status == 0;
		last if $pid ne '';
		sleep 0.02;
	}
	push @took, time - $start;
	isnt($pid, '', $what);
	return $pid;
}

my $pid = worker_pid($node);
for my $round (1 .. 4)
{
	kill 'TERM', $pid;
	$pid = is_back($pid, "worker is back after SIGTERM, round $round");
}
is($node->safe_psql('postgres', q{SELECT extsched_status() #>> '{workers,0,restarts}'}),
	'4', 'the status counts restarts');

kill 'KILL', $pid;
$pid = is_back($pid, 'worker is back after SIGKILL');

# A launcher that is started again finds the workers of the one before.
my $launcher = launcher_pid();
kill 'TERM', $launcher;
poll_until($node,
	"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'extsched launcher' AND pid <> $launcher",
	1);
is(worker_pid($node), $pid, 'the worker outlives the launcher');
kill 'TERM', $pid;
$pid = is_back($pid, 'and the next launcher looks after it');

kill 'KILL', launcher_pid();
$pid = is_back($pid, 'worker is back after SIGKILL of the launcher');

cmp_ok(scalar(grep { $_ >= 2 } @took), '<=', 1, 'within two seconds, unless the machine stands still for once')
  or diag("@took");

# The number of workers, by the database and by the configuration file.
my $count = 'SELECT count(pid) FROM extsched.stat_workers';
$node->safe_psql('postgres',
	'ALTER DATABASE postgres SET extsched.workers_per_database = 3');
$node->reload;
poll_until($node, $count, 3);
$node->safe_psql('postgres',
	'ALTER DATABASE postgres RESET extsched.workers_per_database');
$node->reload;
poll_until($node, $count, 1);
is(worker_pid($node), $pid, 'the first worker stays all the time');
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.workers_per_database = 0');
$node->reload;
poll_until($node, $count, 0);
is( $node->safe_psql('postgres', q{SELECT extsched_status() ->> 'why'}),
	'no worker runs: extsched.workers_per_database is 0',
	'the status says why none runs');

# A prober that saw the settings of before does not have the last word, in a
# database that the launcher knows and in one that it sees for the first time.
for my $knows (1, 0)
{
	$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.workers_per_database = 0');
	$node->reload;
	poll_until($node, $count, 0);
	my $session = $node->background_psql('postgres');
	$session->query_safe('BEGIN; LOCK TABLE pg_extension');
	$knows ? $node->reload : kill 'TERM', launcher_pid();
	poll_until($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'extsched prober' AND wait_event_type = 'Lock'}, 1);
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET extsched.workers_per_database');
	$node->reload;
	poll_until($node, 'SHOW extsched.workers_per_database', 1);
	$session->quit;
	ok(wait_for_worker($node), 'one runs again when the setting says so');
}

# The extension goes and comes.
$node->safe_psql('postgres', 'DROP EXTENSION extsched');
poll_until($node,
	q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'extsched worker%'},
	0);
create_extension($node);
ok(wait_for_worker($node), 'a worker comes with the extension');

stops_fast($node, 'fast shutdown is prompt', sub { wait_for_worker($node) });

done_testing();
