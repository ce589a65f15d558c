/*-------------------------------------------------------------------------
 *
 * shmem.c
 *		What launcher, workers and backends share.
 *
 * Sizes are fixed: a setting that sized shared memory would need a restart to
 * change and would differ between a server that preloads the library and one
 * that does not.  64 databases of 16 workers with their counters take about
 * 1.5 MB.
 *
 * Latches are found through the index of the PGPROC, which is valid in every
 * process.  A stale index wakes some other process for nothing, which all
 * server code expects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "core/shmem.h"

#define TRANCHE_NAME "extsched"

ExtschedShared *extsched_shared = NULL;
ExtschedWorkerSlot *extsched_my_worker = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static void
request_shmem(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(ExtschedShared)));
	RequestNamedLWLockTranche(TRANCHE_NAME, 1);
}

static void
init_worker_slot(ExtschedWorkerSlot *slot, int number)
{
	memset(slot, 0, sizeof(*slot));
	slot->number = number;
	pg_atomic_init_u32(&slot->procno, PG_UINT32_MAX);
	pg_atomic_init_u32(&slot->state, EXTSCHED_WORKER_ABSENT);
	pg_atomic_init_u32(&slot->pause, EXTSCHED_PAUSE_NONE);
	pg_atomic_init_u32(&slot->in_flight, 0);
	pg_atomic_init_u32(&slot->queued, 0);
	pg_atomic_init_u64(&slot->epoch, 0);
	pg_atomic_init_u64(&slot->started_at, 0);
	pg_atomic_init_u64(&slot->heartbeat_at, 0);
	pg_atomic_init_u64(&slot->sleep_until, (uint64) DT_NOEND);
	pg_atomic_init_u32(&slot->restarts, 0);
}

static void
init_database(ExtschedDatabase *db)
{
	pg_atomic_init_u32(&db->database, InvalidOid);
	pg_atomic_init_u32(&db->workers_wanted, 0);
	pg_atomic_init_u32(&db->out_of_slots, 0);
	pg_atomic_init_u64(&db->oldest_overdue_us, 0);
	for (int n = 0; n < EXTSCHED_MAX_WORKERS; n++)
		init_worker_slot(&db->workers[n], n);
	extsched_counters_init(&db->counters);
}

/* Set up shared memory, also after a crash of the server. */
static void
startup_shmem(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	extsched_shared = ShmemInitStruct("extsched", sizeof(ExtschedShared),
									  &found);
	if (!found)
	{
		ExtschedShared *s = extsched_shared;

		memset(s, 0, offsetof(ExtschedShared, databases));
		s->lock = &(GetNamedLWLockTranche(TRANCHE_NAME))->lock;
		ConditionVariableInit(&s->left);
		pg_atomic_init_u32(&s->launcher_procno, PG_UINT32_MAX);
		pg_atomic_init_u32(&s->databases_full, 0);
		pg_atomic_init_u32(&s->out_of_slots, 0);
		for (int i = 0; i < EXTSCHED_MAX_DATABASES; i++)
			init_database(&s->databases[i]);
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * extsched_shmem_install_hooks
 *		Ask for shared memory.  Only while the library is preloaded.
 */
void
extsched_shmem_install_hooks(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

static ExtschedDatabase *
find_database(Oid database)
{
	for (int i = 0; i < EXTSCHED_MAX_DATABASES; i++)
	{
		ExtschedDatabase *db = &extsched_shared->databases[i];

		if (pg_atomic_read_u32(&db->database) == database)
			return db;
	}
	return NULL;
}

/*
 * extsched_shmem_database
 *		Find the slot of a database, or give it one.
 *
 * NULL if it has none, if all slots are taken, or if the library was not
 * preloaded.  A slot is created for databases that have the extension only:
 * by the launcher, or by the first call that counts something.
 */
ExtschedDatabase *
extsched_shmem_database(Oid database, bool create)
{
	ExtschedDatabase *db;

	if (extsched_shared == NULL || !OidIsValid(database))
		return NULL;
	db = find_database(database);
	if (db != NULL || !create)
		return db;

	LWLockAcquire(extsched_shared->lock, LW_EXCLUSIVE);
	db = find_database(database);
	if (db == NULL)
	{
		db = find_database(InvalidOid);
		if (db != NULL)
		{
			init_database(db);
			pg_write_barrier();
			pg_atomic_write_u32(&db->database, database);
		}
		else
			pg_atomic_write_u32(&extsched_shared->databases_full, 1);
	}
	LWLockRelease(extsched_shared->lock);
	return db;
}

/*
 * extsched_shmem_my_database
 *		The slot of the database this process is connected to.
 *
 * As extsched_shmem_database.  Raises no error.
 */
ExtschedDatabase *
extsched_shmem_my_database(bool create)
{
	static ExtschedDatabase *cached = NULL;

	if (cached == NULL ||
		pg_atomic_read_u32(&cached->database) != MyDatabaseId)
		cached = extsched_shmem_database(MyDatabaseId, create);
	return cached;
}

/*
 * extsched_shmem_release
 *		Free the slot of a database that is gone or lost the extension.
 *
 * For the launcher, when no worker is left in it.
 */
void
extsched_shmem_release(ExtschedDatabase *db)
{
	LWLockAcquire(extsched_shared->lock, LW_EXCLUSIVE);
	pg_atomic_write_u32(&db->database, InvalidOid);
	pg_atomic_write_u32(&extsched_shared->databases_full, 0);
	LWLockRelease(extsched_shared->lock);
}

/*
 * extsched_shmem_set_latch
 *		Wake the process whose PGPROC index is published there, if any.
 *
 * Allowed where errors are not: takes no lock, raises nothing.
 */
void
extsched_shmem_set_latch(pg_atomic_uint32 *procno)
{
	uint32		n = pg_atomic_read_u32(procno);

	if (n < ProcGlobal->allProcCount)
		SetLatch(&ProcGlobal->allProcs[n].procLatch);
}

/*
 * extsched_shmem_want_workers
 *		Say how many workers a database is to have; true if that is new.
 *
 * Those that are there learn it at once, since they share its tenants.
 */
bool
extsched_shmem_want_workers(ExtschedDatabase *db, uint32 n)
{
	if (pg_atomic_exchange_u32(&db->workers_wanted, n) == n)
		return false;
	for (int i = 0; i < EXTSCHED_MAX_WORKERS; i++)
		extsched_shmem_set_latch(&db->workers[i].procno);
	return true;
}

void
extsched_shmem_wake_launcher(void)
{
	if (extsched_shared != NULL)
		extsched_shmem_set_latch(&extsched_shared->launcher_procno);
}

/*
 * extsched_shmem_poke
 *		Ask the launcher to look into a database now, InvalidOid: into all.
 */
void
extsched_shmem_poke(Oid database)
{
	ExtschedShared *s = extsched_shared;
	bool		is_listed = false;

	if (s == NULL)
		return;
	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	for (int i = 0; i < s->n_pokes; i++)
		is_listed |= s->pokes[i] == database;
	if (!OidIsValid(database) || (!is_listed && s->n_pokes == EXTSCHED_MAX_POKES))
		s->poke_all = true;
	else if (!is_listed)
		s->pokes[s->n_pokes++] = database;
	LWLockRelease(s->lock);
	extsched_shmem_wake_launcher();
}

/*
 * extsched_shmem_is_held
 *		Tell whether a statement needs the database to itself.
 *
 * The caller holds the lock.
 */
bool
extsched_shmem_is_held(Oid database)
{
	Assert(LWLockHeldByMe(extsched_shared->lock));
	for (int i = 0; i < EXTSCHED_MAX_HOLDS; i++)
	{
		if (extsched_shared->holds[i].pid != 0 &&
			extsched_shared->holds[i].database == database)
			return true;
	}
	return false;
}

/*
 * extsched_worker_set_state
 *		Publish what this worker is doing.
 *
 * A worker without a slot (there is none in tests of parts) ignores it.
 */
void
extsched_worker_set_state(ExtschedWorkerState state, ExtschedPause pause)
{
	if (extsched_my_worker == NULL)
		return;
	pg_atomic_write_u32(&extsched_my_worker->pause, pause);
	pg_atomic_write_u32(&extsched_my_worker->state, state);
}

const char *
extsched_worker_state_name(ExtschedWorkerState state)
{
	switch (state)
	{
		case EXTSCHED_WORKER_ABSENT:
			return "absent";
		case EXTSCHED_WORKER_LAUNCHED:
			return "launched";
		case EXTSCHED_WORKER_STARTING:
			return "starting";
		case EXTSCHED_WORKER_RUNNING:
			return "running";
		case EXTSCHED_WORKER_PAUSED:
			return "paused";
	}
	return "unknown";
}

/* One word, for labels of metrics. */
const char *
extsched_pause_name(ExtschedPause pause)
{
	switch (pause)
	{
		case EXTSCHED_PAUSE_NONE:
			return "none";
		case EXTSCHED_PAUSE_DISABLED:
			return "disabled";
		case EXTSCHED_PAUSE_COPY:
			return "copy";
		case EXTSCHED_PAUSE_VERSION:
			return "version";
		case EXTSCHED_PAUSE_RECOVERY:
			return "recovery";
		case EXTSCHED_PAUSE_ERROR:
			return "error";
	}
	return "unknown";
}

/* What an operator reads: the cause, and what to do when it is not obvious. */
const char *
extsched_pause_text(ExtschedPause pause)
{
	switch (pause)
	{
		case EXTSCHED_PAUSE_NONE:
			return "";
		case EXTSCHED_PAUSE_DISABLED:
			return "extsched.enabled is off";
		case EXTSCHED_PAUSE_COPY:
			return "this database is a copy: call extsched_adopt()";
		case EXTSCHED_PAUSE_VERSION:
			return "library and extension differ in version: run ALTER EXTENSION extsched UPDATE";
		case EXTSCHED_PAUSE_RECOVERY:
			return "the server is in recovery";
		case EXTSCHED_PAUSE_ERROR:
			return "waits after an error: see the server log";
	}
	return "unknown";
}
