/*-------------------------------------------------------------------------
 *
 * cycle.c
 *		The steps of a cycle of the worker's loop.
 *
 * Take the replies that are there, write outcomes, look after everything once
 * a minute, take over leases, claim what is due, start what waits.
 *
 * What is due and cannot go on (locked, or without a free slot) is tried again
 * when a slot becomes free, when something else is due, and after a pause that
 * doubles from 50 ms to 1 s.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/settings.h"
#include "worker/claim.h"
#include "worker/cycle.h"
#include "worker/lease.h"
#include "worker/prune.h"
#include "worker/rearm.h"
#include "worker/refill.h"
#include "worker/rows.h"
#include "worker/settle.h"
#include "worker/start.h"
#include "worker/work.h"
#include "worker/worker.h"

/* Timers of one claim, outcomes of one settle. */
#define CLAIM_MAX			512
#define SETTLE_MAX			512

/* A claim for few free slots waits this long for more to become free. */
#define CLAIM_DELAY_US		2000

/* A walk rests this long when what it found could not go, unless a slot becomes free. */
#define WALK_PAUSE_US		10000

/* Going through what is only other workers' takes no more than a part of the time. */
#define OTHERS_PART			20

/*
 * A backlog is looked through for what needs no slot when it has been one for
 * this long, and that takes no more than a part of the time.
 */
#define SLOTLESS_PAUSE_US	200000
#define SLOTLESS_PART		20

/* One that has claimed so recently is still ready for the next time. */
#define STAYS_READY_US		1000000

/* What is due has so long to go out before a look that falls together with it. */
#define LOOK_DELAY_US		1000000

/* Looks between two checks of the zone data, a reload apart. */
#define LOOKS_PER_ZONE_CHECK 10

/* Timers taken one by one after a batch failed. */
#define CAREFUL_KEYS		64

/* How late makes a backlog rather than a busy moment. */
#define BACKLOG_S			60

static void
commit(ExtschedCycle *state)
{
	extsched_work_commit(state->loop.sends != NIL);
	MemoryContextSwitchTo(state->loop.cycle);
}

/*
 * extsched_cycle_look_again
 *		Look at everything again: somebody has set the latch.
 */
void
extsched_cycle_look_again(ExtschedCycle *state)
{
	state->next_due = state->loop.next_ready = state->next_expiry = DT_NOBEGIN;
	extsched_step_resume(&state->hold);
}

/* Our name in leases and the fence in requests, of our epoch. */
static void
take_names(ExtschedLoop *loop)
{
	uint64		epoch = pg_atomic_read_u64(&loop->slot->epoch);

	loop->owner_prefix = MemoryContextAlloc(TopMemoryContext, 32);
	loop->owner = MemoryContextAlloc(TopMemoryContext, 64);
	snprintf(loop->owner_prefix, 32, "worker:%d:", loop->number);
	snprintf(loop->owner, 64, "%s" UINT64_FORMAT, loop->owner_prefix, epoch);
	loop->fence = MemoryContextStrdup(TopMemoryContext, extsched_request_fence((int64) epoch));
}

/* Remember when extsched.enabled was off, to say so of what passed then. */
static void
note_enabled(ExtschedLoop *loop, TimestampTz now)
{
	if (!extsched_enabled && !loop->is_disabled)
		loop->disabled_from = now;
	if (!extsched_enabled || loop->is_disabled)
		loop->disabled_to = now;
	loop->is_disabled = !extsched_enabled;
}

/*
 * Begin a transaction that starts runs.  False, and no transaction, when the
 * extension has gone or must not run here.
 */
static bool
begin_if_may_run(ExtschedCycle *state, const char *activity, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;

	extsched_work_begin(activity);
	state->is_gone = !extsched_worker_has_extension();
	if (!state->is_gone)
	{
		extsched_rows_open();
		state->may_run = extsched_worker_may_run(loop->slot);
	}
	note_enabled(loop, now);
	if (state->is_gone || !state->may_run)
	{
		commit(state);
		return false;
	}
	if (loop->owner == NULL && pg_atomic_read_u64(&loop->slot->epoch) != 0)
	{
		/* the epoch is taken, whatever becomes of what follows */
		commit(state);
		extsched_work_sync();
		take_names(loop);
		return begin_if_may_run(state, activity, now);
	}
	return true;
}

/* Replies that have come become outcomes. */
static void
take_replies(ExtschedCycle *state, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;
	ExtschedHttpReply reply;
	TimestampTz now = 0;
	int64		real_s = 0;

	extsched_http_poll(loop->http);
	while (extsched_http_next_done(loop->http, &reply))
	{
		ExtschedRun *run = reply.owner;
		ExtschedVerdict verdict;

		if (now == 0)
		{
			now = extsched_clock_now();
			real_s = timestamptz_to_time_t(GetCurrentTimestamp());
		}
		extsched_judge_reply(&reply, real_s, &verdict);
		extsched_outcome_judge(run, &verdict, now);
		if (loop->n_outcomes == 0)
			state->outcome_since_us = now_us;
		dlist_push_tail(&loop->outcomes, &run->node);
		loop->n_outcomes++;
	}
}

/* Whether it is time to write outcomes. */
static bool
must_settle(const ExtschedCycle *state, int64 now_us)
{
	int			n = state->loop.n_outcomes;
	int			slots = extsched_fairqueue_free(state->loop.queue) + extsched_fairqueue_in_flight(state->loop.queue);

	if (n == 0 || extsched_step_is_paused(&state->settle_error, now_us))
		return false;
	return n >= Min(SETTLE_MAX, slots) / 8 ||
		extsched_http_in_flight(state->loop.http) == 0 ||
		now_us - state->outcome_since_us >= SETTLE_DELAY_US;
}

static bool
settle(ExtschedCycle *state, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;
	int			in_flight = extsched_fairqueue_in_flight(loop->queue);
	int			n;

	state->is_settling = true;
	n = extsched_settle_flush(loop, state->settle_singly ? 1 : SETTLE_MAX);
	state->is_settling = false;
	if (n == 0)
		extsched_step_pause(&state->settle_error, now_us, HOLD_MIN_US, HOLD_MAX_US);
	else
		extsched_step_resume(&state->settle_error);
	if (loop->n_outcomes == 0)
		state->settle_singly = false;
	state->outcome_since_us = now_us;
	if (extsched_fairqueue_in_flight(loop->queue) < in_flight)
	{
		extsched_step_resume(&state->hold);
		state->has_freed = state->has_freed_since = true;
	}
	return n > 0;
}

/* Something is due since then, or nothing (0); it is tried again after a pause. */
static void
set_oldest_due(ExtschedCycle *state, TimestampTz oldest_due, int64 now_us)
{
	state->oldest_due = oldest_due;
	if (oldest_due != 0)
		extsched_step_pause(&state->hold, now_us, HOLD_MIN_US, HOLD_MAX_US);
	else
		extsched_step_resume(&state->hold);
}

/*
 * Learn when the next timer is due, in a transaction.  True when timers of this
 * worker may be due behind many of others: they are looked for again soon.
 */
static bool
find_next_due(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	TimestampTz oldest;
	bool		is_more = extsched_claim_find_due(&state->loop, now, &oldest, &state->next_due);

	state->looked |= LOOKED_AT_TIMERS;
	if (is_more)
		state->next_due = Min(state->next_due, now + HOLD_MAX_US);
	if (oldest != 0 || !is_more)
		set_oldest_due(state, oldest, now_us);
	return is_more;
}

static void
begin_walk(ExtschedCycle *state)
{
	state->walks = true;
	state->walk_done = 0;
	state->walk_us = 0;
	extsched_claim_begin_round(&state->loop);
}

/*
 * Timers of this worker may be due behind many of others.  Walk, but not all the
 * time, if those before were in vain.
 */
static void
look_behind_others(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	if (now_us < state->walk_again_us)
	{
		state->next_due = Min(state->next_due, now + (state->walk_again_us - now_us));
		return;
	}
	state->oldest_due = now;
	extsched_step_resume(&state->hold);
	begin_walk(state);
}

/* Oldest first; a full batch that could not go out begins the walk. */
static void
claim_oldest(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;
	bool		is_backlog = state->oldest_due != 0 &&
		now - state->oldest_due > BACKLOG_S * USECS_PER_SEC;
	int			limit = is_backlog ? CLAIM_MAX : Max(Min(extsched_fairqueue_free(loop->queue), CLAIM_MAX), 16);
	ExtschedClaim claim = {0};

	extsched_claim_oldest(loop, now, limit, &claim);
	extsched_count_event(claim.n_runs > 0 ? EXTSCHED_EVENT_CLAIM_BATCH : EXTSCHED_EVENT_CLAIM_EMPTY, 1);
	extsched_count_event(EXTSCHED_EVENT_CLAIMED_RUN, claim.n_runs);
	if (claim.n_found < limit)
	{
		state->oldest_due = 0;
		if (find_next_due(state, now, now_us))
			look_behind_others(state, now, now_us);
		return;
	}
	state->oldest_due = claim.oldest_due;
	if (claim.n_claimed < claim.n_found)
		begin_walk(state);
}

/* From tenant to tenant, until a round finds nothing that has to stay. */
static void
claim_in_turn(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	ExtschedClaim claim = {0};
	bool		is_round_over;
	int64		begin_us = extsched_clock_monotonic_us();
	int64		end_us;

	extsched_claim_in_turn(&state->loop, now, extsched_fairqueue_free(state->loop.queue), &claim,
						   &is_round_over);
	end_us = extsched_clock_monotonic_us();
	state->walk_us += end_us - begin_us;
	extsched_count_event(claim.n_runs > 0 ? EXTSCHED_EVENT_CLAIM_BATCH : EXTSCHED_EVENT_CLAIM_EMPTY, 1);
	extsched_count_event(EXTSCHED_EVENT_CLAIMED_RUN, claim.n_runs);
	state->walk_done += claim.n_claimed;
	if (state->oldest_due == 0)
		state->oldest_due = claim.oldest_due;
	if (!is_round_over)
	{
		/* those that were found wait for a slot at their Runner; others may not */
		if (claim.n_found > 0 && claim.n_claimed == 0)
		{
			if (now >= state->next_due)
				(void) find_next_due(state, now, now_us);
			state->hold.until_us = now_us + WALK_PAUSE_US;
		}
		return;
	}
	if (state->walk_done == 0)
	{
		/* the walk has seen what that may not tell */
		state->oldest_due = 0;
		if (find_next_due(state, now, now_us) && state->oldest_due == 0)
			set_oldest_due(state, state->loop.turn.oldest_due, now_us);
		state->walks = state->oldest_due != 0;
		state->walk_again_us = end_us + Min(OTHERS_PART * state->walk_us, HOLD_MAX_US);
	}
	state->walk_done = 0;
	state->walk_us = 0;
}

/* Whether to claim now: something may be due, and something may start. */
static bool
must_claim(const ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	const ExtschedLoop *loop = &state->loop;
	int			in_flight = extsched_fairqueue_in_flight(loop->queue);
	int			free = extsched_fairqueue_free(loop->queue);
	bool		is_due = now >= state->next_due ||
		(state->oldest_due != 0 && !extsched_step_is_paused(&state->hold, now_us));

	if (!is_due || extsched_step_is_paused(&state->claim_error, now_us) ||
		loop->n_outcomes >= 4 * extsched_max_in_flight)
		return false;
	return free > 0 && (in_flight == 0 || state->has_freed ||
						now_us - state->last_claim_us >= CLAIM_DELAY_US);
}

static bool
claim(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;

	state->has_freed = false;
	if (!begin_if_may_run(state, "claim", now))
		return false;
	if (extsched_rows_distributed())
		state->walks = true;
	if (state->walks)
		claim_in_turn(state, now, now_us);
	else
		claim_oldest(state, now, now_us);
	commit(state);
	extsched_start_commit(loop);
	state->last_claim_us = extsched_clock_monotonic_us();
	extsched_step_resume(&state->claim_error);
	return true;
}

/*
 * Since when all slots are full.  To be called before free ones are given away:
 * slots that are full for a moment only are no reason to look for what needs none.
 */
static void
note_full(ExtschedCycle *state, int64 now_us)
{
	if (extsched_fairqueue_free(state->loop.queue) > 0)
		state->full_since_us = 0;
	else if (state->full_since_us == 0)
	{
		state->full_since_us = now_us;
		state->slotless_until_us = Max(state->slotless_until_us, now_us + SLOTLESS_PAUSE_US);
	}
}

/* Whether timers may be due that need no slot, behind others that find none. */
static bool
must_claim_slotless(const ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	bool		is_full = state->full_since_us != 0 &&
		now_us - state->full_since_us >= SLOTLESS_PAUSE_US;

	if (extsched_step_is_paused(&state->claim_error, now_us) ||
		state->loop.n_outcomes >= 4 * extsched_max_in_flight)
		return false;
	if (is_full && now >= state->next_due)
		return true;
	return now_us >= state->slotless_until_us && state->oldest_due != 0 &&
		(is_full || (state->walks && now - state->oldest_due > SLOTLESS_PAUSE_US));
}

static bool
claim_slotless(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;
	ExtschedClaim claim = {0};
	int64		newest = 0;
	bool		is_more;

	state->has_freed = false;
	if (!begin_if_may_run(state, "claim", now))
		return false;
	state->is_slotless = true;

	/* What may be new is due last.  However often there is such, the rest has its turn. */
	state->is_at_newest = now >= state->next_due && !state->is_at_newest;
	if (state->is_at_newest)
	{
		is_more = extsched_claim_slotless(loop, now, &newest, &claim);
		state->slotless_offset = is_more ? newest :
			Max(state->slotless_offset - claim.n_claimed, newest);
	}
	else
		is_more = extsched_claim_slotless(loop, now, &state->slotless_offset, &claim);
	extsched_count_event(EXTSCHED_EVENT_CLAIMED_RUN, claim.n_runs);
	if (now >= state->next_due)
		(void) find_next_due(state, now, now_us);
	commit(state);
	state->is_slotless = false;
	extsched_start_commit(loop);
	state->slotless_until_us = is_more ? 0 : extsched_clock_monotonic_us() +
		Max(SLOTLESS_PAUSE_US, SLOTLESS_PART * (extsched_clock_monotonic_us() - now_us));
	return is_more;
}

/*
 * extsched_cycle_is_lasting
 *		Is an error of that kind the data's fault, rather than the moment's?
 *
 * What Citus cannot do is neither's, and no reason to give up outcomes.
 */
bool
extsched_cycle_is_lasting(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INVALID_TRANSACTION_STATE:
			return false;
		default:
			return sqlstate != ERRCODE_LOCK_NOT_AVAILABLE &&
				!(sqlstate == ERRCODE_FEATURE_NOT_SUPPORTED && extsched_rows_distributed()) &&
				sqlstate != ERRCODE_UNDEFINED_TABLE;
	}
}

/*
 * Take due timers one by one, and quarantine those that fail.  What fails for
 * the moment ends this, and is tried again.
 */
static void
claim_carefully(ExtschedCycle *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;
	ExtschedTimerKey *keys;
	int			n;

	state->is_careful = false;
	if (!begin_if_may_run(state, "claim", now))
		return;
	keys = extsched_claim_keys(loop, now, CAREFUL_KEYS, &n);
	commit(state);
	for (int i = 0; i < n; i++)
	{
		MemoryContext context = CurrentMemoryContext;

		PG_TRY();
		{
			ExtschedClaim one = {0};

			extsched_work_begin("claim");
			extsched_rows_open();
			extsched_claim_one(loop, now, &keys[i], &one);
			commit(state);
		}
		PG_CATCH();
		{
			ErrorData  *error;

			if (!extsched_cycle_is_lasting(geterrcode()))
				PG_RE_THROW();
			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
			AbortCurrentTransaction();
			MemoryContextSwitchTo(context);
			extsched_start_abort(loop);
			extsched_count_event(EXTSCHED_EVENT_WORKER_ERROR, 1);
			extsched_work_begin("quarantine");
			extsched_rows_open();
			extsched_claim_quarantine(&keys[i], error->message);
			commit(state);
		}
		PG_END_TRY();
		extsched_start_commit(loop);
	}
}

/*
 * extsched_cycle_may_refill
 *		Whether runs that wait may start: not while outcomes cannot be written.
 */
bool
extsched_cycle_may_refill(const ExtschedLoop *loop)
{
	return loop->n_outcomes < extsched_max_in_flight;
}

/* Start runs that wait. */
static bool
must_refill(const ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	return (now >= state->loop.next_ready ||
			(state->is_refill_blocked && state->has_freed_since &&
			 extsched_fairqueue_free(state->loop.queue) > 0)) &&
		extsched_cycle_may_refill(&state->loop) &&
		!extsched_step_is_paused(&state->claim_error, now_us);
}

static bool
refill(ExtschedCycle *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;
	ExtschedRefill found;
	int			free = extsched_fairqueue_free(loop->queue);
	int			limit = free == 0 ? 0 : Max(Min(free, CLAIM_MAX), 16);
	int64		begin_us = extsched_clock_monotonic_us();
	bool		is_in_vain;
	int			in_flight;

	if (!begin_if_may_run(state, "start", now))
		return false;
	extsched_refill(loop, now, limit, &found);
	commit(state);
	state->looked |= LOOKED_AT_RUNS;
	is_in_vain = found.is_vain || (found.n_found > 0 && found.n_started == 0);

	/* after a look in vain, slots that are freed must not bring the next one at once */
	state->is_refill_blocked = !is_in_vain && (found.is_blocked || found.n_started < found.n_found);
	loop->next_ready = found.next_ready;
	if (state->is_refill_blocked)
		loop->next_ready = Min(loop->next_ready, now + HOLD_MAX_US);
	if (found.is_more)
		loop->next_ready = found.n_started > 0 ? now : now + HOLD_MIN_US;
	else if (found.n_started == 0 && found.n_found > 0)
		loop->next_ready = Min(loop->next_ready, now + HOLD_MIN_US);
	else if (found.is_vain)
	{
		/* runs of other workers, which we read through, may be ready all the time */
		int64		took_us = extsched_clock_monotonic_us() - begin_us;

		loop->next_ready = Max(loop->next_ready,
							   now + Min(Max(HOLD_MIN_US, OTHERS_PART * took_us), HOLD_MAX_US));
	}
	in_flight = extsched_fairqueue_in_flight(loop->queue);
	extsched_start_commit(loop);
	state->has_freed_since = extsched_fairqueue_in_flight(loop->queue) < in_flight;
	return found.n_started > 0;
}

/* Take over leases whose outcome nobody will tell, in a transaction. */
static int
take_over(ExtschedCycle *state, TimestampTz now)
{
	int			n = extsched_lease_take_over(&state->loop, now, !state->is_recovered, &state->next_expiry);

	state->looked |= LOOKED_AT_LEASES;
	if (state->next_expiry != DT_NOBEGIN)
		state->is_recovered = true;
	return n;
}

static bool
look_at_leases(ExtschedCycle *state, TimestampTz now)
{
	int			n;

	if (!begin_if_may_run(state, "leases", now))
		return false;
	n = take_over(state, now);
	commit(state);
	return n > 0;
}

/*
 * extsched_cycle_next_look
 *		When to look at everything: not just when a time is due.
 */
TimestampTz
extsched_cycle_next_look(const ExtschedCycle *state)
{
	if (!TIMESTAMP_NOT_FINITE(state->next_due) &&
		state->next_look >= state->next_due - GET_UP_US &&
		state->next_look < state->next_due + LOOK_DELAY_US)
		return state->next_due + LOOK_DELAY_US;
	return state->next_look;
}

/* Whether a time is due soon after a quiet time. */
static bool
must_get_ready(const ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	return state->next_due > now && state->next_due <= now + GET_UP_US &&
		state->next_due != state->ready_for &&
		now_us - state->last_claim_us > STAYS_READY_US;
}

/* Do beforehand what would cost time when it is due. */
static void
get_ready(ExtschedCycle *state, TimestampTz now)
{
	state->ready_for = state->next_due;
	if (!begin_if_may_run(state, "get ready", now))
		return;
	extsched_claim_plan(&state->loop, state->next_due);
	extsched_settle_plan(state->next_due);
	commit(state);
}

/* At the first look, see whether the clock was set back while no worker ran. */
static void
note_clock(ExtschedCycle *state, TimestampTz now)
{
	if (extsched_rearm_note_clock(now) && !state->has_noted_clock)
	{
		extsched_count_event(EXTSCHED_EVENT_CLOCK_STEP, 1);
		ereport(LOG,
				errmsg("the clock of the scheduler was set back while no worker ran"),
				errdetail("Due times that are too far ahead are computed again."));
		state->next_rearm = now;
	}
	state->has_noted_clock = true;
}

/* Once a minute: look at everything, and keep the tables in order. */
static void
look_after_all(ExtschedCycle *state, TimestampTz now, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;

	state->next_look = now + LOOK_S * USECS_PER_SEC;
	extsched_cycle_look_again(state);
	if (!begin_if_may_run(state, "look", now))
		return;
	extsched_refill_expire_pulled(loop, now);

	/* what is due is claimed next, whatever held it before */
	(void) find_next_due(state, now, now_us);
	extsched_step_resume(&state->hold);
	if (loop->n_outcomes == 0)
		(void) take_over(state, now);
	if (loop->number == 0)
		note_clock(state, now);
	commit(state);
	extsched_start_commit(loop);
	if (loop->number != 0)
		return;
	if (state->looks_to_zone_check-- <= 0)
	{
		state->looks_to_zone_check = LOOKS_PER_ZONE_CHECK;
		if (!extsched_rearm_zones(now))
		{
			state->looks_to_zone_check = 0;
			state->next_look = now + REARM_AGAIN_S * USECS_PER_SEC;
		}
	}
	extsched_prune(now);
}

/* Nobody waits for outcomes of an extension that has gone. */
static void
look_for_extension(ExtschedCycle *state, TimestampTz now)
{
	state->next_look = now + LOOK_S * USECS_PER_SEC;
	extsched_work_begin("look");
	state->is_gone = !extsched_worker_has_extension();
	commit(state);
}

/* Bring timers back that are too far ahead; those that are locked, later. */
static void
rearm_for_clock(ExtschedCycle *state, TimestampTz now)
{
	state->next_rearm = extsched_rearm_after_step_back(now) ?
		DT_NOEND : now + REARM_AGAIN_S * USECS_PER_SEC;
	extsched_cycle_look_again(state);
}

/* The clock was set back: nothing that was stored may keep us silent. */
static void
follow_clock_back(ExtschedCycle *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;

	state->next_look = now;
	loop->late_tat = Min(loop->late_tat, now);
	loop->last_refill = Min(loop->last_refill, now);
	loop->last_stuck = Min(loop->last_stuck, now);
	extsched_cycle_look_again(state);
	if (loop->number == 0)
		state->next_rearm = now;
}

/*
 * extsched_cycle_run
 *		Do what is to be done now; true if there may be more to do at once.
 *
 * Each step that touches tables is a transaction of its own.  An error ends
 * the cycle, and the caller cleans up.
 */
bool
extsched_cycle_run(ExtschedCycle *state)
{
	ExtschedLoop *loop = &state->loop;
	int64		now_us = extsched_clock_monotonic_us();
	TimestampTz now;
	bool		is_busy = false;

	take_replies(state, now_us);
	note_full(state, now_us);
	if (must_settle(state, now_us))
		is_busy |= settle(state, now_us);
	now = extsched_clock_now();
	if (state->is_leaving)
	{
		if (now >= state->next_look || extsched_step_is_paused(&state->settle_error, now_us))
			look_for_extension(state, now);
		return is_busy;
	}
	if (extsched_clock_step_detect() < 0)
		follow_clock_back(state, now);
	if (now >= extsched_cycle_next_look(state))
		look_after_all(state, now, now_us);
	if (now >= state->next_rearm && state->may_run)
		rearm_for_clock(state, now);
	if (now >= state->next_expiry && loop->n_outcomes == 0)
		is_busy |= look_at_leases(state, now);
	if (state->is_gone || !state->is_recovered)
		return is_busy;

	if (state->is_careful)
		claim_carefully(state, now);
	if (must_claim(state, now, now_us))
		is_busy |= claim(state, now, now_us);
	if (must_claim_slotless(state, now, now_us))
		is_busy |= claim_slotless(state, now, now_us);
	if (must_refill(state, now, now_us))
		is_busy |= refill(state, now);
	if (must_get_ready(state, now, now_us))
		get_ready(state, now);
	return is_busy;
}
