/*-------------------------------------------------------------------------
 *
 * fairqueue.h
 *		Which of the waiting runs may start next.
 *
 * Pure arithmetic over runs in memory: no SQL, no clock, no sockets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_FAIRQUEUE_H
#define EXTSCHED_FAIRQUEUE_H

#include "datatype/timestamp.h"
#include "lib/pairingheap.h"
#include "utils/uuid.h"

typedef struct ExtschedFairQueue ExtschedFairQueue;

/*
 * A run in the queue.  It is part of a larger struct of the caller, who owns
 * the memory and gets back from the pointer with pairingheap_container() or a
 * cast.  The caller zeroes it and sets due; the rest belongs to the queue.
 */
typedef struct ExtschedFairRun
{
	pairingheap_node node;
	struct ExtschedFairLane *lane;	/* NULL: not in the queue */
	TimestampTz due;			/* oldest first inside a tenant */
	bool		is_in_flight;
} ExtschedFairRun;

/* Who a run belongs to, and the caps of the moment.  A cap is at least 0. */
typedef struct ExtschedFairKey
{
	const char *tenant;
	pg_uuid_t	install;
	const char *runner;
	int			tenant_cap;
	int			install_cap;
	int			runner_cap;
} ExtschedFairKey;

extern ExtschedFairQueue *extsched_fairqueue_create(MemoryContext parent,
													int max_in_flight);
extern void extsched_fairqueue_destroy(ExtschedFairQueue *queue);
extern void extsched_fairqueue_set_cap(ExtschedFairQueue *queue,
									   int max_in_flight);

/* A waiting run comes, is picked (now in flight), ends; or leaves unstarted. */
extern void extsched_fairqueue_add(ExtschedFairQueue *queue,
								   const ExtschedFairKey *key,
								   ExtschedFairRun *run);
extern ExtschedFairRun *extsched_fairqueue_next(ExtschedFairQueue *queue);
extern void extsched_fairqueue_remove(ExtschedFairQueue *queue,
									  ExtschedFairRun *run);

/* How many more runs may be in flight: of all, and of a tenant. */
extern int	extsched_fairqueue_free(const ExtschedFairQueue *queue);
extern int	extsched_fairqueue_tenant_free(ExtschedFairQueue *queue,
										   const char *tenant);

/* How many runs at a Runner are in flight. */
extern int	extsched_fairqueue_runner_in_flight(ExtschedFairQueue *queue,
												const char *runner);

extern int	extsched_fairqueue_waiting(const ExtschedFairQueue *queue);
extern int	extsched_fairqueue_in_flight(const ExtschedFairQueue *queue);

#endif							/* EXTSCHED_FAIRQUEUE_H */
