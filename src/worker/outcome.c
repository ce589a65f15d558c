/*-------------------------------------------------------------------------
 *
 * outcome.c
 *		Decide what the end of an attempt means for its run.
 *
 * Pure: no SQL, no clock.  settle.c writes what is decided here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "worker/settle.h"
#include "worker/states.h"

/* A back-off never grows beyond a day. */
#define MAX_BACKOFF_S		SECS_PER_DAY

static void
set_outcome(ExtschedRun *run, ExtschedRunState state, ExtschedReason reason)
{
	(void) extsched_state_enter(run->from, state);
	run->to = state;
	run->reason = reason;
}

/*
 * extsched_outcome_end
 *		A run ends without a reply: it was not sent, or nobody knows.
 *
 * error may be NULL; it is copied to where the run is.
 */
void
extsched_outcome_end(ExtschedRun *run, ExtschedRunState state,
					 ExtschedReason reason, const char *error, TimestampTz now)
{
	set_outcome(run, state, reason);
	run->http_status = 0;
	run->finished_at = now;
	run->error = error ? MemoryContextStrdup(GetMemoryChunkContext(run), error) : NULL;
	run->excerpt = NULL;
}

/* Seconds before the next attempt: doubling, with jitter of a quarter. */
static int64
backoff_us(const ExtschedRun *run)
{
	int64		base_s = run->backoff_s;
	int64		base_us;
	int64		spread;

	for (int i = 1; i < run->attempt && base_s < MAX_BACKOFF_S; i++)
		base_s *= 2;
	base_us = Min(base_s, MAX_BACKOFF_S) * USECS_PER_SEC;
	spread = base_us / 2;
	if (spread == 0)
		return 0;
	return base_us - spread / 2 + (int64) (extsched_run_random(run, run->attempt) % (uint64) spread);
}

/* Make the run wait for another attempt, if there may be one. */
static bool
set_retry(ExtschedRun *run, int64 wait_us, TimestampTz now)
{
	TimestampTz ready_at = now + wait_us;

	if (run->attempt >= run->max_attempts)
		return false;
	if (ready_at > run->created_at + run->max_age_s * USECS_PER_SEC)
	{
		set_outcome(run, EXTSCHED_RUN_FAILED, EXTSCHED_REASON_MAX_AGE);
		return true;
	}
	set_outcome(run, EXTSCHED_RUN_RETRYING, EXTSCHED_REASON_NONE);
	run->ready_at = ready_at;
	return true;
}

/*
 * extsched_outcome_judge
 *		Take over the verdict on a reply.
 *
 * The texts of the verdict are copied to where the run is.
 */
void
extsched_outcome_judge(ExtschedRun *run, const ExtschedVerdict *verdict,
					   TimestampTz now)
{
	MemoryContext context = GetMemoryChunkContext(run);

	run->http_status = verdict->http_status;
	run->error = verdict->error ? MemoryContextStrdup(context, verdict->error) : NULL;
	run->excerpt = verdict->excerpt ? MemoryContextStrdup(context, verdict->excerpt) : NULL;
	run->finished_at = now;

	if (verdict->kind == EXTSCHED_VERDICT_SUCCESS)
		set_outcome(run, EXTSCHED_RUN_SUCCEEDED, EXTSCHED_REASON_NONE);
	else if (verdict->kind == EXTSCHED_VERDICT_FINAL ||
			 !set_retry(run, Max(backoff_us(run), verdict->retry_after_s * USECS_PER_SEC), now))
		set_outcome(run, EXTSCHED_RUN_FAILED, verdict->reason);
}

/*
 * extsched_outcome_unknown
 *		The holder of a lease is gone, or let it expire.
 *
 * may_retry is the policy on_unknown of the schedule; the attempt counts.  A
 * retry is due at once: the key is the same, so a Runner that did finish it
 * can tell.
 */
void
extsched_outcome_unknown(ExtschedRun *run, bool may_retry, TimestampTz now)
{
	static const char *const error = "the outcome of the attempt is unknown: its worker or Runner is gone";

	extsched_outcome_end(run, EXTSCHED_RUN_LOST, EXTSCHED_REASON_WORKER_DIED, error, now);
	if (may_retry)
		(void) set_retry(run, 0, now);
}
