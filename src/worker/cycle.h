/*-------------------------------------------------------------------------
 *
 * cycle.h
 *		What the loop knows, and the steps of a cycle.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CYCLE_H
#define EXTSCHED_CYCLE_H

#include "storage/latch.h"

#include "worker/run.h"

/* A safety look at everything. */
#define LOOK_S				60

/* After this, timers that were locked when zone or clock changed are tried again. */
#define REARM_AGAIN_S		2

/* Pauses of what is due and cannot go on. */
#define HOLD_MIN_US			50000
#define HOLD_MAX_US			1000000

/*
 * The worker gets up this long before a time is due.  The system may end a
 * sleep late by a thousandth of its length, and a plan that was never made, or
 * was invalidated since, takes some 10 ms to make.
 */
#define GET_UP_US			250000

/* Outcomes wait this long for more to be written with them. */
#define SETTLE_DELAY_US		1000

/* A step that may have to pause after it failed or got nowhere. */
typedef struct ExtschedPauseState
{
	int64		until_us;		/* monotonic; 0: none */
	int64		length_us;
} ExtschedPauseState;

#define LOOKED_AT_TIMERS	1
#define LOOKED_AT_RUNS		2
#define LOOKED_AT_LEASES	4

/* What the loop knows besides what its parts share. */
typedef struct ExtschedCycle
{
	ExtschedLoop loop;
	WaitEventSet *wait_set;

	bool		may_run;		/* as of the last look */
	bool		is_recovered;	/* leases of our predecessors are taken over */
	bool		is_gone;		/* the extension is */
	bool		is_leaving;		/* one worker too many: see follow_total() */

	TimestampTz next_due;		/* no timer is due before */
	TimestampTz oldest_due;		/* of the last look; 0: nothing is due */
	TimestampTz ready_for;		/* the due time we got ready for last */
	TimestampTz next_expiry;	/* no lease of others expires before */
	TimestampTz next_look;
	TimestampTz published;		/* what commits compare with: see wait() */
	int			looked;			/* LOOKED_AT_..., since that was published */

	int			looks_to_zone_check;
	TimestampTz next_rearm;		/* timers may be too far ahead of the clock */
	bool		has_noted_clock;	/* at a look before */

	bool		walks;			/* claims go from tenant to tenant */
	int			walk_done;		/* timers dealt with in this round ... */
	int64		walk_us;		/* ... and the time it took so far */
	int64		walk_again_us;	/* not before, behind timers of other workers */
	bool		is_careful;		/* the last batch failed for its data */
	bool		is_refill_blocked;	/* runs are ready and wait for a slot ... */
	bool		has_freed_since;	/* ... of which some were freed since */

	int64		full_since_us;	/* no slot has been free since; 0: one is */
	int64		slotless_offset;	/* how far the backlog was looked through ... */
	int64		slotless_until_us;	/* ... for what needs no slot; not again before */
	bool		is_at_newest;	/* the last such look was at what may be new */

	bool		has_freed;		/* slots, since the last claim */
	int64		outcome_since_us;	/* of the oldest outcome not written */
	int64		last_claim_us;
	ExtschedPauseState hold;	/* nothing due can go on */
	ExtschedPauseState settle_error;
	ExtschedPauseState claim_error;
	bool		is_settling;
	bool		is_slotless;	/* the claim for what needs no slot is on */
	bool		settle_singly;
	int			last_sqlstate;	/* of the error logged last */
	int64		last_error_us;
} ExtschedCycle;

static inline void
extsched_step_pause(ExtschedPauseState *pause, int64 now_us, int64 min_us, int64 max_us)
{
	pause->length_us = Min(Max(pause->length_us * 2, min_us), max_us);
	pause->until_us = now_us + pause->length_us;
}

static inline void
extsched_step_resume(ExtschedPauseState *pause)
{
	pause->until_us = pause->length_us = 0;
}

static inline bool
extsched_step_is_paused(const ExtschedPauseState *pause, int64 now_us)
{
	return now_us < pause->until_us;
}

extern void extsched_cycle_look_again(ExtschedCycle *state);
extern bool extsched_cycle_run(ExtschedCycle *state);
extern TimestampTz extsched_cycle_next_look(const ExtschedCycle *state);
extern bool extsched_cycle_may_refill(const ExtschedLoop *loop);
extern bool extsched_cycle_is_lasting(int sqlstate);

#endif							/* EXTSCHED_CYCLE_H */
