# What one transaction has locked waits for it, and nothing else does; late
# runs after an outage are spread, so that what is due now goes out now.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main', max_prepared_transactions => 5);
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, $tenant);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

# A timer that is locked when it is due.  A prepared transaction holds a lock
# without a session.
my ($locked, $free) =
  map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 12 * * *') } 1 .. 2;
$node->safe_psql('postgres',
	"BEGIN; SELECT 1 FROM extsched.timer WHERE schedule_id = '$locked' FOR UPDATE; PREPARE TRANSACTION 'holder'");
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$free'", 'succeeded');
is($node->safe_psql('postgres', "SELECT count(*) FROM extsched.run WHERE schedule_id = '$locked'"),
	'0', 'a locked timer waits, the other fires');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'holder'");
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$locked'", 'succeeded');
pass('and fires when it is free, by itself');

# A timer that is locked when the outcome of its run is to be written.
my $slow = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 13 * * *',
	payload => '{"fault": {"hold": true}}');
travel_to($node, '2030-01-02 13:00:01+00');
wait_for_requests($runner, 1);
$node->safe_psql('postgres',
	"BEGIN; SELECT 1 FROM extsched.timer WHERE schedule_id = '$slow' FOR UPDATE; PREPARE TRANSACTION 'holder'");
set_fault($runner, '{}');
poll_until($node, "SELECT sum(queued) FROM extsched.stat_workers", '1');
my $run = $node->safe_psql('postgres', "SELECT extsched_run_now('$tenant', '$install', '$free')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", 'succeeded');
is($node->safe_psql('postgres', "SELECT state FROM extsched.run WHERE schedule_id = '$slow'"),
	'running', 'an outcome whose timer is locked is kept, others are written');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'holder'");
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$slow'", 'succeeded');
is(runner_stats($runner)->{duplicates}, 0, 'and nothing was sent again');
check_sound($node);

# Down for ten minutes with 3,000 schedules; one more is due just after.
$node->safe_psql('postgres', qq{
	SELECT extsched_set_limits('$tenant', NULL, '{"max_schedules": -1, "mutations_per_minute": -1}');
	SELECT count(extsched_create('$tenant', '$install', 'POST /api/heartbeat', '0 14 * * *'))
	FROM generate_series(1, 3000)});
my $live = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '10 14 * * *');
my $late = "FROM extsched.run WHERE nominal_time = '2030-01-02 14:00:00+00'";
$node->stop('fast');
$node->start;
travel_to($node, '2030-01-02 14:10:01+00');
poll_until($node, "SELECT count(*) $late", 3000);
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$live'", 'succeeded');
is($node->safe_psql('postgres', qq{
		SELECT count(*) FILTER (WHERE dispatched_at IS NULL
			OR dispatched_at > (SELECT dispatched_at FROM extsched.run WHERE schedule_id = '$live')) > 2000 $late}),
	't', 'most of the late runs give way to the one that is due now');
cmp_ok($node->safe_psql('postgres', qq{
		SELECT max(n) FROM (SELECT count(*) AS n $late GROUP BY date_trunc('second', ready_at)) AS of_a_second}),
	'<=', 128 + 16 + 1, 'and no second gets more of them than half of the slots, and a burst');
travel_to($node, '2030-01-02 14:12:01+00');
poll_until($node, "SELECT count(*) $late AND state = 'succeeded'", 3000);
check_sound($node);

done_testing();
