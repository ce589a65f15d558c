# What is deleted, disabled, paused or cannot be built makes no call, from the
# commit on; what failed to be deleted goes on as if nothing had happened.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP ();
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);
my @other = (tenant => 'other', install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
install_demo($node, @other);
allow_every_minute($node, $_) for qw(acme other);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

my %hourly = (endpoint => 'POST /api/heartbeat', cron => '0 * * * *');
my $bystander = create_schedule($node, @other, %hourly);

# Call a function of the API for acme's install, with more arguments as SQL.
sub call
{
	my ($function, $arguments) = @_;
	return $node->safe_psql('postgres', "SELECT extsched_$function('acme', '$install'" . ($arguments // '') . ')');
}

# Records of a schedule by nominal time: "HH state reason, ...".
sub records
{
	my ($schedule) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT string_agg(concat_ws(' ', to_char(nominal_time AT TIME ZONE 'UTC', 'HH24'), state, reason), ', ' ORDER BY nominal_time)
		FROM extsched.run WHERE schedule_id = '$schedule' AND trigger = 'schedule'});
}

# Go to just after the hour and wait until every timer is past it; the record of
# the bystander is the proof that the worker has been at work.
sub pass_hour
{
	my ($hour) = @_;
	travel_to($node, "2030-01-02 $hour:00:01+00");
	poll_until($node, qq{
		SELECT (SELECT bool_and(next_due > '2030-01-02 $hour:00:00+00') FROM extsched.timer WHERE next_due IS NOT NULL)
			AND NOT EXISTS (SELECT FROM extsched.run WHERE finished_at IS NULL)
			AND EXISTS (SELECT FROM extsched.run WHERE schedule_id = '$bystander' AND nominal_time = '2030-01-02 $hour:00:00+00')});
	return;
}

sub schedules_at_runner
{
	my ($schedule) = @_;
	return scalar grep { $_->{schedule_id} eq $schedule }
	  @{ JSON::PP::decode_json(http_get("$runner->{url}/arrivals?limit=10000")) };
}

# Creates that did not come to pass, a delete and a disable that did not, and
# those that did.
$node->psql('postgres', "BEGIN; SELECT extsched_create('acme', '$install', 'POST /api/heartbeat', '0 * * * *', name => 'never'); ROLLBACK");
my $kept = create_schedule($node, @at, %hourly, name => 'kept',
	options => '{"max_age_s": 7200}');
my $deleted = create_schedule($node, @at, %hourly);
my $disabled = create_schedule($node, @at, %hourly);
$node->safe_psql('postgres', q{
	CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected'; END $$;
	CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE OR DELETE ON extsched.schedule
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()});
for my $change (
	[ 'create', "'POST /api/heartbeat', '0 * * * *'" ],
	[ 'delete', "'$kept'" ],
	[ 'update', qq{'$kept', '{"enabled": false}'} ],
	[ 'update', qq{'$kept', '{"cron": "30 * * * *"}'} ])
{
	my ($status, undef, $error) = $node->psql('postgres', "SELECT extsched_$change->[0]('acme', '$install', $change->[1])");
	like($error, qr/injected/, "$change->[0] fails at its very end");
}
$node->safe_psql('postgres', 'DROP TRIGGER at_commit ON extsched.schedule');
call('delete', ", '$deleted'");
call('update', qq{, '$disabled', '{"enabled": false}'});
pass_hour(12);
is(records($kept), '12 succeeded', 'what was not deleted, disabled or changed fires as before');
is(records($deleted), '', 'what was deleted does not');
is(records($disabled), '', 'what was disabled does not');
is($node->safe_psql('postgres', 'SELECT count(*) FROM extsched.run'), 2, 'nor what was never created');
pass_hour(13);
call('update', qq{, '$disabled', '{"enabled": true}'});
pass_hour(14);
is(records($disabled), '14 succeeded', 'enabled again: the next nominal time, and no replay');
check_sound($node);

# Deleted with a run waiting, in flight, and never armed.
my $idle = create_schedule($node, @at, %hourly, enabled => 'false');
my $in_flight = create_schedule($node, @at, %hourly, cron => '0 0 1 1 *', payload => '{"fault": {"hold": true}}');
my $waiting = create_schedule($node, @at, %hourly, cron => '0 0 1 1 *', options => '{"backoff_s": 600}',
	payload => '{"fault": {"http_status": 503}}');
my %run;
$run{$waiting} = call('run_now', ", '$waiting'");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run{$waiting}'", 'retrying');
$run{$in_flight} = call('run_now', ", '$in_flight'");
wait_for_requests($runner, 1);
call('delete', ", '$_'") for $idle, $in_flight, $waiting;
is($node->safe_psql('postgres', "SELECT state, reason FROM extsched.run WHERE run_id = '$run{$waiting}'"),
	'cancelled|deleted', 'a run that waits is cancelled with its schedule');
set_fault($runner, '{}');
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run{$in_flight}'", 'succeeded');
pass('one in flight finishes and keeps its record');
is($node->safe_psql('postgres', 'SELECT count(*) FROM extsched.timer'), 3, 'no timer is left of any of them');
pass_hour(15);
is(schedules_at_runner($waiting), 1, 'what was cancelled is not sent again');
check_sound($node);

# Kill switches.
$node->safe_psql('postgres', 'ALTER SYSTEM SET extsched.enabled = off');
$node->reload;
poll_until($node, q{SELECT NOT (extsched_status()->>'running')::boolean
	AND (SELECT bool_and(state = 'paused') FROM extsched.stat_workers)});
like($node->safe_psql('postgres', q{SELECT extsched_status()->>'why'}), qr/extsched\.enabled/, 'the status says that the scheduler is off');
my $arrivals = runner_stats($runner)->{arrivals};
my $waits = call('run_now', ", '$kept'");
travel_to($node, '2030-01-02 16:00:01+00');
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
is(runner_stats($runner)->{arrivals}, $arrivals, 'nothing starts, recurring or by run-now');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET extsched.enabled');
$node->reload;
pass_hour(16);
is($node->safe_psql('postgres', "SELECT state FROM extsched.run WHERE run_id = '$waits'"), 'succeeded', 'switched on again, what waited runs');
like(records($kept), qr/16 \w+/, 'and the nominal time has its record');
$node->safe_psql('postgres', "SELECT extsched_pause_tenant('acme', 'unpaid bills')");
is($node->safe_psql('postgres', q{SELECT extsched_status()->>'paused_tenants'}), 1, 'the status counts paused tenants');
is( $node->safe_psql('postgres', q{SELECT DISTINCT status, status_reason FROM extsched.schedules WHERE tenant_id = 'acme'}),
	'tenant_paused|unpaid bills', 'and the view names the reason');
call('pause', ", '$disabled', 'noisy'");
pass_hour(17);
like(records($kept), qr/17 skipped tenant_paused$/, 'a paused tenant is skipped with that reason');
like(records($bystander), qr/17 succeeded$/, 'and no other');
$node->safe_psql('postgres', "SELECT extsched_resume_tenant('acme')");
pass_hour(18);
like(records($kept), qr/18 succeeded$/, 'resumed, it fires');
like(records($disabled), qr/18 skipped schedule_paused$/, 'a paused schedule is skipped with that reason');
call('resume', ", '$disabled'");
$node->safe_psql('postgres', "SELECT extsched_set_install_enabled('acme', '$install', false)");
pass_hour(19);
like(records($kept), qr/19 skipped install_disabled$/, 'so is one of a disabled install');
is($node->safe_psql('postgres', "SELECT bool_and(enabled) FROM extsched.schedule"), 't', 'flags stay');
$node->safe_psql('postgres', "SELECT extsched_set_install_enabled('acme', '$install', true)");
pass_hour(20);
like(records($kept), qr/20 succeeded$/, 'and goes on afterwards');
like(records($disabled), qr/20 succeeded$/, 'as does the other');
is($node->safe_psql('postgres', "SELECT max(consecutive_failures) FROM extsched.timer"), 0, 'a skip is no failure');
check_sound($node);

# Runs that cannot be built end with a reason, and others go on.
$node->safe_psql('postgres', qq{SELECT extsched_configure_install('acme', '$install', '{"runner": "nobody"}')});
$arrivals = scalar grep { $_->{tenant} eq 'acme' } @{ JSON::PP::decode_json(http_get("$runner->{url}/arrivals?limit=10000")) };
pass_hour(21);
like(records($kept), qr/21 failed no_runner$/, 'no Runner of that name: it ends with that reason');
like(records($bystander), qr/21 succeeded$/, 'others go on');
is(scalar(grep { $_->{tenant} eq 'acme' } @{ JSON::PP::decode_json(http_get("$runner->{url}/arrivals?limit=10000")) }),
	$arrivals, 'and no call was made');
$node->safe_psql('postgres', qq{SELECT extsched_configure_install('acme', '$install', '{"runner": "default"}')});
pass_hour(22);
like(records($kept), qr/22 succeeded$/, 'the Runner is there again');
is(runner_stats($runner)->{violations}, 0, 'the Runner saw only sound requests');
check_sound($node);

done_testing();
