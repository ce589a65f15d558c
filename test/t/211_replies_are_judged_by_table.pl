# Every row of the table "How a reply is judged" (docs/runner-contract.md) as
# the outcome of a run: what it ends as, whether it is tried again and when,
# what is kept of the reply; and the worker does not grow by what it is sent.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main', 'extsched.max_in_flight' => 16);
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, 'acme');
my $worker = wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

# SQL that makes a schedule which asks the Runner for a fault.
sub faulty
{
	my ($fault, %options) = @_;
	my $timeout_ms = $fault->{hang} || exists $fault->{drip_ms} ? 1000 : 30_000;
	%options = (max_attempts => 2, backoff_s => 0, timeout_ms => $timeout_ms, %options);
	my ($payload, $policies) = map { encode_json($_) } { fault => $fault }, \%options;

	return "extsched_create('acme', '$install', 'POST /api/heartbeat', '0 0 1 1 *',"
	  . " payload => \$json\$$payload\$json\$, options => '$policies')";
}

# Run schedules, given as SQL, all at once; returns the ids of the runs.
sub run_now
{
	return split /\n/, $node->safe_psql('postgres', join '',
		map { "SELECT extsched_run_now('acme', '$install', $_);\n" } @_);
}

sub finish
{
	my (@runs) = @_;
	my $list = join(', ', map { "'$_'" } @runs);

	poll_until($node, "SELECT count(*) FROM extsched.run WHERE finished_at IS NOT NULL AND run_id IN ($list)", scalar @runs);
	return;
}

sub columns_of
{
	my ($run, $columns) = @_;
	return $node->safe_psql('postgres', "SELECT $columns FROM extsched.run WHERE run_id = '$run'");
}

sub schedule_of
{
	my ($run) = @_;
	return columns_of($run, 'schedule_id');
}

# Rows of the table: fault, "state|reason|attempts|status", and the error.
my @cases = (
	[ { status => 200 }, 'succeeded||1|200' ],
	[ { status => 204 }, 'succeeded||1|204' ],
	[ { status => 299 }, 'succeeded||1|299' ],
	[ { error => '' }, 'succeeded||1|200' ],
	[ { huge => 262144 }, 'succeeded||1|200' ],
	[ { body => '{"status":200,"error":null,"more":{}}' }, 'succeeded||1|200' ],
	[ { reset => JSON::PP::true }, 'failed|connect|2|' ],
	[ { cut => JSON::PP::true }, 'failed|connect|2|' ],
	[ { hang => JSON::PP::true }, 'failed|timeout|2|' ],
	[ { drip_ms => 100 }, 'failed|timeout|2|' ],
	[ { huge => 262145 }, 'failed|response_too_large|1|' ],
	[ { endless => JSON::PP::true }, 'failed|response_too_large|1|' ],
	[ { gzip_bomb => 10_000_000 }, 'failed|bad_response|2|' ],
	[ { redirect => "$runner->{url}/v1/execute" }, 'failed|http_status|1|302' ],
	(map { [ { http_status => $_ }, "failed|http_status|2|$_" ] } 408, 425, 429, 500, 502, 503, 504),
	[ { http_status => 503, status => 200 }, 'failed|http_status|2|503' ],
	(map { [ { http_status => $_ }, "failed|http_status|1|$_" ] } 400, 401, 404, 410, 422),
	[ { http_status => 400, body => '{"error":"unknown_capabilities"}' }, 'failed|http_status|1|400', qr/unknown_capabilities/ ],
	(map { [ $_, 'failed|bad_response|2|' ] } { empty => JSON::PP::true },
		map { { body => $_ } } 'no JSON', '[]', '"text"', '200', 'null', '{}', '{"status":200.5}', '{"status":"200"}',
		'{"status":null}', '{"status":99}', '{"status":600}', '{"status":-200}', '{"status":200} x', '{"status":200'),
	[ { status => 200, error => 'broken' }, 'failed|bad_response|2|', qr/broken/ ],
	(map { [ { status => $_ }, "failed|http_status|2|$_" ] } 408, 425, 429, 503),
	[ { status => 502, error => 'bundle_fetch_failed' }, 'failed|http_status|2|502', qr/bundle_fetch_failed/ ],
	[ { status => 500, error => 'secret_decrypt_failed' }, 'failed|http_status|2|500', qr/secret_decrypt_failed/ ],
	(map { [ { status => $_, error => 'no' }, "failed|http_status|1|$_", qr/no/ ] } 100, 301, 304, 400, 404, 499),
);
my @runs = run_now(map { faulty($_->[0]) } @cases);
finish(@runs);
my %outcomes = map { $_->[0] => $_ }
  map { [ split /\|/, $_, 6 ] } split /\n/, $node->safe_psql('postgres',
	"SELECT run_id, state, reason, attempt, http_status, translate(error, E'\\n', ' ') FROM extsched.run");
for my $i (0 .. $#cases)
{
	my ($fault, $expected, $error) = @{ $cases[$i] };
	my $what = substr encode_json($fault), 0, 60;
	my (undef, $state, $reason, $attempt, $status, $text) = @{ $outcomes{ $runs[$i] } };

	# What decided is no status where the contract names none.
	$status = '' if $expected =~ /\|$/;
	is("$state|$reason|$attempt|$status", $expected, $what);
	like($text, $error, "$what: the error is kept") if $error;
}
stop_runner(my $gone = start_runner());
set_runner($node, $gone);
my ($unreachable) = run_now(faulty({}));
finish($unreachable);
is(columns_of($unreachable, 'state, reason, attempt, http_status'), 'failed|connect|2|', 'nobody listens');
set_runner($node, $runner);

# What is kept.
my ($long, $bytes, $raw) = run_now(
	faulty({ status => 500, error => "\x{20ac}" x 3000 }, max_attempts => 1),
	faulty({ body_b64 => encode_base64(qq({"status":500,"error":"nul \\u0000 ff \xff end"}), '') }, max_attempts => 1),
	faulty({ body_b64 => encode_base64("no \0 JSON \xc3\x28 here", '') }, max_attempts => 1));
finish($long, $bytes, $raw);
my $mended = schedule_of($long);
is(columns_of($long, 'octet_length(error) BETWEEN 3990 AND 4000, error LIKE $$%€$$'), 't|t', 'a long error is cut at a character');
is(columns_of($long, 'octet_length(response_excerpt) BETWEEN 1000 AND 2000'), 't', 'a failed run keeps an excerpt of the reply');
is(columns_of($bytes, 'state, error LIKE $$%nul _ ff _ end$$'), 'failed|t', 'NUL and invalid UTF-8 in an error are replaced');
is(columns_of($raw, 'state, response_excerpt LIKE $$no _ JSON _( here$$'), 'failed|t', 'and in an excerpt');

sub timer_of
{
	my ($schedule) = @_;
	return $node->safe_psql('postgres', "SELECT last_run_status, last_error IS NULL, last_run_at = (
		SELECT max(dispatched_at) FROM extsched.run r WHERE r.schedule_id = t.schedule_id), consecutive_failures
		FROM extsched.timer t WHERE schedule_id = '$schedule'");
}

# The run and the last-run fields, by what wrote them.
sub written_together
{
	my ($run) = @_;
	return $node->safe_psql('postgres', "SELECT r.xmin = t.xmin FROM extsched.run r
		JOIN extsched.timer t USING (tenant_id, schedule_id) WHERE run_id = '$run'");
}

is(timer_of($mended), 'error|f|t|1', 'a failure is shown by the schedule');
is(written_together($long), 't', 'in the transaction that ended the run');
$node->safe_psql('postgres', qq{SELECT extsched_update('acme', '$install', '$mended', '{"payload": null}')});
my ($healthy) = run_now("'$mended'");
finish($healthy);
is(timer_of($mended), 'success|t|t|0', 'a success clears the error');
is(written_together($healthy), 't', 'in the transaction that ended the run');
is(columns_of($healthy, q(state, reason, http_status, error, response_excerpt LIKE '{"status"%')), 'succeeded||200||t',
	'a success keeps status and excerpt');

# When a run is tried again.
sub wait_s
{
	my ($run) = @_;
	return columns_of($run, 'round(extract(epoch FROM ready_at - attempt_at))');
}
my $in_50_minutes = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 3000));
my ($patient, $told, $dated, $late) = run_now(
	faulty({ http_status => 503 }, max_attempts => 3, backoff_s => 100),
	faulty({ http_status => 503, retry_after => 3000, times => 1 }, max_attempts => 2),
	faulty({ http_status => 503, retry_after => $in_50_minutes, times => 1 }, max_attempts => 2),
	faulty({ status => 429, retry_after => 3000 }, max_age_s => 1500, max_attempts => 5));
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'retrying'", 3);
finish($late);
is(columns_of($late, 'state, reason, attempt'), 'failed|max_age|1', 'no attempt is made after max_age_s');
cmp_ok(wait_s($patient), '>=', 75, 'the second attempt waits for backoff_s, less a quarter at most');
cmp_ok(wait_s($patient), '<=', 126, 'or more');
cmp_ok(wait_s($told), '>=', 3000, 'Retry-After lengthens the wait');
cmp_ok(wait_s($dated), '>=', 2900, 'also as a date');
cmp_ok(wait_s($dated), '<=', 3001, 'and no further');
travel_to($node, columns_of($patient, "ready_at + interval '1s'"));
poll_until($node, "SELECT state, attempt FROM extsched.run WHERE run_id = '$patient'", 'retrying|2');
is(columns_of($told, 'state, attempt'), 'retrying|1', 'and is respected');
cmp_ok(wait_s($patient), '>=', 150, 'the third attempt waits twice as long');
travel_to($node, columns_of($told, "ready_at + interval '1s'"));
finish($patient, $told, $dated);
is(columns_of($patient, 'state, reason, attempt'), 'failed|http_status|3', 'the last attempt ends the run');
is(columns_of($told, 'state, reason, attempt'), 'succeeded||2', 'or succeeds');

# The Runner saw one key and one request id for each attempt.
my (%requests, %redelivered);
for (@{ decode_json(http_get("$runner->{url}/arrivals?limit=1000")) })
{
	$requests{ $_->{idempotency_key} }{ $_->{request_id} } = 1;
	$redelivered{ $_->{idempotency_key} } = 1 if $_->{redelivery};
}
is(scalar keys %{ $requests{$patient} }, 3, 'three attempts share a key and differ in request id');
# A kept connection that ends without a byte of a reply is opened anew for the
# same attempt: whether the Runner saw the request nobody knows.
my ($reset) = grep { $cases[$_][0]{reset} } 0 .. $#cases;
is_deeply([ grep { $_ ne $runs[$reset] } keys %redelivered ], [], 'no other attempt was sent twice than over a connection that was reset');

# Replies without end, many at a time.  The worker's own memory is looked at:
# of shared buffers it maps more and more.
sub resident_kb
{
	return slurp_file("/proc/$worker/status") =~ /RssAnon:\s+(\d+)/ ? $1 : die 'no RssAnon';
}
my @endless = run_now(map { faulty({ endless => JSON::PP::true }, overlap => 'allow') } 1 .. 16);
finish(@endless);
my $before_kb = resident_kb();
my $schedules = $node->safe_psql('postgres',
	"SELECT string_agg(quote_literal(schedule_id), ' ') FROM extsched.run WHERE run_id IN ("
	  . join(', ', map { "'$_'" } @endless) . ')');
finish(run_now((split / /, $schedules) x 6));
cmp_ok(resident_kb(), '<', $before_kb + 4096, 'a hundred endless replies later the worker is not larger');
is(worker_pid($node), $worker, 'the worker is still the same');
is(runner_stats($runner)->{violations}, 0, 'all requests were sound');
check_sound($node);

done_testing();
