/*-------------------------------------------------------------------------
 *
 * work.c
 *		Transactions of the worker's loop.
 *
 * Only what goes out must be on disk first.  So only a commit behind which
 * requests are sent waits for the disk, for itself and for all before it, and the
 * worker before it rests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "core/clock.h"
#include "worker/work.h"

/*
 * extsched_work_begin
 *		Begin a transaction, with SPI; activity is for pg_stat_activity.
 */
void
extsched_work_begin(const char *activity)
{
	extsched_clock_start_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	pgstat_report_activity(STATE_RUNNING, activity);
}

/*
 * extsched_work_commit
 *		Commit it; waits for the disk, or leaves that to the next that does.
 */
void
extsched_work_commit(bool waits)
{
	SPI_finish();
	PopActiveSnapshot();
	if (!waits)
		(void) set_config_option("synchronous_commit", "off", PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/*
 * extsched_work_sync
 *		Wait until all that was committed is on disk.
 *
 * Costs nothing when it is.
 */
void
extsched_work_sync(void)
{
	XLogFlush(XactLastCommitEnd);
}
