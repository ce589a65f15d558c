/*-------------------------------------------------------------------------
 *
 * schedule.c
 *		Create, update and delete: the core under both faces.
 *
 * The order of checks is part of the contract: context and capability, rate
 * limit, all fields at once, existence, name, quota, then the write.  Definition,
 * timer and audit record are written in the caller's transaction; the worker is
 * woken when it commits.
 *
 * Lock order, here and everywhere: limiter row of the tenant, install, limiter
 * row of the install, schedule, timer.  Under the install's limiter row all
 * changes of its schedules come one after another, so that quotas and names can
 * be judged by looking.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "api/audit.h"
#include "api/digest.h"
#include "api/limiter.h"
#include "api/plan.h"
#include "api/schedule.h"
#include "api/store.h"
#include "api/uuid_text.h"
#include "api/validate.h"
#include "core/clock.h"
#include "core/due.h"
#include "core/settings.h"
#include "core/wake.h"

/* What an audit record of a new schedule shows. */
#define DESCRIBED_AT_CREATE (INPUT_ENDPOINT | INPUT_CRON | INPUT_TIMEZONE | INPUT_ENABLED | \
							 INPUT_NAME | INPUT_PAYLOAD)

static PreparedStatement find_total_override = {
	.sql = "SELECT FROM extsched.tenant WHERE tenant_id = $1 AND limits ? 'max_schedules_total'",
	.nargs = 1,
	.types = {TEXTOID},
};

static PreparedStatement lock_tenant_total = {
	.sql = "SELECT FROM extsched.tenant_limiter WHERE tenant_id = $1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID},
};

/*
 * extsched_schedule_lock_total
 *		When the tenant's schedules are limited in all, lock what counts them.
 *
 * Before the install is locked, as the lock order wants it.  Most tenants have
 * no such limit: to see that is all it costs them.
 */
void
extsched_schedule_lock_total(const char *tenant)
{
	Datum		values[1] = {CStringGetTextDatum(tenant)};

	if (extsched_max_schedules_per_tenant >= 0 ||
		extsched_plan_execute(&find_total_override, values, NULL, SPI_OK_SELECT, 1) > 0)
		(void) extsched_plan_execute(&lock_tenant_total, values, NULL, SPI_OK_SELECT, 0);
}

/*
 * extsched_schedule_enter
 *		Take the lock under which the schedules of an install change, and charge
 *		the call.
 *
 * Only the host face is limited.  Returns false with RATE_LIMITED in *result,
 * having written nothing, when the minute is full.
 */
bool
extsched_schedule_enter(const InstallContext *context, ApiResult *result)
{
	Limiter    *limiter = extsched_limiter_lock_install(context->tenant, &context->install);
	int			limit = extsched_context_limit(context, LIMIT_MUTATIONS_PER_MINUTE);
	int			wait_s;

	if (limiter == NULL)
	{
		extsched_result_fail(result, EXTSCHED_API_INTERNAL_ERROR, ERRCODE_DATA_CORRUPTED,
							 psprintf("install %s has no limiter row", extsched_uuid_to_text(&context->install)),
							 NULL, pstrdup("extsched_check() lists what else is wrong."));
		return false;
	}
	if (context->face == FACE_SQL)
		return true;

	wait_s = extsched_limiter_wait_s(limiter, limit);
	if (wait_s > 0)
	{
		extsched_result_fail(result, EXTSCHED_API_RATE_LIMITED, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
							 psprintf(ngettext("%d change a minute is allowed", "%d changes a minute are allowed", limit), limit), NULL,
							 psprintf(ngettext("Try again in %d second.", "Try again in %d seconds.", wait_s), wait_s));
		result->retry_after_s = wait_s;
		return false;
	}
	extsched_limiter_charge(limiter, limit);
	return true;
}

/* The first due time after now of an enabled schedule; DT_NOBEGIN for none. */
static TimestampTz
first_due(const ScheduleInput *schedule, TimestampTz now, ApiResult *result)
{
	ExtschedDueRule rule;
	TimestampTz next = DT_NOBEGIN;
	const char *problem = NULL;

	if (!schedule->enabled)
		return DT_NOBEGIN;

	rule.cron = schedule->cron;
	rule.timezone = schedule->timezone;
	rule.schedule = schedule->schedule_id;
	rule.starts_at = schedule->starts_at;
	rule.ends_at = TIMESTAMP_IS_NOBEGIN(schedule->ends_at) ? DT_NOEND : schedule->ends_at;
	switch (extsched_due_next(&rule, now, &next, &problem))
	{
		case EXTSCHED_DUE_OK:
			return next;
		case EXTSCHED_DUE_NONE:
			return DT_NOBEGIN;
		case EXTSCHED_DUE_BROKEN:
			extsched_result_field(result, "timezone", ERRCODE_INVALID_PARAMETER_VALUE,
								  pstrdup(problem), NULL);
			return DT_NOBEGIN;
	}
	pg_unreachable();
}

static void
wake_for(TimestampTz due)
{
	if (!TIMESTAMP_IS_NOBEGIN(due))
		extsched_wake_at_commit(due);
}

/*
 * Set the due time.  Times up to now are not accounted for any more: those
 * before a change of cron, or while disabled, were not due.
 */
static bool
arm(const InstallContext *context, const ScheduleInput *schedule, ApiResult *result)
{
	TimestampTz now = extsched_clock_now();
	TimestampTz next = first_due(schedule, now, result);

	if (!extsched_result_is_ok(result))
		return false;
	extsched_store_arm(context, &schedule->schedule_id, next, now + 1);
	wake_for(next);
	return true;
}

/* Store a new schedule, due from now on. */
static bool
insert(const InstallContext *context, const ScheduleInput *schedule, const char *digest,
	   ApiResult *result)
{
	TimestampTz now = extsched_clock_now();
	TimestampTz next = first_due(schedule, now, result);

	if (!extsched_result_is_ok(result))
		return false;
	extsched_store_insert(context, schedule, digest, next, now + 1);
	wake_for(next);
	return true;
}

static void
name_is_taken(const ScheduleInput *input, ApiResult *result)
{
	extsched_result_field(result, "name", ERRCODE_DUPLICATE_OBJECT,
						  psprintf("Schedule \"%s\" already exists in this install.", input->name),
						  pstrdup("Choose another name, or change the existing schedule."));
}

static bool
has_room(const InstallContext *context, ApiResult *result)
{
	int			limit = extsched_context_limit(context, LIMIT_MAX_SCHEDULES);
	int			total = extsched_context_limit(context, LIMIT_MAX_SCHEDULES_TOTAL);

	if (limit >= 0 && extsched_store_count(context, false, limit) >= limit)
		extsched_result_fail(result, EXTSCHED_API_QUOTA_EXCEEDED, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
							 psprintf(ngettext("this install may have %d schedule", "this install may have %d schedules", limit), limit),
							 pstrdup("Disabled schedules count too."),
							 pstrdup("Delete a schedule that is no longer needed."));
	else if (total >= 0 && extsched_store_count(context, true, total) >= total)
		extsched_result_fail(result, EXTSCHED_API_QUOTA_EXCEEDED, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
							 psprintf(ngettext("this tenant may have %d schedule in all", "this tenant may have %d schedules in all", total), total),
							 pstrdup("Those of all installs count, disabled ones too."),
							 pstrdup("Delete a schedule that is no longer needed."));
	return extsched_result_is_ok(result);
}

/*
 * What a create call asked for, as a digest.  By method and path, not by the
 * endpoint's id, so that the same call is known again after an upgrade.
 */
static char *
digest_of(const ScheduleInput *input)
{
	Jsonb	   *all = extsched_store_describe(input, ~(uint32) 0);

	return extsched_digest_text(JsonbToCString(NULL, &all->root, VARSIZE(all)));
}

/*
 * Is this call the repetition of an earlier one?  If so *schedule is set, or
 * the result says that the token stands for something else.
 */
static bool
is_replay(const InstallContext *context, const ScheduleInput *input, const char *digest,
		  pg_uuid_t *schedule, ApiResult *result)
{
	char	   *first_digest;

	if (!extsched_store_find_token(context, input->client_token, schedule, &first_digest))
		return false;
	if (strcmp(first_digest, digest) != 0)
		extsched_result_field(result, "clientToken", ERRCODE_INVALID_PARAMETER_VALUE,
							  pstrdup("This client token was used for a different schedule."),
							  pstrdup("Use a new token for each new schedule."));
	return true;
}

/*
 * extsched_schedule_judge
 *		Judge a new schedule as create does, token apart, storing nothing.
 *
 * Exact under the install's limiter lock, else as of now.
 */
void
extsched_schedule_judge(const InstallContext *context, ScheduleInput *input, ApiResult *result)
{
	extsched_validate(context, input, true, result);
	if (!extsched_result_is_ok(result))
		return;
	if (input->name != NULL && extsched_store_name_is_taken(context, input->name, NULL))
		name_is_taken(input, result);
	else
		(void) has_room(context, result);
}

/*
 * extsched_schedule_create
 *		Store a new schedule and arm it.
 *
 * Inside SPI_connect, after extsched_schedule_enter.  *input is validated here
 * and left in its stored form.  *schedule is the new id, or the id of the
 * schedule that the same client token made before.
 */
void
extsched_schedule_create(const InstallContext *context, ScheduleInput *input,
						 pg_uuid_t *schedule, ApiResult *result)
{
	char	   *digest = NULL;

	if (input->client_token != NULL)
	{
		extsched_validate(context, input, true, result);
		if (!extsched_result_is_ok(result))
			return;
		digest = digest_of(input);
		if (is_replay(context, input, digest, schedule, result))
			return;
	}
	extsched_schedule_judge(context, input, result);
	if (!extsched_result_is_ok(result))
		return;

	input->schedule_id = *DatumGetUUIDP(OidFunctionCall0(F_GEN_RANDOM_UUID));
	if (!insert(context, input, digest, result))
		return;
	extsched_audit_write(context->tenant, extsched_face_name(context->face), "schedule.create",
						 &context->install, &input->schedule_id, input->name, NULL,
						 extsched_store_describe(input, DESCRIBED_AT_CREATE | input->given));
	*schedule = input->schedule_id;
}

static bool
texts_differ(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return strcmp(a, b) != 0;
}

static bool
payloads_differ(Jsonb *a, Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return compareJsonbContainers(&a->root, &b->root) != 0;
}

/*
 * Copy what was given over what is stored; returns the INPUT_ bits of what
 * really changes.
 */
static uint32
apply_changes(ScheduleInput *target, const ScheduleInput *input)
{
	uint32		changed = 0;

#define APPLY(bit, member, differs) \
	do { \
		if ((input->given & (bit)) && (differs)) \
		{ \
			target->member = input->member; \
			changed |= (bit); \
		} \
	} while (0)
#define APPLY_TEXT(bit, member) APPLY(bit, member, texts_differ(target->member, input->member))
#define APPLY_VALUE(bit, member) APPLY(bit, member, target->member != input->member)

	APPLY(INPUT_ENDPOINT, match,
		  target->match.status != ENDPOINT_FOUND ||
		  memcmp(&target->match.endpoint_id, &input->match.endpoint_id, sizeof(pg_uuid_t)) != 0);
	APPLY_TEXT(INPUT_CRON, cron);
	APPLY_TEXT(INPUT_TIMEZONE, timezone);
	APPLY_VALUE(INPUT_ENABLED, enabled);
	APPLY_TEXT(INPUT_NAME, name);
	APPLY(INPUT_PAYLOAD, payload, payloads_differ(target->payload, input->payload));
	APPLY_TEXT(INPUT_OVERLAP, overlap);
	APPLY_VALUE(INPUT_CATCH_UP, catch_up_s);
	APPLY_VALUE(INPUT_MAX_ATTEMPTS, max_attempts);
	APPLY_VALUE(INPUT_BACKOFF, backoff_s);
	APPLY_VALUE(INPUT_MAX_AGE, max_age_s);
	APPLY_VALUE(INPUT_PAUSE_AFTER, pause_after_failures);
	APPLY_VALUE(INPUT_TIMEOUT, timeout_ms);
	APPLY_TEXT(INPUT_ON_UNKNOWN, on_unknown);
	APPLY_VALUE(INPUT_STARTS_AT, starts_at);
	APPLY_VALUE(INPUT_ENDS_AT, ends_at);
	APPLY_VALUE(INPUT_JITTER, jitter_s);

#undef APPLY
#undef APPLY_TEXT
#undef APPLY_VALUE
	return changed;
}

static bool
is_fresh(const ScheduleInput *input, int64 revision, ApiResult *result)
{
	if (!(input->given & INPUT_IF_REVISION) || input->if_revision == revision)
		return true;
	extsched_result_field(result, "ifRevision", ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  psprintf("The schedule is at revision " INT64_FORMAT " by now.", revision),
						  pstrdup("Read the schedule again and repeat the change."));

	/* For the SQL face, whose DETAIL is read by programs. */
	result->sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	result->message = psprintf("schedule %s was changed by another call",
							   extsched_uuid_to_text(&input->schedule_id));
	result->detail = psprintf("{\"code\":\"STALE_REVISION\",\"revision\":" INT64_FORMAT "}", revision);
	result->hint = pstrdup("Read the schedule again and repeat the change.");
	return false;
}

/* Judge what only the stored schedule and the change together tell. */
static bool
fits_together(const InstallContext *context, const ScheduleInput *target, uint32 changed,
			  bool has_endpoint, ApiResult *result)
{
	if (target->enabled && !has_endpoint)
		extsched_result_field(result, "enabled", ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							  psprintf("The installed version has no endpoint \"%s %s\".",
									   target->match.method, target->match.path),
							  pstrdup("Choose another endpoint in the same change, or upgrade to a version that has it."));
	if (changed & (INPUT_STARTS_AT | INPUT_ENDS_AT))
		extsched_validate_window(target, result);
	if (extsched_result_is_ok(result) && (changed & INPUT_NAME) && target->name != NULL &&
		extsched_store_name_is_taken(context, target->name, &target->schedule_id))
		name_is_taken(target, result);
	return extsched_result_is_ok(result);
}

/*
 * extsched_schedule_update
 *		Change the given fields of a schedule, and nothing else.
 *
 * Inside SPI_connect, after extsched_schedule_enter.  input->schedule_id names
 * the schedule.  *revision is the new revision, or the old one when the change
 * changes nothing.  The due time is computed anew only when cron, zone, window
 * or enabled really change, or to end a quarantine.
 */
void
extsched_schedule_update(const InstallContext *context, ScheduleInput *input,
						 int64 *revision, ApiResult *result)
{
	StoredSchedule stored;
	ScheduleInput target;
	uint32		changed;

	extsched_validate(context, input, false, result);
	if (!extsched_result_is_ok(result))
		return;
	if (!extsched_store_lock(context, &input->schedule_id, &stored))
	{
		extsched_result_no_schedule(result, &input->schedule_id);
		return;
	}
	if (!is_fresh(input, stored.revision, result))
		return;

	target = stored.value;
	changed = apply_changes(&target, input);
	*revision = stored.revision;
	if (changed == 0)
		return;
	if (!fits_together(context, &target, changed,
					   stored.has_endpoint || (changed & INPUT_ENDPOINT), result))
		return;

	*revision = stored.revision + 1;
	extsched_store_write(context, &target, *revision);
	if (((changed & INPUT_REARMS) || stored.is_quarantined) && !arm(context, &target, result))
		return;
	if ((changed & INPUT_ENABLED) && !target.enabled)
		extsched_store_cancel_runs(context, &target.schedule_id, "schedule_paused");
	extsched_audit_write(context->tenant, extsched_face_name(context->face), "schedule.update",
						 &context->install, &target.schedule_id, target.name,
						 extsched_store_describe(&stored.value, changed),
						 extsched_store_describe(&target, changed));
}

/*
 * extsched_schedule_delete
 *		Remove a schedule; runs that have not started are cancelled, a run in
 *		flight finishes and keeps its record.
 *
 * Inside SPI_connect, after extsched_schedule_enter.
 */
void
extsched_schedule_delete(const InstallContext *context, const pg_uuid_t *schedule,
						 ApiResult *result)
{
	StoredSchedule stored;

	if (!extsched_store_lock(context, schedule, &stored))
	{
		extsched_result_no_schedule(result, schedule);
		return;
	}
	extsched_store_cancel_runs(context, schedule, "deleted");
	extsched_store_delete(context, schedule);
	extsched_audit_write(context->tenant, extsched_face_name(context->face), "schedule.delete",
						 &context->install, schedule, stored.value.name,
						 extsched_store_describe(&stored.value, DESCRIBED_AT_CREATE), NULL);
}
