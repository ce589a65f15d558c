# Failed runs in a row pause a schedule, with a reason, an audit record and one
# log line; a success or a resume begins the count again.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, $tenant);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

my $id = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat',
	cron => '0 * * * *',
	payload => '{"fault": {"status": 404}, "note": "MARKER-7391"}',
	options => '{"pause_after_failures": 3}');

sub run_once
{
	my $run = $node->safe_psql('postgres',
		"SELECT extsched_run_now('$tenant', '$install', '$id')");

	poll_until($node,
		"SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'");
	return $run;
}

sub state_of
{
	return $node->safe_psql('postgres',
		"SELECT consecutive_failures, is_paused FROM extsched.timer WHERE schedule_id = '$id'");
}

run_once() for 1 .. 2;
is(state_of(), '2|f', 'failures are counted');
$node->safe_psql('postgres',
	"SELECT extsched_update('$tenant', '$install', '$id', '{\"payload\": {}}')");
run_once();
is(state_of(), '0|f', 'a success begins again');
is($node->safe_psql('postgres',
		"SELECT last_run_status, last_error IS NULL, last_success_at IS NOT NULL, succeeded_total, failed_total FROM extsched.timer"),
	'success|t|t|1|2', 'and clears the error');

$node->safe_psql('postgres',
	"SELECT extsched_update('$tenant', '$install', '$id', '{\"payload\": {\"fault\": {\"status\": 404}, \"note\": \"MARKER-7391\"}}')");
my $last;
$last = run_once() for 1 .. 3;
is(state_of(), '3|t', 'the third failure in a row pauses');
like($node->safe_psql('postgres', "SELECT pause_reason FROM extsched.timer"),
	qr/paused after 3 failed runs in a row/, 'the reason is kept');
is($node->safe_psql('postgres',
		"SELECT face, count(*) FROM extsched.audit WHERE action = 'schedule.auto_pause' GROUP BY 1"),
	'worker|1', 'it is audited once');

$node->wait_for_log(qr/run $last of schedule/);
my $log = slurp_file($node->logfile);
is(() = $log =~ /schedule $id of tenant "$tenant" is paused/g, 1, 'and logged once');
like($log, qr/run $last of schedule $id ended failed: http_status/,
	'a failure is logged with run and schedule');
unlike(join("\n", grep { !/statement:|STATEMENT:/ } split /\n/, $log),
	qr/MARKER-7391/, 'the log has no payload');

travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT state || '/' || reason FROM extsched.run WHERE trigger = 'schedule'",
	'skipped/schedule_paused');
is(state_of(), '3|t', 'a skip does not count');
run_once();
pass('run-now works while it is paused');

$node->safe_psql('postgres', "SELECT extsched_resume('$tenant', '$install', '$id')");
is(state_of(), '0|f', 'resume begins again');
check_sound($node);

done_testing();
