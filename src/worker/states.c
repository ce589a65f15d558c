/*-------------------------------------------------------------------------
 *
 * states.c
 *		Which state of a run may follow which.
 *
 * README.md draws this table.  Whatever writes the state of a run takes the
 * text from extsched_state_enter(), so that no transition can be written that
 * is not in it, by the worker or by a Runner that pulls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "worker/states.h"

#define TO(s) (1 << EXTSCHED_RUN_##s)

/* From a state to a set of states; terminal ones have none. */
static const int followers[EXTSCHED_RUN_STATES] = {
	[EXTSCHED_RUN_PENDING] = TO(RUNNING) | TO(FAILED) | TO(SKIPPED) | TO(CANCELLED),
	[EXTSCHED_RUN_RUNNING] = TO(RETRYING) | TO(SUCCEEDED) | TO(FAILED) | TO(LOST),
	[EXTSCHED_RUN_RETRYING] = TO(RUNNING) | TO(FAILED) | TO(CANCELLED),
};

/* A run that cannot even be built is born failed. */
static const int births = TO(PENDING) | TO(RUNNING) | TO(FAILED) | TO(SKIPPED) | TO(MISSED);

bool
extsched_state_may_follow(int from, ExtschedRunState to)
{
	int			allowed = from == EXTSCHED_RUN_NEW ? births : followers[from];

	return (allowed & (1 << to)) != 0;
}

/*
 * extsched_state_enter
 *		The name of a state, for a run that goes there.
 *
 * from is an ExtschedRunState or EXTSCHED_RUN_NEW.  A transition that is not
 * in the table is an internal error.
 */
const char *
extsched_state_enter(int from, ExtschedRunState to)
{
	if (!extsched_state_may_follow(from, to))
		elog(ERROR, "a run cannot go from %s to %s",
			 from == EXTSCHED_RUN_NEW ? "nothing" : extsched_run_state_name(from),
			 extsched_run_state_name(to));
	return extsched_run_state_name(to);
}
