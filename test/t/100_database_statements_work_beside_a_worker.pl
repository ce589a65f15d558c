# Statements that need a database to themselves work although a worker is
# connected to it.  The worker leaves, and comes back if there still is a
# database; who may not run the statement does not stop it.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $dir = PostgreSQL::Test::Utils::tempdir();

# A worker in a database that was made without one, by its process id.
sub make_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	create_extension($node, $name);
	return wait_for_worker($node, $name);
}

# Another worker than before is there.
sub comes_back
{
	my ($name, $before, $what) = @_;

	poll_until(
		$node, qq{
		SELECT count(*) FROM pg_stat_activity
		WHERE backend_type LIKE 'extsched worker%' AND datname = '$name' AND pid <> $before
	}, 1);
	isnt(worker_pid($node, $name), $before, $what);
	return worker_pid($node, $name);
}

my $pid = make_database('one');

$node->safe_psql('postgres', 'ALTER DATABASE one RENAME TO two');
$pid = comes_back('two', $pid, 'a renamed database gets its worker back');

$node->safe_psql('postgres', 'BEGIN; ALTER DATABASE two RENAME TO three; ROLLBACK');
$pid = comes_back('two', $pid, 'also when the renaming is rolled back');

$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$dir'");
$node->safe_psql('postgres', 'ALTER DATABASE two SET TABLESPACE elsewhere');
$pid = comes_back('two', $pid, 'also when it has moved');

$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE two');
$pid = comes_back('two', $pid, 'also when it was copied');
ok(wait_for_worker($node, 'copy'), 'and the copy has a worker of its own');

# The same from inside of the database that is copied.
$node->safe_psql('two', 'CREATE DATABASE copy2 TEMPLATE two');
$pid = comes_back('two', $pid, 'a database can be copied from inside');

# Somebody else is in the way: the statement fails, the worker comes back.
my $session = $node->background_psql('two');
my ($status, $stdout, $stderr) =
  $node->psql('postgres', 'ALTER DATABASE two RENAME TO three');
isnt($status, 0, 'renaming fails while a client is connected');
like($stderr, qr/being accessed by other users/, 'with its usual message');
$pid = comes_back('two', $pid, 'and the worker comes back');
$session->quit;

# Nobody but those who may run the statement disturbs the worker.
$node->safe_psql('postgres', 'CREATE ROLE regress_outsider CREATEDB');
for my $statement (
	'DROP DATABASE two',
	'ALTER DATABASE two RENAME TO three',
	'CREATE DATABASE four TEMPLATE two')
{
	($status, $stdout, $stderr) =
	  $node->psql('postgres', "SET ROLE regress_outsider; $statement");
	isnt($status, 0, "refused: $statement");
	is(worker_pid($node, 'two'), $pid, 'and the worker stays');
}

for my $name ('two', 'copy', 'copy2')
{
	$node->safe_psql('postgres', "DROP DATABASE $name");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = '$name'"),
		'0', "$name can be dropped");
}
is( $node->safe_psql(
		'postgres', q{
		SELECT count(*) FROM pg_stat_activity
		WHERE backend_type LIKE 'extsched worker%'
	}),
	'0',
	'no worker is left');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/database \d+ does not exist/,
	'no worker looked for a dropped database');

done_testing();
