# What an administrator changes on an install is seen by its next run: version,
# config, enabled, the pause of its tenant.  A run in flight ends under what it
# began with, also when the install is gone by then.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my $next_version = 'de300000-0000-4000-8000-000000000101';
my @at = (tenant => 'acme', install => $install);
my @other = (tenant => 'other', install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
install_demo($node, @other);
$node->safe_psql('postgres', qq{
	SELECT extsched_set_limits(tenant, NULL, '{"run_now_per_minute": 1000}')
	FROM unnest(ARRAY['acme', 'other']) AS tenant;
	SELECT extsched_register_version('$next_version', '$demo_registry', 'sha256:next',
		'{"capabilities": ["cap:scheduler.manage"],
		  "endpoints": [{"method": "POST", "path": "/api/heartbeat", "handler": "next"}]}');
});
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

my %schedule = (endpoint => 'POST /api/heartbeat', cron => '0 * * * *');
my $id = create_schedule($node, @at, %schedule);
my $disabled = create_schedule($node, @at, %schedule, enabled => 'false');
my $slow = create_schedule($node, @at, %schedule, cron => '0 0 1 1 *',
	payload => '{"fault": {"hold": true}}');
my $bystander = create_schedule($node, @other, %schedule);

# Start a run and wait for a state; returns its id.
sub run_until
{
	my ($schedule, $state) = @_;
	my $run = $node->safe_psql('postgres',
		"SELECT extsched_run_now('acme', '$install', '$schedule')");
	poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", $state);
	return $run;
}

sub state_of
{
	my ($run) = @_;
	return $node->safe_psql('postgres',
		"SELECT state, content_hash FROM extsched.run WHERE run_id = '$run'");
}

# Upgrade while a run is in flight.
my $in_flight = run_until($slow, 'running');
wait_for_requests($runner, 1);
$node->safe_psql('postgres', "SELECT extsched_upgrade_install('acme', '$install', '$next_version')");
set_fault($runner, '{}');
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$in_flight'", 'succeeded');
is(state_of($in_flight), 'succeeded|sha256:0123456789abcdef',
	'a run in flight ends under its own version');
is(state_of(run_until($id, 'succeeded')), 'succeeded|sha256:next',
	'the next run has the new one');

# Config.
$node->safe_psql('postgres', qq{SELECT extsched_configure_install('acme', '$install',
	'{"config": {"fault": "{\\"http_status\\": 404}"}}')});
run_until($id, 'failed');
pass('a changed config is seen by the next run');
$node->safe_psql('postgres',
	qq{SELECT extsched_configure_install('acme', '$install', '{"config": {}}')});
run_until($id, 'succeeded');
pass('and so is its being changed back');

# What became of the nominal times of a schedule.
sub records
{
	my ($schedule) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT string_agg(to_char(nominal_time AT TIME ZONE 'UTC', 'HH24 ') || state || coalesce(' ' || reason, ''),
			', ' ORDER BY nominal_time)
		FROM extsched.run WHERE schedule_id = '$schedule' AND trigger = 'schedule' AND finished_at IS NOT NULL});
}

# Go to just after the hour, and wait for the last record of a schedule.
sub pass_hour
{
	my ($hour, $expected) = @_;
	travel_to($node, "2030-01-02 $hour:00:01+00");
	poll_until($node, qq{
		SELECT count(*) FROM extsched.run WHERE trigger = 'schedule' AND finished_at IS NOT NULL
		AND nominal_time = '2030-01-02 $hour:00:00+00'}, 2);
	return;
}

# A disabled install, a paused tenant: skipped with that reason, and no stampede
# afterwards.  Another tenant goes on.
$node->safe_psql('postgres', "SELECT extsched_set_install_enabled('acme', '$install', false)");
pass_hour(12);
pass_hour(13);
is( $node->safe_psql('postgres',
		"SELECT string_agg(enabled::text, ' ' ORDER BY created_at) FROM extsched.schedule WHERE tenant_id = 'acme'"),
	'true false true',
	'each schedule of a disabled install keeps its own enabled');
$node->safe_psql('postgres', "SELECT extsched_set_install_enabled('acme', '$install', true)");
pass_hour(14);
$node->safe_psql('postgres', "SELECT extsched_pause_tenant('acme', 'unpaid')");
pass_hour(15);
$node->safe_psql('postgres', "SELECT extsched_resume_tenant('acme')");
pass_hour(16);
is( records($id),
	'12 skipped install_disabled, 13 skipped install_disabled, 14 succeeded, 15 skipped tenant_paused, 16 succeeded',
	'nominal times under a disabled install and a paused tenant are skipped with that reason');
is( records($bystander),
	'12 succeeded, 13 succeeded, 14 succeeded, 15 succeeded, 16 succeeded',
	'another tenant goes on');
is(records($disabled), '', 'a disabled schedule stays disabled');
check_sound($node);

# Uninstall while a run is in flight.
$in_flight = run_until($slow, 'running');
wait_for_requests($runner, 1);
is($node->safe_psql('postgres', "SELECT extsched_uninstall('acme', '$install')"),
	3, 'uninstalling returns the number of schedules');
set_fault($runner, '{}');
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$in_flight'", 'succeeded');
is(state_of($in_flight), 'succeeded|sha256:next', 'a run in flight finishes and keeps its record');
travel_to($node, '2030-01-02 17:00:01+00');
poll_until($node, qq{
	SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-02 17:00:00+00' AND finished_at IS NOT NULL}, 1);
like(records($bystander), qr/17 succeeded$/, 'and nothing of the install fires any more');
is(runner_stats($runner)->{violations}, 0, 'the Runner saw only sound requests');
check_sound($node);

done_testing();
