# The example consumer: several share the work of a Runner, woken by NOTIFY or
# by polling through a transaction pooler; what one had in hand when it was
# killed comes again under the same key; a server that was away is found again.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Fcntl qw(:flock);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);
my $python = '/usr/bin/python3';
my $pooler = '/usr/sbin/pgbouncer';
my $folder = PostgreSQL::Test::Utils::tempdir();

plan skip_all => 'python3-psycopg2 is not installed'
  if system("$python -c 'import psycopg2' 2>/dev/null") != 0;

my $node = new_node('main');
create_extension($node);
install_demo($node, @at);
allow_every_minute($node, $tenant);
wait_for_worker($node);
$node->safe_psql('postgres', qq{
	SELECT extsched_set_runner('pull', 'notify');
	SELECT extsched_configure_install('$tenant', '$install', '{"runner": "pull"}');
	CREATE ROLE regress_consumer LOGIN;
	SELECT extsched_grant('regress_consumer', 'runner', 'pull')});
travel_to($node, '2030-01-02 11:30:00+00');

# What executes a run: notes who has which key, waits while the gate is shut.
append_to_file("$folder/execute", <<'END');
#!/bin/sh
cat >/dev/null
echo "$1 $EXTSCHED_KEY" >>"$2/executed"
flock -s "$2/gate" true
echo '{"status": 200}'
END
chmod 0755, "$folder/execute";
append_to_file("$folder/$_", '') for 'gate', 'executed';
open(my $gate, '<', "$folder/gate") or die $!;

my $direct = $node->connstr('postgres') . ' user=regress_consumer';
my @listens = ('--dsn', $direct, '--listen-dsn', $direct, '--poll', 3600, '--lease', 3600);

sub start_consumer
{
	my ($name, @options) = @_;

	return IPC::Run::start(
		[ $python, '-B', 'examples/consumer/consumer.py', '--runner', 'pull', @options,
			"$folder/execute", $name, $folder ],
		'<', '/dev/null', '>>', "$PostgreSQL::Test::Utils::log_path/consumer.log", '2>&1');
}

# Who executed a run of which key, in order.
sub executed
{
	return map { [ split / / ] } split /\n/, slurp_file("$folder/executed");
}

sub wait_for_executed
{
	my ($count) = @_;

	for (1 .. 1200)
	{
		return if executed() >= $count;
		Time::HiRes::sleep(0.05);
	}
	fail("$count runs are in hand");
	return;
}

sub names
{
	return join ' ', sort map { $_->[0] } @_;
}

sub run_now
{
	my ($id) = @_;

	return $node->safe_psql('postgres', "SELECT extsched_run_now('$tenant', '$install', '$id')");
}

sub wait_for_success
{
	return poll_until($node, "SELECT state FROM extsched.run WHERE run_id = '$_[0]'", 'succeeded');
}

# Behind a transaction pooler with one server connection, where there is one.
my @polls = ('--dsn', $direct, '--poll', 0.2);
my $pooler_program;
if (-x $pooler)
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	append_to_file("$folder/pooler.ini", <<"END");
[databases]
postgres = host=@{[ $node->host ]} port=@{[ $node->port ]} user=regress_consumer
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $folder
auth_type = any
pool_mode = transaction
default_pool_size = 1
server_login_retry = 1
END
	$pooler_program = IPC::Run::start([ $pooler, "$folder/pooler.ini" ], '<', '/dev/null',
		'>', "$PostgreSQL::Test::Utils::log_path/pooler.log", '2>&1');
	@polls = ('--dsn', "host=$folder port=$port dbname=postgres user=regress_consumer", '--poll', 0.2);
}

# Six runs, three consumers of two slots, and none ends before all are in hand.
flock($gate, LOCK_EX) or die $!;
my %consumer = map { $_ => start_consumer($_, @listens, '--slots', 2) } 'first', 'second';
poll_until($node, "SELECT sum(calls) FROM extsched.stat_api WHERE operation = 'claim'", '2');
$consumer{polling} = start_consumer('polling', @polls, '--slots', 2);
my @ids = map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 12 * * *',
		options => '{"backoff_s": 0}') } 1 .. 6;
travel_to($node, '2030-01-02 12:00:01+00');
wait_for_executed(6);
is(names(executed()), 'first first polling polling second second',
	'two are woken by NOTIFY, one finds its work without');
flock($gate, LOCK_UN) or die $!;
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", '6');
is(scalar(keys %{ { map { $_->[1] => 1 } executed() } }), 6, 'each run went to one of them');

# What is in hand is finished before a consumer ends.
flock($gate, LOCK_EX) or die $!;
$consumer{$_}->signal('TERM'), $consumer{$_}->finish for 'second', 'polling';
my $run = run_now($ids[0]);
wait_for_executed(7);
$consumer{first}->signal('TERM');
flock($gate, LOCK_UN) or die $!;
$consumer{first}->finish;
is($consumer{first}->result(0), 0, 'a consumer ends when it is told to');
is($node->safe_psql('postgres', "SELECT state FROM extsched.run WHERE run_id = '$run'"),
	'succeeded', 'and has reported what it had in hand');

# One is killed with a run in hand; nobody was there when that became ready.
flock($gate, LOCK_EX) or die $!;
my $killed = start_consumer('killed', '--dsn', $direct, '--lease', 2, '--poll', 0.2, '--slots', 1);
$run = run_now($ids[0]);
wait_for_executed(8);
$killed->signal('KILL');
$killed->finish;
flock($gate, LOCK_UN) or die $!;
$consumer{first} = start_consumer('first', @listens);
wait_for_success($run);
is(join(' ', map { "@$_" } (executed())[ 7, 8 ]), "killed $run first $run",
	'the run comes again, under the same key');
is($node->safe_psql('postgres', "SELECT attempt FROM extsched.run WHERE run_id = '$run'"), '2',
	'as its second attempt');
$consumer{first}->signal('TERM');
$consumer{first}->finish;

# The server goes away under one that has only a pooler.
$run = run_now($ids[1]);
$consumer{polling} = start_consumer('polling', @polls);
wait_for_success($run);
$node->restart;
wait_for_worker($node);
$run = run_now($ids[2]);
wait_for_success($run);
pass('missed announcements and a server that was away lose nothing');
check_sound($node);

$consumer{polling}->signal('TERM');
$consumer{polling}->finish;
if ($pooler_program)
{
	$pooler_program->signal('INT');
	$pooler_program->finish;
}

done_testing();
