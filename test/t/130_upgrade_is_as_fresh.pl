# Library and SQL of two versions do not work together, and say what to do; an
# updated database is as a fresh one.
#
# A rehearsal: the tree is made into a next version with a few more objects, and
# databases of the present one are updated to it.  Each script of a release that
# released/ keeps is updated to the present version in the same way.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use File::Basename qw(basename dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(dirname(dirname(__FILE__)));
my $tree = PostgreSQL::Test::Utils::tempdir() . '/next';
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $share = `$pg_config --sharedir`;
chomp $share;
my @at = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my ($now) = slurp_file("$root/extsched.control") =~ /^default_version = '(.*)'/m;
my $next = "$now.1";

sub edit
{
	my ($file, $from, $to) = @_;
	my $text = slurp_file("$tree/$file");

	$text =~ s/$from/$to/ or BAIL_OUT("$file: no $from");
	unlink "$tree/$file";
	append_to_file("$tree/$file", $text);
	return;
}

# The next version: what an addition to each kind of object would look like.
my $addition = <<'EOS';
ALTER TABLE extsched.runner ADD COLUMN rehearsal integer CHECK (rehearsal > 0);
COMMENT ON COLUMN extsched.runner.rehearsal IS 'Of no use.';
CREATE FUNCTION extsched.rehearsal() RETURNS integer LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 1';
REVOKE ALL ON FUNCTION extsched.rehearsal() FROM PUBLIC;
COMMENT ON FUNCTION extsched.rehearsal() IS 'Of no use.';
EOS
mkdir $tree;
system_or_bail('cp', '-pr', map({ "$root/$_" } qw(Makefile extsched.control src script)), $tree);
mkdir "$tree/build";
system_or_bail('cp', '-p', "$root/build/flags", "$tree/build/flags") if -e "$root/build/flags";
edit('Makefile', "EXTVERSION = \Q$now\E\n", "EXTVERSION = $next\n");
edit('extsched.control', "default_version = '\Q$now\E'", "default_version = '$next'");
edit('src/core/version.h', "EXTSCHED_VERSION \"\Q$now\E\"", "EXTSCHED_VERSION \"$next\"");
append_to_file("$tree/src/sql/98_rehearsal.sql", $addition);
append_to_file("$tree/extsched--$now--$next.sql", $addition . "SELECT extsched.installed();\n");
system_or_bail('make', '-s', '-C', $tree, "PG_CONFIG=$pg_config", 'temp-install');

# Beside it the scripts of the present version, and of those released before.
my @released = map { basename($_) =~ /^extsched--(.*)\.sql$/ } glob "$root/released/extsched--*.sql";
system_or_bail('cp', glob("$root/extsched--*.sql"), glob("$root/released/extsched--*.sql"),
	"$tree/build/install$share/extension/");

my $node = PostgreSQL::Test::Cluster->new('next', install_path => "$tree/build/install");
$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'extsched'\nextsched.workers_per_database = 1\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'fresh', 'updated';
$node->safe_psql('fresh', 'CREATE EXTENSION extsched');

# All that belongs to the extension, as a dump for pg_upgrade spells it out, but
# for the OIDs; and what of it pg_dump dumps.
sub catalogue
{
	my ($dbname) = @_;
	my ($dump, $errors) = run_command([ 'pg_dump', '--binary-upgrade', '--schema-only', '-d', $node->connstr($dbname) ]);

	$dump =~ s/^.*binary_upgrade_.*\n//mg;
	$dump =~ s/^'\d+'.*\n//mg;
	$dump =~ s/^.*relfrozenxid.*\n//mg;
	$dump =~ s/^WHERE oid = '\d+';\n//mg;
	$dump =~ s/^\\(un)?restrict .*\n//mg;
	return $dump . $node->safe_psql($dbname, q{
		SELECT extversion, ARRAY(SELECT t.oid::regclass || ' ' || coalesce(condition, '')
			FROM unnest(extconfig, extcondition) AS c (oid, condition) JOIN pg_class AS t USING (oid) ORDER BY 1)
		FROM pg_extension WHERE extname = 'extsched'});
}

# The same lines; pg_dump orders by name, and so may differ in nothing else.
sub same_catalogue
{
	my ($dbname, $what) = @_;
	my %count;

	$count{$_}++ for split /\n/, catalogue('fresh');
	$count{$_}-- for split /\n/, catalogue($dbname);
	is(join('', map { "$count{$_} $_\n" } grep { $count{$_} } sort keys %count), '', $what);
	return;
}

# The present version in a database that the next library meets.
$node->safe_psql('updated', "CREATE EXTENSION extsched VERSION '$now'");
isnt(catalogue('updated'), catalogue('fresh'), 'before the update the catalogues differ');
my $hint = qr/ALTER EXTENSION extsched UPDATE TO '\Q$next\E'/;
for my $call (
	q{SELECT extsched_create('acme', 'a0000000-0000-4000-8000-000000000001', 'POST /a', '0 0 * * *')},
	q{SELECT extsched_host('acme', 'a0000000-0000-4000-8000-000000000001', 'list', '{}')},
	q{SELECT extsched_claim('default', 1)},
	q{SELECT extsched_set_runner('default', 'http', 'http://127.0.0.1:1')})
{
	my ($status, undef, $stderr) = $node->psql('updated', $call);
	my ($name) = $call =~ /(extsched_\w+)/;

	like($stderr, $hint, "$name: the hint is what to run");
}
poll_until($node, "SELECT extsched_status() ->> 'why'",
	'library and extension differ in version: run ALTER EXTENSION extsched UPDATE', 'updated');
$node->safe_psql('updated', 'ALTER EXTENSION extsched UPDATE');
same_catalogue('updated', 'an updated database is as a fresh one');
install_demo($node, @at, dbname => 'updated');
like(create_schedule($node, @at, dbname => 'updated', endpoint => 'POST /api/heartbeat', cron => '0 0 * * *'),
	qr/^[-0-9a-f]{36}$/, 'and works');
poll_until($node, "SELECT extsched_status() ->> 'running'", 'true', 'updated');

# An older library meets newer SQL: the hint is another.
$node->safe_psql('updated', "UPDATE pg_extension SET extversion = '$next.1' WHERE extname = 'extsched'");
my (undef, undef, $stderr) = $node->psql('updated', "SELECT extsched_host('acme', NULL, 'list', '{}')");
like($stderr, qr/Install the library of version \Q$next\E\.1/, 'an older library is told from a newer one');

for my $version (@released)
{
	(my $dbname = "from_$version") =~ tr/./_/;
	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql($dbname, "CREATE EXTENSION extsched VERSION '$version'");
	$node->safe_psql($dbname, 'ALTER EXTENSION extsched UPDATE');
	same_catalogue($dbname, "from $version too");
}

$node->stop('fast');
done_testing();
