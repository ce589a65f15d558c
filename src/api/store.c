/*-------------------------------------------------------------------------
 *
 * store.c
 *		Rows of extsched.schedule and extsched.timer, read and written.
 *
 * All functions run inside SPI_connect.  Rules are elsewhere: here are the
 * statements, and the one mapping between columns and ScheduleInput.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/digest.h"
#include "api/json_build.h"
#include "api/plan.h"
#include "api/store.h"

/*
 * The columns that a caller decides, in the order of bind_definition() and
 * read_definition().
 */
#define DEFINITION \
	"version_id, endpoint_id, endpoint_method, endpoint_path, name, cron, timezone, payload, enabled," \
	" overlap, catch_up_s, max_attempts, backoff_s, max_age_s, pause_after_failures, timeout_ms," \
	" on_unknown, starts_at, ends_at, jitter_s"
#define DEFINITION_TYPES \
	UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, \
	TEXTOID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID, \
	TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID
#define DEFINITION_PARAMS \
	"$4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23"
#define KEYS 3					/* tenant, install, schedule: $1 to $3 */
#define NDEFINITION 20

static PreparedStatement count_of_install = {
	.sql = "SELECT count(*) FROM (SELECT FROM extsched.schedule"
	" WHERE tenant_id = $1 AND install_id = $2 LIMIT $3) AS counted",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, INT8OID},
};

static PreparedStatement count_of_tenant = {
	.sql = "SELECT count(*) FROM (SELECT FROM extsched.schedule"
	" WHERE tenant_id = $1 AND $2 IS NOT NULL LIMIT $3) AS counted",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, INT8OID},
};

static PreparedStatement find_name = {
	.sql = "SELECT FROM extsched.schedule WHERE tenant_id = $1 AND install_id = $2"
	" AND name = $3 AND schedule_id IS DISTINCT FROM $4",
	.nargs = 4,
	.types = {TEXTOID, UUIDOID, TEXTOID, UUIDOID},
};

static PreparedStatement find_token = {
	.sql = "SELECT schedule_id, client_digest FROM extsched.schedule"
	" WHERE tenant_id = $1 AND install_id = $2 AND client_token = $3",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TEXTOID},
};

/* Schedule and timer in one statement, which costs less than two. */
static PreparedStatement insert_schedule = {
	.sql = "WITH stored AS (INSERT INTO extsched.schedule (tenant_id, install_id, schedule_id, " DEFINITION ","
	" client_token, client_digest, created_via, created_at, updated_at)"
	" VALUES ($1, $2, $3, " DEFINITION_PARAMS ", $24, $25, $26, $27, $27))"
	" INSERT INTO extsched.timer (tenant_id, schedule_id, next_due, accounted_from)"
	" VALUES ($1, $3, $28, $29)",
	.nargs = 29,
	.types = {TEXTOID, UUIDOID, UUIDOID, DEFINITION_TYPES, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID},
};

static PreparedStatement lock_schedule = {
	.sql = "SELECT " DEFINITION ", revision FROM extsched.schedule"
	" WHERE tenant_id = $1 AND install_id = $2 AND schedule_id = $3 FOR UPDATE",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, UUIDOID},
};

static PreparedStatement lock_timer = {
	.sql = "SELECT quarantine_reason IS NOT NULL FROM extsched.timer"
	" WHERE tenant_id = $1 AND $2 IS NOT NULL AND schedule_id = $3 FOR UPDATE",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, UUIDOID},
};

static PreparedStatement update_schedule = {
	.sql = "UPDATE extsched.schedule SET (" DEFINITION ", invalid_reason, revision, updated_at) ="
	" ROW(" DEFINITION_PARAMS ", CASE WHEN $5 IS NULL THEN invalid_reason END, $24, $25)"
	" WHERE tenant_id = $1 AND install_id = $2 AND schedule_id = $3",
	.nargs = 25,
	.types = {TEXTOID, UUIDOID, UUIDOID, DEFINITION_TYPES, INT8OID, TIMESTAMPTZOID},
};

static PreparedStatement arm_timer = {
	.sql = "INSERT INTO extsched.timer (tenant_id, schedule_id, next_due, accounted_from)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, schedule_id) DO UPDATE"
	" SET next_due = excluded.next_due, accounted_from = excluded.accounted_from,"
	" quarantine_reason = NULL",
	.nargs = 4,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

static PreparedStatement cancel_runs = {
	.sql = "SELECT extsched.cancel_runs($1, $2, $3)",
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TEXTOID},
};

static PreparedStatement delete_timer = {
	.sql = "DELETE FROM extsched.timer WHERE tenant_id = $1 AND schedule_id = $2",
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

static PreparedStatement delete_schedule = {
	.sql = "DELETE FROM extsched.schedule WHERE tenant_id = $1 AND schedule_id = $2",
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

/* Parameters of a statement under way. */
typedef struct Binding
{
	int			count;
	Datum		values[PLAN_MAX_ARGS];
	char		nulls[PLAN_MAX_ARGS + 1];
} Binding;

static void
bind(Binding *binding, Datum value, bool isnull)
{
	binding->values[binding->count] = value;
	binding->nulls[binding->count] = isnull ? 'n' : ' ';
	binding->count++;
}

static void
bind_text(Binding *binding, const char *text)
{
	bind(binding, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
bind_instant(Binding *binding, TimestampTz instant)
{
	bind(binding, TimestampTzGetDatum(instant), TIMESTAMP_NOT_FINITE(instant));
}

static void
bind_keys(Binding *binding, const InstallContext *context, const pg_uuid_t *schedule)
{
	memset(binding, 0, sizeof(*binding));
	bind_text(binding, context->tenant);
	bind(binding, UUIDPGetDatum(&context->install), false);
	bind(binding, UUIDPGetDatum(schedule), false);
}

static void
bind_definition(Binding *binding, const InstallContext *context, const ScheduleInput *schedule)
{
	bool		has_endpoint = schedule->match.status == ENDPOINT_FOUND;

	bind(binding, UUIDPGetDatum(&context->version), !has_endpoint);
	bind(binding, UUIDPGetDatum(&schedule->match.endpoint_id), !has_endpoint);
	bind_text(binding, schedule->match.method);
	bind_text(binding, schedule->match.path);
	bind_text(binding, schedule->name);
	bind_text(binding, schedule->cron);
	bind_text(binding, schedule->timezone);
	bind(binding, JsonbPGetDatum(schedule->payload), schedule->payload == NULL);
	bind(binding, BoolGetDatum(schedule->enabled), false);
	bind_text(binding, schedule->overlap);
	bind(binding, Int32GetDatum(schedule->catch_up_s), false);
	bind(binding, Int32GetDatum(schedule->max_attempts), false);
	bind(binding, Int32GetDatum(schedule->backoff_s), false);
	bind(binding, Int32GetDatum(schedule->max_age_s), false);
	bind(binding, Int32GetDatum(schedule->pause_after_failures), false);
	bind(binding, Int32GetDatum(schedule->timeout_ms), schedule->timeout_ms == 0);
	bind_text(binding, schedule->on_unknown);
	bind_instant(binding, schedule->starts_at);
	bind_instant(binding, schedule->ends_at);
	bind(binding, Int32GetDatum(schedule->jitter_s), false);
}

static uint64
execute(PreparedStatement *statement, Binding *binding, int expected)
{
	Assert(binding->count == statement->nargs);
	return extsched_plan_execute(statement, binding->values, binding->nulls, expected, 0);
}

/* Run a SELECT that must see what others committed; see extsched_plan_look. */
static uint64
look(PreparedStatement *statement, Binding *binding)
{
	Assert(binding->count == statement->nargs);
	return extsched_plan_look(statement, binding->values, binding->nulls);
}

static char *
text_column(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

static Datum
column(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

static int
int_column(int number)
{
	bool		isnull;
	Datum		value = column(number, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static TimestampTz
instant_column(int number)
{
	bool		isnull;
	Datum		value = column(number, &isnull);

	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

static void
read_definition(StoredSchedule *stored)
{
	ScheduleInput *value = &stored->value;
	bool		isnull;
	Datum		endpoint = column(2, &isnull);
	Datum		payload;

	stored->has_endpoint = !isnull;
	value->match.status = isnull ? ENDPOINT_UNKNOWN : ENDPOINT_FOUND;
	if (!isnull)
		value->match.endpoint_id = *DatumGetUUIDP(endpoint);
	value->match.method = text_column(3);
	value->match.path = text_column(4);
	value->name = text_column(5);
	value->cron = text_column(6);
	value->timezone = text_column(7);
	payload = column(8, &isnull);
	value->payload = isnull ? NULL : DatumGetJsonbPCopy(payload);
	value->enabled = DatumGetBool(column(9, &isnull));
	value->overlap = text_column(10);
	value->catch_up_s = int_column(11);
	value->max_attempts = int_column(12);
	value->backoff_s = int_column(13);
	value->max_age_s = int_column(14);
	value->pause_after_failures = int_column(15);
	value->timeout_ms = int_column(16);
	value->on_unknown = text_column(17);
	value->starts_at = instant_column(18);
	value->ends_at = instant_column(19);
	value->jitter_s = int_column(20);
	stored->revision = DatumGetInt64(column(NDEFINITION + 1, &isnull));
}

/*
 * extsched_store_count
 *		Schedules of the install or of its whole tenant, enabled or not; counts
 *		no further than limit.
 */
int64
extsched_store_count(const InstallContext *context, bool of_tenant, int64 limit)
{
	Binding		binding = {0};
	bool		isnull;

	bind_text(&binding, context->tenant);
	bind(&binding, UUIDPGetDatum(&context->install), false);
	bind(&binding, Int64GetDatum(limit), false);
	(void) look(of_tenant ? &count_of_tenant : &count_of_install, &binding);
	return DatumGetInt64(column(1, &isnull));
}

/*
 * extsched_store_name_is_taken
 *		Has another schedule of the install this name?
 *
 * Exact only under the install's limiter lock.  except may be NULL.
 */
bool
extsched_store_name_is_taken(const InstallContext *context, const char *name,
							 const pg_uuid_t *except)
{
	Binding		binding = {0};

	bind_text(&binding, context->tenant);
	bind(&binding, UUIDPGetDatum(&context->install), false);
	bind_text(&binding, name);
	bind(&binding, UUIDPGetDatum(except), except == NULL);
	return look(&find_name, &binding) > 0;
}

/*
 * extsched_store_find_token
 *		The schedule that a client token made, and the digest of that call.
 */
bool
extsched_store_find_token(const InstallContext *context, const char *token,
						  pg_uuid_t *schedule, char **digest)
{
	Binding		binding = {0};
	bool		isnull;

	bind_text(&binding, context->tenant);
	bind(&binding, UUIDPGetDatum(&context->install), false);
	bind_text(&binding, token);
	if (look(&find_token, &binding) == 0)
		return false;
	*schedule = *DatumGetUUIDP(column(1, &isnull));
	*digest = text_column(2);
	return true;
}

/*
 * extsched_store_insert
 *		Add a schedule under schedule->schedule_id, and its timer.
 *
 * next_due is DT_NOBEGIN for none.
 */
void
extsched_store_insert(const InstallContext *context, const ScheduleInput *schedule,
					  const char *client_digest, TimestampTz next_due, TimestampTz accounted_from)
{
	Binding		binding;

	bind_keys(&binding, context, &schedule->schedule_id);
	bind_definition(&binding, context, schedule);
	bind_text(&binding, schedule->client_token);
	bind_text(&binding, client_digest);
	bind_text(&binding, context->face == FACE_HOST ? "host_api" : "admin");
	bind(&binding, TimestampTzGetDatum(GetCurrentTimestamp()), false);
	bind_instant(&binding, next_due);
	bind_instant(&binding, accounted_from);
	(void) execute(&insert_schedule, &binding, SPI_OK_INSERT);
}

/*
 * extsched_store_lock
 *		Lock a schedule and its timer, and read what it is.
 *
 * False when the install has no such schedule.  A timer that somebody removed
 * by hand does not hide the schedule: arming makes it again.
 */
bool
extsched_store_lock(const InstallContext *context, const pg_uuid_t *schedule,
					StoredSchedule *stored)
{
	Binding		binding;
	bool		isnull;

	memset(stored, 0, sizeof(*stored));
	stored->value.schedule_id = *schedule;
	bind_keys(&binding, context, schedule);
	if (execute(&lock_schedule, &binding, SPI_OK_SELECT) == 0)
		return false;
	read_definition(stored);
	if (execute(&lock_timer, &binding, SPI_OK_SELECT) > 0)
		stored->is_quarantined = DatumGetBool(column(1, &isnull));
	return true;
}

/*
 * extsched_store_write
 *		Write the definition and the new revision of a locked schedule.  Having
 *		an endpoint clears what an upgrade noted about missing it.
 */
void
extsched_store_write(const InstallContext *context, const ScheduleInput *schedule, int64 revision)
{
	Binding		binding;

	bind_keys(&binding, context, &schedule->schedule_id);
	bind_definition(&binding, context, schedule);
	bind(&binding, Int64GetDatum(revision), false);
	bind(&binding, TimestampTzGetDatum(GetCurrentTimestamp()), false);
	(void) execute(&update_schedule, &binding, SPI_OK_UPDATE);
}

/*
 * extsched_store_arm
 *		Set the due time of a schedule, DT_NOBEGIN for none; ends a quarantine.
 *
 * Makes the timer again if somebody removed it by hand.
 */
void
extsched_store_arm(const InstallContext *context, const pg_uuid_t *schedule,
				   TimestampTz next_due, TimestampTz accounted_from)
{
	Binding		binding = {0};

	bind_text(&binding, context->tenant);
	bind(&binding, UUIDPGetDatum(schedule), false);
	bind_instant(&binding, next_due);
	bind_instant(&binding, accounted_from);
	(void) execute(&arm_timer, &binding, SPI_OK_INSERT);
}

/*
 * extsched_store_cancel_runs
 *		End the runs of a schedule that have not started, with a reason.
 */
void
extsched_store_cancel_runs(const InstallContext *context, const pg_uuid_t *schedule,
						   const char *reason)
{
	Binding		binding = {0};

	bind_text(&binding, context->tenant);
	bind(&binding, UUIDPGetDatum(schedule), false);
	bind_text(&binding, reason);
	(void) execute(&cancel_runs, &binding, SPI_OK_SELECT);
}

/* extsched_store_delete: remove timer and schedule. */
void
extsched_store_delete(const InstallContext *context, const pg_uuid_t *schedule)
{
	Binding		binding = {0};

	bind_text(&binding, context->tenant);
	bind(&binding, UUIDPGetDatum(schedule), false);
	(void) execute(&delete_timer, &binding, SPI_OK_DELETE);
	(void) execute(&delete_schedule, &binding, SPI_OK_DELETE);
}

/* Of a payload an audit record holds size and digest, never the text. */
static void
describe_payload(JsonBuild *build, Jsonb *payload)
{
	char	   *text;

	if (payload == NULL)
	{
		extsched_json_null(build, "payload");
		return;
	}
	text = JsonbToCString(NULL, &payload->root, VARSIZE(payload));
	extsched_json_key(build, "payload");
	extsched_json_begin_object(build);
	extsched_json_int(build, "bytes", strlen(text));
	extsched_json_text(build, "sha256", extsched_digest_text(text));
	extsched_json_end_object(build);
}

/*
 * extsched_store_describe
 *		Some fields of a schedule as an audit record shows them.
 *
 * fields is a set of INPUT_ bits.  Shows no payload text.
 */
Jsonb *
extsched_store_describe(const ScheduleInput *schedule, uint32 fields)
{
	JsonBuild	build = {0};

	extsched_json_begin_object(&build);
	if (fields & INPUT_ENDPOINT)
		extsched_json_text(&build, "endpoint",
						   psprintf("%s %s", schedule->match.method, schedule->match.path));
	if (fields & INPUT_CRON)
		extsched_json_text(&build, "cron", schedule->cron);
	if (fields & INPUT_TIMEZONE)
		extsched_json_text(&build, "timezone", schedule->timezone);
	if (fields & INPUT_ENABLED)
		extsched_json_bool(&build, "enabled", schedule->enabled);
	if (fields & INPUT_NAME)
		extsched_json_text(&build, "name", schedule->name);
	if (fields & INPUT_PAYLOAD)
		describe_payload(&build, schedule->payload);
	if (fields & INPUT_OVERLAP)
		extsched_json_text(&build, "overlap", schedule->overlap);
	if (fields & INPUT_CATCH_UP)
		extsched_json_int(&build, "catch_up_s", schedule->catch_up_s);
	if (fields & INPUT_MAX_ATTEMPTS)
		extsched_json_int(&build, "max_attempts", schedule->max_attempts);
	if (fields & INPUT_BACKOFF)
		extsched_json_int(&build, "backoff_s", schedule->backoff_s);
	if (fields & INPUT_MAX_AGE)
		extsched_json_int(&build, "max_age_s", schedule->max_age_s);
	if (fields & INPUT_PAUSE_AFTER)
		extsched_json_int(&build, "pause_after_failures", schedule->pause_after_failures);
	if (fields & INPUT_TIMEOUT)
		extsched_json_int(&build, "timeout_ms", schedule->timeout_ms);
	if (fields & INPUT_ON_UNKNOWN)
		extsched_json_text(&build, "on_unknown", schedule->on_unknown);
	if (fields & INPUT_STARTS_AT)
		extsched_json_instant(&build, "starts_at", schedule->starts_at);
	if (fields & INPUT_ENDS_AT)
		extsched_json_instant(&build, "ends_at", schedule->ends_at);
	if (fields & INPUT_JITTER)
		extsched_json_int(&build, "jitter_s", schedule->jitter_s);
	extsched_json_end_object(&build);
	return extsched_json_finish(&build);
}
