/*-------------------------------------------------------------------------
 *
 * lease.h
 *		Attempts whose outcome nobody will tell.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_LEASE_H
#define EXTSCHED_LEASE_H

#include "worker/run.h"

extern int	extsched_lease_take_over(ExtschedLoop *loop, TimestampTz now,
									 bool is_start, TimestampTz *next_expiry);

#endif							/* EXTSCHED_LEASE_H */
