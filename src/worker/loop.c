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
 * What is due and cannot go on (locked, or without a free slot) is tried again
 * when a slot becomes free, when something else is due, and after a pause that
 * doubles from 50 ms to 1 s.
 *
 * An error ends the step it happened in.  If a claim fails for a reason that
 * lies in the data, its timers are taken one by one until the culprit is found
 * and quarantined; the others run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/counters.h"
#include "core/settings.h"
#include "core/wake.h"
#include "core/zones.h"
#include "worker/claim.h"
#include "worker/lease.h"
#include "worker/loop.h"
#include "worker/prune.h"
#include "worker/rearm.h"
#include "worker/refill.h"
#include "worker/rows.h"
#include "worker/settle.h"
#include "worker/start.h"
#include "worker/worker.h"

/* Timers of one claim, outcomes of one settle. */
#define CLAIM_MAX			512
#define SETTLE_MAX			512

/* Outcomes wait this long for more to be written with them. */
#define SETTLE_DELAY_US		2000

/* A claim for few free slots waits this long for more to become free. */
#define CLAIM_DELAY_US		2000

/* Pauses of what cannot go on, and of a step that failed. */
#define HOLD_MIN_US			50000
#define HOLD_MAX_US			1000000
#define ERROR_MIN_US		100000
#define ERROR_MAX_US		5000000

/* A safety look at everything. */
#define LOOK_S				60

/* Looks between two checks of the zone data, a reload apart. */
#define LOOKS_PER_ZONE_CHECK 10

/* Timers taken one by one after a batch failed. */
#define CAREFUL_KEYS		64

/* How late makes a backlog rather than a busy moment. */
#define BACKLOG_S			60

static ExtschedStmt find_due = {
	.sql = "SELECT (SELECT next_due FROM extsched.timer WHERE next_due IS NOT NULL"
	" ORDER BY next_due LIMIT 1),"
	" (SELECT next_due FROM extsched.timer WHERE next_due > $1"
	" ORDER BY next_due LIMIT 1)",
	.expected = SPI_OK_SELECT,
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
};

/* A step that may have to pause after it failed or got nowhere. */
typedef struct Pause
{
	int64		until_us;		/* monotonic; 0: none */
	int64		length_us;
} Pause;

#define LOOKED_AT_TIMERS	1
#define LOOKED_AT_RUNS		2
#define LOOKED_AT_LEASES	4

/* What the loop knows besides what its parts share. */
typedef struct LoopState
{
	ExtschedLoop loop;
	WaitEventSet *wait_set;

	bool		may_run;		/* as of the last look */
	bool		is_recovered;	/* leases of our predecessors are taken over */
	bool		is_gone;		/* the extension is */

	TimestampTz next_due;		/* no timer is due before */
	TimestampTz oldest_due;		/* of the last look; 0: nothing is due */
	TimestampTz next_expiry;	/* no lease of others expires before */
	TimestampTz next_look;
	TimestampTz published;		/* what commits compare with: see wait() */
	int			looked;			/* LOOKED_AT_..., since that was published */

	int			looks_to_zone_check;

	bool		walks;			/* claims go from tenant to tenant */
	int			walk_done;		/* timers dealt with in this round */
	bool		is_careful;		/* the last batch failed for its data */

	int64		outcome_since_us;	/* of the oldest outcome not written */
	int64		last_claim_us;
	Pause		hold;			/* nothing due can go on */
	Pause		settle_error;
	Pause		claim_error;
	bool		is_settling;
	bool		settle_singly;
	int			last_sqlstate;	/* of the error logged last */
	int64		last_error_us;
} LoopState;

static void
pause_longer(Pause *pause, int64 now_us, int64 min_us, int64 max_us)
{
	pause->length_us = Min(Max(pause->length_us * 2, min_us), max_us);
	pause->until_us = now_us + pause->length_us;
}

static void
pause_end(Pause *pause)
{
	pause->until_us = pause->length_us = 0;
}

static bool
is_paused(const Pause *pause, int64 now_us)
{
	return now_us < pause->until_us;
}

static void
begin(const char *activity)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	pgstat_report_activity(STATE_RUNNING, activity);
}

static void
commit(LoopState *state)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	MemoryContextSwitchTo(state->loop.cycle);
}

/* Take over settings that change what was set up from them. */
static void
apply_settings(LoopState *state)
{
	ExtschedLoop *loop = &state->loop;
	int			cap;

	loop->total = extsched_worker_total();
	cap = Max(1, (extsched_max_in_flight + loop->total - 1) / loop->total);
	extsched_fairqueue_set_cap(loop->queue, cap);
	extsched_http_set_limits(loop->http, cap, extsched_max_response_bytes);
	extsched_signer_load(loop->signer, extsched_signing_key_file);
}

/* Look at everything again: somebody has set the latch. */
static void
look_again(LoopState *state)
{
	state->next_due = state->loop.next_ready = state->next_expiry = DT_NOBEGIN;
	pause_end(&state->hold);
}

static void
open_loop(LoopState *state, ExtschedWorkerSlot *slot)
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
	look_again(state);
	state->next_look = DT_NOBEGIN;

	state->wait_set = extsched_compat_create_wait_set(3);
	AddWaitEventToSet(state->wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(state->wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(state->wait_set, WL_SOCKET_READABLE, extsched_http_fd(loop->http), NULL, NULL);
}

/* Our name in leases and the fence in requests, once the epoch is known. */
static void
take_names(ExtschedLoop *loop)
{
	uint64		epoch = pg_atomic_read_u64(&loop->slot->epoch);

	if (loop->owner != NULL || epoch == 0)
		return;
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
begin_if_may_run(LoopState *state, const char *activity, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;

	begin(activity);
	state->is_gone = !extsched_worker_has_extension();
	if (!state->is_gone)
	{
		extsched_rows_open();
		state->may_run = extsched_worker_may_run(loop->slot);
	}
	note_enabled(loop, now);
	if (!state->is_gone && state->may_run)
	{
		take_names(loop);
		return true;
	}
	commit(state);
	return false;
}

/* Replies that have come become outcomes. */
static void
take_replies(LoopState *state, int64 now_us)
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
		extsched_fairqueue_remove(loop->queue, &run->fair);
		if (loop->n_outcomes == 0)
			state->outcome_since_us = now_us;
		dlist_push_tail(&loop->outcomes, &run->node);
		loop->n_outcomes++;
		pause_end(&state->hold);
	}
}

/* Whether it is time to write outcomes. */
static bool
must_settle(const LoopState *state, int64 now_us)
{
	int			n = state->loop.n_outcomes;

	if (n == 0 || is_paused(&state->settle_error, now_us))
		return false;
	return n >= SETTLE_MAX / 2 ||
		extsched_http_in_flight(state->loop.http) == 0 ||
		now_us - state->outcome_since_us >= SETTLE_DELAY_US;
}

static bool
settle(LoopState *state, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;
	int			n;

	state->is_settling = true;
	n = extsched_settle_flush(loop, state->settle_singly ? 1 : SETTLE_MAX);
	state->is_settling = false;
	if (n == 0)
		pause_longer(&state->settle_error, now_us, HOLD_MIN_US, HOLD_MAX_US);
	else
		pause_end(&state->settle_error);
	if (loop->n_outcomes == 0)
		state->settle_singly = false;
	state->outcome_since_us = now_us;

	return n > 0;
}

/* Learn when the next timer is due, in a transaction. */
static void
find_next_due(LoopState *state, TimestampTz now, int64 now_us)
{
	Datum		values[1];
	bool		isnull;
	Datum		first;
	Datum		later;

	state->looked |= LOOKED_AT_TIMERS;
	values[0] = TimestampTzGetDatum(now);
	(void) extsched_stmt_run(&find_due, values, NULL);
	first = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	state->oldest_due = isnull || DatumGetTimestampTz(first) > now ? 0 : DatumGetTimestampTz(first);
	later = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	state->next_due = isnull ? DT_NOEND : DatumGetTimestampTz(later);
	SPI_freetuptable(SPI_tuptable);
	if (state->oldest_due != 0)
		pause_longer(&state->hold, now_us, HOLD_MIN_US, HOLD_MAX_US);
	else
		pause_end(&state->hold);
}

/* Slots that are free now. */
static int
free_slots(const ExtschedLoop *loop)
{
	int			cap = Max(1, (extsched_max_in_flight + loop->total - 1) / loop->total);

	return Max(0, Min(cap, extsched_http_capacity(loop->http)) -
			   extsched_fairqueue_in_flight(loop->queue));
}

/* Oldest first; a full batch that could not go out begins the walk. */
static void
claim_oldest(LoopState *state, TimestampTz now, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;
	bool		is_backlog = state->oldest_due != 0 &&
		now - state->oldest_due > BACKLOG_S * USECS_PER_SEC;
	int			limit = is_backlog ? CLAIM_MAX : Max(Min(free_slots(loop), CLAIM_MAX), 16);
	ExtschedClaim claim = {0};

	extsched_claim_oldest(loop, now, limit, &claim);
	extsched_count_event(claim.n_runs > 0 ? EXTSCHED_EVENT_CLAIM_BATCH : EXTSCHED_EVENT_CLAIM_EMPTY, 1);
	extsched_count_event(EXTSCHED_EVENT_CLAIMED_RUN, claim.n_runs);
	if (claim.n_found < limit)
		find_next_due(state, now, now_us);
	else
		state->oldest_due = claim.oldest_due;
	if (claim.n_found >= limit && claim.n_claimed < claim.n_found)
	{
		state->walks = true;
		state->walk_done = 0;
		loop->turn.position[0] = '\0';
		loop->turn.n = 0;
	}
}

/* From tenant to tenant, until a round finds nothing that has to stay. */
static void
claim_in_turn(LoopState *state, TimestampTz now, int64 now_us)
{
	ExtschedClaim claim = {0};
	bool		is_round_over;

	extsched_claim_in_turn(&state->loop, now, free_slots(&state->loop), &claim,
						   &is_round_over);
	extsched_count_event(claim.n_runs > 0 ? EXTSCHED_EVENT_CLAIM_BATCH : EXTSCHED_EVENT_CLAIM_EMPTY, 1);
	extsched_count_event(EXTSCHED_EVENT_CLAIMED_RUN, claim.n_runs);
	state->walk_done += claim.n_claimed;
	if (!is_round_over)
		return;
	if (state->walk_done == 0)
	{
		find_next_due(state, now, now_us);
		state->walks = state->oldest_due != 0;
	}
	state->walk_done = 0;
}

/* Whether to claim now: something may be due, and something may start. */
static bool
must_claim(const LoopState *state, TimestampTz now, int64 now_us)
{
	const ExtschedLoop *loop = &state->loop;
	int			in_flight = extsched_fairqueue_in_flight(loop->queue);
	bool		is_due = now >= state->next_due ||
		(state->oldest_due != 0 && !is_paused(&state->hold, now_us));

	if (!is_due || is_paused(&state->claim_error, now_us) ||
		loop->n_outcomes >= 4 * extsched_max_in_flight)
		return false;
	if (in_flight == 0 || free_slots(loop) >= (in_flight + free_slots(loop)) / 4)
		return true;
	return now_us - state->last_claim_us >= CLAIM_DELAY_US && free_slots(loop) > 0;
}

static bool
claim(LoopState *state, TimestampTz now, int64 now_us)
{
	ExtschedLoop *loop = &state->loop;

	if (!begin_if_may_run(state, "claim", now))
		return false;
	state->last_claim_us = now_us;
	if (state->walks)
		claim_in_turn(state, now, now_us);
	else
		claim_oldest(state, now, now_us);
	commit(state);
	extsched_start_commit(loop);
	pause_end(&state->claim_error);
	return true;
}

/* Take due timers one by one, and quarantine those that fail. */
static void
claim_carefully(LoopState *state, TimestampTz now)
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

			begin("claim");
			extsched_claim_one(loop, now, &keys[i], &one);
			commit(state);
			extsched_start_commit(loop);
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
			AbortCurrentTransaction();
			MemoryContextSwitchTo(context);
			extsched_start_abort(loop);
			extsched_count_event(EXTSCHED_EVENT_WORKER_ERROR, 1);
			begin("quarantine");
			extsched_claim_quarantine(&keys[i], error->message);
			commit(state);
		}
		PG_END_TRY();
	}
}

/* Start runs that wait. */
static bool
must_refill(const LoopState *state, TimestampTz now, int64 now_us)
{
	return now >= state->loop.next_ready && free_slots(&state->loop) > 0 &&
		state->loop.n_outcomes < extsched_max_in_flight &&
		!is_paused(&state->claim_error, now_us);
}

static bool
refill(LoopState *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;
	ExtschedRefill found;
	int			limit = Max(Min(free_slots(loop), CLAIM_MAX), 16);

	if (!begin_if_may_run(state, "start", now))
		return false;
	extsched_refill(loop, now, limit, &found);
	commit(state);
	state->looked |= LOOKED_AT_RUNS;
	loop->next_ready = found.next_ready;
	if (found.n_found >= limit)
		loop->next_ready = found.n_started > 0 ? now : now + HOLD_MIN_US;
	else if (found.n_started < found.n_found)
		loop->next_ready = Min(loop->next_ready, now + HOLD_MIN_US);
	extsched_start_commit(loop);
	return found.n_started > 0;
}

/* Take over leases whose outcome nobody will tell. */
static bool
take_over(LoopState *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;
	int			n;

	if (!begin_if_may_run(state, "leases", now))
		return false;
	n = extsched_lease_take_over(loop, now, !state->is_recovered, &state->next_expiry);
	commit(state);
	state->looked |= LOOKED_AT_LEASES;
	if (state->next_expiry != DT_NOBEGIN)
		state->is_recovered = true;
	return n > 0;
}

/* Once a minute: look at everything, and keep the tables in order. */
static void
look_after_all(LoopState *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;

	state->next_look = now + LOOK_S * USECS_PER_SEC;
	look_again(state);
	if (!begin_if_may_run(state, "look", now))
		return;
	extsched_refill_expire_pulled(loop, now);
	commit(state);
	extsched_start_commit(loop);
	if (loop->number != 0)
		return;
	if (state->looks_to_zone_check-- <= 0)
	{
		state->looks_to_zone_check = LOOKS_PER_ZONE_CHECK;
		extsched_rearm_zones(now);
	}
	extsched_prune(now);
}

/* The clock was set back: nothing that was stored may keep us silent. */
static void
follow_clock_back(LoopState *state, TimestampTz now)
{
	ExtschedLoop *loop = &state->loop;

	state->next_look = now;
	loop->late_tat = Min(loop->late_tat, now);
	loop->last_refill = Min(loop->last_refill, now);
	look_again(state);
	if (loop->number == 0 && state->may_run)
		extsched_rearm_after_step_back(now);
}

/* The steps of a cycle; true if there may be more to do at once. */
static bool
run_cycle(LoopState *state)
{
	ExtschedLoop *loop = &state->loop;
	int64		now_us = extsched_clock_monotonic_us();
	TimestampTz now;
	bool		is_busy = false;

	take_replies(state, now_us);
	if (must_settle(state, now_us))
		is_busy |= settle(state, now_us);

	now = extsched_clock_now();
	if (extsched_clock_step_detect() < 0)
		follow_clock_back(state, now);
	if (now >= state->next_look)
		look_after_all(state, now);
	if (now >= state->next_expiry && loop->n_outcomes == 0)
		is_busy |= take_over(state, now);
	if (state->is_gone || !state->is_recovered)
		return is_busy;

	if (state->is_careful)
		claim_carefully(state, now);
	if (must_claim(state, now, now_us))
		is_busy |= claim(state, now, now_us);
	if (must_refill(state, now, now_us))
		is_busy |= refill(state, now);
	return is_busy;
}

/* Is an error of that kind the data's fault, rather than the moment's? */
static bool
is_lasting(int sqlstate)
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
				sqlstate != ERRCODE_UNDEFINED_TABLE;
	}
}

/* Log an error once a minute for its kind; it is counted each time. */
static void
log_error(LoopState *state, int64 now_us)
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
 * An outcome that cannot be written even alone would come again for ever.  Its
 * lease expires, and then it counts as unknown.
 */
static void
drop_outcome(ExtschedLoop *loop)
{
	ExtschedRun *run = dlist_container(ExtschedRun, node, dlist_pop_head_node(&loop->outcomes));

	ereport(LOG,
			errmsg("outcome of a run of tenant \"%s\" could not be written and is dropped",
				   run->tenant));
	loop->n_outcomes--;
	extsched_run_free(run);
}

/* After an error in a cycle: nothing of its transaction has happened. */
static void
recover(LoopState *state)
{
	ExtschedLoop *loop = &state->loop;
	int64		now_us = extsched_clock_monotonic_us();
	int			sqlstate = geterrcode();
	bool		was_settling = state->is_settling;

	log_error(state, now_us);
	AbortCurrentTransaction();
	FlushErrorState();
	MemoryContextSwitchTo(loop->cycle);
	extsched_start_abort(loop);
	pgstat_report_stat(false);

	if (was_settling)
	{
		state->is_settling = false;
		pause_longer(&state->settle_error, now_us, ERROR_MIN_US, ERROR_MAX_US);
		if (is_lasting(sqlstate))
		{
			if (state->settle_singly)
				drop_outcome(loop);
			state->settle_singly = true;
		}
		return;
	}
	pause_longer(&state->claim_error, now_us, ERROR_MIN_US, ERROR_MAX_US);
	state->is_careful = is_lasting(sqlstate);
	state->next_expiry = Max(state->next_expiry, extsched_clock_now() + USECS_PER_SEC);
}

static void
publish(LoopState *state)
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

/* Milliseconds until something is to be done that no event announces. */
static long
wait_ms(LoopState *state, bool is_busy)
{
	ExtschedLoop *loop = &state->loop;
	int64		now_us = extsched_clock_monotonic_us();
	long		http_ms = extsched_http_timeout_ms(loop->http);
	TimestampTz until;
	long		ms;

	if (is_busy)
		return 0;

	until = Min(state->next_look, Min(state->next_due, state->next_expiry));
	if (free_slots(loop) > 0)
		until = Min(until, loop->next_ready);
	if (!state->may_run)
		until = state->next_look;
	ms = extsched_clock_real_delay_ms(until, LOOK_S * 1000L);
	if (http_ms >= 0)
		ms = Min(ms, http_ms);
	if (loop->n_outcomes > 0)
		ms = Min(ms, Max(1, (Max(state->settle_error.until_us,
								 state->outcome_since_us + SETTLE_DELAY_US) - now_us) / 1000));
	if (state->may_run && state->oldest_due != 0)
		ms = Min(ms, Max(1, (state->hold.until_us - now_us) / 1000));
	if (is_paused(&state->claim_error, now_us))
		ms = Max(1, Min(ms, (state->claim_error.until_us - now_us) / 1000 + 1));
	return Max(ms, 0);
}

/*
 * Sleep until an event or a time; true if somebody has set the latch.  With
 * requests out any commit wakes us, since we look soon anyway; only idle do we
 * say until when we need not be woken.
 */
static bool
wait(LoopState *state, bool is_busy)
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
			look_again(state);
			state->published = DT_NOEND;
			return false;
		}
		state->published = state->may_run ? until : DT_NOEND;
		state->looked = 0;
		extsched_wake_sleep(loop->slot, state->published);
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
 * Returns when the extension has gone or the worker must leave; otherwise only
 * a signal ends it.  Requests in flight are given up then: their leases are
 * taken over.
 */
void
extsched_loop_main(ExtschedWorkerSlot *slot)
{
	LoopState  *state = MemoryContextAllocZero(TopMemoryContext, sizeof(LoopState));
	volatile bool is_busy = true;

	open_loop(state, slot);
	for (;;)
	{
		if (extsched_worker_check_signals())
		{
			apply_settings(state);
			look_again(state);
			extsched_zone_recheck();
			state->looks_to_zone_check = 0;
			state->next_look = DT_NOBEGIN;
		}
		if (state->is_gone || extsched_worker_must_leave(slot))
			return;
		MemoryContextReset(state->loop.cycle);
		MemoryContextSwitchTo(state->loop.cycle);
		state->loop.fresh = state->loop.sends = state->loop.notify = NIL;
		extsched_wake_arm(slot);

		PG_TRY();
		{
			is_busy = run_cycle(state);
		}
		PG_CATCH();
		{
			recover(state);
			is_busy = false;
		}
		PG_END_TRY();

		if (wait(state, is_busy))
			look_again(state);
	}
}
