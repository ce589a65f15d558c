/*-------------------------------------------------------------------------
 *
 * status.c
 *		The shared state of this database as rows, for the views.
 *
 * In a server that did not preload the library there are no rows, except that
 * extsched.shared_state() says just that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/identity.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "core/version.h"

#define STAT_API_COLUMNS		4
#define STAT_DISPATCH_COLUMNS	7
#define STAT_EVENTS_COLUMNS		2
#define STAT_HISTOGRAMS_COLUMNS	6
#define STAT_WORKERS_COLUMNS	10
#define SHARED_STATE_COLUMNS	7

static double
seconds(uint64 us)
{
	return (double) us / USECS_PER_SEC;
}

/* Add a row to the result of a function that returns a set. */
static void
put(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(extsched_stat_api_counters);

/* extsched.stat_api_counters(): one row for each pair that was counted */
Datum
extsched_stat_api_counters(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	for (int op = 0; op < EXTSCHED_API_OPS; op++)
	{
		for (int status = 0; status < EXTSCHED_API_STATUSES; status++)
		{
			ExtschedTally *tally = &db->counters.api[op][status];
			uint64		n = pg_atomic_read_u64(&tally->n);
			Datum		values[STAT_API_COLUMNS];
			bool		nulls[STAT_API_COLUMNS] = {0};

			if (n == 0)
				continue;
			values[0] = CStringGetTextDatum(extsched_api_op_name(op));
			values[1] = CStringGetTextDatum(extsched_api_status_name(status));
			values[2] = Int64GetDatum((int64) n);
			values[3] = Float8GetDatum(seconds(pg_atomic_read_u64(&tally->sum_us)));
			put(fcinfo, values, nulls);
		}
	}
	return (Datum) 0;
}

/* One row of extsched.stat_dispatch_counters(), unless nothing was counted. */
static void
put_run_tally(FunctionCallInfo fcinfo, ExtschedDatabase *db,
			  int state, int reason, int trigger)
{
	ExtschedRunTally *tally = &db->counters.runs[state][reason][trigger];
	uint64		n = pg_atomic_read_u64(&tally->n);
	Datum		values[STAT_DISPATCH_COLUMNS];
	bool		nulls[STAT_DISPATCH_COLUMNS] = {0};

	if (n == 0)
		return;
	values[0] = CStringGetTextDatum(extsched_run_state_name(state));
	values[1] = CStringGetTextDatum(extsched_reason_name(reason));
	nulls[1] = reason == EXTSCHED_REASON_NONE;
	values[2] = CStringGetTextDatum(extsched_trigger_name(trigger));
	values[3] = Int64GetDatum((int64) n);
	values[4] = Int64GetDatum((int64) pg_atomic_read_u64(&tally->dispatched));
	values[5] = Float8GetDatum(seconds(pg_atomic_read_u64(&tally->lateness_us)));
	values[6] = Float8GetDatum(seconds(pg_atomic_read_u64(&tally->duration_us)));
	put(fcinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(extsched_stat_dispatch_counters);

/* extsched.stat_dispatch_counters(): runs by how they ended */
Datum
extsched_stat_dispatch_counters(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	for (int state = EXTSCHED_RUN_SUCCEEDED; state < EXTSCHED_RUN_STATES; state++)
	{
		for (int reason = 0; reason < EXTSCHED_REASONS; reason++)
		{
			for (int trigger = 0; trigger < EXTSCHED_TRIGGERS; trigger++)
				put_run_tally(fcinfo, db, state, reason, trigger);
		}
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(extsched_stat_event_counters);

/* extsched.stat_event_counters(): every event, also those that never were */
Datum
extsched_stat_event_counters(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	for (int event = 0; event < EXTSCHED_EVENTS; event++)
	{
		Datum		values[STAT_EVENTS_COLUMNS];
		bool		nulls[STAT_EVENTS_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(extsched_event_name(event));
		values[1] = Int64GetDatum((int64) pg_atomic_read_u64(&db->counters.events[event]));
		put(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

/*
 * One row of extsched.stat_histogram_counters(): bounds in seconds, and how
 * many are at most each of them.  The count has what is above the last, too.
 */
static void
put_histogram(FunctionCallInfo fcinfo, const char *name, const char *operation,
			  pg_atomic_uint64 *buckets, int n_buckets, uint64 first_us, uint64 sum_us)
{
	int			n_bounds = n_buckets - 1;
	Datum	   *bounds = palloc(n_bounds * sizeof(Datum));
	Datum	   *counts = palloc(n_bounds * sizeof(Datum));
	uint64		total = 0;
	Datum		values[STAT_HISTOGRAMS_COLUMNS];
	bool		nulls[STAT_HISTOGRAMS_COLUMNS] = {0};

	for (int i = 0; i < n_bounds; i++)
	{
		total += pg_atomic_read_u64(&buckets[i]);
		bounds[i] = Float8GetDatum(seconds(first_us << i));
		counts[i] = Int64GetDatum((int64) total);
	}
	total += pg_atomic_read_u64(&buckets[n_bounds]);
	values[0] = CStringGetTextDatum(name);
	values[1] = operation == NULL ? (Datum) 0 : CStringGetTextDatum(operation);
	nulls[1] = operation == NULL;
	values[2] = PointerGetDatum(construct_array(bounds, n_bounds, FLOAT8OID, sizeof(float8),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(construct_array(counts, n_bounds, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[4] = Float8GetDatum(seconds(sum_us));
	values[5] = Int64GetDatum((int64) total);
	put(fcinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(extsched_stat_histogram_counters);

/* extsched.stat_histogram_counters(): lateness, duration, calls by operation */
Datum
extsched_stat_histogram_counters(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);
	uint64		lateness_us;
	uint64		duration_us;

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	extsched_counters_run_times(&db->counters, &lateness_us, &duration_us);
	put_histogram(fcinfo, "run_lateness", NULL, db->counters.lateness_buckets,
				  EXTSCHED_RUN_BUCKETS, EXTSCHED_RUN_FIRST_US, lateness_us);
	put_histogram(fcinfo, "run_duration", NULL, db->counters.duration_buckets,
				  EXTSCHED_RUN_BUCKETS, EXTSCHED_RUN_FIRST_US, duration_us);
	for (int op = 0; op < EXTSCHED_API_OPS; op++)
	{
		uint64		sum_us;

		if (extsched_counters_calls(&db->counters, op, &sum_us) > 0)
			put_histogram(fcinfo, "api_call", extsched_api_op_name(op),
						  db->counters.api_buckets[op], EXTSCHED_API_BUCKETS,
						  EXTSCHED_API_FIRST_US, sum_us);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(extsched_stat_worker_slots);

/* extsched.stat_worker_slots(): a row for each worker that is or should be */
Datum
extsched_stat_worker_slots(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	for (int n = 0; n < EXTSCHED_MAX_WORKERS; n++)
	{
		ExtschedWorkerSlot *slot = &db->workers[n];
		pid_t		pid = slot->pid;
		ExtschedPause pause = pg_atomic_read_u32(&slot->pause);
		Datum		values[STAT_WORKERS_COLUMNS];
		bool		nulls[STAT_WORKERS_COLUMNS] = {0};

		if (pid == 0 && n >= pg_atomic_read_u32(&db->workers_wanted))
			continue;
		values[0] = Int32GetDatum(n);
		values[1] = Int32GetDatum(pid);
		values[2] = CStringGetTextDatum(extsched_worker_state_name(pg_atomic_read_u32(&slot->state)));
		values[3] = CStringGetTextDatum(extsched_pause_text(pause));
		values[4] = TimestampTzGetDatum((TimestampTz) pg_atomic_read_u64(&slot->started_at));
		values[5] = TimestampTzGetDatum((TimestampTz) pg_atomic_read_u64(&slot->heartbeat_at));
		values[6] = Int32GetDatum(pg_atomic_read_u32(&slot->in_flight));
		values[7] = Int32GetDatum(pg_atomic_read_u32(&slot->queued));
		values[8] = Int32GetDatum(pg_atomic_read_u32(&slot->restarts));
		values[9] = Int64GetDatum((int64) pg_atomic_read_u64(&slot->epoch));
		nulls[1] = nulls[4] = nulls[5] = pid == 0;
		nulls[3] = pause == EXTSCHED_PAUSE_NONE;
		nulls[9] = pg_atomic_read_u64(&slot->epoch) == 0;
		put(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(extsched_shared_state);

/* extsched.shared_state(): what is not about a single worker */
Datum
extsched_shared_state(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);
	TupleDesc	desc;
	Datum		values[SHARED_STATE_COLUMNS];
	bool		nulls[SHARED_STATE_COLUMNS] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = BoolGetDatum(extsched_shared != NULL);
	values[1] = BoolGetDatum(extsched_shared != NULL &&
							 extsched_shared->launcher_pid != 0);
	values[2] = Int32GetDatum(db == NULL ? 0 : pg_atomic_read_u32(&db->workers_wanted));
	/* without a slot of its own the database waits for a prober, if anything */
	values[3] = BoolGetDatum(db != NULL ? pg_atomic_read_u32(&db->out_of_slots) != 0 :
							 extsched_shared != NULL &&
							 pg_atomic_read_u32(&extsched_shared->out_of_slots) != 0);
	values[4] = BoolGetDatum(db == NULL && extsched_shared != NULL &&
							 pg_atomic_read_u32(&extsched_shared->databases_full) != 0);
	values[5] = CStringGetTextDatum(EXTSCHED_VERSION);
	values[6] = BoolGetDatum(extsched_enabled);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

PG_FUNCTION_INFO_V1(extsched_identity_state);

/* extsched.identity_state(): none, ours or copy */
Datum
extsched_identity_state(PG_FUNCTION_ARGS)
{
	const char *result = NULL;

	switch (extsched_identity_check())
	{
		case EXTSCHED_IDENTITY_NONE:
			result = "none";
			break;
		case EXTSCHED_IDENTITY_OURS:
			result = "ours";
			break;
		case EXTSCHED_IDENTITY_COPY:
			result = "copy";
			break;
	}
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
