/*-------------------------------------------------------------------------
 *
 * capability.h
 *		Which capabilities there are, and which an install really has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CAPABILITY_H
#define EXTSCHED_CAPABILITY_H

#include "utils/array.h"

#define CAP_SCHEDULER_MANAGE "cap:scheduler.manage"

extern bool extsched_capability_is_effective(const char *capability,
											 ArrayType *declared, ArrayType *granted);
extern ArrayType *extsched_capability_effective(ArrayType *declared, ArrayType *granted);

#endif							/* EXTSCHED_CAPABILITY_H */
