# A nominal time that comes while an earlier run is not finished: skipped and
# recorded, kept waiting for its slot, or run beside it, as the schedule says.

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
allow_every_minute($node, $tenant);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:59:02+00');

# One schedule for each policy; the first run of each hangs until its Runner is gone.
my %schedule;
for my $policy (qw(skip queue_one allow))
{
	$schedule{$policy} = create_schedule($node, @at,
		endpoint => 'POST /api/heartbeat',
		cron => '* * * * *',
		payload => '{"fault": {"hang": true}}',
		options => qq({"overlap": "$policy", "timeout_ms": 300000, "max_attempts": 1}));
}

sub records_of
{
	my ($policy) = @_;

	return $node->safe_psql('postgres',
		"SELECT string_agg(state || coalesce('/' || reason, '') || CASE WHEN waits_for_slot THEN '/waits' ELSE '' END, ' ' ORDER BY nominal_time)"
		  . " FROM extsched.run WHERE schedule_id = '$schedule{$policy}'");
}

sub wait_for_records
{
	my ($n) = @_;

	poll_until($node, qq{
		SELECT bool_and(n = $n) FROM (SELECT count(r.run_id) AS n FROM extsched.schedule s
		LEFT JOIN extsched.run r USING (tenant_id, schedule_id) GROUP BY s.schedule_id) x});
}

for my $minute (0 .. 2)
{
	travel_to($node, "2030-01-02 12:0$minute:01+00");
	wait_for_records($minute + 1);
}
is(records_of('skip'), 'running skipped/overlap skipped/overlap',
	'skip: later times are skipped, and say why');
is(records_of('queue_one'), 'running pending/waits skipped/overlap',
	'queue_one: one waits for the slot, the next is skipped');
is(records_of('allow'), 'running running running', 'allow: all run');
is($node->safe_psql('postgres',
		"SELECT string_agg(in_flight::text, ' ' ORDER BY s.overlap) FROM extsched.timer JOIN extsched.schedule s USING (tenant_id, schedule_id)"),
	'3 2 1', 'what is live is counted');
check_sound($node);

# The first ends; the one that waited goes out, at once and by itself.
stop_runner($runner);
poll_until($node, "SELECT state || '/' || reason FROM extsched.run"
	  . " WHERE schedule_id = '$schedule{queue_one}' AND nominal_time = '2030-01-02 12:01:00+00'",
	'failed/connect');
poll_until($node, 'SELECT sum(in_flight) FROM extsched.timer', '0');
is( $node->safe_psql('postgres', qq{
		SELECT bool_and(a.finished_at <= b.dispatched_at) FROM extsched.run a JOIN extsched.run b
		USING (tenant_id, schedule_id) WHERE schedule_id = '$schedule{queue_one}'
		AND a.nominal_time < b.nominal_time AND b.dispatched_at IS NOT NULL}),
	't', 'two runs of queue_one never overlap');

# After any end the slot is free.
$runner = start_runner();
set_runner($node, $runner);
$node->safe_psql('postgres',
	"SELECT extsched_update('$tenant', '$install', '$schedule{skip}', '{\"payload\": null}')");
travel_to($node, '2030-01-02 12:05:01+00');
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$schedule{skip}'"
	  . " AND nominal_time = '2030-01-02 12:05:00+00'", 'succeeded');
pass('the slot is free after a failure');
stop_runner($runner);
poll_until($node, 'SELECT sum(in_flight) FROM extsched.timer', '0');
check_sound($node);

done_testing();
