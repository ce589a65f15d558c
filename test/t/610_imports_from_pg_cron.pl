# Jobs of the real pg_cron become schedules.  What the import understands, and
# what it leaves, is shown by sql/import_takes_only_what_it_understands.sql.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = {
	tenant => 'acme',
	install => 'ac000000-0000-4000-8000-000000000001'
};
my $node = PostgreSQL::Test::Cluster->new('main');

plan skip_all => 'pg_cron is not installed'
  unless -e $node->config_data('--sharedir') . '/extension/pg_cron.control';

$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'extsched,pg_cron'\ncron.database_name = 'postgres'\ncron.launch_active_jobs = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
create_extension($node);
install_demo($node, %$acme);

$node->safe_psql('postgres', q{
	SELECT cron.schedule('heartbeat', '*/10 * * * *',
		$$select net.http_post(url := 'https://api.example.com/api/heartbeat', body := '{"source": "cron"}'::jsonb)$$);
	SELECT cron.schedule('0 9 * * *', $$SELECT net.http_get('https://api.example.com/api/status')$$);
	SELECT cron.schedule('tidy', '0 3 * * *', 'DELETE FROM nothing');
	CREATE ROLE regress_importer LOGIN;
	SELECT extsched_grant('regress_importer', 'admin');
});

# An administrator imports; rights on pg_cron's table are not needed, and no
# command is shown.
sub import
{
	my $dry_run = shift;
	my ($status, $stdout, $stderr) = $node->psql('postgres',
		"SELECT * FROM extsched_import_pg_cron('acme', '$acme->{install}', dry_run => $dry_run)",
		extra_params => [ '-U', 'regress_importer' ]);
	return $status == 0 ? $stdout : $stderr;
}

my $plan = "1|heartbeat|create|\n2||create|\n3|tidy|skip|its command is not one call of net.http_post or net.http_get";
is(import('true'), $plan, 'a dry run tells what would be done');
is($node->safe_psql('postgres', 'SELECT count(*) FROM extsched.schedule'), '0', 'and does nothing');
is(import('false'), $plan, 'the import does what it told');
is($node->safe_psql('postgres',
		'SELECT name, endpoint_method, endpoint_path, cron, timezone, payload, enabled FROM extsched.schedules ORDER BY name'),
	qq(heartbeat|POST|/api/heartbeat|*/10 * * * *|UTC|{"source": "cron"}|t\n|GET|/api/status|0 9 * * *|UTC||t),
	'the schedules say what the jobs said');
like(import('false'), qr/^1\|heartbeat\|exists\|$/m, 'importing again changes nothing');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), '3', 'the jobs are left to their owner');
check_sound($node);

done_testing();
