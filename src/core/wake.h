/*-------------------------------------------------------------------------
 *
 * wake.h
 *		Waking workers when there is something for them to do.
 *
 * A worker that finds nothing due sleeps until the next due time.  A call that
 * creates something earlier wakes it, at commit, because before it the worker
 * could not see the rows.
 *
 * No wake-up is lost although nobody takes a lock.  The worker
 *
 *		1. extsched_wake_arm()			"wake me for anything"
 *		2. looks at the tables, in a new snapshot
 *		3. extsched_wake_sleep(until)	"wake me for what is due before until"
 *		4. waits for its latch, at most until then, and resets it
 *
 * A backend makes its rows visible, then reads what the worker published.
 * If it reads "anything" it sets the latch; if it reads what was published in
 * step 3 of this round, step 2 came before and the comparison is right; if it
 * reads what was published in an earlier round, then step 1 and so the
 * snapshot of step 2 come later, and the worker sees the rows itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_WAKE_H
#define EXTSCHED_WAKE_H

#include "datatype/timestamp.h"

#include "core/shmem.h"

/* for backends */
extern void extsched_wake_at_commit(TimestampTz due);
extern void extsched_wake_now(TimestampTz due);
extern void extsched_wake_launcher_at_commit(void);
extern void extsched_wake_install_hooks(void);

/* for the worker's loop */
extern void extsched_wake_arm(ExtschedWorkerSlot *slot);
extern void extsched_wake_sleep(ExtschedWorkerSlot *slot, TimestampTz until);

#endif							/* EXTSCHED_WAKE_H */
