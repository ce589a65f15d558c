# The demo extension manages its own schedules end to end: from the extension
# through its Runner, the binding and the host route to extsched_host(), with a
# role that can do nothing else.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(encode_base64 decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $acme = {
	tenant => 'acme',
	install => 'ac000000-0000-4000-8000-000000000001'
};
my $globex = {
	tenant => 'globex',
	install => '91000000-0000-4000-8000-000000000002'
};
my @providers = ('cap:context.read', 'cap:log.emit', 'cap:scheduler.manage');
my $python = '/usr/bin/python3';

plan skip_all => 'python3-psycopg2 is not installed'
  if system("$python -c 'import psycopg2' 2>/dev/null") != 0;

my $node = new_node('main');
create_extension($node);
install_demo($node, %$_) for $acme, $globex;
$node->safe_psql(
	'postgres', q{
	CREATE ROLE regress_host_route LOGIN;
	SELECT extsched_grant('regress_host_route', 'host');
});

my $token = 'a token of this test';
my $token_file = PostgreSQL::Test::Utils::tempdir() . '/token';
append_to_file($token_file, $token);

sub start_demo
{
	my ($name, @options) = @_;
	return start_program($name, $python, '-B', "examples/demo/$name", '--token-file', $token_file, @options);
}

my ($route, $route_program) = start_demo('host_route.py', '--dsn',
	$node->connstr('postgres') . ' user=regress_host_route');
my ($demo, $demo_program) =
  start_demo('demo.py', '--route-url', $route);

# Call an endpoint of the demo as the platform does; status and decoded body.
sub call_demo
{
	my ($at, $method, $path, $body) = @_;
	my $request = {
		context => {
			tenant_id => $at->{tenant},
			install_id => $at->{install},
			extension_id => $demo_registry
		},
		http => { method => $method, path => $path, query => {} },
		providers => \@providers
	};
	$request->{http}{body_b64} = encode_base64(encode_json($body), '')
	  if $body;
	my $response = HTTP::Tiny->new->post(
		"$demo/v1/execute",
		{
			headers => {
				'x-alga-tenant' => $at->{tenant},
				'x-alga-extension' => $demo_registry
			},
			content => encode_json($request)
		});
	my $reply = decode_json($response->{content});

	return ($reply->{status}, decode_json(decode_base64($reply->{body_b64})));
}

# Call the host route as a Runner does; status and decoded body.
sub call_route
{
	my ($at, $content, $auth) = @_;
	my $response = HTTP::Tiny->new->post(
		"$route/api/internal/ext-scheduler/install/$at->{install}",
		{
			headers => {
				'x-runner-auth' => $auth // $token,
				'x-alga-tenant' => $at->{tenant}
			},
			content => ref $content ? encode_json($content) : $content
		});

	return ($response->{status}, decode_json($response->{content}));
}

# Setup is idempotent.
my ($status, $first) = call_demo($acme, 'POST', '/api/setup');
is($status, 200, 'setup succeeds')
  or diag(explain($first));
my ($again, $second) = call_demo($acme, 'POST', '/api/setup');
is($again, 200, 'setup succeeds again');
my @ids = map { $_->{scheduleId} } @{ $first->{results} };
is_deeply([ map { $_->{scheduleId} } @{ $second->{results} } ],
	\@ids, 'a second setup leaves the same two ids');
is( $node->safe_psql(
		'postgres', q{
		SELECT tenant_id, name, endpoint_method, endpoint_path, cron, timezone, payload, created_via
		FROM extsched.schedules ORDER BY name}),
	"acme|Daily Status Check|GET|/api/status|0 9 * * *|America/New_York||host_api\n"
	  . 'acme|Heartbeat Check|POST|/api/heartbeat|*/5 * * * *|UTC|{"source": "auto-setup"}|host_api',
	'the schedules are what the demo wants');

my ($listed, $list) = call_demo($acme, 'GET', '/api/schedules');
is($list->{count}, 2, 'the extension lists them');
my ($heartbeat) = grep { $_->{name} eq 'Heartbeat Check' } @{ $list->{schedules} };
is_deeply($heartbeat->{payload}, { source => 'auto-setup' }, 'payload and all');

# Tenants are apart.
my $answer;
($status, $answer) = call_demo($globex, 'GET', '/api/schedules');
is($answer->{count}, 0, 'the other tenant sees none');
($status, $answer) = call_demo($globex, 'DELETE', "/api/schedules/$ids[0]");
is("$status $answer->{error}", '400 delete_failed', 'and deletes none');

# The route passes on what the database says.
($status, $answer) = call_route($acme,
	{ operation => 'create', endpoint => 'POST /api/heartbeat', cron => '61 * * * *',
		timezone => 'Mars/Base', name => 'x' x 129 });
is("$status $answer->{code}", '400 VALIDATION_FAILED', 'a bad create is a 400');
is_deeply([ sort keys %{ $answer->{fieldErrors} } ],
	[ 'cron', 'name', 'timezone' ], 'with all field errors at once');
($status, $answer) = call_route($acme,
	{ operation => 'create', endpoint => 'GET /api/status', cron => '@hourly' });
is($status, 201, 'a good one is a 201');
my $created = $answer->{scheduleId};
($status, $answer) =
  call_route($acme, { operation => 'update', scheduleId => $created, name => 'Hourly' });
is("$status $answer->{success}", '200 1', 'update is a 200');
($status, $answer) =
  call_route($acme, { operation => 'get', scheduleId => $created });
is($answer->{schedule}{name}, 'Hourly', 'and get shows it');
($status, $answer) = call_demo($acme, 'POST', "/api/schedules/$created",
	{ __method => 'DELETE' });
is($status, 200, 'the extension deletes it, with a POST that says DELETE');
($status, $answer) =
  call_route($acme, { operation => 'get', scheduleId => $created });
is($answer->{schedule}, undef, 'and it is gone');

($status, $answer) = call_route($acme, { operation => 'list' }, 'wrong');
is("$status $answer->{code}", '401 DENIED', 'a wrong token is a 401');
($status, $answer) =
  call_route({ %$acme, tenant => 'globex' }, { operation => 'list' });
is("$status $answer->{code}", '404 NOT_FOUND', 'a pair that is none is a 404');
for my $text ('{', '{"operation":"list","x":"\\u0000"}', '[' x 20000, '"\\ud800"')
{
	($status, $answer) = call_route($acme, $text);
	is("$status $answer->{code} " . join(',', keys %{ $answer->{fieldErrors} }),
		'400 VALIDATION_FAILED input',
		'what is no jsonb is a field error on input: ' . substr($text, 0, 20));
}
($status, $answer) = call_route($acme, { operation => 'drop' });
is("$status " . join(',', keys %{ $answer->{fieldErrors} }),
	'400 operation', 'an unknown operation is a field error');

# The role of the route can do nothing else.
my ($code, $stdout, $stderr) = $node->psql('postgres',
	"SELECT extsched_list('acme', '$acme->{install}')",
	extra_params => [ '-U', 'regress_host_route' ]);
like($stderr, qr/permission denied/, 'the role of the route has the host face only');

# A run reaches the demo, and may itself manage schedules.
$node->safe_psql('postgres',
	"SELECT extsched_set_runner('default', 'http', '$demo')");
wait_for_worker($node);
my $run = $node->safe_psql('postgres',
	"SELECT extsched_run_now('acme', '$acme->{install}', '$heartbeat->{id}')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'",
	'succeeded');
my $setup = create_schedule($node, %$globex,
	endpoint => 'POST /api/setup', cron => '0 0 1 1 *');
$run = $node->safe_psql('postgres',
	"SELECT extsched_run_now('globex', '$globex->{install}', '$setup')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'",
	'succeeded');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM extsched_list('globex', '$globex->{install}')"),
	3,
	'a scheduled setup creates schedules while it runs');
check_sound($node);

$_->signal('TERM') for $demo_program, $route_program;
$_->finish for $demo_program, $route_program;

done_testing();
