# A Runner behind https is called when its certificate is from an authority that
# is trusted and names the host; extsched.tls_ca_file says which authority, and
# can be changed and taken back while the worker runs.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);
my $dir = PostgreSQL::Test::Utils::tempdir();

# An authority, and a certificate of it for 127.0.0.1 alone.
sub openssl
{
	system_log('openssl', @_) == 0 or BAIL_OUT("openssl $_[0] failed");
	return;
}
my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
openssl('req', '-x509', @key, '-days', 2, '-subj', '/CN=extsched test authority',
	'-keyout', "$dir/ca.key", '-out', "$dir/ca.pem");
openssl('req', @key, '-subj', '/CN=runner', '-keyout', "$dir/runner.key", '-out', "$dir/runner.csr");
append_to_file("$dir/names", "subjectAltName=IP:127.0.0.1\n");
openssl('x509', '-req', '-days', 2, '-in', "$dir/runner.csr", '-CA', "$dir/ca.pem",
	'-CAkey', "$dir/ca.key", '-CAcreateserial', '-extfile', "$dir/names", '-out', "$dir/runner.pem");

# TLS in front of the test Runner.
append_to_file("$dir/proxy.py", <<'EOS');
import socket, ssl, sys, threading

folder, port = sys.argv[1], int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/runner.pem", f"{folder}/runner.key")

def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass

def serve(raw):
    try:
        client = context.wrap_socket(raw, server_side=True)
    except OSError:
        return
    runner = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=copy, args=(runner, client), daemon=True).start()
    copy(client, runner)

listener = socket.create_server(("127.0.0.1", 0))
with open(f"{folder}/port", "w") as file:
    print(listener.getsockname()[1], file=file)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
EOS
my $runner = start_runner();
my $proxy = IPC::Run::start([ 'python3', "$dir/proxy.py", $dir, $runner->{port} ]);
my $deadline = time + 30;
until (-s "$dir/port")
{
	BAIL_OUT('the TLS proxy did not start') if time > $deadline;
	sleep 0.05;
}
chomp(my $port = slurp_file("$dir/port"));

my $node = new_node('main');
create_extension($node);
install_demo($node, @at);
wait_for_worker($node);
my $schedule = create_schedule($node, @at,
	endpoint => 'POST /api/heartbeat', cron => '0 0 1 1 *', options => '{"max_attempts": 1}');
$node->safe_psql('postgres',
	qq{SELECT extsched_set_limits('$tenant', NULL, '{"run_now_per_minute": 1000}')});

# Run it now; the state it ends in, and the error.
sub run_it
{
	my ($host) = @_;

	$node->safe_psql('postgres', "SELECT extsched_set_runner('default', 'http', 'https://$host:$port')");
	my $run = $node->safe_psql('postgres', "SELECT extsched_run_now('$tenant', '$install', '$schedule')");
	poll_until($node, "SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'");
	return $node->safe_psql('postgres',
		"SELECT state || ' ' || coalesce(error, '') FROM extsched.run WHERE run_id = '$run'");
}

# Name the authorities; the worker takes them at SIGHUP, so poll for the effect.
sub trust
{
	my ($file, $expected, $what) = @_;
	my $last = '';

	$node->safe_psql('postgres', "ALTER SYSTEM SET extsched.tls_ca_file = '$file'");
	$node->reload;
	for (1 .. 100)
	{
		$last = run_it('127.0.0.1');
		last if $last =~ $expected;
	}
	like($last, $expected, $what);
	return;
}

like(run_it('127.0.0.1'), qr/^failed .*certificate/i, 'an authority the system does not know is refused');
trust("$dir/ca.pem", qr/^succeeded/, 'the one in the file is trusted');
like(run_it('localhost'), qr/^failed .*(certificate|subject|host)/i, 'a certificate for another name is refused');
like(run_it('127.0.0.1'), qr/^succeeded/, 'which does not spoil what is right');
trust('', qr/^failed .*certificate/i, 'without the file those of the system are back');
trust("$dir/none.pem", qr/^failed .*CA cert/, 'a file that is not there fails runs');
trust("$dir/ca.pem", qr/^succeeded/, 'until it is right again');
is(runner_stats($runner)->{violations}, 0, 'what came is as the Runner contract says');
check_sound($node);

$proxy->kill_kill;
done_testing();
