# Several workers share the tenants and the slots: caps hold for all of them
# together, what a worker that leaves has written goes on with another, the status
# says when one is missing, and none has the epoch of another.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', restart_after_crash => 'on', max_worker_processes => 5);
my $runner = set_up_platform($node);
install_demo_for_each($node, 12);

sub set_workers
{
	my ($count) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET extsched.workers_per_database = $count");
	$node->reload;
	poll_until($node, q{SELECT extsched_status() ->> 'workers_wanted'}, $count);
	return;
}

# Four schedules of each tenant, or of some, due at an hour; returns their number.
sub create_at
{
	my ($hour, $payload, $where) = @_;

	$where //= 'true';
	return $node->safe_psql('postgres', qq{
		SELECT count(extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 $hour * * *',
			payload => '$payload', options => '{"backoff_s": 1, "max_attempts": 2}'))
		FROM extsched.install, generate_series(1, 4) WHERE $where});
}

# The most requests at once, of the runs of an hour.
sub most_at_once
{
	my ($hour, $cap) = @_;

	create_at($hour, '{}');
	HTTP::Tiny->new->post("$runner->{url}/reset");
	set_fault($runner, '{"hold": true}');
	travel_to($node, "2030-01-02 $hour:00:01+00");
	poll_until($node, "SELECT count(*) >= $cap FROM extsched.run WHERE state = 'running'", 't');
	for (1 .. 2)
	{
		# until each worker has looked again, and so would have sent more
		my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp() FROM extsched.wake_at_commit()');
		poll_until($node, "SELECT count(*) FROM extsched.stat_workers WHERE heartbeat_at > '$now'", 3);
	}
	set_fault($runner, '{"latency_ms": 5}');
	poll_until($node, qq{
		SELECT count(*) FROM extsched.run
		WHERE state = 'succeeded' AND nominal_time = '2030-01-02 $hour:00:00+00'}, '48');
	return runner_stats($runner)->{max_in_flight};
}

travel_to($node, '2030-01-02 10:30:00+00');
set_workers(3);
wait_for_workers($node, 3);

# Neither is divisible by three.
set_runner($node, $runner, options => '{"max_in_flight": 5}');
is(most_at_once(11, 5), 5, 'three workers keep the cap of a Runner, and use it');
set_runner($node, $runner);
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.max_in_flight = 8');
$node->reload;
poll_until($node, 'SHOW extsched.max_in_flight', '8');
is(most_at_once(12, 8), 8, 'and the cap of all requests');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET extsched.max_in_flight');
$node->reload;

# The Runner refuses what it held, once the workers that sent it are too many.
set_fault($runner, '{}');
my $moved = create_at(13, '{"fault": {"hold": true, "status": 503, "times": 1}}',
	'(hashtext(tenant_id) & 2147483647) % 3 > 0');
travel_to($node, '2030-01-02 13:00:01+00');
wait_for_requests($runner, $moved);
set_workers(1);
set_fault($runner, '{}');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND attempt = 2}, $moved);
cmp_ok($node->safe_psql('postgres', q{
	SELECT extract(epoch FROM max(attempt_at - ready_at)) FROM extsched.run WHERE attempt = 2}),
	'<', 10, 'retries of workers that left are begun by the one that stays');

# Of five processes two are launchers: room for three workers.
set_workers(4);
poll_until($node, q{SELECT extsched_status() ->> 'why'},
	'out of worker slots: raise max_worker_processes and restart the server');
is($node->safe_psql('postgres', q{SELECT extsched_status() ->> 'running'}), 'false',
	'schedules do not run as long as one of the workers is not there');
set_workers(1);
poll_until($node, q{SELECT extsched_status() ->> 'running'}, 'true');

# The first look of a new worker fails, because a table that it reads is locked.
create_at(14, '{}');
my $epochs = q{SELECT epoch FROM extsched.stat_workers};
my $before = $node->safe_psql('postgres', $epochs);
my $lock = $node->background_psql('postgres');
$lock->query_safe('BEGIN; LOCK TABLE extsched.runner');
my $from = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . worker_pid($node) . ')');
$node->wait_for_log(qr/canceling statement due to lock timeout/, $from);
$lock->query_safe('COMMIT');
$lock->quit;
wait_for_workers($node, 1);
my $epoch = $node->safe_psql('postgres', $epochs);
cmp_ok($epoch, '>', $before, 'a new worker has a new epoch');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . worker_pid($node) . ')');
poll_until($node, "SELECT coalesce(max(epoch), 0) > $epoch FROM extsched.stat_workers WHERE state = 'running'", 't');
travel_to($node, '2030-01-02 14:00:01+00');
poll_until($node, q{SELECT count(*) FROM extsched.run
	WHERE state = 'succeeded' AND nominal_time = '2030-01-02 14:00:00+00'}, '48');
check_sound($node);

done_testing();
