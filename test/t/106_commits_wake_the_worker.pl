# What makes something due earlier wakes the worker at commit: a plain commit,
# one of a transaction that was prepared in another session, an update of the
# extension; a rollback does not.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $node = new_node('main', max_prepared_transactions => 2);
my $wakes = q{SELECT n FROM extsched.stat_events WHERE event = 'wakes'};

create_extension($node);
my $pid = wait_for_worker($node);
poll_until($node, q{SELECT extsched_status() ->> 'running'}, 'true');

# Until the worker sleeps, any commit wakes it; a sleeping one is asked for.
my $before = $node->safe_psql('postgres', $wakes);
$node->safe_psql('postgres', 'BEGIN; SELECT extsched.wake_at_commit(); ROLLBACK');
is($node->safe_psql('postgres', $wakes), $before, 'a rollback wakes nobody');
$node->safe_psql('postgres', 'SELECT extsched.wake_at_commit()');
is($node->safe_psql('postgres', $wakes), $before + 1, 'a commit does');

$node->safe_psql('postgres',
	q{BEGIN; SELECT extsched.wake_at_commit(); PREPARE TRANSACTION 'later'});
is($node->safe_psql('postgres', $wakes), $before + 1, 'preparing does not');
$node->safe_psql('postgres', q{COMMIT PREPARED 'later'});
is($node->safe_psql('postgres', $wakes), $before + 2, 'committing what was prepared does');

# SQL of another version than the library: paused with a reason, and running
# again without a restart of the server.
$node->safe_psql('postgres',
	q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'extsched';
	  SELECT extsched.wake_at_commit()});
poll_until($node,
	q{SELECT extsched_status() ->> 'why' LIKE '%run ALTER EXTENSION extsched UPDATE'});
$node->safe_psql('postgres',
	q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'extsched';
	  SELECT extsched.wake_at_commit()});
poll_until($node, q{SELECT extsched_status() ->> 'running'}, 'true');

$node->stop('fast');
done_testing();
