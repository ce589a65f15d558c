# A clock that is stepped neither fires twice nor goes silent; zone data that
# change under a running server move the due times of their zone alone; old
# history goes a day at a time.

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

my $node = new_node('main', 'extsched.timezone_directory' => $zones);
my $runner = start_runner();
create_extension($node);
set_runner($node, $runner);
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

# Berlin takes over the rules of Tokyo.
my %of = map {
	$_ => create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 9 * * *', tz => $_)
} qw(Europe/Berlin Asia/Tokyo);
my $due = "SELECT string_agg(to_char(next_due AT TIME ZONE 'UTC', 'HH24:MI'), ' ' ORDER BY timezone)"
  . " FROM extsched.timer JOIN extsched.schedule USING (tenant_id, schedule_id) WHERE timezone <> 'UTC'";
is($node->safe_psql('postgres', $due), '00:00 08:00', 'as armed');
$node->reload;
poll_until($node, "SELECT count(*) FROM extsched.zone", '3');
copy("$zones/Asia/Tokyo", "$zones/Europe/Berlin.new");
rename("$zones/Europe/Berlin.new", "$zones/Europe/Berlin") or die $!;
$node->reload;
poll_until($node, $due, '00:00 00:00');
pass('due times follow the zone data');
check_sound($node);

# Retention is a week by default.
travel_to($node, '2030-01-12 00:00:30+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE nominal_time < '2030-01-04'", '0');
pass('history is emptied after its retention');

done_testing();
