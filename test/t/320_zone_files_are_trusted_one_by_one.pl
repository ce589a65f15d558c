# A zone file that is damaged, vanishes or is replaced concerns its own zone and
# nothing else, and a session that goes on for long sees it within a minute.

use strict;
use warnings FATAL => 'all';

use ExtschedTest;
use File::Copy qw(copy move);
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

my $zones = PostgreSQL::Test::Utils::tempdir() . '/zones';
my $system = '/usr/share/zoneinfo';

make_path("$zones/Europe", "$zones/Asia");
copy("$system/$_", "$zones/$_") or die "$_: $!"
  for qw(UTC Europe/Berlin Europe/Paris Europe/Madrid Asia/Tokyo);

my $node = new_node('main', 'extsched.timezone_directory' => $zones, 'timezone' => 'UTC');
create_extension($node);

sub noon
{
	my ($zone) = @_;

	return "SELECT extsched_next('0 12 * * *', '$zone', '2026-01-15 00:00Z')";
}

sub refusal
{
	my ($zone) = @_;
	my ($status, $out, $error) = $node->psql('postgres', noon($zone), extra_params => [ '-v', 'VERBOSITY=verbose' ]);

	return $error;
}

sub cut_off
{
	my ($zone, $bytes) = @_;

	open my $in, '<:raw', "$system/$zone" or die $!;
	my $content;
	read $in, $content, $bytes;
	close $in;
	open my $out, '>:raw', "$zones/$zone" or die $!;
	print $out $content;
	close $out or die $!;
	return;
}

is($node->safe_psql('postgres', noon('europe/berlin')), '2026-01-15 11:00:00+00', 'a zone of the folder is found');
like(refusal('America/New_York'), qr/22023.*There is no zone "America\/New_York"/s, 'a zone that is not in it is not');

cut_off('Europe/Paris', 300);
like(refusal('Europe/Paris'), qr/22023.*The zone file of "Europe\/Paris" is damaged.*HINT:  Check or reinstall/s,
	'a file that is cut off is refused');
cut_off('Europe/Paris', 3);
like(refusal('Europe/Paris'), qr/22023.*There is no zone "Europe\/Paris"/s, 'an empty stump is no zone');
is($node->safe_psql('postgres', noon('Europe/Berlin')), '2026-01-15 11:00:00+00', 'the zones beside it are fine');

# One session: it knows Berlin, Madrid and Tokyo, then their files change.
my $wait = <<'SQL';
DO $$
BEGIN
    FOR i IN 1 .. 900 LOOP
        EXIT WHEN extsched_next('0 12 * * *', 'Europe/Berlin', '2026-01-15 00:00Z') = '2026-01-15 03:00Z';
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
SQL
my ($status, $out, $error) = $node->psql(
	'postgres', join("\n",
		noon('Europe/Berlin') . ';', noon('Europe/Madrid') . ';', noon('Asia/Tokyo') . ';',
		"\\! cp $zones/Asia/Tokyo $zones/Europe/new && mv $zones/Europe/new $zones/Europe/Berlin",
		"\\! rm $zones/Europe/Madrid",
		noon('Europe/Berlin') . ';',
		$wait,
		noon('Europe/Berlin') . ';', noon('Asia/Tokyo') . ';', noon('Europe/Madrid') . ';'));
is( $out, join("\n", '2026-01-15 11:00:00+00', '2026-01-15 11:00:00+00', '2026-01-15 03:00:00+00',
		'2026-01-15 11:00:00+00',
		'2026-01-15 03:00:00+00', '2026-01-15 03:00:00+00'),
	'a session keeps a zone for a moment, then follows the new file');
like($error, qr/There is no zone "Europe\/Madrid"/, 'and a zone whose file is gone is gone');

is( $node->safe_psql('postgres', "SET extsched.timezone_directory = '$system'; " . noon('Europe/Madrid')),
	'2026-01-15 11:00:00+00', 'another folder takes effect at once');

done_testing();
