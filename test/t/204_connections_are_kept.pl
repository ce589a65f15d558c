# Connections to Runners are used again, however many Runners take turns, and
# there are never more of them than the system lets the worker have.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $dispatch = build_dispatch_module();

# A reply takes a moment, so that the requests of a wave are all in flight.
my @runners = (start_runner(), start_runner());
set_fault($_, '{"latency_ms": 20}') for @runners;

sub new_server
{
	my ($name) = @_;
	my $node = new_node($name, 'extsched.enabled' => 'off');

	$node->safe_psql('postgres', "CREATE FUNCTION http_waves(text[], text, integer, integer, integer, integer)"
		  . " RETURNS text LANGUAGE c AS '$dispatch'");
	return $node;
}

# Waves of requests, each to the next URL, with a limit of requests in flight and,
# for the second half, another; how many were answered, how many connections they
# took, and how many of these were open at once.
sub waves
{
	my ($node, $size, $waves, $limit, $later, @urls) = @_;
	my $list = join ', ', map { "'$_'" } @urls;

	return split / /, $node->safe_psql('postgres',
		"SELECT http_waves(ARRAY[$list], \$body\$$execute_body\$body\$, $size, $waves, $limit, $later)");
}

my $node = new_server('main');
my @both = map { "$_->{url}/v1/execute" } @runners;

my ($replied, $made) = waves($node, 100, 8, 128, 128, $both[0]);
is($replied, 800, 'one Runner: all requests are answered');
cmp_ok($made, '<=', 100, 'over as many connections as are in flight at once');

($replied, $made) = waves($node, 100, 8, 128, 128, @both);
is($replied, 800, 'two Runners that take turns: all requests are answered');
cmp_ok($made, '<=', 200, 'and neither loses its connections to the other');

# To the worker, different URLs are different Runners.
($replied, $made) = waves($node, 8, 160, 8, 8, map { "$both[0]?$_" } 1 .. 80);
is($replied, 1280, 'more Runners than there are pools: all requests are answered');
cmp_ok($made, '<=', 65 * 8, 'and those without one share connections');

# The limit of this process, and so of the servers it starts; 1,016 of these the
# server and libcurl keep for themselves.
system('prlimit', '--pid', $$, '--nofile=1500:1500') == 0 or die "prlimit: $?";
$node = new_server('limited');
for my $limits ([ 400, 400 ], [ 400, 100 ], [ 100, 400 ])
{
	($replied, undef, my $most) = waves($node, 400, 6, @$limits, @both);
	is($replied, 2400, "few descriptors, @$limits in flight: all requests are answered");
	cmp_ok($most, '<=', 484, 'and no more connections are open than there are descriptors');
}

done_testing();
