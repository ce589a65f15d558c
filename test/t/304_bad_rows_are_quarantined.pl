# A row damaged by hand is quarantined with a reason; all others run.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use Test::More;

my $tenant = 'acme';
my $install = 'a0000000-0000-4000-8000-000000000001';
my @at = (tenant => $tenant, install => $install);

my $node = new_node('main');
my $runner = set_up_platform($node);
install_demo($node, @at);
wait_for_worker($node);
travel_to($node, '2030-01-02 11:30:00+00');

my ($zone, $endpoint, $limits, @good) =
  map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => '0 * * * *') } 1 .. 8;

# A zone that is gone, an endpoint that left, and limits that are no number.
my $other = 'b0000000-0000-4000-8000-000000000001';
install_demo($node, tenant => 'other', install => $other);
my $broken = create_schedule($node, tenant => 'other', install => $other,
	endpoint => 'POST /api/heartbeat', cron => '0 * * * *');
$node->safe_psql('postgres', qq{
	UPDATE extsched.schedule SET timezone = 'Mars/Olympus' WHERE schedule_id = '$zone';
	SET session_replication_role = replica;
	ALTER TABLE extsched.schedule DROP CONSTRAINT schedule_is_sound;
	UPDATE extsched.schedule SET version_id = NULL, endpoint_id = NULL WHERE schedule_id = '$endpoint';
	UPDATE extsched.tenant SET limits = '{"max_in_flight": "many"}' WHERE tenant_id = 'other'});
travel_to($node, '2030-01-02 12:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", '6');
poll_until($node, "SELECT count(*) FROM extsched.timer WHERE quarantine_reason IS NOT NULL", '3');
is( $node->safe_psql('postgres',
		"SELECT state, reason FROM extsched.run WHERE schedule_id = '$zone'"),
	'failed|quarantined', 'a zone that is gone ends as a record');
like($node->safe_psql('postgres', "SELECT quarantine_reason FROM extsched.timer WHERE schedule_id = '$zone'"),
	qr/Mars\/Olympus/, 'and says which');
is($node->safe_psql('postgres', "SELECT state, reason FROM extsched.run WHERE schedule_id = '$endpoint'"),
	'failed|endpoint_gone', 'so does an endpoint that left');
like($node->safe_psql('postgres', "SELECT quarantine_reason FROM extsched.timer WHERE schedule_id = '$broken'"),
	qr/invalid input syntax/, 'what fails in the middle is found and put aside');

travel_to($node, '2030-01-02 13:00:01+00');
poll_until($node, "SELECT count(*) FROM extsched.run WHERE state = 'succeeded'", '12');
pass('the others go on');

done_testing();
