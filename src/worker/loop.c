/*-------------------------------------------------------------------------
 *
 * loop.c
 *		What a worker does between its start and its end.
 *
 * One cycle: take the replies that are there, write outcomes, claim what is
 * due, start what waits, then sleep until the next time anything can happen.
 * Each of these that touches tables is a short transaction of its own; none is
 * open while requests are in flight and the worker waits.
 *
 * There is no polling.  The loop knows the next due time, the next time a run
 * that waits is ready and the next expiry of a lease, and whatever changes
 * these without it sets its latch (core/wake.h).  Once a minute it looks all
 * the same, in case somebody wrote to a table by hand.
 *
 * An error ends the step it happened in.  If a claim fails for a reason that
 * lies in the data, its timers are taken one by one until the culprit is found
 * and quarantined; the others run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/counters.h"
#include "core/settings.h"
#include "core/wake.h"
#include "core/zones.h"
#include "worker/claim.h"
#include "worker/cycle.h"
#include "worker/loop.h"
#include "worker/rows.h"
#include "worker/settle.h"
#include "worker/start.h"
#include "worker/work.h"
#include "worker/worker.h"

/* Pauses of a step that failed. */
#define ERROR_MIN_US		100000
#define ERROR_MAX_US		5000000

/* Take over settings that change what was set up from them. */
static void
apply_settings(ExtschedCycle *state)
{
	ExtschedLoop *loop = &state->loop;
	int			cap;

	loop->total = extsched_worker_total();
	cap = extsched_loop_share(loop, extsched_max_in_flight);
	extsched_http_set_limits(loop->http, cap, extsched_max_response_bytes);
	extsched_fairqueue_set_cap(loop->queue, Min(cap, extsched_http_capacity(loop->http)));
	if (extsched_http_capacity(loop->http) < cap)
		ereport(LOG,
				errmsg("only %d of %d requests can be in flight",
					   extsched_http_capacity(loop->http), cap),
				errhint("Raise the limit of open files of the server, or lower \"%s\".",
						"extsched.max_in_flight"));
	extsched_http_trust(loop->http, extsched_tls_ca_file);
	extsched_signer_load(loop->signer, extsched_signing_key_file);
}

static void
open_loop(ExtschedCycle *state, ExtschedWorkerSlot *slot)
{
	ExtschedLoop *loop = &state->loop;
	MemoryContext top = AllocSetContextCreate(TopMemoryContext, "extsched worker",
											  ALLOCSET_DEFAULT_SIZES);

	loop->slot = slot;
	loop->number = slot->number;
	loop->last_refill = DT_NOBEGIN;
	loop->runs = AllocSetContextCreate(top, "extsched runs", ALLOCSET_DEFAULT_SIZES);
	loop->cycle = AllocSetContextCreate(top, "extsched cycle", ALLOCSET_DEFAULT_SIZES);
	loop->turn.context = AllocSetContextCreate(top, "extsched turn", ALLOCSET_SMALL_SIZES);
	loop->queue = extsched_fairqueue_create(top, extsched_max_in_flight);
	loop->http = extsched_http_create(top, extsched_max_in_flight);
	loop->signer = extsched_signer_create(top);
	dlist_init(&loop->outcomes);
	apply_settings(state);
	extsched_cycle_look_again(state);
	state->next_look = DT_NOBEGIN;
	state->next_rearm = DT_NOEND;

	state->wait_set = extsched_compat_create_wait_set(3);
	AddWaitEventToSet(state->wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(state->wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(state->wait_set, WL_SOCKET_READABLE, extsched_http_fd(loop->http), NULL, NULL);
}

/* Log an error once a minute for its kind; it is counted each time. */
static void
log_error(ExtschedCycle *state, int64 now_us)
{
	int			sqlstate = geterrcode();

	extsched_count_event(EXTSCHED_EVENT_WORKER_ERROR, 1);
	if (sqlstate == state->last_sqlstate &&
		now_us - state->last_error_us < LOOK_S * USECS_PER_SEC)
		return;
	state->last_sqlstate = sqlstate;
	state->last_error_us = now_us;
	EmitErrorReport();
}

/*
 * An outcome that cannot be written even alone would come again for ever.  To
 * the next worker it is an unknown one; extsched_check() reports its lease.
 */
static void
drop_outcome(ExtschedLoop *loop)
{
	ExtschedRun *run = dlist_container(ExtschedRun, node, dlist_pop_head_node(&loop->outcomes));

	ereport(LOG,
			errmsg("outcome of a run of tenant \"%s\" could not be written and is dropped",
				   run->tenant));
	loop->n_outcomes--;
	extsched_fairqueue_remove(loop->queue, &run->fair);
	extsched_run_free(run);
}

/* After an error in a cycle: nothing of its transaction has happened. */
static void
recover(ExtschedCycle *state)
{
	ExtschedLoop *loop = &state->loop;
	int64		now_us = extsched_clock_monotonic_us();
	int			sqlstate = geterrcode();
	bool		was_settling = state->is_settling;

	/* a table that was locked delays nobody for much longer than the lock */
	int64		longest_us = sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ? HOLD_MAX_US : ERROR_MAX_US;

	log_error(state, now_us);
	AbortCurrentTransaction();
	FlushErrorState();
	MemoryContextSwitchTo(loop->cycle);
	extsched_start_abort(loop);
	pgstat_report_stat(false);

	if (was_settling)
	{
		state->is_settling = false;
		extsched_step_pause(&state->settle_error, now_us, ERROR_MIN_US, longest_us);
		if (extsched_cycle_is_lasting(sqlstate))
		{
			if (state->settle_singly)
				drop_outcome(loop);
			state->settle_singly = true;
		}
		return;
	}
	if (state->is_slotless)
	{
		/* the claims that take turns will come to the culprit, and find it */
		state->is_slotless = false;
		state->slotless_until_us = now_us + longest_us;
		return;
	}
	extsched_step_pause(&state->claim_error, now_us, ERROR_MIN_US, longest_us);
	state->is_careful = extsched_cycle_is_lasting(sqlstate);
	state->next_expiry = Max(state->next_expiry, extsched_clock_now() + USECS_PER_SEC);
}

static void
publish(ExtschedCycle *state)
{
	ExtschedLoop *loop = &state->loop;
	ExtschedDatabase *db = extsched_shmem_my_database(false);
	TimestampTz now = extsched_clock_now();

	pg_atomic_write_u32(&loop->slot->in_flight, extsched_http_in_flight(loop->http));
	pg_atomic_write_u32(&loop->slot->queued, loop->n_outcomes);
	pg_atomic_write_u64(&loop->slot->heartbeat_at, (uint64) GetCurrentTimestamp());
	if (db != NULL)
		pg_atomic_write_u64(&db->oldest_overdue_us,
							state->oldest_due != 0 && now > state->oldest_due ? now - state->oldest_due : 0);
}

/*
 * See how many workers there are to be.  Those that stay share the tenants anew
 * at once; one that is too many begins nothing more, and writes what becomes of
 * its requests before it leaves, because nobody else can.  True when it may.
 */
static bool
follow_total(ExtschedCycle *state)
{
	ExtschedLoop *loop = &state->loop;
	bool		was_leaving = state->is_leaving;

	state->is_leaving = extsched_worker_must_leave(loop->slot);
	if (was_leaving != state->is_leaving || loop->total != extsched_worker_total())
	{
		apply_settings(state);
		extsched_cycle_look_again(state);
		state->next_look = DT_NOBEGIN;
		extsched_claim_begin_round(loop);
	}
	if (!state->is_leaving ||
		loop->n_outcomes > 0 || extsched_http_in_flight(loop->http) > 0)
		return false;
	extsched_work_sync();
	loop->slot->exit = EXTSCHED_EXIT_SURPLUS;
	return true;
}

/* Milliseconds until something is to be done that no event announces. */
static long
wait_ms(ExtschedCycle *state, bool is_busy)
{
	ExtschedLoop *loop = &state->loop;
	int64		now_us = extsched_clock_monotonic_us();
	long		http_ms = extsched_http_timeout_ms(loop->http);
	TimestampTz now = extsched_clock_now();
	TimestampTz until;
	bool		begins = state->may_run && !state->is_leaving;
	bool		is_full;		/* no slot is free */
	bool		has_due;
	long		ms;

	if (is_busy)
		return 0;

	is_full = extsched_fairqueue_free(loop->queue) == 0;
	has_due = state->oldest_due != 0 || state->next_due <= now;
	until = Min(Min(extsched_cycle_next_look(state), state->next_rearm), state->next_expiry);
	if (extsched_cycle_may_refill(loop))
		until = Min(until, loop->next_ready);
	if (state->next_due > now + GET_UP_US)
		until = Min(until, state->next_due - GET_UP_US);
	else if (!is_full || state->next_due > now)
		until = Min(until, state->next_due);
	if (!begins)
		until = state->next_look;
	ms = extsched_clock_real_delay_ms(until, LOOK_S * 1000L);
	if (http_ms >= 0)
		ms = Min(ms, http_ms);
	if (loop->n_outcomes > 0)
		ms = Min(ms, Max(1, (Max(state->settle_error.until_us,
								 state->outcome_since_us + SETTLE_DELAY_US) - now_us) / 1000));
	if (begins && has_due && !is_full)
		ms = Min(ms, Max(1, (state->hold.until_us - now_us) / 1000));
	if (begins && has_due && (is_full || state->walks))
		ms = Min(ms, Max(1, (state->slotless_until_us - now_us) / 1000));
	if (extsched_step_is_paused(&state->claim_error, now_us))
		ms = Max(1, Min(ms, (state->claim_error.until_us - now_us) / 1000 + 1));
	return Max(ms, 0);
}

/*
 * Sleep until an event or a time; true if somebody has set the latch.  With
 * requests out any commit wakes us, since we look soon anyway; only idle do we
 * say until when we need not be woken.
 */
static bool
wait(ExtschedCycle *state, bool is_busy)
{
	ExtschedLoop *loop = &state->loop;
	WaitEvent	events[3];
	long		ms = wait_ms(state, is_busy);
	bool		is_woken = false;
	int			n;

	publish(state);
	if (ms > 0 && loop->n_outcomes == 0 && extsched_http_in_flight(loop->http) == 0)
	{
		TimestampTz until = Min(state->next_due, Min(loop->next_ready, state->next_expiry));

		/*
		 * What was committed since the last time, due between what was
		 * published then and what would be now, has woken nobody.
		 */
		if (state->may_run && until > state->published &&
			state->looked != (LOOKED_AT_TIMERS | LOOKED_AT_RUNS | LOOKED_AT_LEASES))
		{
			extsched_cycle_look_again(state);
			state->published = DT_NOEND;
			return false;
		}
		/* autovacuum follows what it knows of, and we may sleep for long */
		pgstat_report_stat(true);
		state->published = state->may_run ? until : DT_NOEND;
		state->looked = 0;
		extsched_wake_sleep(loop->slot, state->published);
	}
	if (ms > 0)
	{
		extsched_work_sync();
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	n = WaitEventSetWait(state->wait_set, ms, events, lengthof(events), PG_WAIT_EXTENSION);
	for (int i = 0; i < n; i++)
	{
		if (events[i].events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			is_woken = true;
		}
	}
	return is_woken;
}

/*
 * extsched_loop_main
 *		Run the schedules of this database.
 *
 * Returns when the worker is one too many and has nothing in flight, or when
 * the extension has gone; otherwise only a signal ends it.  Requests in flight
 * are given up by these two: their leases are taken over.
 */
void
extsched_loop_main(ExtschedWorkerSlot *slot)
{
	ExtschedCycle  *state = MemoryContextAllocZero(TopMemoryContext, sizeof(ExtschedCycle));
	volatile bool is_busy = true;

	open_loop(state, slot);
	for (;;)
	{
		if (extsched_worker_check_signals())
		{
			apply_settings(state);
			extsched_cycle_look_again(state);
			extsched_zone_recheck();
			state->looks_to_zone_check = 0;
			state->next_look = DT_NOBEGIN;
		}
		if (state->is_gone || follow_total(state))
			return;
		MemoryContextReset(state->loop.cycle);
		MemoryContextSwitchTo(state->loop.cycle);
		state->loop.fresh = state->loop.sends = state->loop.notify = NIL;
		extsched_wake_arm(slot);

		PG_TRY();
		{
			is_busy = extsched_cycle_run(state);
		}
		PG_CATCH();
		{
			recover(state);
			is_busy = false;
		}
		PG_END_TRY();

		if (!state->is_gone && wait(state, is_busy))
			extsched_cycle_look_again(state);
	}
}
