# A flood of one tenant neither delays the run of another nor breaks a cap;
# no transaction is open while requests are out; what needs no slot does not
# wait for one; two workers share the work without sending anything twice.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $node = new_node('main');
my $runner = set_up_platform($node);
my $n = 0;
my %install;
for my $tenant ('flood', map { "tenant$_" } 1 .. 20)
{
	$install{$tenant} = sprintf('a0000000-0000-4000-8000-%012d', ++$n);
	install_demo($node, tenant => $tenant, install => $install{$tenant});
	allow_every_minute($node, $tenant);
}
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

# create_many(tenant, n, cron, payload)
sub create_many
{
	my ($tenant, $count, $cron, $payload) = @_;

	$node->safe_psql('postgres', qq{
		SELECT count(extsched_create('$tenant', '$install{$tenant}', 'POST /api/heartbeat', '$cron',
			payload => '$payload', options => '{"max_attempts": 1, "timeout_ms": 300000}'))
		FROM generate_series(1, $count)});
	return;
}

create_many('flood', 2000, '0 12 * * *', '{"fault": {"latency_ms": 20}}');
create_many('tenant1', 1, '0 12 * * *', '{}');
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", '2001');
cmp_ok($node->safe_psql('postgres', q{
		SELECT count(*) FROM extsched.run WHERE tenant_id = 'flood' AND dispatched_at <
		(SELECT dispatched_at FROM extsched.run WHERE tenant_id = 'tenant1')}),
	'<=', 200, 'the single run of another tenant is among the first');
is($node->safe_psql('postgres', q{
		SELECT max(n) <= 32 FROM (SELECT sum(d) OVER (ORDER BY at, d) AS n FROM extsched.run,
		LATERAL (VALUES (attempt_at, 1), (finished_at, -1)) v (at, d) WHERE tenant_id = 'flood') x}),
	't', 'never more in flight than the cap of a tenant');

# Requests that hang: nothing is open, and the other tenants go on.
create_many('flood', 100, '0 13 * * *', '{"fault": {"hang": true}}');
create_many("tenant$_", 20, '0 13 * * *', '{}') for 1 .. 20;
travel_to($node, '2030-01-02 13:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND nominal_time = '2030-01-02 13:00:00+00'", '400');
is($node->safe_psql('postgres', "SELECT count(*) FROM extsched.run WHERE state = 'running'"), '32',
	'a tenant whose runs hang holds its own slots only');
poll_until($node, q{
	SELECT backend_xmin IS NULL AND xact_start IS NULL AND NOT EXISTS (SELECT FROM pg_locks l
	WHERE l.pid = a.pid AND l.locktype <> 'virtualxid')
	FROM pg_stat_activity a WHERE backend_type LIKE 'extsched worker%'});
pass('no transaction, snapshot or lock is held meanwhile');
is($node->safe_psql('postgres', "SELECT extsched_pause_tenant('flood', 'hangs')"), '', 'its rest is stopped');
stop_runner($runner);
poll_until($node, 'SELECT sum(in_flight) FROM extsched.timer', '0');
check_sound($node);

# More than a Runner takes at once, and fewer slots than tenants.
$runner = start_runner();
set_runner($node, $runner, options => '{"max_in_flight": 2}');
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.max_in_flight = 8');
$node->reload;
poll_until($node, 'SHOW extsched.max_in_flight', '8');
create_many("tenant$_", 10, '15 13 * * *', '{"fault": {"latency_ms": 5}}') for 1 .. 20;
travel_to($node, '2030-01-02 13:15:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND nominal_time = '2030-01-02 13:15:00+00'", '200');
cmp_ok($node->safe_psql('postgres', q{SELECT max(first) FROM (SELECT min(n) FROM
			(SELECT tenant_id, row_number() OVER (ORDER BY dispatched_at) FROM extsched.run
				WHERE nominal_time = '2030-01-02 13:15:00+00') r (tenant_id, n) GROUP BY tenant_id) x (first)}),
	'<=', 60, 'the first run of each tenant is in the first third, at a Runner that is full');
stop_runner($runner);

# All slots hang: a time to skip is recorded, and a Runner that pulls gets its
# run, although both are due after others that have to wait.
$runner = start_runner();
set_runner($node, $runner);
my $skips = create_schedule($node, tenant => 'tenant3', install => $install{tenant3},
	endpoint => 'POST /api/heartbeat', cron => '30-32 13 * * *', payload => '{"fault": {"hang": true}}',
	options => '{"max_attempts": 1, "timeout_ms": 300000}');
$node->safe_psql('postgres', qq{
	SELECT extsched_set_runner('pull', 'notify');
	SELECT extsched_configure_install('tenant4', '$install{tenant4}', '{"runner": "pull"}')});
create_many('tenant2', 20, '31 13 * * *', '{"fault": {"hang": true}}');
create_many('tenant4', 1, '32 13 * * *', '{}');
travel_to($node, '2030-01-02 13:30:01+00');
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$skips'", 'running');
travel_to($node, '2030-01-02 13:31:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'running'", '8');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE schedule_id = '$skips' AND reason = 'overlap'", '1');
travel_to($node, '2030-01-02 13:32:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE schedule_id = '$skips' AND reason = 'overlap'", '2');
poll_until($node, "SELECT state FROM extsched.run WHERE tenant_id = 'tenant4' AND nominal_time = '2030-01-02 13:32:00+00'", 'pending');
is($node->safe_psql('postgres', q{
		SELECT (SELECT count(*) FROM extsched.run WHERE state = 'running'),
			(SELECT count(*) FROM extsched.timer WHERE next_due = '2030-01-02 13:31:00+00')}),
	'8|13', 'what needs no slot passes by what waits for one');
$node->safe_psql('postgres', "SELECT extsched_pause_tenant('tenant2', 'hangs')");
stop_runner($runner);
$node->safe_psql('postgres', 'ALTER SYSTEM RESET extsched.max_in_flight');
$node->reload;
poll_until($node, "SELECT sum(in_flight) FROM extsched.timer WHERE tenant_id IN ('tenant2', 'tenant3')", '0');
poll_until($node, "SELECT count(*) FROM extsched.timer WHERE next_due = '2030-01-02 13:31:00+00'", 0);
check_sound($node);
$node->safe_psql('postgres', qq{
	SELECT extsched_configure_install('tenant4', '$install{tenant4}', '{"runner": "default"}');
	SELECT extsched_resume_tenant('tenant2')});

# Two workers.
$runner = start_runner();
set_runner($node, $runner);
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.workers_per_database = 2');
$node->reload;
wait_for_workers($node, 2);
create_many("tenant$_", 20, '0 14 * * *', '{}') for 1 .. 20;
travel_to($node, '2030-01-02 14:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND nominal_time = '2030-01-02 14:00:00+00'", '400');
my $stats = runner_stats($runner);
is("$stats->{arrivals} $stats->{distinct_keys}", '400 400', 'two workers send each run once');
check_sound($node);

done_testing();
