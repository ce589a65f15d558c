# Makefile: build extsched, and the commands that set up, test and show it.
#
# The first part holds the goals a person types on a fresh machine.  They must
# work before the server's headers are installed, so they include nothing and
# hand on to script/.  The second part is a plain PGXS build.  PGXS brings a
# "check" goal of its own, which is the other reason to keep the two apart.

HOUSE_GOALS = help check campaign check-deb check-matrix check-sanitize check-valgrind demo dist lint bench bench-peers fuzz

# With no PG_CONFIG given, the newest server we support whose headers are
# there; a bare "pg_config" may belong to libpq alone.  Not exported: before
# script/bootstrap has run the answer may be wrong, and the scripts look again.
ifeq ($(origin PG_CONFIG), undefined)
PG_CONFIG := $(shell script/find-pg-config)
endif

ifneq ($(filter $(HOUSE_GOALS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)

help:
	@echo 'make              build extsched for the server of PG_CONFIG'
	@echo 'make install      install it into that server'
	@echo 'make check        install what is missing, build, run all tests'
	@echo 'make campaign     the tests that have a long form, in that'
	@echo 'make check-matrix the same on PostgreSQL 16, 17 and 18, in folders of their own'
	@echo 'make check-sanitize the same with extsched built for the UB sanitizer'
	@echo 'make check-valgrind more runs with the server under valgrind'
	@echo 'make demo         install what is missing, build, show a schedule fire'
	@echo 'make lint         compiler warnings, layout, cppcheck, clang-tidy'
	@echo 'make bench        measure; prints a table, writes build/bench.json'
	@echo 'make bench-peers  the same with pg_cron, pg-boss and graphile-worker beside it'
	@echo 'make fuzz         fuzz the cron language'
	@echo 'make temp-install private copy of the server in build/install'
	@echo 'make check-deb    build the Debian package, install and test it in a bare system'
	@echo 'make dist         release archives in build/dist, the same bytes each time'
	@echo 'make clean        remove what was built'
	@echo
	@echo 'script/check -h   run some of the tests'
	@echo 'script/dev-server start a private server with extsched preloaded'

check:
	@script/bootstrap check
	@script/as-user script/check

campaign:
	@script/bootstrap check
	@script/as-user script/check campaign distributed

# The long form of one test.
check-valgrind:
	@script/bootstrap suite
	@script/as-user script/check campaign 450_

check-matrix:
	@script/check-matrix

check-sanitize:
	@script/bootstrap check
	@script/as-user script/check --sanitize regress isolation tap

demo:
	@script/bootstrap demo
	@script/as-user script/demo

bench:
	@script/bootstrap bench
	@script/as-user $(MAKE) -s -C test/cron bench
	@test/bench/with-huge-pages 3300 script/as-user test/bench/run; status=$$?; test/bench/chart; exit $$status

# Installs what it measures; an hour.
bench-peers:
	@script/bootstrap bench
	@script/as-user test/bench/run limit peers; test/bench/with-huge-pages 3300 script/as-user test/bench/run; \
		status=$$?; test/bench/chart; exit $$status

dist:
	@script/dist

check-deb:
	@script/bootstrap deb
	@script/check-deb

lint:
	@script/lint

fuzz:
	@$(MAKE) -C test/cron fuzz

# Other goals named beside one of these take the second part.
$(filter-out $(HOUSE_GOALS),$(MAKECMDGOALS)):
	@$(MAKE) $@

else

EXTENSION = extsched
EXTVERSION = 1.0
MODULE_big = extsched

SOURCES = $(sort $(wildcard src/*/*.c))
OBJS = $(SOURCES:.c=.o)
SQL_PARTS = $(sort $(wildcard src/sql/[0-9]*.sql))

DATA = $(wildcard extsched--*--*.sql)
DATA_built = extsched--$(EXTVERSION).sql

# The tests are one list in alphabetical order behind the one that makes the
# extension and the roles.
REGRESS = setup $(filter-out setup,$(sort $(basename $(notdir $(wildcard sql/*.sql)))))
REGRESS_OPTS = --temp-config=test/regress.conf

# -MMD lets objects follow their headers; Debian's PGXS does not track them.
PG_CPPFLAGS = -Isrc
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -MMD -MP
ifdef EXTSCHED_WERROR
PG_CFLAGS += -Werror
endif
SHLIB_LINK = -lcurl -Wl,--version-script=build/exports
# Not the address sanitizer: a server that is not built for it leaves by longjmp
# what it then takes for frames still there.  Valgrind looks after addresses.
ifdef EXTSCHED_SANITIZE
PG_CFLAGS += -fsanitize=undefined -fno-sanitize-recover=undefined
SHLIB_LINK += -fsanitize=undefined
endif

EXTRA_CLEAN = $(OBJS:.o=.d) build extsched--$(EXTVERSION).sql

# Bitcode lets the server inline C functions into JIT code.  Ours are far too
# large for that, and it would double the build.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(and $(PGXS),$(wildcard $(PGXS))),)
$(error no PostgreSQL server headers found (pg_config: "$(PG_CONFIG)"): run script/bootstrap, or set PG_CONFIG)
endif
include $(PGXS)

-include $(OBJS:.o=.d)

# Objects follow the flags too: a build with warnings as errors must not find
# objects of one without.
BUILD_FLAGS := $(strip $(PG_CONFIG) $(CC) $(CPPFLAGS) $(CFLAGS))
ifneq ($(file <build/flags),$(BUILD_FLAGS))
$(shell mkdir -p build)
$(file >build/flags,$(BUILD_FLAGS))
endif
$(OBJS): build/flags

# The script is written in parts, each about one subject, and joined here.  A
# blank line between them keeps an unfinished last line from joining two.
extsched--$(EXTVERSION).sql: $(SQL_PARTS) Makefile
	@{ printf '%s\n' '/* extsched--$(EXTVERSION).sql: made from src/sql by make */' \
	     '\echo Use "CREATE EXTENSION extsched" to load this file. \quit'; \
	   for part in $(SQL_PARTS); do \
	     printf '\n-- %s\n' "$$part"; cat "$$part"; \
	   done; } >$@.tmp
	@mv $@.tmp $@

# Only what the server calls is seen outside of the library: what the script
# names.  A visibility mark would not do; before version 16 the server's headers
# declare SQL-callable functions without one.
build/exports: $(SQL_PARTS)
	@mkdir -p build
	@{ echo '{ global: Pg_magic_func; _PG_init; pg_finfo_*; extsched_*_main;'; \
	   sed -n "s/.*'MODULE_PATHNAME', '\\([a-z0-9_]*\\)'.*/\\1;/p" $(SQL_PARTS); \
	   echo 'local: *; };'; } >$@
$(MODULE_big)$(DLSUFFIX): build/exports

.PHONY: temp-install list-regress
temp-install: all
	@script/temp-install

list-regress:
	@echo $(REGRESS)

endif
