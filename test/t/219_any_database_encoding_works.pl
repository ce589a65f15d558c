# Databases that are not in UTF-8.  Runners are told in UTF-8 all the same, and
# whatever they answer becomes an outcome, also what the database cannot hold.

use strict;
use warnings FATAL => 'all';

use Encode qw(decode encode);
use ExtschedTest;
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my $node = new_node('main');
my $runner = start_runner();

# The tenant, the name and the payload are what the encoding can hold.
my %word_of = (LATIN1 => "gr\x{fc}\x{df}e", EUC_JP => "\x{4e88}\x{5b9a}", SQL_ASCII => "gr\x{fc}\x{df}e");
my @encodings = sort keys %word_of;

# Statements in UTF-8, whatever the database is in; so are their results.
sub sql
{
	my ($dbname, $query) = @_;

	return decode('UTF-8', $node->safe_psql($dbname, encode('UTF-8', $query)));
}

for my $encoding (@encodings)
{
	my $word = $word_of{$encoding};
	my $dbname = lc $encoding;
	my @at = (tenant => encode('UTF-8', "tenant $word"), install => $install, dbname => $dbname);

	$node->safe_psql('postgres',
		"CREATE DATABASE $dbname TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql('postgres', "ALTER DATABASE $dbname SET client_encoding = 'UTF8'");
	create_extension($node, $dbname);
	set_runner($node, $runner, dbname => $dbname);
	install_demo($node, @at);
	allow_every_minute($node, encode('UTF-8', "tenant $word"), $dbname);
	wait_for_worker($node, $dbname);

	my $run_now = sub {
		my ($payload, $name) = @_;
		my $schedule = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *',
			name => encode('UTF-8', $name), payload => encode('UTF-8', $payload), options => '{"max_attempts": 1}');
		my $run = sql($dbname, "SELECT extsched_run_now('tenant $word', '$install', '$schedule')");

		poll_until($node, "SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'", 't', $dbname);
		return $run;
	};

	my $run = $run_now->(qq({"word": "$word"}), "name $word");
	is(sql($dbname, "SELECT state, schedule_name FROM extsched.run WHERE run_id = '$run'"),
		"succeeded|name $word", "$encoding: a schedule runs, and its name is kept");
	my $request = decode_json(http_get("$runner->{url}/last/body"));
	is($request->{context}{tenant_id}, "tenant $word", "$encoding: the Runner reads the tenant in UTF-8");
	is(decode_json(decode_base64($request->{http}{body_b64}))->{word}, $word, "$encoding: and the payload");
	my $listed = decode_json(encode('UTF-8', sql($dbname, "SELECT extsched_host('tenant $word', '$install', 'list', '{}')")));
	is($listed->{schedules}[0]{name}, "name $word", "$encoding: the host face shows the name");

	# What a Runner says: a character that the encoding has, one that it may
	# lack, a byte that is no text.
	my $said = 'the endpoint answered with status 500';
	my $reply = encode_base64(encode('UTF-8', qq({"status": 500, "error": "$word \x{1f680}"})), '');
	$run = $run_now->(qq({"fault": {"body_b64": "$reply"}}), 'refused');
	is(sql($dbname, "SELECT state || ' ' || error = 'failed $said: $word "
			. ($encoding eq 'SQL_ASCII' ? "\x{1f680}" : '?') . "' FROM extsched.run WHERE run_id = '$run'"),
		't', "$encoding: an error is kept, with ? for what the database cannot hold");
	$run = $run_now->('{"fault": {"body_b64": "' . encode_base64("\xff\x00 no text", '') . '"}}', 'garbled');
	is(sql($dbname, "SELECT state || ' ' || reason FROM extsched.run WHERE run_id = '$run'"),
		'failed bad_response', "$encoding: bytes that are no text become an outcome");

	# The same from a Runner that pulls.
	sql($dbname, "SELECT extsched_set_runner('pull', 'notify');
		SELECT extsched_configure_install('tenant $word', '$install', '{\"runner\": \"pull\"}')");
	sql($dbname, "SELECT extsched_run_now('tenant $word', '$install', schedule_id)
		FROM extsched.schedule WHERE name = 'name $word'");
	my $outcome = sql($dbname, qq{SELECT extsched_complete(run, lease, '{"status": 500, "error": "$word"}') FROM extsched_claim('pull', 1, 60)});
	is($outcome, 'failed', "$encoding: a Runner that pulls reports a failure");
	is(sql($dbname, "SELECT error = '$said: $word' FROM extsched.run WHERE runner = 'pull'"), 't',
		"$encoding: in its own words");
	check_sound($node, $dbname);
}

# SQL_ASCII takes any bytes.  What is no UTF-8 can be told to nobody, and what a
# Runner that pulls says in such bytes is no response.
my $at = "'tenant $word_of{SQL_ASCII}', '$install'";
my $bytes = q{convert_from('\x7b2261223a2022ff227d', 'SQL_ASCII')::jsonb};
sql('sql_ascii', qq{SELECT extsched_configure_install($at, '{"runner": "default"}')});
my $no_text = sql('sql_ascii', qq{
	SET client_encoding = 'SQL_ASCII';
	SELECT extsched_run_now($at, extsched_create($at, 'POST /api/heartbeat', '0 0 1 1 *', payload => $bytes))});
poll_until($node, "SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$no_text'", 't', 'sql_ascii');
is(sql('sql_ascii', "SELECT state, reason, error FROM extsched.run WHERE run_id = '$no_text'"),
	'failed|not_built|the payload is not UTF-8', 'SQL_ASCII: a payload that is no text is not sent');
sql('sql_ascii', qq{
	SELECT extsched_configure_install($at, '{"runner": "pull"}');
	SELECT extsched_run_now($at, schedule_id) FROM extsched.schedule WHERE name = 'refused'});
is(sql('sql_ascii', qq{SET client_encoding = 'SQL_ASCII';
		SELECT extsched_complete(run, lease, $bytes) FROM extsched_claim('pull', 1, 60)}),
	'failed', 'SQL_ASCII: a response that is no text is a bad one');
check_sound($node, 'sql_ascii');
done_testing();
