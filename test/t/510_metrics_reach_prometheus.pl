# The real tools read our metrics: promtool the text, Prometheus the same as
# OpenMetrics, and the collector through prometheus-postgres-exporter under the
# same names.  An alert fires when the worker is stopped and clears when it is
# back.  Each query of the dashboard has an answer.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

for my $tool (qw(promtool prometheus prometheus-postgres-exporter))
{
	plan skip_all => "$tool is not installed"
	  unless grep { -x "$_/$tool" } split /:/, $ENV{PATH};
}

my $monitoring = 'monitoring';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => 'acme', install => $install);

# Runs that succeed, fail and are tried again, so that all series are there.
my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
wait_for_worker($node);
for my $payload ('{"a": 1}', '{"fault": {"http_status": 503}}')
{
	my $id = create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '30 4 * * *',
		payload => $payload, options => '{"max_attempts": 2, "backoff_s": 0}');
	my $run = $node->safe_psql('postgres', "SELECT extsched_run_now('acme', '$install', '$id')");
	poll_until($node, "SELECT finished_at IS NOT NULL FROM extsched.run WHERE run_id = '$run'");
}
$node->safe_psql('postgres', q{CREATE ROLE prometheus LOGIN; SELECT extsched_grant('prometheus', 'monitor')});

# promtool reads the format from before OpenMetrics, and knows good manners.
my $text = PostgreSQL::Test::Utils::tempdir() . '/metrics';
PostgreSQL::Test::Utils::append_to_file($text, $node->safe_psql('postgres', q{SELECT extsched_metrics('prometheus')}) . "\n");
is(system("promtool check metrics < $text"), 0, 'promtool finds nothing in the metrics');
is(system('promtool', 'check', 'rules', "$monitoring/alerts.yml"), 0, 'nor in the alerts');
is(system('promtool', 'test', 'rules', "$monitoring/alerts_test.yml"), 0, 'each alert fires when it should and not before');

# The metrics over HTTP, twice: as OpenMetrics text, and by the exporter.
my ($native, $exporter, $server) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 3;
start_process(
	'native',
	sub {
		local $SIG{PIPE} = 'IGNORE';
		my $psql = 'psql -XAtq -h ' . $node->host . ' -p ' . $node->port . q{ postgres -c 'SELECT extsched_metrics()'};
		my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $native, Listen => 5, ReuseAddr => 1)
		  or die "could not listen: $!";
		while (my $client = $listener->accept)
		{
			while (defined(my $line = <$client>)) { last if $line !~ /\S/ }
			print $client "HTTP/1.0 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\r\n",
			  scalar `$psql`;
			close $client;
		}
	});
{
	local $ENV{DATA_SOURCE_NAME} =
	  'host=' . $node->host . ' port=' . $node->port . ' user=prometheus dbname=postgres sslmode=disable';
	start_process('exporter', 'prometheus-postgres-exporter', "--web.listen-address=127.0.0.1:$exporter",
		"--extend.query-path=$monitoring/queries.yaml", '--disable-default-metrics', '--disable-settings-metrics');
}

# A Prometheus with the alerts as they are, only without their patience.
my $home = PostgreSQL::Test::Utils::tempdir();
(my $rules = slurp_file("$monitoring/alerts.yml")) =~ s/^( +for:) \w+$/$1 0s/mg;
PostgreSQL::Test::Utils::append_to_file("$home/alerts.yml", $rules);
PostgreSQL::Test::Utils::append_to_file("$home/prometheus.yml", <<"EOT");
global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: native
    static_configs: [{targets: ['127.0.0.1:$native']}]
  - job_name: exporter
    static_configs: [{targets: ['127.0.0.1:$exporter']}]
EOT
start_process('prometheus', 'prometheus', "--config.file=$home/prometheus.yml",
	"--storage.tsdb.path=$home/data", "--web.listen-address=127.0.0.1:$server", '--log.level=warn');

# The data of an answer of Prometheus, undef while there is none.
sub ask
{
	my ($path, %parameters) = @_;
	my $http = HTTP::Tiny->new(timeout => 10);
	my $url = "http://127.0.0.1:$server/api/v1/$path?" . $http->www_form_urlencode(\%parameters);
	my $response = $http->get($url);
	my $answer = eval { decode_json($response->{content}) } // return;

	return $answer->{status} eq 'success' ? $answer->{data} : undef;
}

# Ask until the code is content with the answer; what it says then, or undef.
# After a time-out, others will hardly end well, and are short.
my $timeout_s = 60;

sub ask_until
{
	my ($code, @question) = @_;
	my $deadline = time + $timeout_s;

	while (time < $deadline)
	{
		my $data = ask(@question);
		my $result = defined $data ? $code->($data) : undef;

		return $result if $result;
		sleep 0.1;
	}
	$timeout_s = 3;
	return;
}

# The value of a query for each of the two jobs, once both have one.
sub values_of
{
	my ($query) = @_;
	my $values = ask_until(
		sub {
			my %by_job = map { $_->{metric}{job} => $_->{value}[1] } @{ $_[0]{result} };
			return keys %by_job == 2 ? \%by_job : undef;
		},
		'query', query => $query);
	return $values // 'no answer';
}

# Both have been read twice, as rates need.
isnt(values_of('count_over_time(extsched_running[1h]) >= 2'), 'no answer', 'both are read again and again')
  or diag(slurp_file("$PostgreSQL::Test::Utils::log_path/prometheus.log"));
is_deeply(values_of('up == 1'), { native => 1, exporter => 1 }, 'Prometheus reads OpenMetrics text and exporter');

for my $case (
	[ 'extsched_running', 'SELECT 1' ],
	[ 'sum by (job) (extsched_runs_total{state="succeeded"})',
		q{SELECT sum(runs) FROM extsched.stat_dispatch WHERE state = 'succeeded'} ],
	[ 'sum by (job) (extsched_runs_total{reason="http_status",trigger="manual"})',
		q{SELECT sum(runs) FROM extsched.stat_dispatch WHERE reason = 'http_status' AND trigger = 'manual'} ],
	[ 'extsched_run_duration_seconds_count', q{SELECT n FROM extsched.stat_histograms WHERE histogram = 'run_duration'} ],
	[ 'extsched_run_duration_seconds_bucket{le=~"0[.]256|0[.]256000"}',
		q{SELECT counts[9] FROM extsched.stat_histograms WHERE histogram = 'run_duration'} ],
	[ 'extsched_run_duration_seconds_bucket{le="+Inf"}', q{SELECT n FROM extsched.stat_histograms WHERE histogram = 'run_duration'} ],
	[ 'sum by (job) (extsched_api_calls_total{operation="create",status="ok"})', 'SELECT 2' ],
	[ 'extsched_api_call_seconds_count{operation="run_now"}', 'SELECT 2' ],
	[ 'extsched_attempts_total', q{SELECT n FROM extsched.stat_events WHERE event = 'attempts'} ],
	[ 'extsched_retries_total', 'SELECT 1' ],
	[ 'extsched_worker_restarts_total', 'SELECT 0' ],
	[ 'extsched_paused_schedules + extsched_paused_tenants', 'SELECT 0' ],
	[ 'extsched_oldest_overdue_seconds', 'SELECT 0' ])
{
	my ($query, $statement) = @$case;
	my $truth = $node->safe_psql('postgres', $statement);
	is_deeply(values_of($query), { native => $truth, exporter => $truth }, "$query is $truth");
}

# Both ways have the same names, but for the families the collector names otherwise.
sub names_of
{
	my ($job) = @_;
	my $data = ask('label/__name__/values', 'match[]' => "{job=\"$job\",__name__=~\"extsched_.*\"}");
	return [ sort grep { !/^extsched_(?:build_info|out_of_worker_slots|workers?|workers_paused|workers_running|worker_(?:heartbeat_age_seconds|in_flight|queued))$/ } @$data ];
}
is_deeply(names_of('exporter'), names_of('native'), 'the exporter has the names of the text');
cmp_ok(scalar @{ names_of('native') }, '>', 30, 'which are not few');

# The dashboard: each query has an answer, each variable values.
my $dashboard = decode_json(slurp_file("$monitoring/grafana-dashboard.json"));
my $queries = 0;
for my $panel (@{ $dashboard->{panels} })
{
	for my $target (@{ $panel->{targets} })
	{
		(my $query = $target->{expr}) =~ s/\$__rate_interval/1m/g;
		$query =~ s/\$instance/.*/g;
		ok(ask_until(sub { scalar @{ $_[0]{result} } }, 'query', query => $query), "$panel->{title}: $query");
		$queries++;
	}
}
cmp_ok($queries, '>=', 20, 'the dashboard has queries');
(my $annotation = $dashboard->{annotations}{list}[0]{expr}) =~ s/\$instance/.*/;
ok(ask('query', query => $annotation), 'the annotation is a query');

# The alerts that are firing, as names and jobs.
sub firing
{
	my ($data) = @_;
	return join(' ', sort map { "$_->{labels}{alertname}:$_->{labels}{job}" } grep { $_->{state} eq 'firing' } @{ $data->{alerts} });
}
ok(ask_until(sub { firing($_[0]) eq '' }, 'alerts'), 'no alert fires') or diag(firing(ask('alerts')));
$node->safe_psql('postgres', q{ALTER SYSTEM SET extsched.workers_per_database = 0});
$node->reload;
my $expected = 'ExtschedNotRunning:exporter ExtschedNotRunning:native';
ok(ask_until(sub { firing($_[0]) eq $expected }, 'alerts'), 'an alert fires when the worker is stopped')
  or diag(firing(ask('alerts')));
$node->safe_psql('postgres', q{ALTER SYSTEM RESET extsched.workers_per_database});
$node->reload;
ok(ask_until(sub { firing($_[0]) eq '' }, 'alerts'), 'and clears when it is back') or diag(firing(ask('alerts')));

done_testing();
