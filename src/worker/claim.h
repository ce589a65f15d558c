/*-------------------------------------------------------------------------
 *
 * claim.h
 *		Turn due timers into runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CLAIM_H
#define EXTSCHED_CLAIM_H

#include "worker/run.h"

/* A timer by its key. */
typedef struct ExtschedTimerKey
{
	char	   *tenant;
	pg_uuid_t	schedule;
} ExtschedTimerKey;

/* What a claim has found. */
typedef struct ExtschedClaim
{
	int			n_found;		/* due timers that could be locked */
	int			n_claimed;		/* of these, how many were dealt with */
	int			n_runs;			/* records written */
	TimestampTz oldest_due;		/* of the timers found; 0: none */
} ExtschedClaim;

extern void extsched_claim_plan(const ExtschedLoop *loop, TimestampTz nominal);
extern bool extsched_claim_find_due(ExtschedLoop *loop, TimestampTz now,
									TimestampTz *oldest, TimestampTz *next);
extern void extsched_claim_oldest(ExtschedLoop *loop, TimestampTz now, int limit,
								  ExtschedClaim *claim);
extern void extsched_claim_begin_round(ExtschedLoop *loop);
extern void extsched_claim_in_turn(ExtschedLoop *loop, TimestampTz now,
								   int free, ExtschedClaim *claim, bool *is_round_over);
extern bool extsched_claim_slotless(ExtschedLoop *loop, TimestampTz now,
									int64 *offset, ExtschedClaim *claim);
extern void extsched_claim_one(ExtschedLoop *loop, TimestampTz now,
							   const ExtschedTimerKey *key, ExtschedClaim *claim);
extern ExtschedTimerKey *extsched_claim_keys(ExtschedLoop *loop, TimestampTz now,
											 int limit, int *n);
extern void extsched_claim_quarantine(const ExtschedTimerKey *key,
									  const char *reason);

#endif							/* EXTSCHED_CLAIM_H */
