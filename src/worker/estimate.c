/*-------------------------------------------------------------------------
 *
 * estimate.c
 *		Plans that do not depend on how full the tables happen to be.
 *
 * Each day begins with an empty partition of the history, and an ANALYZE may
 * have found it empty before.  A plan made then costs nothing whatever it does,
 * so it may go through the whole partition for each batch; and it is kept for
 * as long as it takes autovacuum to notice how many rows came since.  So the
 * planner of a worker takes every table for a large one: what it then chooses
 * is right for small ones too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "optimizer/plancat.h"

#include "worker/estimate.h"

/* What a table has at least, in the eyes of the planner. */
#define ROWS_MIN			1000000
#define ROWS_PER_PAGE		25

static get_relation_info_hook_type previous_hook = NULL;

static void
take_for_large(PlannerInfo *root, Oid relation, bool is_parent, RelOptInfo *rel)
{
	if (previous_hook != NULL)
		previous_hook(root, relation, is_parent, rel);
	rel->tuples = Max(rel->tuples, ROWS_MIN);
	rel->pages = Max(rel->pages, ROWS_MIN / ROWS_PER_PAGE);
}

/*
 * extsched_estimate_install_hook
 *		Take all tables for large ones, in this process.
 *
 * For a worker, which runs no statement but those of extsched.
 */
void
extsched_estimate_install_hook(void)
{
	previous_hook = get_relation_info_hook;
	get_relation_info_hook = take_for_large;
}
