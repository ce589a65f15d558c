# The next nominal time that is shown is the one that fires, also across both
# clock changes of a zone: by the rules that docs and extsched_next_runs give.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
allow_every_minute($node, 'acme');

sub sql
{
	my ($statement) = @_;
	return $node->safe_psql('postgres', $statement);
}

# Follow schedules through a clock change in Berlin: each time go to the earliest
# time shown, and see that exactly what was shown for it fires.
sub follow
{
	my ($from, $to, %crons) = @_;
	travel_to($node, $from);
	wait_for_worker($node);
	my %schedule = map {
		$_ => create_schedule($node, @at, endpoint => 'GET /api/status', cron => $crons{$_}, tz => 'Europe/Berlin', name => "$_ $from")
	} sort keys %crons;
	my $own = 'schedule_id IN (' . join(', ', map { "'$_'" } values %schedule) . ')';
	my $shown = "SELECT string_agg(s.value->>'id' || ' ' || (s.value->>'nextRunAt'), ',' ORDER BY s.value->>'id')
		FROM jsonb_array_elements(extsched_host('acme', '$install', 'list')->'schedules') AS s
		WHERE (s.value->>'nextRunAt')::timestamptz = ";
	my (%fired, %promised);

	while (1)
	{
		my $next = sql("SELECT min(next_due) FROM extsched.timer WHERE $own");
		last if sql("SELECT '$next'::timestamptz > '$to'") eq 't';
		my %due = map { split / / } split /,/, sql("$shown'$next'");
		push @{ $promised{$_} }, $due{$_} for keys %due;
		travel_to($node, sql("SELECT '$next'::timestamptz + interval '1s'"));
		poll_until($node, "SELECT count(*) FROM extsched.run WHERE nominal_time = '$next' AND state = 'succeeded' AND $own", scalar keys %due);
	}
	for my $name (sort keys %schedule)
	{
		my $id = $schedule{$name};
		my $what = "$name ($crons{$name}) from $from";
		my $fired = sql(qq{SELECT string_agg(to_char(nominal_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), ' ' ORDER BY nominal_time)
			FROM extsched.run WHERE schedule_id = '$id'});

		is($fired, join(' ', @{ $promised{$id} // [] }), "$what: what was shown fired, and nothing else");
		is( $fired,
			sql(qq{SELECT string_agg(to_char(nominal AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), ' ' ORDER BY nominal)
				FROM extsched_next_runs('$crons{$name}', 'Europe/Berlin', 30, '$from') WHERE nominal <= '$to'}),
			"$what: as extsched_next_runs foretells");
	}
	sql("SELECT extsched_disable_all('acme', '$install')");
	return;
}

follow('2030-03-30 12:00+00', '2030-04-01 12:00+00', 'once a day' => '30 2 * * *', 'each half hour of the night' => '*/30 1-3 * * *');
is( sql(q{SELECT string_agg(to_char(nominal_time AT TIME ZONE 'Europe/Berlin', 'DD HH24:MI'), ', ' ORDER BY nominal_time)
		FROM extsched.run WHERE schedule_name LIKE 'once%'}),
	'31 03:00, 01 02:30', 'a time in the gap fires once, behind it');
follow('2030-10-26 12:00+00', '2030-10-28 12:00+00', 'once a day' => '30 2 * * *', 'each half hour of the night' => '*/30 1-3 * * *');
is( sql(q{SELECT string_agg(to_char(nominal_time AT TIME ZONE 'UTC', 'DD HH24:MI'), ', ' ORDER BY nominal_time)
		FROM extsched.run WHERE schedule_name LIKE 'once%' AND nominal_time > '2030-10-01'}),
	'27 00:30, 28 01:30', 'a time of the fold fires once, at the first of both');
is(runner_stats($runner)->{duplicates}, 0, 'each was sent once');
check_sound($node);

done_testing();
