/*-------------------------------------------------------------------------
 *
 * preview.c
 *		The request that a run of a schedule would send.
 *
 * Reads the same columns and writes with the same code as the worker, so that
 * what is shown is what is sent: ids and times are those of an example, and
 * secrets are masked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "api/context.h"
#include "api/json_build.h"
#include "api/plan.h"
#include "core/row.h"
#include "core/settings.h"
#include "core/version.h"
#include "dispatch/request.h"

/* The limit says that it is one row: else servers from 17 on scan whole tables without statistics. */
static PreparedStatement read_request = {
	.sql = "SELECT " EXTSCHED_REQUEST_COLUMNS
	" FROM (SELECT s.tenant_id, s.schedule_id, s.install_id,"
	"  extsched.run_id(s.tenant_id, s.schedule_id, coalesce(m.next_due, extsched.clock_now()), 'schedule') AS run_id,"
	"  coalesce(m.next_due, extsched.clock_now()) AS nominal_time, 'schedule' AS trigger, 1 AS attempt, i.runner"
	"  FROM extsched.schedule s"
	"  JOIN extsched.install i ON i.tenant_id = s.tenant_id AND i.install_id = s.install_id"
	"  LEFT JOIN extsched.timer m ON m.tenant_id = s.tenant_id AND m.schedule_id = s.schedule_id"
	"  WHERE s.tenant_id = $1 AND s.install_id = $2 AND s.schedule_id = $3 LIMIT 1) r"
	EXTSCHED_REQUEST_JOINS,
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, UUIDOID},
};

/* Header lines are "name: value", each ended by a zero byte. */
static void
add_headers(JsonBuild *answer, const ExtschedWire *wire)
{
	const char *line = wire->headers.data;

	extsched_json_key(answer, "headers");
	extsched_json_begin_object(answer);
	for (int i = 0; i < wire->n_headers; i++)
	{
		const char *colon = strchr(line, ':');

		if (colon != NULL)
			extsched_json_text(answer, pnstrdup(line, colon - line), colon + strspn(colon, ": "));
		line += strlen(line) + 1;
	}
	extsched_json_end_object(answer);
}

static void
add_request(JsonBuild *answer, const ExtschedRequest *request)
{
	ExtschedRequestFrame frame = {.header_prefix = extsched_header_prefix};
	ExtschedWire wire;
	StringInfoData body;
	const char *problem = NULL;

	if (request->blocked != EXTSCHED_REASON_NONE)
	{
		extsched_json_text(answer, "reason", extsched_reason_name(request->blocked));
		extsched_json_text(answer, "error", request->blocked_text);
		return;
	}
	if (request->is_http)
	{
		extsched_wire_init(&wire);
		problem = extsched_request_build(request, &frame, (int64) time(NULL), &wire);
		if (problem != NULL)
		{
			extsched_json_text(answer, "reason", extsched_reason_name(EXTSCHED_REASON_NOT_BUILT));
			extsched_json_text(answer, "error", problem);
			return;
		}
		extsched_json_text(answer, "url", wire.url.data);
		add_headers(answer, &wire);
	}
	initStringInfo(&body);
	extsched_request_body(request, extsched_header_prefix, true, &body);
	extsched_json_document(answer, "body",
						   DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(body.data))));
}

/*
 * extsched_preview_request
 *		SQL: extsched_preview_request(tenant, install, schedule) returns jsonb
 */
PG_FUNCTION_INFO_V1(extsched_preview_request);
Datum
extsched_preview_request(PG_FUNCTION_ARGS)
{
	InstallContext context;
	ApiResult	result;
	ExtschedRequest request;
	ExtschedRow row;
	JsonBuild	answer = {0};
	Datum		values[3];
	Datum		returned;

	extsched_result_init(&result);
	extsched_version_check();
	SPI_connect();
	if (!extsched_context_load(&context, FACE_SQL,
							   PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1), false, &result))
		extsched_result_raise(&result);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("schedule must not be null"),
				errhint("Name the schedule by its id."));

	values[0] = CStringGetTextDatum(context.tenant);
	values[1] = UUIDPGetDatum(&context.install);
	values[2] = UUIDPGetDatum(PG_GETARG_UUID_P(2));
	if (extsched_plan_execute(&read_request, values, NULL, SPI_OK_SELECT, 1) == 0)
	{
		extsched_result_no_schedule(&result, PG_GETARG_UUID_P(2));
		extsched_result_raise(&result);
	}

	memset(&request, 0, sizeof(request));
	extsched_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	extsched_request_read(&row, extsched_run_timeout_ms, &request);
	request.request_id = *DatumGetUUIDP(OidFunctionCall0(F_GEN_RANDOM_UUID));
	extsched_json_begin_object(&answer);
	add_request(&answer, &request);
	extsched_json_end_object(&answer);
	returned = SPI_datumTransfer(JsonbPGetDatum(extsched_json_finish(&answer)), false, -1);
	SPI_finish();
	PG_RETURN_DATUM(returned);
}
