/*-------------------------------------------------------------------------
 *
 * context.h
 *		The install that a call is about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CONTEXT_H
#define EXTSCHED_CONTEXT_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "api/result.h"

/* Which face a call came through. */
typedef enum ApiFace
{
	FACE_HOST,
	FACE_SQL
} ApiFace;

typedef struct InstallContext
{
	ApiFace		face;
	char	   *tenant;
	pg_uuid_t	install;
	pg_uuid_t	version;
	bool		is_enabled;
	bool		fires;			/* enabled, and the tenant not paused */
	bool		may_manage;		/* effective cap:scheduler.manage */
	Jsonb	   *tenant_limits;
	Jsonb	   *install_limits;
} InstallContext;

/* What can be limited; settings give the defaults. */
typedef enum LimitKind
{
	LIMIT_MAX_SCHEDULES,
	LIMIT_MAX_SCHEDULES_TOTAL,
	LIMIT_MIN_INTERVAL_S,
	LIMIT_MUTATIONS_PER_MINUTE,
	LIMIT_RUN_NOW_PER_MINUTE
} LimitKind;

extern bool extsched_context_load(InstallContext *context, ApiFace face,
								  const char *tenant, const pg_uuid_t *install,
								  bool for_change, ApiResult *result);
extern int	extsched_context_limit(const InstallContext *context, LimitKind kind);
extern const char *extsched_face_name(ApiFace face);

#endif							/* EXTSCHED_CONTEXT_H */
