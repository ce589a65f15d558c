# The library exports nothing but what the server looks for and names that
# begin with extsched_, so that it never meets another library's symbols.

use strict;
use warnings FATAL => 'all';

use Test::More;

my @symbols = map { (split)[-1] } `nm --dynamic --defined-only extsched.so`;
is($?, 0, 'nm reads the library');

my @foreign = grep { !/^(extsched_|pg_finfo_extsched_)|^(Pg_magic_func|_PG_init)$/ } @symbols;
is_deeply(\@foreign, [], 'no symbol of another name');

for my $needed ('Pg_magic_func', '_PG_init')
{
	ok((grep { $_ eq $needed } @symbols), "$needed is exported");
}

# Nothing is exported by mistake: functions for SQL have an info record, and
# entry points of background workers are named as such.
my %is_exported = map { $_ => 1 } @symbols;
my @others =
  grep { /^extsched_/ && !/_main$/ && !$is_exported{"pg_finfo_$_"} } @symbols;
is_deeply(\@others, [], 'only functions for SQL and entry points are exported');

done_testing();
