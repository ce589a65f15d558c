/*-------------------------------------------------------------------------
 *
 * store.h
 *		Rows of extsched.schedule and extsched.timer, read and written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_STORE_H
#define EXTSCHED_STORE_H

#include "api/context.h"
#include "api/input.h"

typedef struct StoredSchedule
{
	ScheduleInput value;		/* value.match holds the endpoint */
	bool		has_endpoint;	/* false after an upgrade that lost it */
	int64		revision;
	bool		is_quarantined;
} StoredSchedule;

extern int64 extsched_store_count(const InstallContext *context, bool of_tenant, int64 limit);
extern bool extsched_store_name_is_taken(const InstallContext *context, const char *name,
										 const pg_uuid_t *except);
extern bool extsched_store_find_token(const InstallContext *context, const char *token,
									  pg_uuid_t *schedule, char **digest);
extern void extsched_store_insert(const InstallContext *context, const ScheduleInput *schedule,
								  const char *client_digest,
								  TimestampTz next_due, TimestampTz accounted_from);
extern bool extsched_store_lock(const InstallContext *context, const pg_uuid_t *schedule,
								StoredSchedule *stored);
extern void extsched_store_write(const InstallContext *context, const ScheduleInput *schedule,
								 int64 revision);
extern void extsched_store_arm(const InstallContext *context, const pg_uuid_t *schedule,
							   TimestampTz next_due, TimestampTz accounted_from);
extern void extsched_store_cancel_runs(const InstallContext *context, const pg_uuid_t *schedule,
									   const char *reason);
extern void extsched_store_delete(const InstallContext *context, const pg_uuid_t *schedule);
extern Jsonb *extsched_store_describe(const ScheduleInput *schedule, uint32 fields);

#endif							/* EXTSCHED_STORE_H */
