# However a server ends at the edge of a minute, with runs due and in flight,
# each nominal time is one record and the Runner got it under one key.  Fast
# shutdown waits for neither a Runner that hangs nor a standby that is gone.
# A server that nobody else can connect to goes on running schedules.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $tenants = 7;
my $connections = 8;
my $node = new_node('main', max_connections => $connections, 'extsched.max_in_flight' => 30 * $tenants);
my $runner = set_up_platform($node);
travel_to($node, '2030-01-02 11:30:00+00');
install_demo_for_each($node, $tenants);
wait_for_worker($node);

# Schedules of every tenant that are due once, at an hour.
sub create_each
{
	my ($each, $hour) = @_;

	$node->safe_psql('postgres', qq{
		SELECT count(extsched_create(i.tenant_id, i.install_id, 'POST /api/heartbeat', '0 $hour 2 1 *',
			options => '{"max_attempts": 10, "backoff_s": 0, "timeout_ms": 300000}')) FROM extsched.install AS i, generate_series(1, $each)});
	return;
}

sub succeeded_at
{
	my ($hour) = @_;
	return "SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND nominal_time = '2030-01-02 $hour:00+00'";
}

# Processes of extsched that are still alive; a zombie has no command line.
sub alive
{
	return grep { length(eval { slurp_file("/proc/$_/cmdline") } // '') } @_;
}

# Immediate shutdown, twice, with all slots taken and more to do: the second one
# may hit what the first left behind.
create_each(40, 12);
set_fault($runner, '{"hold": true}');
travel_to($node, '2030-01-02 12:00:00+00');
for my $round (1 .. 2)
{
	wait_for_requests($runner, 30 * $tenants);
	$node->stop('immediate');
	set_fault($runner, '{}') if $round == 2;
	$node->start;
}
poll_until($node, succeeded_at('12'), 40 * $tenants);
is(runner_stats($runner)->{distinct_keys}, 40 * $tenants, 'immediate shutdown: the Runner got each run');
is(runner_stats($runner)->{redelivered}, 0, 'and each attempt once');
check_sound($node);

# Fast shutdown while 210 requests hang and a synchronous standby is gone.
create_each(30, 13);
set_fault($runner, '{"hang": true}');
travel_to($node, '2030-01-02 13:00:00+00');
wait_for_requests($runner, 30 * $tenants);
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'gone'});
$node->reload;
poll_until($node, 'SHOW synchronous_standby_names', 'gone');
my $attempt = 1 + stops_fast($node, 'fast shutdown waits neither for 210 requests nor for the standby',
	sub { wait_for_requests($runner, 30 * $tenants) });
$node->append_conf('postgresql.auto.conf', q{synchronous_standby_names = ''});
set_fault($runner, '{}');
$node->start;
poll_until($node, succeeded_at('13'), 30 * $tenants);
is($node->safe_psql('postgres', q{SELECT min(attempt), max(attempt) FROM extsched.run WHERE nominal_time = '2030-01-02 13:00+00'}),
	"$attempt|$attempt", 'what hung was tried again, once');
check_sound($node);

# The postmaster dies: worker and launcher leave by themselves.
create_each(10, 14);
set_fault($runner, '{"hold": true}');
my $postmaster = $node->{_pid};
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'extsched%'}),
	2, 'launcher and worker');
travel_to($node, '2030-01-02 14:00:00+00');
wait_for_requests($runner, 10 * $tenants);
my @children = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
kill 'KILL', $postmaster;
my $deadline = time + 30;
sleep 0.05 while alive(@children, $postmaster) && time < $deadline;
is(scalar alive(@children), 0, 'they do not outlive the postmaster');

# Where nobody reaps zombies, the next server would take one for alive.
unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
$node->{_pid} = undef;
set_fault($runner, '{}');
$node->start;
poll_until($node, succeeded_at('14'), 10 * $tenants);
pass('what was in flight is brought to its end by the next server');
check_sound($node);

# Out of connections: the worker has its own slot.
create_each(5, 15);
my $control = $node->background_psql('postgres');
my $arrivals = runner_stats($runner)->{arrivals};
my $offset = $node->safe_psql('postgres', q{
	SELECT round(extract(epoch FROM '2030-01-02 15:00:00+00'::timestamptz - clock_timestamp()))::int});
my $clients = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'};
sleep 0.05 until $control->query_safe($clients) == 1;
my @sessions = map { $node->background_psql('postgres') } 2 .. $connections;
my ($status, undef, $stderr) = ask_once($node, 'SELECT 1');
like($stderr, qr/too many clients/, 'nobody else can connect');
$control->query_safe("ALTER SYSTEM SET extsched.clock_offset = $offset");
$node->reload;
$deadline = time + 60;
sleep 0.05 until runner_stats($runner)->{arrivals} >= $arrivals + 5 * $tenants || time > $deadline;
is(runner_stats($runner)->{arrivals}, $arrivals + 5 * $tenants, 'schedules run all the same');
$_->quit for @sessions, $control;
poll_until($node, succeeded_at('15'), 5 * $tenants);
pass('and are on record');
check_sound($node);

$node->stop('fast');
done_testing();
