# However few files the system lets the server open, the worker runs, and begins no
# run that has no connection; and where it lets it open many, all slots can be used,
# whether or not a limit can be raised.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @install = (tenant => 'acme', install => 'a0000000-0000-4000-8000-000000000001');
my $slots = 1_000;

# A server whose soft and hard limit of open files are the same, as in many
# containers, with more runs that wait than it has slots; and what its log says.
sub log_of_server_with
{
	my ($files) = @_;

	system('prlimit', '--pid', $$, "--nofile=$files:$files") == 0 or die "prlimit: $?";
	my $node = new_node("files_$files", 'extsched.max_in_flight' => $slots, 'extsched.run_timeout' => '10min');
	my $runner = set_up_platform($node);
	install_demo($node, @install);
	allow_every_minute($node, 'acme');
	wait_for_workers($node, 1);
	set_fault($runner, '{"hold": true}');
	$node->safe_psql('postgres', q{
		SELECT extsched_set_limits('acme', NULL, '{"max_in_flight": -1, "max_schedules": 100000, "run_now_per_minute": 100000}')});
	my $has = slurp_file($node->logfile) =~ /only (\d+) of $slots requests/ ? $1 : $slots;

	# When one slot is left, many wait for it.
	for ([ $has - 1, $has - 1 ], [ $slots + 20 - ($has - 1), $has ])
	{
		my ($count, $in_flight) = @$_;

		$node->safe_psql('postgres', qq{
			SELECT count(extsched_run_now('acme', '$install[3]', extsched_create('acme', '$install[3]', 'POST /api/heartbeat', '0 0 1 1 *')))
			FROM generate_series(1, $count)});
		wait_for_requests($runner, $in_flight);
	}
	set_fault($runner, '{}');
	poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", $slots + 20);
	is($node->safe_psql('postgres', 'SELECT max(attempt) FROM extsched.run'), 1, "$files files: every run has one attempt");
	check_sound($node);
	my $log = slurp_file($node->logfile);
	$node->stop('fast');
	return $log;
}

unlike(log_of_server_with(4_000), qr/can be in flight/, 'many files: all slots can be used');
like(log_of_server_with(900), qr/only \d+ of $slots requests can be in flight/,
	'few files: the worker runs, and the log says how many slots it has');

done_testing();
