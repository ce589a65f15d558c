/*-------------------------------------------------------------------------
 *
 * birth.h
 *		Write the runs and records that due timers lead to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_BIRTH_H
#define EXTSCHED_BIRTH_H

#include "worker/decide.h"
#include "worker/start.h"

/* One due timer on its way to becoming runs. */
typedef struct ExtschedCandidate
{
	ExtschedTimerFacts facts;
	ExtschedDecision decision;
	int			n_records;		/* what is written of those of the decision */
	ExtschedRecord *records;
	ExtschedPolicy policy;
	ExtschedRequest request;
	ExtschedRun *run;			/* if decision.has_run */
	bool		competes;		/* needs a slot to go out */
	bool		is_left;		/* finds none: stays as it is */
	bool		is_live;		/* the run was inserted and is not over */
	TimestampTz ready_at;
	int			jitter_s;
} ExtschedCandidate;

extern void extsched_birth_plan(TimestampTz nominal);
extern int	extsched_birth_write(ExtschedLoop *loop, ExtschedCandidate *candidates,
								 int n, TimestampTz now, bool may_exist);

#endif							/* EXTSCHED_BIRTH_H */
