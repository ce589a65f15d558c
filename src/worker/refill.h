/*-------------------------------------------------------------------------
 *
 * refill.h
 *		Start runs that wait, and end those that waited too long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_REFILL_H
#define EXTSCHED_REFILL_H

#include "worker/run.h"

/* What a refill has found. */
typedef struct ExtschedRefill
{
	int			n_found;
	int			n_started;		/* or ended */
	int			n_ended;
	bool		is_more;		/* there may be others that are ready */
	bool		is_partly;		/* and not all could start that were found first */
	bool		is_blocked;		/* runs are ready, and were left for want of a slot */
	bool		is_vain;		/* runs are ready, but none of this worker's */
	TimestampTz next_ready;		/* of runs not ready yet; DT_NOEND: none */
} ExtschedRefill;

/* A Runner that pulls: what it asks for, and where its runs go. */
typedef struct ExtschedPull
{
	const char *runner;
	int			lease_s;
	void		(*emit) (void *arg, const ExtschedRun *run,
						 const ExtschedRequest *request, TimestampTz deadline);
	void	   *arg;
} ExtschedPull;

extern void extsched_refill(ExtschedLoop *loop, TimestampTz now, int limit,
							ExtschedRefill *refill);
extern void extsched_refill_pull(ExtschedLoop *loop, TimestampTz now, int limit,
								 int cap, const ExtschedPull *pull);
extern void extsched_refill_expire_pulled(ExtschedLoop *loop, TimestampTz now);

#endif							/* EXTSCHED_REFILL_H */
