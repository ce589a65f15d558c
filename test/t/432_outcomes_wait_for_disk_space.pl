# When the disk is full, outcomes of runs cannot be written.  They are kept in
# memory, no more of them than a bound, and written when there is space again;
# nothing is sent twice, and the log is not filled with it.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);
my $slots = 30;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $full = "$dir/full";

system_or_bail($ENV{CC} // 'cc', '-shared', '-fPIC', '-O', '-Wall', '-Werror', '-o', "$dir/disk_full.so",
	'test/faults/disk_full.c', '-ldl');
my $node;
{
	local $ENV{LD_PRELOAD} = join ':', grep { defined } $ENV{LD_PRELOAD}, "$dir/disk_full.so";
	local $ENV{EXTSCHED_TEST_DISK_FULL} = $full;
	$node = new_node('main', autovacuum => 'off', 'extsched.max_in_flight' => $slots);
}
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, 'acme');
my $pid = wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');
$node->safe_psql('postgres', 'CREATE TABLE filler (text text)');
$node->safe_psql('postgres', qq{
	SELECT count(extsched_create('acme', '$install', 'POST /api/heartbeat', '0 12 * * *'))
	FROM generate_series(1, 3 * $slots)});

my $reply = '"body": "{\\"status\\": 200, \\"body_b64\\": \\"' . 'A' x 400 . '\\"}"';
set_fault($runner, qq({"hold": true, $reply}));
travel_to($node, '2030-01-02 12:00:01+00');
wait_for_requests($runner, $slots);
append_to_file($full, '');
my ($status, undef, $stderr) = $node->psql('postgres',
	q{INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 100)});
like($stderr, qr/could not extend file .*No space left on device/, 'the disk is full');
set_fault($runner, "{$reply}");

# The figures of the worker are in shared memory.
my $queued = 'SELECT sum(queued) FROM extsched.stat_workers';
poll_until($node, "SELECT ($queued) > 0 AND sum(in_flight) = 0 FROM extsched.stat_workers");
poll_until($node, q{SELECT n > 8 FROM extsched.stat_events WHERE event = 'worker_errors'});
cmp_ok($node->safe_psql('postgres', $queued), '<=', 4 * $slots, 'outcomes are kept, within a bound');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM extsched.run WHERE state = 'running'}),
	'>', 0, 'as they cannot be written');
is(worker_pid($node), $pid, 'the worker lives on');
my @logged = slurp_file($node->logfile) =~ /extsched worker.*No space left|No space left.*/g;
cmp_ok(scalar @logged, '<=', 4, 'and does not fill the log');

unlink $full or die "could not remove $full: $!";
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", 3 * $slots);
poll_until($node, $queued, 0);
my $stats = runner_stats($runner);
is("$stats->{arrivals} $stats->{redelivered}", 3 * $slots . ' 0', 'with space again all is written, and nothing was sent twice');
is($node->safe_psql('postgres', 'SELECT max(attempt) FROM extsched.run'), '1', 'each with its first attempt');
check_sound($node);

$node->stop('fast');
done_testing();
