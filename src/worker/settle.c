/*-------------------------------------------------------------------------
 *
 * settle.c
 *		Write what became of runs.
 *
 * Outcomes are collected and written in batches, one short transaction each:
 * the run and the state of its schedule change together or not at all.
 *
 * An outcome cannot be asked for again, so it is kept until it is written.
 * Nothing here waits for a row: an outcome whose timer somebody has locked
 * stays where it is and is tried again.  When the server cannot write at all
 * (no space, no time) everything stays, and the worker claims nothing new
 * while too many wait.  A deleted schedule has no timer; its run is written
 * all the same.
 *
 * A run row is changed only while it still has the lease, or the lack of one,
 * that it had when the attempt began.  What a later attempt has taken over is
 * left alone, and so is the count of its schedule.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/row.h"
#include "core/runkey.h"
#include "core/wake.h"
#include "dispatch/utf8.h"
#include "worker/rows.h"
#include "worker/settle.h"
#include "worker/states.h"
#include "worker/work.h"

/* Failures of runs that are logged in a second; more are only counted. */
#define LOGGED_A_SECOND		10

static ExtschedStmt lock_timers = {
	.sql = "SELECT u.ordinality::int4, t.in_flight, t.consecutive_failures, t.is_paused"
	" FROM pg_catalog.unnest($1) WITH ORDINALITY u"
	" JOIN extsched.timer t ON t.tenant_id = u.tenant_id AND t.schedule_id = u.schedule_id" EXTSCHED_OF_TENANT("t")
	" FOR UPDATE OF t SKIP LOCKED",
	.expected = SPI_OK_SELECT,
	.nargs = 2,
	.types = {EXTSCHED_TIMERS_ARG, TEXTOID},
};

static ExtschedStmt find_timers = {
	.sql = "SELECT u.ordinality::int4"
	" FROM pg_catalog.unnest($1) WITH ORDINALITY u"
	" JOIN extsched.timer t ON t.tenant_id = u.tenant_id AND t.schedule_id = u.schedule_id" EXTSCHED_OF_TENANT("t"),
	.expected = SPI_OK_SELECT,
	.nargs = 2,
	.types = {EXTSCHED_TIMERS_ARG, TEXTOID},
};

static ExtschedStmt write_runs = {
	.sql = "UPDATE extsched.run_%s r SET state = u.state, reason = u.reason,"
	" ready_at = COALESCE(u.ready_at, r.ready_at), finished_at = u.finished_at,"
	" http_status = u.http_status, error = u.error, response_excerpt = u.response_excerpt,"
	" waits_for_slot = false, lease_id = NULL, lease_owner = NULL, lease_expires_at = NULL"
	" FROM pg_catalog.unnest($1) WITH ORDINALITY u"
	" WHERE r.run_id = u.run_id AND r.lease_id IS NOT DISTINCT FROM u.lease_id"
	" AND r.finished_at IS NULL" EXTSCHED_OF_TENANT("r")
	" RETURNING u.ordinality::int4",
	.expected = SPI_OK_UPDATE_RETURNING,
	.nargs = 2,
	.types = {EXTSCHED_RUNS_ARG, TEXTOID},
};

static ExtschedStmt write_timers = {
	.sql = "UPDATE extsched.timer t SET in_flight = u.in_flight,"
	" consecutive_failures = u.consecutive_failures,"
	" is_paused = u.is_paused,"
	" pause_reason = COALESCE(u.pause_reason, t.pause_reason),"
	" paused_at = COALESCE(u.paused_at, t.paused_at),"
	" succeeded_total = t.succeeded_total + u.succeeded_total,"
	" failed_total = t.failed_total + u.failed_total,"
	" last_run_at = COALESCE(u.last_run_at, t.last_run_at),"
	" last_run_status = COALESCE(u.last_run_status, t.last_run_status),"
	" last_error = CASE WHEN u.last_run_status IS NULL THEN t.last_error ELSE u.last_error END,"
	" last_success_at = COALESCE(u.last_success_at, t.last_success_at)"
	" FROM pg_catalog.unnest($1) u"
	" WHERE t.tenant_id = u.tenant_id AND t.schedule_id = u.schedule_id" EXTSCHED_OF_TENANT("t"),
	.expected = SPI_OK_UPDATE,
	.nargs = 2,
	.types = {EXTSCHED_TIMERS_ARG, TEXTOID},
};

/*
 * A slot is free when all live runs of the schedule wait for one.  A backfill
 * may wait for long because of those before it, so its age counts from here.
 */
static ExtschedStmt free_slots = {
	.sql = "WITH first AS ("
	"SELECT w.run_id, w.slot FROM pg_catalog.unnest($1) u,"
	" LATERAL (SELECT r.run_id, r.slot, pg_catalog.count(*) OVER () AS n FROM extsched.run r"
	" WHERE r.tenant_id = u.tenant_id AND r.schedule_id = u.schedule_id AND r.waits_for_slot" EXTSCHED_OF_TENANT("r")
	" ORDER BY r.nominal_time LIMIT 1) w"
	" WHERE w.n >= u.in_flight)"
	" UPDATE extsched.run r SET waits_for_slot = false, ready_at = $2,"
	" created_at = CASE WHEN r.trigger = 'backfill' THEN $2 ELSE r.created_at END"
	" FROM first WHERE r.run_id = first.run_id AND r.slot = first.slot AND r.waits_for_slot" EXTSCHED_OF_TENANT("r"),
	.expected = SPI_OK_UPDATE,
	.nargs = 3,
	.types = {EXTSCHED_TIMERS_ARG, TIMESTAMPTZOID, TEXTOID},
};

static ExtschedStmt audit_pause = {
	.sql = "SELECT extsched.audit_write($1, 'worker', 'schedule.auto_pause', $2, $3, $4,"
	" '{\"isPaused\": false}', pg_catalog.jsonb_build_object('isPaused', true, 'reason', $5))",
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {TEXTOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID},
};

/* The schedules of a batch, each with the outcomes that belong to it. */
typedef struct Owner
{
	ExtschedRun *sample;		/* any run of it: tenant and schedule */
	enum
	{
		OWNER_LOCKED_BY_US,
		OWNER_BUSY,				/* somebody else holds the timer */
		OWNER_GONE				/* deleted */
	}			standing;

	/* the timer, as it will be */
	int			in_flight;
	int			consecutive_failures;
	bool		is_paused;
	bool		is_newly_paused;
	bool		has_freed;
	int			succeeded;
	int			failed;
	ExtschedRun *last;			/* the last that ran, or NULL */
	TimestampTz last_success_at;
	bool		has_changed;
} Owner;

/* A batch, and for each run of it the index of its owner. */
typedef struct Batch
{
	ExtschedRun **runs;
	int			n;
	int		   *owner_of;
	Owner	   *owners;
	int			n_owners;
} Batch;

static int
compare_owners(const void *a, const void *b, void *arg)
{
	ExtschedRun **runs = arg;
	ExtschedRun *run_a = runs[*(const int *) a];
	ExtschedRun *run_b = runs[*(const int *) b];
	int			order = strcmp(run_a->tenant, run_b->tenant);

	if (order == 0)
		order = memcmp(run_a->schedule.data, run_b->schedule.data, UUID_LEN);
	if (order == 0)
		order = *(const int *) a - *(const int *) b;
	return order;
}

/* Group the runs by schedule, in the order in which timers are locked. */
static void
find_owners(Batch *batch)
{
	int		   *order = palloc(sizeof(int) * batch->n);

	batch->owner_of = palloc(sizeof(int) * batch->n);
	batch->owners = palloc0(sizeof(Owner) * batch->n);
	for (int i = 0; i < batch->n; i++)
		order[i] = i;
	qsort_arg(order, batch->n, sizeof(int), compare_owners, batch->runs);

	for (int i = 0; i < batch->n; i++)
	{
		ExtschedRun *run = batch->runs[order[i]];
		Owner	   *owner = batch->n_owners ? &batch->owners[batch->n_owners - 1] : NULL;

		if (owner == NULL || strcmp(owner->sample->tenant, run->tenant) != 0 ||
			memcmp(owner->sample->schedule.data, run->schedule.data, UUID_LEN) != 0)
		{
			owner = &batch->owners[batch->n_owners++];
			owner->sample = run;
			owner->standing = OWNER_GONE;
		}
		batch->owner_of[order[i]] = owner - batch->owners;
	}
}

/* Rows of a result that are ordinals of owners or runs, from 0 here. */
static int
ordinal(uint64 row)
{
	bool		isnull;

	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)) - 1;
}

/* The tenant of a batch that has one only, as all have where tables are distributed. */
static Datum
batch_tenant(const Batch *batch)
{
	return CStringGetTextDatum(batch->runs[0]->tenant);
}

/* Lock the timers that are free, and learn which are busy and which gone. */
static void
lock_owners(Batch *batch)
{
	ExtschedRows keys;
	Datum		values[2];
	uint64		n;
	SPITupleTable *table;
	ExtschedRow row;

	extsched_rows_init(&keys, EXTSCHED_TABLE_TIMER, batch->n_owners);
	for (int i = 0; i < batch->n_owners; i++)
	{
		extsched_rows_set_text(&keys, extsched_timer_column.tenant_id, batch->owners[i].sample->tenant);
		extsched_rows_set_uuid(&keys, extsched_timer_column.schedule_id, &batch->owners[i].sample->schedule);
		extsched_rows_add(&keys);
	}
	values[0] = extsched_rows_array(&keys);
	values[1] = batch_tenant(batch);

	n = extsched_stmt_run(&lock_timers, values, NULL);
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		Owner	   *owner = &batch->owners[ordinal(i)];

		extsched_row_set(&row, SPI_tuptable->vals[i]);
		owner->standing = OWNER_LOCKED_BY_US;
		owner->in_flight = extsched_row_int(&row, 1, 0);
		owner->consecutive_failures = extsched_row_int(&row, 2, 0);
		owner->is_paused = extsched_row_bool(&row, 3);
	}
	table = SPI_tuptable;
	if (n < batch->n_owners)
	{
		n = extsched_stmt_run(&find_timers, values, NULL);
		for (uint64 i = 0; i < n; i++)
		{
			Owner	   *owner = &batch->owners[ordinal(i)];

			if (owner->standing == OWNER_GONE)
				owner->standing = OWNER_BUSY;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freetuptable(table);
}

/* Text of a Runner, as the database can hold it. */
static void
set_foreign_text(ExtschedRows *rows, int column, char *utf8, size_t max_bytes)
{
	if (utf8 != NULL)
		extsched_rows_set_text(rows, column, extsched_utf8_to_server(pstrdup(utf8), max_bytes));
}

static void
add_run_row(ExtschedRows *rows, ExtschedRun *run)
{
	struct ExtschedRunColumns *c = &extsched_run_column;

	extsched_rows_set_uuid(rows, c->run_id, &run->run_id);
	if (run->has_lease)
		extsched_rows_set_uuid(rows, c->lease_id, &run->lease);
	extsched_rows_set_text(rows, c->state, extsched_state_enter(run->from, run->to));
	if (run->reason != EXTSCHED_REASON_NONE)
		extsched_rows_set_text(rows, c->reason, extsched_reason_name(run->reason));
	if (EXTSCHED_RUN_IS_TERMINAL(run->to))
		extsched_rows_set_time(rows, c->finished_at, run->finished_at);
	else
		extsched_rows_set_time(rows, c->ready_at, run->ready_at);
	if (run->http_status != 0)
		extsched_rows_set(rows, c->http_status, Int32GetDatum(run->http_status));
	set_foreign_text(rows, c->error, run->error, EXTSCHED_ERROR_BYTES);
	set_foreign_text(rows, c->response_excerpt, run->excerpt, EXTSCHED_EXCERPT_BYTES);
	extsched_rows_add(rows);
}

/* Write the runs of one history partition. */
static void
write_leaf(Batch *batch, int leaf, const int *members, int n, bool *is_written)
{
	ExtschedRows rows;
	Datum		values[2];
	uint64		written;

	extsched_rows_init(&rows, EXTSCHED_TABLE_RUN, n);
	for (int i = 0; i < n; i++)
		add_run_row(&rows, batch->runs[members[i]]);
	values[0] = extsched_rows_array(&rows);
	values[1] = batch_tenant(batch);
	written = extsched_stmt_run_on_leaf(&write_runs, leaf, values, NULL);
	for (uint64 row = 0; row < written; row++)
		is_written[members[ordinal(row)]] = true;
	SPI_freetuptable(SPI_tuptable);
}

static void
write_run_rows(Batch *batch, bool *is_written)
{
	int		   *members = palloc(sizeof(int) * batch->n);

	for (int leaf = 0; leaf < EXTSCHED_RING_SLOTS; leaf++)
	{
		int			n = 0;

		for (int i = 0; i < batch->n; i++)
		{
			if (batch->owners[batch->owner_of[i]].standing != OWNER_BUSY &&
				extsched_run_slot(batch->runs[i]->nominal) == leaf)
				members[n++] = i;
		}
		if (n > 0)
			write_leaf(batch, leaf, members, n, is_written);
	}
}

/* Let a run that has ended change the state of its schedule. */
static void
fold_into_owner(Owner *owner, ExtschedRun *run)
{
	bool		has_run = run->to == EXTSCHED_RUN_SUCCEEDED ||
		run->to == EXTSCHED_RUN_FAILED || run->to == EXTSCHED_RUN_LOST;

	if (!EXTSCHED_RUN_IS_TERMINAL(run->to))
		return;
	owner->has_changed = true;
	owner->has_freed = true;
	owner->in_flight = Max(owner->in_flight - 1, 0);
	if (!has_run)
		return;

	owner->last = run;
	if (run->to == EXTSCHED_RUN_SUCCEEDED)
	{
		owner->succeeded++;
		owner->consecutive_failures = 0;
		owner->last_success_at = run->finished_at;
		return;
	}
	owner->failed++;

	/* what an administrator stopped is no failure of the extension */
	if (run->reason == EXTSCHED_REASON_TENANT_PAUSED ||
		run->reason == EXTSCHED_REASON_INSTALL_DISABLED)
		return;
	owner->consecutive_failures++;
	if (run->pause_after_failures > 0 && !owner->is_paused &&
		owner->consecutive_failures >= run->pause_after_failures)
	{
		owner->is_paused = true;
		owner->is_newly_paused = true;
	}
}

static char *
pause_reason(const Owner *owner)
{
	return psprintf("paused after %d failed runs in a row, the last one for the reason %s",
					owner->consecutive_failures,
					extsched_reason_name(owner->last->reason));
}

static void
add_timer_row(ExtschedRows *rows, Owner *owner)
{
	struct ExtschedTimerColumns *c = &extsched_timer_column;
	ExtschedRun *last = owner->last;

	extsched_rows_set_text(rows, c->tenant_id, owner->sample->tenant);
	extsched_rows_set_uuid(rows, c->schedule_id, &owner->sample->schedule);
	extsched_rows_set(rows, c->in_flight, Int32GetDatum(owner->in_flight));
	extsched_rows_set(rows, c->consecutive_failures, Int32GetDatum(owner->consecutive_failures));
	extsched_rows_set(rows, c->is_paused, BoolGetDatum(owner->is_paused));
	if (owner->is_newly_paused)
	{
		extsched_rows_set_text(rows, c->pause_reason, pause_reason(owner));
		extsched_rows_set_time(rows, c->paused_at, last->finished_at);
	}
	extsched_rows_set(rows, c->succeeded_total, Int64GetDatum(owner->succeeded));
	extsched_rows_set(rows, c->failed_total, Int64GetDatum(owner->failed));
	if (last != NULL)
	{
		bool		is_success = last->to == EXTSCHED_RUN_SUCCEEDED;

		extsched_rows_set_time(rows, c->last_run_at, last->dispatched_at);
		extsched_rows_set_text(rows, c->last_run_status, is_success ? "success" : "error");
		if (!is_success)
		{
			if (last->error != NULL)
				set_foreign_text(rows, c->last_error, last->error, EXTSCHED_ERROR_BYTES);
			else
				extsched_rows_set_text(rows, c->last_error, extsched_reason_name(last->reason));
		}
	}
	extsched_rows_set_time(rows, c->last_success_at, owner->last_success_at);
	extsched_rows_add(rows);
}

static void
record_pause(const Owner *owner)
{
	ExtschedRun *run = owner->sample;
	char	   *reason = pause_reason(owner);
	Datum		values[5];
	char		nulls[6] = "     ";

	values[0] = CStringGetTextDatum(run->tenant);
	values[1] = UUIDPGetDatum(&run->install);
	values[2] = UUIDPGetDatum(&run->schedule);
	values[3] = run->name ? CStringGetTextDatum(run->name) : (Datum) 0;
	nulls[3] = run->name ? ' ' : 'n';
	values[4] = CStringGetTextDatum(reason);
	(void) extsched_stmt_run(&audit_pause, values, nulls);
	SPI_freetuptable(SPI_tuptable);
	extsched_count_event(EXTSCHED_EVENT_AUTO_PAUSE, 1);
	ereport(LOG,
			errmsg("schedule %s of tenant \"%s\" is paused",
				   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&run->schedule))),
				   run->tenant),
			errdetail("It was %s.", reason));
}

/*
 * Write the timers that changed, and give free slots to runs that wait.  True
 * if one of these got a slot.
 */
static bool
write_owners(Batch *batch, const bool *is_written)
{
	ExtschedRows changed;
	ExtschedRows freed;
	Datum		values[3];

	for (int i = 0; i < batch->n; i++)
	{
		Owner	   *owner = &batch->owners[batch->owner_of[i]];

		if (is_written[i] && owner->standing == OWNER_LOCKED_BY_US)
			fold_into_owner(owner, batch->runs[i]);
	}

	extsched_rows_init(&changed, EXTSCHED_TABLE_TIMER, batch->n_owners);
	extsched_rows_init(&freed, EXTSCHED_TABLE_TIMER, batch->n_owners);
	for (int i = 0; i < batch->n_owners; i++)
	{
		Owner	   *owner = &batch->owners[i];

		if (!owner->has_changed)
			continue;
		add_timer_row(&changed, owner);
		if (owner->has_freed && owner->in_flight > 0)
		{
			extsched_rows_set_text(&freed, extsched_timer_column.tenant_id, owner->sample->tenant);
			extsched_rows_set_uuid(&freed, extsched_timer_column.schedule_id, &owner->sample->schedule);
			extsched_rows_set(&freed, extsched_timer_column.in_flight, Int32GetDatum(owner->in_flight));
			extsched_rows_add(&freed);
		}
		if (owner->is_newly_paused)
			record_pause(owner);
	}
	if (changed.n > 0)
	{
		values[0] = extsched_rows_array(&changed);
		values[1] = batch_tenant(batch);
		(void) extsched_stmt_run(&write_timers, values, NULL);
	}
	if (freed.n > 0)
	{
		values[0] = extsched_rows_array(&freed);
		values[1] = TimestampTzGetDatum(extsched_clock_now());
		values[2] = batch_tenant(batch);
		return extsched_stmt_run(&free_slots, values, NULL) > 0;
	}
	return false;
}

/*
 * extsched_settle_plan
 *		Plan what writing outcomes of a nominal time runs.
 */
void
extsched_settle_plan(TimestampTz nominal)
{
	extsched_stmt_plan(&lock_timers, -1);
	extsched_stmt_plan(&write_runs, extsched_run_slot(nominal));
	extsched_stmt_plan(&write_timers, -1);
}

/* Write outcomes in one batch. */
static TimestampTz
apply(ExtschedRun **runs, int n, bool *is_settled)
{
	Batch		batch = {.runs = runs, .n = n};
	bool	   *is_written = palloc0(sizeof(bool) * n);
	TimestampTz first_ready = DT_NOEND;

	find_owners(&batch);
	lock_owners(&batch);
	write_run_rows(&batch, is_written);
	if (write_owners(&batch, is_written))
		first_ready = DT_NOBEGIN;
	for (int i = 0; i < n; i++)
	{
		runs[i]->was_written = is_written[i];
		if (is_written[i] && runs[i]->to == EXTSCHED_RUN_RETRYING)
			first_ready = Min(first_ready, runs[i]->ready_at);
		is_settled[i] = batch.owners[batch.owner_of[i]].standing != OWNER_BUSY;
	}
	return first_ready;
}

/* The same in a batch for each tenant. */
static TimestampTz
apply_by_tenant(ExtschedRun **runs, int n, bool *is_settled)
{
	TimestampTz first_ready = DT_NOEND;
	bool	   *is_taken = palloc0(sizeof(bool) * n);
	ExtschedRun **batch = palloc(sizeof(ExtschedRun *) * n);
	bool	   *is_done = palloc(sizeof(bool) * n);
	int		   *members = palloc(sizeof(int) * n);

	for (int first = 0; first < n; first++)
	{
		int			size = 0;
		TimestampTz ready;

		if (is_taken[first])
			continue;
		for (int i = first; i < n; i++)
		{
			if (is_taken[i] || strcmp(runs[i]->tenant, runs[first]->tenant) != 0)
				continue;
			is_taken[i] = true;
			members[size] = i;
			batch[size++] = runs[i];
		}
		ready = apply(batch, size, is_done);
		first_ready = Min(first_ready, ready);
		for (int i = 0; i < size; i++)
			is_settled[members[i]] = is_done[i];
	}
	return first_ready;
}

/*
 * extsched_settle_apply
 *		Write outcomes, inside a transaction and SPI_connect.
 *
 * is_settled[i] becomes true when run i needs no more writing: it was written,
 * or its row has moved on without us.  The others have a timer that is locked.
 * Returns when the first of the runs that wait because of it is ready, or
 * DT_NOEND.
 */
TimestampTz
extsched_settle_apply(ExtschedRun **runs, int n, bool *is_settled)
{
	return extsched_rows_distributed() ? apply_by_tenant(runs, n, is_settled) :
		apply(runs, n, is_settled);
}

/* True for the first failures of each second; tells how many were left out. */
static bool
may_log_failure(void)
{
	static int64 second = 0;
	static int	logged = 0;
	int64		now = extsched_clock_monotonic_us() / USECS_PER_SEC;

	if (now != second)
	{
		if (logged > LOGGED_A_SECOND)
			ereport(LOG,
					errmsg_plural("%d more run failed in that second",
								  "%d more runs failed in that second",
								  logged - LOGGED_A_SECOND,
								  logged - LOGGED_A_SECOND));
		second = now;
		logged = 0;
	}
	return ++logged <= LOGGED_A_SECOND;
}

static char *
uuid_text(const pg_uuid_t *uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)));
}

static void
log_failure(const ExtschedRun *run)
{
	char	   *bundle = psprintf("registry %s, version %s, content hash %s",
								  run->has_version ? uuid_text(&run->registry) : "unknown",
								  run->has_version ? uuid_text(&run->version) : "unknown",
								  run->content_hash ? run->content_hash : "unknown");

	ereport(LOG,
			errmsg("run %s of schedule %s ended %s: %s",
				   uuid_text(&run->run_id), uuid_text(&run->schedule),
				   extsched_run_state_name(run->to), extsched_reason_name(run->reason)),
			errdetail("Tenant \"%s\", %s, attempt %d, status %d, error of %zu bytes.",
					  run->tenant, bundle, run->attempt, run->http_status,
					  run->error ? strlen(run->error) : (size_t) 0));
}

/*
 * extsched_settle_report
 *		Count and log outcomes that are committed.
 */
void
extsched_settle_report(ExtschedRun **runs, int n)
{
	for (int i = 0; i < n; i++)
	{
		ExtschedRun *run = runs[i];

		if (!run->was_written || !EXTSCHED_RUN_IS_TERMINAL(run->to))
			continue;
		extsched_count_run(run->to, run->reason, run->trigger, 1,
						   run->dispatched_at ? run->dispatched_at - run->nominal : -1,
						   run->dispatched_at ? run->finished_at - run->dispatched_at : -1);
		if ((run->to == EXTSCHED_RUN_FAILED || run->to == EXTSCHED_RUN_LOST) &&
			may_log_failure())
			log_failure(run);
	}
}

/* Whether the tenants of all these runs are still this worker's. */
static bool
are_mine(const ExtschedLoop *loop, ExtschedRun **runs, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (!extsched_rows_is_mine(runs[i]->tenant, loop->number, loop->total))
			return false;
	}
	return true;
}

/*
 * extsched_settle_flush
 *		Write the outcomes at the head of the list in a transaction of its own.
 *
 * Only now their slots become free: a crash makes no more outcomes unknown,
 * and so no more requests go out twice, than there are slots.  The commit does
 * not wait for the disk; that of a claim which sends waits for both, so that no
 * slot is used again before the outcome in it is safe.
 *
 * Takes up to max of them.  Those written are reported and freed; those whose
 * timer is locked go to the end of the list, and hold no slot there.  Returns
 * how many were written.  An error leaves the list as it was.
 */
int
extsched_settle_flush(ExtschedLoop *loop, int max)
{
	int			n = Min(loop->n_outcomes, max);
	ExtschedRun **runs;
	bool	   *is_settled;
	int			n_done = 0;
	TimestampTz first_ready;
	dlist_iter	iter;

	if (n == 0)
		return 0;
	runs = MemoryContextAlloc(loop->cycle, sizeof(ExtschedRun *) * n);
	is_settled = MemoryContextAllocZero(loop->cycle, sizeof(bool) * n);
	dlist_foreach(iter, &loop->outcomes)
	{
		runs[n_done++] = dlist_container(ExtschedRun, node, iter.cur);
		if (n_done == n)
			break;
	}

	extsched_work_begin("settle");
	extsched_rows_open();
	first_ready = extsched_settle_apply(runs, n, is_settled);
	extsched_work_commit(false);
	MemoryContextSwitchTo(loop->cycle);

	loop->next_ready = Min(loop->next_ready, first_ready);
	if (first_ready != DT_NOEND && !are_mine(loop, runs, n))
		extsched_wake_now(first_ready);
	n_done = 0;
	for (int i = 0; i < n; i++)
	{
		extsched_fairqueue_remove(loop->queue, &runs[i]->fair);
		dlist_delete(&runs[i]->node);
		if (is_settled[i])
			runs[n_done++] = runs[i];
		else
			dlist_push_tail(&loop->outcomes, &runs[i]->node);
	}
	extsched_settle_report(runs, n_done);
	for (int i = 0; i < n_done; i++)
	{
		if (runs[i]->to == EXTSCHED_RUN_RETRYING)
			loop->next_ready = Min(loop->next_ready, runs[i]->ready_at);
		extsched_run_free(runs[i]);
	}
	loop->n_outcomes -= n_done;
	extsched_count_event(EXTSCHED_EVENT_SETTLE_BATCH, 1);
	if (n_done < n)
		extsched_count_event(EXTSCHED_EVENT_SETTLE_DEFERRED, n - n_done);
	return n_done;
}
