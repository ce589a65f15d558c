# The execute request, read at the Runner and compared with the contract:
# headers, context, body, what it must never carry, and that each attempt is
# made of what holds at its moment.  The preview shows the same.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my $odd_install = 'a0000000-0000-4000-8000-000000000002';
my $next_version = 'de300000-0000-4000-8000-000000000101';
my $odd_tenant = q{o'dd "Ten\\ant" / x:1@evil?#%0d%0a}; # as SQL, JSON, host and header
my %no_retry = (options => '{"max_attempts": 1}');
my $uuid = qr/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
my $json = JSON::PP->new->canonical;

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, tenant => 'acme', install => $install);
(my $quoted = $odd_tenant) =~ s/'/''/g;
install_demo($node, tenant => $quoted, install => $odd_install);
allow_every_minute($node, 'acme');
my $granted = q{"cap:scheduler.manage", "cap:storage.kv"};
$node->safe_psql('postgres', qq{SELECT extsched_configure_install('acme', '$install', '{
	"config": {"null": null, "text": "a\\"b", "number": 1.50, "yes": true, "list": [1, null], "map": {"k": "v"}},
	"secret_envelope": {"ciphertext_b64": "c2VjcmV0", "algorithm": "aes", "version": 3}}')});
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

my @at = (tenant => 'acme', install => $install);
my $post = create_schedule($node, @at, %no_retry, endpoint => 'POST /api/heartbeat',
	cron => '0 * * * *', payload => '{"greeting": "gr\u00fc\u00df \ud83d\ude80"}');
my $get = create_schedule($node, @at, %no_retry, endpoint => 'GET /api/status',
	cron => '0 0 1 1 *', payload => '{"not": "sent"}');

# The last request at the Runner: headers as sent, as a map, and the body.
sub last_request
{
	my $last = decode_json(http_get("$runner->{url}/last"));

	return ($last->{headers}, { map { lc($_->[0]) => $_->[1] } @{ $last->{headers} } },
		decode_json(http_get("$runner->{url}/last/body")));
}

# Run a schedule once and wait for its end; returns the id of the run.
sub run_now
{
	my ($schedule, $tenant, $of) = @_;
	my $run = $node->safe_psql('postgres',
		"SELECT extsched_run_now('" . ($tenant // 'acme') . "', '" . ($of // $install) . "', '$schedule')");

	poll_until($node, "SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'");
	return $run;
}

sub column_of
{
	my ($run, $column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM extsched.run WHERE run_id = '$run'");
}

# A nominal time, and what the preview said of it before.
my $preview = decode_json($node->safe_psql('postgres',
	"SELECT extsched_preview_request('acme', '$install', '$post')"));
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", 1);
my ($lines, $headers, $body) = last_request();
my ($run, $request_id) = split /\|/, $node->safe_psql('postgres', 'SELECT run_id, request_id FROM extsched.run');

is_deeply(
	[ sort map { lc $_->[0] } @$lines ],
	[ sort qw(host content-type content-length x-request-id x-idempotency-key x-alga-tenant x-alga-extension x-extsched-fence) ],
	'the headers are a fixed list, each once');
is($headers->{'content-type'}, 'application/json', 'content-type');
is($headers->{'x-request-id'}, $request_id, 'x-request-id is that of the run row');
is($headers->{'x-idempotency-key'}, $run, 'x-idempotency-key is the id of the run');
is($headers->{'x-alga-tenant'}, 'acme', 'the tenant outside');
is($headers->{'x-alga-extension'}, $demo_registry, 'the extension outside');
like($headers->{'x-extsched-fence'}, qr/^\d+\.\d+\.\d+$/, 'the fence');

my $expected = {
	context => {
		request_id => $request_id, tenant_id => 'acme', extension_id => $demo_registry, install_id => $install,
		version_id => $demo_version, content_hash => 'sha256:0123456789abcdef',
		config => { null => '', text => 'a"b', number => '1.50', yes => 'true', list => '[1, null]', map => '{"k": "v"}' },
		trigger => 'schedule', schedule_id => $post, scheduled_for => '2030-01-02T12:00:00Z', attempt => 1,
	},
	http => {
		method => 'POST', path => '/api/heartbeat', query => {},
		headers => { 'x-alga-tenant' => 'acme', 'x-alga-extension' => $demo_registry },
		body_b64 => $body->{http}{body_b64},
	},
	limits => { timeout_ms => 30000 },
	providers => [qw(cap:context.read cap:log.emit cap:scheduler.manage cap:user.read)],
	secret_envelope => { ciphertext_b64 => 'c2VjcmV0', algorithm => 'aes', version => 3 },
};
is($json->encode($body), $json->encode($expected), 'the body has these members with these values and no other');
is_deeply(decode_json(decode_base64($body->{http}{body_b64})),
	{ greeting => "gr\x{fc}\x{df} \x{1f680}" }, 'the payload decodes to equal JSON, in UTF-8');

# The preview: the same, ids apart and secrets masked.
$expected->{context}{request_id} = $preview->{body}{context}{request_id};
$_ = '********' for values %{ $expected->{secret_envelope} };
is($json->encode($preview->{body}), $json->encode($expected), 'the preview was that body, its secrets masked');
is($preview->{url}, "$runner->{url}/v1/execute", 'and that URL');
my %shown = %{ $preview->{headers} };
is($shown{'x-idempotency-key'}, $run, 'and that idempotency key');
for my $name (qw(content-type x-alga-tenant x-alga-extension))
{
	is($shown{$name}, $headers->{$name}, "and that header $name");
}

# GET, run-now and the same links.
$run = run_now($get);
(undef, $headers, $body) = last_request();
is("$body->{http}{method} $body->{http}{path} $body->{context}{trigger}", 'GET /api/status manual', 'a GET by run-now');
ok(!exists $body->{http}{body_b64}, 'a GET carries no body though a payload is stored');
is($headers->{'x-idempotency-key'}, $run, 'its key is its run');
is($body->{context}{schedule_id}, $get, 'its schedule is named');

# 100,000 bytes.
my $large = create_schedule($node, @at, %no_retry, endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *',
	payload => '{"k": "' . 'x' x 99_991 . '"}');
run_now($large);
(undef, undef, $body) = last_request();
unlike($body->{http}{body_b64}, qr/[^A-Za-z0-9+\/=]/, '100,000 bytes of payload have no line break');
is(length decode_base64($body->{http}{body_b64}), 100_000, 'and arrive whole');

# Text of a tenant is data wherever it goes.
my $odd = create_schedule($node, tenant => $quoted, install => $odd_install, %no_retry,
	endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *');
is(column_of(run_now($odd, $quoted, $odd_install), 'state'), 'succeeded', 'a tenant of quotes, slashes and percents runs');
($lines, $headers, $body) = last_request();
is($headers->{'x-alga-tenant'}, $odd_tenant, 'its text is a header value');
is($body->{context}{tenant_id}, $odd_tenant, 'and a JSON string');
is($headers->{host}, "127.0.0.1:$runner->{port}", 'and no part of the host');
is(scalar @$lines, 8, 'and no further header');
my ($status, undef, $error) = $node->psql('postgres',
	qq{SELECT extsched_install(E'a\\r\\nx-evil: 1', '$odd_install', '$demo_version')});
is($status, 3, 'a tenant with a line break is refused');
run_now($post);
is(runner_stats($runner)->{by_tenant}{"a\r\nx-evil: 1"}, undef, 'and no request has it');

# Each attempt is made of what holds at its moment.
$node->safe_psql('postgres', qq{SELECT extsched_register_version('$next_version', '$demo_registry', 'bare-hash', '{
	"capabilities": [$granted], "endpoints": [
	{"method": "POST", "path": "/api/heartbeat", "handler": "next"}, {"method": "GET", "path": "/api/status", "handler": "next"}]}')});
my $retried = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *',
	payload => '{"fault": {"http_status": 503, "times": 1}}', options => '{"max_attempts": 2, "backoff_s": 600}');
$run = $node->safe_psql('postgres', "SELECT extsched_run_now('acme', '$install', '$retried')");
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", 'retrying');
my (undef, $first_headers, $first) = last_request();
$node->safe_psql('postgres', qq{
	SELECT extsched_configure_install('acme', '$install', '{"config": {"now": "changed"}, "secret_envelope": null,
		"granted": [$granted]}');
	SELECT extsched_upgrade_install('acme', '$install', '$next_version')});
travel_to($node, '2030-01-02 12:30:00+00');
poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$run'", 'succeeded');
(undef, $headers, $body) = last_request();
is("$first->{context}{attempt} $body->{context}{attempt}", '1 2', 'two attempts');
is($first_headers->{'x-idempotency-key'}, $headers->{'x-idempotency-key'}, 'share one key');
isnt($first_headers->{'x-request-id'}, $headers->{'x-request-id'}, 'and differ in request id');
is($first->{context}{version_id}, $demo_version, 'the first had the old version');
is($body->{context}{version_id}, $next_version, 'the second has the new one');
is($body->{context}{content_hash}, 'sha256:bare-hash', 'and its hash, with its prefix');
is_deeply($body->{context}{config}, { now => 'changed' }, 'and the new config');
ok(exists $first->{secret_envelope} && !exists $body->{secret_envelope}, 'and no envelope any more');
is_deeply($body->{providers}, [qw(cap:context.read cap:log.emit cap:scheduler.manage cap:storage.kv cap:user.read)],
	'and the capabilities that are effective now');

# Options of the Runner.
set_runner($node, $runner, options => '{"context_headers": true, "timeout_ms": 7000}');
my $timeless = create_schedule($node, @at, endpoint => 'GET /api/status', cron => '0 0 1 1 *');
run_now($timeless);
($lines, undef, $body) = last_request();
is_deeply([ sort keys %{ $body->{http}{headers} } ],
	[qw(x-alga-extension x-alga-schedule x-alga-scheduled-for x-alga-tenant x-alga-trigger)],
	'context_headers adds three headers inside');
is("@{ $body->{http}{headers} }{qw(x-alga-schedule x-alga-trigger)}", "$timeless manual", 'with their values');
is(scalar @$lines, 8, 'and none outside');
is($body->{limits}{timeout_ms}, 7000, 'the time limit is that of the Runner');
set_runner($node, $runner);

# A URL is an administrator's, http or https.
for my $url ('ftp://127.0.0.1/', 'file:///etc/passwd', 'http://user:pw@127.0.0.1/', 'http://127.0.0.1/?q', "http://127.0.0.1/\n")
{
	($status) = $node->psql('postgres', "SELECT extsched_set_runner('odd', 'http', \$u\$$url\$u\$)");
	is($status, 3, 'no base URL: ' . ($url =~ s/\n/\\n/r));
}
$node->safe_psql('postgres', 'CREATE ROLE guest; SELECT extsched_grant($$guest$$, $$host$$)');
is($node->safe_psql('postgres', q{
	SELECT has_function_privilege('guest', 'extsched_set_runner(text, text, text, jsonb)', 'EXECUTE')}),
	'f', 'a host role sets none');

# A log line of a run names what the Runner and the run row have.
my $failing = create_schedule($node, @at, %no_retry, endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *',
	payload => '{"fault": {"http_status": 404}}');
$run = run_now($failing);
(undef, $headers, $body) = last_request();
is(column_of($run, 'request_id'), $headers->{'x-request-id'}, 'request id links Runner and run row');
$node->wait_for_log(qr/run \Q$run\E of schedule/);
my ($logged) = slurp_file($node->logfile) =~ /run \Q$run\E of schedule (\S+ .*?\n.*?DETAIL:.*?)\n/s;
like($logged // '', qr/^\Q$failing\E /, 'run id and schedule id link both with the log');
like($logged // '', qr/\Q$_\E/, "the log line names $_") for $demo_registry, $next_version, 'bare-hash';

my $stats = runner_stats($runner);
is($stats->{violations}, 0, 'the Runner saw no other breach of the contract') or diag($stats->{first_violation});
check_sound($node);

done_testing();
