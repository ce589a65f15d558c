/*-------------------------------------------------------------------------
 *
 * schedule.h
 *		Create, update and delete: the core under both faces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_SCHEDULE_H
#define EXTSCHED_SCHEDULE_H

#include "api/context.h"
#include "api/input.h"

extern bool extsched_schedule_enter(const InstallContext *context, ApiResult *result);
extern void extsched_schedule_judge(const InstallContext *context, ScheduleInput *input,
									ApiResult *result);
extern void extsched_schedule_create(const InstallContext *context, ScheduleInput *input,
									 pg_uuid_t *schedule, ApiResult *result);
extern void extsched_schedule_update(const InstallContext *context, ScheduleInput *input,
									 int64 *revision, ApiResult *result);
extern void extsched_schedule_delete(const InstallContext *context, const pg_uuid_t *schedule,
									 ApiResult *result);
extern void extsched_schedule_lock_total(const char *tenant);

#endif							/* EXTSCHED_SCHEDULE_H */
