# What administrators do in a database in which schedules run: each with runs
# in flight and due, none more than a moment in the way, no worker lost, and
# nothing sent twice or left without a record.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @tenants = map { [ tenant => "tenant$_", install => sprintf('a0000000-0000-4000-8000-%012d', $_) ] } 1 .. 3;
my $slow_at_first = '{"fault": {"latency_ms": 20000, "times": 1}}';

# The log shows the SQLSTATE of each error.
my $node = new_node('main', max_prepared_transactions => 5, log_line_prefix => '%m [%p] %b %d %e ');
my $runner = set_up_platform($node);
for my $at (@tenants)
{
	install_demo($node, @$at);
	allow_every_minute($node, $at->[1]);
	create_schedule($node, @$at, endpoint => 'POST /api/heartbeat', cron => '*/5 * * * *') for 1 .. 3;
}
wait_for_worker($node);
my $minute = 0;

sub sql
{
	my ($query, $dbname) = @_;
	return $node->safe_psql($dbname // 'postgres', $query);
}

sub now
{
	return sprintf('2030-01-02 %02d:%02d', 12 + $minute / 60, $minute % 60);
}

sub count_runs
{
	my ($state) = @_;
	my $now = now();
	return "SELECT count(*) FROM extsched.run WHERE nominal_time = '$now+00' AND state = '$state'";
}

# The next minute at which schedules are due begins.  The Runner holds its runs.
sub begin_runs
{
	$minute += 5;
	set_fault($runner, '{"hold": true}');
	travel_to($node, now() . ':00+00');
	poll_until($node, count_runs('running'), 9);
	return;
}

# Something is done while runs are in flight.
sub during_runs
{
	my ($what, $do) = @_;

	begin_runs();
	ref $do ? $do->() : sql($_) for ref $do ? 1 : split /;\n/, $do;
	set_fault($runner, '{}');
	poll_until($node, count_runs('succeeded'), 9);
	pass($what);
	return;
}

travel_to($node, '2030-01-02 12:00:30+00');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE state IN ('pending', 'running', 'retrying')}, 0);
my $pid = worker_pid($node);

during_runs('VACUUM FULL', "VACUUM FULL extsched.timer;\nVACUUM FULL extsched.run;\nVACUUM FULL extsched.schedule");
during_runs('REINDEX CONCURRENTLY', "REINDEX TABLE CONCURRENTLY extsched.timer;\nREINDEX TABLE CONCURRENTLY extsched.run");
during_runs('REINDEX of the whole schema', 'REINDEX SCHEMA extsched');
during_runs('CLUSTER', 'CLUSTER extsched.timer USING timer_pkey');
during_runs('ANALYZE', 'ANALYZE');
during_runs('a prepared transaction that changes all schedules, and is aborted', sub
{
	sql(q{BEGIN; UPDATE extsched.timer SET next_due = NULL; UPDATE extsched.schedule SET cron = '0 0 1 1 *';
		PREPARE TRANSACTION 'changes'});
	sql(q{ROLLBACK PREPARED 'changes'});
});

# A table is locked when a minute begins, for so long that the worker gives up
# waiting several times.
for my $table ('extsched.timer', 'extsched.run', 'extsched.schedule')
{
	my $errors = q{SELECT n FROM extsched.stat_events WHERE event = 'worker_errors'};
	my $before = sql($errors);
	my $session = $node->background_psql('postgres');

	$session->query_safe("BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
	$minute += 5;
	travel_to($node, now() . ':00+00');
	poll_until($node, "SELECT ($errors) > $before + 2");
	$session->query_safe('COMMIT');
	$session->quit;
	poll_until($node, count_runs('succeeded'), 9);
	pass("LOCK TABLE $table");
}

# The role of a Runner that has a run leased is dropped; the run is taken over.
sql(q{CREATE ROLE regress_puller LOGIN;
	SELECT extsched_set_runner('pull', 'notify');
	SELECT extsched_grant('regress_puller', 'runner', 'pull')});
my @pulled = (tenant => 'pulled', install => 'b0000000-0000-4000-8000-000000000001');
install_demo($node, @pulled);
sql(qq{SELECT extsched_configure_install('pulled', '$pulled[3]', '{"runner": "pull"}')});
my $pulled = create_schedule($node, @pulled, endpoint => 'POST /api/heartbeat', cron => '0 3 * * *',
	options => '{"backoff_s": 0}');
my $run = sql("SELECT extsched_run_now('pulled', '$pulled[3]', '$pulled')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", 'pending');
is( $node->safe_psql('postgres', "SELECT run FROM extsched_claim('pull', 1, 1)",
		connstr => $node->connstr('postgres') . ' user=regress_puller'),
	$run, 'a Runner has a run');
during_runs('a role dropped', "DROP OWNED BY regress_puller;\nDROP ROLE regress_puller");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", 'retrying');
pass('its run is taken back');
sql("SELECT extsched_uninstall('pulled', '$pulled[3]')");

# Another database with the extension: dropped in one way or another while runs
# of it are in flight.
my @second = (tenant => 'second', install => 'c0000000-0000-4000-8000-000000000001', dbname => 'second');

sub run_in_second
{
	my ($state, $payload) = @_;
	my $id;

	set_runner($node, $runner, dbname => 'second');
	install_demo($node, @second);
	allow_every_minute($node, 'second', 'second');
	$id = create_schedule($node, @second, endpoint => 'POST /api/heartbeat', cron => '0 3 * * *', payload => $payload,
		options => '{"overlap": "allow", "backoff_s": 0}');
	sql("SELECT extsched_run_now('second', '$second[3]', '$id') FROM generate_series(1, 3)", 'second');
	poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = '$state'", 3, 'second');
	return;
}

sql('CREATE DATABASE second');
sql('CREATE EXTENSION extsched', 'second');
run_in_second('running', $slow_at_first);
during_runs('DROP EXTENSION', sub { sql('DROP EXTENSION extsched', 'second') });
sql('CREATE EXTENSION extsched', 'second');
run_in_second('succeeded', '{}');
pass('and after CREATE EXTENSION schedules run again');
sql("SELECT extsched_uninstall('second', '$second[3]')", 'second');

# Dropped and made again before the worker takes note of either.
run_in_second('running', $slow_at_first);
during_runs('DROP and CREATE EXTENSION in one transaction', sub
{
	sql('BEGIN; DROP EXTENSION extsched; CREATE EXTENSION extsched; COMMIT', 'second');
});
run_in_second('succeeded', '{}');
pass('and schedules run again');
sql("SELECT extsched_uninstall('second', '$second[3]')", 'second');

# The library is newer than the SQL for a while, as during an update.
run_in_second('running', $slow_at_first);
during_runs('an update of the extension', sub
{
	sql(q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'extsched'; SELECT extsched.wake_at_commit()}, 'second');
	poll_until($node, q{SELECT extsched_status() ->> 'why' LIKE '%run ALTER EXTENSION extsched UPDATE'}, 't', 'second');
});
sql(q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'extsched'; SELECT extsched.wake_at_commit()}, 'second');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE state = 'succeeded'}, 6, 'second');
check_sound($node, 'second');

run_in_second('running', '{"fault": {"hang": true}}');
during_runs('DROP DATABASE', 'DROP DATABASE second');

# History taken away under the runs in flight: they are not on record any more,
# and the overlap rule holds their schedules for no longer than a run may live.
begin_runs();
sql('TRUNCATE extsched.run');
set_fault($runner, '{}');
poll_until($node, 'SELECT sum(in_flight) + sum(queued) FROM extsched.stat_workers', 0);
travel_to($node, '2030-01-02 14:30:00+00');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-02 14:30+00' AND state = 'succeeded'}, 9);
pass('TRUNCATE of the history: schedules go on');

# And the timers: nothing is left to fire, which the check says.
sql('TRUNCATE extsched.timer');
travel_to($node, '2030-01-02 14:40:00+00');
is(sql(q{SELECT DISTINCT problem FROM extsched_check() WHERE problem NOT LIKE 'nominal time%'}), 'schedule without timer',
	'TRUNCATE of the timers is reported');
my $free = create_schedule($node, @{ $tenants[0] }, endpoint => 'POST /api/heartbeat', cron => '0 3 * * *');
$run = sql("SELECT extsched_run_now('tenant1', '$tenants[0][3]', '$free')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", 'succeeded');

is(worker_pid($node), $pid, 'the worker is the one that began');
is(runner_stats($runner)->{redelivered}, 0, 'nothing was sent twice');
my $log = slurp_file($node->logfile);
my @internal = $log =~ /^.* XX\d{3} .*$/mg;
is("@internal", '', 'no error was an internal one');

$node->stop('fast');
done_testing();
