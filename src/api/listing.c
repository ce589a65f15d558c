/*-------------------------------------------------------------------------
 *
 * listing.c
 *		Schedules and endpoints as the host API shows them.
 *
 * Both faces read the same view, extsched.schedule_record; only here its
 * columns get the names of the host API.  All functions run inside SPI_connect
 * and add one key to an open answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/listing.h"
#include "api/plan.h"

#define RECORD \
	"SELECT id, endpoint_path, endpoint_method, name, cron, timezone, enabled, payload," \
	" last_run_at, last_run_status, last_error, created_at, next_run_at, revision" \
	" FROM extsched.schedule_record WHERE tenant_id = $1 AND install_id = $2"

static PreparedStatement list_schedules = {
	.sql = RECORD " ORDER BY created_at, id",
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

static PreparedStatement get_schedule = {
	.sql = RECORD " AND id = $3",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, UUIDOID},
};

static PreparedStatement list_endpoints = {
	.sql = "SELECT endpoint_id, method, path, handler, schedulable FROM extsched.endpoint"
	" WHERE version_id = $1 ORDER BY path COLLATE \"C\", method COLLATE \"C\"",
	.nargs = 1,
	.types = {UUIDOID},
};

typedef struct Row
{
	HeapTuple	tuple;
	TupleDesc	desc;
} Row;

static Row
row_at(uint64 index)
{
	return (Row) {SPI_tuptable->vals[index], SPI_tuptable->tupdesc};
}

static void
add_text(JsonBuild *build, const char *key, Row row, int column)
{
	extsched_json_text(build, key, SPI_getvalue(row.tuple, row.desc, column));
}

static void
add_bool(JsonBuild *build, const char *key, Row row, int column)
{
	bool		isnull;

	extsched_json_bool(build, key, DatumGetBool(SPI_getbinval(row.tuple, row.desc, column, &isnull)));
}

static void
add_instant(JsonBuild *build, const char *key, Row row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row.tuple, row.desc, column, &isnull);

	extsched_json_instant(build, key, isnull ? DT_NOBEGIN : DatumGetTimestampTz(value));
}

static void
add_schedule(JsonBuild *build, const char *key, Row row)
{
	bool		isnull;
	Datum		payload = SPI_getbinval(row.tuple, row.desc, 8, &isnull);

	if (key != NULL)
		extsched_json_key(build, key);
	extsched_json_begin_object(build);
	add_text(build, "id", row, 1);
	add_text(build, "endpointPath", row, 2);
	add_text(build, "endpointMethod", row, 3);
	add_text(build, "name", row, 4);
	add_text(build, "cron", row, 5);
	add_text(build, "timezone", row, 6);
	add_bool(build, "enabled", row, 7);
	extsched_json_document(build, "payload", isnull ? NULL : DatumGetJsonbPCopy(payload));
	add_instant(build, "lastRunAt", row, 9);
	add_text(build, "lastRunStatus", row, 10);
	add_text(build, "lastError", row, 11);
	add_instant(build, "createdAt", row, 12);
	add_instant(build, "nextRunAt", row, 13);
	extsched_json_int(build, "revision", DatumGetInt64(SPI_getbinval(row.tuple, row.desc, 14, &isnull)));
	extsched_json_end_object(build);
}

/* extsched_listing_schedules: "schedules", all of the install in their order. */
void
extsched_listing_schedules(const InstallContext *context, JsonBuild *answer)
{
	Datum		values[2] = {CStringGetTextDatum(context->tenant), UUIDPGetDatum(&context->install)};
	uint64		count = extsched_plan_execute(&list_schedules, values, NULL, SPI_OK_SELECT, 0);

	extsched_json_key(answer, "schedules");
	extsched_json_begin_array(answer);
	for (uint64 i = 0; i < count; i++)
		add_schedule(answer, NULL, row_at(i));
	extsched_json_end_array(answer);
}

/* extsched_listing_schedule: "schedule", null when absent or foreign. */
void
extsched_listing_schedule(const InstallContext *context, const pg_uuid_t *schedule, JsonBuild *answer)
{
	Datum		values[3] = {CStringGetTextDatum(context->tenant), UUIDPGetDatum(&context->install),
	UUIDPGetDatum(schedule)};

	if (extsched_plan_execute(&get_schedule, values, NULL, SPI_OK_SELECT, 1) == 0)
		extsched_json_null(answer, "schedule");
	else
		add_schedule(answer, "schedule", row_at(0));
}

/* extsched_listing_endpoints: "endpoints" of the installed version. */
void
extsched_listing_endpoints(const InstallContext *context, JsonBuild *answer)
{
	Datum		values[1] = {UUIDPGetDatum(&context->version)};
	uint64		count = extsched_plan_execute(&list_endpoints, values, NULL, SPI_OK_SELECT, 0);

	extsched_json_key(answer, "endpoints");
	extsched_json_begin_array(answer);
	for (uint64 i = 0; i < count; i++)
	{
		Row			row = row_at(i);

		extsched_json_begin_object(answer);
		add_text(answer, "id", row, 1);
		add_text(answer, "method", row, 2);
		add_text(answer, "path", row, 3);
		add_text(answer, "handler", row, 4);
		add_bool(answer, "schedulable", row, 5);
		extsched_json_end_object(answer);
	}
	extsched_json_end_array(answer);
}
