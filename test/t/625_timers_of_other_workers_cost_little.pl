# However many timers of one worker are due, another one reads a bounded number of
# them, finds its own behind them, and puts aside its own that cannot be dealt with;
# nor does it look each time that a run of another becomes ready.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Its schedules are copies that nobody created.
$ExtschedTest::leaves_damage = 1;

my $backlog = 30_000;
my $most_rows = 20_000;
my $ready = 200;

my $node = new_node('main', shared_preload_libraries => 'extsched,auto_explain', autovacuum => 'off',
	'auto_explain.log_min_duration' => 0, 'auto_explain.log_nested_statements' => 'on',
	'auto_explain.log_analyze' => 'on', 'auto_explain.log_timing' => 'off',
	'extsched.workers_per_database' => 2, 'extsched.max_in_flight' => 4);
my $runner = set_up_platform($node);

# A tenant of each worker, and another one of the second.
my @tenants = split /\n/, $node->safe_psql('postgres', q{
	SELECT tenant FROM (SELECT 'tenant' || t, n, row_number() OVER (PARTITION BY n ORDER BY t)
		FROM generate_series(1, 50) t, LATERAL (SELECT (hashtext('tenant' || t) & 2147483647) % 2) h (n)) x (tenant, n, k)
	WHERE k <= 1 + n ORDER BY n, k});
my @installs = map { "a0000000-0000-4000-8000-00000000000$_" } 0 .. 2;
for my $n (0 .. 2)
{
	install_demo($node, tenant => $tenants[$n], install => $installs[$n]);
	allow_every_minute($node, $tenants[$n]);
}

sub create
{
	my ($n, @more) = @_;

	return create_schedule($node, tenant => $tenants[$n], install => $installs[$n],
		endpoint => 'POST /api/heartbeat', cron => '* * * * *', @more);
}

my @mine = map { create(1) } 1 .. 6;
my $broken = create(1);
create($_, payload => '{"fault": {"hang": true}}') for 0, 2, 2;
$node->safe_psql('postgres', qq{
	SET session_replication_role = replica;
	UPDATE extsched.timer SET next_due = '2100-01-01Z';
	INSERT INTO extsched.schedule SELECT r.* FROM extsched.schedule t, generate_series(1, $backlog) n,
		jsonb_populate_record(t, jsonb_build_object('schedule_id', md5('schedule ' || n))) r WHERE t.tenant_id = '$tenants[0]';
	INSERT INTO extsched.timer SELECT r.* FROM extsched.timer t, generate_series(1, $backlog) n,
		jsonb_populate_record(t, jsonb_build_object('schedule_id', md5('schedule ' || n))) r WHERE t.tenant_id = '$tenants[0]'});
wait_for_workers($node, 2);
my $worker = $node->safe_psql('postgres', 'SELECT pid FROM extsched.stat_workers WHERE n = 1');

# What it has logged since then.
sub logged
{
	my ($from) = @_;

	return grep { /^\S+ \S+ \S+ \[$worker\]/ } split /^(?=\d{4}-)/m, substr(slurp_file($node->logfile), $from);
}

# Let timers be due since a time.
sub make_due
{
	my ($where, $since) = @_;

	$node->safe_psql('postgres', qq{
		UPDATE extsched.timer SET next_due = $since, accounted_from = $since WHERE in_flight = 0 AND $where;
		SELECT extsched.wake_at_commit()});
	return;
}

sub succeeded
{
	my ($count) = @_;

	return poll_until($node, "SELECT count(DISTINCT schedule_id) FROM extsched.run WHERE tenant_id = '$tenants[1]' AND state = 'succeeded'", $count);
}

# Two requests of the first worker hang, and one of the second, which has a tenant at
# its cap: what is due to that one comes before all others.
$node->safe_psql('postgres', "SELECT extsched_set_limits('$tenants[2]', NULL, '{\"max_in_flight\": 1}')");
make_due("tenant_id = '$tenants[2]'", q{date_trunc('minute', now()) - interval '2 minutes'});
make_due("tenant_id = '$tenants[0]'", q{date_trunc('minute', now()) - interval '1 minute'});
wait_for_requests($runner, 3);

my $from = -s $node->logfile;
for my $n (1 .. @mine)
{
	make_due("schedule_id = '$mine[$n - 1]'", q{date_trunc('minute', now())});
	is(succeeded($n), $n, 'what is due behind the timers of another worker runs');
}

# Its row makes the claim fail that it is part of.
$node->safe_psql('postgres', qq{
	SET session_replication_role = replica;
	UPDATE extsched.tenant SET limits = '{"max_in_flight": "many"}' WHERE tenant_id = '$tenants[1]'});
make_due("schedule_id = '$broken'", q{date_trunc('minute', now()) - interval '2 minutes'});
is(poll_until($node, "SELECT count(*) FROM extsched.timer WHERE schedule_id = '$broken' AND quarantine_reason IS NOT NULL", 1),
	1, 'what cannot be dealt with is put aside');
is($node->safe_psql('postgres', "SELECT count(*) FROM extsched.run WHERE tenant_id = '$tenants[0]' AND lease_owner LIKE 'worker:1:%'"),
	'0', 'and nothing of the tenants of another worker is begun');

# Rows that this worker read in one scan of the timers, those included that it did not want.
my @read;
for my $entry (logged($from))
{
	for my $node (grep { /using timer_\S+ on timer/ } split /->/, $entry)
	{
		my ($rows) = $node =~ /actual rows=(\d+)/;
		my ($removed) = $node =~ /Rows Removed by Filter: (\d+)/;

		push @read, ($rows // 0) + ($removed // 0);
	}
}
@read = sort { $b <=> $a } @read;
cmp_ok(scalar @read, '>', @mine, 'the worker has looked at timers');
cmp_ok($read[0], '<=', $most_rows, "of $backlog timers of another worker no statement read more than $most_rows");
note("statements: " . @read . ", most rows: @read[0 .. 9]");

# Runs of another worker that become ready one after the other, and find no slot.
my $from_runs = -s $node->logfile;
$node->safe_psql('postgres', qq{
	SET session_replication_role = replica;
	INSERT INTO extsched.run SELECT r.* FROM extsched.run t, generate_series(1, $ready) n,
		jsonb_populate_record(t, jsonb_build_object('run_id', md5('run ' || n), 'schedule_id', md5('schedule ' || n), 'state', 'pending', 'trigger', 'manual',
			'attempt', 0, 'ready_at', now() + n * interval '10 ms', 'dispatched_at', null, 'attempt_at', null,
			'lease_id', null, 'lease_owner', null, 'lease_expires_at', null)) r
		WHERE t.run_id = (SELECT run_id FROM extsched.run WHERE state = 'running' AND tenant_id = '$tenants[0]' LIMIT 1);
	SELECT extsched.wake_at_commit()});
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'pending' AND ready_at < now() AND tenant_id = '$tenants[0]'", $ready);
my $looks = grep { /Query Text: WITH RECURSIVE names AS [^\n]*ready_at/ } logged($from_runs);
cmp_ok($looks, '>', 0, 'the worker looks for runs that wait');
cmp_ok($looks, '<', $ready / 2, "and not each time that one of $ready of another worker is ready");
note("looks: $looks");

$node->stop('fast');
done_testing();
