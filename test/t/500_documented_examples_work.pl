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

# What the examples of a document find in their database: schedulers to move from.
my %ground = (
	'docs/migrating.md' => q{
		CREATE SCHEMA cron;
		CREATE TABLE cron.job (jobid bigint, jobname text, schedule text, command text, database text, active boolean);
		INSERT INTO cron.job VALUES
			(1, 'sync', '*/15 * * * *', $$select net.http_post('https://api.example.com/api/sync', '{"full": true}')$$, current_database(), true),
			(2, 'vacuum', '0 3 * * *', 'VACUUM', current_database(), true);
		CREATE SCHEMA pgboss;
		CREATE TABLE pgboss.schedule (name text, cron text, timezone text, data jsonb, options jsonb);
		INSERT INTO pgboss.schedule VALUES ('sync-orders', '0 6 * * *', 'UTC', '{"what": "orders"}', '{}');
		CREATE SCHEMA platform;
		CREATE TABLE platform.extension_endpoint (id integer, method text, path text);
		INSERT INTO platform.extension_endpoint VALUES (1, 'POST', '/api/sync');
		CREATE TABLE platform.extension_schedule (id integer, tenant_id text, install_id uuid, endpoint_id integer, cron text,
			timezone text, name text, payload jsonb, enabled boolean);
		INSERT INTO platform.extension_schedule VALUES
			(5, 'acme', '11111111-1111-4111-8111-111111111111', 1, '@daily', 'Europe/Berlin', 'nightly', NULL, true);
	});

my @ground = grep { !/CREATE EXTENSION/ } sql_blocks('README.md');
cmp_ok(scalar @ground, '>=', 1, 'the README has an example');

my %database_of;
# The tutorial is one story, told by 502_tutorial_works.pl.
foreach my $file ('README.md', grep { $_ ne 'docs/tutorial.md' } glob 'docs/*.md')
{
	my @blocks = grep { !/CREATE EXTENSION/ } sql_blocks($file);
	next unless @blocks;

	my $database = $database_of{$file} = 'doc' . scalar keys %database_of;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	create_extension($node, $database);
	is($file eq 'README.md' ? '' : run_blocks($database, @ground, $ground{$file} // ()), '', "ground for $file")
	  or next;
	is(run_blocks($database, @blocks), '', "the examples of $file work");
}

is($node->safe_psql($database_of{'docs/migrating.md'},
	'SELECT string_agg(name, $$ $$ ORDER BY name COLLATE "C") FROM extsched.schedules'),
	'morning sync moved sync nightly sync sync-orders', 'what was to be moved is there');

$node->safe_psql('postgres', 'CREATE EXTENSION extsched');
{
	local %ENV = $node->_get_env(PGDATABASE => 'postgres');
	is(system('script/sql-reference', '--check'), 0, 'docs/sql-reference.md is current');
}

done_testing();
