# The launcher finds a database that gets the extension while the server
# runs, and one that loses it again; no restart is needed.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main');
my $runner = start_runner();
create_extension($node);
wait_for_worker($node);

$node->safe_psql('postgres', 'CREATE DATABASE later');
create_extension($node, 'later');
wait_for_worker($node, 'later');
pass('the later database has a worker');

set_runner($node, $runner, dbname => 'later');
install_demo($node, @at, dbname => 'later');
my $id = create_schedule($node, @at,
	dbname => 'later',
	endpoint => 'POST /api/heartbeat',
	cron => '0 0 1 1 *');
my $run = $node->safe_psql('later',
	"SELECT extsched_run_now('$tenant', '$install', '$id')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'",
	'succeeded', 'later');
check_sound($node, 'later');

$node->safe_psql('later', 'DROP EXTENSION extsched CASCADE; DROP SCHEMA IF EXISTS extsched CASCADE');
poll_until($node, q{
	SELECT count(*) FROM pg_stat_activity
	WHERE backend_type LIKE 'extsched worker%' AND datname = 'later'
}, 0);
$node->safe_psql('postgres', 'DROP DATABASE later');
pass('the database can be dropped');
ok(worker_pid($node), 'the first database still has its worker');

done_testing();
