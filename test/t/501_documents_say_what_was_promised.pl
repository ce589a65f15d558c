# The documents have the parts that were promised, and name every code, reason,
# setting and function that a reader may meet.  That their examples work is
# shown by 500_documented_examples_work.pl.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

chdir dirname(dirname(dirname(__FILE__))) or die "chdir: $!";

# A document's text, and that of one section of it: up to the next heading of
# the same depth or less.
sub document
{
	return slurp_file("docs/$_[0].md");
}

sub section
{
	my ($name, $heading) = @_;
	my ($depth, $text) = document($name) =~ /^(#+) \Q$heading\E\n(.*)\z/ms or return '';
	my $stop = join '|', map { '#' x $_ . ' ' } 1 .. length $depth;

	return (split /^(?:$stop)/m, $text)[0];
}

# What a reader has to find: document, section, words.
my @promises = (
	[ 'design', 'Decisions, with what was rejected', ('was rejected') ],
	[ 'design', 'Lock order', ('limiter', 'schedule', 'timer') ],
	[ 'design', 'Invariants' ],
	[ 'runner-contract', 'The request', qw(x-request-id x-idempotency-key x-extsched-fence body_b64 providers secret_envelope context_headers) ],
	[ 'runner-contract', 'The reply', qw(connect timeout response_too_large http_status bad_response Retry-After) ],
	[ 'runner-contract', 'What a Runner has to look after', ('at least once', 'x-idempotency-key') ],
	[ 'runner-contract', 'Signatures', qw(webhook-id webhook-timestamp webhook-signature) ],
	[ 'runner-contract', 'Runners that pull', qw(extsched_claim extsched_heartbeat extsched_complete) ],
	[ 'operations', 'Upgrading an extension', qw(extsched_preview_upgrade extsched_upgrade_install disable_missing SCHEDULE_REMAP_FAILED), '```sql' ],
	[ 'operations', 'Clean-up', qw(extsched_uninstall extsched_drop_tenant) ],
	[ 'operations', 'Limits', qw(extsched_set_limits) ],
	[ 'operations', 'Stopping things', qw(extsched.enabled extsched_pause_tenant extsched_set_install_enabled) ],
	[ 'operations', 'Retention', qw(extsched.history_retention extsched.audit_retention) ],
	[ 'operations', 'Copies, restore, failover', qw(extsched_adopt) ],
	[ 'operations', 'Production checklist', 'hold no secrets', 'envelope' ],
	[ 'operations', 'Troubleshooting', '```sql' ],
	[ 'host-api', 'Operations', qw(list get create update delete getEndpoints clientToken) ],
	[ 'host-api', 'Input', qw(endpoint cron timezone enabled name payload options ifRevision) ],
	[ 'host-api', 'Records', qw(lastRunAt lastRunStatus nextRunAt revision) ],
	[ 'host-api', 'Failures', qw(VALIDATION_FAILED DENIED NOT_FOUND QUOTA_EXCEEDED RATE_LIMITED INTERNAL_ERROR validation-failed quota-exceeded) ],
	[ 'host-api', 'For an HTTP route', qw(401 201 Retry-After) ],
	[ 'host-api', 'For a WIT binding', 'never trap', 'JSON *text*' ],
	[ 'semantics', 'The language', 'five fields', 'H(0-29)' ],
	[ 'semantics', 'Clock changes', 'test' ],
	[ 'security', 'Who is who', qw(plugin host admin monitor) ],
	[ 'security', 'What is left to you', 'signing_key_file', 'never from a body' ],
	[ 'migrating', 'From another scheduler' ],
	[ 'migrating', 'pg_cron', qw(extsched_import_pg_cron dry_run cron.timezone path_prefix skip), '```sql' ],
	[ 'migrating', 'pg-boss', 'pgboss.schedule', '```sql' ],
	[ 'migrating', 'The tables of a platform that kept its own', 'client_token', '```sql' ],
	[ 'migrating', 'From one version of extsched to the next', 'ALTER EXTENSION' ],
);

for (@promises)
{
	my ($name, $heading, @words) = @$_;
	my $text = section($name, $heading);

	cmp_ok(length $text, '>', 80, "docs/$name.md has \"$heading\"");
	my @missing = grep { index($text, $_) < 0 } @words;
	is_deeply(\@missing, [], '  which names what belongs there') if @words;
}

# Each attack of the threat model names a test, and the test is there; what no
# test can show is marked as such, and there is little of it.
my @attacks = document('security') =~ /^\| (?!attack|---|who|asset)[^|]+\|[^|]+\|\s*(-|`[^|]*`)\s*\|$/mg;
cmp_ok(scalar @attacks, '>=', 35, 'docs/security.md goes through the attacks');
is_deeply([ grep { !-f } map { /`([^`]+)`/g } @attacks ], [], 'each test that it names exists');
cmp_ok(scalar(grep { $_ eq '-' } @attacks), '<=', 4, 'few are left to the reader');

# Names that the code has, and documents must have: the code is the list.
sub missing_in
{
	my ($text, @names) = @_;
	return [ grep { $text !~ /(?<![\w.])\Q$_\E(?!\w)/ } @names ];
}

my $reference = document('sql-reference');
my @functions = do
{
	my %seen;
	grep { !$seen{$_}++ } map { slurp_file($_) =~ /CREATE FUNCTION \@extschema\@\.(extsched_\w+)/g } glob 'src/sql/*.sql';
};
cmp_ok(scalar @functions, '>', 30, 'there is a list of functions');
is_deeply(missing_in($reference, @functions), [], 'the SQL reference has every function');
my @settings = slurp_file('src/core/settings.c') =~ /"(extsched\.\w+)"/g;
cmp_ok(scalar @settings, '>', 15, 'there is a list of settings');
is_deeply(missing_in($reference, @settings), [], 'the SQL reference has every setting');
is_deeply(
	missing_in($reference, qw(22004 22023 42501 42704 42710 53400 54000 55000 55006 STALE_REVISION SCHEDULE_REMAP_FAILED)),
	[], 'the SQL reference has every code');
my @reasons = slurp_file('src/core/vocab.c') =~ /\[EXTSCHED_REASON_\w+\] = "(\w+)"/g;
cmp_ok(scalar @reasons, '>=', 18, 'there is a list of reasons');
is_deeply(missing_in(document('operations') . document('runner-contract'), @reasons), [],
	'each reason that a run may end with is explained');

# The README leads to every document.
is_deeply([ grep { slurp_file('README.md') !~ /\(\Q$_\E\)/ } grep { $_ ne 'docs/contract.md' } glob 'docs/*.md' ], [],
	'the README names each document');

# The picture of the architecture is that of the tree.
my %named = map { $_ => 1 } section('design', 'Folders') =~ /^\| `([\w\/.]+)` \|/mg;
is_deeply([ grep { !-d } sort keys %named ], [], 'docs/design.md names no folder that is not there');
is_deeply([ grep { -d && !$named{$_} } glob 'src/*' ], [], 'and each folder of src');
my @promised_paths = map { /`((?:src|test|docs|script|examples|sql|debian)\/[\w\/.-]*|sql|expected)`/g } slurp_file('CONTRIBUTING.md');
cmp_ok(scalar @promised_paths, '>', 15, 'CONTRIBUTING.md has a map');
is_deeply([ grep { !-e } @promised_paths ], [], 'and each path on it exists');

# make help names each goal that a person types.
my ($goals) = slurp_file('Makefile') =~ /^HOUSE_GOALS = (.*)/m;
my $help = `make -s help`;
is_deeply([ grep { $help !~ /^make \Q$_\E\s/m } grep { $_ ne 'help' } split ' ', $goals ], [],
	'make help lists every goal');

done_testing();
