# A session that holds the lock of a due schedule, and does nothing else, delays
# that schedule alone; and the worker looks for it less and less often, down to
# once a second.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;
use Time::HiRes qw(time);

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');
my ($locked, $free) =
  map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 * * * *') } 1 .. 2;

my $session = $node->background_psql('postgres');
$session->query_safe("BEGIN; SELECT FROM extsched.schedule JOIN extsched.timer USING (tenant_id, schedule_id) WHERE schedule_id = '$locked' FOR UPDATE");
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$free'", 'succeeded');

# Eight looks take 50, 100, 200, 400, 800 and three times 1,000 ms at least; the
# first may have begun before.
my $looks = q{SELECT n FROM extsched.stat_events WHERE event = 'claim_empty'};
my $start = time;
my $before = $node->safe_psql('postgres', $looks);
poll_until($node, "SELECT ($looks) >= $before + 8");
cmp_ok(time - $start, '>', 3, 'it looks once a second in the end');
poll_until($node, q{SELECT xact_start IS NULL AND state = 'idle' FROM pg_stat_activity WHERE backend_type LIKE 'extsched worker%'});
pass('and has nothing open meanwhile');
$session->query_safe('ROLLBACK');
$session->quit;
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$locked'", 'succeeded');
pass('and finds it by itself when it is free');
check_sound($node);

$node->stop('fast');
done_testing();
