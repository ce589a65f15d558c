# The primary dies with runs due and in flight.  Its standby ran nothing; once
# promoted it goes on where the primary stopped: each nominal time has one
# record, and the Runner saw it under one key.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);
my $schedules = 40;

my $primary = new_node('primary', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
my $runner = set_up_platform($primary);
install_demo($primary, @at);
allow_every_minute($primary, 'acme');
wait_for_worker($primary);
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# A tenant has 32 slots, so some are in flight and some are due.
travel_to($primary, '2030-01-02 11:59:02+00');
$primary->safe_psql('postgres', qq{
	SELECT count(extsched_create('acme', '$install', 'POST /api/heartbeat', '* * * * *',
		options => '{"backoff_s": 0}'))
	FROM generate_series(1, $schedules)});

# Due on the standby, too, and long past: nothing happens there.
$primary->wait_for_catchup($standby);
travel_to($standby, '2030-01-02 12:00:02+00');
is($standby->safe_psql('postgres', "SELECT extsched_status() ->> 'due_now'"),
	$schedules, 'all are due on the standby');
is( $standby->safe_psql('postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'extsched%'}),
	'0', 'which has no process for them');

set_fault($runner, '{"hold": true}');
travel_to($primary, '2030-01-02 12:00:01+00');
wait_for_requests($runner, 32);
is(runner_stats($runner)->{by_attempt}{2}, undef, 'all that has arrived came from the primary');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
set_fault($runner, '{}');
$standby->promote;
wait_for_worker($standby);
poll_until($standby, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND nominal_time = '2030-01-02 12:00+00'},
	$schedules);
my $stats = runner_stats($runner);
is($stats->{distinct_keys}, $schedules, 'each nominal time ran, under one key');
is($stats->{redelivered}, 0, 'no attempt was made twice');
is(scalar(keys %{ $stats->{by_fence} }), 2, 'the fence tells the two servers apart');
travel_to($standby, '2030-01-02 12:01:01+00');
poll_until($standby, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded'}, 2 * $schedules);
pass('and the next minute is the new primary\'s');
is($standby->safe_psql('postgres', 'SELECT count(*), count(DISTINCT (schedule_id, nominal_time)) FROM extsched.run'),
	2 * $schedules . '|' . 2 * $schedules, 'no nominal time has two records');
check_sound($standby);

$standby->stop('fast');
done_testing();
