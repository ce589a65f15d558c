# module.mk: the dispatch modules with SQL functions that call them one by one.
#
#	make -f module.mk OUT=DIRECTORY
#
# test/t/200_dispatch_modules.pl builds and loads it.  It links the sources of
# src/dispatch a second time, so that extsched itself exports nothing for tests,
# but for notify.c, which runs transactions by the clock of the scheduler.

PG_CONFIG ?= pg_config
OUT ?= .
ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)

SOURCES = $(wildcard $(ROOT)/test/dispatch/*.c) \
	$(filter-out %/notify.c,$(wildcard $(ROOT)/src/dispatch/*.c)) \
	$(ROOT)/src/core/vocab.c
HEADERS = $(wildcard $(ROOT)/test/dispatch/*.h) $(wildcard $(ROOT)/src/*/*.h)

# -Bsymbolic: its functions call each other, and not those of a preloaded
# extsched of the same names.
$(OUT)/dispatch_test.so: $(SOURCES) $(HEADERS) $(ROOT)/test/dispatch/module.mk
	$(CC) -shared -fPIC -Wl,-Bsymbolic -O2 -g -std=gnu11 -fno-strict-aliasing -fwrapv \
		-Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
		-Wno-missing-field-initializers -D_GNU_SOURCE $(CFLAGS) \
		-I$(ROOT)/src -I$(ROOT)/test/dispatch -I$(shell $(PG_CONFIG) --includedir-server) \
		-o $@ $(SOURCES) -lcurl
