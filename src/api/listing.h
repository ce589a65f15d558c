/*-------------------------------------------------------------------------
 *
 * listing.h
 *		Schedules and endpoints as the host API shows them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_LISTING_H
#define EXTSCHED_LISTING_H

#include "api/context.h"
#include "api/json_build.h"

extern void extsched_listing_schedules(const InstallContext *context, JsonBuild *answer);
extern void extsched_listing_schedule(const InstallContext *context, const pg_uuid_t *schedule,
									  JsonBuild *answer);
extern void extsched_listing_endpoints(const InstallContext *context, JsonBuild *answer);

#endif							/* EXTSCHED_LISTING_H */
