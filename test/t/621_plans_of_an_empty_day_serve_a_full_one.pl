# A partition that ANALYZE found empty is planned for as if it were full: writing
# outcomes reads the rows that it changes, however many the day has by then.
# That holds for the worker, and for a Runner that pulls.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenants = 10;
my $runs = 1_000;
my $each = $runs / $tenants;

# Few slots make many batches; nothing comes to correct the statistics.
my $node = new_node('main', autovacuum => 'off', 'extsched.max_in_flight' => 16);
my $runner = set_up_platform($node);
travel_to($node, '2030-01-02 11:30:00+00');
install_demo_for_each($node, $tenants);
$node->safe_psql('postgres', qq{
	SELECT count(extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 12 * * *'))
	FROM extsched.install, generate_series(1, $each)});
wait_for_worker($node);
$node->safe_psql('postgres', 'ANALYZE');

travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", $runs);
my $leaf = $node->safe_psql('postgres', "SELECT 'run_' || to_char(extsched.run_slot('2030-01-02 12:00+00'), 'FM00')");
poll_until($node, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE schemaname = 'extsched' AND relname = '$leaf'", $runs);
my $read = $node->safe_psql('postgres',
	"SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'extsched' AND relname = '$leaf'");
cmp_ok($read, '<=', 8 * $runs, 'index entries read for each run of the day are a handful');
note("$read index entries for $runs runs");

$node->safe_psql('postgres', qq{
	SELECT extsched_set_runner('pull', 'notify');
	SELECT extsched_configure_install(tenant_id, install_id, '{"runner": "pull"}') FROM extsched.install;
	SELECT count(extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '10 12 * * *'))
	FROM extsched.install, generate_series(1, $each)});
travel_to($node, '2030-01-02 12:10:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'pending'", $runs);

# Pull 16 runs and end them; rows read from the partition one after the other,
# and whether those found by index are no more than so many for each run.
sub pull
{
	my ($claimed, $each) = @_;

	return $node->safe_psql('postgres', qq{
		BEGIN;
		SELECT count(extsched_complete(run, lease, '{"status": 200}')) FROM $claimed;
		SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE schemaname = 'extsched' AND relname = '$leaf';
		SELECT sum(idx_tup_fetch) <= $each * 16 FROM pg_stat_xact_user_tables WHERE schemaname = 'extsched' AND relname = '$leaf';
		COMMIT});
}

is(pull(q{extsched_claim('pull', 16)}, 16), "16\n0\nt", 'a Runner that pulls reads no more than the runs it gets');
is(pull(q{(SELECT run, lease, extsched_heartbeat(run, lease) AS goes_on FROM extsched_claim('pull', 16) OFFSET 0) c WHERE goes_on}, 32),
	"16\n0\nt", 'nor does one that extends its leases, whose rows have one version more');
check_sound($node);

$node->stop('fast');
done_testing();
