/*-------------------------------------------------------------------------
 *
 * due.h
 *		When a schedule is due: cron, zone and window together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_DUE_H
#define EXTSCHED_DUE_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* What decides; the texts are terminated and stay the caller's. */
typedef struct ExtschedDueRule
{
	const char *cron;
	const char *timezone;
	pg_uuid_t	schedule;		/* what H hashes */
	TimestampTz starts_at;		/* first instant that counts; DT_NOBEGIN */
	TimestampTz ends_at;		/* last instant that counts; DT_NOEND */
} ExtschedDueRule;

typedef enum ExtschedDueResult
{
	EXTSCHED_DUE_OK,
	EXTSCHED_DUE_NONE,			/* there is no such nominal time */
	EXTSCHED_DUE_BROKEN,		/* expression or zone cannot be used */
} ExtschedDueResult;

/* Nominal times from one due time up to an instant. */
typedef struct ExtschedDueStretch
{
	int64		count;
	TimestampTz first;			/* set when count > 0 */
	TimestampTz last;			/* set when count > 0 */
	TimestampTz before_last;	/* set when count > 1 */
	bool		has_next;
	TimestampTz next;			/* the first after the stretch, if has_next */
} ExtschedDueStretch;

extern void extsched_due_hash_key(const pg_uuid_t *schedule, char *key);
extern ExtschedDueResult extsched_due_next(const ExtschedDueRule *rule,
										   TimestampTz after, TimestampTz *next,
										   const char **problem);
extern ExtschedDueResult extsched_due_stretch(const ExtschedDueRule *rule,
											  TimestampTz from, TimestampTz until,
											  ExtschedDueStretch *stretch,
											  const char **problem);

#endif							/* EXTSCHED_DUE_H */
