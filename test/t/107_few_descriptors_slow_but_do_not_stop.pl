# However few files the system lets the server open, the worker runs; and where it
# lets it open many, all slots can be used, whether or not a limit can be raised.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @install = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $slots = 1_000;

# A server whose soft and hard limit of open files are the same, as in many
# containers; and what its log says once a run has succeeded.
sub log_of_server_with
{
	my ($files) = @_;

	system('prlimit', '--pid', $$, "--nofile=$files:$files") == 0 or die "prlimit: $?";
	my $node = new_node("files_$files", 'extsched.max_in_flight' => $slots);
	my $runner = set_up_platform($node);
	install_demo($node, @install);
	my $schedule = create_schedule($node, @install, endpoint => 'POST /api/heartbeat', cron => '0 12 * * *');
	wait_for_worker($node);
	$node->safe_psql('postgres', "SELECT extsched_run_now('acme', '$install[3]', '$schedule')");
	poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$schedule'", 'succeeded');
	my $log = slurp_file($node->logfile);
	$node->stop('fast');
	return $log;
}

unlike(log_of_server_with(4_000), qr/can be in flight/, 'many files: all slots can be used');
like(log_of_server_with(900), qr/only \d+ of $slots requests can be in flight/,
	'few files: the worker runs, and the log says how many slots it has');

done_testing();
