# Killed at random points thirty times while 5,000 runs go through: every
# nominal time ends as one record, no outcome is lost, and the Runner saw each
# run at least once, under one key, and no more often than there were attempts.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;
use Time::HiRes qw(sleep);

my $kills = $ENV{EXTSCHED_TEST_KILLS} // 30;
my $tenants = 10;

my $node = new_node('main', restart_after_crash => 'on');
my $runner = set_up_platform($node);
travel_to($node, '2030-01-02 11:30:00+00');
install_demo_for_each($node, $tenants);
$node->safe_psql('postgres', q{
	SELECT count(extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 12 * * *',
		options => '{"max_attempts": 100, "backoff_s": 0, "timeout_ms": 5000}',
		payload => '{"fault": {"latency_ms": 800}}')) FROM extsched.install, generate_series(1, 500)});
wait_for_worker($node);
travel_to($node, '2030-01-02 12:00:01+00');

# The server itself now and then; else the worker.
srand(42);
my $killed = 0;
while ($killed < $kills)
{
	sleep rand(1.0);
	if ($killed % 10 == 9)
	{
		$node->stop('immediate');
		$node->start;
		$killed++;
		next;
	}
	my $pid = wait_for_worker($node);
	$killed += kill 'KILL', $pid;
	poll_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'extsched worker%' AND pid <> $pid", 1);
}
is($killed, $kills, "killed $kills times");

{
	# after long kills the rest is late, and spread over minutes
	local $ExtschedTest::timeout_s = 3 * $ExtschedTest::timeout_s;
	poll_until($node, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded'}, $tenants * 500);
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM extsched.run'), $tenants * 500,
	'one record for each nominal time');
is($node->safe_psql('postgres', 'SELECT sum(in_flight) FROM extsched.timer'), 0, 'nothing is left behind');
my $stats = runner_stats($runner);
is($stats->{distinct_keys}, $tenants * 500, 'the Runner saw every run');
cmp_ok($stats->{arrivals}, '<=',
	$node->safe_psql('postgres', 'SELECT sum(attempt) FROM extsched.run'),
	'no more often than it was attempted');
note("arrivals: $stats->{arrivals}");
check_sound($node);

done_testing();
