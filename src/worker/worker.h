/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Life of a worker process: entry, signals, settings, exit.
 *
 * What the loop needs from it: extsched_worker_check_signals wherever no
 * transaction is open, extsched_worker_may_run inside each claim, and
 * extsched_worker_must_leave once a cycle.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_WORKER_H
#define EXTSCHED_WORKER_H

#include "core/shmem.h"

extern bool extsched_worker_check_signals(void);
extern bool extsched_worker_may_run(ExtschedWorkerSlot *slot);
extern bool extsched_worker_must_leave(const ExtschedWorkerSlot *slot);
extern bool extsched_worker_has_extension(void);
extern int	extsched_worker_total(void);
extern PGDLLEXPORT void extsched_worker_main(Datum arg);

#endif							/* EXTSCHED_WORKER_H */
