# What an operator can look up afterwards: a record of each host call, of each
# run, skip and miss; counters and metrics; totals of a schedule; audit rows for
# as long as promised.  Caps on what is in flight hold and lose nothing, and a
# list is found by its index whatever the planner knows.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main', 'extsched.max_in_flight' => 12, 'log_statement' => 'none');
my $runner = set_up_platform($node);
install_demo($node, @at);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

sub sql
{
	my ($statement) = @_;
	return $node->safe_psql('postgres', $statement);
}

sub host
{
	my ($operation, $input, $of) = @_;
	$of //= $install;
	return decode_json(sql("SELECT extsched_host('acme', '$of', '$operation', \$json\$$input\$json\$)"));
}

# Host calls: counted by operation and status, with time; changes in the audit,
# failures in the log, and a full minute in the counter alone.
my $valid = '"endpoint": "POST /api/heartbeat", "cron": "0 12 * * *"';
my $log_start = -s $node->logfile;
my $id = host('create', "{$valid}")->{scheduleId};
host('list', '{}');
host('get', qq({"scheduleId": "$id"}));
host('getEndpoints', '{}');
host('update', qq({"scheduleId": "$id", "name": "renamed"}));
host('create', '{}');
host('delete', '{"scheduleId": "00000000-0000-4000-8000-00000000dead"}');
host('list', '{}', '00000000-0000-4000-8000-00000000beef');
sql("SELECT extsched_configure_install('acme', '$install', '{\"granted\": []}')");
host('list', '{}');
sql(qq{SELECT extsched_configure_install('acme', '$install', '{"granted": ["cap:scheduler.manage"]}')});
sql(q{SELECT extsched_set_limits('acme', NULL, '{"max_schedules": 1}')});
host('create', "{$valid}");
sql(q{SELECT extsched_set_limits('acme', NULL, '{"mutations_per_minute": 1}')});
my $audited = sql('SELECT count(*) FROM extsched.audit');
is(host('delete', qq({"scheduleId": "$id"}))->{code}, 'RATE_LIMITED', 'a full minute');
is(sql('SELECT count(*) FROM extsched.audit'), $audited, 'writes no audit row');
is( sql(q{
		SELECT string_agg(operation || ' ' || status || ' ' || calls, ', ' ORDER BY operation, status)
		FROM extsched.stat_api
		WHERE calls > 0 AND seconds > 0 AND operation IN ('list', 'get', 'create', 'update', 'delete', 'getEndpoints')}),
	join(', ', 'create ok 1', 'create quota_exceeded 1', 'create validation_failed 1', 'delete not_found 1',
		'delete rate_limited 1', 'get ok 1', 'getEndpoints ok 1', 'list denied 1', 'list not_found 1', 'list ok 1', 'update ok 1'),
	'each call is counted once, with its time');
is( sql(q{SELECT string_agg(concat_ws(' ', action, face, tenant_id, install_id, schedule_id), ', ' ORDER BY at)
		FROM extsched.audit_log WHERE face = 'host'}),
	"schedule.create host acme $install $id, schedule.update host acme $install $id",
	'each change is audited with tenant, install and schedule');
my @failures = slurp_file($node->logfile, $log_start) =~ /(host call \S+: \S+)\n.*?DETAIL:  (tenant "acme", install \S+, schedule \S+), \d+ us\./g;
is_deeply(
	\@failures,
	[
		'host call create: VALIDATION_FAILED', qq(tenant "acme", install $install, schedule none),
		'host call delete: NOT_FOUND', qq(tenant "acme", install $install, schedule 00000000-0000-4000-8000-00000000dead),
		'host call list: NOT_FOUND', qq(tenant "acme", install 00000000-0000-4000-8000-00000000beef, schedule none),
		'host call list: DENIED', qq(tenant "acme", install $install, schedule none),
		'host call create: QUOTA_EXCEEDED', qq(tenant "acme", install $install, schedule none),
	],
	'each failure has one log line with tenant, install, schedule, code and duration');
sql(q{SELECT extsched_set_limits('acme', NULL, '{"max_schedules": null, "mutations_per_minute": null}')});
allow_every_minute($node, 'acme');

# A run, a skip, a miss, a run-now: one row each.
my $faulty = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 * * * *',
	payload => '{"fault": {"http_status": 503}}', options => '{"max_attempts": 2, "backoff_s": 0}');
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, 'SELECT count(*) FROM extsched.run WHERE finished_at IS NOT NULL', 2);
sql("SELECT extsched_pause('acme', '$install', '$faulty', 'why not')");
travel_to($node, '2030-01-02 13:00:01+00');
poll_until($node, 'SELECT count(*) FROM extsched.run WHERE finished_at IS NOT NULL', 3);
sql("SELECT extsched_resume('acme', '$install', '$faulty')");
travel_to($node, '2030-01-02 17:30:00+00');
poll_until($node, 'SELECT count(*) FROM extsched.run WHERE finished_at IS NOT NULL', 5);
my $manual = sql("SELECT extsched_run_now('acme', '$install', '$faulty')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$manual'", 'failed');
is( sql(qq{
		SELECT string_agg(concat_ws(' ', trigger, to_char(nominal_time AT TIME ZONE 'UTC', 'HH24'), state, reason, attempt, missed_count), ', '
			ORDER BY nominal_time)
		FROM extsched.runs WHERE schedule_id = '$faulty'}),
	'schedule 12 failed http_status 2, schedule 13 skipped schedule_paused 0, schedule 16 missed outside_catch_up 0 3, '
	  . 'schedule 17 failed http_status 2, manual 17 failed http_status 2',
	'each run, skip and miss is a row with schedule, trigger, nominal time and attempts');

# Totals of the schedule.
sub totals
{
	return sql("SELECT consecutive_failures, succeeded_total, failed_total, last_success_at IS NOT NULL
		FROM extsched.schedules WHERE schedule_id = '$faulty'");
}
is(totals(), '2|0|3|f', 'failures of a schedule are counted, in a row since its resume and in total');
sql(qq{SELECT extsched_update('acme', '$install', '$faulty', '{"payload": null}')});
$manual = sql("SELECT extsched_run_now('acme', '$install', '$faulty')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$manual'", 'succeeded');
is(totals(), '0|1|3|t', 'a success ends the row, and its time is kept');
is(sql("SELECT last_success_at = finished_at OR last_success_at >= dispatched_at FROM extsched.schedules s
	JOIN extsched.run r USING (tenant_id, schedule_id) WHERE run_id = '$manual'"), 't', 'the time of that run');
check_sound($node);

# Counters and metrics agree with the rows.
poll_until($node, q{SELECT string_agg(concat_ws(' ', state, reason, trigger, runs), ', ' ORDER BY state, reason, trigger)
		FROM extsched.stat_dispatch WHERE runs > 0},
	sql(q{SELECT string_agg(concat_ws(' ', state, reason, trigger, n), ', ' ORDER BY state, reason, trigger)
		FROM (SELECT state, reason, trigger, sum(coalesce(missed_count, 1)) AS n FROM extsched.run GROUP BY 1, 2, 3) AS r}));
pass('stat_dispatch has runs by outcome');
is(sql(q{SELECT bool_and(duration_seconds > 0 AND (trigger <> 'schedule' OR lateness_seconds > 0))
	FROM extsched.stat_dispatch WHERE dispatched > 0}), 't', 'with duration and lateness');
my @metrics = split /\n/, sql('SELECT extsched_metrics()');
is($metrics[-1], '# EOF', 'the metrics end as OpenMetrics does');
my $number = qr/[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf|NaN)/i;
is_deeply(
	[ grep { !/^# (?:EOF|(?:TYPE|HELP|UNIT) [a-z_]+ .+|(?:TYPE|HELP|UNIT) [a-z_]+)$/
		  && !/^[a-z_]+(?:\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})? $number$/ } @metrics ],
	[], 'and each line is one of OpenMetrics');
for my $name (qw(lateness duration in_flight runs))
{
	ok((grep { /^extsched_\w*$name/ } @metrics), "there is a metric of $name");
}

# Caps under load: in all, of a Runner, of a tenant.
my @tenants = qw(one two three);
my $latency_ms = 150;
for my $tenant (@tenants)
{
	install_demo($node, tenant => $tenant, install => $install);
	allow_every_minute($node, $tenant);
	sql(qq{SELECT count(extsched_create('$tenant', '$install', 'POST /api/heartbeat', '30 18 * * *',
		payload => '{"fault": {"latency_ms": $latency_ms}}')) FROM generate_series(1, 40)});
}
sql(q{SELECT extsched_set_limits('one', NULL, '{"max_in_flight": 3}')});

# The most requests of a tenant at once: each was at the Runner for the latency.
sub most_at_once
{
	my ($arrivals) = @_;
	my ($now, $most) = (0, 0);
	my @edges = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
	  map { ([ $_->{arrived_us}, 1 ], [ $_->{arrived_us} + 1000 * $latency_ms, -1 ]) } @$arrivals;

	for (@edges)
	{
		$now += $_->[1];
		$most = $now if $now > $most;
	}
	return $most;
}

HTTP::Tiny->new->post("$runner->{url}/reset");
travel_to($node, '2030-01-02 18:30:01+00');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND tenant_id <> 'acme'}, 120);
my $arrivals = decode_json(http_get("$runner->{url}/arrivals?limit=1000"));
is(runner_stats($runner)->{max_in_flight}, 12, 'never more than max_in_flight, and as many');
is(most_at_once([ grep { $_->{tenant} eq 'one' } @$arrivals ]), 3, "nor than a tenant's");
set_runner($node, $runner, options => '{"max_in_flight": 5}');
HTTP::Tiny->new->post("$runner->{url}/reset");
travel_to($node, '2030-01-03 18:30:01+00');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND tenant_id <> 'acme'}, 240);
is(runner_stats($runner)->{max_in_flight}, 5, "nor than a Runner's");
is(sql(q{SELECT count(*), count(DISTINCT run_id), max(attempt) FROM extsched.run WHERE tenant_id <> 'acme'}), '240|240|1',
	'what had to wait ran once');
is(runner_stats($runner)->{duplicates}, 0, 'and was sent once');
check_sound($node);

# The plan of the list statement as it is executed, without statistics and with.
my $small = 'a0000000-0000-4000-8000-000000000002';
install_demo($node, tenant => 'large', install => $install);
allow_every_minute($node, 'large');
sql(qq{
	SELECT extsched_register_version('de300000-0000-4000-8000-000000000200', 'de300000-0000-4000-8000-000000000002', 'h',
		'{"capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "GET", "path": "/s", "handler": "s"}]}');
	SELECT extsched_install('large', '$small', 'de300000-0000-4000-8000-000000000200', ARRAY['cap:scheduler.manage']);
	SELECT count(extsched_create('large', '$install', 'GET /api/status', '0 0 1 1 *')) FROM generate_series(1, 5000);
	SELECT count(extsched_create('large', '$small', 'GET /s', '0 0 1 1 *')) FROM generate_series(1, 20)});
for my $when ('never analyzed', 'analyzed')
{
	sql('ANALYZE extsched.schedule, extsched.timer') if $when eq 'analyzed';
	my (undef, undef, $plan) = $node->psql('postgres', qq{
		LOAD 'auto_explain';
		SET auto_explain.log_min_duration = 0;
		SET auto_explain.log_nested_statements = on;
		SET auto_explain.log_analyze = on;
		SET client_min_messages = log;
		SELECT count(*) FROM extsched_list('large', '$small');
		SELECT length(extsched_host('large', '$small', 'list', '{}')::text)});
	my $scans = () = $plan =~ /(?:Scan using|Bitmap Index Scan on) schedule_tenant_id_install_id_\w+/g;

	cmp_ok($scans, '>=', 2, "$when: both faces list by an index of the install") or diag($plan);
	unlike($plan, qr/Seq Scan on (?:schedule|timer)/, "$when: and never read a whole table");
}

# Audit rows are kept for their time, by the server's own clock, and then go a
# week at a time.  Rows of long ago are planted; the worker looks once a minute.
my $recent = sql('SELECT count(*) FROM extsched.audit');
sql(q{INSERT INTO extsched.audit (tenant_id, at, slot, actor, session_actor, face, action)
	SELECT 'acme', at, extsched.audit_slot(at), 'past', 'past', 'sql', days || ' days ago'
	FROM unnest(ARRAY[105, 80, 20]) AS days, LATERAL (SELECT now() - days * interval '1 day' AS at) AS a});

# Let a minute pass and wait for partitions to be emptied; which rows are left?
sub left_after
{
	my ($minute, $emptied) = @_;
	travel_to($node, "2030-01-03 19:$minute:00+00");
	poll_until($node, q{SELECT n FROM extsched.stat_events WHERE event = 'prunes'}, $emptied);
	return sql(q{SELECT string_agg(action, ', ' ORDER BY at) FROM extsched.audit WHERE actor = 'past'});
}
is(left_after('00', 1), '80 days ago, 20 days ago', 'audit rows go after 90 days');
sql(q{ALTER SYSTEM SET extsched.audit_retention = '40d'});
$node->reload;
is(left_after('10', 2), '20 days ago', 'or after the time that is set');
is(sql(q{SELECT count(*) FROM extsched.audit WHERE actor <> 'past'}), $recent, 'and later ones stay');
check_sound($node);

done_testing();
