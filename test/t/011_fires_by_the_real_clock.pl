# With no clock injected a schedule of every minute fires at the minute edge.

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
allow_every_minute($node, $tenant);
wait_for_worker($node);

my $id = create_schedule($node, @at,
	endpoint => 'GET /api/status',
	cron => '* * * * *');
my $due = $node->safe_psql('postgres',
	"SELECT next_due FROM extsched.timer WHERE schedule_id = '$id'");

# The edge may be a whole minute away, so two time limits.
$ExtschedTest::timeout_s = 90;
poll_until($node,
	"SELECT state FROM extsched.run WHERE schedule_id = '$id' AND nominal_time = '$due'",
	'succeeded');
my $late_ms = $node->safe_psql(
	'postgres', qq{
	SELECT extract(epoch FROM dispatched_at - nominal_time) * 1000
	FROM extsched.run WHERE schedule_id = '$id' AND nominal_time = '$due'
});
cmp_ok($late_ms, '>=', 0, 'not before its time');
cmp_ok($late_ms, '<', 5000, 'within seconds of it');
cmp_ok(runner_stats($runner)->{lateness_ms}{max}, '<', 5000, 'the Runner saw the same');
check_sound($node);

done_testing();
