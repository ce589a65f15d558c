# The modules of src/dispatch, one by one: queue, judge, signature, request and
# base URL, called through the module of test/dispatch.

use strict;
use warnings FATAL => 'all';
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use ExtschedTest;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $dispatch = build_dispatch_module();
my $dir = PostgreSQL::Test::Utils::tempdir();

my $node = new_node('main', 'extsched.enabled' => 'off');
create_extension($node);
$node->safe_psql('postgres', <<"EOS");
CREATE FUNCTION test_fairqueue() RETURNS text LANGUAGE c AS '$dispatch';
CREATE FUNCTION judge(integer, text, bytea, bigint) RETURNS text LANGUAGE c AS '$dispatch';
CREATE FUNCTION judge_jsonb(jsonb) RETURNS text LANGUAGE c AS '$dispatch';
CREATE FUNCTION sign(text, text, bigint, text) RETURNS text LANGUAGE c AS '$dispatch';
CREATE FUNCTION build_request(text, text) RETURNS text LANGUAGE c AS '$dispatch';
CREATE FUNCTION masked_body(text) RETURNS text LANGUAGE c AS '$dispatch';
EOS

sub sql
{
	my ($query) = @_;
	return decode_utf8($node->safe_psql('postgres', encode_utf8($query)));
}

# The queue judges itself, in lines of TAP.
for my $line (split /\n/, sql('SELECT test_fairqueue()'))
{
	if ($line =~ /^(not )?ok - (.*)/)
	{
		ok(!$1, "queue: $2");
	}
	else
	{
		note $line;
	}
}

# Replies.  $now is 2026-01-01 00:00:00 UTC.
my $now = 1767225600;

sub judged
{
	my ($status, $body, $retry_after) = @_;
	my $hex = unpack('H*', $body);

	$retry_after //= '';
	return sql("SELECT judge($status, '$retry_after', '\\x$hex', $now)");
}

# [ what, HTTP status, body, "kind|reason|status" ]
my @cases = (
	[ 'a success', 200, '{"status":200}', 'success||200' ],
	[ 'any 2xx', 202, ' {"status" : 204, "error": null, "headers":{} } ', 'success||204' ],
	[ 'an empty error', 200, '{"status":200,"error":""}', 'success||200' ],
	[ 'an escaped key', 200, '{"st\u0061tus":201}', 'success||201' ],
	[ 'the last of equal keys', 200, '{"status":500,"status":200}', 'success||200' ],
	[ 'HTTP 302', 302, '{"status":200}', 'final|http_status|302' ],
	[ 'HTTP 400', 400, '', 'final|http_status|400' ],
	[ 'HTTP 404', 404, '{"status":200}', 'final|http_status|404' ],
	[ 'HTTP 408', 408, '', 'retry|http_status|408' ],
	[ 'HTTP 425', 425, '', 'retry|http_status|425' ],
	[ 'HTTP 429', 429, '', 'retry|http_status|429' ],
	[ 'HTTP 500, status 200 inside', 500, '{"status":200}', 'retry|http_status|500' ],
	[ 'HTTP 503', 503, 'down', 'retry|http_status|503' ],
	[ 'an empty body', 200, '', 'retry|bad_response|200' ],
	[ 'blanks', 200, " \n", 'retry|bad_response|200' ],
	[ 'no JSON', 200, '<html>', 'retry|bad_response|200' ],
	[ 'JSON cut off', 200, '{"status":200', 'retry|bad_response|200' ],
	[ 'something behind it', 200, '{"status":200}x', 'retry|bad_response|200' ],
	[ 'an array', 200, '[200]', 'retry|bad_response|200' ],
	[ 'a number', 200, '200', 'retry|bad_response|200' ],
	[ 'no status', 200, '{}', 'retry|bad_response|200' ],
	[ 'a null status', 200, '{"status":null}', 'retry|bad_response|200' ],
	[ 'a status of text', 200, '{"status":"200"}', 'retry|bad_response|200' ],
	[ 'a fraction', 200, '{"status":200.5}', 'retry|bad_response|200' ],
	[ 'status 99', 200, '{"status":99}', 'retry|bad_response|200' ],
	[ 'status 600', 200, '{"status":600}', 'retry|bad_response|200' ],
	[ 'status -200', 200, '{"status":-200}', 'retry|bad_response|200' ],
	[ 'status 1e400', 200, '{"status":1e400}', 'retry|bad_response|200' ],
	[ 'a leading zero', 200, '{"status":0200}', 'retry|bad_response|200' ],
	[ 'a comma too many', 200, '{"status":200,}', 'retry|bad_response|200' ],
	[ 'a broken escape', 200, '{"status":200,"x":"\u12"}', 'retry|bad_response|200' ],
	[ 'nesting', 200, '{"status":200,"x":' . '[' x 200 . ']' x 200 . '}', 'success||200' ],
	[ 'hostile nesting', 200, '{"status":200,"x":' . '[' x 100_000, 'retry|bad_response|200' ],
	[ 'nesting of objects', 200, '{"x":' x 100_000, 'retry|bad_response|200' ],
	[ 'an error with status 2xx', 200, '{"status":200,"error":"oops"}', 'retry|bad_response|200' ],
	[ 'status 100', 200, '{"status":100}', 'final|http_status|100' ],
	[ 'status 302', 200, '{"status":302}', 'final|http_status|302' ],
	[ 'status 404', 200, '{"status":404}', 'final|http_status|404' ],
	[ 'status 408', 200, '{"status":408}', 'retry|http_status|408' ],
	[ 'status 425', 200, '{"status":425}', 'retry|http_status|425' ],
	[ 'status 429', 200, '{"status":429}', 'retry|http_status|429' ],
	[ 'status 500', 200, '{"status":500,"error":"secret_decrypt_failed"}', 'retry|http_status|500' ],
	[ 'status 502', 200, '{"status":502,"error":"bundle_fetch_failed"}', 'retry|http_status|502' ],
);
my @verdicts = split /\n/, sql(
	'SELECT split_part(v, \'|\', 1) || \'|\' || split_part(v, \'|\', 2) || \'|\' ||'
	  . ' split_part(v, \'|\', 3) || \'|\' || split_part(v, \'|\', 4)'
	  . ' FROM unnest(ARRAY['
	  . join(', ', map { "judge($_->[1], '', '\\x" . unpack('H*', $_->[2]) . "', $now)" } @cases)
	  . ']) WITH ORDINALITY AS u(v, n) ORDER BY n');
is($verdicts[$_], "$cases[$_][3]|-1", "judge: $cases[$_][0]") for 0 .. $#cases;

sub part
{
	my ($verdict, $n) = @_;
	return (split /\|/, $verdict, -1)[$n];
}

like(part(judged(200, '{"status":502,"error":"bundle_fetch_failed"}'), 4),
	qr/502: bundle_fetch_failed$/, 'judge: the text of an error is kept');
like(part(judged(400, '{"error":"missing_routing_headers"}'), 4),
	qr/400: missing_routing_headers$/, 'judge: also that of an HTTP error');
is(part(judged(200, '{"status":200,"error":"a\u0000b\ud800c\u20ac"}'), 4),
	"a\x{fffd}b\x{fffd}\x{fffd}\x{fffd}c\x{20ac}", 'judge: NUL and lone surrogates are replaced');
is(part(judged(200, "{\"status\":200,\"error\":\"\xff\xc3\"}"), 4),
	"\x{fffd}\x{fffd}", 'judge: so are bytes that are not UTF-8');
is(part(judged(200, "oops\0\xe2\x82"), 5), "oops\x{fffd}\x{fffd}\x{fffd}",
	'judge: and in the excerpt of a failure');
is(part(judged(200, '{"status":200}'), 5), '{"status":200}', 'judge: a success keeps an excerpt too');
my $long = sql(q{SELECT octet_length(split_part(judge(200, '', convert_to('{"status":200,"error":"xx' || repeat('€', 3000) || '"}', 'UTF8'), 0), '|', 5))});
is($long, 3998, 'judge: an error is cut to 4,000 bytes, between characters');

# Retry-After, RFC 9110 section 10.2.3.
@cases = (
	[ '120', 120 ],
	[ '0', 0 ],
	[ '99999999999999999999', 2147483647 ],
	[ 'Thu, 01 Jan 2026 00:02:00 GMT', 120 ],
	[ 'Thursday, 01-Jan-26 00:02:00 GMT', 120 ],
	[ 'Thu Jan  1 00:02:00 2026', 120 ],
	[ 'Wed, 31 Dec 2025 23:00:00 GMT', 0 ],
	[ 'soon', -1 ],
	[ '-5', -1 ],
	[ '1.5', -1 ],
	[ '', -1 ],
);
@verdicts = split /\n/, sql(
	'SELECT split_part(v, \'|\', 4) FROM unnest(ARRAY['
	  . join(', ', map { "judge(503, '$_->[0]', '', $now)" } @cases)
	  . ']) WITH ORDINALITY AS u(v, n) ORDER BY n');
is($verdicts[$_], $cases[$_][1], "Retry-After: \"$cases[$_][0]\"") for 0 .. $#cases;
is(part(judged(404, '', '10'), 3), -1, 'Retry-After: nothing where nothing is tried again');
is(part(judged(200, '{"status":429,"headers":{"Retry-After":"7"}}'), 3),
	7, 'Retry-After: inside of a reply');
is(part(judged(200, '{"status":429,"headers":{"retry-after":7}}'), 3),
	7, 'Retry-After: as a number too');

is(sql(q{SELECT judge_jsonb('{"status": 404, "error": "gone"}')}),
	'final|http_status|404|-1|the endpoint answered with status 404: gone|{"error": "gone", "status": 404}',
	'judge: what a pulling Runner hands in');
like(sql(q{SELECT judge_jsonb('[1]')}), qr/^retry\|bad_response/, 'judge: no object handed in');

# Signatures.  The vector is that of the Standard Webhooks specification.
my $key_file = "$dir/keys";

sub signed_with
{
	my ($keys, $mode) = @_;

	unlink $key_file;
	append_to_file($key_file, $keys) if defined $keys;
	chmod $mode // 0600, $key_file if defined $keys;
	return sql(qq{SELECT sign('$key_file', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')});
}

my $vector = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
my $raw_key = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

is(signed_with("whsec_$raw_key\n"), $vector, 'signature: the published vector');
is(signed_with($raw_key), $vector, 'signature: a key without prefix and line end');
like(
	signed_with("# old\r\nwhsec_$raw_key\r\n\n  whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"),
	qr{^\Q$vector\E v1,[A-Za-z0-9+/]{43}=$},
	'signature: one for each key, with a blank between');
like(signed_with(undef), qr/^problem: .*does not exist/, 'signature: no file');
like(signed_with("# none\n"), qr/^problem: .*holds no key/, 'signature: no key');
like(signed_with("whsec_???\n"), qr/^problem: .*no key in base64/, 'signature: a broken key');
like(signed_with("whsec_AAAA\n"), qr/^problem: .*too short/, 'signature: a short key');
for my $mode (0640, 0604, 0620, 0610)
{
	like(signed_with("whsec_$raw_key\n", $mode), qr/^problem: .*group or by others/,
		sprintf('signature: refused with mode %o', $mode));
}
like(sql("SELECT sign('$dir', 'i', 1, 'x')"), qr/^problem: .*no regular file/, 'signature: a folder');
is(sql("SELECT sign('', 'i', 1, 'x')"), 'problem: off', 'signature: off without a file');

# Requests.
my $install = 'a0000000-0000-4000-8000-000000000001';
my $run = 'b0000000-0000-4000-8000-000000000001';

sql(<<"EOS");
SELECT extsched_register_version('$demo_version', '$demo_registry', 'abc',
  '{"name":"d","version":"1","capabilities":["cap:scheduler.manage"," CAP:http.fetch"],
    "endpoints":[{"method":"GET","path":"/get","handler":"h"},{"method":"POST","path":"/post","handler":"h"}]}');
SELECT extsched_set_runner('default', 'http', 'http://127.0.0.1:9/base/');
EOS

sub install_for
{
	my ($tenant) = @_;

	sql(<<"EOS");
SELECT extsched_install('$tenant', '$install', '$demo_version', ARRAY['cap:scheduler.manage'],
  '{"null":null,"text":"a\\"b","number":12.50,"yes":true,"list":[1,{"x":null}],"empty":{}}',
  '{"ciphertext_b64":"planted","algorithm":"aes","version":3}')
EOS
	return;
}

# The rows of "r" for a schedule of a tenant.
sub rows_of
{
	my ($tenant, $schedule) = @_;

	return "SELECT ''$tenant''::text AS tenant_id, ''$schedule''::uuid AS schedule_id,"
	  . " ''$install''::uuid AS install_id, ''$run''::uuid AS run_id,"
	  . " ''2026-01-02 03:04:05.000678+00''::timestamptz AS nominal_time,"
	  . " ''manual''::text AS trigger, 2 AS attempt, ''default''::text AS runner";
}

# Build the request; as [ url, { headers }, decoded body ], or as a text.
sub build
{
	my ($tenant, $schedule, $keys) = @_;
	my $built = sql("SELECT build_request('" . rows_of($tenant, $schedule) . "', '" . ($keys // '') . "')");

	return $built if $built =~ /^(blocked|problem): /;
	my ($url, @lines) = split /\n/, $built;
	my $body = pop @lines;
	return [ $url, { map { split /: /, $_, 2 } @lines }, decode_json(encode_utf8($body)), $body ];
}

sub schedule_for
{
	my ($tenant, $endpoint) = @_;

	return sql(<<"EOS");
SELECT extsched_create('$tenant', '$install', '$endpoint', '0 0 1 1 *',
  payload => '{"k": ["\x{20ac}", 1]}', options => '{"timeout_ms": 1234}')
EOS
}

install_for('acme');
my $post = schedule_for('acme', 'POST /post');
my $get = schedule_for('acme', 'GET /get');
my $built = build('acme', $post);

is($built->[0], 'http://127.0.0.1:9/base/v1/execute', 'request: the URL');
is_deeply(
	$built->[1],
	{
		'content-type' => 'application/json',
		'x-request-id' => '00000000-0000-0000-0000-000000000000',
		'x-idempotency-key' => $run,
		'x-alga-tenant' => 'acme',
		'x-alga-extension' => $demo_registry,
		'x-extsched-fence' => '1.2.3',
	},
	'request: exactly these headers');
my $body = $built->[2];
is(decode_base64($body->{http}{body_b64}), encode_utf8("{\"k\": [\"\x{20ac}\", 1]}"),
	'request: the payload is in base64, as stored');
delete $body->{http}{body_b64};
is_deeply(
	$body,
	{
		context => {
			request_id => '00000000-0000-0000-0000-000000000000',
			tenant_id => 'acme',
			extension_id => $demo_registry,
			install_id => $install,
			version_id => $demo_version,
			content_hash => 'sha256:abc',
			config => {
				null => '', text => 'a"b', number => '12.50', yes => 'true',
				list => '[1, {"x": null}]', empty => '{}',
			},
			trigger => 'manual',
			schedule_id => $post,
			scheduled_for => '2026-01-02T03:04:05.000678Z',
			attempt => 2,
		},
		http => {
			method => 'POST', path => '/post', query => {},
			headers => { 'x-alga-tenant' => 'acme', 'x-alga-extension' => $demo_registry },
		},
		limits => { timeout_ms => 1234 },
		providers => [qw(cap:context.read cap:log.emit cap:scheduler.manage cap:user.read)],
		secret_envelope => { ciphertext_b64 => 'planted', algorithm => 'aes', version => 3 },
	},
	'request: exactly this body');
ok(!exists build('acme', $get)->[2]{http}{body_b64}, 'request: a GET carries no body');

my $masked = sql("SELECT masked_body('" . rows_of('acme', $post) . "')");
unlike($masked, qr/planted/, 'request: a preview masks the secrets');
is_deeply([ sort keys %{ decode_json($masked)->{secret_envelope} } ],
	[qw(algorithm ciphertext_b64 version)], 'request: and keeps their names');

# Read at dispatch, not when the run was made.
sql(qq{SELECT extsched_configure_install('acme', '$install', '{"config": {"a": "b"}, "granted": ["cap:http.fetch"], "secret_envelope": null}')});
sql(q{SELECT extsched_set_runner('default', 'http', 'https://runner.example', '{"context_headers": true}')});
$built = build('acme', $post);
is($built->[0], 'https://runner.example/v1/execute', 'request: a new base URL is seen');
is_deeply($built->[2]{context}{config}, { a => 'b' }, 'request: a new configuration is seen');
is_deeply($built->[2]{providers}, [qw(cap:context.read cap:http.fetch cap:log.emit cap:user.read)],
	'request: new grants are seen');
ok(!exists $built->[2]{secret_envelope}, 'request: no envelope, no key');
is_deeply(
	$built->[2]{http}{headers},
	{
		'x-alga-tenant' => 'acme', 'x-alga-extension' => $demo_registry,
		'x-alga-trigger' => 'manual', 'x-alga-schedule' => $post,
		'x-alga-scheduled-for' => '2026-01-02T03:04:05.000678Z',
	},
	'request: context headers, when the Runner wants them');

# A long payload has no line breaks in its base64.
sql(qq{SELECT extsched_update('acme', '$install', '$post', jsonb_build_object('payload', jsonb_build_object('x', repeat('y', 99000))))});
my $long_body = build('acme', $post)->[2]{http}{body_b64};
unlike($long_body, qr{[^A-Za-z0-9+/=]}, 'request: no line breaks in a long payload');
is(length decode_base64($long_body), 99009, 'request: a long payload arrives whole');

# Signed, or not sent.
signed_with("whsec_$raw_key\n");
$built = build('acme', $get, $key_file);
is($built->[1]{'webhook-id'}, $run, 'request: webhook-id is the idempotency key');
is($built->[1]{'webhook-timestamp'}, 1614265330, 'request: webhook-timestamp');
is($built->[1]{'webhook-signature'},
	sql("SELECT sign('$key_file', '$run', 1614265330, \$body\$$built->[3]\$body\$)"),
	'request: webhook-signature signs the body that is sent');
chmod 0644, $key_file;
like(build('acme', $get, $key_file), qr/^problem: cannot sign/, 'request: an unusable key file stops it');

# Tenants that are no header value.
for my $case (
	[ 'a blank at the end', 'acme ' ],
	[ 'a blank in front', ' acme' ],
	[ 'a C1 control character', "ac\x{85}me" ],
  )
{
	my ($what, $tenant) = @$case;

	install_for($tenant);
	like(build($tenant, schedule_for($tenant, 'GET /get')),
		qr/^problem: the tenant's id cannot be sent as a header/, "request: a tenant with $what gets none");
}
install_for("caf\x{e9} co");
is(build("caf\x{e9} co", schedule_for("caf\x{e9} co", 'GET /get'))->[1]{'x-alga-tenant'}, "caf\x{e9} co",
	'request: a tenant beyond ASCII is sent in UTF-8');

# What stops a run before there is a request.
sql(q{SELECT extsched_pause_tenant('acme', 'test')});
like(build('acme', $get), qr/^blocked: tenant_paused: /, 'request: none for a paused tenant');
sql(q{SELECT extsched_resume_tenant('acme')});
sql(qq{SELECT extsched_set_install_enabled('acme', '$install', false)});
like(build('acme', $get), qr/^blocked: install_disabled: /, 'request: none for a disabled install');
sql(qq{SELECT extsched_set_install_enabled('acme', '$install', true)});
like(build('acme', $run), qr/^blocked: deleted: /, 'request: none for a schedule that is gone');
sql(q{DELETE FROM extsched.runner});
like(build('acme', $get), qr/^blocked: no_runner: /, 'request: none without a Runner');

# Base URLs.
for my $url (
	'http://runner', 'https://runner.example:8443/base', 'http://10.0.0.1:80', 'http://[::1]:8080',
	'HTTP://RUNNER/', 'http://my_runner')
{
	is(sql("SELECT extsched.check_base_url('$url')"),
		$url =~ s{/+$}{}r, "base URL: $url");
}
for my $case (
	[ '', 'empty' ],
	[ 'runner', 'no absolute URL' ],
	[ '//runner', 'no absolute URL' ],
	[ 'ftp://runner', 'scheme' ],
	[ 'file:///etc/passwd', 'scheme|no absolute URL' ],
	[ 'gopher://runner', 'scheme' ],
	[ 'http://', 'no absolute URL' ],
	[ 'http://user@runner', 'credentials' ],
	[ 'http://user:pw@runner', 'credentials' ],
	[ 'http://@runner', 'credentials' ],
	[ 'http://:@runner', 'credentials' ],
	[ 'http://runner?x', 'query' ],
	[ 'http://runner/#x', 'fragment' ],
	[ 'http://run ner', 'blank' ],
	[ "http://runner\r\nx: y", 'control' ],
	[ "http://r\x{fc}nner", 'ASCII' ],
	[ 'http://runner:99999', 'no absolute URL' ],
	[ 'http://' . 'x' x 2100, '2048' ],
  )
{
	my ($url, $problem) = @$case;
	my ($status, undef, $stderr) = $node->psql('postgres',
		encode_utf8("\\set VERBOSITY verbose\nSELECT extsched.check_base_url('$url')"));

	like($stderr, qr/22023: .*DETAIL:  base_url: .*(?:$problem)/s,
		'base URL refused: ' . (length $url > 60 ? 'a long one' : $url =~ s/[\r\n]+/\\n/r));
	unlike($stderr, qr/pw/, 'base URL: the message shows no password') if $url =~ /pw/;
}

done_testing();
