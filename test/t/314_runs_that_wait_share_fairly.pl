# Runs that wait (of run-now, retries, late ones) and are older than all others, of a
# tenant that ends some all the time and so always has slots of its cap, keep no
# other tenant waiting: neither when the worker sends them, nor when a Runner pulls.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenants = 80;
my $each = 3;
my $flood = 400;

my $node = new_node('main', 'extsched.max_in_flight' => 16);
my $runner = set_up_platform($node);
install_demo_for_each($node, $tenants);
$node->safe_psql('postgres', qq{
	SELECT extsched_set_limits('tenant1', NULL, '{"max_in_flight": 4, "run_now_per_minute": -1, "min_interval_s": 60}')});
wait_for_worker($node);

# Let nobody be served while runs of tenant1 come to wait, and others behind them.
sub make_wait
{
	$node->append_conf('postgresql.conf', 'extsched.enabled = off');
	$node->reload;
	poll_until($node, 'SELECT state FROM extsched.stat_workers', 'paused');
	for ([ $flood, "tenant_id = 'tenant1'" ], [ $each, "tenant_id <> 'tenant1'" ])
	{
		my ($count, $which) = @$_;

		$node->safe_psql('postgres', qq{
			SELECT count(extsched_run_now(tenant_id, install_id, extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 0 1 1 *')))
			FROM extsched.install, generate_series(1, $count) WHERE $which});
	}
	$node->append_conf('postgresql.conf', 'extsched.enabled = on');
	$node->reload;
	return;
}

set_fault($runner, '{"latency_ms": 5}');
make_wait();
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", $flood + $each * ($tenants - 1));
cmp_ok($node->safe_psql('postgres', q{
		SELECT count(*) FROM extsched.run WHERE tenant_id = 'tenant1' AND dispatched_at <
		(SELECT max(dispatched_at) FROM extsched.run WHERE tenant_id <> 'tenant1')}),
	'<', $flood / 2, 'the worker sends all runs of the others before half of those that have waited for longest');

$node->safe_psql('postgres', q{
	SELECT extsched_set_runner('default', 'notify');
	SELECT extsched_set_limits('tenant1', NULL, '{"max_in_flight": 1, "run_now_per_minute": -1, "min_interval_s": 60}');
	TRUNCATE extsched.run});
make_wait();

look_now($node);
my $claims = int(($tenants - 1) / 9);
$node->safe_psql('postgres', "SELECT extsched_complete(run, lease, '{\"status\": 200}') FROM extsched_claim('default', 10);" x $claims);
cmp_ok($node->safe_psql('postgres', "SELECT count(DISTINCT tenant_id) FROM extsched.run WHERE state = 'succeeded'"),
	'>=', 8 * $claims, 'a Runner that pulls gets runs of one after another of the others');

my $since = $node->safe_psql('postgres', 'SELECT max(finished_at) FROM extsched.run');
$node->safe_psql('postgres', "SELECT extsched_complete(run, lease, '{\"status\": 200}') FROM extsched_claim('default', 10)")
  for 1 .. $claims;
cmp_ok($node->safe_psql('postgres', "SELECT count(DISTINCT tenant_id) FROM extsched.run WHERE finished_at > '$since'"),
	'>', 20, 'also when it connects anew for each claim');

$node->safe_psql('postgres', "SELECT extsched_pause_tenant('tenant1', 'test')");
is($node->safe_psql('postgres', q{
		SELECT count(extsched_complete(run, lease, '{"status": 200}')) FROM extsched_claim('default', 10)}),
	10, 'and when those that have waited for longest may not start any more');
check_sound($node);
done_testing();
