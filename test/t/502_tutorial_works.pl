# docs/tutorial.md does what it says: its sh and sql blocks are run in their
# order, in one folder and one database, and the text block behind a sql block
# is what psql shows.  Only its ports are replaced, by free ones.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Cwd qw(getcwd);
use IPC::Run qw(run timeout);
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'python3-psycopg2 is not installed'
  if system("/usr/bin/python3 -c 'import psycopg2' 2>/dev/null") != 0;

my $tree = getcwd();
my $node = new_node('main');
create_extension($node);
wait_for_worker($node);

my %port_of = map { $_ => PostgreSQL::Test::Cluster::get_free_port() } 8001, 8002;
my $text = slurp_file('docs/tutorial.md');
$text =~ s/\b(8001|8002)\b/$port_of{$1}/g;

my $folder = PostgreSQL::Test::Utils::tempdir();
chdir $folder or die "chdir: $!";
local %ENV = ($node->_get_env(PGDATABASE => 'postgres', PGUSER => 'postgres'),
	EXAMPLES => "$tree/examples", ROUTE_PORT => $port_of{8001}, RUNNER_PORT => $port_of{8002});

# The shell of sh blocks is one for all, because they share what they start.
# It says when it is through with a block.
my ($to_shell, $from_shell) = ('', '');
my $patience = IPC::Run::timer(60);
my $shell = IPC::Run::start([ 'bash', '-e' ], '<', \$to_shell, '>', \$from_shell, '2>', \my $shell_errors, $patience);

sub run_sh
{
	my ($block, $number) = @_;

	$patience->start(60);
	$to_shell .= "$block\necho; echo done $number\n";
	eval { $shell->pump until $from_shell =~ /^done $number$/m || !$shell->pumpable || $patience->is_expired; 1 }
	  or return "$@ $shell_errors";
	return $from_shell =~ /^done $number$/m ? '' : "the shell ended: $shell_errors";
}

sub run_sql
{
	my ($block, $shown) = @_;
	my ($output, $errors) = ('', '');

	run([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off', '-f', '-' ], '<', \$block, '>', \$output, '2>', \$errors)
	  or return $errors;
	return '' unless defined $shown;
	# the last of the results; psql's padding is not what matters
	s/\h+/ /g, s/-{2,}/--/g, s/\h+$//mg, s/\s+\z// for $output, $shown;
	return index($output, $shown) >= 0 ? '' : "shown:\n$shown\nis:\n$output";
}

my ($number, $shown) = (0, 0);
while ($text =~ /^```(sh|sql)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?/msg)
{
	my ($language, $block, $result) = ($1, $2, $3);
	my $first = (split /\n/, $block)[0];

	$number++;
	$shown++ if defined $result;
	is($language eq 'sh' ? run_sh($block, $number) : run_sql($block, $result), '', "$language: $first")
	  or last;
}
cmp_ok($number, '>=', 15, 'there were blocks to run');
cmp_ok($shown, '>=', 8, 'and results to compare');

run_sh('kill $(jobs -p)', 'killing');
$shell->finish if $shell->pumpable;
chdir $tree;
check_sound($node);

done_testing();
