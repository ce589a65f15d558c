# However many schedules there are, and whatever the statistics say, no
# statement of the worker or the API reads a table of tenants from end to end,
# nor more rows than it has work for.
#
# auto_explain shows the plans that the code really runs, with the rows they
# read.  The tables hold some thousand rows, and the catalog says that they hold
# a million, which the planner believes; in make campaign they do.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

# Its history is made up, with no schedule behind it.
$ExtschedTest::leaves_damage = 1;

my $rows = campaign(4_000, 1_000_000);
my $tenants = $rows / 40;
my $install = 'a0000000-0000-4000-8000-000000000001';
my $other_version = 'de300000-0000-4000-8000-000000000200';

# Rows that a scan may read for a batch of work: the largest is a batch of
# settled runs, whose timers are found one by one.
my $most_rows = 1_200;

# What grows with tenants, schedules and time.
my $large = qr/^(?:schedule|timer|run(?:_\d\d)?|install|install_limiter|tenant|tenant_limiter)$/;

# Read everything, and say so: they are for people and for the minute's look.
my $whole = qr/extsched_check|extsched_metrics|extsched_status|extsched_report/;

my $node = new_node('main', shared_preload_libraries => 'extsched,auto_explain', autovacuum => 'off', jit => 'off',
	'auto_explain.log_min_duration' => '-1', 'auto_explain.log_nested_statements' => 'on',
	'auto_explain.log_analyze' => 'on', 'auto_explain.log_timing' => 'off', 'auto_explain.log_format' => 'json',
	'extsched.max_in_flight' => 64, 'extsched.history_retention' => '28d');
my $runner = set_up_platform($node);
install_demo($node, tenant => 'template', install => $install);
wait_for_worker($node);

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# Tenants 1..n, each with the install and 40 schedules of the template, and a
# history of 27 days; today's partition is empty, as it is at midnight.
sub fill
{
	allow_every_minute($node, 'template');
	create_schedule($node, tenant => 'template', install => $install, endpoint => 'POST /api/heartbeat',
		cron => '* * * * *', payload => '{}');
	sql("UPDATE extsched.timer SET next_due = '2100-01-01Z'");
	for my $table (qw(tenant tenant_limiter install install_limiter))
	{
		sql(qq{SET session_replication_role = replica;
			INSERT INTO extsched.$table SELECT r.* FROM extsched.$table t, generate_series(1, $tenants) n,
			jsonb_populate_record(t, jsonb_build_object('tenant_id', 'tenant ' || n)) r WHERE t.tenant_id = 'template'});
	}
	for my $table (qw(schedule timer))
	{
		sql(qq{SET session_replication_role = replica;
			INSERT INTO extsched.$table SELECT r.* FROM extsched.$table t, generate_series(1, $rows) n,
			jsonb_populate_record(t, jsonb_build_object('tenant_id', 'tenant ' || 1 + n % $tenants,
				'schedule_id', md5('schedule ' || n))) r WHERE t.tenant_id = 'template'});
	}
	sql(qq{INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state,
			attempt, ready_at, created_at, finished_at)
		SELECT 'tenant ' || 1 + n % $tenants, md5('schedule ' || n)::uuid, at, 'schedule', extsched.run_slot(at),
			md5('run ' || n)::uuid, '$install', 'default', 'succeeded', 1, at, at, at
		FROM generate_series(1, $rows) n, LATERAL (SELECT now() - (1 + n % 27) * interval '1 day') x (at)});
	return;
}

# Every function that a platform, an administrator or a Runner calls, and what
# the worker does by itself: due times, retries, what waits, leases, a backlog.
sub work
{
	my ($tenant, $round) = @_;

	install_demo($node, tenant => $tenant, install => $install);
	allow_every_minute($node, $tenant);
	sql(qq{
		SELECT extsched_register_version('$other_version', '$demo_registry', 'sha256:0123456789abcdef',
			'{"name": "demo", "version": "2", "capabilities": ["cap:scheduler.manage"],
			  "endpoints": [{"method": "POST", "path": "/api/heartbeat", "handler": "h"}, {"method": "GET", "path": "/api/status", "handler": "s"}]}');
		SELECT extsched_set_runner('pull', 'notify');
		CREATE TEMP TABLE made AS
		SELECT n, extsched_create('$tenant', '$install', 'POST /api/heartbeat', '0 0 1 1 *', 'UTC', 'named ' || n, '{"a": 1}',
			options => '{"overlap": "queue_one", "backoff_s": 0}', client_token => 'token ' || n) AS id FROM generate_series(1, 8) n;
		SELECT extsched_host('$tenant', '$install', o, jsonb_build_object('endpoint', 'POST /api/heartbeat', 'cron', '5 0 1 1 *', 'scheduleId', id))
			FROM made, unnest(ARRAY['list', 'get', 'create', 'getEndpoints']) o WHERE n = 1;
		SELECT extsched_host('$tenant', '$install', 'update', jsonb_build_object('scheduleId', id, 'name', 'other ' || n)) FROM made WHERE n < 3;
		SELECT extsched_update('$tenant', '$install', id, '{"cron": "7 0 1 1 *", "timezone": "Europe/Berlin"}') FROM made;
		SELECT extsched_get('$tenant', '$install', id), extsched_preview_request('$tenant', '$install', id) FROM made;
		SELECT extsched_pause('$tenant', '$install', id, 'test'), extsched_resume('$tenant', '$install', id) FROM made;
		SELECT extsched_run_now('$tenant', '$install', id, 'key ' || n) FROM made;
		SELECT extsched_run_now('$tenant', '$install', id, 'key ' || n) FROM made;
		SELECT extsched_backfill('$tenant', '$install', id, now() - interval '2 days', now(), 3) FROM made;
		SELECT extsched_list('$tenant', '$install'), extsched_endpoints('$tenant', '$install');
		SELECT extsched_validate('$tenant', '$install', '{"endpoint": "POST /api/heartbeat", "cron": "5 0 1 1 *"}');
		SELECT extsched_preview_upgrade('$tenant', '$install', '$other_version');
		SELECT extsched_upgrade_install('$tenant', '$install', '$other_version', true);
		SELECT extsched_set_install_enabled('$tenant', '$install', false), extsched_set_install_enabled('$tenant', '$install', true);
		SELECT extsched_pause_tenant('$tenant', 'test'), extsched_resume_tenant('$tenant');
		SELECT count(*) FROM extsched.schedules WHERE tenant_id = '$tenant';
		SELECT count(*) FROM extsched.runs WHERE tenant_id = '$tenant'});
	poll_until($node, "SELECT count(*) = 0 FROM extsched.run WHERE tenant_id = '$tenant' AND finished_at IS NULL");

	# What pulls, also while the tenant with the oldest run is at its cap.
	sql(qq{
		SELECT extsched_configure_install('$tenant', '$install', '{"runner": "pull"}');
		SELECT extsched_run_now('$tenant', '$install', id) FROM extsched_list('$tenant', '$install');
		SELECT extsched_set_limits('$tenant', NULL, '{"max_in_flight": 0}');
		SELECT count(*) FROM extsched_claim('pull', 1);
		SELECT extsched_set_limits('$tenant', NULL, '{"max_in_flight": -1}');
		SELECT extsched_heartbeat(run, lease, 60), extsched_complete(run, lease, '{"status": 200}') FROM extsched_claim('pull', 100);
		SELECT extsched_configure_install('$tenant', '$install', '{"runner": "default"}')});

	# More of many tenants than there are slots for; in each round others, which
	# have no run of this minute yet.
	my ($first, $last) = (600 * $round - 599, 600 * $round);
	my $before = sql("SELECT count(*) FROM extsched.run WHERE state = 'succeeded'");
	sql(qq{
		UPDATE extsched.timer SET next_due = date_trunc('minute', now()), accounted_from = date_trunc('minute', now())
		WHERE (tenant_id, schedule_id) IN (SELECT 'tenant ' || 1 + n % $tenants, md5('schedule ' || n)::uuid FROM generate_series($first, $last) n);
		SELECT extsched.wake_at_commit()});
	poll_until($node, "SELECT count(*) >= $before + 600 FROM extsched.run WHERE state = 'succeeded'");
	sql("UPDATE extsched.timer SET next_due = '2100-01-01Z' WHERE next_due < now() + interval '1 day'");

	sql(qq{
		SELECT extsched_disable_all('$tenant', '$install');
		SELECT extsched_delete('$tenant', '$install', id) FROM extsched_list('$tenant', '$install') LIMIT 3;
		SELECT extsched_uninstall('$tenant', '$install'), extsched_drop_tenant('$tenant')});
	return;
}

# Pairs of rows that the joins of a plan compare and drop.
sub compared
{
	my ($plan) = @_;
	my $pairs = ($plan->{'Rows Removed by Join Filter'} // 0) * ($plan->{'Actual Loops'} // 0);

	$pairs += compared($_) for @{ $plan->{Plans} // [] };
	return $pairs;
}

# Scans of a plan: [relation, node, rows read].
sub scans
{
	my ($plan, @found) = @_;
	my $read = (($plan->{'Actual Rows'} // 0) + ($plan->{'Rows Removed by Filter'} // 0)
		  + ($plan->{'Rows Removed by Index Recheck'} // 0)) * ($plan->{'Actual Loops'} // 0);

	push @found, [ $plan->{'Relation Name'}, $plan->{'Node Type'}, $read ]
	  if exists $plan->{'Relation Name'} && $plan->{'Node Type'} =~ /Scan/;
	push @found, scans($_) for @{ $plan->{Plans} // [] };
	return @found;
}

# The statements and plans that were logged from a position on.
sub logged_plans
{
	my ($from) = @_;
	my @plans;

	my $log = substr(slurp_file($node->logfile), $from);
	while ($log =~ /LOG:  duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)/g)
	{
		push @plans, decode_json($1);
	}
	return @plans;
}

# Make the catalog say what it may; then work, and judge every plan.
my $round = 0;
sub judge
{
	my ($what, $statistics) = @_;
	my $tenant = 'probe ' . ++$round;
	my (%seen, %bad);

	sql($statistics);
	sql("ALTER SYSTEM SET auto_explain.log_min_duration = 0");
	$node->restart;
	my $from = -s $node->logfile;
	wait_for_worker($node);
	work($tenant, $round);
	for my $plan (logged_plans($from))
	{
		my $text = $plan->{'Query Text'} =~ s/\s+/ /gr;
		next if $text =~ /$whole|probe|generate_series|state = 'succeeded'$/;
		$bad{"compares every row with every other: $text"} = 1 if compared($plan->{Plan}) > $most_rows;
		for my $scan (scans($plan->{Plan}))
		{
			my ($relation, $node_type, $read) = @$scan;

			next if $relation !~ $large;
			$seen{$text} = 1;
			$bad{"$node_type of $relation: $text"} = 1 if $node_type eq 'Seq Scan' && $read > 0;
			$bad{"$node_type of $relation reads $read rows: $text"} = 1 if $read > $most_rows;
		}
	}
	is(join("\n", sort keys %bad), '', "$what: every statement goes by an index to what it works on");
	cmp_ok(scalar keys %seen, '>', 60, "$what: statements of worker and API were seen");
	return;
}

# The size of a table is what the planner never gets wrong by much: it looks at
# the file.  Statistics of the columns may be of another time, or absent.
my $million = q{UPDATE pg_class SET reltuples = 1000000, relpages = greatest(relpages, 1)
	WHERE relnamespace = 'extsched'::regnamespace AND relkind = 'r'
	AND relname ~ '^(schedule|timer|run_..|tenant|tenant_limiter|install|install_limiter)$'};
my $size = $rows < 1_000_000 ? $million : '';
my $forget = q{DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'extsched'::regnamespace)};

sql('ANALYZE');
fill();
judge('statistics of when there was one tenant', $size);
judge('no statistics', "$forget; $size");
judge('fresh statistics', "ANALYZE; $size");
judge('two workers', "$size; ALTER SYSTEM SET extsched.workers_per_database = 2");

done_testing();
