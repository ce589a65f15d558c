# A hundred sessions create at once where fifty schedules fit: exactly fifty
# are stored, and each of the others is told the quota.  A minute that has room
# for ten calls accepts ten of a hundred.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $install = '20000000-0000-4000-8000-000000000001';
my $clients = 50;

my $node = new_node('storm', max_connections => 2 * $clients + 20);
create_extension($node);
$node->safe_psql('postgres', <<"SQL");
SELECT extsched_register_version('10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000000', 'h', '{"capabilities": ["cap:scheduler.manage"],
    "endpoints": [{"method": "GET", "path": "/a", "handler": "h"}]}');
SELECT extsched_install(tenant, '$install', '10000000-0000-4000-8000-000000000001', '{cap:scheduler.manage}') FROM unnest('{sql,host,mixed,minute}'::text[]) AS tenant;
SELECT extsched_set_limits(tenant, NULL, '{"mutations_per_minute": -1}') FROM unnest('{sql,host,mixed}'::text[]) AS tenant;
CREATE TABLE answer (tenant text, code text);
-- Create, and keep what was answered.
CREATE FUNCTION try_create(tenant text, face text) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE code text;
BEGIN
    IF face = 'host' THEN
        code := coalesce(extsched_host(tenant, '$install', 'create', '{"endpoint": "GET /a", "cron": "0 * * * *"}') ->> 'code', 'created');
    ELSE
        BEGIN
            PERFORM extsched_create(tenant, '$install', 'GET /a', '0 * * * *');
            code := 'created';
        EXCEPTION WHEN OTHERS THEN
            code := sqlstate;
        END;
    END IF;
    INSERT INTO answer VALUES (tenant, code);
END \$\$;
SQL

# Let all clients begin together, two calls each.
sub storm
{
	my ($name, $script) = @_;
	my $file = $node->basedir . "/$name.sql";

	append_to_file($file, $script);
	$node->command_ok(
		[
			'pgbench', '--no-vacuum', '--client', $clients, '--jobs', '2',
			'--transactions', '2', '--file', $file, 'postgres'
		],
		"storm of $name");
	return;
}

sub answers
{
	my ($tenant) = @_;
	return $node->safe_psql('postgres',
		"SELECT code, count(*) FROM answer WHERE tenant = '$tenant' GROUP BY code ORDER BY code");
}

sub stored
{
	my ($tenant) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM extsched.schedule WHERE tenant_id = '$tenant'");
}

storm('sql', "SELECT try_create('sql', 'sql');\n");
is(answers('sql'), "53400|50\ncreated|50", 'SQL: fifty of a hundred are created');
is(stored('sql'), 50, 'SQL: fifty are stored');

storm('host', "SELECT try_create('host', 'host');\n");
is(answers('host'), "QUOTA_EXCEEDED|50\ncreated|50", 'host: fifty of a hundred are created');
is(stored('host'), 50, 'host: fifty are stored');

storm('mixed', "\\set face random(0, 1)\nSELECT try_create('mixed', CASE :face WHEN 0 THEN 'host' ELSE 'sql' END);\n");
is($node->safe_psql('postgres', "SELECT count(*) FROM answer WHERE tenant = 'mixed' AND code = 'created'"),
	50, 'both faces at once: fifty of a hundred are created');
is(stored('mixed'), 50, 'both faces at once: fifty are stored');

storm('minute', "SELECT try_create('minute', 'host');\n");
is(answers('minute'), "RATE_LIMITED|90\ncreated|10", 'ten calls of the minute are accepted');
check_sound($node);

done_testing();
