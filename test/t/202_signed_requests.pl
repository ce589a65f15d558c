# With a signing key file every request verifies; without a usable one nothing
# is sent; and no secret is left behind where people look.

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(hmac_sha256);
use ExtschedTest;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);
my $marker = 'planted-marker-7d1f';

my @keys = map { encode_base64($_ x 32, '') } qw(a b);
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/keys';

# Write the key file anew: lines, mode.
sub write_keys
{
	my ($mode, @lines) = @_;

	unlink $key_file;
	append_to_file($key_file, join('', map { "$_\n" } @lines));
	chmod $mode, $key_file or die "could not chmod: $!";
	return;
}

write_keys(0600, "whsec_$keys[0]");
# Statements that the test itself sends are not what is searched for below.
my $node = new_node('main',
	'extsched.signing_key_file' => $key_file,
	'log_statement' => 'none');
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, $tenant);
$node->safe_psql('postgres',
	qq{SELECT extsched_configure_install('$tenant', '$install', '{"secret_envelope": {"ciphertext_b64": "$marker"}}')});
wait_for_worker($node);

my $schedule = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *', payload => '{"k": "\\u20ac"}',
	options => '{"max_attempts": 1}');

# Run once; "state|reason|error" when it is over.
sub outcome
{
	my $run = $node->safe_psql('postgres', "SELECT extsched_run_now('$tenant', '$install', '$schedule')");

	poll_until($node, "SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'");
	return $node->safe_psql('postgres',
		"SELECT state, reason, error FROM extsched.run WHERE run_id = '$run'");
}

# The last request the Runner got: header values by name, and the body.
sub last_request
{
	my $last = decode_json(http_get("$runner->{url}/last"));

	return ({ map { lc($_->[0]) => $_->[1] } @{ $last->{headers} } }, http_get("$runner->{url}/last/body"));
}

# An implementation of the specification that shares nothing with ours.
sub signature
{
	my ($key, $headers, $body) = @_;
	my $signed = "$headers->{'webhook-id'}.$headers->{'webhook-timestamp'}.$body";

	return 'v1,' . encode_base64(hmac_sha256($signed, decode_base64($key)), '');
}

is(outcome(), 'succeeded||', 'a signed request');
my ($headers, $body) = last_request();
is($headers->{'webhook-signature'}, signature($keys[0], $headers, $body), 'its signature verifies');
is($headers->{'webhook-id'}, $headers->{'x-idempotency-key'}, 'webhook-id is the idempotency key');
cmp_ok(abs(time - $headers->{'webhook-timestamp'}), '<', 300, 'webhook-timestamp is the time of sending');
like($headers->{'x-extsched-fence'}, qr/^\d+\.\d+\.\d+$/, 'the fence is three numbers');
my $identifier = $node->safe_psql('postgres',
	'SELECT (SELECT system_identifier FROM pg_control_system()) || $$.$$ || timeline_id FROM pg_control_checkpoint()');
like($headers->{'x-extsched-fence'}, qr/^\Q$identifier\E\./, 'system and timeline first');

# The clock of the scheduler may be shifted; the signature's is not.
set_clock_offset($node, 86400);
is(outcome(), 'succeeded||', 'a request with the clock shifted');
($headers) = last_request();
cmp_ok(abs(time - $headers->{'webhook-timestamp'}), '<', 300, 'webhook-timestamp is the real time');
set_clock_offset($node, 0);

# Run until the outcome is as it should be: a reload takes a moment to arrive.
sub outcome_after_reload
{
	my ($wanted) = @_;
	my $outcome = '';

	$node->reload;
	for (1 .. 50)
	{
		$outcome = outcome();
		last if $outcome =~ $wanted;
	}
	return $outcome;
}

write_keys(0600, "whsec_$keys[1]", $keys[0]);
$node->reload;
for (1 .. 50)
{
	outcome();
	($headers, $body) = last_request();
	last if $headers->{'webhook-signature'} =~ / /;
}
is($headers->{'webhook-signature'},
	signature($keys[1], $headers, $body) . ' ' . signature($keys[0], $headers, $body),
	'two keys, two signatures, in the order of the file');

my $failure = qr/^failed\|not_built\|cannot sign the request/;
for my $case (
	[ 'a file that others may read', sub { chmod 0644, $key_file } ],
	[ 'a file without keys', sub { write_keys(0600, '# none') } ],
	[ 'a file that is no longer there', sub { unlink $key_file } ],
  )
{
	my ($what, $spoil) = @$case;

	$spoil->();
	like(outcome_after_reload($failure), $failure, "$what fails the run with a reason");
	my $before = runner_stats($runner)->{arrivals};
	like(outcome(), $failure, "$what: again");
	is(runner_stats($runner)->{arrivals}, $before, "$what: nothing was sent");
}
write_keys(0600, $keys[0]);
is(outcome_after_reload(qr/^succeeded/), 'succeeded||', 'a mended file is taken up by a reload');

# What a full run leaves behind.
my $log = slurp_file($node->logfile);
my $rows = $node->safe_psql('postgres', <<'EOS');
SELECT r::text FROM extsched.run r;
SELECT a::text FROM extsched.audit a;
SELECT s::text FROM extsched.schedules s;
SELECT r::text FROM extsched.runs r;
SELECT extsched_status()::text;
SELECT extsched_metrics();
EOS
for my $secret ([ 'the envelope', $marker ], [ 'a key', $keys[0] ], [ 'a signature', $headers->{'webhook-signature'} ])
{
	unlike($log, qr/\Q$secret->[1]\E/, "the log does not hold $secret->[0]");
	unlike($rows, qr/\Q$secret->[1]\E/, "no row shown to people holds $secret->[0]");
}
check_sound($node);

done_testing();
