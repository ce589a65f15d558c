# A Runner that misbehaves in every way it knows, in a mix, under every policy
# of a schedule: each nominal time ends as one record, the caps hold, and the
# worker keeps neither slots nor memory.
#
# make campaign makes 20,000 runs.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $per_fault = campaign(2, 40);
my $minutes = campaign(6, 20);
my $tenants = 5;

my $true = JSON::PP::true;
my @faults = (
	{},
	{ latency_ms => 30 },
	{ status => 500 },
	{ status => 404, error => 'no such thing' },
	{ error => "\x{1F600} \x01" },
	{ http_status => 503 },
	{ http_status => 400 },
	{ retry_after => 1 },
	{ retry_after => 'Wed, 21 Oct 2099 07:28:00 GMT' },
	{ redirect => 'http://127.0.0.1:1/' },
	{ empty => $true },
	{ body => 'garbage' },
	{ body => '{"status": 200' },
	{ body => '[' x 5000 },
	{ body_b64 => 'AAECA/3+/w==' },
	{ huge => 200_000 },
	{ huge => 300_000 },
	{ gzip_bomb => 20_000_000 },
	{ endless => $true },
	{ drip_ms => 20 },
	{ cut => $true },
	{ reset => $true },
	{ hang => $true },
	{ hang => $true, times => 1 },
	{ http_status => 500, latency_ms => 20, probability => 0.5 });

# In turn, so that the seed of the mix is the number of the schedule.
my @policies = (
	{ overlap => 'skip', max_attempts => 1 },
	{ overlap => 'queue_one', max_attempts => 2, backoff_s => 0 },
	{ overlap => 'allow', max_attempts => 3, backoff_s => 0 },
	{ overlap => 'skip', max_attempts => 2, backoff_s => 0, on_unknown => 'lost', jitter_s => 2 },
	{ overlap => 'skip', max_attempts => 2, backoff_s => 1, max_age_s => 30 });

my $node = new_node('main', log_line_prefix => '%m [%p] %b %e ', 'extsched.max_in_flight' => 128);
my $runner = set_up_platform($node, '--threads', 2);
install_demo_for_each($node, $tenants);
my $pid = wait_for_worker($node);
travel_to($node, '2030-01-02 11:59:02+00');

my $n = 0;
my $statements = '';
for my $fault (@faults)
{
	for (1 .. $per_fault)
	{
		my $t = $n % $tenants + 1;
		my %options = (%{ $policies[ int($n / $tenants) % @policies ] }, timeout_ms => 250, pause_after_failures => 0);

		$statements .= sprintf(
			"SELECT extsched_create('tenant%d', 'a0000000-0000-4000-8000-%012d', 'POST /api/heartbeat', '* * * * *', payload => \$j\$%s\$j\$, options => \$j\$%s\$j\$);\n",
			$t, $t, JSON::PP->new->ascii->encode({ fault => $fault }), encode_json(\%options));
		$n++;
	}
}
$node->safe_psql('postgres', $statements);

my $memory;
for my $minute (0 .. $minutes - 1)
{
	my $now = sprintf('2030-01-02 %02d:%02d:01+00', 12 + $minute / 60, $minute % 60);

	travel_to($node, $now);
	poll_until($node, "SELECT bool_and(next_due > '$now' AND in_flight = 0) FROM extsched.timer");
	$memory //= resident_kb();
}

# Memory of the worker that is its own, in kB.
sub resident_kb
{
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
	return $kb;
}

my $stats = runner_stats($runner);
is($node->safe_psql('postgres', q{SELECT count(*) FROM extsched.run}), $n * $minutes, $n * $minutes . ' records');
is($node->safe_psql('postgres', q{SELECT count(*) FROM extsched.run WHERE state NOT IN ('succeeded', 'failed', 'skipped')}), 0, 'each is an end');
for my $reason (qw(bad_response http_status response_too_large timeout))
{
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM extsched.run WHERE state = 'failed' AND reason = '$reason'"),
		'>=', $minutes, "many of them $reason");
}
is($node->safe_psql('postgres', q{SELECT sum(in_flight) FROM extsched.timer}), 0, 'nothing is left in flight');
poll_until($node, 'SELECT sum(in_flight), sum(queued) FROM extsched.stat_workers', '0|0');

# A kept connection that is reset before a byte of the reply came is opened
# anew, and the request sent again as it was: docs/runner-contract.md.
my %fault_of = map { split /\|/, $_, 2 }
  split /\n/, $node->safe_psql('postgres', q{SELECT schedule_id, payload -> 'fault' FROM extsched.schedule});
my (%seen, %again);
for my $arrival (@{ decode_json(http_get("$runner->{url}/arrivals?limit=1000000")) })
{
	$again{ $fault_of{ $arrival->{schedule_id} } }++
	  if $seen{"$arrival->{idempotency_key} $arrival->{attempt}"}++;
}
is(join(' ', sort keys %again) =~ s/\{"reset": true\}//r, '', 'nothing was sent again but what was reset');
note("sent again: $stats->{redelivered}");
cmp_ok($stats->{arrivals} - $stats->{redelivered}, '<=', $node->safe_psql('postgres', 'SELECT sum(attempt) FROM extsched.run'),
	'else no more often than it was attempted');
is($stats->{violations} + $stats->{malformed} + $stats->{fault_errors}, 0, 'every request was a sound one');
cmp_ok($stats->{max_in_flight}, '<=', 128 + 32, 'no more at once than the cap and what the Runner has not seen leave');
is(worker_pid($node), $pid, 'the worker is the one that began');
cmp_ok(resident_kb(), '<', 2 * $memory + 20_000, 'and has not grown');
my @internal = slurp_file($node->logfile) =~ /^.* XX\d{3} .*$/mg;
is("@internal", '', 'no error was an internal one');
check_sound($node);

$node->stop('fast');
done_testing();
