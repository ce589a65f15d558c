/*-------------------------------------------------------------------------
 *
 * host.c
 *		The host face: one call of the platform's host API is one SQL call.
 *
 * Never raises for a user's mistake; the answer says what is wrong.  Context
 * and charge come first, in the caller's own transaction: the charge of a
 * failed call stays.  The operation itself runs in a subtransaction, so that
 * an unexpected error undoes what it wrote and becomes INTERNAL_ERROR.  What
 * the caller must see is raised all the same: cancellation, shutdown, deadlock
 * and serialization failure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

#include "api/context.h"
#include "api/input.h"
#include "api/json_build.h"
#include "api/listing.h"
#include "api/schedule.h"
#include "api/uuid_text.h"
#include "core/version.h"

typedef struct HostOperation
{
	const char *name;
	ExtschedApiOp op;
	bool		is_change;		/* charged, and locks the install */
	uint32		keys;			/* input keys it takes */
} HostOperation;

static const HostOperation operations[] = {
	{"list", EXTSCHED_OP_LIST, false, 0},
	{"get", EXTSCHED_OP_GET, false, INPUT_SCHEDULE_ID},
	{"create", EXTSCHED_OP_CREATE, true, INPUT_OF_CREATE},
	{"update", EXTSCHED_OP_UPDATE, true, INPUT_OF_UPDATE},
	{"delete", EXTSCHED_OP_DELETE, true, INPUT_SCHEDULE_ID},
	{"getEndpoints", EXTSCHED_OP_GET_ENDPOINTS, false, 0},
};

static const HostOperation unknown_operation = {"unknown", EXTSCHED_OP_OTHER, false, 0};

/* Codes of the host API, and the HTTP status that a route answers. */
static const struct
{
	const char *code;
	int			http_status;
}			failures[] = {
	[EXTSCHED_API_VALIDATION_FAILED] = {"VALIDATION_FAILED", 400},
	[EXTSCHED_API_DENIED] = {"DENIED", 403},
	[EXTSCHED_API_NOT_FOUND] = {"NOT_FOUND", 404},
	[EXTSCHED_API_QUOTA_EXCEEDED] = {"QUOTA_EXCEEDED", 429},
	[EXTSCHED_API_RATE_LIMITED] = {"RATE_LIMITED", 429},
	[EXTSCHED_API_INTERNAL_ERROR] = {"INTERNAL_ERROR", 500},
};

typedef struct HostCall
{
	const HostOperation *operation;
	Jsonb	   *json;
	InstallContext context;
	ScheduleInput input;
	ApiResult	result;
	JsonBuild	answer;			/* an open object, keys of a success */
} HostCall;

static const HostOperation *
find_operation(const char *name)
{
	for (size_t i = 0; name != NULL && i < lengthof(operations); i++)
	{
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	}
	return &unknown_operation;
}

/* Read the input and do the operation; the answer gets the keys of a success. */
static void
operate(HostCall *call)
{
	ApiResult  *result = &call->result;
	pg_uuid_t	schedule;
	int64		revision = 0;

	extsched_input_init(&call->input);
	if (call->operation->op == EXTSCHED_OP_OTHER)
	{
		extsched_result_field(result, "operation", ERRCODE_INVALID_PARAMETER_VALUE,
							  pstrdup("Unknown operation."),
							  pstrdup("Known are list, get, create, update, delete and getEndpoints."));
		return;
	}
	extsched_input_read(&call->input, call->json, "input", call->operation->keys, result);
	if ((call->operation->keys & INPUT_SCHEDULE_ID) && !(call->input.given & INPUT_SCHEDULE_ID))
		extsched_result_field(result, "scheduleId", ERRCODE_NULL_VALUE_NOT_ALLOWED,
							  pstrdup("\"scheduleId\" is required."), NULL);

	switch (call->operation->op)
	{
		case EXTSCHED_OP_CREATE:
			extsched_schedule_create(&call->context, &call->input, &schedule, result);
			if (extsched_result_is_ok(result))
				extsched_json_uuid(&call->answer, "scheduleId", &schedule);
			break;
		case EXTSCHED_OP_UPDATE:
			extsched_schedule_update(&call->context, &call->input, &revision, result);
			if (extsched_result_is_ok(result))
				extsched_json_int(&call->answer, "revision", revision);
			break;
		case EXTSCHED_OP_DELETE:
			if (extsched_result_is_ok(result))
				extsched_schedule_delete(&call->context, &call->input.schedule_id, result);
			break;
		case EXTSCHED_OP_LIST:
			if (extsched_result_is_ok(result))
				extsched_listing_schedules(&call->context, &call->answer);
			break;
		case EXTSCHED_OP_GET:
			if (extsched_result_is_ok(result))
				extsched_listing_schedule(&call->context, &call->input.schedule_id, &call->answer);
			break;
		case EXTSCHED_OP_GET_ENDPOINTS:
			if (extsched_result_is_ok(result))
				extsched_listing_endpoints(&call->context, &call->answer);
			break;
		default:
			break;
	}
}

/* Errors that are not the call's but the session's or the transaction's. */
static bool
must_be_raised(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

/*
 * Do the operation in a subtransaction: rolled back when the call fails, and
 * when an unexpected error makes it an INTERNAL_ERROR.
 */
static void
operate_guarded(HostCall *call)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		operate(call);
		if (extsched_result_is_ok(&call->result))
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;

		if (must_be_raised(error->sqlerrcode))
			ReThrowError(error);
		ereport(LOG,
				errmsg("host call %s failed with SQLSTATE %s: %s", call->operation->name,
					   unpack_sql_state(error->sqlerrcode), error->message));
		extsched_result_init(&call->result);
		extsched_result_fail(&call->result, EXTSCHED_API_INTERNAL_ERROR, error->sqlerrcode,
							 psprintf("an unexpected error occurred (SQLSTATE %s)",
									  unpack_sql_state(error->sqlerrcode)),
							 NULL, NULL);
	}
	PG_END_TRY();
}

static void
perform(HostCall *call, const char *tenant, const pg_uuid_t *install)
{
	bool		is_change = call->operation->is_change;

	if (call->operation->op == EXTSCHED_OP_CREATE && tenant != NULL)
		extsched_schedule_lock_total(tenant);
	if (!extsched_context_load(&call->context, FACE_HOST, tenant, install, is_change, &call->result))
		return;
	if (is_change && !extsched_schedule_enter(&call->context, &call->result))
		return;
	operate_guarded(call);
}

static char *
error_text(const ApiResult *result)
{
	if (result->nfields == 1)
		return result->fields[0].message;
	if (result->nfields > 1)
		return psprintf("%d fields are wrong.", result->nfields);
	return result->message;
}

static Jsonb *
failure_answer(const ApiResult *result)
{
	JsonBuild	answer = {0};

	extsched_json_begin_object(&answer);
	extsched_json_bool(&answer, "success", false);
	extsched_json_text(&answer, "code", failures[result->status].code);
	extsched_json_text(&answer, "error", error_text(result));
	extsched_json_int(&answer, "httpStatus", failures[result->status].http_status);
	if (result->status == EXTSCHED_API_RATE_LIMITED)
		extsched_json_int(&answer, "retryAfterSeconds", result->retry_after_s);
	if (result->nfields > 0)
	{
		extsched_json_key(&answer, "fieldErrors");
		extsched_json_begin_object(&answer);
		for (int i = 0; i < result->nfields; i++)
			extsched_json_text(&answer, result->fields[i].field, result->fields[i].message);
		extsched_json_end_object(&answer);
	}
	extsched_json_end_object(&answer);
	return extsched_json_finish(&answer);
}

/*
 * One record of a call that failed: a full minute apart, which a hostile
 * plugin could use to fill the log, and which stat_api counts.
 */
static void
log_failure(const HostCall *call, const char *tenant, const pg_uuid_t *install, uint64 elapsed_us)
{
	if (call->result.status == EXTSCHED_API_RATE_LIMITED)
		return;
	ereport(LOG,
			errmsg("host call %s: %s", call->operation->name, failures[call->result.status].code),
			errdetail_log("tenant \"%s\", install %s, schedule %s, " UINT64_FORMAT " us.",
						  tenant ? tenant : "",
						  install ? extsched_uuid_to_text(install) : "none",
						  (call->input.given & ~call->input.mistyped) & INPUT_SCHEDULE_ID ?
						  extsched_uuid_to_text(&call->input.schedule_id) : "none",
						  elapsed_us),
			errhidestmt(true));
}

/*
 * extsched_host
 *		SQL: extsched_host(tenant text, install uuid, operation text, input jsonb) returns jsonb
 *
 * Shapes, codes and order of checks: docs/host-api.md.
 */
PG_FUNCTION_INFO_V1(extsched_host);
Datum
extsched_host(PG_FUNCTION_ARGS)
{
	char	   *tenant = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	pg_uuid_t  *install = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	char	   *operation = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	HostCall	call = {.operation = find_operation(operation)};
	Jsonb	   *answer;
	Datum		returned;
	instr_time	start;
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(start);
	call.json = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	extsched_result_init(&call.result);
	extsched_version_check();
	SPI_connect();

	extsched_json_begin_object(&call.answer);
	extsched_json_bool(&call.answer, "success", true);
	perform(&call, tenant, install);
	if (extsched_result_is_ok(&call.result))
	{
		extsched_json_end_object(&call.answer);
		answer = extsched_json_finish(&call.answer);
	}
	else
		answer = failure_answer(&call.result);

	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, start);
	extsched_count_api(call.operation->op, call.result.status, INSTR_TIME_GET_MICROSEC(elapsed));
	if (!extsched_result_is_ok(&call.result))
		log_failure(&call, tenant, install, INSTR_TIME_GET_MICROSEC(elapsed));

	returned = SPI_datumTransfer(JsonbPGetDatum(answer), false, -1);
	SPI_finish();
	PG_RETURN_DATUM(returned);
}
