/*-------------------------------------------------------------------------
 *
 * counters.c
 *		What was called and what became of runs, counted in shared memory.
 *
 * The server's own statistics were no choice: they are kept per relation and
 * function, and a rolled-back call leaves no count of how it ended.  Separate
 * atomics mean that a reader may see a count without its seconds for a moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "core/counters.h"
#include "core/shmem.h"

static const char *const op_names[] = {
	[EXTSCHED_OP_LIST] = "list",
	[EXTSCHED_OP_GET] = "get",
	[EXTSCHED_OP_CREATE] = "create",
	[EXTSCHED_OP_UPDATE] = "update",
	[EXTSCHED_OP_DELETE] = "delete",
	[EXTSCHED_OP_GET_ENDPOINTS] = "getEndpoints",
	[EXTSCHED_OP_VALIDATE] = "validate",
	[EXTSCHED_OP_RUN_NOW] = "run_now",
	[EXTSCHED_OP_BACKFILL] = "backfill",
	[EXTSCHED_OP_PAUSE] = "pause",
	[EXTSCHED_OP_RESUME] = "resume",
	[EXTSCHED_OP_DISABLE_ALL] = "disable_all",
	[EXTSCHED_OP_PREVIEW_REQUEST] = "preview_request",
	[EXTSCHED_OP_REGISTER_VERSION] = "register_version",
	[EXTSCHED_OP_DROP_VERSION] = "drop_version",
	[EXTSCHED_OP_INSTALL] = "install",
	[EXTSCHED_OP_CONFIGURE_INSTALL] = "configure_install",
	[EXTSCHED_OP_SET_INSTALL_ENABLED] = "set_install_enabled",
	[EXTSCHED_OP_PREVIEW_UPGRADE] = "preview_upgrade",
	[EXTSCHED_OP_UPGRADE_INSTALL] = "upgrade_install",
	[EXTSCHED_OP_UNINSTALL] = "uninstall",
	[EXTSCHED_OP_DROP_TENANT] = "drop_tenant",
	[EXTSCHED_OP_PAUSE_TENANT] = "pause_tenant",
	[EXTSCHED_OP_RESUME_TENANT] = "resume_tenant",
	[EXTSCHED_OP_SET_LIMITS] = "set_limits",
	[EXTSCHED_OP_SET_RUNNER] = "set_runner",
	[EXTSCHED_OP_CLAIM] = "claim",
	[EXTSCHED_OP_HEARTBEAT] = "heartbeat",
	[EXTSCHED_OP_COMPLETE] = "complete",
	[EXTSCHED_OP_OTHER] = "other",
};

static const char *const status_names[] = {
	[EXTSCHED_API_OK] = "ok",
	[EXTSCHED_API_VALIDATION_FAILED] = "validation_failed",
	[EXTSCHED_API_DENIED] = "denied",
	[EXTSCHED_API_NOT_FOUND] = "not_found",
	[EXTSCHED_API_QUOTA_EXCEEDED] = "quota_exceeded",
	[EXTSCHED_API_RATE_LIMITED] = "rate_limited",
	[EXTSCHED_API_INTERNAL_ERROR] = "internal_error",
};

static const struct
{
	const char *name;
	const char *help;
}			events[] =
{
	[EXTSCHED_EVENT_WORKER_START] = {"worker_starts", "Worker processes that started."},
	[EXTSCHED_EVENT_WORKER_RESTART] = {"worker_restarts", "Worker processes started again after one was killed or failed."},
	[EXTSCHED_EVENT_CLOCK_STEP] = {"clock_steps", "Jumps of the clock that were noticed."},
	[EXTSCHED_EVENT_WAKE] = {"wakes", "Times a commit woke a worker."},
	[EXTSCHED_EVENT_CLAIM_BATCH] = {"claim_batches", "Transactions that turned due times into runs."},
	[EXTSCHED_EVENT_CLAIM_EMPTY] = {"claim_empty", "Transactions that looked for due times and found none."},
	[EXTSCHED_EVENT_CLAIMED_RUN] = {"claimed_runs", "Runs made from due times."},
	[EXTSCHED_EVENT_ATTEMPT] = {"attempts", "Requests sent to Runners, and leases given to them."},
	[EXTSCHED_EVENT_RETRY] = {"retries", "Attempts beyond the first of a run."},
	[EXTSCHED_EVENT_SETTLE_BATCH] = {"settle_batches", "Transactions that wrote outcomes."},
	[EXTSCHED_EVENT_SETTLE_DEFERRED] = {"settle_deferred", "Outcomes that could not be written at once."},
	[EXTSCHED_EVENT_LEASE_EXPIRED] = {"leases_expired", "Attempts whose outcome stayed unknown."},
	[EXTSCHED_EVENT_NOTIFY] = {"notifies", "Notifications sent to pulling Runners."},
	[EXTSCHED_EVENT_AUTO_PAUSE] = {"auto_pauses", "Schedules paused after failures in a row."},
	[EXTSCHED_EVENT_QUARANTINE] = {"quarantines", "Schedules quarantined."},
	[EXTSCHED_EVENT_PRUNE] = {"prunes", "History and audit partitions emptied."},
	[EXTSCHED_EVENT_PRUNE_EARLY] = {"early_prunes", "Days of history that went early because of extsched.history_max_rows."},
	[EXTSCHED_EVENT_WORKER_ERROR] = {"worker_errors", "Errors that a worker survived."},
};

StaticAssertDecl(lengthof(op_names) == EXTSCHED_API_OPS,
				 "each operation has a name");
StaticAssertDecl(lengthof(status_names) == EXTSCHED_API_STATUSES,
				 "each status has a name");
StaticAssertDecl(lengthof(events) == EXTSCHED_EVENTS,
				 "each event has a name");
StaticAssertDecl(sizeof(ExtschedCounters) % sizeof(pg_atomic_uint64) == 0,
				 "counters are nothing but 64-bit atomics");

/*
 * extsched_counters_init
 *		Set all counters to zero.
 */
void
extsched_counters_init(ExtschedCounters *counters)
{
	pg_atomic_uint64 *all = (pg_atomic_uint64 *) counters;

	for (size_t i = 0; i < sizeof(*counters) / sizeof(*all); i++)
		pg_atomic_init_u64(&all[i], 0);
}

/* The bucket of a value: smallest i with value <= first << i, or the last. */
static int
bucket_of(uint64 value, uint64 first, int n_buckets)
{
	int			bucket;

	if (value <= first)
		return 0;
	bucket = pg_leftmost_one_pos64((value - 1) / first) + 1;
	return Min(bucket, n_buckets - 1);
}

/*
 * extsched_count_api
 *		Count a call of the API and how long it took.
 */
void
extsched_count_api(ExtschedApiOp op, ExtschedApiStatus status,
				   uint64 elapsed_us)
{
	ExtschedDatabase *db = extsched_shmem_my_database(true);
	ExtschedCounters *c;
	int			bucket;

	if (db == NULL)
		return;
	c = &db->counters;
	bucket = bucket_of(elapsed_us, EXTSCHED_API_FIRST_US,
					   EXTSCHED_API_BUCKETS);
	pg_atomic_fetch_add_u64(&c->api[op][status].n, 1);
	pg_atomic_fetch_add_u64(&c->api[op][status].sum_us, elapsed_us);
	pg_atomic_fetch_add_u64(&c->api_buckets[op][bucket], 1);
}

/*
 * extsched_count_run
 *		Count n runs that reached a terminal state.
 *
 * lateness_us (first dispatch minus nominal time, 0 at least) and duration_us
 * (first dispatch to end) are those of each; both are negative for runs that
 * were never dispatched.
 */
void
extsched_count_run(ExtschedRunState state, ExtschedReason reason,
				   ExtschedTrigger trigger, uint64 n,
				   int64 lateness_us, int64 duration_us)
{
	ExtschedDatabase *db = extsched_shmem_my_database(true);
	ExtschedCounters *c;
	ExtschedRunTally *tally;
	int			bucket;

	Assert(EXTSCHED_RUN_IS_TERMINAL(state));
	if (db == NULL)
		return;
	c = &db->counters;
	tally = &c->runs[state][reason][trigger];
	pg_atomic_fetch_add_u64(&tally->n, n);
	if (lateness_us < 0 || duration_us < 0)
		return;
	pg_atomic_fetch_add_u64(&tally->dispatched, n);
	pg_atomic_fetch_add_u64(&tally->lateness_us, n * lateness_us);
	pg_atomic_fetch_add_u64(&tally->duration_us, n * duration_us);
	bucket = bucket_of(lateness_us, EXTSCHED_RUN_FIRST_US,
					   EXTSCHED_RUN_BUCKETS);
	pg_atomic_fetch_add_u64(&c->lateness_buckets[bucket], n);
	bucket = bucket_of(duration_us, EXTSCHED_RUN_FIRST_US,
					   EXTSCHED_RUN_BUCKETS);
	pg_atomic_fetch_add_u64(&c->duration_buckets[bucket], n);
}

/*
 * extsched_count_event
 *		Count n occurrences of an event in this database.
 */
void
extsched_count_event(ExtschedEvent event, uint64 n)
{
	ExtschedDatabase *db = extsched_shmem_my_database(true);

	if (db != NULL)
		pg_atomic_fetch_add_u64(&db->counters.events[event], n);
}

/*
 * extsched_counters_calls
 *		How many calls of an operation there were, and their time in all.
 */
uint64
extsched_counters_calls(ExtschedCounters *counters, ExtschedApiOp op,
						uint64 *sum_us)
{
	uint64		n = 0;

	*sum_us = 0;
	for (int status = 0; status < EXTSCHED_API_STATUSES; status++)
	{
		n += pg_atomic_read_u64(&counters->api[op][status].n);
		*sum_us += pg_atomic_read_u64(&counters->api[op][status].sum_us);
	}
	return n;
}

/*
 * extsched_counters_run_times
 *		Lateness and duration of all dispatched runs in all.
 */
void
extsched_counters_run_times(ExtschedCounters *counters,
							uint64 *lateness_us, uint64 *duration_us)
{
	ExtschedRunTally *tally = &counters->runs[0][0][0];

	*lateness_us = *duration_us = 0;
	for (size_t i = 0; i < sizeof(counters->runs) / sizeof(*tally); i++)
	{
		*lateness_us += pg_atomic_read_u64(&tally[i].lateness_us);
		*duration_us += pg_atomic_read_u64(&tally[i].duration_us);
	}
}

/*
 * extsched_api_status_of_sqlstate
 *		How a call that raised an error is counted.
 *
 * The SQL face raises what the host face returns; this is the same mapping.
 */
ExtschedApiStatus
extsched_api_status_of_sqlstate(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_INVALID_PARAMETER_VALUE:
		case ERRCODE_NULL_VALUE_NOT_ALLOWED:
		case ERRCODE_DUPLICATE_OBJECT:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OBJECT_IN_USE:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			return EXTSCHED_API_VALIDATION_FAILED;
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return EXTSCHED_API_DENIED;
		case ERRCODE_UNDEFINED_OBJECT:
			return EXTSCHED_API_NOT_FOUND;
		case ERRCODE_CONFIGURATION_LIMIT_EXCEEDED:
			return EXTSCHED_API_QUOTA_EXCEEDED;
		default:
			return EXTSCHED_API_INTERNAL_ERROR;
	}
}

const char *
extsched_api_op_name(ExtschedApiOp op)
{
	return op_names[op];
}

const char *
extsched_api_status_name(ExtschedApiStatus status)
{
	return status_names[status];
}

const char *
extsched_event_name(ExtschedEvent event)
{
	return events[event].name;
}

const char *
extsched_event_help(ExtschedEvent event)
{
	return events[event].help;
}

/* By name; what does not exist counts as EXTSCHED_OP_OTHER. */
int
extsched_api_op_by_name(const char *name)
{
	for (int i = 0; i < EXTSCHED_API_OPS; i++)
	{
		if (strcmp(op_names[i], name) == 0)
			return i;
	}
	return EXTSCHED_OP_OTHER;
}
