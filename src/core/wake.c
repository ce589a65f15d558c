/*-------------------------------------------------------------------------
 *
 * wake.c
 *		Waking workers when there is something for them to do.
 *
 * The protocol is in wake.h.  A transaction remembers only the earliest due
 * time it made; one of a subtransaction that was rolled back stays in, since
 * a wake-up for nothing costs one index probe.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "core/wake.h"

/* What this transaction has to do when it commits. */
static bool wake_pending = false;
static TimestampTz wake_due;
static bool launcher_pending = false;

/*
 * extsched_wake_now
 *		Set the latch of each worker of this database that sleeps past due.
 *
 * DT_NOBEGIN wakes all.  Raises no error.
 */
void
extsched_wake_now(TimestampTz due)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);

	if (db == NULL)
		return;

	/* our rows are visible before we read what the worker published */
	pg_memory_barrier();
	for (int n = 0; n < EXTSCHED_MAX_WORKERS; n++)
	{
		ExtschedWorkerSlot *slot = &db->workers[n];

		if (pg_atomic_read_u32(&slot->procno) == PG_UINT32_MAX ||
			due >= (TimestampTz) pg_atomic_read_u64(&slot->sleep_until))
			continue;
		extsched_shmem_set_latch(&slot->procno);
		pg_atomic_fetch_add_u64(&db->counters.events[EXTSCHED_EVENT_WAKE], 1);
	}
}

/*
 * A prepared transaction becomes visible in whatever session commits it, so
 * what it remembered is dropped here, and COMMIT PREPARED wakes the workers
 * by itself (worker/dbhold.c sees the statement).
 */
static void
on_xact_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wake_pending)
				extsched_wake_now(wake_due);
			if (launcher_pending)
				extsched_shmem_poke(MyDatabaseId);
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	wake_pending = false;
	launcher_pending = false;
}

/*
 * extsched_wake_at_commit
 *		Wake the workers of this database at commit, if they sleep past due.
 *
 * due is on the scheduler's clock; DT_NOBEGIN means "look now".  Nothing
 * happens when the transaction aborts.
 */
void
extsched_wake_at_commit(TimestampTz due)
{
	if (!wake_pending || due < wake_due)
		wake_due = due;
	wake_pending = true;
}

/*
 * extsched_wake_launcher_at_commit
 *		Have the launcher look into this database when we have committed.
 */
void
extsched_wake_launcher_at_commit(void)
{
	launcher_pending = true;
}

/*
 * extsched_wake_install_hooks
 *		Called once per process, from _PG_init.
 */
void
extsched_wake_install_hooks(void)
{
	RegisterXactCallback(on_xact_event, NULL);
}

/*
 * extsched_wake_arm
 *		Worker: from now on every commit that calls for a worker sets my latch.
 *
 * To be called before the snapshot is taken with which the tables are read.
 */
void
extsched_wake_arm(ExtschedWorkerSlot *slot)
{
	pg_atomic_write_u64(&slot->sleep_until, (uint64) DT_NOEND);
	pg_memory_barrier();
}

/*
 * extsched_wake_sleep
 *		Worker: spare me what is due at until or later.
 *
 * until is the next due time that was read after extsched_wake_arm.
 */
void
extsched_wake_sleep(ExtschedWorkerSlot *slot, TimestampTz until)
{
	pg_atomic_write_u64(&slot->sleep_until, (uint64) until);
	pg_atomic_write_u64(&slot->heartbeat_at, (uint64) GetCurrentTimestamp());
}
