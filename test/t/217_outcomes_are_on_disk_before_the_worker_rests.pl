# A reply is asked for once: when the worker has nothing to do, or leaves, the
# outcomes that it wrote survive a crash of the server.  The WAL writer is kept
# from doing that by chance.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main', wal_writer_delay => '10s', wal_writer_flush_after => '1GB', checkpoint_timeout => '1h');
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, 'acme');
travel_to($node, '2030-01-02 11:30:00+00');
create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 12 * * *') for 1 .. 20;
wait_for_worker($node);

travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", '20');
poll_until($node, "SELECT state FROM pg_stat_activity WHERE backend_type = 'extsched worker'", 'idle');
$node->stop('immediate');
$node->start;
wait_for_worker($node);

is($node->safe_psql('postgres', 'SELECT state, count(*), max(attempt) FROM extsched.run GROUP BY state'),
	'succeeded|20|1', 'every outcome is there after the crash');
is(runner_stats($runner)->{arrivals}, 20, 'and no request was sent again');

# A tenant of the second of two workers, which is one too many while requests of
# this tenant are out; nobody else writes.
my $tenant = $node->safe_psql('postgres',
	q{SELECT min(t) FROM generate_series(1, 9) AS n, concat('tenant', n) AS t WHERE (hashtext(t) & 2147483647) % 2 = 1});
my @there = (tenant => $tenant, install => 'a0000000-0000-4000-8000-000000000002');
install_demo($node, @there);
allow_every_minute($node, $tenant);
create_schedule($node, @there, endpoint => 'POST /api/heartbeat', cron => '0 13 * * *') for 1 .. 20;

sub set_workers
{
	my ($count) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET extsched.workers_per_database = $count");
	$node->reload;
	return;
}

set_workers(2);
wait_for_workers($node, 2);
set_fault($runner, '{"hold": true}');
travel_to($node, '2030-01-02 13:00:01+00');
wait_for_requests($runner, 20);
is($node->safe_psql('postgres', "SELECT count(*) FROM extsched.run WHERE lease_owner LIKE 'worker:1:%'"), 20,
	"all are the second worker's");
set_workers(1);
poll_until($node, q{SELECT extsched_status() ->> 'workers_wanted'}, 1);
set_fault($runner, '{}');
poll_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'extsched worker'", 1);
$node->stop('immediate');
$node->start;
wait_for_worker($node);

is($node->safe_psql('postgres', "SELECT state, count(*), max(attempt) FROM extsched.run WHERE tenant_id = '$tenant' GROUP BY state"),
	'succeeded|20|1', 'every outcome of the worker that left is there after the crash');
check_sound($node);

$node->stop('fast');
done_testing();
