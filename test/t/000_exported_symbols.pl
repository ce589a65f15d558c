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

# A C function without PG_FUNCTION_INFO_V1 would be found, and called wrongly.
my %is_exported = map { $_ => 1 } @symbols;
my @without_info = grep { /^extsched_/ && !$is_exported{"pg_finfo_$_"} } @symbols;
is_deeply(\@without_info, [], 'only functions for SQL are exported');

done_testing();
