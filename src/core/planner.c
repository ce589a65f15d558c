/*-------------------------------------------------------------------------
 *
 * planner.c
 *		Plans of the worker's statements, whatever statistics say.
 *
 * Every statement of the worker is a handful of index probes.  A young
 * partition without statistics, or with those of when it was empty, would have
 * the planner read all of it instead; see also worker/estimate.c.  What a
 * Runner that pulls calls runs the same statements in a session of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "core/planner.h"

static const struct
{
	const char *name;
	const char *value;
}			pins[] = {
	{"plan_cache_mode", "auto"},	/* each statement says what it wants: rows.c */
	{"enable_seqscan", "off"},
	{"enable_bitmapscan", "off"},
	{"enable_indexscan", "on"},
	{"enable_nestloop", "on"},
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"enable_partition_pruning", "on"},
	{"max_parallel_workers_per_gather", "0"},
	{"jit", "off"},
};

static void
pin(GucSource source, GucAction action)
{
	for (int i = 0; i < lengthof(pins); i++)
		(void) set_config_option(pins[i].name, pins[i].value, PGC_SUSET, source, action, true, 0, false);
}

/* Pin the planner for the life of this session; nobody may change it. */
void
extsched_planner_pin(void)
{
	pin(PGC_S_OVERRIDE, GUC_ACTION_SET);
}

/*
 * extsched_planner_enter
 *		Pin the planner until extsched_planner_leave(), or the end of the
 *		subtransaction if there is an error.
 *
 * Returns what that call needs.
 */
int
extsched_planner_enter(void)
{
	int			level = NewGUCNestLevel();

	pin(PGC_S_SESSION, GUC_ACTION_SAVE);
	return level;
}

/* The planner is the session's again. */
void
extsched_planner_leave(int level)
{
	AtEOXact_GUC(true, level);
}
