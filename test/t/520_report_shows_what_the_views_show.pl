# The report: its figures are those of the views, text of tenants is shown and
# not obeyed, its size is bounded, and a browser shows it without complaint.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $install = 'a0000000-0000-4000-8000-000000000001';
my $script = '<script>document.title="owned"</script><img src=x onerror=alert(1)>\'"&';
(my $quoted = $script) =~ s/'/''/g;
my $range = q{'2030-01-01Z', '2030-01-02Z'};

my $node = new_node('main', 'extsched.enabled' => 'off');
create_extension($node);
travel_to($node, '2030-01-01 20:30:00+00');

sub sql
{
	my ($statement) = @_;
	return $node->safe_psql('postgres', $statement);
}

# A page, and the figure of it that has an id.
sub report
{
	my ($tenant) = @_;
	return sql("SELECT extsched_report($range" . (defined $tenant ? ", '$tenant'" : '') . ')');
}

sub figure
{
	my ($page, $id) = @_;
	return $page =~ /<b id="$id">([^<]*)</ ? $1 =~ tr/,//dr : 'no figure';
}

is(figure(report(), 'runs'), 0, 'an empty database has a report');
is( $node->psql('postgres', q{SELECT extsched_report('2030-01-01', '2030-03-01')}),
	3, 'a range is 32 days at most');

# Script in every text that a tenant, or a Runner, can choose.
sql(qq{
	SELECT extsched_register_version('de300000-0000-4000-8000-000000000200', 'de300000-0000-4000-8000-000000000002', 'h',
		jsonb_build_object('name', '$quoted', 'version', '$quoted', 'capabilities', '["cap:scheduler.manage"]'::jsonb,
			'endpoints', '[{"method": "GET", "path": "/<script>x</script>", "handler": "s"}, {"method": "GET", "path": "/s", "handler": "s"}]'::jsonb));
	SELECT extsched_install(t, '$install', 'de300000-0000-4000-8000-000000000200', '{cap:scheduler.manage}')
	  FROM unnest(ARRAY['acme', 'globex', '$quoted']) AS t;
	SELECT extsched_set_limits(tenant_id, NULL, '{"min_interval_s": 60}') FROM extsched.tenant;
	SELECT extsched_create(t.tenant_id, '$install', e.endpoint, e.cron, name => e.name || '$quoted')
	  FROM extsched.tenant AS t,
	       (VALUES ('GET /<script>x</script>', '0 9 * * *', 'nightly'), ('GET /s', '0 * * * *', 'hourly'),
	               ('GET /s', '*/30 * * * *', 'rhythm'), ('GET /s', 'H * * * *', 'spread'), ('GET /s', '7 22 * * *', 'paused')) AS e (endpoint, cron, name);
	SELECT extsched_pause(tenant_id, install_id, schedule_id, '$quoted') FROM extsched.schedule WHERE cron = '7 22 * * *';
	SELECT extsched_pause_tenant('globex', '$quoted');
	SELECT extsched_set_install_enabled('$quoted', '$install', false);
	UPDATE extsched.timer SET last_error = '$quoted';

	-- the history of a day: seven times of each, late by 20 ms to 20 s
	INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, reason, ready_at,
	                          created_at, dispatched_at, finished_at, error, missed_count, missed_first)
	SELECT s.tenant_id, s.schedule_id, n.at, 'schedule', extsched.run_slot(n.at), gen_random_uuid(), s.install_id, 'default', o.state, o.reason,
	       n.at, n.at, n.at + o.late, n.at + coalesce(o.late, '0') + interval '1 second', CASE WHEN o.reason IS NOT NULL THEN '$quoted' END,
	       CASE WHEN o.state = 'missed' THEN 3 END, CASE WHEN o.state = 'missed' THEN n.at - interval '1 hour' END
	  FROM extsched.schedule AS s
	 CROSS JOIN (VALUES (1, 'succeeded', NULL, interval '20 ms'), (2, 'succeeded', NULL, '1 second'), (3, 'failed', 'http_status', '20 seconds'),
	                    (4, 'lost', 'worker_died', '50 ms'), (5, 'skipped', 'overlap', NULL), (6, 'missed', 'outside_catch_up', NULL),
	                    (7, 'cancelled', 'deleted', NULL)) AS o (hour, state, reason, late)
	 CROSS JOIN LATERAL (SELECT '2030-01-01Z'::timestamptz + make_interval(hours => 2 * o.hour) AS at) AS n;
	-- and one time that is outside of it
	INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state, ready_at, created_at, finished_at)
	SELECT s.tenant_id, s.schedule_id, '2030-01-02Z', 'schedule', extsched.run_slot('2030-01-02Z'), gen_random_uuid(), s.install_id, 'default',
	       'succeeded', now(), now(), now() FROM extsched.schedule AS s});

my $page = report();
unlike($page, qr/<(?:script|img)|"owned"|'"&/i, 'no text of a tenant is markup');
my $escaped = '&lt;script&gt;document.title=&quot;owned&quot;&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&quot;&amp;';
for my $where (
	[ "a tenant's name", qr/<th scope="row">\Q$escaped\E</ ],
	[ "a schedule's", qr/<th scope="row">nightly\Q$escaped\E</ ],
	[ "an endpoint's path", qr{GET /&lt;script&gt;x&lt;/script&gt;<} ],
	[ 'an error', qr/<span class="remark">\Q$escaped\E</ ],
	[ "an extension's name and version", qr/<th scope="row">\Q$escaped $escaped\E</ ],
	[ 'a reason', qr/<td>\Q$escaped\E</ ])
{
	like($page, $where->[1], "$where->[0] is shown as it is");
}
unlike($page, qr/<[^>]*\s(?:src|href)=|url\(|\@import/i, 'nothing is loaded');
like($page, qr/default-src 'none'/, 'nor could be');

# Figures of a page against the views.
sub compare
{
	my ($page, $where, $name) = @_;
	my %expected = (
		runs => qq{SELECT sum(coalesce(missed_count, 1)) FROM extsched.runs WHERE $where},
		dispatched => qq{SELECT count(lateness) FROM extsched.runs WHERE $where},
		'within-second' => qq{SELECT round(100.0 * count(*) FILTER (WHERE lateness <= '1 s') / count(lateness), 1) || ' %' FROM extsched.runs WHERE $where},
		'succeeded-share' => qq{SELECT round(100.0 * count(*) FILTER (WHERE state = 'succeeded') / count(*), 1) || ' %' FROM extsched.runs
			WHERE $where AND state IN ('succeeded', 'failed', 'lost')},
		map { ("runs-$_" => qq{SELECT coalesce(sum(coalesce(missed_count, 1)), 0) FROM extsched.runs WHERE $where AND state = '$_'}) }
		  qw(succeeded failed lost skipped missed cancelled));

	is(figure($page, $_), sql($expected{$_}), "$name: $_ as in extsched.runs") for sort keys %expected;
	return;
}
my $in_range = q{nominal_time >= '2030-01-01Z' AND nominal_time < '2030-01-02Z'};
compare($page, $in_range, 'all');
compare(report('acme'), "$in_range AND tenant_id = 'acme'", 'one tenant');
unlike(report('acme'), qr/globex|\Q$escaped\E<\/th>/, 'which sees no other');
is(figure($page, 'schedules'), sql('SELECT count(*) FROM extsched.schedules'), 'schedules as in the view');
is( figure($page, 'stopped-total'),
	sql(q{SELECT (SELECT count(*) FROM extsched.tenant WHERE is_paused) + (SELECT count(*) FROM extsched.install WHERE NOT enabled)
		+ (SELECT count(*) FROM extsched.timer WHERE is_paused)}),
	'and what is stopped');
is(figure($page, 'running'), 'no', 'and that nothing runs');

# The load of the next day: acme alone is active.  Hourly and rhythm meet at the
# full hour, nightly at 09:00; H spreads the first over the hour.
my $minutes = q{SELECT count(*) FROM extsched.schedules AS s, extsched_next_runs(s.cron, s.timezone, 1500, '2030-01-01 19:59:59Z', s.schedule_id::text) AS n
	WHERE s.status = 'active' AND n.nominal < '2030-01-02 20:00Z'};
is(figure($page, 'due-total'), sql($minutes), 'the due times of the coming day are those of the calendar');
is(figure($page, 'peak'), sql("SELECT max(n) FROM (SELECT count(*) AS n FROM (" . $minutes =~ s/count\(\*\)/n.nominal/r . ") AS t GROUP BY nominal) AS m"),
	'and so is the fullest minute');
my $forecast = q{SELECT round(max(spread)::numeric, 4), round(sum(spread)::numeric, 2), sum(due) FROM extsched.forecast('2030-01-01 20:00Z', NULL)};
is(sql($forecast), '1.0667|97.00|97', 'with H the same times are spread over their hours');
is( sql(qq{
		BEGIN;
		SET LOCAL session_replication_role = replica;
		CREATE TEMP TABLE moved ON COMMIT DROP AS
		SELECT s.schedule_id AS from_id, (
			SELECT id FROM (SELECT md5(n::text)::uuid AS id FROM generate_series(1, 2000) AS n) AS ids,
				extsched_next_runs('H * * * *', 'UTC', 1, '2030-01-01 20:10Z', id::text) AS r
			WHERE extract(minute FROM r.nominal) = 0 LIMIT 1) AS to_id
		FROM extsched.schedule AS s WHERE s.cron = 'H * * * *';
		UPDATE extsched.schedule SET schedule_id = to_id FROM moved WHERE schedule_id = from_id;
		UPDATE extsched.timer SET schedule_id = to_id FROM moved WHERE schedule_id = from_id;
		$forecast;
		ROLLBACK}),
	'1.0667|97.00|97', 'what H has put at the full hour is not spread again');

SKIP:
{
	skip 'chromium is not installed', 16 unless grep { -x "$_/chromium" } split /:/, $ENV{PATH};

	my $home = PostgreSQL::Test::Utils::tempdir();
	my $browser = "chromium --headless --no-sandbox --disable-gpu --user-data-dir=$home/profile --enable-logging=stderr";

	# What a browser makes of a page, and what it complains of.
	my $browse = sub {
		my ($text) = @_;
		unlink("$home/page.html");
		PostgreSQL::Test::Utils::append_to_file("$home/page.html", $text);
		my $document = `$browser --dump-dom file://$home/page.html 2>$home/complaints`;
		return ($document, join '', grep { /CONSOLE/ } split /^/, slurp_file("$home/complaints"));
	};
	my (undef, $complaints) = $browse->('<!DOCTYPE html><script>console.error("heard")</script>');
	like($complaints, qr/heard/, 'complaints of a browser are heard');
	(my $document, $complaints) = $browse->($page);
	is($complaints, '', 'it has none of the report');
	like($document, qr{<title>extsched report</title>.*</footer>}s, 'shows it to its end, and runs nothing in it');
	compare($document, $in_range, 'browser');

	# At the width of a phone nothing sticks out; the charts have a size.
	PostgreSQL::Test::Utils::append_to_file("$home/phone.html", <<'EOT');
<!DOCTYPE html><iframe src="page.html" width="360" height="800" onload="
	var page = this.contentDocument, chart = page.querySelector('.chart').getBoundingClientRect();
	document.title = page.documentElement.scrollWidth + ' ' + Math.round(chart.width) + 'x' + Math.round(chart.height)
		+ ' ' + Array.from(page.querySelectorAll('section')).filter(s => s.scrollWidth > s.clientWidth).map(s => s.querySelector('h2').id)"></iframe>
EOT
	$document = `$browser --allow-file-access-from-files --dump-dom file://$home/phone.html 2>/dev/null`;
	my ($width, $chart_width, $chart_height, $wide) = $document =~ m{<title>(\d+) (\d+)x(\d+) (.*)</title>};
	cmp_ok($width // 1000, '<=', 360, 'the page is as wide as a phone');
	ok(($chart_width // 0) > 200 && $chart_height > 100, 'and the chart fills it');
	is($wide, '', 'no section has to be scrolled sideways');
}

done_testing();
