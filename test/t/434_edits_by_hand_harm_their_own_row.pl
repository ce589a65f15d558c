# A superuser writes nonsense into the tables, one kind after the other: the
# worker lives on, it stays the same process, and the schedule of another
# tenant runs in each minute as before.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @victim = (tenant => 'victim', install => 'a0000000-0000-4000-8000-000000000001');
my @other = (tenant => 'other', install => 'b0000000-0000-4000-8000-000000000001');

my $node = new_node('main', log_line_prefix => '%m [%p] %b %d %e ');
my $runner = start_runner();
create_extension($node);
for my $at (\@victim, \@other)
{
	install_demo($node, @$at);
	allow_every_minute($node, $at->[1]);
}
my $version = 'de300000-0000-4000-8000-000000000101';
$node->safe_psql('postgres', qq{
	SELECT extsched_register_version('$version', '$demo_registry', 'sha256:victim', '{"capabilities": ["cap:scheduler.manage"],
		"endpoints": [{"method": "POST", "path": "/api/heartbeat", "handler": "h"}]}');
	SELECT extsched_upgrade_install('victim', '$victim[3]', '$version')});
set_runner($node, $runner);
set_runner($node, $runner, name => 'second');
my $pid = wait_for_worker($node);
travel_to($node, '2030-01-02 11:59:02+00');
my $bystander = create_schedule($node, @other, endpoint => 'POST /api/heartbeat', cron => '* * * * *');
my $minute = 0;

# A statement for a new schedule of the victim, $1, that has just begun a run.
# Rules of the tables do not stop it: foreign keys and triggers are off.
sub edit
{
	my ($what, $statement) = @_;

	$node->safe_psql('postgres',
		q{UPDATE extsched.tenant SET limits = '{"min_interval_s": 60, "max_schedules": 100000}' WHERE tenant_id = 'victim'});
	my $schedule = create_schedule($node, @victim, endpoint => 'POST /api/heartbeat', cron => '* * * * *',
		payload => '{"fault": {"latency_ms": 100}}', options => '{"backoff_s": 0}');
	my $now = sprintf('2030-01-02 %02d:%02d', 12 + $minute / 60, $minute++ % 60);

	$statement =~ s/\$1/'$schedule'/g;
	$node->safe_psql('postgres', "SET session_replication_role = replica; $statement; SELECT extsched.wake_at_commit()");
	travel_to($node, "$now:01+00");
	poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$bystander' AND nominal_time = '$now+00'",
		'succeeded');
	is(worker_pid($node), $pid, $what);
	return;
}

my $timer = 'UPDATE extsched.timer SET %s WHERE schedule_id = $1';
my $schedule = 'UPDATE extsched.schedule SET %s WHERE schedule_id = $1';
my $runs = "UPDATE extsched.run SET %s WHERE tenant_id = 'victim' AND finished_at IS NULL";
my $history = "UPDATE extsched.run SET %s WHERE tenant_id = 'victim'";

edit('due in the year 1', sprintf $timer, q{next_due = '0001-01-01 00:00:00+00', accounted_from = '0001-01-01 00:00:00+00'});
edit('due before the calendar of most', sprintf $timer, q{next_due = '4713-01-01 00:00:00+00 BC', accounted_from = '4713-01-01 00:00:00+00 BC'});
edit('due off its minute', sprintf $timer, q{next_due = '2030-01-02 11:59:59.999999+00'});
edit('due again at a time that has a record', q{UPDATE extsched.timer SET next_due = next_due - interval '5 min' WHERE tenant_id = 'victim'});
edit('due in the last year there is', sprintf $timer, q{next_due = '294276-12-31 23:59:00+00'});
edit('many runs in flight that are none', sprintf $timer, 'in_flight = 2147483647');
edit('failures at the limit of their type', sprintf $timer, 'consecutive_failures = 2147483647, succeeded_total = 9223372036854775807, failed_total = 9223372036854775807');
edit('a timer without schedule', 'DELETE FROM extsched.schedule WHERE schedule_id = $1');
edit('a schedule without timer', 'DELETE FROM extsched.timer WHERE schedule_id = $1');
edit('a timer of nobody', q{UPDATE extsched.timer SET schedule_id = gen_random_uuid(), tenant_id = repeat('x', 255) WHERE schedule_id = $1});
edit('a zone that is a path', sprintf $schedule, q{timezone = '../../../../etc/passwd'});
edit('a zone that is a directory', sprintf $schedule, q{timezone = 'Europe'});
edit('a time out that is none', sprintf $schedule, 'timeout_ms = 2147483647');
edit('ages that are none', sprintf $schedule, 'max_age_s = 2147483647, catch_up_s = 2147483647, backoff_s = 2147483647, jitter_s = 2147483647, max_attempts = 2147483647');
edit('a window that has no end', sprintf $schedule, q{starts_at = '-infinity', ends_at = 'infinity'});
edit('a window behind the calendar', sprintf $schedule, q{starts_at = '294276-01-01', ends_at = '294276-12-31 23:59:59'});
edit('a path that is no path', sprintf $schedule, q{endpoint_path = E'\x01\r\nHost: elsewhere', endpoint_method = 'BREW'});
edit('an endpoint that is not there', sprintf $schedule, 'endpoint_id = gen_random_uuid(), version_id = gen_random_uuid()');
edit('a payload of 40 MB', sprintf $schedule, q{payload = jsonb_build_array(repeat('x', 40000000))});
edit('an install of nobody', sprintf $schedule, 'install_id = gen_random_uuid()');
edit('limits that are no numbers', q{UPDATE extsched.tenant SET limits = '{"max_in_flight": [], "min_interval_s": "x"}' WHERE tenant_id = 'victim'});
edit('limits beyond all numbers', q{UPDATE extsched.tenant SET limits = '{"max_in_flight": 1e300}' WHERE tenant_id = 'victim'});
edit('an install of another Runner', q{UPDATE extsched.install SET runner = 'nobody' WHERE tenant_id = 'victim'});
edit('a Runner that is no address', q{UPDATE extsched.install SET runner = 'second' WHERE tenant_id = 'victim';
	UPDATE extsched.runner SET base_url = 'gopher://[::1' || chr(10) WHERE runner = 'second'});
edit('a Runner that pulls and is called', q{UPDATE extsched.runner SET transport = 'notify', base_url = NULL WHERE runner = 'second'});
edit('no Runner', q{DELETE FROM extsched.runner WHERE runner = 'second'});
edit('grants that are none', q{UPDATE extsched.install SET runner = 'default', granted = ARRAY[NULL, '', E'\n', repeat('x', 10000)] WHERE tenant_id = 'victim'});
edit('a version without capabilities', qq{UPDATE extsched.version SET capabilities = '{{a,b},{c,d}}' WHERE version_id = '$version'});
edit('a hash that is none', qq{UPDATE extsched.version SET content_hash = repeat('é', 100) WHERE version_id = '$version'});
edit('runs that nobody has', sprintf $runs, q{lease_id = gen_random_uuid(), state = 'running', lease_owner = 'worker:0:0', lease_expires_at = '-infinity'});
edit('runs that wait for ever', sprintf $runs, q{lease_id = NULL, lease_owner = NULL, lease_expires_at = NULL, state = 'pending', ready_at = 'infinity'});
edit('runs from before all time', sprintf $runs, q{ready_at = '-infinity', created_at = '-infinity', dispatched_at = '-infinity', attempt_at = 'infinity'});
edit('runs of the future', sprintf $runs, q{ready_at = '-infinity', created_at = 'infinity', attempt = 2147483647});
edit('runs without end', sprintf $runs, 'waits_for_slot = true');
edit('runs that begin again', sprintf $history, q{state = 'pending', reason = NULL, finished_at = NULL, missed_count = NULL, missed_first = NULL, lease_id = NULL, ready_at = '2030-01-01', run_id = gen_random_uuid()});
edit('runs with one id', sprintf $history, q{run_id = '00000000-0000-0000-0000-000000000000'});
edit('a fingerprint of nothing', q{UPDATE extsched.zone SET fingerprint = '', timezone = timezone || '/x' WHERE timezone <> 'UTC'});
edit('no audit', 'TRUNCATE extsched.audit');
edit('no tenant', q{DELETE FROM extsched.tenant WHERE tenant_id = 'victim'; DELETE FROM extsched.tenant_limiter WHERE tenant_id = 'victim'});

# What the whole scheduler stands on.
$node->safe_psql('postgres', 'DELETE FROM extsched.identity; SELECT extsched.wake_at_commit()');
poll_until($node, q{SELECT extsched_status() ->> 'why'}, 'this database is a copy: call extsched_adopt()');
$node->safe_psql('postgres', 'SELECT extsched_adopt()');
poll_until($node, q{SELECT extsched_status() ->> 'running'}, 'true');
pass('without identity it pauses, until it is adopted');

is($node->safe_psql('postgres', "SELECT extsched_status() #>> '{workers,0,restarts}'"), '0', 'the worker never had to be started again');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM extsched_check() WHERE tenant = 'victim'"), '>', 0,
	'extsched_check() tells what is wrong');
is($node->safe_psql('postgres', "SELECT count(*) FROM extsched_check() WHERE tenant = 'other'"), 0, 'and finds nothing with the other tenant');
my @internal = slurp_file($node->logfile) =~ /^.* XX\d{3} .*$/mg;
is("@internal", '', 'no error was an internal one');

$node->stop('fast');
done_testing();
