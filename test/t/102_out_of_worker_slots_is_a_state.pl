# When max_worker_processes is used up, the status says so, the log has it
# once, and it heals without a restart.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Slots: launcher, logical replication launcher, and two more.
my $node = new_node('main', max_worker_processes => 4);
my $why = q{SELECT extsched_status() ->> 'why'};

create_extension($node);
wait_for_worker($node);
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(second third);
create_extension($node, 'second');
poll_until($node, 'SELECT count(pid) FROM extsched.stat_workers', 1, 'second');

create_extension($node, 'third');
poll_until($node, $why,
	'out of worker slots: raise max_worker_processes and restart the server',
	'third');
is($node->safe_psql('third', q{SELECT extsched_status() ->> 'running'}),
	'false', 'it says that no schedule runs');
is($node->safe_psql('second', q{SELECT extsched_status() ->> 'running'}),
	'true', 'other databases are not concerned');

$node->safe_psql('postgres', 'DROP DATABASE second');
poll_until($node, 'SELECT extsched_status() ->> \'running\'', 'true', 'third');
is($node->safe_psql('third', "$why IS NULL"), 't', 'the state is cleared');

$node->stop('fast');
my @logged = slurp_file($node->logfile) =~ /extsched could not start a process/g;
cmp_ok(scalar @logged, '<=', 2, 'it was logged when it began, not again and again');
like(slurp_file($node->logfile), qr/extsched could start all its processes again/,
	'and when it was over');

done_testing();
