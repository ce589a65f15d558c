/*-------------------------------------------------------------------------
 *
 * run_now.c
 *		A run outside the recurrence, asked for by an administrator.
 *
 * The limiter row of the tenant serialises all run-now calls of the tenant.
 * Under it the limit is exact, a known key is found by looking, and nominal
 * times (the instant of the call) are made distinct by a microsecond.  No lock
 * is left to luck: when the count cannot be read the call fails.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/audit.h"
#include "api/context.h"
#include "api/json_build.h"
#include "api/limiter.h"
#include "api/plan.h"
#include "api/uuid_text.h"
#include "core/clock.h"
#include "core/runkey.h"
#include "core/version.h"
#include "core/wake.h"

#define KEY_MAX_BYTES 255

static PreparedStatement lock_schedule = {
	.sql = "SELECT s.overlap, m.in_flight, s.name FROM extsched.schedule s"
	" JOIN extsched.timer m ON m.tenant_id = s.tenant_id AND m.schedule_id = s.schedule_id"
	" WHERE s.tenant_id = $1 AND s.install_id = $2 AND s.schedule_id = $3"
	" FOR NO KEY UPDATE OF s, m",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, UUIDOID},
};

static PreparedStatement find_key = {
	.sql = "SELECT run_id FROM extsched.run"
	" WHERE tenant_id = $1 AND schedule_id = $2 AND caller_key = $3 AND trigger = 'manual'",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TEXTOID},
};

static PreparedStatement find_nominal = {
	.sql = "SELECT FROM extsched.run WHERE tenant_id = $1 AND schedule_id = $2"
	" AND nominal_time = $3 AND trigger = 'manual' AND slot = extsched.run_slot($3)",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
};

static PreparedStatement insert_run = {
	.sql = "INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id,"
	" install_id, runner, state, reason, waits_for_slot, ready_at, created_at, finished_at, caller_key,"
	" registry_id, version_id, content_hash, schedule_name, endpoint_method, endpoint_path)"
	" SELECT s.tenant_id, s.schedule_id, $3, 'manual', extsched.run_slot($3), $4, s.install_id, i.runner,"
	" CASE WHEN $5 THEN 'skipped' ELSE 'pending' END, CASE WHEN $5 THEN 'overlap' END, $6, $3, $3,"
	" CASE WHEN $5 THEN $3 END, $7,"
	" i.registry_id, i.version_id, v.content_hash, s.name, s.endpoint_method, s.endpoint_path"
	" FROM extsched.schedule s"
	" JOIN extsched.install i ON i.tenant_id = s.tenant_id AND i.install_id = s.install_id"
	" JOIN extsched.version v ON v.version_id = i.version_id"
	" WHERE s.tenant_id = $1 AND s.schedule_id = $2",
	.nargs = 7,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID, UUIDOID, BOOLOID, BOOLOID, TEXTOID},
};

static PreparedStatement count_in_flight = {
	.sql = "UPDATE extsched.timer SET in_flight = in_flight + 1 WHERE tenant_id = $1 AND schedule_id = $2",
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

typedef struct RunNowCall
{
	char	   *tenant;
	pg_uuid_t	schedule;
	char	   *key;			/* NULL: every call is a new run */
	InstallContext context;
	ApiResult	result;
	Limiter    *limiter;
	char	   *schedule_name;
	bool		is_skipped;		/* by the overlap policy */
	bool		waits;			/* for an earlier run, by the overlap policy */
	TimestampTz nominal_time;
	pg_uuid_t	run_id;
} RunNowCall;

static void
refuse(RunNowCall *call, ExtschedApiStatus status, int sqlerrcode, char *message, char *hint)
{
	extsched_result_fail(&call->result, status, sqlerrcode, message, NULL, hint);
}

/* Lock schedule and timer, and apply the overlap policy. */
static bool
lock_and_place(RunNowCall *call)
{
	Datum		values[3] = {CStringGetTextDatum(call->tenant), UUIDPGetDatum(&call->context.install),
	UUIDPGetDatum(&call->schedule)};
	char	   *overlap;
	bool		isnull;
	int			in_flight;

	if (extsched_plan_execute(&lock_schedule, values, NULL, SPI_OK_SELECT, 1) == 0)
	{
		extsched_result_no_schedule(&call->result, &call->schedule);
		return false;
	}
	overlap = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	in_flight = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	call->schedule_name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);

	if (in_flight > 0 && strcmp(overlap, "allow") != 0)
	{
		call->waits = strcmp(overlap, "queue_one") == 0 && in_flight == 1;
		call->is_skipped = !call->waits;
	}
	return true;
}

static bool
is_known_key(RunNowCall *call)
{
	Datum		values[3] = {CStringGetTextDatum(call->tenant), UUIDPGetDatum(&call->schedule), (Datum) 0};
	bool		isnull;

	if (call->key == NULL)
		return false;
	values[2] = CStringGetTextDatum(call->key);
	if (extsched_plan_look(&find_key, values, NULL) == 0)
		return false;
	call->run_id = *DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return true;
}

static bool
has_room(RunNowCall *call)
{
	int			limit = extsched_context_limit(&call->context, LIMIT_RUN_NOW_PER_MINUTE);
	int			wait_s = extsched_limiter_wait_s(call->limiter, limit);

	if (wait_s == 0)
		return true;
	refuse(call, EXTSCHED_API_RATE_LIMITED, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		   psprintf(ngettext("%d run on request is allowed to this tenant in a minute", "%d runs on request are allowed to this tenant in a minute", limit), limit),
		   psprintf(ngettext("Try again in %d second.", "Try again in %d seconds.", wait_s), wait_s));
	return false;
}

/* The instant of the call, raised while another run of the schedule has it. */
static TimestampTz
choose_nominal_time(const RunNowCall *call)
{
	Datum		values[3] = {CStringGetTextDatum(call->tenant), UUIDPGetDatum(&call->schedule), (Datum) 0};
	TimestampTz nominal_time = extsched_clock_now();

	for (;;)
	{
		values[2] = TimestampTzGetDatum(nominal_time);
		if (extsched_plan_look(&find_nominal, values, NULL) == 0)
			return nominal_time;
		nominal_time++;
	}
}

static void
make_run(RunNowCall *call)
{
	Datum		values[7];
	char		nulls[8] = "       ";
	JsonBuild	after = {0};

	call->nominal_time = choose_nominal_time(call);
	extsched_run_id(call->tenant, strlen(call->tenant), &call->schedule, call->nominal_time,
					"manual", &call->run_id);

	values[0] = CStringGetTextDatum(call->tenant);
	values[1] = UUIDPGetDatum(&call->schedule);
	values[2] = TimestampTzGetDatum(call->nominal_time);
	values[3] = UUIDPGetDatum(&call->run_id);
	values[4] = BoolGetDatum(call->is_skipped);
	values[5] = BoolGetDatum(call->waits);
	values[6] = call->key ? CStringGetTextDatum(call->key) : (Datum) 0;
	nulls[6] = call->key ? ' ' : 'n';
	(void) extsched_plan_execute(&insert_run, values, nulls, SPI_OK_INSERT, 0);
	if (call->is_skipped)
		extsched_count_run(EXTSCHED_RUN_SKIPPED, EXTSCHED_REASON_OVERLAP,
						   EXTSCHED_TRIGGER_MANUAL, 1, -1, -1);
	else
		(void) extsched_plan_execute(&count_in_flight, values, NULL, SPI_OK_UPDATE, 0);

	extsched_json_begin_object(&after);
	extsched_json_uuid(&after, "run", &call->run_id);
	extsched_json_bool(&after, "skipped", call->is_skipped);
	extsched_json_end_object(&after);
	extsched_audit_write(call->tenant, "sql", "schedule.run_now", &call->context.install,
						 &call->schedule, call->schedule_name, NULL, extsched_json_finish(&after));
	extsched_wake_at_commit(call->nominal_time);
}

static void
perform(RunNowCall *call, const pg_uuid_t *install)
{
	if (call->tenant != NULL)
		call->limiter = extsched_limiter_lock_tenant(call->tenant);
	if (!extsched_context_load(&call->context, FACE_SQL, call->tenant, install, true, &call->result))
		return;
	if (call->limiter == NULL)
	{
		refuse(call, EXTSCHED_API_INTERNAL_ERROR, ERRCODE_DATA_CORRUPTED,
			   psprintf("tenant \"%s\" has no limiter row", call->tenant),
			   pstrdup("extsched_check() lists what else is wrong."));
		return;
	}
	if (!lock_and_place(call))
		return;
	if (!call->context.is_enabled)
	{
		refuse(call, EXTSCHED_API_DENIED, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   psprintf("install %s is disabled", extsched_uuid_to_text(install)),
			   pstrdup("Enable it first: SELECT extsched_set_install_enabled(tenant, install, true)."));
		return;
	}
	if (is_known_key(call) || !has_room(call))
		return;
	extsched_limiter_charge(call->limiter,
							extsched_context_limit(&call->context, LIMIT_RUN_NOW_PER_MINUTE));
	make_run(call);
}

/*
 * extsched_run_now
 *		SQL: extsched_run_now(tenant, install, schedule, idempotency_key) returns uuid
 */
PG_FUNCTION_INFO_V1(extsched_run_now);
Datum
extsched_run_now(PG_FUNCTION_ARGS)
{
	RunNowCall	call = {0};
	pg_uuid_t  *run_id = palloc(sizeof(pg_uuid_t));
	instr_time	start;
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(start);
	extsched_result_init(&call.result);
	call.tenant = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	call.key = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	if (PG_ARGISNULL(2))
		refuse(&call, EXTSCHED_API_VALIDATION_FAILED, ERRCODE_NULL_VALUE_NOT_ALLOWED,
			   pstrdup("schedule must not be null"), pstrdup("Name the schedule by its id."));
	else if (call.key != NULL && (*call.key == '\0' || strlen(call.key) > KEY_MAX_BYTES))
		refuse(&call, EXTSCHED_API_VALIDATION_FAILED, ERRCODE_INVALID_PARAMETER_VALUE,
			   psprintf("idempotency_key must have 1 to %d bytes", KEY_MAX_BYTES), NULL);

	extsched_version_check();
	SPI_connect();
	if (extsched_result_is_ok(&call.result))
	{
		call.schedule = *PG_GETARG_UUID_P(2);
		perform(&call, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1));
	}
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, start);
	extsched_count_api(EXTSCHED_OP_RUN_NOW, call.result.status, INSTR_TIME_GET_MICROSEC(elapsed));
	if (!extsched_result_is_ok(&call.result))
		extsched_result_raise(&call.result);
	SPI_finish();

	*run_id = call.run_id;
	PG_RETURN_UUID_P(run_id);
}
