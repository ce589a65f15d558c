# A row damaged by hand is quarantined with a reason; all others run, and so does
# what fails for a moment only.

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

# What the worker writes is refused: of one schedule always, so that all are
# dealt with one by one, and of another one for the moment.
my ($damaged, $unlucky) =
  map { create_schedule($node, @at, endpoint => 'POST /api/heartbeat', cron => $_) } '29 14 * * *', '30 14 * * *';
$node->safe_psql('postgres', qq{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS '
	BEGIN
		IF NEW.schedule_id = ''$damaged'' THEN
			RAISE division_by_zero;
		ELSIF NEW.schedule_id = ''$unlucky'' THEN
			RAISE lock_not_available;
		END IF;
		RETURN NEW;
	END';
	CREATE TRIGGER refuse BEFORE INSERT ON extsched.run FOR EACH ROW EXECUTE FUNCTION refuse()});
travel_to($node, '2030-01-02 14:30:01+00');
poll_until($node, "SELECT quarantine_reason FROM extsched.timer WHERE schedule_id = '$damaged'", 'division_by_zero');
$node->wait_for_log(qr/ERROR: .*lock_not_available/);
$node->safe_psql('postgres', 'DROP TRIGGER refuse ON extsched.run');
poll_until($node, "SELECT state FROM extsched.run WHERE schedule_id = '$unlucky'", 'succeeded');
is($node->safe_psql('postgres', "SELECT quarantine_reason IS NULL FROM extsched.timer WHERE schedule_id = '$unlucky'"),
	't', 'what fails for the moment is tried again');

done_testing();
