# run-now executes promptly beside the recurrence: also on a disabled
# schedule, once for a known key, and without moving the next due time.

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

my $id = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 0 1 1 *');
my $due_query = "SELECT next_due FROM extsched.timer WHERE schedule_id = '$id'";
my $due = $node->safe_psql('postgres', $due_query);

my $run = $node->safe_psql('postgres',
	"SELECT extsched_run_now('$tenant', '$install', '$id', 'key-1')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'",
	'succeeded');
is( $node->safe_psql('postgres',
		"SELECT trigger FROM extsched.run WHERE run_id = '$run'"),
	'manual',
	'the run has a trigger of its own');
is( $node->safe_psql('postgres',
		"SELECT extsched_run_now('$tenant', '$install', '$id', 'key-1')"),
	$run,
	'a known key gives the same run, also after it ended');
is($node->safe_psql('postgres', $due_query), $due, 'the due time has not moved');

my $disabled = create_schedule($node, @at,
	endpoint => 'GET /api/status',
	cron => '0 0 1 1 *',
	enabled => 'false');
$run = $node->safe_psql('postgres',
	"SELECT extsched_run_now('$tenant', '$install', '$disabled')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'",
	'succeeded');

my $stats = runner_stats($runner);
is($stats->{arrivals}, 2, 'the Runner got one request for each run');
is($stats->{violations}, 0, 'they are as the Runner contract says');
check_sound($node);

done_testing();
