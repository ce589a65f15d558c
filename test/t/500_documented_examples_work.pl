# Every SQL example of README and docs/ runs as it stands.  The README makes the
# install that the other documents use; each of them starts anew from there.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $node = new_node('main');

sub sql_blocks
{
	my $file = shift;

	open my $handle, '<', $file or die "$file: $!";
	my $text = do { local $/; <$handle> };
	close $handle;
	return $text =~ /^\h*```sql\n(.*?)^\h*```$/msg;
}

sub run_blocks
{
	my ($database, @blocks) = @_;
	my $failures = '';

	foreach my $block (@blocks)
	{
		my ($status, undef, $error) = $node->psql($database, $block,
			extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);
		$failures .= "$error\nin\n$block" if $status != 0;
	}
	return $failures;
}

my @ground = grep { !/CREATE EXTENSION/ } sql_blocks('README.md');
cmp_ok(scalar @ground, '>=', 1, 'the README has an example');

my $number = 0;
foreach my $file ('README.md', glob 'docs/*.md')
{
	my @blocks = grep { !/CREATE EXTENSION/ } sql_blocks($file);
	next unless @blocks;

	my $database = 'doc' . $number++;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	create_extension($node, $database);
	is($file eq 'README.md' ? '' : run_blocks($database, @ground), '', "ground for $file")
	  or next;
	is(run_blocks($database, @blocks), '', "the examples of $file work");
}

my $bindir = $node->config_data('--bindir');
$node->safe_psql('postgres', 'CREATE EXTENSION extsched');
{
	local %ENV = $node->_get_env(PGDATABASE => 'postgres');
	is(system('script/sql-reference', '--check'), 0, 'docs/sql-reference.md is current');
}

done_testing();
