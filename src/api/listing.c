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

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "api/listing.h"
#include "api/plan.h"

#define RECORD \
	"SELECT id, endpoint_path, endpoint_method, name, cron, timezone, enabled, payload," \
	" last_run_at, last_run_status, last_error, created_at, fires_at, revision" \
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

#define RECORD_COLUMNS 14

/* The values of a row of SPI_tuptable, which they point into. */
typedef struct Row
{
	Datum		values[RECORD_COLUMNS];
	bool		nulls[RECORD_COLUMNS];
} Row;

static void
read_row(Row *row, uint64 index)
{
	Assert(SPI_tuptable->tupdesc->natts <= RECORD_COLUMNS);
	heap_deform_tuple(SPI_tuptable->vals[index], SPI_tuptable->tupdesc, row->values, row->nulls);
}

static void
add_uuid(JsonBuild *build, const char *key, const Row *row, int column)
{
	extsched_json_uuid(build, key, DatumGetUUIDP(row->values[column]));
}

static void
add_text(JsonBuild *build, const char *key, const Row *row, int column)
{
	extsched_json_text_datum(build, key, row->values[column], row->nulls[column]);
}

static void
add_bool(JsonBuild *build, const char *key, const Row *row, int column)
{
	extsched_json_bool(build, key, DatumGetBool(row->values[column]));
}

static void
add_instant(JsonBuild *build, const char *key, const Row *row, int column)
{
	extsched_json_instant(build, key,
						  row->nulls[column] ? DT_NOBEGIN : DatumGetTimestampTz(row->values[column]));
}

/*
 * Columns are those of RECORD, counted from 0.  The keys come in the order in
 * which jsonb stores them, by length and bytes, so that it has none to sort.
 */
static void
add_schedule(const InstallContext *context, JsonBuild *build, const char *key, uint64 index)
{
	Row			row;

	read_row(&row, index);
	if (key != NULL)
		extsched_json_key(build, key);
	extsched_json_begin_object(build);
	add_uuid(build, "id", &row, 0);
	add_text(build, "cron", &row, 4);
	add_text(build, "name", &row, 3);
	add_bool(build, "enabled", &row, 6);
	extsched_json_document(build, "payload", row.nulls[7] ? NULL : DatumGetJsonbP(row.values[7]));
	extsched_json_int(build, "revision", DatumGetInt64(row.values[13]));
	add_text(build, "timezone", &row, 5);
	add_instant(build, "createdAt", &row, 11);
	add_text(build, "lastError", &row, 10);
	add_instant(build, "lastRunAt", &row, 8);
	if (context->fires)
		add_instant(build, "nextRunAt", &row, 12);
	else
		extsched_json_null(build, "nextRunAt");
	add_text(build, "endpointPath", &row, 1);
	add_text(build, "lastRunStatus", &row, 9);
	add_text(build, "endpointMethod", &row, 2);
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
		add_schedule(context, answer, NULL, i);
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
		add_schedule(context, answer, "schedule", 0);
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
		Row			row;

		read_row(&row, i);
		extsched_json_begin_object(answer);
		add_uuid(answer, "id", &row, 0);
		add_text(answer, "method", &row, 1);
		add_text(answer, "path", &row, 2);
		add_text(answer, "handler", &row, 3);
		add_bool(answer, "schedulable", &row, 4);
		extsched_json_end_object(answer);
	}
	extsched_json_end_array(answer);
}
