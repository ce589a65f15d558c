/*-------------------------------------------------------------------------
 *
 * prune.h
 *		Keep history and audit records inside their bounds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_PRUNE_H
#define EXTSCHED_PRUNE_H

#include "datatype/timestamp.h"

#include "core/runkey.h"

/* What a look at all partitions has found. */
typedef struct ExtschedPruneSight
{
	TimestampTz now;			/* of the look */
	TimestampTz audit_now;
	bool		has_past_runs[EXTSCHED_RING_SLOTS];
	bool		has_past_audit[EXTSCHED_RING_SLOTS];
	int64		n_runs[EXTSCHED_RING_SLOTS];
} ExtschedPruneSight;

extern void extsched_prune_look(TimestampTz now, ExtschedPruneSight *sight);
extern void extsched_prune(ExtschedPruneSight *sight);

#endif							/* EXTSCHED_PRUNE_H */
