/*-------------------------------------------------------------------------
 *
 * schedule_sql.c
 *		The SQL face: create, update, delete and validate for psql and servers.
 *
 * Thin: arguments become a ScheduleInput, a failed result becomes an error.
 * The error undoes the whole call; administrators are not rate-limited.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/context.h"
#include "api/json_build.h"
#include "api/schedule.h"
#include "api/uuid_text.h"
#include "api/validate.h"
#include "core/clock.h"
#include "core/due.h"
#include "core/version.h"

#define PREVIEWED_RUNS 5

/* A call under way, from its first argument to its count. */
typedef struct SqlCall
{
	ExtschedApiOp op;
	instr_time	start;
	char	   *tenant;
	pg_uuid_t  *install;
	InstallContext context;
	ScheduleInput input;
	ApiResult	result;
} SqlCall;

static void
begin_call(SqlCall *call, ExtschedApiOp op, FunctionCallInfo fcinfo)
{
	memset(call, 0, sizeof(*call));
	call->op = op;
	INSTR_TIME_SET_CURRENT(call->start);
	extsched_result_init(&call->result);
	extsched_input_init(&call->input);
	call->tenant = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	call->install = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	extsched_version_check();
	SPI_connect();
}

/* Count the call, and raise what went wrong with it. */
static void
end_call(SqlCall *call)
{
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, call->start);
	extsched_count_api(call->op, call->result.status, INSTR_TIME_GET_MICROSEC(elapsed));
	if (!extsched_result_is_ok(&call->result))
		extsched_result_raise(&call->result);
	SPI_finish();
}

/*
 * Find the install and take the lock under which its schedules change.  An
 * administrator may still delete on a disabled install, not create or update.
 */
static bool
enter_call(SqlCall *call, bool needs_enabled)
{
	if (!extsched_context_load(&call->context, FACE_SQL, call->tenant, call->install, true, &call->result))
		return false;
	if (needs_enabled && !call->context.is_enabled)
	{
		extsched_result_fail(&call->result, EXTSCHED_API_DENIED, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							 psprintf("install %s is disabled", extsched_uuid_to_text(call->install)),
							 NULL, pstrdup("Enable it first: SELECT extsched_set_install_enabled(tenant, install, true)."));
		return false;
	}
	return extsched_schedule_enter(&call->context, &call->result);
}

static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* A schedule argument is required; NULL is an error of its own. */
static bool
take_schedule(SqlCall *call, FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
	{
		extsched_result_fail(&call->result, EXTSCHED_API_VALIDATION_FAILED, ERRCODE_NULL_VALUE_NOT_ALLOWED,
							 pstrdup("schedule must not be null"), NULL,
							 pstrdup("Name the schedule by its id."));
		return false;
	}
	call->input.schedule_id = *PG_GETARG_UUID_P(number);
	call->input.given |= INPUT_SCHEDULE_ID;
	return true;
}

static void
take_text(ScheduleInput *input, uint32 field, char **target, char *value)
{
	if (value != NULL)
	{
		*target = value;
		input->given |= field;
	}
}

/*
 * extsched_create
 *		SQL: extsched_create(tenant, install, endpoint, cron, tz, name, payload,
 *		enabled, options, client_token) returns uuid
 */
PG_FUNCTION_INFO_V1(extsched_create);
Datum
extsched_create(PG_FUNCTION_ARGS)
{
	SqlCall		call;
	pg_uuid_t  *schedule = palloc(sizeof(pg_uuid_t));
	ScheduleInput *input = &call.input;
	ApiResult	fields;

	begin_call(&call, EXTSCHED_OP_CREATE, fcinfo);
	take_text(input, INPUT_ENDPOINT, &input->endpoint, text_argument(fcinfo, 2));
	take_text(input, INPUT_CRON, &input->cron, text_argument(fcinfo, 3));
	take_text(input, INPUT_TIMEZONE, &input->timezone, text_argument(fcinfo, 4));
	take_text(input, INPUT_NAME, &input->name, text_argument(fcinfo, 5));
	take_text(input, INPUT_CLIENT_TOKEN, &input->client_token, text_argument(fcinfo, 9));
	if (!PG_ARGISNULL(6))
	{
		Jsonb	   *payload = PG_GETARG_JSONB_P(6);

		if (!JB_ROOT_IS_SCALAR(payload))
			input->payload = payload;
		else if (strcmp(JsonbToCString(NULL, &payload->root, VARSIZE(payload)), "null") != 0)
			extsched_result_field(&call.result, "payload", ERRCODE_INVALID_PARAMETER_VALUE,
								  pstrdup("\"payload\" must be an object, an array or null."), NULL);
	}
	if (!PG_ARGISNULL(7))
		input->enabled = PG_GETARG_BOOL(7);
	if (!PG_ARGISNULL(8))
	{
		Jsonb	   *options = PG_GETARG_JSONB_P(8);

		if (JB_ROOT_IS_OBJECT(options))
			extsched_input_read_options(input, &options->root, &call.result);
		else
			extsched_result_field(&call.result, "options", ERRCODE_INVALID_PARAMETER_VALUE,
								  pstrdup("\"options\" must be an object."), NULL);
	}

	if (call.tenant != NULL)
		extsched_schedule_lock_total(call.tenant);
	fields = call.result;
	extsched_result_init(&call.result);
	if (enter_call(&call, true))
	{
		call.result = fields;
		extsched_schedule_create(&call.context, input, schedule, &call.result);
	}
	end_call(&call);
	PG_RETURN_UUID_P(schedule);
}

/*
 * extsched_update
 *		SQL: extsched_update(tenant, install, schedule, changes jsonb,
 *		if_revision bigint) returns bigint
 */
PG_FUNCTION_INFO_V1(extsched_update);
Datum
extsched_update(PG_FUNCTION_ARGS)
{
	SqlCall		call;
	int64		revision = 0;

	begin_call(&call, EXTSCHED_OP_UPDATE, fcinfo);
	if (enter_call(&call, true) && take_schedule(&call, fcinfo, 2))
	{
		if (!PG_ARGISNULL(4))
		{
			call.input.if_revision = PG_GETARG_INT64(4);
			call.input.given |= INPUT_IF_REVISION;
		}
		extsched_input_read(&call.input, PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3),
							"changes", INPUT_OF_CHANGES, &call.result);
		extsched_schedule_update(&call.context, &call.input, &revision, &call.result);
	}
	end_call(&call);
	PG_RETURN_INT64(revision);
}

/*
 * extsched_delete
 *		SQL: extsched_delete(tenant, install, schedule) returns void
 */
PG_FUNCTION_INFO_V1(extsched_delete);
Datum
extsched_delete(PG_FUNCTION_ARGS)
{
	SqlCall		call;

	begin_call(&call, EXTSCHED_OP_DELETE, fcinfo);
	if (enter_call(&call, false) && take_schedule(&call, fcinfo, 2))
		extsched_schedule_delete(&call.context, &call.input.schedule_id, &call.result);
	end_call(&call);
	PG_RETURN_VOID();
}

/* The next due times of a valid input, as the answer of extsched_validate. */
static void
preview_runs(const ScheduleInput *input, JsonBuild *answer)
{
	ExtschedDueRule rule = {
		.cron = input->cron,
		.timezone = input->timezone,
		.schedule = input->schedule_id,
		.starts_at = input->starts_at,
		.ends_at = TIMESTAMP_IS_NOBEGIN(input->ends_at) ? DT_NOEND : input->ends_at,
	};
	TimestampTz after = extsched_clock_now();
	const char *problem;

	extsched_json_key(answer, "nextRuns");
	extsched_json_begin_array(answer);
	for (int i = 0; i < PREVIEWED_RUNS; i++)
	{
		if (extsched_due_next(&rule, after, &after, &problem) != EXTSCHED_DUE_OK)
			break;
		extsched_json_instant(answer, NULL, after);
	}
	extsched_json_end_array(answer);
}

/*
 * extsched_validate
 *		SQL: extsched_validate(tenant, install, input jsonb) returns jsonb
 *
 * The verdict of create for the same input; stores and charges nothing.  Times
 * of an expression with H are those of an example id.
 */
PG_FUNCTION_INFO_V1(extsched_validate_sql);
Datum
extsched_validate_sql(PG_FUNCTION_ARGS)
{
	SqlCall		call;
	JsonBuild	answer = {0};
	Datum		returned = (Datum) 0;

	begin_call(&call, EXTSCHED_OP_VALIDATE, fcinfo);
	if (extsched_context_load(&call.context, FACE_SQL, call.tenant, call.install, false, &call.result))
	{
		ApiResult	verdict;

		extsched_result_init(&verdict);
		extsched_input_read(&call.input, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2),
							"input", INPUT_OF_CREATE, &verdict);
		extsched_schedule_judge(&call.context, &call.input, &verdict);

		extsched_json_begin_object(&answer);
		extsched_json_bool(&answer, "valid", extsched_result_is_ok(&verdict));
		extsched_json_key(&answer, "fieldErrors");
		extsched_json_begin_object(&answer);
		for (int i = 0; i < verdict.nfields; i++)
			extsched_json_text(&answer, verdict.fields[i].field, verdict.fields[i].message);
		extsched_json_end_object(&answer);
		if (verdict.nfields == 0 && !extsched_result_is_ok(&verdict))
			extsched_json_text(&answer, "error", verdict.message);
		if (extsched_result_is_ok(&verdict))
			preview_runs(&call.input, &answer);
		else
		{
			extsched_json_key(&answer, "nextRuns");
			extsched_json_begin_array(&answer);
			extsched_json_end_array(&answer);
		}
		extsched_json_end_object(&answer);
		returned = SPI_datumTransfer(JsonbPGetDatum(extsched_json_finish(&answer)), false, -1);
	}
	end_call(&call);
	PG_RETURN_DATUM(returned);
}
