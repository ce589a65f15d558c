# Jitter puts each run at an instant of its own, the same one each time; what
# becomes due together is announced once to each Runner that pulls.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use IPC::Run;
use Test::More;

my @installs = map { "a0000000-0000-4000-8000-00000000000$_" } 1 .. 2;
my $node = new_node('main');
create_extension($node);
for my $n (0, 1)
{
	my $tenant = "tenant$n";

	install_demo($node, tenant => $tenant, install => $installs[$n]);
	allow_every_minute($node, $tenant);
	$node->safe_psql('postgres', qq{
		SELECT extsched_set_runner('pull$n', 'notify');
		SELECT extsched_configure_install('$tenant', '$installs[$n]', '{"runner": "pull$n"}')});
}
wait_for_worker($node);
travel_to($node, '2030-01-02 11:00:00+00');

# create(n, count, cron, options)
sub create
{
	my ($n, $count, $cron, $options) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT count(extsched_create('tenant$n', '$installs[$n]', 'POST /api/heartbeat', '$cron', options => '$options'))
		FROM generate_series(1, $count)});
}

# Jitter of an hour at most.
create(0, 40, '0 12 * * *', '{"jitter_s": 3600, "catch_up_s": 86400}');
travel_to($node, '2030-01-02 12:00:01+00');
my $ready = "SELECT string_agg(ready_at::text, ' ' ORDER BY run_id) FROM extsched.run WHERE state = 'pending'";
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'pending'", '40');
my $first = $node->safe_psql('postgres', $ready);
is($node->safe_psql('postgres', q{
		SELECT count(DISTINCT ready_at) > 30, min(ready_at) >= '2030-01-02 12:00:00+00',
			max(ready_at) <= '2030-01-02 13:00:00+00', max(ready_at) - min(ready_at) > '30 min',
			count(DISTINCT nominal_time) FROM extsched.run}),
	't|t|t|t|1', 'runs are spread over their jitter, and keep their nominal time');
$node->safe_psql('postgres', "SELECT extsched_claim('pull0', 100)");
is($node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE state = 'running' AND ready_at > attempt_at), count(*) FILTER (WHERE state = 'pending') > 30
		FROM extsched.run}),
	'0|t', 'none is to be had before its time');
$node->safe_psql('postgres', q{
	DELETE FROM extsched.run;
	UPDATE extsched.timer SET next_due = '2030-01-02 12:00:00+00', in_flight = 0});
$node->reload;
poll_until($node, $ready, $first);
pass('the same run has the same jitter');
$node->safe_psql('postgres', "SELECT extsched_disable_all('tenant0', '$installs[0]')");

# 100 runs for each of two Runners.
my ($in, $out) = ('', '');
my $listener = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>&1');

# What the listener is told up to now.
sub announced
{
	my ($mark) = @_;

	$in .= "SELECT '$mark';\n";
	$listener->pump until $out =~ /^\Q$mark\E$/m;
	return map { /notification "(\w+)"/ ? $1 : () } split /\n/, $out;
}

$in .= "LISTEN extsched_pull0;\nLISTEN extsched_pull1;\n";
announced('listening');
create($_, 100, '30 14 * * *', '{}') for 0, 1;
travel_to($node, '2030-01-02 14:30:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE nominal_time = '2030-01-02 14:30:00+00' AND state = 'pending'", '200');
$out = '';
my @announced;
for (1 .. 600)
{
	push @announced, announced("mark $_");
	$out = '';
	last if @announced >= 2;
	select(undef, undef, undef, 0.05);
}
SKIP:
{
	skip 'a walk from tenant to tenant announces at each pass', 1 if $ENV{EXTSCHED_DISTRIBUTED};
	is("@{[ sort @announced ]}", 'extsched_pull0 extsched_pull1', 'a batch is announced once to each');
}
check_sound($node);

$in .= "\\q\n";
$listener->finish;
done_testing();
