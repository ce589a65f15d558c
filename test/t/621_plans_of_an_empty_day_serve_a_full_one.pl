# A partition that ANALYZE found empty is planned for as if it were full: writing
# outcomes reads the rows that it changes, however many the day has by then.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenants = 10;
my $runs = 1_000;
my $each = $runs / $tenants;

# Few slots make many batches; nothing comes to correct the statistics.
my $node = new_node('main', autovacuum => 'off', 'extsched.max_in_flight' => 16);
my $runner = start_runner();
create_extension($node);
set_runner($node, $runner);
travel_to($node, '2030-01-02 11:59:30+00');
for my $n (1 .. $tenants)
{
	my $install = sprintf('a0000000-0000-4000-8000-%012d', $n);

	install_demo($node, tenant => "tenant$n", install => $install);
	allow_every_minute($node, "tenant$n");
	$node->safe_psql('postgres', qq{
		SELECT extsched_set_limits('tenant$n', NULL, '{"max_schedules": -1, "mutations_per_minute": -1}');
		SELECT count(extsched_create('tenant$n', '$install', 'POST /api/heartbeat', '0 12 * * *'))
		FROM generate_series(1, $each)});
}
wait_for_worker($node);
$node->safe_psql('postgres', 'ANALYZE');

travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", $runs);

# A process that ends reports all it has counted.
my $leaf = $node->safe_psql('postgres', "SELECT 'run_' || to_char(extsched.run_slot('2030-01-02 12:00+00'), 'FM00')");
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM extsched.stat_workers');
poll_until($node, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE schemaname = 'extsched' AND relname = '$leaf'", $runs);
my $read = $node->safe_psql('postgres',
	"SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'extsched' AND relname = '$leaf'");
cmp_ok($read, '<=', 8 * $runs, 'index entries read for each run of the day are a handful');
note("$read index entries for $runs runs");
check_sound($node);

$node->stop('fast');
done_testing();
