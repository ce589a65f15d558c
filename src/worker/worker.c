/*-------------------------------------------------------------------------
 *
 * worker.c
 *		Life of a worker process: entry, signals, settings, exit.
 *
 * A worker connects to its database by OID, so that a rename does not matter,
 * and as the bootstrap superuser, so that no dropped role can stop it.  What
 * an administrator may set for a database or a role (read-only transactions,
 * an isolation level, waiting for a synchronous standby, a search_path, ...)
 * must not change what a worker does: it pins all of that with a priority that
 * neither the configuration file nor ALTER DATABASE reaches.
 *
 * Signals are those of any backend: SIGTERM ends it at the next check for
 * interrupts, wherever that is, so that fast shutdown never waits for it;
 * SIGUSR1 serves barriers, without which DROP DATABASE would hang.
 *
 * A worker leaves by returning from its loop, by an error or by a signal.  The
 * launcher sees that the slot is free and decides by slot->exit what next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/identity.h"
#include "core/planner.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "core/version.h"
#include "core/wake.h"
#include "worker/estimate.h"
#include "worker/launcher.h"
#include "worker/loop.h"
#include "worker/worker.h"

/* How often a worker that cannot run looks again, besides being woken. */
#define RECHECK_MS			60000L

typedef struct Pin
{
	const char *name;
	const char *value;
} Pin;

/*
 * What nobody may change for a worker, beginning with what makes a transaction
 * what its statements expect.  A setting that this server lacks is skipped.
 */
static const Pin pins[] = {
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"default_transaction_deferrable", "off"},
	{"session_replication_role", "origin"},
	{"search_path", "pg_catalog, pg_temp"},
	{"row_security", "on"},
	{"default_tablespace", ""},
	{"temp_tablespaces", ""},

	/* keys are deterministic: a claim that is lost fires again under the same */
	{"synchronous_commit", "local"},

	/* no statement waits for long, and none is cut short by a limit for users */
	{"lock_timeout", "500ms"},
	{"statement_timeout", "0"},
	{"transaction_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},

	/* values as text look the same everywhere */
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"bytea_output", "hex"},
	{"extra_float_digits", "1"},
	{"xmlbinary", "base64"},

	{"application_name", "extsched worker"},
};

static ExtschedDatabase *my_database = NULL;
static Oid	my_extension = InvalidOid;	/* when the loop was entered */
static volatile sig_atomic_t was_terminated = false;

/* SIGTERM: as in any backend, and remember that nothing failed. */
static void
terminate(SIGNAL_ARGS)
{
	was_terminated = true;
	die(postgres_signal_arg);
}

/*
 * Exit hook: free the slot and tell whoever waits for that.  Runs after the
 * process has left its database, because it was registered before it entered.
 */
static void
leave_slot(int code, Datum arg)
{
	ExtschedWorkerSlot *slot = extsched_my_worker;

	if (slot == NULL)
		return;
	LWLockAcquire(extsched_shared->lock, LW_EXCLUSIVE);
	if (slot->pid == MyProcPid)
	{
		if (slot->exit == EXTSCHED_EXIT_FAILED && was_terminated)
			slot->exit = EXTSCHED_EXIT_TERMINATED;
		if (slot->exit == EXTSCHED_EXIT_TERMINATED &&
			extsched_shmem_is_held(pg_atomic_read_u32(&my_database->database)))
			slot->exit = EXTSCHED_EXIT_HELD;
		slot->pid = 0;
		slot->has_ended = true;
		pg_atomic_write_u32(&slot->procno, PG_UINT32_MAX);
		pg_atomic_write_u32(&slot->in_flight, 0);
		pg_atomic_write_u32(&slot->queued, 0);
		pg_atomic_write_u32(&slot->pause, EXTSCHED_PAUSE_NONE);
		pg_atomic_write_u32(&slot->state, EXTSCHED_WORKER_ABSENT);
	}
	LWLockRelease(extsched_shared->lock);
	extsched_my_worker = NULL;
	ConditionVariableBroadcast(&extsched_shared->left);
	extsched_shmem_wake_launcher();
}

/*
 * Take the slot this process was started for.  False if there is nothing to
 * do: the database is held or the slot went to another one meanwhile.
 */
static bool
enter_slot(const ExtschedLaunch *launch)
{
	ExtschedShared *s = extsched_shared;
	ExtschedDatabase *db = &s->databases[launch->database_index];
	ExtschedWorkerSlot *slot = &db->workers[launch->number];
	TimestampTz now = GetCurrentTimestamp();
	bool		mine;

	on_shmem_exit(leave_slot, 0);
	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	mine = pg_atomic_read_u32(&db->database) == launch->database &&
		slot->pid == 0 && !extsched_shmem_is_held(launch->database);
	if (mine)
	{
		my_database = db;
		extsched_my_worker = slot;
		slot->pid = MyProcPid;
		slot->has_ended = false;
		slot->exit = EXTSCHED_EXIT_FAILED;
		pg_atomic_write_u64(&slot->epoch, 0);
		pg_atomic_write_u64(&slot->started_at, (uint64) now);
		pg_atomic_write_u64(&slot->heartbeat_at, (uint64) now);
		pg_atomic_write_u64(&slot->sleep_until, (uint64) DT_NOEND);
		pg_atomic_write_u32(&slot->pause, EXTSCHED_PAUSE_NONE);
		pg_atomic_write_u32(&slot->state, EXTSCHED_WORKER_STARTING);
		pg_atomic_write_u32(&slot->procno, EXTSCHED_MY_PROC_NUMBER);
	}
	LWLockRelease(s->lock);
	return mine;
}

static void
pin_session(void)
{
	for (int i = 0; i < lengthof(pins); i++)
	{
		if (GetConfigOption(pins[i].name, true, false) != NULL)
			SetConfigOption(pins[i].name, pins[i].value, PGC_SUSET,
							PGC_S_OVERRIDE);
	}
	extsched_planner_pin();
}

/*
 * Tell launcher and other workers how many the settings ask for, when ours
 * have changed.  When not, a prober may know better: it has connected later,
 * and what ALTER DATABASE says is read when a session begins.
 */
static void
publish_settings(void)
{
	static int	published = -1;

	if (published == extsched_workers_per_database)
		return;
	published = extsched_workers_per_database;
	if (extsched_shmem_want_workers(my_database, published))
		extsched_shmem_wake_launcher();
}

/*
 * extsched_worker_check_signals
 *		Serve what signals asked for.  Only while no transaction is open.
 *
 * Ends the process when it was asked to; returns true if settings were read
 * again.
 */
bool
extsched_worker_check_signals(void)
{
	CHECK_FOR_INTERRUPTS();
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	extsched_settings_reload();
	pin_session();
	publish_settings();
	return true;
}

/*
 * extsched_worker_total
 *		How many workers share the tenants of this database.
 */
int
extsched_worker_total(void)
{
	return Max(1, (int) pg_atomic_read_u32(&my_database->workers_wanted));
}

/*
 * extsched_worker_must_leave
 *		True when there are more workers than wanted, and this is one of them.
 */
bool
extsched_worker_must_leave(const ExtschedWorkerSlot *slot)
{
	return slot->number >= pg_atomic_read_u32(&my_database->workers_wanted);
}

/*
 * extsched_worker_has_extension
 *		True while the database has the extension in the library's version.
 *
 * Needs a transaction.  When false the loop must return: the extension was
 * dropped, and the worker is not started again, or it was updated, or dropped
 * and made again, and a new worker sorts that out.  Epochs begin anew with the
 * tables, so that ours would be given a second time.
 */
bool
extsched_worker_has_extension(void)
{
	Oid			extension;
	char	   *version = extsched_version_of_sql(&extension);

	if (version == NULL)
		extsched_my_worker->exit = EXTSCHED_EXIT_NO_EXTENSION;
	else if (strcmp(version, EXTSCHED_VERSION) != 0 || extension != my_extension)
		extsched_my_worker->exit = EXTSCHED_EXIT_AGAIN;
	else
		return true;
	return false;
}

/* Any schedule at all?  Needs a transaction. */
static bool
has_timers(void)
{
	bool		result;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute("SELECT 1 FROM extsched.timer LIMIT 1", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look into extsched.timer");
	result = SPI_processed > 0;
	SPI_finish();
	PopActiveSnapshot();
	return result;
}

/* Publish a pause or its end, and log either once. */
static void
change_pause(ExtschedWorkerSlot *slot, ExtschedPause pause)
{
	ExtschedPause before = pg_atomic_read_u32(&slot->pause);

	extsched_worker_set_state(pause == EXTSCHED_PAUSE_NONE ? EXTSCHED_WORKER_RUNNING
							  : EXTSCHED_WORKER_PAUSED, pause);
	if (pause == before)
		return;
	if (pause == EXTSCHED_PAUSE_NONE)
		ereport(LOG,
				errmsg("extsched runs schedules in this database again"));
	else if (pause == EXTSCHED_PAUSE_COPY)
		ereport(WARNING,
				errmsg("extsched does not run schedules in database \"%s\", because it is a copy",
					   get_database_name(MyDatabaseId)),
				errdetail("The stored identity is that of another server or database, so the schedules may still run there."),
				errhint("Call extsched_adopt() to run them here."));
	else
		ereport(LOG,
				errmsg("extsched is paused in this database: %s",
					   extsched_pause_text(pause)));
}

/*
 * extsched_worker_may_run
 *		True if runs may be claimed; publishes and logs why not.
 *
 * To be called in the transaction of each claim.  The first time it is true
 * the worker has taken its epoch.
 */
bool
extsched_worker_may_run(ExtschedWorkerSlot *slot)
{
	ExtschedIdentity identity;

	if (!extsched_enabled)
	{
		change_pause(slot, EXTSCHED_PAUSE_DISABLED);
		return false;
	}
	identity = extsched_identity_check();
	if (identity == EXTSCHED_IDENTITY_COPY ||
		(identity == EXTSCHED_IDENTITY_NONE && has_timers()))
	{
		change_pause(slot, EXTSCHED_PAUSE_COPY);
		return false;
	}
	if (identity == EXTSCHED_IDENTITY_OURS &&
		pg_atomic_read_u64(&slot->epoch) == 0)
		pg_atomic_write_u64(&slot->epoch,
							(uint64) extsched_identity_take_epoch());
	change_pause(slot, EXTSCHED_PAUSE_NONE);
	return identity == EXTSCHED_IDENTITY_OURS;
}

/*
 * Wait until library and SQL have the same version.  False if the database
 * has no extension any more, or the worker must leave.
 */
static bool
wait_for_version(ExtschedWorkerSlot *slot)
{
	for (;;)
	{
		char	   *version;
		bool		fits;

		extsched_worker_check_signals();
		if (extsched_worker_must_leave(slot))
		{
			slot->exit = EXTSCHED_EXIT_SURPLUS;
			return false;
		}
		extsched_wake_arm(slot);
		extsched_clock_start_transaction();
		version = extsched_version_of_sql(&my_extension);
		fits = version != NULL && strcmp(version, EXTSCHED_VERSION) == 0;
		if (version == NULL)
			slot->exit = EXTSCHED_EXIT_NO_EXTENSION;
		else if (!fits &&
				 pg_atomic_read_u32(&slot->pause) != EXTSCHED_PAUSE_VERSION)
		{
			extsched_worker_set_state(EXTSCHED_WORKER_PAUSED,
									  EXTSCHED_PAUSE_VERSION);
			ereport(WARNING,
					errmsg("extsched does not run schedules in database \"%s\", because its extension has version %s and the library %s",
						   get_database_name(MyDatabaseId), version,
						   EXTSCHED_VERSION),
					errhint("Run ALTER EXTENSION extsched UPDATE in that database, or restart the server if the library is the older one."));
		}
		CommitTransactionCommand();
		if (version == NULL || fits)
			return fits;

		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 RECHECK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/*
 * extsched_worker_main
 *		Entry point of a worker process.
 */
void
extsched_worker_main(Datum arg)
{
	ExtschedLaunch launch;
	ExtschedWorkerSlot *slot;

	memcpy(&launch, MyBgworkerEntry->bgw_extra, sizeof(launch));
	if (!enter_slot(&launch))
		proc_exit(0);
	slot = extsched_my_worker;

	pqsignal(SIGTERM, terminate);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(launch.database, InvalidOid, 0);
	pin_session();
	extsched_estimate_install_hook();
	publish_settings();
	extsched_count_event(EXTSCHED_EVENT_WORKER_START, 1);

	if (wait_for_version(slot))
	{
		/* what may not run yet says so in its first cycle */
		extsched_worker_set_state(EXTSCHED_WORKER_RUNNING,
								  EXTSCHED_PAUSE_NONE);
		extsched_loop_main(slot);
	}
	proc_exit(0);
}
