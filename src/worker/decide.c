/*-------------------------------------------------------------------------
 *
 * decide.c
 *		What a due timer leads to.
 *
 * Every nominal time from the stored due time up to now ends in exactly one
 * record.  Usually there is one such time, and it becomes a run.  After a
 * pause, an outage or for want of slots there can be many: then the latest may
 * still run, late, and all before it share one record.
 *
 * Pure: reads no table and no clock.  The rules are those of
 * docs/semantics.md and of README.md beside this file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/timestamp.h"

#include "worker/decide.h"

/*
 * However small the catch-up window, a run that was picked up within this time
 * was not missed: it takes a moment to get to.
 */
#define ON_TIME_S			10

/* From this lateness on a run gives way to those that are on time. */
#define LATE_S				60

static void
add_skip(ExtschedDecision *decision, ExtschedReason reason, TimestampTz nominal)
{
	ExtschedRecord *record = &decision->records[decision->n_records++];

	record->state = EXTSCHED_RUN_SKIPPED;
	record->reason = reason;
	record->nominal = nominal;
}

static void
add_missed(ExtschedDecision *decision, ExtschedReason reason, TimestampTz first,
		   TimestampTz last, int64 count)
{
	ExtschedRecord *record = &decision->records[decision->n_records++];

	record->state = EXTSCHED_RUN_MISSED;
	record->reason = reason;
	record->nominal = last;
	record->first = first;
	record->count = (int) Min(count, INT_MAX);
}

/* Who stopped the schedule, the most general first; NONE if nobody did. */
static ExtschedReason
stop_reason(const ExtschedTimerFacts *facts)
{
	if (facts->is_tenant_paused)
		return EXTSCHED_REASON_TENANT_PAUSED;
	if (!facts->is_install_enabled)
		return EXTSCHED_REASON_INSTALL_DISABLED;
	if (facts->is_schedule_paused)
		return EXTSCHED_REASON_SCHEDULE_PAUSED;
	return EXTSCHED_REASON_NONE;
}

/* Why a nominal time was missed: the switch was off then, or we came late. */
static ExtschedReason
miss_reason(const ExtschedTimerFacts *facts, TimestampTz nominal)
{
	if (nominal >= facts->disabled_from && nominal < facts->disabled_to)
		return EXTSCHED_REASON_SCHEDULER_DISABLED;
	return EXTSCHED_REASON_OUTSIDE_CATCH_UP;
}

/* The times of a stretch before its last one. */
static void
account_for_rest(const ExtschedDueStretch *stretch, ExtschedReason reason,
				 ExtschedDecision *decision)
{
	if (stretch->count > 1)
		add_missed(decision, reason, stretch->first, stretch->before_last,
				   stretch->count - 1);
}

/* The last time of a stretch, which nobody has stopped and which is in time. */
static void
decide_run(const ExtschedTimerFacts *facts, TimestampTz nominal,
		   ExtschedDecision *decision)
{
	if (facts->in_flight > 0 && facts->overlap != EXTSCHED_OVERLAP_ALLOW)
	{
		if (facts->overlap == EXTSCHED_OVERLAP_SKIP || facts->in_flight > 1)
		{
			add_skip(decision, EXTSCHED_REASON_OVERLAP, nominal);
			return;
		}
		decision->waits_for_slot = true;
	}
	decision->has_run = true;
	decision->nominal = nominal;
	decision->is_late = facts->now - nominal > LATE_S * USECS_PER_SEC;
}

/* A run that ends at once, and a timer that is left alone from now on. */
static void
decide_quarantine(ExtschedReason reason, TimestampTz nominal, const char *why,
				  ExtschedDecision *decision)
{
	decision->has_run = true;
	decision->nominal = nominal;
	decision->fails = reason;
	decision->has_next = false;
	decision->quarantine = why;
}

/*
 * extsched_decide
 *		Account for all nominal times of a timer up to now.
 *
 * facts->next_due is not after facts->now.  Raises no error but for want of
 * memory.  Texts in the decision are constants or in the current context.
 */
void
extsched_decide(const ExtschedTimerFacts *facts, ExtschedDecision *decision)
{
	ExtschedDueStretch stretch;
	ExtschedReason stopped = stop_reason(facts);
	const char *problem = NULL;
	TimestampTz in_time;

	memset(decision, 0, sizeof(*decision));
	if (!facts->is_enabled)
		return;
	if (extsched_due_stretch(&facts->rule, facts->next_due, facts->now,
							 &stretch, &problem) != EXTSCHED_DUE_OK)
	{
		decide_quarantine(EXTSCHED_REASON_QUARANTINED, facts->next_due, problem, decision);
		return;
	}
	decision->has_next = stretch.has_next;
	decision->next_due = stretch.next;
	if (stretch.count == 0)
		return;

	if (!facts->has_endpoint)
	{
		account_for_rest(&stretch, EXTSCHED_REASON_ENDPOINT_GONE, decision);
		decide_quarantine(EXTSCHED_REASON_ENDPOINT_GONE, stretch.last,
						  "The endpoint of the schedule does not exist in the installed version.",
						  decision);
		return;
	}
	if (stopped != EXTSCHED_REASON_NONE)
	{
		account_for_rest(&stretch, stopped, decision);
		add_skip(decision, stopped, stretch.last);
		return;
	}

	in_time = facts->now - Max(facts->catch_up_s, ON_TIME_S) * USECS_PER_SEC;
	if (stretch.last < in_time)
	{
		add_missed(decision, miss_reason(facts, stretch.last), stretch.first,
				   stretch.last, stretch.count);
		return;
	}
	account_for_rest(&stretch, stretch.count > 1 ?
					 miss_reason(facts, stretch.before_last) : EXTSCHED_REASON_NONE,
					 decision);
	decide_run(facts, stretch.last, decision);
}
