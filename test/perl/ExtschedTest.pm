# ExtschedTest: what the TAP tests of extsched have in common.
#
# A test makes a server with new_node(), a Runner with start_runner(), and a
# tenant with an installed demo extension with install_demo().  Time is
# injected: travel_to() moves the scheduler's clock, nobody sleeps to wait for
# a minute.  Conditions are polled, with one time limit for all of them.
#
# Every process started here is ended when the test ends, also by die.

package ExtschedTest;

use strict;
use warnings FATAL => 'all';

use Carp;
use Exporter qw(import);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP qw(decode_json);
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  new_node
  create_extension
  distribute
  start_process
  start_runner
  stop_runner
  start_program
  http_get
  runner_stats
  wait_for_requests
  set_fault
  set_runner
  set_up_platform
  install_demo
  install_demo_for_each
  create_schedule
  allow_every_minute
  set_clock_offset
  travel_to
  look_now
  poll_until
  ask_once
  wait_for_worker
  wait_for_workers
  worker_pid
  waiting_runs_locked
  stops_fast
  check_sound
  campaign
  build_dispatch_module
  $demo_version
  $demo_registry
  $execute_body
);

our $timeout_s = $ENV{EXTSCHED_CAMPAIGN} ? 600 : 60;

my $root = dirname(dirname(dirname(__FILE__)));

our $demo_registry = 'de300000-0000-4000-8000-000000000001';
our $demo_version = 'de300000-0000-4000-8000-000000000100';

# An execute request as the contract says; its ids are those of the headers
# that the HTTP functions of the dispatch module send.
our $execute_body = <<'EOS';
{"context":{"request_id":"00000000-0000-4000-8000-000000000001","tenant_id":"acme",
"extension_id":"00000000-0000-4000-8000-000000000003","install_id":"00000000-0000-4000-8000-000000000004",
"version_id":"00000000-0000-4000-8000-000000000005","content_hash":"sha256:abc","config":{},"trigger":"schedule",
"schedule_id":"00000000-0000-4000-8000-000000000006","scheduled_for":"2026-01-02T03:04:05Z","attempt":1},
"http":{"method":"POST","path":"/bench","query":{},"headers":{"x-alga-tenant":"acme",
"x-alga-extension":"00000000-0000-4000-8000-000000000003"},"body_b64":"e30="},
"limits":{"timeout_ms":30000},"providers":["cap:context.read","cap:log.emit","cap:user.read"]}
EOS

# Why the books are not sound at the end, in a test that damages them.
our $leaves_damage;

my @nodes;
my %processes;    # pid => 1, of those to be ended
my $test_pid = $$;

# Make the data directory of a node by copying a template, which takes a tenth of
# the time.  Who comes first makes it.  Copies have one system identifier.
sub init_by_copy
{
	my ($node, $template, @options) = @_;
	my $run = \&PostgreSQL::Test::Utils::system_or_bail;

	return $node->init(extra => \@options) unless defined $template;
	open(my $lock, '>', "$template.lock") or die "$template.lock: $!";
	flock($lock, LOCK_EX) or die "$template.lock: $!";
	$run->('initdb', '-N', '-A', 'trust', '-D', $template, @options)
	  unless -d $template;
	close $lock;

	no warnings 'redefine';
	local *PostgreSQL::Test::Utils::system_or_bail = sub {
		return $run->($_[0] eq 'initdb' ? ('cp', '-a', $template, $node->data_dir) : @_);
	};
	return $node->init(extra => \@options);
}

# A running server with extsched preloaded.  Settings are pairs of name and
# value; preload => 0 leaves the library out, own_identity => 1 makes its system
# identifier another than that of other servers.
sub new_node
{
	my ($name, %settings) = @_;
	my $preload = delete $settings{preload} // 1;
	my $own_identity = delete $settings{own_identity};
	my $node = PostgreSQL::Test::Cluster->new($name);

	init_by_copy($node, $own_identity ? undef : $ENV{EXTSCHED_DATA_TEMPLATE},
		'--no-locale', '--encoding=UTF8');
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\n");
	$node->append_conf('postgresql.conf', "max_worker_processes = 20\n");
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'extsched'\n")
	  if $preload;
	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'\n")
	  for sort keys %settings;
	$node->start;
	push @nodes, $node;
	return $node;
}

# Create the extension in a database (default: postgres).
sub create_extension
{
	my ($node, $dbname) = @_;

	$node->safe_psql($dbname // 'postgres', 'CREATE EXTENSION extsched');
	distribute($node, $dbname) if $ENV{EXTSCHED_DISTRIBUTED};
	return;
}

# Let the tables be distributed, by a stand-in for Citus that only notes it: all
# rows stay where they are.  With EXTSCHED_DISTRIBUTED any test runs so.
sub distribute
{
	my ($node, $dbname) = @_;

	$node->safe_psql($dbname // 'postgres', q{
		SET allow_system_table_mods = on;
		CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL);
		CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void LANGUAGE sql
			BEGIN ATOMIC INSERT INTO pg_dist_partition VALUES (table_name, 'n'); END;
		CREATE FUNCTION pg_catalog.create_distributed_table(table_name regclass, distribution_column text,
			distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
		RETURNS void LANGUAGE sql
			BEGIN ATOMIC INSERT INTO pg_dist_partition VALUES (table_name, 'h'); END;
		SELECT extsched_distribute()});
	return;
}

# Build the SQL functions that call the dispatch modules; returns the library,
# as CREATE FUNCTION names it.
sub build_dispatch_module
{
	my $dir = PostgreSQL::Test::Utils::tempdir();

	system_or_bail('make', '-s', '-f', 'test/dispatch/module.mk',
		'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config'), "OUT=$dir");
	return "$dir/dispatch_test";
}

# Start a program that runs until the test ends; its output goes to a log of
# that name.  Instead of a program, code may be given.  Returns its pid.
sub start_process
{
	my ($log_name, @command) = @_;
	my $log = "$PostgreSQL::Test::Utils::log_path/$log_name.log";

	my $pid = fork // die "could not fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null') or POSIX::_exit(127);
		open(STDOUT, '>>', $log) or POSIX::_exit(127);
		open(STDERR, '>&', \*STDOUT) or POSIX::_exit(127);
		if (ref $command[0])
		{
			eval { $command[0]->(); 1 } or print STDERR $@;
			POSIX::_exit(127);
		}
		exec(@command) or POSIX::_exit(127);
	}
	$processes{$pid} = 1;
	return $pid;
}

# Start the test Runner on a free port of the loopback; its options may be
# given.  Returns a hash with url, port and pid.
sub start_runner
{
	my @options = @_;
	my $port_file = PostgreSQL::Test::Utils::tempdir() . '/port';
	my $log = "$PostgreSQL::Test::Utils::log_path/runner.log";
	my $pid = start_process('runner', "$root/test/runner/extsched-test-runner",
		'--port', 0, '--port-file', $port_file, @options);

	my $deadline = time + $timeout_s;
	until (-s $port_file)
	{
		die "the test Runner did not start, see $log"
		  if time > $deadline || waitpid($pid, WNOHANG) == $pid;
		sleep 0.02;
	}
	chomp(my $port = slurp_file($port_file));
	return { pid => $pid, port => $port, url => "http://127.0.0.1:$port" };
}

sub stop_runner
{
	my ($runner) = @_;

	if (delete $processes{ $runner->{pid} })
	{
		kill 'TERM', $runner->{pid};
		waitpid $runner->{pid}, 0;
	}
	return;
}

# Start a server of examples/: a command that takes --port-file.  Returns its URL
# and the harness that ends it.
sub start_program
{
	my ($name, @command) = @_;
	my $port_file = PostgreSQL::Test::Utils::tempdir() . '/port';
	my $log = "$PostgreSQL::Test::Utils::log_path/$name.log";
	my $harness = IPC::Run::start([ @command, '--port-file', $port_file ],
		'<', '/dev/null', '>', $log, '2>&1');
	my $deadline = time + $timeout_s;

	until (-s $port_file)
	{
		die "$name did not start, see $log"
		  if time > $deadline || !$harness->pumpable;
		sleep 0.02;
	}
	chomp(my $port = slurp_file($port_file));
	return ("http://127.0.0.1:$port", $harness);
}

# The body of a GET; dies unless it is a success.
sub http_get
{
	my ($url) = @_;
	my $response = HTTP::Tiny->new(timeout => 10)->get($url);

	croak "GET $url: $response->{status} $response->{reason}"
	  unless $response->{success};
	return $response->{content};
}

# What the Runner has seen, decoded.
sub runner_stats
{
	my ($runner) = @_;

	return decode_json(http_get("$runner->{url}/stats"));
}

# Wait until so many requests are in flight at the Runner, which holds them or
# lets them hang.
sub wait_for_requests
{
	my ($runner, $count) = @_;
	my $deadline = time + $timeout_s;
	my $in_flight;

	while (($in_flight = runner_stats($runner)->{in_flight}) != $count)
	{
		return fail("$in_flight of $count requests are in flight") if time > $deadline;
		sleep 0.02;
	}
	return;
}

# Set the fault of requests that name none, as JSON; '{}' ends it.  Requests that
# are held are answered.
sub set_fault
{
	my ($runner, $fault) = @_;
	my $response = HTTP::Tiny->new->post("$runner->{url}/fault", { content => $fault });

	croak "could not set the fault $fault: $response->{content}"
	  unless $response->{success};
	return;
}

# Make the test Runner the one of a name (default: "default").
sub set_runner
{
	my ($node, $runner, %options) = @_;
	my $name = $options{name} // 'default';
	my $settings = $options{options} // '{}';

	$node->safe_psql($options{dbname} // 'postgres',
		"SELECT extsched_set_runner('$name', 'http', '$runner->{url}', '$settings')"
	);
	return;
}

# What schedules need on a fresh server: the extension, and a test Runner of its
# own, which may be given options.  Returns the Runner.
sub set_up_platform
{
	my ($node, @options) = @_;
	my $runner = start_runner(@options);

	create_extension($node);
	set_runner($node, $runner);
	return $runner;
}

# Register the demo extension and install it, with all it asks for, for a
# tenant: tenant, install, dbname as named arguments.
sub install_demo
{
	my ($node, %at) = @_;
	my $manifest = slurp_file("$root/examples/demo/manifest.json");

	$node->safe_psql(
		$at{dbname} // 'postgres', qq{
		SELECT extsched_register_version('$demo_version', '$demo_registry',
			'sha256:0123456789abcdef', \$manifest\$$manifest\$manifest\$);
		SELECT extsched_install('$at{tenant}', '$at{install}', '$demo_version',
			ARRAY['cap:scheduler.manage', 'cap:log.emit', 'cap:context.read']);
	});
	return;
}

# Lift the limits that keep a schedule from every minute and a test from many.
sub allow_every_minute
{
	my ($node, $tenant, $dbname) = @_;

	$node->safe_psql($dbname // 'postgres', qq{
		SELECT extsched_set_limits('$tenant', NULL, '{"min_interval_s": 60,
			"max_schedules": 100000, "run_now_per_minute": 100000}')
	});
	return;
}

# Tenants tenant1, tenant2 and so on, each with the demo extension and without
# these limits.
sub install_demo_for_each
{
	my ($node, $tenants) = @_;

	for my $n (1 .. $tenants)
	{
		install_demo($node, tenant => "tenant$n", install => sprintf('a0000000-0000-4000-8000-%012d', $n));
		allow_every_minute($node, "tenant$n");
	}
	return;
}

# Create a schedule through SQL; returns its id.  Named arguments: tenant,
# install, dbname, and those of extsched_create (endpoint, cron, tz, name,
# payload, options) as text.
sub create_schedule
{
	my ($node, %at) = @_;
	my @arguments = map { "$_ => '$at{$_}'" }
	  grep { exists $at{$_} }
	  qw(tenant install endpoint cron tz name payload options enabled);

	return $node->safe_psql($at{dbname} // 'postgres',
		'SELECT extsched_create(' . join(', ', @arguments) . ')');
}

# A psql that answers one query after the other: starting one takes more of the
# machine than any query of ours.
sub start_session
{
	my ($node, $dbname) = @_;
	my %session = (in => '', out => '', err => '', timer => IPC::Run::timer($timeout_s));

	$session{psql} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr($dbname) ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err}, $session{timer});
	return \%session;
}

# What a query gives; undef, with the reason in {err}, when it fails or the
# session is gone.
sub ask
{
	my ($session, $query) = @_;
	my $end = 'end of the answer, error:';

	$session->{out} = $session->{err} = '';
	# \g sends the query as it is, so that the server's log shows it unchanged
	$session->{in} .= ($query =~ s/;?\s*$//r) . "\\g\n\\echo $end :ERROR\n\\warn $end\n";
	$session->{timer}->start($timeout_s);
	until ($session->{out} =~ /^$end (?:true|false)\n/m && $session->{err} =~ /^$end\n/m)
	{
		last if $session->{timer}->is_expired || !eval { $session->{psql}->pump };
	}
	return $session->{out} =~ s/\n?^$end false\n//m ? $session->{out} : undef;
}

# What a query gives; dies when it fails.
sub ask_safe
{
	my ($session, $query) = @_;

	return ask($session, $query) // croak "$query: $session->{err}";
}

# Shift the scheduler's clock by seconds, which may be SQL, and wait until
# sessions see it.
sub set_clock_offset
{
	my ($node, $seconds) = @_;
	my $deadline = time + $timeout_s;
	my $session = start_session($node, 'postgres');

	$seconds = ask_safe($session, "SELECT ($seconds)::int");
	ask_safe($session, "ALTER SYSTEM SET extsched.clock_offset = $seconds");
	ask_safe($session, 'SELECT pg_reload_conf()');
	until (ask_safe($session, "SELECT extract(epoch FROM current_setting('extsched.clock_offset')::interval)::int") eq $seconds)
	{
		croak "extsched.clock_offset is not $seconds" if time > $deadline;
		sleep 0.01;
	}
	$session->{psql}->kill_kill;
	return;
}

# Put the scheduler's clock to an instant (text, with zone), or less than a
# second after it, the offset being whole seconds: an instant at a minute edge
# has all that is due at the edge due at once.
sub travel_to
{
	my ($node, $instant) = @_;

	set_clock_offset($node, "ceil(extract(epoch FROM '$instant'::timestamptz - clock_timestamp()))");
	return;
}

# What $node->psql gives for a query, of a server that may be down: a psql that ends
# before its input is written would end the test, so the query is an argument.
sub ask_once
{
	my ($node, $query, $dbname) = @_;

	return $node->psql($dbname // 'postgres', '', extra_params => [ '-c', $query ], timeout => $timeout_s);
}

# Run a query until it gives what is expected (default: t).  Returns the last
# result; a time-out is a failed test that shows it, and makes the later ones
# short, because what they wait for will hardly come.
sub poll_until
{
	my ($node, $query, $expected, $dbname) = @_;
	my $deadline = time + $timeout_s;
	my $looks = 0;
	my ($session, $result);

	$expected //= 't';
	# also when the machine stood still until the deadline
	while (time <= $deadline || ++$looks < 20)
	{
		$session //= start_session($node, $dbname // 'postgres');
		my $answer = ask($session, $query);
		$result = $answer // $session->{err};
		# without an answer it may have lost its server
		if (!defined $answer || $answer eq $expected)
		{
			$session->{psql}->kill_kill;
			$session = undef;
		}
		return $result if defined $answer && $answer eq $expected;
		sleep 0.05;
	}
	$session->{psql}->kill_kill if $session;
	$timeout_s = 3;
	fail("polling ended: $query");
	diag("expected: $expected\nlast:     $result");
	return $result;
}

# The process id of a database's worker; empty when there is none.
sub worker_pid
{
	my ($node, $dbname) = @_;

	$dbname //= 'postgres';
	return $node->safe_psql(
		'postgres', qq{
		SELECT pid FROM pg_stat_activity
		WHERE backend_type LIKE 'extsched worker%' AND datname = '$dbname'
		ORDER BY pid LIMIT 1
	});
}

# Wait until a database has a worker; returns its process id.
sub wait_for_worker
{
	my ($node, $dbname) = @_;

	$dbname //= 'postgres';
	poll_until(
		$node, qq{
		SELECT count(*) > 0 FROM pg_stat_activity
		WHERE backend_type LIKE 'extsched worker%' AND datname = '$dbname'
	});
	return worker_pid($node, $dbname);
}

# Wait until so many workers run schedules.
sub wait_for_workers
{
	my ($node, $count) = @_;

	return poll_until($node,
		"SELECT count(*) FROM extsched.stat_workers WHERE state = 'running' AND epoch > 0", $count);
}

# Let the worker look at all that waits, which locks it for a moment, now and not
# for a minute again: as it does when its clock is set.
sub look_now
{
	my ($node) = @_;
	my $idle = q{EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'extsched worker%' AND state = 'idle')};

	poll_until($node, "SELECT $idle");
	my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	set_clock_offset($node, q{extract(epoch FROM current_setting('extsched.clock_offset')::interval) + 1});
	poll_until($node, "SELECT heartbeat_at > '$now' AND $idle FROM extsched.stat_workers");
	return;
}

# How many waiting runs each statement has locked that looks for them, from a position
# in the log on, where auto_explain writes every plan.
sub waiting_runs_locked
{
	my ($node, $from) = @_;

	return map { /LockRows .*\(actual rows=([\d.]+) loops=(\d+)\)/ ? $1 * $2 : 0 }
	  grep { /Query Text:[^\n]* e\.state IN \('pending', 'retrying'\)[^\n]* FOR UPDATE SKIP LOCKED/ }
	  split /^(?=\d{4}-)/m, substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $from);
}

# A fast shutdown takes less than two seconds; at the best of three, since the machine
# may stand still at one.  ready() waits, after a start, for what it is not to wait for.
# Leaves the server stopped, and returns how often it was.
sub stops_fast
{
	my ($node, $what, $ready) = @_;
	my $stops = 0;
	my $took;

	while (1)
	{
		my $start = time;

		$node->stop('fast');
		$took = time - $start;
		last if ++$stops == 3 || $took < 2;
		$node->start;
		$ready->();
	}
	cmp_ok($took, '<', 2, $what);
	return $stops;
}

# The database's own check finds nothing.
sub check_sound
{
	my ($node, $dbname) = @_;
	my @problems = split /\n/, $node->safe_psql($dbname // 'postgres',
		'SELECT tenant, schedule, problem, detail FROM extsched_check()');

	is_deeply(\@problems, [], 'extsched_check() finds nothing');
	return;
}

# How much of something: a sample, or all of it in "make campaign".
sub campaign
{
	my ($sample, $all) = @_;

	return $ENV{EXTSCHED_CAMPAIGN} ? $all : $sample;
}

# What extsched_check() finds in all databases of the servers that still run.
sub unsound
{
	my @problems;

	for my $node (grep { defined $_->{_pid} } @nodes)
	{
		my ($status, $names) = ask_once($node,
			'SELECT datname FROM pg_database WHERE datallowconn AND NOT pg_is_in_recovery()');

		for my $dbname ($status == 0 ? split /\n/, $names : ())
		{
			my ($found, $query) = ask_once($node, q{
				SELECT format('SELECT * FROM %I.extsched_check()', nspname) FROM pg_extension
				JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'extsched'}, $dbname);

			next if $found != 0 || $query eq '';
			($found, my $rows) = ask_once($node, $query, $dbname);
			push @problems, "$dbname: $rows" if $rows ne '';
		}
	}
	return @problems;
}

# Every test ends with a look at the books.
END
{
	my $status = $?;

	if ($status == 0 && $$ == $test_pid && !$leaves_damage)
	{
		my @problems = unsound();

		diag(join("\n", 'extsched_check() at the end:', @problems)), $status = 1 if @problems;
	}
	for my $pid (keys %processes)
	{
		kill 'TERM', $pid;
		waitpid $pid, 0;
	}
	$? = $status;
}

1;
