# What a Runner answers wrongly, or not at all, ends as a failed run with a
# reason an operator can act on; other runs go on.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main');
my $runner = start_runner();
create_extension($node);
install_demo($node, @at);
allow_every_minute($node, $tenant);
wait_for_worker($node);

# Run once with a payload that asks the test Runner for a fault; the state,
# reason and attempts it ended with.
sub outcome_of
{
	my ($fault) = @_;
	my $timeout_ms = $fault =~ /hang/ ? 1000 : 30_000;
	my $id = create_schedule($node, @at,
		endpoint => 'POST /api/heartbeat',
		cron => '0 0 1 1 *',
		payload => qq({"fault": $fault}),
		options => qq({"max_attempts": 2, "backoff_s": 0, "timeout_ms": $timeout_ms}));
	my $run = $node->safe_psql('postgres',
		"SELECT extsched_run_now('$tenant', '$install', '$id')");

	poll_until($node,
		"SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'");
	return $node->safe_psql('postgres',
		"SELECT state, reason, attempt FROM extsched.run WHERE run_id = '$run'");
}

is(outcome_of('{}'), 'failed|no_runner|0', 'no Runner has been set');

set_runner($node, $runner);
is(outcome_of('{}'), 'succeeded||1', 'a Runner without faults');
is(outcome_of('{"status": 500}'), 'failed|http_status|2',
	'an inner 500 is tried again');
is(outcome_of('{"http_status": 503}'), 'failed|http_status|2',
	'an outer 503 is tried again');
is(outcome_of('{"http_status": 404}'), 'failed|http_status|1',
	'an outer 404 is not');
is(outcome_of('{"reset": true}'), 'failed|connect|2', 'a connection reset');
is(outcome_of('{"cut": true}'), 'failed|connect|2', 'a reply that is cut off');
is(outcome_of('{"hang": true}'), 'failed|timeout|2', 'no reply at all');
is(outcome_of('{"empty": true}'), 'failed|bad_response|2', 'an empty reply');
is(outcome_of('{"endless": true}'), 'failed|response_too_large|1',
	'a reply without an end');
is(outcome_of('{"status": 500, "times": 1}'), 'succeeded||2',
	'the second attempt succeeds');

# A Runner that is not there.
stop_runner($runner);
is(outcome_of('{}'), 'failed|connect|2', 'no one listens');
check_sound($node);

done_testing();
