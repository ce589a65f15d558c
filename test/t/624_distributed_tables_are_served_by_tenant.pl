# Where Citus has distributed the tables, no statement that locks or changes rows
# is for more than one tenant, and none recurses over several, because Citus does
# that in the shard of one tenant only.  What becomes of runs is the same.
#
# auto_explain shows what the code really runs: each scan of a table of tenants
# has to name the tenant by a parameter.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

my $tenants = 3;
my $tables = qr/^(?:schedule|timer|run(?:_\d\d)?|install|install_limiter|tenant|tenant_limiter)$/;

# A part of each statement of the worker and of Runners that lock or change rows.
my @parts = (
	'next_due <= $1 ORDER BY next_due LIMIT $2 FOR UPDATE SKIP LOCKED', 'schedule_id = $2 AND next_due <= $1 FOR UPDATE SKIP LOCKED',
	'SET next_due = u.next_due', 'FOR UPDATE OF t SKIP LOCKED', 'SET state = u.state, reason = u.reason',
	'SET in_flight = u.in_flight', 'SET waits_for_slot = false', 'LIMIT $3 FOR UPDATE SKIP LOCKED) d) r',
	'make_interval(secs => s.max_age_s) < $1', 'SET state = u.state, attempt = u.attempt', 'SET lease_expires_at = $3',
	'r.lease_id = $2 AND r.tenant_id = $3 FOR UPDATE OF t', 'AND next_due = $3 FOR UPDATE SKIP LOCKED',
	'SET next_due = $3, accounted_from = $4', "DELETE FROM extsched.run WHERE");

# Scans of tables of tenants in a plan, [relation, conditions], and whether it
# locks, changes or recurses.
sub look
{
	my ($plan, $found) = @_;
	my $kind = $plan->{'Node Type'};

	push @{ $found->{scans} }, [ $plan->{'Relation Name'}, join(' ', map { $plan->{$_} // '' } 'Index Cond', 'Filter') ]
	  if $kind =~ /Scan/ && ($plan->{'Relation Name'} // '') =~ $tables;
	$found->{by} = 'locks' if $kind eq 'LockRows';
	$found->{by} = 'changes' if $kind eq 'ModifyTable' && $plan->{Operation} ne 'Insert';
	$found->{by} = 'recurses over' if $kind eq 'Recursive Union';
	look($_, $found) for @{ $plan->{Plans} // [] };
	return $found;
}

# Of the statements that were logged from a position on: those that lock, change
# or recurse, and those of them that are for more than one tenant.
sub judge
{
	my ($node, $from) = @_;
	my (%judged, %bad);
	my $log = substr(slurp_file($node->logfile), $from);

	while ($log =~ /LOG:  duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)/g)
	{
		my $logged = $1;

		next if $logged !~ /"(?:LockRows|ModifyTable|Recursive Union)"/;
		my $plan = decode_json($logged);
		my $text = $plan->{'Query Text'} =~ s/\s+/ /gr;
		my $found = look($plan->{Plan}, {});

		next if !$found->{by} || $text =~ m{/\* test \*/};
		$judged{$text} = 1;
		for my $scan (@{ $found->{scans} // [] })
		{
			my ($relation, $conditions) = @$scan;

			$bad{"$found->{by} $relation: $text"} = 1 if $conditions !~ /\btenant_id = (?:\$[1-9]\d*|'[^']*'::text)/;
		}
	}
	return ([ sort keys %judged ], [ sort keys %bad ]);
}

# A server, and what becomes of runs there.  Each step that the worker or a
# Runner takes is waited for, so that it is the same each time.
sub outcomes
{
	my ($name, $is_distributed) = @_;
	my $node = new_node($name, shared_preload_libraries => 'extsched,auto_explain', autovacuum => 'off', jit => 'off',
		'auto_explain.log_min_duration' => '-1', 'auto_explain.log_nested_statements' => 'on',
		'auto_explain.log_format' => 'json', 'extsched.max_in_flight' => 8);
	my $runner = set_up_platform($node);
	my $sql = sub { return $node->safe_psql('postgres', "/* test */ $_[0]") };
	my $poll = sub { return poll_until($node, "/* test */ $_[0]", $_[1]) };
	my $create = sub {
		my ($each, $cron, $payload, $options) = @_;

		return $sql->(qq{
			SELECT count(extsched_create(tenant_id, install_id, 'POST /bench', '$cron', payload => '$payload', options => '$options'))
			FROM extsched.install, generate_series(1, $each)});
	};

	travel_to($node, '2030-01-02 09:30:00+00');
	$sql->(q{
		SELECT extsched_set_runner('pull', 'notify');
		SELECT extsched_register_version('be7c0000-0000-4000-8000-000000000001', 'be7c0000-0000-4000-8000-000000000002', 'sha256:00',
			'{"name": "bench", "version": "1", "capabilities": ["cap:scheduler.manage"],
			  "endpoints": [{"method": "POST", "path": "/bench", "handler": "h"}]}')});
	$sql->(qq{
		SELECT extsched_install('tenant' || n, md5('install ' || n)::uuid, 'be7c0000-0000-4000-8000-000000000001', '{cap:scheduler.manage}'),
			extsched_set_limits('tenant' || n, NULL, '{"min_interval_s": 0, "max_schedules": -1, "mutations_per_minute": -1, "run_now_per_minute": -1}')
		FROM generate_series(1, $tenants) n});
	wait_for_worker($node);

	# Distributed under the worker's hands.
	distribute($node) if $is_distributed;
	my $from = -s $node->logfile;
	$sql->('ALTER SYSTEM SET auto_explain.log_min_duration = 0');

	# More than there are slots for, slow; a retry; and behind them what needs no slot.
	$create->(8, '0 10 * * *', '{"fault": {"latency_ms": 300}}', '{}');
	$create->(1, '0 10 * * *', '{"fault": {"status": 503, "times": 1}}', '{"max_attempts": 2, "backoff_s": 0}');
	$create->(2, '0 10 * * *', '{"paused": true}', '{}');
	$sql->(q{SELECT extsched_pause(tenant_id, install_id, schedule_id, 'test') FROM extsched.schedule WHERE payload ? 'paused'});
	travel_to($node, '2030-01-02 10:00:01+00');
	$poll->("SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", 9 * $tenants);
	$poll->("SELECT count(*) FROM extsched.run WHERE state = 'skipped'", 2 * $tenants);

	# What waits for an earlier run of its schedule.
	$create->(1, '0 0 1 1 *', '{"queued": true}', '{"overlap": "queue_one"}');
	$sql->(q{SELECT extsched_run_now(tenant_id, install_id, schedule_id, 'key ' || n)
		FROM extsched.schedule, generate_series(1, 2) n WHERE payload ? 'queued'});
	$poll->("SELECT count(*) FROM extsched.run WHERE state = 'succeeded' AND trigger = 'manual'", 2 * $tenants);

	# A Runner that pulls: answered, extended, left to its lease, never asked for.
	$create->(4, '0 0 1 1 *', '{"pulled": true}', '{}');
	$sql->(q{SELECT extsched_configure_install(tenant_id, install_id, '{"runner": "pull"}') FROM extsched.install});
	$sql->(q{SELECT extsched_run_now(tenant_id, install_id, schedule_id) FROM extsched.schedule WHERE payload ? 'pulled'});
	$poll->("SELECT count(*) FROM extsched.run WHERE state = 'pending' AND runner = 'pull'", 4 * $tenants);
	my @pulled = split /\n/, $sql->(qq{SELECT run, lease FROM extsched_claim('pull', 6, 60) ORDER BY run});

	for my $n (0 .. $#pulled)
	{
		my ($run, $lease) = split /\|/, $pulled[$n];

		is($sql->(qq{SELECT extsched_complete('$run', '$lease', '{"status": 200}')}), 'succeeded', "$name: a pulled run ends")
		  if $n % 3 == 0;
		is($sql->(qq{SELECT extsched_heartbeat('$run', '$lease', 600)}), 't', "$name: a lease is extended") if $n % 3 == 1;
	}
	travel_to($node, '2030-01-02 10:05:01+00');
	$poll->("SELECT count(*) FROM extsched.run WHERE state IN ('running', 'pending')", 2 + 4 * $tenants - 6);
	travel_to($node, '2030-01-02 13:00:01+00');
	$poll->("SELECT count(*) FROM extsched.run WHERE finished_at IS NULL", 0);

	# An outage, after which times of two days are missed.
	$sql->(q{SELECT extsched_configure_install(tenant_id, install_id, '{"runner": "default"}') FROM extsched.install});
	travel_to($node, '2030-01-05 09:00:01+00');
	$poll->("SELECT count(*) FROM extsched.timer WHERE next_due < '2030-01-05 09:00+00'", 0);

	# Data of a zone have changed, and the clock goes back.
	$sql->(q{UPDATE extsched.timer SET next_due = next_due + interval '1 hour' WHERE next_due = '2030-01-05 10:00+00';
		UPDATE extsched.zone SET fingerprint = 'of other data'});
	travel_to($node, '2030-01-05 09:00:30+00');
	$poll->("SELECT count(*) FROM extsched.timer WHERE next_due = '2030-01-05 11:00+00'", 0);
	travel_to($node, '2030-01-04 09:00:30+00');
	$poll->("SELECT count(*) FROM extsched.timer WHERE next_due = '2030-01-05 10:00+00'", 0);
	check_sound($node);

	my $outcomes = $sql->(q{
		SELECT trigger, state, reason, attempt, count(*), sum(missed_count)
		FROM extsched.run GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4})
	  . "\n" . $sql->(q{
		SELECT payload, next_due, is_paused, last_run_status, count(*), sum(in_flight), sum(succeeded_total), sum(failed_total)
		FROM extsched.timer JOIN extsched.schedule USING (tenant_id, schedule_id) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4});
	my ($judged, $bad) = judge($node, $from);
	$node->stop('fast');
	stop_runner($runner);
	return ($outcomes, $judged, $bad);
}

my ($plain, undef, $of_several) = outcomes('plain', 0);
isnt(scalar @$of_several, 0, 'on plain tables, statements are for several tenants');
my ($distributed, $judged, $offenders) = outcomes('distributed', 1);
is(join("\n", @$offenders), '', 'on distributed tables, each is for one tenant');
my $seen = join("\n", @$judged);
for my $part (@parts)
{
	like($seen, qr/\Q$part\E/, "seen: $part");
}
is($distributed, $plain, 'and the outcomes are the same');

done_testing();
