# Without the library preloaded CREATE EXTENSION works with a warning that
# says what to set, the API works, and the status says that no worker runs.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $node = new_node('plain', preload => 0);

my ($status, $stdout, $stderr) =
  $node->psql('postgres', 'CREATE EXTENSION extsched');
is($status, 0, 'CREATE EXTENSION succeeds');
like($stderr, qr/WARNING:.*shared_preload_libraries/s,
	'the warning names the setting');

install_demo($node, tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $id = create_schedule(
	$node,
	tenant => 'acme',
	install => 'a0000000-0000-4000-8000-000000000001',
	endpoint => 'POST /api/heartbeat',
	cron => '*/5 * * * *');
like($id, qr/^[0-9a-f-]{36}$/, 'a schedule can be created');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM extsched.stat_workers'),
	'0', 'the statistics of workers are empty');
is( $node->safe_psql('postgres', q{SELECT extsched_status() ->> 'preloaded'}),
	'false', 'the status says so');
check_sound($node);

done_testing();
