# A tenant at its cap, with more runs that have waited for longest than a claim asks
# for, is passed by: claims go from tenant to tenant, and read few more runs than
# they get, however many wait.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use List::Util qw(sum0);
use Test::More;

plan skip_all => 'tables that are distributed ask each tenant' if $ENV{EXTSCHED_DISTRIBUTED};

my $tenants = 100;
my $each = 5;
my $max_runs = 10;

my $node = new_node('main', shared_preload_libraries => 'extsched,auto_explain',
	'auto_explain.log_min_duration' => 0, 'auto_explain.log_nested_statements' => 'on',
	'auto_explain.log_analyze' => 'on', 'auto_explain.log_timing' => 'off',
	'extsched.max_in_flight' => 1000);
create_extension($node);
install_demo_for_each($node, $tenants);
$node->safe_psql('postgres', q{
	SELECT extsched_set_runner('default', 'notify');
	SELECT extsched_set_limits('tenant1', NULL, '{"max_in_flight": 1}')});
wait_for_worker($node);

sub run_now
{
	my ($count, $which) = @_;

	$node->safe_psql('postgres', qq{
		SELECT count(extsched_run_now(tenant_id, install_id, extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 0 1 1 *')))
		FROM extsched.install, generate_series(1, $count) WHERE $which});
}

# Of so many claims in one session: runs got by each, and waiting runs locked by all.
sub claim
{
	my ($claims) = @_;

	look_now($node);
	my $from = -s $node->logfile;
	my @got = split /\n/, $node->safe_psql('postgres',
		join('', map { "SELECT count(*) FROM extsched_claim('default', $max_runs, 3600);" } 1 .. $claims));
	my $locked = sum0(waiting_runs_locked($node, $from));

	note("got @got, locked $locked");
	return (\@got, $locked);
}

run_now(2 * $max_runs, "tenant_id = 'tenant1'");
is("@{(claim(1))[0]}", '1', 'a tenant gets what its cap allows');
run_now($each, "tenant_id <> 'tenant1'");

my $claims = int(($tenants - 1) / $max_runs);
my ($got, $locked) = claim($claims);
is("@$got", "@{[ ($max_runs) x $claims ]}", 'claims find the runs of others behind those of a tenant at its cap');
cmp_ok($locked, '<', 6 * $max_runs * $claims, 'and read few more than they get');
my $served = "SELECT count(DISTINCT tenant_id) FROM extsched.run WHERE state = 'running'";
is($node->safe_psql('postgres', $served), 1 + $max_runs * $claims, 'each those of tenants that had none yet');

$node->safe_psql('postgres', q{
	SELECT count(extsched_set_limits(tenant_id, NULL, '{"max_in_flight": 1}')) FROM extsched.tenant});
claim($tenants / $max_runs);
is($node->safe_psql('postgres', $served), $tenants, 'in the end all have');
($got, $locked) = claim(1);
is("@$got|$locked", "0|$max_runs", 'when all are at their caps, no more than the oldest runs are read');

my $running = $node->safe_psql('postgres', "SELECT count(*) FROM extsched.run WHERE state = 'running'");
$node->safe_psql('postgres', qq{
	SELECT count(extsched_set_limits(tenant_id, NULL, '{"max_in_flight": -1}')) FROM extsched.tenant;
	SELECT extsched_set_runner('default', 'notify', options => '{"max_in_flight": $running}')});
($got, $locked) = claim(1);
is("@$got|$locked", '0|0', 'a Runner that has all it may have gets nothing, and nothing is read');
check_sound($node);

$node->stop('fast');
done_testing();
