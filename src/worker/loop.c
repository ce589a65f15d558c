/*-------------------------------------------------------------------------
 *
 * loop.c
 *		What a worker does between its start and its end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "core/wake.h"
#include "worker/loop.h"
#include "worker/worker.h"

/*
 * extsched_loop_main
 *		Wait for the latch until somebody needs this worker.
 */
void
extsched_loop_main(ExtschedWorkerSlot *slot)
{
	for (;;)
	{
		bool		present;

		extsched_worker_check_signals();
		if (extsched_worker_must_leave(slot))
			return;
		extsched_wake_arm(slot);
		StartTransactionCommand();
		present = extsched_worker_has_extension();
		if (present)
			(void) extsched_worker_may_run(slot);
		CommitTransactionCommand();
		if (!present)
			return;
		extsched_wake_sleep(slot, DT_NOEND);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 60000, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
