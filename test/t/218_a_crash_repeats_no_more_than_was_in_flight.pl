# A worker that is killed amid a stream of runs sends no more of them again than
# it may have in flight: a slot is free only when the outcome in it is safe.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;
use Time::HiRes qw(sleep);

my $slots = 64;
my $batch = 1500;
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main', restart_after_crash => 'on',
	map { ("extsched.max_in_flight$_" => $slots) } '', '_per_tenant', '_per_install');
my $runner = set_up_platform($node);
install_demo($node, @at);
$node->safe_psql('postgres', q{SELECT extsched_set_limits('acme', NULL, '{"max_schedules": -1, "mutations_per_minute": -1}')});
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');
for my $hour (12 .. 17)
{
	my $before = runner_stats($runner);

	$node->safe_psql('postgres', qq{
		SELECT count(extsched_create('acme', '$install', 'POST /api/heartbeat', '0 $hour * * *', options => '{"backoff_s": 0}'))
		FROM generate_series(1, $batch)});
	my $pid = worker_pid($node);
	travel_to($node, "2030-01-02 $hour:00:01+00");
	while (runner_stats($runner)->{arrivals} < $before->{arrivals} + $batch / 4) { sleep 0.005 }
	sleep rand(0.02);
	kill 'KILL', $pid;
	poll_until($node, qq{SELECT count(*) FROM extsched.run
		WHERE nominal_time = '2030-01-02 $hour:00+00' AND state = 'succeeded'}, $batch);
	cmp_ok(runner_stats($runner)->{arrivals} - $before->{arrivals} - $batch, '<=', $slots,
		"killed at $hour:00: no more are sent again than there are slots");
}
is(runner_stats($runner)->{distinct_keys}, 6 * $batch, 'and none is left out');
check_sound($node);

done_testing();
