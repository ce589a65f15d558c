# However many timers are due behind a Runner that takes none of them, a look for
# those that need no slot reads a bounded number, and the next one goes on behind
# what was in vain, also when commits keep waking the worker.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Its schedules are copies that nobody created.
$ExtschedTest::leaves_damage = 1;

my $backlog = 30_000;
my $most_rows = 20_000;
my $looks = 12;
my @template = (tenant => 'template', install => 'a0000000-0000-4000-8000-000000000001');

my $node = new_node('main', shared_preload_libraries => 'extsched,auto_explain', autovacuum => 'off',
	'auto_explain.log_min_duration' => 0, 'auto_explain.log_nested_statements' => 'on',
	'auto_explain.log_analyze' => 'on', 'auto_explain.log_timing' => 'off', 'extsched.max_in_flight' => 1);
my $runner = set_up_platform($node);
install_demo($node, @template);
allow_every_minute($node, 'template');
create_schedule($node, @template, endpoint => 'POST /api/heartbeat', cron => '* * * * *',
	payload => '{"fault": {"hang": true}}');
$node->safe_psql('postgres', qq{
	SET session_replication_role = replica;
	UPDATE extsched.timer SET next_due = '2100-01-01Z';
	INSERT INTO extsched.schedule SELECT r.* FROM extsched.schedule t, generate_series(1, $backlog) n,
		jsonb_populate_record(t, jsonb_build_object('schedule_id', md5('schedule ' || n))) r;
	INSERT INTO extsched.timer SELECT r.* FROM extsched.timer t, generate_series(1, $backlog) n,
		jsonb_populate_record(t, jsonb_build_object('schedule_id', md5('schedule ' || n))) r});
wait_for_worker($node);

# Let timers be due at an instant; what each of the next looks reads.
sub looks_at
{
	my ($due) = @_;
	my $from = -s $node->logfile;

	$node->safe_psql('postgres', qq{
		UPDATE extsched.timer SET next_due = $due, accounted_from = $due WHERE in_flight = 0;
		SELECT extsched.wake_at_commit()});
	$node->wait_for_log(qr/(?:Query Text:[^\n]*ORDER BY next_due DESC OFFSET.*?){$looks}/s, $from);
	return map { /Index Scan Backward using timer_next_due .*?\(actual rows=(\d+)/ ? $1 : () }
	  grep { /ORDER BY next_due DESC OFFSET/ } split /^(?=\d{4}-)/m, substr(slurp_file($node->logfile), $from);
}

my @read = looks_at(q{date_trunc('minute', now())});
cmp_ok(scalar @read, '>=', $looks, 'the worker has looked many times');
cmp_ok((sort { $b <=> $a } @read)[0], '<=', $most_rows, "of $backlog due timers no look read more than $most_rows");
note("rows read: @read");

# Due for longer than they may be late, but with a later time that may run: these
# seem to need no slot, and do.
@read = looks_at(q{date_trunc('minute', now()) - interval '2 hours'});
my %read = map { $_ => 1 } @read;
cmp_ok(scalar keys %read, '>', $looks / 2, 'a look that was in vain is followed by one behind it');
note("rows read: @read");

# Some looks behind the newest, and before others that will get the next slots, is
# one that needs no slot; and commits never cease.
$node->safe_psql('postgres', qq{
	UPDATE extsched.timer SET next_due = '2100-01-01Z' WHERE in_flight = 0;
	UPDATE extsched.timer m SET is_paused = n = 500,
		next_due = date_trunc('minute', now()) - CASE WHEN n < 500 THEN 2 WHEN n = 500 THEN 1 ELSE 0 END * interval '1 minute'
	FROM generate_series(1, 7000) n WHERE m.schedule_id = md5('schedule ' || n)::uuid AND in_flight = 0;
	UPDATE extsched.timer SET accounted_from = next_due WHERE in_flight = 0});
my $waking = PostgreSQL::Test::Utils::tempdir() . '/waking.sql';
append_to_file($waking, "SELECT extsched.wake_at_commit()\n\\watch 0.1\n");
start_process('waking', 'psql', '-XAtq', '-d', $node->connstr('postgres') . ' application_name=waking', '-f', $waking);
my $wakes = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waking' AND query LIKE '%wake_at_commit%'";
poll_until($node, $wakes, 1);
is(poll_until($node, "SELECT count(*) FROM extsched.run WHERE schedule_id = md5('schedule 500')::uuid AND state = 'skipped'", 1),
	'1', 'what is far behind has its turn though commits keep waking the worker');
is($node->safe_psql('postgres', $wakes), '1', 'which they still do');

$node->stop('fast');
done_testing();
