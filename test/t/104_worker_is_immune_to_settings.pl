# What is set for a database, a role or the server does not change what a
# worker does: it pins its session.  Fast shutdown is prompt also while a
# synchronous standby is gone.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my @at = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $node = new_node('main');

create_extension($node);
$node->safe_psql('postgres', 'CREATE DATABASE outside');
for my $setting (
	[ 'default_transaction_read_only', 'on' ],
	[ 'default_transaction_isolation', 'serializable' ],
	[ 'default_transaction_deferrable', 'on' ],
	[ 'session_replication_role', 'replica' ],
	[ 'search_path', 'nowhere' ],
	[ 'statement_timeout', '1' ],
	[ 'lock_timeout', '1' ],
	[ 'enable_indexscan', 'off' ],
	[ 'DateStyle', 'German' ])
{
	my ($name, $value) = @$setting;
	$node->safe_psql('outside', "ALTER DATABASE postgres SET $name = '$value'");
}

# As any administrator would have to.
$ENV{PGOPTIONS} = '-c default_transaction_read_only=off -c statement_timeout=0'
  . ' -c lock_timeout=0 -c session_replication_role=origin -c search_path=public'
  . ' -c default_transaction_isolation=read\ committed';

my $pid = wait_for_worker($node);
kill 'TERM', $pid;
poll_until($node,
	"SELECT count(*) FROM extsched.stat_workers WHERE state = 'running' AND pid <> $pid",
	1);

# Taking its epoch is a write: it shows that the worker can.
install_demo($node, @at);
create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 3 * * *');
poll_until($node, 'SELECT min(epoch) > 0 FROM extsched.stat_workers');
is($node->safe_psql('postgres', q{SELECT extsched_status() ->> 'running'}),
	'true', 'the worker runs');
is( $node->safe_psql('postgres', "SELECT n FROM extsched.stat_events WHERE event = 'worker_errors'"),
	'0', 'without an error');

# extsched's own settings of the database do count, at the next reload.
$node->safe_psql('outside', 'ALTER DATABASE postgres SET extsched.enabled = off');
$node->reload;
poll_until($node, q{SELECT extsched_status() ->> 'why'}, 'extsched.enabled is off');
$node->safe_psql('outside', 'ALTER DATABASE postgres RESET extsched.enabled');
$node->reload;
poll_until($node, q{SELECT extsched_status() ->> 'running'}, 'true');

# A standby that commits have to wait for is not there.
$node->safe_psql('outside', q{ALTER SYSTEM SET synchronous_standby_names = 'gone'});
$node->reload;
poll_until($node, 'SHOW synchronous_standby_names', 'gone', 'outside');
$pid = worker_pid($node);
kill 'TERM', $pid;
poll_until($node,
	"SELECT count(*) FROM extsched.stat_workers WHERE epoch > 0 AND pid <> $pid",
	1);
stops_fast($node, 'fast shutdown does not wait for the standby', sub { wait_for_workers($node, 1) });

done_testing();
