# A release is what the tree holds: make dist gives the same bytes wherever and
# whenever it is made, META.json is as the specification of PGXN wants it, and
# all places that name a version name the same.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

chdir dirname(dirname(dirname(__FILE__))) or die "chdir: $!";

# The required keys of https://pgxn.org/meta/spec.txt, and what each has to be.
my $text = qr/\S/;
my $semver = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[a-zA-Z][-0-9A-Za-z]*)?$/;
my %licences = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2
  gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql
  qpl_1_0 ssleay sun zlib open_source restricted unrestricted unknown);

sub problems_of
{
	my $meta = shift;
	my @problems = map { "$_ is missing" }
	  grep { !exists $meta->{$_} } qw(name version abstract maintainer license provides meta-spec);
	return @problems if @problems;

	push @problems, 'name' if $meta->{name} !~ /^[^\s\/\\:\x00-\x1f]{2,}$/;
	push @problems, 'version' if $meta->{version} !~ $semver;
	push @problems, 'abstract' if $meta->{abstract} !~ $text;
	push @problems, 'license' unless $licences{ $meta->{license} };
	push @problems, 'meta-spec' if $meta->{'meta-spec'}{version} !~ /^1\.0\.\d+$/;
	push @problems, 'release_status'
	  if ($meta->{release_status} // 'stable') !~ /^(stable|testing|unstable)$/;
	push @problems, 'provides' unless %{ $meta->{provides} };
	while (my ($name, $provided) = each %{ $meta->{provides} })
	{
		push @problems, "$name: version" if ($provided->{version} // '') !~ $semver;
		push @problems, "$name: $_"
		  for grep { !-f ($provided->{$_} // '') } qw(file docfile);
	}
	for my $phase (values %{ $meta->{prereqs} // {} })
	{
		push @problems, "prereqs: $_"
		  for grep { !/^(0|\d+\.\d+\.\d+)$/ } map { values %$_ } values %$phase;
	}
	push @problems, "unknown key $_"
	  for grep { !/^[xX]_/ } grep { !/^(name|version|abstract|maintainer|license|provides|meta-spec|description
		|generated_by|tags|no_index|prereqs|release_status|resources)$/x } keys %$meta;
	return @problems;
}

my $meta = decode_json(slurp_file('META.json'));
is_deeply([ problems_of($meta) ], [], 'META.json is as PGXN wants it');
is_deeply([ problems_of({ %$meta, version => '1.0' }) ], ['version'], '  and would be refused otherwise');

my ($control) = slurp_file('extsched.control') =~ /^default_version = '(.*)'/m;
my ($makefile) = slurp_file('Makefile') =~ /^EXTVERSION = (\S+)/m;
my ($changes) = slurp_file('CHANGELOG.md') =~ /^## (\S+)/m;
is($makefile, $control, 'Makefile and control file name one version');
is($changes, $control, 'so does the CHANGELOG');
is($meta->{version}, "$control.0", 'so does META.json, with three parts');
like(slurp_file('debian/changelog'), qr/^extsched \(\Q$meta->{version}\E-/, 'so does the Debian package');
is($meta->{provides}{extsched}{version}, $meta->{version}, 'and it provides that');

# The tree as a repository of its own: here there may be none.
my $home = PostgreSQL::Test::Utils::tempdir();
my $repository = "$home/repository";
local %ENV = (%ENV, HOME => $home, GIT_CONFIG_NOSYSTEM => 1,
	map { ("GIT_${_}_NAME" => 'a', "GIT_${_}_EMAIL" => 'a@localhost', "GIT_${_}_DATE" => '2026-01-02T03:04:05Z') } qw(AUTHOR COMMITTER));
delete @ENV{qw(GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE)};

mkdir $repository or die "mkdir: $!";
is(system(
		"tar -cf - --exclude=./build --exclude=./.git --exclude=node_modules --exclude=./tmp_check . | tar -C $repository -xf - && "
		  . "cd $repository && git init -q . && git add -A && git commit -qm all"),
	0, 'the tree is a repository');

sub make_dist
{
	my ($folder, $umask, $zone) = @_;

	system("cd $repository && umask $umask && TZ=$zone script/dist $home/$folder >$home/$folder.sums 2>$home/$folder.err") == 0
	  or return 'script/dist failed: ' . slurp_file("$home/$folder.err");
	return slurp_file("$home/$folder.sums");
}

my $sums = make_dist('one', '022', 'UTC');
like($sums, qr/^[0-9a-f]{64}  extsched-\Q$meta->{version}\E\.tar\.gz\n[0-9a-f]{64}  extsched-\Q$meta->{version}\E\.zip\n\z/,
	'make dist makes two archives');
system("touch $repository/README.md");
is(make_dist('two', '077', 'Pacific/Auckland'), $sums, 'the same bytes again, under another umask and zone');

my @packed = sort map { s{^extsched-[^/]+/}{}r } grep { !m{/$} }
  split /\n/, `tar -tzf $home/one/extsched-$meta->{version}.tar.gz`;
my @tracked = sort grep { !/^\.(ci\/|git)/ } split /\n/, `cd $repository && git ls-files`;
is_deeply(\@packed, \@tracked, 'they hold what is tracked');

# What is not committed is left out, and said.
append_to_file("$repository/README.md", "more\n");
is(make_dist('three', '022', 'UTC'), $sums, 'uncommitted work is left out');
like(slurp_file("$home/three.err"), qr/not committed/, 'and named');

done_testing();
