/*-------------------------------------------------------------------------
 *
 * identity.h
 *		Does this set of schedules belong to this database?
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_IDENTITY_H
#define EXTSCHED_IDENTITY_H

typedef enum ExtschedIdentity
{
	EXTSCHED_IDENTITY_NONE,		/* nothing was written by the API yet */
	EXTSCHED_IDENTITY_OURS,
	EXTSCHED_IDENTITY_COPY,		/* the rows come from another database */
} ExtschedIdentity;

extern ExtschedIdentity extsched_identity_check(void);
extern bool extsched_identity_matches(void);
extern void extsched_identity_ensure(void);
extern int64 extsched_identity_take_epoch(void);

#endif							/* EXTSCHED_IDENTITY_H */
