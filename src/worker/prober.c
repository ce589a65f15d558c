/*-------------------------------------------------------------------------
 *
 * prober.c
 *		A short look into a database: does it have the extension?
 *
 * Whether a database has an extension is known only inside of it, and a
 * process can be connected to one database in its life.  So the launcher sends
 * a process that looks, leaves the answer in shared memory and ends.  A worker
 * could look by itself, but then every database without the extension would
 * see a worker come and go, in the log too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"

#include "core/clock.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "worker/launcher.h"
#include "worker/prober.h"

/* Exit hook, after the process has left the database. */
static void
leave_probe(int code, Datum arg)
{
	ExtschedShared *s = extsched_shared;

	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	if (s->probe.pid == MyProcPid)
		s->probe.pid = 0;
	LWLockRelease(s->lock);
	ConditionVariableBroadcast(&s->left);
	extsched_shmem_wake_launcher();
}

/* True if the launcher still asks about this database and it is not held. */
static bool
enter_probe(Oid database)
{
	ExtschedShared *s = extsched_shared;
	bool		mine;

	on_shmem_exit(leave_probe, 0);
	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	mine = s->probe.database == database && s->probe.pid == 0 &&
		!extsched_shmem_is_held(database);
	if (mine)
		s->probe.pid = MyProcPid;
	LWLockRelease(s->lock);
	return mine;
}

/*
 * extsched_prober_main
 *		Entry point of a prober process.
 */
void
extsched_prober_main(Datum arg)
{
	ExtschedShared *s = extsched_shared;
	ExtschedLaunch launch;
	bool		present;

	memcpy(&launch, MyBgworkerEntry->bgw_extra, sizeof(launch));
	if (!enter_probe(launch.database))
		proc_exit(0);

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(launch.database, InvalidOid, 0);

	extsched_clock_start_transaction();
	present = OidIsValid(get_extension_oid("extsched", true));
	CommitTransactionCommand();

	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	if (s->probe.pid == MyProcPid)
	{
		s->probe.result = present ? EXTSCHED_PROBE_PRESENT : EXTSCHED_PROBE_ABSENT;
		s->probe.workers_wanted = extsched_workers_per_database;
	}
	LWLockRelease(s->lock);
	proc_exit(0);
}
