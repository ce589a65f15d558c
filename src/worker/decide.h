/*-------------------------------------------------------------------------
 *
 * decide.h
 *		What a due timer leads to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_DECIDE_H
#define EXTSCHED_DECIDE_H

#include "core/due.h"
#include "core/vocab.h"

typedef enum ExtschedOverlap
{
	EXTSCHED_OVERLAP_SKIP,
	EXTSCHED_OVERLAP_QUEUE_ONE,
	EXTSCHED_OVERLAP_ALLOW,
} ExtschedOverlap;

/* All that the decision depends on. */
typedef struct ExtschedTimerFacts
{
	ExtschedDueRule rule;
	TimestampTz next_due;
	int			in_flight;
	TimestampTz last_run_at;	/* start of the last run that ended */
	ExtschedOverlap overlap;
	int			catch_up_s;
	bool		is_enabled;
	bool		has_endpoint;
	bool		is_tenant_paused;
	bool		is_install_enabled;
	bool		is_schedule_paused;
	TimestampTz now;

	/* the last time that the whole scheduler was off; equal if never */
	TimestampTz disabled_from;
	TimestampTz disabled_to;
} ExtschedTimerFacts;

/* A record without a run. */
typedef struct ExtschedRecord
{
	ExtschedRunState state;		/* SKIPPED or MISSED */
	ExtschedReason reason;
	TimestampTz nominal;		/* the last one */
	TimestampTz first;			/* MISSED */
	int			count;			/* MISSED */
} ExtschedRecord;

typedef struct ExtschedDecision
{
	int			n_records;
	ExtschedRecord records[2];

	/* at most one run, which goes out or fails at once */
	bool		has_run;
	TimestampTz nominal;
	bool		is_late;
	bool		waits_for_slot;
	ExtschedReason fails;		/* NONE: it goes out */

	bool		has_next;
	TimestampTz next_due;
	const char *quarantine;		/* why it will not fire again, or NULL */
} ExtschedDecision;

extern void extsched_decide(const ExtschedTimerFacts *facts,
							ExtschedDecision *decision);

#endif							/* EXTSCHED_DECIDE_H */
