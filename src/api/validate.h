/*-------------------------------------------------------------------------
 *
 * validate.h
 *		The one validator of schedules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_VALIDATE_H
#define EXTSCHED_VALIDATE_H

#include "api/context.h"
#include "api/input.h"

extern void extsched_validate(const InstallContext *context, ScheduleInput *input,
							  bool is_create, ApiResult *result);
extern void extsched_validate_window(const ScheduleInput *schedule, ApiResult *result);

#endif							/* EXTSCHED_VALIDATE_H */
