# A server that crashes amid a create, before its commit, keeps nothing of it;
# after the commit it keeps all of it.  The same for update and delete.  The
# log is written out before the crash, so that recovery meets the change.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my @at = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $pair = "'acme', 'a0000000-0000-4000-8000-000000000001'";

my $node = new_node('crash', 'extsched.workers_per_database' => 0);
create_extension($node);
install_demo($node, @at);
my $kept = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *');

# All there is of schedules: definitions, due times, audit records, charges.
sub state_of
{
	return $node->safe_psql('postgres', <<'SQL');
SELECT s.*, m.next_due, m.accounted_from FROM extsched.schedule AS s FULL JOIN extsched.timer AS m USING (tenant_id, schedule_id) ORDER BY schedule_id;
SELECT count(*) FROM extsched.audit;
SELECT called_at FROM extsched.install_limiter;
SQL
}

my %changes = (
	'host create' =>
	  qq{SELECT extsched_host($pair, 'create', '{"endpoint": "GET /api/status", "cron": "0 * * * *"}')},
	'create' => "SELECT extsched_create($pair, 'GET /api/status', '0 * * * *')",
	'update' => qq{SELECT extsched_update($pair, '$kept', '{"cron": "0 0 2 2 *"}')},
	'delete' => "SELECT extsched_delete($pair, '$kept')");

my $before = state_of();
foreach my $change ('host create', 'create', 'update', 'delete')
{
	my $session = $node->background_psql('postgres');
	$session->query_safe("BEGIN; $changes{$change}; SELECT pg_switch_wal();");
	$node->stop('immediate');
	eval { $session->quit };
	$node->start;
	is(state_of(), $before, "nothing is left of an unfinished $change");
}

$node->safe_psql('postgres', $changes{'host create'});
my $after = state_of();
$node->stop('immediate');
$node->start;
is(state_of(), $after, 'a finished create is there, whole');
check_sound($node);

done_testing();
