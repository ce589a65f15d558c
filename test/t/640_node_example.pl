# The example in TypeScript against the real extension: the demo extension
# manages its schedules through the Node Runner and route, and the page of a
# tenant's administrator does what it shows, in a browser.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use PostgreSQL::Test::Utils;
use Test::More;

my ($acme, $globex) = (
	{ tenant => 'acme', install => 'ac000000-0000-4000-8000-000000000001' },
	{ tenant => 'globex', install => '91000000-0000-4000-8000-000000000002' },
);
my $next_version = 'de300000-0000-4000-8000-000000000200';
my ($chromium) = grep { -x } qw(/usr/bin/chromium /usr/bin/chromium-browser);
my $main = 'examples/node/dist/src/main.js';

plan skip_all => 'node is not installed' if system('node --version >/dev/null 2>&1') != 0;
plan skip_all => 'npm cannot install the libraries'
  if system('make -s -C examples/node node_modules/made >/dev/null 2>&1') != 0;
is(system('make -s -C examples/node'), 0, 'it compiles, with strict types') or BAIL_OUT('no build');

my $node = new_node('main');
create_extension($node);
install_demo($node, %$_) for $acme, $globex;
my $manifest = decode_json(slurp_file('examples/demo/manifest.json'));
$manifest->{version} = '0.2.0';
$manifest->{endpoints} = [ grep { $_->{path} ne '/api/status' } @{ $manifest->{endpoints} } ];
my $manifest_text = encode_json($manifest);
$node->safe_psql('postgres', qq{
	SELECT extsched_register_version('$next_version', '$demo_registry', 'sha256:02', '$manifest_text');
	CREATE ROLE regress_route LOGIN;
	CREATE ROLE regress_page LOGIN;
	SELECT extsched_grant('regress_route', 'host'), extsched_grant('regress_page', 'admin');
});

my $home = PostgreSQL::Test::Utils::tempdir();
my $host = $node->host;
sub dsn { return "postgresql://$_[0]\@/postgres?host=$host&port=" . $node->port }

append_to_file("$home/token", "the token of Runners\n");
append_to_file("$home/config.json", encode_json({
	sessions => [ map { { tokenSha256 => sha256_hex("$_->{tenant} opens"), person => 'Ada', tenant => $_->{tenant} } } $acme, $globex ],
	tenants => { map { $_->{tenant} => { installs => [ {
		id => $_->{install}, extension => 'Scheduler demo',
		versions => [ { id => $demo_version, label => '0.1.0' }, { id => $next_version, label => '0.2.0' } ] } ] } } $acme, $globex },
}));

my @programs;
sub start_part
{
	my ($name, @options) = @_;
	my ($url, $program) = start_program($name, 'node', $main, $name, @options);
	push @programs, $program;
	return $url;
}
my $route = start_part('route', '--dsn', dsn('regress_route'), '--token-file', "$home/token");
my $runner = start_part('runner', '--route-url', $route, '--token-file', "$home/token");
my $page = start_part('admin', '--dsn', dsn('regress_page'), '--config', "$home/config.json");

# Runs reach the Node Runner; setup, run by the worker, makes the extension's own
# schedules through the route.
$node->safe_psql('postgres', "SELECT extsched_set_runner('default', 'http', '$runner')");
wait_for_worker($node);
my $setup = create_schedule($node, %$globex, endpoint => 'POST /api/setup', cron => '0 0 1 1 *', name => 'Setup');
for (1, 2)
{
	my $run = $node->safe_psql('postgres', "SELECT extsched_run_now('globex', '$globex->{install}', '$setup')");
	poll_until($node, "SELECT state FROM extsched.runs WHERE run_id = '$run'", 'succeeded');
}
is($node->safe_psql('postgres', "SELECT name, cron, timezone, created_via FROM extsched.schedules WHERE tenant_id = 'globex' ORDER BY name"),
	"Daily Status Check|0 9 * * *|America/New_York|host_api\nHeartbeat Check|*/5 * * * *|UTC|host_api\nSetup|0 0 1 1 *|UTC|admin",
	'the demo sets up its schedules, once');
$node->safe_psql('postgres', "SELECT extsched_delete('globex', '$globex->{install}', id) FROM extsched_list('globex', '$globex->{install}')");

# The route gives the answers of the database with their statuses.
sub call_route
{
	my ($content, %headers) = @_;
	my $response = HTTP::Tiny->new->post("$route/api/internal/ext-scheduler/install/$acme->{install}",
		{ headers => { 'x-runner-auth' => 'the token of Runners', 'x-alga-tenant' => 'acme', %headers }, content => $content });
	my $answer = decode_json($response->{content});
	return join ' ', $response->{status}, $answer->{code} // 'success', sort keys %{ $answer->{fieldErrors} // {} };
}
is(call_route('{"operation":"create","endpoint":"POST /api/heartbeat","cron":"61 * * * *","timezone":"Mars"}'),
	'400 VALIDATION_FAILED cron timezone', 'all wrong fields at once');
is(call_route('{"operation":"list","x":"\u0000"}'), '400 VALIDATION_FAILED input', 'what jsonb refuses');
is(call_route('{"operation":"list"}', 'x-runner-auth' => 'wrong'), '401 DENIED', 'a wrong token');
is(call_route('{"operation":"list"}', 'x-alga-tenant' => 'globex'), '404 NOT_FOUND', 'a pair that is none');
is(call_route('{"operation":"list"}'), '200 success', 'and a list');

# The page.
SKIP:
{
	skip 'chromium is not installed', 1 unless $chromium;

	local %ENV = (%ENV, PAGE_URL => $page, CHROMIUM => $chromium, HOME => $home,
		ACME_TOKEN => 'acme opens', GLOBEX_TOKEN => 'globex opens', ACME_INSTALL => $acme->{install});
	my $output = `node --test --test-reporter=tap examples/node/dist/test/page.test.js 2>&1`;
	my @results = $output =~ /^((?:not )?ok \d+ - .*)$/mg;
	cmp_ok(scalar @results, '>', 10, 'the browser has run its tests');
	for (@results)
	{
		my ($bad, $name) = /^(not )?ok \d+ - (.*)/;
		ok(!$bad, "page: $name");
	}
	diag($output) if $output =~ /^not ok/m || @results <= 10;

	# What it did is what is there.
	is($node->safe_psql('postgres', q{
			SELECT name, endpoint_method, cron, timezone, payload, status, succeeded_total FROM extsched.schedules
			WHERE tenant_id = 'acme' AND name NOT LIKE '<%'}),
		'Morning heartbeat|POST|30 9 * * 1-5|Europe/Berlin|{"source": "page"}|active|1', 'the schedule of the page is there');
	is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT session_actor::text, ' ') FROM extsched.audit_log
			WHERE action IN ('schedule.pause', 'schedule.resume', 'install.upgrade') AND tenant_id = 'acme'}),
		'regress_page', 'the audit log says who did it');
	is($node->safe_psql('postgres', "SELECT count(*) FROM extsched.schedules WHERE tenant_id = 'globex'"), '0',
		'nothing came to the other tenant');
}
check_sound($node);

for (@programs)
{
	$_->signal('TERM');
	$_->finish;
}
done_testing();
