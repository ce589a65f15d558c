# What becomes due while the server is down fires after the start, once.

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
travel_to($node, '2030-01-02 11:50:00+00');

my $id = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 12 * * *');
my $offset = $node->safe_psql('postgres',
	"SELECT extract(epoch FROM current_setting('extsched.clock_offset')::interval)::int");
$node->stop('fast');
$node->append_conf('postgresql.auto.conf',
	'extsched.clock_offset = ' . ($offset + 15 * 60));
$node->start;

poll_until($node,
	"SELECT state FROM extsched.run WHERE schedule_id = '$id'", 'succeeded');
is( $node->safe_psql(
		'postgres', qq{
		SELECT nominal_time AT TIME ZONE 'UTC',
		       dispatched_at - nominal_time > interval '4 min'
		FROM extsched.run WHERE schedule_id = '$id'
	}),
	'2030-01-02 12:00:00|t',
	'the late run stands for its nominal time');
is(runner_stats($runner)->{arrivals}, 1, 'the Runner got it once');
check_sound($node);

done_testing();
