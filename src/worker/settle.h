/*-------------------------------------------------------------------------
 *
 * settle.h
 *		Write what became of runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_SETTLE_H
#define EXTSCHED_SETTLE_H

#include "dispatch/judge.h"
#include "worker/run.h"

extern void extsched_outcome_judge(ExtschedRun *run, const ExtschedVerdict *verdict,
								   TimestampTz now);
extern void extsched_outcome_end(ExtschedRun *run, ExtschedRunState state,
								 ExtschedReason reason, const char *error,
								 TimestampTz now);
extern void extsched_outcome_unknown(ExtschedRun *run, bool may_retry,
									 TimestampTz now);

extern void extsched_settle_plan(TimestampTz nominal);
extern TimestampTz extsched_settle_apply(ExtschedRun **runs, int n, bool *is_settled);
extern void extsched_settle_report(ExtschedRun **runs, int n);
extern int	extsched_settle_flush(ExtschedLoop *loop, int max);

#endif							/* EXTSCHED_SETTLE_H */
