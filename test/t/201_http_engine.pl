# The HTTP engine against a Runner that misbehaves: what is sent is fixed,
# whatever comes back ends in time and within the cap.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

my $dispatch = build_dispatch_module();

# A server whose environment names a proxy that is not there.
$ENV{$_} = 'http://127.0.0.1:1' for qw(http_proxy https_proxy all_proxy ALL_PROXY);
my $node = new_node('main', 'extsched.enabled' => 'off');
delete @ENV{qw(http_proxy https_proxy all_proxy ALL_PROXY)};

my $runner = start_runner();
$node->safe_psql('postgres', <<"EOS");
CREATE FUNCTION http_call(text, text, integer, integer, integer) RETURNS text LANGUAGE c AS '$dispatch';
CREATE FUNCTION http_bench(text, text, integer, integer) RETURNS text LANGUAGE c AS '$dispatch';
EOS

# Call a URL; "outcome|status|bytes|retry_after|error".
sub call
{
	my ($url, %options) = @_;
	my $timeout_ms = $options{timeout_ms} // 10000;
	my $connect_ms = $options{connect_timeout_ms} // 0;
	my $cap = $options{cap} // 262144;

	return $node->safe_psql('postgres',
		"SELECT http_call('$url', \$body\$$execute_body\$body\$, $timeout_ms, $connect_ms, $cap)");
}

# Call the test Runner with a fault.
sub faulty
{
	my ($fault, %options) = @_;

	set_fault($runner, $fault);
	return call("$runner->{url}/v1/execute", %options);
}

like(faulty('{}'), qr/^replied\|200\|\d+\|\|$/, 'a healthy Runner, whatever proxy the environment names');
my $last = decode_json(http_get("$runner->{url}/last"));
is_deeply(
	[ sort map { lc $_->[0] } @{ $last->{headers} } ],
	[ sort qw(host content-length content-type x-request-id x-idempotency-key x-alga-tenant x-alga-extension x-extsched-fence) ],
	'no header is sent but those of the contract');
is($last->{body}, $execute_body, 'the body arrives byte for byte');

like(faulty('{"redirect": "http://127.0.0.1:1/"}'), qr/^replied\|302\|/, 'a redirect is not followed');
like(faulty('{"status": 503, "retry_after": "7"}'), qr/\|7\|$/, 'Retry-After is handed on');
is(faulty('{"empty": true}'), 'replied|200|0||', 'an empty reply');
is(faulty('{"huge": 262144}'), 'replied|200|262144||', '262,144 bytes pass');
is(faulty('{"huge": 262145}'), 'too_large|200|262144||reply is larger than 262144 bytes', 'one more does not');
like(faulty('{"endless": true}'), qr/^too_large\|200\|262144\|/, 'a reply without end is cut at the cap');
like(faulty('{"gzip_bomb": 10000000}'), qr/^replied\|200\|\d{4,5}\|/, 'nothing is decompressed');
is(faulty('{"hang": true}', timeout_ms => 300), 'timeout|0|0||no complete reply within 300 ms', 'silence ends at the deadline');
like(faulty('{"drip_ms": 20}', timeout_ms => 2000), qr/^timeout\|200\|/, 'so does a trickle, amid the body');
like(faulty('{"reset": true}'), qr/^connect\|/, 'a reset connection');
like(faulty('{"cut": true}'), qr/^connect\|/, 'a reply that is cut off');
like(call('http://127.0.0.1:1/v1/execute'), qr/^connect\|0\|0\|\|could not connect: Connection refused$/,
	'nobody listens, and the error names no host');
unlike(call('http://no-such-host.invalid/v1/execute', timeout_ms => 5000), qr/^replied|invalid/,
	'no such host, and the error does not name it');
like(call("https://127.0.0.1:$runner->{port}/v1/execute"), qr/^connect\|/, 'TLS with a Runner that speaks none');
like(call('ftp://127.0.0.1/v1/execute'), qr/^not_built\|/, 'neither http nor https');
like(call('file:///etc/passwd'), qr/^not_built\|/, 'no file either');

# Servers that answer once with these bytes and close.
for my $case (
	[ 'bytes that are no HTTP', "nonsense\r\n\r\n", qr/^connect\|/ ],
	[ 'a header without end', "HTTP/1.1 200 OK\r\nx: " . 'y' x 2_000_000, qr/^connect\|/ ],
	[ 'headers without end', "HTTP/1.1 200 OK\r\n" . "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" x 50_000, qr/^connect\|/ ],
	[ 'a status line alone', "HTTP/1.1 200 OK\r\n", qr/^replied\|200\|0\|/ ],
	[ 'a body up to the end of the connection', "HTTP/1.1 200 OK\r\n\r\n{}", qr/^replied\|200\|2\|/ ],
	[ 'a broken chunk', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", qr/^connect\|/ ],
	[ 'cookies', "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}", qr/^replied\|200\|2\|/ ],
  )
{
	my ($what, $bytes, $expected) = @$case;
	my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "could not listen: $!";
	my $port = $listener->sockport;
	my $pid = fork // die "could not fork: $!";

	if ($pid == 0)
	{
		local $SIG{PIPE} = 'IGNORE';
		while (my $client = $listener->accept)
		{
			sysread $client, my $request, 65536;
			syswrite $client, $bytes;
			close $client;
		}
		POSIX::_exit(0);
	}
	close $listener;
	like(call("http://127.0.0.1:$port/", timeout_ms => 5000), $expected, "a server that sends $what");
	kill 'KILL', $pid;
	waitpid $pid, 0;
}

# Memory is bounded by cap times requests in flight, however much is sent.
sub bench
{
	my ($fault, $requests, $connections) = @_;

	HTTP::Tiny->new->post("$runner->{url}/fault", { content => $fault })->{success}
	  or die "could not set the fault $fault";
	return split / /, $node->safe_psql('postgres',
		"SELECT http_bench('$runner->{url}/v1/execute', \$body\$$execute_body\$body\$, $requests, $connections)");
}

my ($replied, $others, undef, undef, $few_kb) = bench('{"endless": true}', 20, 8);
is("$replied $others", '0 20', 'twenty endless replies');
(undef, undef, undef, undef, my $many_kb) = bench('{"endless": true}', 400, 8);
cmp_ok($many_kb, '<', $few_kb + 2048, 'memory does not grow with their number');

my ($ok, $failed, $rate, $cpu_us) = bench('{}', 20000, 64);
is("$ok $failed", '20000 0', 'requests over 64 connections are all answered');
note "$rate requests a second, $cpu_us us of CPU each";
($ok, $failed) = bench('{"latency_ms": 50}', 3000, 1000);
is("$ok $failed", '3000 0', 'a thousand connections at once');

done_testing();
