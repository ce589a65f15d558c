/*-------------------------------------------------------------------------
 *
 * birth.c
 *		Write the runs and records that due timers lead to.
 *
 * The second half of a claim: decisions become rows of the history, one batch
 * for each partition, and timers move on.  Missed ranges are compared with the
 * history first (ranges.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/counters.h"
#include "core/runkey.h"
#include "worker/birth.h"
#include "worker/ranges.h"
#include "worker/rows.h"
#include "worker/states.h"

static ExtschedStmt insert_runs = {
	.sql = "INSERT INTO extsched.run_%s SELECT u.* FROM pg_catalog.unnest($1) u",
	.expected = SPI_OK_INSERT,
	.nargs = 1,
	.types = {EXTSCHED_RUNS_ARG},
};

/* The same where a nominal time may have a record already. */
static ExtschedStmt insert_new_runs = {
	.sql = "INSERT INTO extsched.run_%s SELECT u.* FROM pg_catalog.unnest($1) u"
	" ON CONFLICT DO NOTHING RETURNING run_id",
	.expected = SPI_OK_INSERT_RETURNING,
	.nargs = 1,
	.types = {EXTSCHED_RUNS_ARG},
};

static ExtschedStmt advance_timers = {
	.sql = "UPDATE extsched.timer t SET next_due = u.next_due, in_flight = u.in_flight,"
	" quarantine_reason = u.quarantine_reason"
	" FROM pg_catalog.unnest($1) u"
	" WHERE t.tenant_id = u.tenant_id AND t.schedule_id = u.schedule_id" EXTSCHED_OF_TENANT("t"),
	.expected = SPI_OK_UPDATE,
	.nargs = 2,
	.types = {EXTSCHED_TIMERS_ARG, TEXTOID},
};

/* New rows by history partition. */
typedef struct NewRuns
{
	ExtschedRows *leaves[EXTSCHED_RING_SLOTS];
	ExtschedCandidate **runs_of[EXTSCHED_RING_SLOTS];	/* NULL for a mere record */
	int			n_rows;
	int			n_max;			/* as many as there can be */
} NewRuns;

static ExtschedRows *
leaf_rows(NewRuns *new_runs, TimestampTz nominal, ExtschedCandidate *candidate)
{
	int			leaf = extsched_run_slot(nominal);
	ExtschedRows *rows = new_runs->leaves[leaf];

	if (rows == NULL)
	{
		rows = new_runs->leaves[leaf] = palloc(sizeof(ExtschedRows));
		extsched_rows_init(rows, EXTSCHED_TABLE_RUN, new_runs->n_max);
		new_runs->runs_of[leaf] = palloc(sizeof(ExtschedCandidate *) * new_runs->n_max);
	}
	new_runs->runs_of[leaf][rows->n] = candidate;
	new_runs->n_rows++;
	return rows;
}

/* What all records of a schedule have in common. */
static void
set_common(ExtschedRows *rows, ExtschedCandidate *candidate, TimestampTz nominal,
		   const pg_uuid_t *run_id, ExtschedRunState state, TimestampTz now)
{
	struct ExtschedRunColumns *c = &extsched_run_column;
	ExtschedRequest *request = &candidate->request;

	extsched_rows_set_text(rows, c->tenant_id, request->tenant);
	extsched_rows_set_uuid(rows, c->schedule_id, &request->schedule_id);
	extsched_rows_set(rows, c->nominal_time, TimestampTzGetDatum(nominal));
	extsched_rows_set_text(rows, c->trigger, extsched_trigger_name(EXTSCHED_TRIGGER_SCHEDULE));
	extsched_rows_set(rows, c->slot, Int16GetDatum(extsched_run_slot(nominal)));
	extsched_rows_set(rows, c->run_id, PointerGetDatum(run_id));
	extsched_rows_set_uuid(rows, c->install_id, &request->install_id);
	extsched_rows_set_text(rows, c->runner, candidate->policy.runner);
	extsched_rows_set_text(rows, c->state, extsched_state_enter(EXTSCHED_RUN_NEW, state));
	extsched_rows_set(rows, c->attempt, Int32GetDatum(0));
	extsched_rows_set(rows, c->waits_for_slot, BoolGetDatum(false));
	extsched_rows_set(rows, c->ready_at, TimestampTzGetDatum(nominal));
	extsched_rows_set_time(rows, c->created_at, now);
	extsched_rows_set_text(rows, c->schedule_name, candidate->policy.name);
	extsched_rows_set_text(rows, c->endpoint_method, request->method);
	extsched_rows_set_text(rows, c->endpoint_path, request->path);
	if (request->content_hash != NULL)
	{
		extsched_rows_set_uuid(rows, c->registry_id, &request->registry_id);
		extsched_rows_set_uuid(rows, c->version_id, &request->version_id);
		extsched_rows_set_text(rows, c->content_hash, request->content_hash);
	}
}

/* A nominal time, or several, that became no run. */
static void
add_record(NewRuns *new_runs, ExtschedCandidate *candidate, const ExtschedRecord *record,
		   TimestampTz now)
{
	struct ExtschedRunColumns *c = &extsched_run_column;
	ExtschedRequest *request = &candidate->request;
	ExtschedRows *rows = leaf_rows(new_runs, record->nominal, NULL);
	pg_uuid_t	run_id;

	extsched_run_id(request->tenant, strlen(request->tenant), &request->schedule_id,
					record->nominal, extsched_trigger_name(EXTSCHED_TRIGGER_SCHEDULE), &run_id);
	set_common(rows, candidate, record->nominal, &run_id, record->state, now);
	extsched_rows_set_text(rows, c->reason, extsched_reason_name(record->reason));
	extsched_rows_set_time(rows, c->finished_at, now);
	if (record->state == EXTSCHED_RUN_MISSED)
	{
		extsched_rows_set(rows, c->missed_count, Int32GetDatum(record->count));
		extsched_rows_set(rows, c->missed_first, TimestampTzGetDatum(record->first));
	}
	extsched_rows_add(rows);
}

static void
add_run(ExtschedLoop *loop, NewRuns *new_runs, ExtschedCandidate *candidate, TimestampTz now)
{
	struct ExtschedRunColumns *c = &extsched_run_column;
	ExtschedRun *run = candidate->run;
	ExtschedRows *rows = leaf_rows(new_runs, run->nominal, candidate);

	set_common(rows, candidate, run->nominal, &run->run_id, run->from, now);
	extsched_rows_set(rows, c->attempt, Int32GetDatum(run->attempt));
	extsched_rows_set(rows, c->ready_at, TimestampTzGetDatum(candidate->ready_at));
	extsched_rows_set(rows, c->waits_for_slot, BoolGetDatum(candidate->decision.waits_for_slot));
	if (run->from == EXTSCHED_RUN_RUNNING)
	{
		extsched_rows_set_time(rows, c->dispatched_at, now);
		extsched_rows_set_time(rows, c->attempt_at, now);
		extsched_rows_set_uuid(rows, c->request_id, &candidate->request.request_id);
		extsched_rows_set_uuid(rows, c->lease_id, &run->lease);
		extsched_rows_set_text(rows, c->lease_owner, loop->owner);
		extsched_rows_set_time(rows, c->lease_expires_at,
							   extsched_start_lease_end(&candidate->request, now));
	}
	extsched_rows_add(rows);
}

/* Those of a partition that were not there before; usually all. */
static void
mark_inserted(ExtschedCandidate **runs, int n_rows, uint64 n_inserted)
{
	for (int row = 0; row < n_rows; row++)
	{
		bool		is_inserted = n_inserted == n_rows;

		if (runs[row] == NULL)
			continue;
		for (uint64 i = 0; i < n_inserted && !is_inserted; i++)
		{
			bool		isnull;
			Datum		run_id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
											   1, &isnull);

			is_inserted = memcmp(DatumGetUUIDP(run_id), &runs[row]->run->run_id, UUID_LEN) == 0;
		}
		runs[row]->is_live = is_inserted;
	}
}

/*
 * Write the new rows.  A nominal time that has a record keeps it, and nothing
 * is sent: this is what makes a second worker or a clock that was set back
 * harmless.  It is so rare, and asking for it costs so much, that a batch
 * simply fails then; its timers are dealt with one by one, and may_exist.
 */
static void
insert_rows(NewRuns *new_runs, bool may_exist)
{
	for (int leaf = 0; leaf < EXTSCHED_RING_SLOTS; leaf++)
	{
		ExtschedRows *rows = new_runs->leaves[leaf];
		Datum		values[1];
		uint64		n;

		if (rows == NULL)
			continue;
		values[0] = extsched_rows_array(rows);
		n = extsched_stmt_run_on_leaf(may_exist ? &insert_new_runs : &insert_runs, leaf,
									  values, NULL);
		mark_inserted(new_runs->runs_of[leaf], rows->n, n);
		SPI_freetuptable(SPI_tuptable);
	}
}

/*
 * A run that had a record already is forgotten; any other counts in its timer
 * until it ends.
 */
static void
settle_birth(ExtschedLoop *loop, ExtschedCandidate *candidate)
{
	ExtschedRun *run = candidate->run;

	if (run == NULL)
		return;
	if (!candidate->is_live)
	{
		run->fate = EXTSCHED_FATE_FORGET;
		return;
	}
	candidate->facts.in_flight++;
	if (run->fate != EXTSCHED_FATE_FORGET || candidate->decision.waits_for_slot)
		return;
	if (candidate->request.is_http || candidate->ready_at > run->created_at)
		loop->next_ready = Min(loop->next_ready, candidate->ready_at);
	else
		extsched_start_notify(loop, candidate->policy.runner);
}

static void
advance(ExtschedCandidate *candidates, int n)
{
	struct ExtschedTimerColumns *c = &extsched_timer_column;
	ExtschedRows rows;
	Datum		values[2];

	extsched_rows_init(&rows, EXTSCHED_TABLE_TIMER, n);
	for (int i = 0; i < n; i++)
	{
		ExtschedCandidate *candidate = &candidates[i];
		ExtschedDecision *decision = &candidate->decision;

		if (candidate->is_left)
			continue;
		extsched_rows_set_text(&rows, c->tenant_id, candidate->request.tenant);
		extsched_rows_set_uuid(&rows, c->schedule_id, &candidate->request.schedule_id);
		extsched_rows_set(&rows, c->in_flight, Int32GetDatum(candidate->facts.in_flight));
		if (decision->has_next)
			extsched_rows_set(&rows, c->next_due, TimestampTzGetDatum(decision->next_due));
		extsched_rows_set_text(&rows, c->quarantine_reason, decision->quarantine);
		extsched_rows_add(&rows);
	}
	if (rows.n == 0)
		return;
	values[0] = extsched_rows_array(&rows);
	values[1] = CStringGetTextDatum(candidates[0].request.tenant);
	(void) extsched_stmt_run(&advance_timers, values, NULL);
}

static void
report(const ExtschedCandidate *candidate)
{
	const ExtschedDecision *decision = &candidate->decision;

	for (int i = 0; i < candidate->n_records; i++)
	{
		const ExtschedRecord *record = &candidate->records[i];

		extsched_count_run(record->state, record->reason, EXTSCHED_TRIGGER_SCHEDULE,
						   record->state == EXTSCHED_RUN_MISSED ? record->count : 1, -1, -1);
	}
	if (decision->quarantine == NULL)
		return;
	extsched_count_event(EXTSCHED_EVENT_QUARANTINE, 1);
	ereport(LOG,
			errmsg("schedule %s of tenant \"%s\" is quarantined",
				   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&candidate->request.schedule_id))),
				   candidate->request.tenant),
			errdetail_internal("%s", decision->quarantine),
			errhint("Correct the schedule or call extsched_resume."));
}

/*
 * extsched_birth_plan
 *		Plan what extsched_birth_write() runs for a nominal time.
 */
void
extsched_birth_plan(TimestampTz nominal)
{
	extsched_stmt_plan(&insert_runs, extsched_run_slot(nominal));
	extsched_stmt_plan(&advance_timers, -1);
}

/*
 * extsched_birth_write
 *		Write what was decided, and move the timers on.
 *
 * Inside the transaction that has the timers locked.  Candidates that are left
 * are left out.  may_exist: a nominal time may have a record already, and then
 * keeps it.  Returns the number of rows.
 *
 * Counts and the log may be ahead of a commit that fails, which is rare.
 */
int
extsched_birth_write(ExtschedLoop *loop, ExtschedCandidate *candidates, int n,
					 TimestampTz now, bool may_exist)
{
	NewRuns		new_runs = {.n_max = Max(n + extsched_ranges_split(candidates, n), 1)};

	for (int i = 0; i < n; i++)
	{
		ExtschedCandidate *candidate = &candidates[i];

		if (candidate->is_left)
			continue;
		for (int r = 0; r < candidate->n_records; r++)
			add_record(&new_runs, candidate, &candidate->records[r], now);
		if (candidate->run != NULL)
			add_run(loop, &new_runs, candidate, now);
	}
	insert_rows(&new_runs, may_exist);
	for (int i = 0; i < n; i++)
	{
		if (candidates[i].is_left)
			continue;
		settle_birth(loop, &candidates[i]);
		report(&candidates[i]);
	}
	advance(candidates, n);
	return new_runs.n_rows;
}
