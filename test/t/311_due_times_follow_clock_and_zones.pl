# A clock that is stepped neither fires twice nor goes silent, and leaves one
# record for each nominal time whatever comes after; zone data that change under
# a running server move the due times of their zone alone; a timer that was
# locked meanwhile follows when it is free; old history goes a day at a time.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use File::Copy qw(copy);
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);
my $zones = PostgreSQL::Test::Utils::tempdir() . '/zones';

make_path("$zones/Europe", "$zones/Asia");
copy("/usr/share/zoneinfo/$_", "$zones/$_") or die "$_: $!"
  for qw(UTC Europe/Berlin Asia/Tokyo);

my $node = new_node('main', 'extsched.timezone_directory' => $zones, max_prepared_transactions => 5);
my $runner = set_up_platform($node);
install_demo($node, @at);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:59:30+00');

my $id = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '*/10 * * * *');

sub wait_for
{
	my ($nominal) = @_;

	return poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$id' AND nominal_time = '$nominal'",
		'succeeded');
}

travel_to($node, '2030-01-02 12:00:01+00');
wait_for('2030-01-02 12:00:00+00');
travel_to($node, '2030-01-02 20:00:01+00');
wait_for('2030-01-02 20:00:00+00');
my $arrivals = runner_stats($runner)->{arrivals};
travel_to($node, '2030-01-02 12:05:00+00');
poll_until($node, "SELECT next_due FROM extsched.timer", '2030-01-02 12:10:00+00');
pass('eight hours ahead and back: due within one period');
travel_to($node, '2030-01-02 12:10:01+00');
wait_for('2030-01-02 12:10:00+00');
is(runner_stats($runner)->{arrivals}, $arrivals + 1, 'and it fires');
travel_to($node, '2030-01-02 11:55:00+00');
poll_until($node, "SELECT next_due FROM extsched.timer", '2030-01-02 12:00:00+00');
travel_to($node, '2030-01-02 12:12:00+00');
poll_until($node, "SELECT next_due FROM extsched.timer", '2030-01-02 12:20:00+00');
is(runner_stats($runner)->{arrivals}, $arrivals + 1, 'what was sent is not sent again');
check_sound($node);

# What is on record after an instant, oldest first.
sub records
{
	my ($after) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT string_agg(concat_ws(' ', state, missed_count, to_char(missed_first, 'HH24:MI'), to_char(nominal_time, 'HH24:MI')), ', ' ORDER BY nominal_time)
		FROM extsched.run WHERE schedule_id = '$id' AND nominal_time > '$after'});
}

# The time that ran while the clock was ahead is within what is missed later.
travel_to($node, '2030-01-02 21:00:01+00');
wait_for('2030-01-02 21:00:00+00');
is(records('2030-01-02 12:10:00+00'),
	'missed 46 12:20 19:50, succeeded 20:00, missed 5 20:10 20:50, succeeded 21:00',
	'a missed range leaves out what has a record');
check_sound($node);

# A range that reaches over the time to which the clock is set back.
travel_to($node, '2030-01-02 23:00:01+00');
wait_for('2030-01-02 23:00:00+00');
travel_to($node, '2030-01-02 22:05:00+00');
poll_until($node, "SELECT next_due FROM extsched.timer", '2030-01-02 22:10:00+00');
is(records('2030-01-02 21:00:00+00'), 'missed 6 21:10 22:00, succeeded 23:00',
	'what was missed before stays missed, what comes after is still to come');
check_sound($node);
travel_to($node, '2030-01-02 22:10:01+00');
wait_for('2030-01-02 22:10:00+00');
travel_to($node, '2030-01-02 23:10:01+00');
wait_for('2030-01-02 23:10:00+00');
is(records('2030-01-02 22:10:00+00'), 'missed 4 22:20 22:50, succeeded 23:00, succeeded 23:10',
	'and runs or is missed like any other');
check_sound($node);

# The clock is set back while the server is down.
my $ahead = $node->safe_psql('postgres', "SELECT extract(epoch FROM current_setting('extsched.clock_offset')::interval)::int");
$node->safe_psql('postgres', "ALTER SYSTEM SET extsched.clock_offset = @{[ $ahead - 3600 ]}");
$node->restart;
poll_until($node, "SELECT next_due FROM extsched.timer", '2030-01-02 22:20:00+00');
pass('a clock set back while no worker runs is noticed at the start');
check_sound($node);
travel_to($node, '2030-01-02 23:10:01+00');
poll_until($node, "SELECT next_due FROM extsched.timer", '2030-01-02 23:20:00+00');

# Lock the timer of a schedule without a session, until release().
sub lock_timer
{
	my ($schedule) = @_;

	return $node->safe_psql('postgres',
		"BEGIN; SELECT 1 FROM extsched.timer WHERE schedule_id = '$schedule' FOR UPDATE; PREPARE TRANSACTION 'holder'");
}

sub release
{
	return $node->safe_psql('postgres', "ROLLBACK PREPARED 'holder'");
}

# A timer that is locked while the clock is set back.
my $other = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '*/10 * * * *');
my $dues = "SELECT string_agg(to_char(next_due, 'HH24:MI'), ' ' ORDER BY schedule_id = '$id') FROM extsched.timer";
poll_until($node, $dues, '23:20 23:20');
lock_timer($id);
travel_to($node, '2030-01-02 22:45:00+00');
poll_until($node, $dues, '22:50 23:20');
release();
poll_until($node, $dues, '22:50 22:50');
pass('a locked timer follows the clock when it is free');
$node->safe_psql('postgres', "SELECT extsched_delete('$tenant', '$install', '$other')");

# Berlin takes over the rules of Tokyo.
my ($locked) = map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 9 * * *', tz => $_) }
  qw(Europe/Berlin Europe/Berlin Asia/Tokyo);
my $due = "SELECT string_agg(to_char(next_due AT TIME ZONE 'UTC', 'HH24:MI'), ' ' ORDER BY timezone)"
  . " FROM extsched.timer JOIN extsched.schedule USING (tenant_id, schedule_id) WHERE timezone <> 'UTC'";
is($node->safe_psql('postgres', $due), '00:00 08:00 08:00', 'as armed');
$node->reload;
poll_until($node, "SELECT count(*) FROM extsched.zone", '3');
copy("$zones/Asia/Tokyo", "$zones/Europe/Berlin.new");
rename("$zones/Europe/Berlin.new", "$zones/Europe/Berlin") or die $!;
lock_timer($locked);
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->reload;
poll_until($node, "SELECT count(*) FROM extsched.timer JOIN extsched.schedule USING (tenant_id, schedule_id)"
	  . " WHERE timezone = 'Europe/Berlin' AND next_due = '2030-01-03 00:00:00+00'", '1');
release();
poll_until($node, $due, '00:00 00:00 00:00');
pass('due times follow the zone data, that of a locked timer when it is free');
is($node->safe_psql('postgres', "SELECT seen_at > '$before' FROM extsched.zone WHERE timezone = 'Europe/Berlin'"),
	't', 'a transaction of the worker begins when it begins, not when the process did');
check_sound($node);

# And gives them up again, just after nine o'clock by its own: what is due since
# then is not left for the look of the next minute.
travel_to($node, '2030-01-03 08:00:20+00');
poll_until($node, $due, '00:00 00:00 00:00');
poll_until($node, "SELECT count(*) FROM extsched.timer JOIN extsched.schedule USING (tenant_id, schedule_id)"
	  . " WHERE timezone <> 'UTC' AND next_due = '2030-01-04 00:00:00+00'", '3');
copy('/usr/share/zoneinfo/Europe/Berlin', "$zones/Europe/Berlin.new");
rename("$zones/Europe/Berlin.new", "$zones/Europe/Berlin") or die $!;
$node->reload;
{
	local $ExtschedTest::timeout_s = 15;
	poll_until($node, "SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-03 08:00:00+00'"
		  . " AND finished_at IS NOT NULL AND schedule_id IN (SELECT schedule_id FROM extsched.schedule WHERE timezone = 'Europe/Berlin')", '2');
}
pass('a time that has come to lie before now runs at once');

# Retention is a week by default.  Who reads history keeps the worker from emptying
# it, so that it is read after the look that does.
travel_to($node, '2030-01-12 00:00:30+00');
poll_until($node, "SELECT max(last_run_at) >= '2030-01-12 00:00:30+00' FROM extsched.timer", 't');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE nominal_time < '2030-01-04'", '0');
pass('history is emptied after its retention');

done_testing();
