# Markers are planted in a secret envelope, in payloads and in URLs; after runs
# that succeed and fail, calls that are refused and changes that are audited they
# are searched for wherever people look.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my $next_version = 'de300000-0000-4000-8000-000000000101';
my @at = (tenant => 'acme', install => $install);
my $secret = 'envelope-marker-5e1b';
my $content = 'payload-marker-9c2d';
my $password = 'password-marker-3f7a';
my $key = encode_base64('k' x 32, '');
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/keys';

append_to_file($key_file, "whsec_$key\n");
chmod 0600, $key_file or die "could not chmod: $!";

# The log says all it can, but not the statements of this test.
my $node = new_node('main',
	'extsched.signing_key_file' => $key_file,
	'log_min_messages' => 'debug1',
	'log_error_verbosity' => 'verbose',
	'log_statement' => 'none',
	'log_min_error_statement' => 'panic');
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, 'acme');
wait_for_worker($node);

my $manifest = slurp_file('examples/demo/manifest.json');
my @shown;    # what statements of people answered, errors included

# Run a statement, whatever comes of it.
sub try
{
	my ($sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $sql);

	push @shown, $stdout, $stderr;
	return $stdout;
}

sub try_call
{
	my ($function, $arguments) = @_;
	return try("SELECT extsched_$function('acme', '$install', $arguments)");
}

# The envelope: stored, changed, refused for its form and for its size, previewed.
my $envelope = qq({"ciphertext_b64": "$secret", "nested": {"$secret": "$secret"}});
try_call('configure_install', qq('{"secret_envelope": $envelope}'));
try_call('configure_install', qq('{"secret_envelope": "$secret"}'));
try_call('configure_install', qq('{"secret_envelope": ["$secret"]}'));
try_call('configure_install', qq(jsonb_build_object('secret_envelope', jsonb_build_object('k', '$secret' || repeat('x', 1100000)))));
try_call('configure_install', qq('{"config": "$secret"}'));
try(qq(SELECT extsched_install('beta', '$install', '$demo_version', secret_envelope => '"$secret"')));
try(qq(SELECT extsched_install('beta', '$install', '$demo_version', secret_envelope => '{"ciphertext_b64": "$secret"}')));
try(qq(SELECT extsched_register_version('$next_version', '$demo_registry', 'next', \$m\$$manifest\$m\$);
	SELECT extsched_upgrade_install('acme', '$install', '$next_version')));

# URLs with credentials are refused.
try("SELECT extsched_set_runner('odd', 'http', 'http://user:$password\@127.0.0.1/')");
try("SELECT extsched_set_runner('odd', 'http', 'http://127.0.0.1/?token=$password')");

# Payloads: refused in every way on both faces, then stored, changed and run.
for my $bad (qq("$content"), qq({"k": "$content) . 'x' x 100_000 . '"}')
{
	try_call('create', qq('POST /api/heartbeat', '0 0 1 1 *', payload => '$bad'));
	try_call('host', qq('create', '{"endpoint": "POST /api/heartbeat", "cron": "0 0 1 1 *", "payload": $bad}'))
	  =~ /VALIDATION_FAILED/ or fail('a payload was not refused');
}
try_call('create', qq('POST /api/none', '0 0 31 2 *', payload => '{"k": "$content"}'));
my %run;
for my $fault ('{}', '{"http_status": 500}', '{"status": 404}', '{"hang": true}', '{"empty": true}', '{"reset": true}')
{
	my $timeout_ms = $fault =~ /hang/ ? 500 : 30_000;
	my $schedule = try_call('create', qq('POST /api/heartbeat', '0 0 1 1 *', name => null,
		payload => '{"k": "$content", "fault": $fault}', options => '{"max_attempts": 1, "timeout_ms": $timeout_ms}'));
	$run{ try_call('run_now', "'$schedule'") } = $schedule;
	like(try_call('preview_request', "'$schedule'"), qr/\*\*\*\*\*\*\*\*/, 'the preview masks') if $fault eq '{}';
}
poll_until($node, 'SELECT count(*) FROM extsched.run WHERE finished_at IS NOT NULL', scalar keys %run);
my ($changed) = values %run;
try_call('update', qq('$changed', '{"payload": {"other": "$content"}}'));
try_call('update', qq('$changed', '{"payload": "$content"}'));
is($node->safe_psql('postgres', 'SELECT count(*) FROM extsched.run WHERE state = $$succeeded$$'), 1, 'one succeeded, the others failed');
like(http_get("$runner->{url}/last/body"), qr/\Q$secret\E/, 'the Runner did get the envelope');
my %headers = map { lc($_->[0]) => $_->[1] } @{ decode_json(http_get("$runner->{url}/last"))->{headers} };
like($headers{'webhook-signature'}, qr/^v1,/, 'and a signature');
try_call('delete', "'$changed'");

# Where people look.
my $log = slurp_file($node->logfile);
my $answers = join "\n", @shown;
my $audit = $node->safe_psql('postgres', 'SELECT a::text FROM extsched.audit a; SELECT a::text FROM extsched.audit_log a');
my $views = $node->safe_psql('postgres', q{
	SELECT v::text FROM extsched.schedules v;
	SELECT v::text FROM extsched.runs v;
	SELECT v::text FROM extsched.overdue v;
	SELECT v::text FROM extsched.stat_api v;
	SELECT v::text FROM extsched.stat_dispatch v;
	SELECT v::text FROM extsched.stat_workers v;
	SELECT extsched_status();
	SELECT extsched_metrics();
	SELECT extsched_list('acme', '} . $install . q{')});
my $rows = join "\n", map { $node->safe_psql('postgres', "SELECT t::text FROM extsched.$_ t") } split /\n/,
	$node->safe_psql('postgres', q{
		SELECT relname FROM pg_class
		WHERE relnamespace = 'extsched'::regnamespace AND relkind = 'r' AND relname <> 'install'});
my $settings = $node->safe_psql('postgres', 'SELECT s::text FROM pg_settings s');

cmp_ok(length $log, '>', 1000, 'there is a log to search');
for my $place ([ 'the log', $log ], [ 'an answer or error', $answers ], [ 'the audit', $audit ], [ 'a view', $views ],
	[ 'a table but that of installs', $rows ], [ 'a setting', $settings ])
{
	my ($where, $text) = @$place;

	unlike($text, qr/\Q$secret\E/, "$where holds no envelope");
	unlike($text, qr/\Q$password\E/, "$where holds no password of a URL");
	unlike($text, qr/\Q$key\E/, "$where holds no signing key");
	unlike($text, qr/\Q$headers{'webhook-signature'}\E/, "$where holds no signature");
	unlike($text, qr/authorization/i, "$where holds no authorization header") if $where ne 'a setting';
}
unlike($log, qr/\Q$content\E/, 'no log line holds the content of a payload');
unlike($audit, qr/\Q$content\E/, 'nor does the audit');
check_sound($node);

done_testing();
