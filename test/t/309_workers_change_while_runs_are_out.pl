# The number of workers changes while requests are out and others wait: each
# run is sent once, and none waits for a lease to expire.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo_for_each($node, 12);
$node->safe_psql('postgres', q{
	SELECT count(extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 ' || hour || ' * * *'))
	FROM extsched.install, generate_series(12, 15) AS hour, generate_series(1, 4)});
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.max_in_flight = 32');

# Change the number of workers by a statement; it has happened when so many run.
# What the Runner held until then is answered: a worker leaves with its last reply.
sub change_workers
{
	my ($statement, $count) = @_;

	$node->safe_psql('postgres', $statement);
	$node->reload;
	poll_until($node, q{SELECT extsched_status() ->> 'workers_wanted'}, $count);
	set_fault($runner, '{}');
	wait_for_workers($node, $count);
	return;
}

# Let the runs of an hour begin, until the last of so many workers has some out;
# the Runner holds them.
sub begin_runs
{
	my ($hour, $count) = @_;
	my $last = $count - 1;

	set_fault($runner, '{"hold": true}');
	travel_to($node, "2030-01-02 $hour:00:01+00");
	poll_until($node, "SELECT count(*) > 0 FROM extsched.run WHERE state = 'running' AND lease_owner LIKE 'worker:$last:%'");
	return;
}

# All runs of an hour have succeeded, at their first attempt.
sub all_sent_once
{
	my ($hour, $name) = @_;

	set_fault($runner, '{}');
	poll_until($node, qq{
		SELECT count(*) FROM extsched.run
		WHERE state = 'succeeded' AND nominal_time = '2030-01-02 $hour:00:00+00'}, '48');
	my $stats = runner_stats($runner);
	is($stats->{arrivals} - $stats->{distinct_keys}, 0, "$name: each run is sent once");
	is($node->safe_psql('postgres', 'SELECT max(attempt) FROM extsched.run'), '1', "$name: no attempt is given up");
	return;
}

travel_to($node, '2030-01-02 11:30:00+00');
change_workers('ALTER SYSTEM SET extsched.workers_per_database = 3', '3');
begin_runs(12, 3);
change_workers('ALTER SYSTEM SET extsched.workers_per_database = 1', '1');
all_sent_once(12, 'fewer');

begin_runs(13, 1);
change_workers('ALTER SYSTEM SET extsched.workers_per_database = 3', '3');
all_sent_once(13, 'more');

# What one database asks for is unknown to the sessions that are there.
change_workers('ALTER SYSTEM RESET extsched.workers_per_database', '1');
change_workers('ALTER DATABASE postgres SET extsched.workers_per_database = 2', '2');
my $workers = "SELECT string_agg(pid::text, ' ' ORDER BY n) FROM extsched.stat_workers WHERE pid IS NOT NULL";
my $before = $node->safe_psql('postgres', $workers);
begin_runs(14, 2);
$node->reload;
all_sent_once(14, 'settings of a database');
is($node->safe_psql('postgres', $workers), $before, 'settings that are read again end no worker');

# None is left, and one comes.
begin_runs(15, 2);
change_workers('ALTER DATABASE postgres SET extsched.workers_per_database = 0', '0');
change_workers('ALTER DATABASE postgres RESET extsched.workers_per_database', '1');
all_sent_once(15, 'none for a while');
check_sound($node);

done_testing();
