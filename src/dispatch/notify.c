/*-------------------------------------------------------------------------
 *
 * notify.c
 *		Wake the Runners that pull.
 *
 * A NOTIFY takes a lock of the whole cluster when its transaction commits, and
 * fails that transaction when the queue is full.  It is therefore never part
 * of a claim, nor of anything a tenant does, and there is one for each Runner
 * and batch however many runs became ready.  It carries nothing: a consumer
 * that missed it finds the same work by claiming.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"

#include "core/clock.h"
#include "dispatch/notify.h"

/*
 * extsched_notify_runners
 *		NOTIFY extsched_<runner> for each name in a list of char *.
 *
 * Runs a transaction, so there must be none.  Names listed twice are told
 * once.  Raises an error when the queue is full; nothing is lost by that.
 */
void
extsched_notify_runners(List *runners)
{
	ListCell   *cell;

	if (runners == NIL)
		return;
	extsched_clock_start_transaction();
	foreach(cell, runners)
	{
		char		channel[NAMEDATALEN];

		snprintf(channel, sizeof(channel), "extsched_%s", (const char *) lfirst(cell));
		Async_Notify(channel, NULL);
	}
	CommitTransactionCommand();
}
