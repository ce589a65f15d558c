/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		The process that keeps workers in the databases that want them.
 *
 * The launcher is level-triggered: whatever wakes it, it compares what is with
 * what should be and acts on the difference.  Pokes and signals only make it
 * look sooner than its next deadline, so none of them can be the one that was
 * lost.  What is: the slots in shared memory, which workers fill and free
 * themselves, so that a launcher that was restarted finds the workers of the
 * one before it.  What should be: pg_database, and for each database what the
 * last prober saw.  Deadlines are on the monotonic clock: a clock that is set
 * back must not keep a worker away.
 *
 * It is connected to no database and reads shared catalogs only.  It looks at
 * most once a minute when nothing happens, which costs it one scan of
 * pg_database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/clock.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "worker/launcher.h"

#define IDLE_MS				60000
#define PROBE_EVERY_MS		(10 * 60 * 1000)
#define BACKOFF_MIN_MS		1000
#define BACKOFF_MAX_MS		60000

/* A worker that lived this long did not fail at its start. */
#define STABLE_MS			60000

/* How soon to ask again for a slot of max_worker_processes. */
#define NO_SLOT_RETRY_MAX_MS	5000

/* A process of an earlier launcher that has not shown up by now never will. */
#define ORPHAN_MS			10000

/* What the launcher knows of a database. */
typedef struct KnownDatabase
{
	Oid			database;		/* hash key */
	char		name[NAMEDATALEN];
	bool		exists;			/* seen in the current scan */
	bool		is_connectable;
	bool		has_extension;
	bool		lost_extension; /* since the last cycle */
	bool		lacks_process;	/* no slot for a prober */
	int			probe_backoff_ms;
	int64		next_probe_at;	/* as all times here, monotonic microseconds */
} KnownDatabase;

static HTAB *known = NULL;

/* Handles of what this launcher registered; NULL for all else. */
static BackgroundWorkerHandle *worker_handles[EXTSCHED_MAX_DATABASES][EXTSCHED_MAX_WORKERS];
static BackgroundWorkerHandle *probe_handle = NULL;
static bool probe_under_way = false;

/* Conditions that are logged once, and when they clear. */
static bool lacks_slots = false;
static bool logged_no_slot = false;
static bool logged_full = false;

/* When to look again, lowered by whatever finds a reason to. */
static int64 next_look_at;

static int64
after_ms(int64 start, int64 ms)
{
	return start + ms * 1000;
}

/* When to try again what has just failed: each time after twice as long. */
static int64
back_off(int *backoff_ms, int max_ms, int64 now)
{
	*backoff_ms = Min(Max(*backoff_ms * 2, BACKOFF_MIN_MS), max_ms);
	return after_ms(now, *backoff_ms);
}

static void
look_again_at(int64 at)
{
	if (at < next_look_at)
		next_look_at = at;
}

/*
 * extsched_launcher_register
 *		Have the postmaster run the launcher.  Only while preloading.
 *
 * It starts when recovery has ended, so nothing runs on a standby and all
 * begins after promotion.
 */
void
extsched_launcher_register(void)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "extsched", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "extsched_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "extsched launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "extsched launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* Register a process that runs once.  False if the server has no slot left. */
static bool
start_process(const char *function, const char *type, const char *name,
			  const ExtschedLaunch *launch, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = {0};
	MemoryContext old;
	bool		ok;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "extsched", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	memcpy(worker.bgw_extra, launch, sizeof(*launch));
	worker.bgw_notify_pid = MyProcPid;

	old = MemoryContextSwitchTo(TopMemoryContext);
	ok = RegisterDynamicBackgroundWorker(&worker, handle);
	MemoryContextSwitchTo(old);
	return ok;
}

/* True while a process we registered may still come or is there. */
static bool
is_alive(BackgroundWorkerHandle *handle)
{
	pid_t		pid;

	return GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED;
}

/*
 * Publish whether something could not start for want of a slot, and log it
 * once, and once when it is over.
 */
static void
report_slots(void)
{
	pg_atomic_write_u32(&extsched_shared->out_of_slots, lacks_slots);
	if (lacks_slots && !logged_no_slot)
		ereport(WARNING,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("extsched could not start a process"),
				errdetail("All slots of \"%s\" are in use.", "max_worker_processes"),
				errhint("Raise \"%s\" and restart the server, or end other background workers. extsched tries again by itself.", "max_worker_processes"));
	if (!lacks_slots && logged_no_slot)
		ereport(LOG, errmsg("extsched could start all its processes again"));
	logged_no_slot = lacks_slots;
}

/* Update what exists from pg_database. */
static void
scan_databases(int64 now)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *entry;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	hash_seq_init(&seq, known);
	while ((entry = hash_seq_search(&seq)) != NULL)
		entry->exists = false;

	extsched_clock_start_transaction();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		bool		found;

		entry = hash_search(known, &form->oid, HASH_ENTER, &found);
		if (!found)
		{
			entry->has_extension = false;
			entry->lost_extension = false;
			entry->lacks_process = false;
			entry->probe_backoff_ms = 0;
			entry->next_probe_at = now;
		}
		strlcpy(entry->name, NameStr(form->datname), NAMEDATALEN);
		entry->exists = true;
		entry->is_connectable = form->datallowconn && !form->datistemplate &&
			form->datconnlimit != DATCONNLIMIT_INVALID_DB;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
}

/* Note which databases backends asked us to look into. */
static void
take_pokes(int64 now)
{
	ExtschedShared *s = extsched_shared;
	Oid			pokes[EXTSCHED_MAX_POKES];
	int			n_pokes;
	bool		all;
	HASH_SEQ_STATUS seq;
	KnownDatabase *entry;

	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	n_pokes = s->n_pokes;
	memcpy(pokes, s->pokes, sizeof(Oid) * n_pokes);
	all = s->poke_all;
	s->n_pokes = 0;
	s->poke_all = false;
	LWLockRelease(s->lock);

	for (int i = 0; i < n_pokes; i++)
	{
		entry = hash_search(known, &pokes[i], HASH_FIND, NULL);
		if (entry != NULL)
			entry->next_probe_at = now;
	}
	if (!all)
		return;
	hash_seq_init(&seq, known);
	while ((entry = hash_seq_search(&seq)) != NULL)
		entry->next_probe_at = now;
}

/* After a change of settings: how many workers does each database want now? */
static void
reprobe_users(int64 now)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *entry;

	hash_seq_init(&seq, known);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		/* one that a prober is in may turn out to have the extension */
		if (entry->has_extension ||
			(probe_under_way && entry->database == extsched_shared->probe.database))
			entry->next_probe_at = now;
	}
}

static bool
is_held(Oid database)
{
	bool		held;

	LWLockAcquire(extsched_shared->lock, LW_SHARED);
	held = extsched_shmem_is_held(database);
	LWLockRelease(extsched_shared->lock);
	return held;
}

/* A probe ended, with or without an answer. */
static void
finish_probe(int64 now)
{
	ExtschedShared *s = extsched_shared;
	ExtschedProbe probe;
	KnownDatabase *entry;
	ExtschedDatabase *db;

	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	probe = s->probe;
	s->probe.database = InvalidOid;
	LWLockRelease(s->lock);
	probe_under_way = false;
	pfree(probe_handle);
	probe_handle = NULL;

	entry = hash_search(known, &probe.database, HASH_FIND, NULL);
	if (entry == NULL)
		return;
	if (probe.result == EXTSCHED_PROBE_PENDING)
	{
		/* it was ended, or could not connect */
		int64		again_at = back_off(&entry->probe_backoff_ms, BACKOFF_MAX_MS, now);

		entry->next_probe_at = Min(entry->next_probe_at, again_at);
		return;
	}
	entry->probe_backoff_ms = 0;
	if (entry->has_extension && probe.result == EXTSCHED_PROBE_ABSENT)
		entry->lost_extension = true;
	entry->has_extension = probe.result == EXTSCHED_PROBE_PRESENT;
	db = extsched_shmem_database(probe.database, entry->has_extension);
	if (db != NULL)
		(void) extsched_shmem_want_workers(db, entry->has_extension ? probe.workers_wanted : 0);
}

/* Send a prober into a database. */
static void
start_probe(KnownDatabase *entry, int64 now)
{
	ExtschedShared *s = extsched_shared;
	ExtschedLaunch launch = {.database = entry->database};
	bool		ok;

	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	s->probe.database = entry->database;
	s->probe.pid = 0;
	s->probe.result = EXTSCHED_PROBE_PENDING;
	LWLockRelease(s->lock);

	ok = start_process("extsched_prober_main", "extsched prober",
					   "extsched prober", &launch, &probe_handle);
	probe_under_way = ok;
	entry->lacks_process = !ok;
	lacks_slots |= !ok;
	/* who asks from now on may ask for what this one does not see */
	entry->next_probe_at = ok ? after_ms(now, PROBE_EVERY_MS) :
		back_off(&entry->probe_backoff_ms, NO_SLOT_RETRY_MAX_MS, now);
}

/*
 * Keep what is known of each database fresh, one probe at a time, so that
 * any number of databases needs one slot of max_worker_processes.
 */
static void
run_probes(int64 now)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *entry;
	KnownDatabase *due = NULL;

	lacks_slots = false;
	if (probe_under_way)
	{
		if (is_alive(probe_handle))
			return;
		finish_probe(now);
	}

	hash_seq_init(&seq, known);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		/* the end of a hold wakes us */
		if (!entry->exists || !entry->is_connectable || is_held(entry->database))
			continue;
		lacks_slots |= entry->lacks_process;
		if (due == NULL || entry->next_probe_at < due->next_probe_at)
			due = entry;
	}
	if (due == NULL)
		return;
	if (due->next_probe_at <= now)
		start_probe(due, now);
	if (!probe_under_way)
		look_again_at(due->next_probe_at);
}

/* Decide whether and when a worker that has ended comes back. */
static void
handle_exit(ExtschedDatabase *db, ExtschedWorkerSlot *slot,
			KnownDatabase *entry, ExtschedExit how, int64 now)
{
	slot->next_launch_at = now;
	switch (how)
	{
		case EXTSCHED_EXIT_NO_EXTENSION:
			if (entry != NULL)
			{
				/* it may have been made again at once: look */
				entry->has_extension = false;
				entry->lost_extension = true;
				entry->next_probe_at = now;
				look_again_at(now);
			}
			break;
		case EXTSCHED_EXIT_HELD:
		case EXTSCHED_EXIT_SURPLUS:
		case EXTSCHED_EXIT_AGAIN:
			break;
		case EXTSCHED_EXIT_TERMINATED:
		case EXTSCHED_EXIT_FAILED:
			if (how == EXTSCHED_EXIT_TERMINATED ||
				now >= after_ms(slot->launched_at, STABLE_MS))
				slot->backoff_ms = 0;
			slot->next_launch_at = back_off(&slot->backoff_ms, BACKOFF_MAX_MS, now);
			pg_atomic_fetch_add_u32(&slot->restarts, 1);
			pg_atomic_fetch_add_u64(&db->counters.events[EXTSCHED_EVENT_WORKER_RESTART], 1);
			break;
	}
}

static void
start_worker(ExtschedDatabase *db, ExtschedWorkerSlot *slot,
			 KnownDatabase *entry, int64 now)
{
	int			index = db - extsched_shared->databases;
	ExtschedLaunch launch = {
		.database = entry->database,
		.database_index = index,
		.number = slot->number,
	};
	char		name[BGW_MAXLEN];
	bool		ok;

	snprintf(name, sizeof(name), "extsched worker %d of database %u",
			 slot->number, entry->database);
	slot->launched_at = now;
	pg_atomic_write_u32(&slot->state, EXTSCHED_WORKER_LAUNCHED);
	ok = start_process("extsched_worker_main", "extsched worker", name,
					   &launch, &worker_handles[index][slot->number]);
	slot->lacks_process = !ok;
	if (!ok)
	{
		pg_atomic_write_u32(&slot->state, EXTSCHED_WORKER_ABSENT);
		slot->next_launch_at = back_off(&slot->backoff_ms, NO_SLOT_RETRY_MAX_MS, now);
	}
}

/*
 * Bring one slot closer to what it should be.  Returns true if it is in use.
 */
static bool
reconcile_slot(ExtschedDatabase *db, ExtschedWorkerSlot *slot,
			   KnownDatabase *entry, int64 now)
{
	BackgroundWorkerHandle **handle =
		&worker_handles[db - extsched_shared->databases][slot->number];
	bool		reachable = entry != NULL && entry->exists &&
		entry->is_connectable;
	bool		wanted = reachable && entry->has_extension &&
		slot->number < pg_atomic_read_u32(&db->workers_wanted);
	bool		alive;
	bool		has_ended;
	bool		held;
	pid_t		pid;
	ExtschedExit how;

	/* before the slot is read: a process that is gone has left it by then */
	alive = *handle != NULL && is_alive(*handle);

	LWLockAcquire(extsched_shared->lock, LW_EXCLUSIVE);
	pid = slot->pid;
	has_ended = slot->has_ended;
	how = slot->exit;
	slot->has_ended = false;
	held = entry != NULL && extsched_shmem_is_held(entry->database);
	LWLockRelease(extsched_shared->lock);

	if (*handle != NULL && !alive)
	{
		pfree(*handle);
		*handle = NULL;
		if (pid == 0 && !has_ended &&
			pg_atomic_read_u32(&slot->state) == EXTSCHED_WORKER_LAUNCHED)
		{
			/* it ended before it took the slot */
			has_ended = true;
			how = held ? EXTSCHED_EXIT_HELD : EXTSCHED_EXIT_FAILED;
			pg_atomic_write_u32(&slot->state, EXTSCHED_WORKER_ABSENT);
		}
	}
	if (has_ended)
		handle_exit(db, slot, entry, how, now);
	if (pid != 0)
	{
		/* one too many leaves by itself; a database out of bounds is cleared */
		if (!reachable)
			kill(pid, SIGTERM);
		else if (!wanted)
			extsched_shmem_set_latch(&slot->procno);
		return true;
	}
	if (alive)
		return true;
	if (pg_atomic_read_u32(&slot->state) == EXTSCHED_WORKER_LAUNCHED)
	{
		int64		give_up_at = after_ms(slot->launched_at, ORPHAN_MS);

		if (now < give_up_at)
		{
			look_again_at(give_up_at);
			return true;
		}
		pg_atomic_write_u32(&slot->state, EXTSCHED_WORKER_ABSENT);
	}
	if (!wanted || held)
	{
		slot->lacks_process = false;
		return false;
	}
	if (now >= slot->next_launch_at)
		start_worker(db, slot, entry, now);
	if (pg_atomic_read_u32(&slot->state) == EXTSCHED_WORKER_ABSENT)
		look_again_at(slot->next_launch_at);
	return true;
}

/* Bring all workers closer to what they should be. */
static void
reconcile_workers(int64 now)
{
	bool		full;

	for (int i = 0; i < EXTSCHED_MAX_DATABASES; i++)
	{
		ExtschedDatabase *db = &extsched_shared->databases[i];
		Oid			database = pg_atomic_read_u32(&db->database);
		KnownDatabase *entry;
		bool		in_use = false;
		bool		lacks = false;

		if (!OidIsValid(database))
			continue;
		entry = hash_search(known, &database, HASH_FIND, NULL);
		for (int n = 0; n < EXTSCHED_MAX_WORKERS; n++)
		{
			in_use |= reconcile_slot(db, &db->workers[n], entry, now);
			lacks |= db->workers[n].lacks_process;
		}
		pg_atomic_write_u32(&db->out_of_slots, lacks);
		lacks_slots |= lacks;

		if (!in_use &&
			(entry == NULL || !entry->exists || entry->lost_extension))
			extsched_shmem_release(db);
		if (entry != NULL && !in_use)
			entry->lost_extension = false;
	}

	full = pg_atomic_read_u32(&extsched_shared->databases_full) != 0;
	if (full && !logged_full)
		ereport(WARNING,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("extsched runs schedules in at most %d databases",
					   EXTSCHED_MAX_DATABASES),
				errhint("Drop the extension from databases that do not use it."));
	logged_full = full;
}

/* Forget databases that are gone and hold nothing any more. */
static void
forget_databases(void)
{
	HASH_SEQ_STATUS seq;
	KnownDatabase *entry;

	hash_seq_init(&seq, known);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		if (!entry->exists)
			(void) hash_search(known, &entry->database, HASH_REMOVE, NULL);
	}
}

/* Exit hook. */
static void
leave_launcher(int code, Datum arg)
{
	LWLockAcquire(extsched_shared->lock, LW_EXCLUSIVE);
	if (extsched_shared->launcher_pid == MyProcPid)
	{
		extsched_shared->launcher_pid = 0;
		pg_atomic_write_u32(&extsched_shared->launcher_procno, PG_UINT32_MAX);
	}
	LWLockRelease(extsched_shared->lock);
}

static void
enter_launcher(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(KnownDatabase)};

	on_shmem_exit(leave_launcher, 0);
	LWLockAcquire(extsched_shared->lock, LW_EXCLUSIVE);
	extsched_shared->launcher_pid = MyProcPid;
	pg_atomic_write_u32(&extsched_shared->launcher_procno,
						EXTSCHED_MY_PROC_NUMBER);
	LWLockRelease(extsched_shared->lock);

	known = hash_create("extsched databases", 64, &ctl, HASH_ELEM | HASH_BLOBS);
}

/*
 * extsched_launcher_main
 *		Entry point of the launcher.
 */
void
extsched_launcher_main(Datum arg)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	enter_launcher();

	for (;;)
	{
		int64		now = extsched_clock_monotonic_us();
		long		wait_ms;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			extsched_settings_reload();
			reprobe_users(now);
		}
		next_look_at = after_ms(now, IDLE_MS);
		scan_databases(now);
		take_pokes(now);
		run_probes(now);
		reconcile_workers(now);
		report_slots();
		forget_databases();

		wait_ms = (next_look_at - extsched_clock_monotonic_us() + 999) / 1000;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(wait_ms, 0), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
