/*-------------------------------------------------------------------------
 *
 * context.c
 *		The install that a call is about.
 *
 * The one place that decides whether a (tenant, install) pair is served at
 * all.  An unknown install and an install of another tenant are the same: the
 * lookup is by the pair, and the answer has the same text.
 *
 * A call that changes something locks the install row FOR SHARE, so that an
 * upgrade, a disable or a revoke either came before and is seen, or waits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "api/capability.h"
#include "api/context.h"
#include "api/plan.h"
#include "api/uuid_text.h"
#include "core/settings.h"

#define SELECT_INSTALL \
	"SELECT i.version_id, i.enabled, v.capabilities, i.granted, t.limits, i.limits," \
	" i.enabled AND NOT t.is_paused" \
	" FROM extsched.install i" \
	" JOIN extsched.version v ON v.version_id = i.version_id" \
	" JOIN extsched.tenant t ON t.tenant_id = i.tenant_id" \
	" WHERE i.tenant_id = $1 AND i.install_id = $2"

static PreparedStatement read_install = {
	.sql = SELECT_INSTALL,
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

static PreparedStatement lock_install = {
	.sql = SELECT_INSTALL " FOR SHARE OF i",
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

static const char *const limit_names[] = {
	[LIMIT_MAX_SCHEDULES] = "max_schedules",
	[LIMIT_MAX_SCHEDULES_TOTAL] = "max_schedules_total",
	[LIMIT_MIN_INTERVAL_S] = "min_interval_s",
	[LIMIT_MUTATIONS_PER_MINUTE] = "mutations_per_minute",
	[LIMIT_RUN_NOW_PER_MINUTE] = "run_now_per_minute",
};

static int
limit_default(LimitKind kind)
{
	switch (kind)
	{
		case LIMIT_MAX_SCHEDULES:
			return extsched_max_schedules_per_install;
		case LIMIT_MAX_SCHEDULES_TOTAL:
			return extsched_max_schedules_per_tenant;
		case LIMIT_MIN_INTERVAL_S:
			return extsched_min_interval_s;
		case LIMIT_MUTATIONS_PER_MINUTE:
			return extsched_mutations_per_minute;
		case LIMIT_RUN_NOW_PER_MINUTE:
			return extsched_run_now_per_minute;
	}
	pg_unreachable();
}

/* Read an integer override; false when there is none. */
static bool
read_override(Jsonb *limits, const char *name, int *value)
{
	JsonbValue	buffer;
	JsonbValue *found;
	bool		is_error;

	if (limits == NULL)
		return false;
	found = getKeyJsonValueFromContainer(&limits->root, name, strlen(name), &buffer);
	if (found == NULL || found->type != jbvNumeric)
		return false;
	*value = numeric_int4_opt_error(found->val.numeric, &is_error);
	return !is_error;
}

/*
 * extsched_context_limit
 *		A limit in force: that of the install, else of the tenant, else the
 *		setting.  0 means none at all, -1 no limit.
 *
 * The two totals of a tenant take no override from an install.
 */
int
extsched_context_limit(const InstallContext *context, LimitKind kind)
{
	const char *name = limit_names[kind];
	bool		is_of_tenant = kind == LIMIT_MAX_SCHEDULES_TOTAL || kind == LIMIT_RUN_NOW_PER_MINUTE;
	int			value;

	if (!is_of_tenant && read_override(context->install_limits, name, &value))
		return value;
	if (read_override(context->tenant_limits, name, &value))
		return value;
	return limit_default(kind);
}

const char *
extsched_face_name(ApiFace face)
{
	return face == FACE_HOST ? "host" : "sql";
}

static Jsonb *
copy_jsonb(Datum datum)
{
	return DatumGetJsonbPCopy(datum);
}

/*
 * Leave the row of an install in SPI_tuptable; false when there is none.
 *
 * A statement that waited for an upgrade rechecks the install's new row against
 * the old version's, which it had read before: they do not fit together, and
 * the install seems to be absent.  The lock is held by then, so a second look,
 * with a new snapshot, tells.
 */
static bool
find_install(const char *tenant, const pg_uuid_t *install, bool for_change)
{
	Datum		values[2] = {CStringGetTextDatum(tenant), UUIDPGetDatum(install)};

	if (!for_change)
		return extsched_plan_execute(&read_install, values, NULL, SPI_OK_SELECT, 1) > 0;
	return extsched_plan_execute(&lock_install, values, NULL, SPI_OK_SELECT, 1) > 0 ||
		extsched_plan_execute(&lock_install, values, NULL, SPI_OK_SELECT, 1) > 0;
}

/*
 * extsched_context_load
 *		Find the install of a call and judge whether it is served.
 *
 * Inside SPI_connect.  tenant or install may be NULL.  for_change locks the
 * install FOR SHARE until the end of the transaction.  Returns false with the
 * reason in *result: NULL is DENIED / 22004, an unknown pair NOT_FOUND / 42704;
 * on the host face a disabled install is DENIED / 55000 and a missing
 * capability DENIED / 42501.
 */
bool
extsched_context_load(InstallContext *context, ApiFace face,
					  const char *tenant, const pg_uuid_t *install,
					  bool for_change, ApiResult *result)
{
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;

	memset(context, 0, sizeof(*context));
	context->face = face;
	if (tenant == NULL || install == NULL)
	{
		extsched_result_fail(result, EXTSCHED_API_DENIED, ERRCODE_NULL_VALUE_NOT_ALLOWED,
							 psprintf("%s must not be null", tenant == NULL ? "tenant" : "install"),
							 NULL, pstrdup("Name the tenant and the install that the call is for."));
		return false;
	}

	if (!find_install(tenant, install, for_change))
	{
		extsched_result_fail(result, EXTSCHED_API_NOT_FOUND, ERRCODE_UNDEFINED_OBJECT,
							 psprintf("install %s of tenant \"%s\" does not exist",
									  extsched_uuid_to_text(install), tenant),
							 NULL, pstrdup("An install is known only together with its own tenant."));
		return false;
	}

	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	context->tenant = pstrdup(tenant);
	context->install = *install;
	context->version = *DatumGetUUIDP(SPI_getbinval(tuple, desc, 1, &isnull));
	context->is_enabled = DatumGetBool(SPI_getbinval(tuple, desc, 2, &isnull));
	context->may_manage =
		extsched_capability_is_effective(CAP_SCHEDULER_MANAGE,
										 DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 3, &isnull)),
										 DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 4, &isnull)));
	context->tenant_limits = copy_jsonb(SPI_getbinval(tuple, desc, 5, &isnull));
	context->install_limits = copy_jsonb(SPI_getbinval(tuple, desc, 6, &isnull));
	context->fires = DatumGetBool(SPI_getbinval(tuple, desc, 7, &isnull));

	if (face == FACE_HOST && !context->is_enabled)
		extsched_result_fail(result, EXTSCHED_API_DENIED, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							 psprintf("install %s is disabled", extsched_uuid_to_text(install)),
							 NULL, pstrdup("Enable the install first."));
	else if (face == FACE_HOST && !context->may_manage)
		extsched_result_fail(result, EXTSCHED_API_DENIED, ERRCODE_INSUFFICIENT_PRIVILEGE,
							 psprintf("install %s may not manage schedules", extsched_uuid_to_text(install)),
							 pstrdup("Capability \"" CAP_SCHEDULER_MANAGE "\" must be declared by the version and granted to the install."),
							 NULL);
	return extsched_result_is_ok(result);
}
