# A Runner that hangs holds nothing open in the database; a server killed before,
# during or after a call leaves one record for each nominal time, and an unknown
# outcome follows on_unknown; a create is there whole or not at all.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, 'acme');
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

sub create
{
	my ($fault, %options) = @_;
	%options = (backoff_s => 0, timeout_ms => 300_000, %options);
	return create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 12 * * *',
		payload => encode_json({ fault => $fault }), options => encode_json(\%options));
}

# "state|reason|attempt" of each record of a schedule.
sub records
{
	my ($schedule) = @_;
	return $node->safe_psql('postgres',
		"SELECT state, reason, attempt FROM extsched.run WHERE schedule_id = '$schedule' ORDER BY nominal_time");
}

# End every process of the server at once, and wait until no process is left but
# zombies.
sub kill_server
{
	my $postmaster = $node->{_pid};
	my @all = ($postmaster, grep { /^\d+$/ } split /\n/, `ps -o pid= --ppid $postmaster | tr -d ' '`);

	my $deadline = time + 30;
	kill 'KILL', @all;
	while (grep { length eval { slurp_file("/proc/$_/cmdline") } // '' } @all)
	{
		die 'the server does not die' if time > $deadline;
		sleep 0.05;
	}
	# Where nobody reaps zombies, the next server would take one for alive.
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	$node->{_pid} = undef;
	return;
}

sub start_server
{
	$node->start;
	return wait_for_worker($node);
}

# A Runner that hangs.
my $hanging = create({ hang => JSON::PP::true, times => 1 });
my $lost = create({ hang => JSON::PP::true, times => 1 }, on_unknown => 'lost');
my $done = create({});
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, 'SELECT string_agg(state, $$ $$ ORDER BY state) FROM extsched.run', 'running running succeeded');
my $worker = worker_pid($node);
wait_for_requests($runner, 2);
pass('two calls hang');
poll_until($node, qq{SELECT backend_xmin IS NULL, backend_xid IS NULL, xact_start IS NULL,
	(SELECT count(*) FROM pg_locks WHERE pid = $worker AND locktype <> 'advisory')
	FROM pg_stat_activity WHERE pid = $worker}, 't|t|t|0');
pass('the worker has no transaction, snapshot or lock meanwhile');
# What waits for every other transaction goes through.
$node->safe_psql('postgres', 'BEGIN; SET LOCAL lock_timeout = $$5s$$;'
	  . ' LOCK extsched.run, extsched.timer, extsched.schedule IN ACCESS EXCLUSIVE MODE; COMMIT');
pass('nobody waits for it');
$node->safe_psql('postgres', 'CREATE TABLE churn AS SELECT 1 AS i FROM generate_series(1, 100); DELETE FROM churn');
is($node->safe_psql('postgres', 'VACUUM churn; SELECT pg_relation_size($$churn$$)'), 0,
	'vacuum removes what died after the calls began');

# Killed during the calls.
kill_server();
start_server();
poll_until($node, 'SELECT count(*) FROM extsched.run WHERE finished_at IS NOT NULL', 3);
is(records($hanging), 'succeeded||2', 'on_unknown retry: tried again, one record');
is(records($lost), 'lost|worker_died|1', 'on_unknown lost: one record, not tried again');
is(records($done), 'succeeded||1', 'killed after the call: what is on record stays');
is(runner_stats($runner)->{arrivals}, 4, 'nothing else was sent');
my %keys;
$keys{ $_->{schedule_id} }{ $_->{idempotency_key} } = 1 for @{ decode_json(http_get("$runner->{url}/arrivals")) };
is(scalar keys %{ $keys{$hanging} }, 1, 'both attempts have one key');
check_sound($node);

# Killed before the call: the nominal time comes while no server runs.
$node->safe_psql('postgres', "SELECT extsched_delete('acme', '$install', '$_')") for $hanging, $lost;
my $offset = $node->safe_psql('postgres',
	"SELECT extract(epoch FROM current_setting('extsched.clock_offset')::interval)::int + 86400");
kill_server();
$node->append_conf('postgresql.auto.conf', "extsched.clock_offset = $offset");
start_server();
poll_until($node, "SELECT count(*) FROM extsched.run WHERE schedule_id = '$done' AND finished_at IS NOT NULL", 2);
is(records($done), "succeeded||1\nsucceeded||1", 'killed before the call: fired once it is back');

# Killed amid a create, and just after one.
my $whole = create({});
my $half = fork // die "could not fork: $!";
if ($half == 0)
{
	open(STDOUT, '>', '/dev/null') and open(STDERR, '>&', \*STDOUT) or POSIX::_exit(127);
	exec('psql', '-X', '-d', $node->connstr('postgres'), '-c',
		"BEGIN; SELECT extsched_create('acme', '$install', 'POST /api/heartbeat', '0 12 * * *', name => 'half'); SELECT pg_sleep(600)")
	  or POSIX::_exit(127);
}
poll_until($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'}, 1);
kill_server();
waitpid $half, 0;
start_server();
is( $node->safe_psql('postgres', q{
		SELECT (SELECT count(*) FROM extsched.schedule WHERE name = 'half'), count(*),
			(SELECT count(*) FROM extsched.timer), (SELECT count(*) FROM extsched.audit WHERE object_name = 'half')
		FROM extsched.schedule}),
	'0|2|2|0', 'of a create that a crash cut off there is no schedule, timer or audit row');
travel_to($node, '2030-01-04 12:00:01+00');
poll_until($node, q{SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-04 12:00:00+00' AND state = 'succeeded'}, 2);
is(records($whole), 'succeeded||1', 'and one that was committed fires');
is($node->safe_psql('postgres', q{SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-04 12:00:00+00'}), 2,
	'nothing else does');
check_sound($node);

done_testing();
