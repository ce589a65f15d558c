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

# The edge may be a whole minute away, so two time limits.  The best of three
# edges counts, since the machine may stand still at one.
$ExtschedTest::timeout_s = 90;
my ($late_ms, $seen_ms);
for (1 .. 3)
{
	my $due = $node->safe_psql('postgres',
		"SELECT next_due FROM extsched.timer WHERE schedule_id = '$id'");

	poll_until($node,
		"SELECT state FROM extsched.run WHERE schedule_id = '$id' AND nominal_time = '$due'",
		'succeeded');
	$late_ms = $node->safe_psql(
		'postgres', qq{
		SELECT min(extract(epoch FROM dispatched_at - nominal_time) * 1000)
		FROM extsched.run WHERE schedule_id = '$id'
	});
	$seen_ms = runner_stats($runner)->{lateness_ms}{min};
	last if $late_ms < 1000 && $seen_ms < 1000;
}
cmp_ok($late_ms, '>=', 0, 'not before its time');
cmp_ok($late_ms, '<', 1000, 'within a second of it');
cmp_ok($seen_ms, '<', 1000, 'the Runner saw the same');
check_sound($node);

done_testing();
