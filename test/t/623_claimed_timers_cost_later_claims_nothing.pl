# Claims that take turns come back to each tenant many times in one minute: the
# timers that they have claimed there before cost the next ones nothing.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenants = 10;
my $each = 200;
my $count = $tenants * $each;

my $node = new_node('main', autovacuum => 'off', 'extsched.max_in_flight' => 8);
set_up_platform($node);
travel_to($node, '2030-01-02 11:30:00+00');
install_demo_for_each($node, $tenants);
$node->safe_psql('postgres', qq{
	SELECT count(extsched_create(tenant_id, install_id, 'POST /api/heartbeat', '0 12 * * *', payload => '{}'))
	FROM extsched.install, generate_series(1, $each)});
wait_for_worker($node);

# Entries of the index that scans have come across, and changes of timers, which
# the worker reports together.
my $entries = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'timer_tenant_due'";
my $changes = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE schemaname = 'extsched' AND relname = 'timer'";
my $entries_before = $node->safe_psql('postgres', $entries);
my $changes_before = $node->safe_psql('postgres', $changes);
travel_to($node, '2030-01-02 12:00:01+00');
# a look at the tables would keep entries that are dead
poll_until($node, "SELECT sum(runs) FROM extsched.stat_dispatch WHERE state = 'succeeded'", $count);
poll_until($node, "SELECT ($changes) >= $changes_before + 2 * $count", 't');
my $read = $node->safe_psql('postgres', $entries) - $entries_before;
cmp_ok($read, '<=', 6 * $count, "$count timers of $tenants tenants were claimed in turn, and no more than six entries read for each");
note("$read entries read");

check_sound($node);
$node->stop('fast');
done_testing();
