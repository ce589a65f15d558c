/*-------------------------------------------------------------------------
 *
 * counters.h
 *		What was called and what became of runs, counted in shared memory.
 *
 * Counting costs a few atomic additions, survives ROLLBACK and the end of the
 * backend, and does nothing in a server that did not preload the library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_COUNTERS_H
#define EXTSCHED_COUNTERS_H

#include "port/atomics.h"

#include "core/vocab.h"

/* Operations of the API, both faces.  Names are in counters.c. */
typedef enum ExtschedApiOp
{
	EXTSCHED_OP_LIST,
	EXTSCHED_OP_GET,
	EXTSCHED_OP_CREATE,
	EXTSCHED_OP_UPDATE,
	EXTSCHED_OP_DELETE,
	EXTSCHED_OP_GET_ENDPOINTS,
	EXTSCHED_OP_VALIDATE,
	EXTSCHED_OP_RUN_NOW,
	EXTSCHED_OP_BACKFILL,
	EXTSCHED_OP_PAUSE,
	EXTSCHED_OP_RESUME,
	EXTSCHED_OP_DISABLE_ALL,
	EXTSCHED_OP_PREVIEW_REQUEST,
	EXTSCHED_OP_REGISTER_VERSION,
	EXTSCHED_OP_DROP_VERSION,
	EXTSCHED_OP_INSTALL,
	EXTSCHED_OP_CONFIGURE_INSTALL,
	EXTSCHED_OP_SET_INSTALL_ENABLED,
	EXTSCHED_OP_PREVIEW_UPGRADE,
	EXTSCHED_OP_UPGRADE_INSTALL,
	EXTSCHED_OP_UNINSTALL,
	EXTSCHED_OP_DROP_TENANT,
	EXTSCHED_OP_PAUSE_TENANT,
	EXTSCHED_OP_RESUME_TENANT,
	EXTSCHED_OP_SET_LIMITS,
	EXTSCHED_OP_SET_RUNNER,
	EXTSCHED_OP_CLAIM,
	EXTSCHED_OP_HEARTBEAT,
	EXTSCHED_OP_COMPLETE,
	EXTSCHED_OP_OTHER,			/* also a host operation that does not exist */
} ExtschedApiOp;

#define EXTSCHED_API_OPS	(EXTSCHED_OP_OTHER + 1)

/* How a call ended. */
typedef enum ExtschedApiStatus
{
	EXTSCHED_API_OK,
	EXTSCHED_API_VALIDATION_FAILED,
	EXTSCHED_API_DENIED,
	EXTSCHED_API_NOT_FOUND,
	EXTSCHED_API_QUOTA_EXCEEDED,
	EXTSCHED_API_RATE_LIMITED,
	EXTSCHED_API_INTERNAL_ERROR,
} ExtschedApiStatus;

#define EXTSCHED_API_STATUSES	(EXTSCHED_API_INTERNAL_ERROR + 1)

/* Things that are only counted. */
typedef enum ExtschedEvent
{
	EXTSCHED_EVENT_WORKER_START,
	EXTSCHED_EVENT_WORKER_RESTART,
	EXTSCHED_EVENT_CLOCK_STEP,
	EXTSCHED_EVENT_WAKE,		/* latch set by a commit */
	EXTSCHED_EVENT_CLAIM_BATCH, /* transactions that claimed something */
	EXTSCHED_EVENT_CLAIM_EMPTY, /* transactions that found nothing */
	EXTSCHED_EVENT_CLAIMED_RUN,
	EXTSCHED_EVENT_ATTEMPT,		/* requests sent, or leases given */
	EXTSCHED_EVENT_RETRY,		/* attempts beyond the first */
	EXTSCHED_EVENT_SETTLE_BATCH,
	EXTSCHED_EVENT_SETTLE_DEFERRED, /* outcomes put off: row locked, disk full */
	EXTSCHED_EVENT_LEASE_EXPIRED,
	EXTSCHED_EVENT_NOTIFY,
	EXTSCHED_EVENT_AUTO_PAUSE,
	EXTSCHED_EVENT_QUARANTINE,
	EXTSCHED_EVENT_PRUNE,		/* partitions emptied */
	EXTSCHED_EVENT_PRUNE_EARLY, /* of these, before their retention */
	EXTSCHED_EVENT_WORKER_ERROR,	/* errors the worker survived */
} ExtschedEvent;

#define EXTSCHED_EVENTS		(EXTSCHED_EVENT_WORKER_ERROR + 1)

/* Histograms: bucket i counts what is <= first << i; the last has no bound. */
#define EXTSCHED_API_BUCKETS		22	/* from 16 us to 16 s */
#define EXTSCHED_API_FIRST_US		16
#define EXTSCHED_RUN_BUCKETS		24	/* from 1 ms to about 1.2 h */
#define EXTSCHED_RUN_FIRST_US		1000

typedef struct ExtschedTally
{
	pg_atomic_uint64 n;
	pg_atomic_uint64 sum_us;
} ExtschedTally;

typedef struct ExtschedRunTally
{
	pg_atomic_uint64 n;
	pg_atomic_uint64 dispatched;	/* of n, and what the sums are about */
	pg_atomic_uint64 lateness_us;
	pg_atomic_uint64 duration_us;
} ExtschedRunTally;

/*
 * The counters of one database.  All fields are atomic and only ever grow,
 * until the slot of the database is given to another one.
 */
typedef struct ExtschedCounters
{
	ExtschedTally api[EXTSCHED_API_OPS][EXTSCHED_API_STATUSES];
	pg_atomic_uint64 api_buckets[EXTSCHED_API_OPS][EXTSCHED_API_BUCKETS];
	ExtschedRunTally runs[EXTSCHED_RUN_STATES][EXTSCHED_REASONS][EXTSCHED_TRIGGERS];
	pg_atomic_uint64 lateness_buckets[EXTSCHED_RUN_BUCKETS];
	pg_atomic_uint64 duration_buckets[EXTSCHED_RUN_BUCKETS];
	pg_atomic_uint64 events[EXTSCHED_EVENTS];
} ExtschedCounters;

extern void extsched_counters_init(ExtschedCounters *counters);

extern void extsched_count_api(ExtschedApiOp op, ExtschedApiStatus status,
							   uint64 elapsed_us);
extern void extsched_count_run(ExtschedRunState state, ExtschedReason reason,
							   ExtschedTrigger trigger, uint64 n,
							   int64 lateness_us, int64 duration_us);
extern void extsched_count_event(ExtschedEvent event, uint64 n);

extern uint64 extsched_counters_calls(ExtschedCounters *counters, ExtschedApiOp op,
									  uint64 *sum_us);
extern void extsched_counters_run_times(ExtschedCounters *counters,
										uint64 *lateness_us, uint64 *duration_us);

extern ExtschedApiStatus extsched_api_status_of_sqlstate(int sqlerrcode);
extern const char *extsched_api_op_name(ExtschedApiOp op);
extern const char *extsched_api_status_name(ExtschedApiStatus status);
extern const char *extsched_event_name(ExtschedEvent event);
extern const char *extsched_event_help(ExtschedEvent event);
extern int	extsched_api_op_by_name(const char *name);

#endif							/* EXTSCHED_COUNTERS_H */
