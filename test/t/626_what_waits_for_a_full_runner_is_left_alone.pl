# Runs that wait are read when their Runner has a slot for one of them, some more
# than it has slots, however many wait and however often the worker looks.  Those
# that have waited for too long end all the same, and a Runner that may take more
# gets more, though no request has ended.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use List::Util qw(sum0);
use Test::More;

my $tenants = 60;
my $each = 5;
my $waiting = $tenants * $each;
my $looks = 10;

my $node = new_node('main', shared_preload_libraries => 'extsched,auto_explain',
	'auto_explain.log_min_duration' => 0, 'auto_explain.log_nested_statements' => 'on',
	'auto_explain.log_analyze' => 'on', 'auto_explain.log_timing' => 'off');
my $runner = set_up_platform($node);
set_runner($node, $runner, options => '{"max_in_flight": 2}');
install_demo_for_each($node, $tenants);
wait_for_worker($node);

set_fault($runner, '{"hold": true}');
$node->safe_psql('postgres', qq{
	SELECT count(extsched_run_now(tenant_id, install_id, extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 0 1 1 *')))
	FROM extsched.install, generate_series(1, $each)});
wait_for_requests($runner, 2);
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'pending'", $waiting - 2);

my $from = -s $node->logfile;
for (1 .. $looks)
{
	my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp() FROM extsched.wake_at_commit()');
	poll_until($node, "SELECT heartbeat_at > '$now' FROM extsched.stat_workers", 't');
}
cmp_ok(sum0(waiting_runs_locked($node, $from)), '<', 2 * $looks * $waiting, "runs that wait for a full Runner are not read at each look");

# A minute is all that this one may wait.
my $impatient = $node->safe_psql('postgres', q{
	SELECT extsched_run_now(tenant_id, install_id, extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 0 1 1 *',
		options => '{"max_age_s": 60}')) FROM extsched.install WHERE tenant_id = 'tenant1'});
set_clock_offset($node, 120);
is(poll_until($node, "SELECT state, reason FROM extsched.run WHERE run_id = '$impatient'", 'failed|max_age'),
	'failed|max_age', 'but one that has waited for too long ends');

set_runner($node, $runner, options => '{"max_in_flight": 4}');
wait_for_requests($runner, 4);

$from = -s $node->logfile;
set_fault($runner, '{}');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", $waiting);
my @locked = waiting_runs_locked($node, $from);
cmp_ok(scalar @locked, '>', 0, 'the worker looks for runs that wait');
cmp_ok(sum0(@locked), '<', 40 * $waiting, 'and reads few more than find a slot');
note("statements: " . @locked . ", rows: " . sum0(@locked));
check_sound($node);

$node->stop('fast');
done_testing();
