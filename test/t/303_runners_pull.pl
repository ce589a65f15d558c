# The second transport: NOTIFY wakes, a claim leases runs under all caps, an
# expired lease is taken over under the same key, a stale one changes nothing.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main');
create_extension($node);
install_demo($node, @at);
allow_every_minute($node, $tenant);
wait_for_worker($node);
$node->safe_psql('postgres', qq{
	SELECT extsched_set_runner('pull', 'notify');
	SELECT extsched_configure_install('$tenant', '$install', '{"runner": "pull"}');
	CREATE ROLE regress_puller LOGIN;
	CREATE ROLE regress_other LOGIN;
	SELECT extsched_grant('regress_puller', 'runner', 'pull');
	SELECT extsched_grant('regress_other', 'runner', 'another')});
travel_to($node, '2030-01-02 11:30:00+00');

sub psql_as
{
	my ($role, $query) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$query",
		connstr => $node->connstr('postgres') . " user=$role", timeout => 30);

	return $stdout ne '' ? $stdout : $stderr;
}

my @ids = map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat',
		cron => '0 12 * * *', payload => '{"a": 1}',
		options => '{"max_attempts": 2, "backoff_s": 0}') } 1 .. 3;
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'pending'", '3');

like(psql_as('regress_other', "SELECT * FROM extsched_claim('pull')"),
	qr/42501/, 'another Runner may not claim');
is(psql_as('regress_puller', "SELECT count(*) FROM extsched_claim('pull', 0)") =~ /22023/ ? 1 : 0,
	1, 'a number out of range is refused');

my $row = psql_as('regress_puller',
	"SELECT run, lease, idempotency_key = run::text, request #>> '{context,trigger}',"
	  . " request #>> '{context,attempt}', convert_from(decode(request #>> '{http,body_b64}', 'base64'), 'UTF8')"
	  . " FROM extsched_claim('pull', 1, 3600)");
my ($run, $lease, @rest) = split /\|/, $row;
is("@rest", 't schedule 1 {"a": 1}', 'a claim has the request of the contract');
is($node->safe_psql('postgres', "SELECT state, lease_owner FROM extsched.run WHERE run_id = '$run'"),
	'running|role:regress_puller', 'the run is leased');

is(psql_as('regress_puller', "SELECT extsched_heartbeat('$run', '$lease', 3600)"), 't', 'a heartbeat extends');
is(psql_as('regress_other', "SELECT extsched_heartbeat('$run', '$lease', 3600)"), 'f', 'not for others');
is(psql_as('regress_other', "SELECT extsched_complete('$run', '$lease', '{\"status\": 200}')"),
	'stale', 'others cannot complete it');
is(psql_as('regress_puller', "SELECT extsched_complete('$run', '$lease', '{\"status\": 503, \"error\": \"busy\"}')"),
	'retrying', 'a 503 is tried again');
is(psql_as('regress_puller', "SELECT extsched_complete('$run', '$lease', '{\"status\": 200}')"),
	'stale', 'a lease is good for one answer');

# All three are to be had now; the caps hold.
$node->safe_psql('postgres', "SELECT extsched_set_runner('pull', 'notify', NULL, '{\"max_in_flight\": 2}')");
is(psql_as('regress_puller', "SELECT count(*) FROM extsched_claim('pull', 10, 3600)"), '2',
	'no more than the cap of the Runner');
is(psql_as('regress_puller', "SELECT count(*) FROM extsched_claim('pull', 10, 3600)"), '0',
	'also over several claims');

# A consumer dies: its leases expire, and the runs can be claimed again.
my $key = $node->safe_psql('postgres',
	"SELECT run_id FROM extsched.run WHERE state = 'running' AND attempt = 1 ORDER BY run_id LIMIT 1");
my $old = $node->safe_psql('postgres', "SELECT lease_id FROM extsched.run WHERE run_id = '$key'");
travel_to($node, '2030-01-02 13:00:30+00');
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$key'", 'failed');
is($node->safe_psql('postgres', "SELECT reason FROM extsched.run WHERE run_id = '$key'"),
	'max_age', 'a run that is too old is not tried again');
is(psql_as('regress_puller', "SELECT extsched_complete('$key', '$old', '{\"status\": 200}')"),
	'stale', 'an expired lease changes nothing');

$node->safe_psql('postgres', "SELECT extsched_run_now('$tenant', '$install', '$ids[0]')");
my $first = psql_as('regress_puller', "SELECT run, lease FROM extsched_claim('pull', 1, 1)");
poll_until($node, "SELECT state, attempt FROM extsched.run WHERE run_id = '" . (split /\|/, $first)[0] . "'",
	'retrying|1');
my $second = psql_as('regress_puller', "SELECT run, lease FROM extsched_claim('pull', 1, 60)");
is((split /\|/, $second)[0], (split /\|/, $first)[0], 'redelivered under the same key');
isnt((split /\|/, $second)[1], (split /\|/, $first)[1], 'with another lease');
is(psql_as('regress_puller', "SELECT extsched_complete('" . join("', '", split /\|/, $second) . "', '{\"status\": 204}')"),
	'succeeded', 'and completed');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state IN ('pending', 'running', 'retrying')", '0');
check_sound($node);

done_testing();
