# Down time, pauses and switches: the latest time within the catch-up window
# runs once, late; all others are recorded with the reason they did not run.

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
travel_to($node, '2030-01-02 11:55:30+00');

sub create
{
	my (%more) = @_;

	return create_schedule($node, @at,
		endpoint => 'POST /api/heartbeat',
		cron => '*/5 * * * *', %more);
}

# The records of a schedule after an instant, oldest first.
sub records
{
	my ($id, $after) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT state, reason, missed_count, to_char(missed_first, 'HH24:MI'), to_char(nominal_time, 'HH24:MI')
		FROM extsched.run WHERE schedule_id = '$id' AND nominal_time > '$after'
		ORDER BY nominal_time});
}

sub wait_until_accounted
{
	my ($instant) = @_;

	poll_until($node,
		"SELECT bool_and(next_due > '$instant' AND in_flight = 0) FROM extsched.timer");
}

my $hourly = create(name => 'an hour');
my $short = create(name => 'a minute', options => '{"catch_up_s": 60}');
my $window = create(name => 'window',
	options => '{"starts_at": "2030-01-02T12:10:00Z", "ends_at": "2030-01-02T14:02:00Z"}');

# The server is down from 12:00 to 14:03.
$node->stop('fast');
$node->append_conf('postgresql.conf', '# restarted');
my $skip = $node->start;
travel_to($node, '2030-01-02 14:03:00+00');
poll_until($node, "SELECT count(*) FROM extsched.timer WHERE next_due > '2030-01-02 14:03:00+00' OR next_due IS NULL", '3');
poll_until($node, 'SELECT sum(in_flight) FROM extsched.timer', '0');
is(records($hourly, '2030-01-02 11:55:30+00'),
	"missed|outside_catch_up|24|12:00|13:55\nsucceeded||||14:00",
	'one late run, the rest is one missed record');
is(records($short, '2030-01-02 11:55:30+00'),
	'missed|outside_catch_up|25|12:00|14:00',
	'outside the window nothing runs');
is(records($window, '2030-01-02 11:55:30+00'),
	"missed|outside_catch_up|22|12:10|13:55\nsucceeded||||14:00",
	'times before starts_at are not due');
is($node->safe_psql('postgres',
		"SELECT next_due IS NULL FROM extsched.timer WHERE schedule_id = '$window'"),
	't', 'after ends_at nothing is due');
check_sound($node);

# Who stopped it is named, the most general first.
my @stops = (
	[ 'tenant_paused', "extsched_pause_tenant('$tenant', 'unpaid')", "extsched_resume_tenant('$tenant')" ],
	[ 'install_disabled', "extsched_set_install_enabled('$tenant', '$install', false)", "extsched_set_install_enabled('$tenant', '$install', true)" ],
	[ 'schedule_paused', "extsched_pause('$tenant', '$install', '$hourly', 'x')", "extsched_resume('$tenant', '$install', '$hourly')" ]);
my $hour = 15;
for my $stop (@stops)
{
	my ($reason, $begin, $end) = @$stop;
	my $before = "2030-01-02 $hour:00:30+00";

	travel_to($node, $before);
	poll_until($node, "SELECT next_due > '$before' AND in_flight = 0 FROM extsched.timer WHERE schedule_id = '$hourly'");
	my $arrivals = runner_stats($runner)->{arrivals};
	$node->safe_psql('postgres', "SELECT $begin");
	travel_to($node, "2030-01-02 $hour:05:01+00");
	poll_until($node, "SELECT next_due > '2030-01-02 $hour:05:01+00' FROM extsched.timer WHERE schedule_id = '$hourly'");
	travel_to($node, "2030-01-02 $hour:21:00+00");
	poll_until($node, "SELECT next_due > '2030-01-02 $hour:21:00+00' FROM extsched.timer WHERE schedule_id = '$hourly'");
	is(records($hourly, $before),
		"skipped|$reason|||$hour:05\nmissed|$reason|2|$hour:10|$hour:15\nskipped|$reason|||$hour:20",
		"$reason is recorded for each time");
	is(runner_stats($runner)->{arrivals}, $arrivals, 'nothing is sent')
	  if $reason ne 'schedule_paused';
	$node->safe_psql('postgres', "SELECT $end");
	check_sound($node);
	$hour++;
}

# The switch of the whole scheduler.
travel_to($node, '2030-01-02 18:00:30+00');
poll_until($node, "SELECT next_due > '2030-01-02 18:00:30+00' AND in_flight = 0 FROM extsched.timer WHERE schedule_id = '$hourly'");
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.enabled = off');
$node->reload;
poll_until($node, "SELECT state FROM extsched.stat_workers", 'paused');
travel_to($node, '2030-01-02 18:31:00+00');
is(records($hourly, '2030-01-02 18:00:30+00'), '', 'nothing happens while it is off');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET extsched.enabled');
$node->reload;
poll_until($node, "SELECT next_due > '2030-01-02 18:31:00+00' AND in_flight = 0 FROM extsched.timer WHERE schedule_id = '$hourly'");
is(records($hourly, '2030-01-02 18:00:30+00'),
	"missed|scheduler_disabled|5|18:05|18:25\nsucceeded||||18:30",
	'then the latest runs, and the rest says why it did not');
is(runner_stats($runner)->{duplicates}, 0, 'no run was sent twice');
check_sound($node);

done_testing();
