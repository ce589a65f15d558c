# kill -9 of the worker ends the server's other processes too; after recovery
# a worker is back by itself, and what was due meanwhile is accounted for.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main', restart_after_crash => 'on');
my $runner = set_up_platform($node);
install_demo($node, @at);
my $pid = wait_for_worker($node);
travel_to($node, '2030-01-02 11:00:00+00');

my $id = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 12 * * *');
kill 'KILL', $pid;
poll_until($node, "SELECT pid <> $pid FROM pg_stat_activity WHERE datname = 'postgres'"
	  . " AND backend_type LIKE 'extsched worker%'");
isnt(wait_for_worker($node), $pid, 'another worker runs');

travel_to($node, '2030-01-02 12:00:05+00');
poll_until($node,
	"SELECT state FROM extsched.run WHERE schedule_id = '$id'", 'succeeded');
is(runner_stats($runner)->{arrivals}, 1, 'the Runner got it once');

# Killed while a request is out: the same run is tried again under its key.
my $slow = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 13 * * *',
	payload => '{"fault": {"hang": true, "times": 1}}',
	options => '{"timeout_ms": 300000, "backoff_s": 0}');
travel_to($node, '2030-01-02 13:00:01+00');
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$slow'",
	'running');
wait_for_requests($runner, 1);
kill 'KILL', worker_pid($node);
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$slow'",
	'succeeded');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM extsched.run WHERE schedule_id = '$slow'"),
	'1',
	'its nominal time has one record');
check_sound($node);

done_testing();
