# Launcher and worker exist on a primary only, and appear with promotion.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = new_node('primary', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
create_extension($node);
wait_for_worker($node);
$node->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

is( $standby->safe_psql('postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'extsched%'}),
	'0', 'nothing of extsched runs on a standby');
is( $standby->safe_psql('postgres', q{SELECT extsched_status() ->> 'why'}),
	'no worker runs: the server is in recovery',
	'the status says why');

$node->stop('immediate');
$standby->promote;
ok(wait_for_worker($standby), 'a worker appears with promotion');
poll_until($standby, q{SELECT extsched_status() ->> 'running'}, 'true');

$standby->stop('fast');
done_testing();
