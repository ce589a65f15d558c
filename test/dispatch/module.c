/*-------------------------------------------------------------------------
 *
 * module.c
 *		A loadable module that calls the dispatch modules one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "fmgr.h"

#include "core/clock.h"
#include "core/counters.h"
#include "module.h"

PG_MODULE_MAGIC;

void
tap_result(StringInfo out, bool is_good, const char *name)
{
	appendStringInfo(out, "%s - %s\n", is_good ? "ok" : "not ok", name);
}

/* The parts of src/core that dispatch uses, without shared memory. */
int64
extsched_clock_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
