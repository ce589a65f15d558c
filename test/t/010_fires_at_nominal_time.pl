# A schedule fires at its nominal times, not before, and the Runner gets one
# request for each.  The clock is moved; nobody waits for a minute.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:00:00+00');

my $id = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 12 * * *',
	payload => '{"source": "test"}');
is( $node->safe_psql('postgres',
		"SELECT next_due AT TIME ZONE 'UTC' FROM extsched.timer WHERE schedule_id = '$id'"),
	'2030-01-02 12:00:00',
	'the next full hour is armed');
for my $day (2 .. 4)
{
	travel_to($node, "2030-01-0$day 11:59:58+00");
	poll_until($node,
		"SELECT count(*) FROM extsched.run WHERE schedule_id = '$id' AND finished_at IS NOT NULL",
		$day - 1);
}
is( $node->safe_psql(
		'postgres', qq{
		SELECT state, trigger, attempt, http_status, nominal_time AT TIME ZONE 'UTC'
		FROM extsched.run WHERE schedule_id = '$id' ORDER BY nominal_time
	}),
	join("\n", map { "succeeded|schedule|1|200|2030-01-0$_ 12:00:00" } 2 .. 4),
	'the runs are on record with their outcomes');

# The machine may stand still at one edge, but not at all three.
is( $node->safe_psql(
		'postgres', qq{
		SELECT bool_and(dispatched_at >= nominal_time),
		       min(dispatched_at - nominal_time) < interval '0.5 s',
		       bool_and(finished_at >= dispatched_at)
		FROM extsched.run WHERE schedule_id = '$id'
	}),
	't|t|t',
	'they were dispatched at the edge, not before');
is( $node->safe_psql('postgres',
		"SELECT next_due AT TIME ZONE 'UTC' FROM extsched.timer WHERE schedule_id = '$id'"),
	'2030-01-05 12:00:00',
	'the next day is armed');

my $stats = runner_stats($runner);
is($stats->{arrivals}, 3, 'one request each reached the Runner');
is($stats->{violations}, 0, 'all are as the Runner contract says');
check_sound($node);

done_testing();
