/*-------------------------------------------------------------------------
 *
 * shmem.h
 *		What launcher, workers and backends share.
 *
 * Nothing here outlives a crash of the server, and nothing depends on it: all
 * that matters is in tables.  Every pointer is NULL in a server that did not
 * preload the library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_SHMEM_H
#define EXTSCHED_SHMEM_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

#include "core/compat.h"
#include "core/counters.h"

#define EXTSCHED_MAX_DATABASES	64
#define EXTSCHED_MAX_WORKERS	16	/* per database */
#define EXTSCHED_MAX_HOLDS		16	/* statements on databases at once */
#define EXTSCHED_MAX_POKES		64

/* What a worker is doing. */
typedef enum ExtschedWorkerState
{
	EXTSCHED_WORKER_ABSENT,		/* no process */
	EXTSCHED_WORKER_LAUNCHED,	/* registered, not heard of yet */
	EXTSCHED_WORKER_STARTING,	/* process exists, does not run schedules yet */
	EXTSCHED_WORKER_RUNNING,
	EXTSCHED_WORKER_PAUSED,		/* connected, starts no run: see pause */
} ExtschedWorkerState;

/* Why a worker is paused. */
typedef enum ExtschedPause
{
	EXTSCHED_PAUSE_NONE,
	EXTSCHED_PAUSE_DISABLED,	/* extsched.enabled is off */
	EXTSCHED_PAUSE_COPY,		/* this database is a copy, not adopted */
	EXTSCHED_PAUSE_VERSION,		/* library and SQL do not fit together */
	EXTSCHED_PAUSE_RECOVERY,	/* the server is a standby */
	EXTSCHED_PAUSE_ERROR,		/* waits after an error */
} ExtschedPause;

#define EXTSCHED_PAUSES		(EXTSCHED_PAUSE_ERROR + 1)

/* Why a worker left, which decides whether and when it is started again. */
typedef enum ExtschedExit
{
	EXTSCHED_EXIT_FAILED,		/* again, with back-off */
	EXTSCHED_EXIT_TERMINATED,	/* by an administrator: again, in a second */
	EXTSCHED_EXIT_NO_EXTENSION, /* look into the database first */
	EXTSCHED_EXIT_HELD,			/* when the hold is lifted */
	EXTSCHED_EXIT_SURPLUS,		/* there are more workers than wanted */
	EXTSCHED_EXIT_AGAIN,		/* at once */
} ExtschedExit;

/*
 * One worker.  pid, has_ended and exit are guarded by ExtschedShared.lock; what
 * is below "launcher's" belongs to the launcher; everything else is written by
 * the worker itself and read by anybody.
 */
typedef struct ExtschedWorkerSlot
{
	int			number;			/* 0-based, of ExtschedDatabase.workers_wanted */
	pid_t		pid;			/* 0: none */
	bool		has_ended;		/* the launcher has not dealt with exit yet */
	ExtschedExit exit;
	pg_atomic_uint32 procno;	/* index of its PGPROC, PG_UINT32_MAX: none */
	pg_atomic_uint32 state;		/* ExtschedWorkerState */
	pg_atomic_uint32 pause;		/* ExtschedPause */
	pg_atomic_uint32 in_flight; /* requests out */
	pg_atomic_uint32 queued;	/* runs waiting in its memory */
	pg_atomic_uint64 epoch;		/* part of the fence; 0: not taken yet */
	pg_atomic_uint64 started_at;	/* TimestampTz, server clock, as below */
	pg_atomic_uint64 heartbeat_at;

	/*
	 * TimestampTz on the scheduler's clock: no need to wake the worker for
	 * what is due at it or later.  See wake.h.
	 */
	pg_atomic_uint64 sleep_until;

	/* launcher's; times in microseconds of the monotonic clock */
	int64		launched_at;
	int64		next_launch_at;
	int			backoff_ms;
	bool		lacks_process;	/* max_worker_processes is used up */
	pg_atomic_uint32 restarts;
} ExtschedWorkerSlot;

/* One database that has the extension. */
typedef struct ExtschedDatabase
{
	pg_atomic_uint32 database;	/* OID, InvalidOid: the slot is free */
	pg_atomic_uint32 workers_wanted;
	pg_atomic_uint32 out_of_slots;	/* bool: a worker lacks_process */
	pg_atomic_uint64 oldest_overdue_us; /* as of the last claim */
	ExtschedWorkerSlot workers[EXTSCHED_MAX_WORKERS];
	ExtschedCounters counters;
} ExtschedDatabase;

/* A statement that needs a database to itself, see worker/dbhold.c. */
typedef struct ExtschedHold
{
	Oid			database;
	pid_t		pid;			/* of the backend that runs the statement */
} ExtschedHold;

/* The one look into a database that may be under way, see worker/prober.c. */
typedef enum ExtschedProbeResult
{
	EXTSCHED_PROBE_PENDING,
	EXTSCHED_PROBE_ABSENT,
	EXTSCHED_PROBE_PRESENT,
} ExtschedProbeResult;

typedef struct ExtschedProbe
{
	Oid			database;
	pid_t		pid;			/* 0: no process */
	ExtschedProbeResult result;
	int			workers_wanted; /* extsched.workers_per_database there */
} ExtschedProbe;

typedef struct ExtschedShared
{
	/*
	 * Guards slot allocation, pids, exits, holds, pokes and the probe.  Held
	 * for a few instructions only; never while waiting or calling into the
	 * catalogs.
	 */
	LWLock	   *lock;

	/* Broadcast when a worker or prober has left its database. */
	ConditionVariable left;

	pid_t		launcher_pid;	/* 0: none */
	pg_atomic_uint32 launcher_procno;
	pg_atomic_uint32 databases_full;	/* bool: more than fit */
	pg_atomic_uint32 out_of_slots;	/* bool: a worker or prober cannot start */

	Oid			pokes[EXTSCHED_MAX_POKES];	/* databases to look into */
	int			n_pokes;
	bool		poke_all;

	ExtschedHold holds[EXTSCHED_MAX_HOLDS];
	ExtschedProbe probe;
	ExtschedDatabase databases[EXTSCHED_MAX_DATABASES];
} ExtschedShared;

/* NULL: the library was not preloaded. */
extern ExtschedShared *extsched_shared;

extern void extsched_shmem_install_hooks(void);
extern ExtschedDatabase *extsched_shmem_my_database(bool create);
extern ExtschedDatabase *extsched_shmem_database(Oid database, bool create);
extern void extsched_shmem_release(ExtschedDatabase *db);

extern void extsched_shmem_poke(Oid database);
extern void extsched_shmem_wake_launcher(void);
extern void extsched_shmem_set_latch(pg_atomic_uint32 *procno);
extern bool extsched_shmem_want_workers(ExtschedDatabase *db, uint32 n);
extern bool extsched_shmem_is_held(Oid database);

/* A worker's own slot, NULL in every other process. */
extern ExtschedWorkerSlot *extsched_my_worker;

extern void extsched_worker_set_state(ExtschedWorkerState state,
									  ExtschedPause pause);
extern const char *extsched_worker_state_name(ExtschedWorkerState state);
extern const char *extsched_pause_name(ExtschedPause pause);
extern const char *extsched_pause_text(ExtschedPause pause);

#endif							/* EXTSCHED_SHMEM_H */
