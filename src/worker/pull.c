/*-------------------------------------------------------------------------
 *
 * pull.c
 *		Runners that pull: claim, heartbeat, complete.
 *
 * A Runner that pulls is a worker at the other end of a connection.  It gets
 * the same requests, under the same caps and in the same order, holds the same
 * leases, and its outcomes are judged and written by the same code.  What it
 * may touch are runs of the Runners whose names its role was granted.
 *
 * Claims of one Runner take turns, by locking its row: only so can caps be
 * counted.  Nobody else waits for that lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/identity.h"
#include "core/planner.h"
#include "core/row.h"
#include "core/settings.h"
#include "core/version.h"
#include "core/wake.h"
#include "dispatch/utf8.h"
#include "worker/refill.h"
#include "worker/rows.h"
#include "worker/settle.h"
#include "worker/start.h"

#define MAX_RUNS			1000
#define MAX_LEASE_S			86400

/* Whether the caller may act for a Runner; the owner may for all. */
#define MAY_ACT_FOR(runner) \
	" (pg_catalog.pg_has_role(extsched.acting_role(), CURRENT_USER, 'USAGE')" \
	" OR EXISTS (SELECT FROM extsched.access_grant g" \
	" JOIN pg_catalog.pg_roles o ON o.rolname = g.role_name" \
	" WHERE g.access = 'runner' AND g.runner = " runner \
	" AND pg_catalog.pg_has_role(extsched.acting_role(), o.oid, 'USAGE')))"

static ExtschedStmt lock_runner = {
	.sql = "SELECT n.transport, n.max_in_flight FROM extsched.runner n"
	" WHERE n.runner = $1 FOR UPDATE",
	.expected = SPI_OK_SELECT,
	.nargs = 1,
	.types = {TEXTOID},
};

static ExtschedStmt check_access = {
	.sql = "SELECT" MAY_ACT_FOR("$1"),
	.expected = SPI_OK_SELECT,
	.nargs = 1,
	.types = {TEXTOID},
};

/* What is in flight, and how much may be. */
static ExtschedStmt count_running = {
	.sql = "SELECT r.runner, r.tenant_id, r.install_id, r.n, " EXTSCHED_CAP_COLUMNS " FROM"
	" (SELECT e.runner, e.tenant_id, e.install_id, pg_catalog.count(*)::pg_catalog.int4 AS n"
	" FROM extsched.run e WHERE e.state = 'running' GROUP BY 1, 2, 3) r"
	" LEFT JOIN extsched.tenant t ON t.tenant_id = r.tenant_id"
	" LEFT JOIN extsched.install i ON i.tenant_id = r.tenant_id AND i.install_id = r.install_id"
	" LEFT JOIN extsched.runner n ON n.runner = r.runner",
	.expected = SPI_OK_SELECT,
	.nargs = 0,
};

/* Where tables are distributed, a run is found first, and who may act checked. */
static ExtschedStmt find_owner = {
	.sql = "SELECT r.tenant_id, r.runner FROM extsched.run_%s r WHERE r.run_id = $1",
	.expected = SPI_OK_SELECT,
	.nargs = 1,
	.types = {UUIDOID},
};

#define EXTEND_LEASE \
	"UPDATE extsched.run_%s r SET lease_expires_at = $3" \
	" WHERE r.run_id = $1 AND r.lease_id = $2 AND r.state = 'running'"

static ExtschedStmt extend_lease = {
	.sql = EXTEND_LEASE " AND" MAY_ACT_FOR("r.runner"),
	.distributed_sql = EXTEND_LEASE EXTSCHED_OF_TENANT("r"),
	.expected = SPI_OK_UPDATE,
	.nargs = 4,
	.types = {UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID},
};

/* The timer is locked first, as everywhere; it may be gone. */
#define LOCK_TIMER \
	"SELECT t.in_flight FROM extsched.run_%s r" \
	" JOIN extsched.timer t ON t.tenant_id = r.tenant_id AND t.schedule_id = r.schedule_id" \
	" WHERE r.run_id = $1 AND r.lease_id = $2"

static ExtschedStmt lock_timer = {
	.sql = LOCK_TIMER " AND" MAY_ACT_FOR("r.runner") " FOR UPDATE OF t",
	.distributed_sql = LOCK_TIMER EXTSCHED_OF_TENANT("r") " FOR UPDATE OF t",
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {UUIDOID, UUIDOID, TEXTOID},
};

#define FIND_RUN \
	"SELECT r.tenant_id, r.schedule_id, r.install_id, r.nominal_time, r.trigger," \
	" r.attempt, r.created_at, r.dispatched_at, r.registry_id, r.version_id," \
	" r.content_hash, r.schedule_name, s.max_attempts, s.backoff_s, s.max_age_s," \
	" s.pause_after_failures, r.runner FROM extsched.run_%s r" \
	" LEFT JOIN extsched.schedule s ON s.tenant_id = r.tenant_id AND s.schedule_id = r.schedule_id" \
	" WHERE r.run_id = $1 AND r.lease_id = $2 AND r.state = 'running'"

static ExtschedStmt find_run = {
	.sql = FIND_RUN " AND" MAY_ACT_FOR("r.runner"),
	.distributed_sql = FIND_RUN EXTSCHED_OF_TENANT("r"),
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {UUIDOID, UUIDOID, TEXTOID},
};

static void
count_call(ExtschedApiOp op, instr_time start)
{
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, start);
	extsched_count_api(op, EXTSCHED_API_OK, INSTR_TIME_GET_MICROSEC(elapsed));
}

/* Like a worker's, as far as it goes for one call. */
static ExtschedLoop *
make_loop(void)
{
	ExtschedLoop *loop = palloc0(sizeof(ExtschedLoop));

	loop->runs = loop->cycle = CurrentMemoryContext;
	loop->total = 1;
	dlist_init(&loop->outcomes);
	return loop;
}

/*
 * Begin to work on the tables, as a worker would; returns what leave() needs.
 */
static int
enter(void)
{
	int			level = extsched_planner_enter();

	extsched_version_check();
	SPI_connect();
	extsched_rows_open();
	return level;
}

static void
leave(int level)
{
	SPI_finish();
	extsched_planner_leave(level);
}

static void
check_range(const char *name, int value, int max)
{
	if (value >= 1 && value <= max)
		return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid value for \"%s\": %d", name, value),
			errdetail("The value must be between 1 and %d.", max));
}

static bool
may_act_for(Datum runner)
{
	bool		isnull;

	(void) extsched_stmt_run(&check_access, &runner, NULL);
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * The tenant of a run, for statements that are for one tenant.  False if there
 * is no such run, or the caller may not act for its Runner.
 */
static bool
find_tenant(const pg_uuid_t *run_id, Datum *tenant)
{
	Datum		values[1];
	SPITupleTable *found;
	bool		isnull;

	*tenant = (Datum) 0;
	if (!extsched_rows_distributed())
		return true;			/* for all statements to find out */
	values[0] = UUIDPGetDatum(run_id);
	if (extsched_stmt_run_on_leaf(&find_owner, extsched_run_id_slot(run_id), values, NULL) == 0)
		return false;
	found = SPI_tuptable;
	*tenant = SPI_getbinval(found->vals[0], found->tupdesc, 1, &isnull);
	return may_act_for(SPI_getbinval(found->vals[0], found->tupdesc, 2, &isnull));
}

/*
 * Lock the Runner, check that it may be pulled for, and return its cap, or -1.  A
 * name the caller has no right to is answered alike whether it exists or not.
 */
static int
enter_runner(const char *runner)
{
	Datum		values[1];
	bool		isnull;
	Datum		cap;

	values[0] = CStringGetTextDatum(runner);
	if (!may_act_for(values[0]))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for Runner \"%s\"", runner),
				errhint("Have an administrator call extsched_grant with the access \"runner\" and this name."));
	if (extsched_stmt_run(&lock_runner, values, NULL) == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("Runner \"%s\" does not exist", runner),
				errhint("Create it with extsched_set_runner."));
	if (strcmp(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), "notify") != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("Runner \"%s\" does not pull its runs", runner),
				errdetail("Its transport is \"http\": requests are sent to its URL."));
	cap = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	return isnull ? -1 : DatumGetInt32(cap);
}

/*
 * A queue that knows what is in flight in this database, also beyond caps that
 * were lowered meanwhile.
 */
static void
make_queue(ExtschedLoop *loop, int max_runs)
{
	uint64		n = extsched_stmt_run(&count_running, NULL, NULL);
	int			n_running = 0;
	ExtschedRow row;

	loop->queue = extsched_fairqueue_create(CurrentMemoryContext, INT_MAX);
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		ExtschedFairKey key = {.tenant_cap = INT_MAX, .install_cap = INT_MAX, .runner_cap = INT_MAX};
		ExtschedPolicy policy;
		ExtschedFairRun *runs;
		ExtschedFairRun none = {0};
		int			count;

		extsched_row_set(&row, SPI_tuptable->vals[i]);
		key.runner = extsched_row_text(&row, 0);
		key.tenant = extsched_row_text(&row, 1);
		key.install = extsched_row_uuid(&row, 2);
		count = extsched_row_int(&row, 3, 0);
		runs = palloc0(sizeof(ExtschedFairRun) * count);
		for (int r = 0; r < count; r++)
		{
			extsched_fairqueue_add(loop->queue, &key, &runs[r]);
			(void) extsched_fairqueue_next(loop->queue);
		}

		/* caps are those that were named last */
		extsched_policy_read_caps(loop, &row, 4, &policy);
		key.tenant_cap = policy.tenant_cap;
		key.install_cap = policy.install_cap;
		key.runner_cap = policy.runner_cap;
		extsched_fairqueue_add(loop->queue, &key, &none);
		extsched_fairqueue_remove(loop->queue, &none);
		n_running += count;
	}
	extsched_fairqueue_set_cap(loop->queue, Min(extsched_max_in_flight, n_running + max_runs));
}

/* Where the runs of a claim go. */
static void
emit_row(void *arg, const ExtschedRun *run, const ExtschedRequest *request,
		 TimestampTz deadline)
{
	ReturnSetInfo *rsinfo = arg;
	StringInfoData body;
	Datum		values[5];
	bool		nulls[5] = {0};

	initStringInfo(&body);
	extsched_request_body(request, extsched_header_prefix, false, &body);
	values[0] = UUIDPGetDatum(&run->run_id);
	values[1] = UUIDPGetDatum(&run->lease);
	values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(body.data));
	values[3] = DirectFunctionCall1(textin, DirectFunctionCall1(uuid_out, UUIDPGetDatum(&run->run_id)));
	values[4] = TimestampTzGetDatum(deadline);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	pfree(body.data);
}

/* Write the outcomes of runs that could not go out any more. */
static void
write_ends(ExtschedLoop *loop)
{
	ExtschedRun **ended = palloc(sizeof(ExtschedRun *) * Max(list_length(loop->fresh), 1));
	bool	   *is_settled;
	ListCell   *cell;
	int			n = 0;

	foreach(cell, loop->fresh)
	{
		ExtschedRun *run = lfirst(cell);

		if (run->fate == EXTSCHED_FATE_END)
			ended[n++] = run;
	}
	if (n == 0)
		return;
	is_settled = palloc0(sizeof(bool) * n);
	(void) extsched_settle_apply(ended, n, is_settled);
	extsched_settle_report(ended, n);
}

/*
 * extsched_claim(runner text, max_runs integer, lease_s integer)
 *
 * No rows while nothing may start: extsched.enabled is off, or the database is
 * a copy that was not adopted.
 */
PG_FUNCTION_INFO_V1(extsched_claim);
Datum
extsched_claim(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ExtschedLoop *loop = make_loop();
	ExtschedPull pull = {.emit = emit_row, .arg = rsinfo};
	TimestampTz now = extsched_clock_now();
	instr_time	start;
	int			max_runs;
	int			runner_cap;
	int			level;
	char		owner[NAMEDATALEN + 8];

	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < 3; i++)
	{
		static const char *const names[] = {"runner", "max_runs", "lease_s"};

		if (PG_ARGISNULL(i))
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("argument \"%s\" must not be null", names[i]));
	}
	pull.runner = text_to_cstring(PG_GETARG_TEXT_PP(0));
	max_runs = PG_GETARG_INT32(1);
	pull.lease_s = PG_GETARG_INT32(2);
	check_range("max_runs", max_runs, MAX_RUNS);
	check_range("lease_s", pull.lease_s, MAX_LEASE_S);
	InitMaterializedSRF(fcinfo, 0);

	level = enter();
	runner_cap = enter_runner(pull.runner);
	if (extsched_enabled && extsched_identity_matches())
	{
		snprintf(owner, sizeof(owner), "role:%s", GetUserNameFromId(GetOuterUserId(), false));
		loop->owner = owner;
		make_queue(loop, max_runs);
		extsched_refill_pull(loop, now, max_runs, runner_cap, &pull);
		write_ends(loop);
		extsched_wake_at_commit(now + pull.lease_s * USECS_PER_SEC);
	}
	leave(level);
	count_call(EXTSCHED_OP_CLAIM, start);
	return (Datum) 0;
}

/*
 * extsched_heartbeat(run uuid, lease uuid, lease_s integer)
 *
 * A lease that has expired and was not taken over yet is extended too.
 */
PG_FUNCTION_INFO_V1(extsched_heartbeat);
Datum
extsched_heartbeat(PG_FUNCTION_ARGS)
{
	Datum		values[4];
	TimestampTz expiry;
	instr_time	start;
	int			level;
	uint64		n = 0;

	INSTR_TIME_SET_CURRENT(start);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	check_range("lease_s", PG_GETARG_INT32(2), MAX_LEASE_S);
	expiry = extsched_clock_now() + PG_GETARG_INT32(2) * USECS_PER_SEC;
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = TimestampTzGetDatum(expiry);

	level = enter();
	if (find_tenant(PG_GETARG_UUID_P(0), &values[3]))
		n = extsched_stmt_run_on_leaf(&extend_lease, extsched_run_id_slot(PG_GETARG_UUID_P(0)),
									  values, extsched_rows_distributed() ? NULL : "   n");
	leave(level);
	extsched_wake_at_commit(expiry);
	count_call(EXTSCHED_OP_HEARTBEAT, start);
	PG_RETURN_BOOL(n > 0);
}

/* The run of a lease, or NULL if the lease is not the one it has now. */
static ExtschedRun *
take_run(ExtschedLoop *loop, const pg_uuid_t *run_id, const pg_uuid_t *lease, char **runner)
{
	ExtschedRow row;
	Datum		values[3];
	const char *nulls;
	ExtschedRun *run;

	values[0] = UUIDPGetDatum(run_id);
	values[1] = UUIDPGetDatum(lease);
	if (!find_tenant(run_id, &values[2]))
		return NULL;
	nulls = extsched_rows_distributed() ? NULL : "  n";
	(void) extsched_stmt_run_on_leaf(&lock_timer, extsched_run_id_slot(run_id), values, nulls);
	if (extsched_stmt_run_on_leaf(&find_run, extsched_run_id_slot(run_id), values, nulls) == 0)
		return NULL;
	extsched_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);

	run = extsched_run_create(loop, extsched_row_text(&row, 0), extsched_row_text(&row, 11),
							  extsched_row_text(&row, 10));
	run->run_id = *run_id;
	run->lease = *lease;
	run->has_lease = true;
	run->from = EXTSCHED_RUN_RUNNING;
	run->schedule = extsched_row_uuid(&row, 1);
	run->install = extsched_row_uuid(&row, 2);
	run->nominal = extsched_row_time(&row, 3, 0);
	run->trigger = Max(extsched_trigger_by_name(extsched_row_text(&row, 4)), 0);
	run->attempt = extsched_row_int(&row, 5, 1);
	run->created_at = extsched_row_time(&row, 6, 0);
	run->dispatched_at = extsched_row_time(&row, 7, 0);
	run->registry = extsched_row_uuid(&row, 8);
	run->version = extsched_row_uuid(&row, 9);
	run->has_version = !row.nulls[8] && !row.nulls[9];
	run->max_attempts = extsched_row_int(&row, 12, 1);
	run->backoff_s = extsched_row_int(&row, 13, 0);
	run->max_age_s = extsched_row_int(&row, 14, 1);
	run->pause_after_failures = extsched_row_int(&row, 15, 0);
	*runner = extsched_row_text(&row, 16);
	return run;
}

/* Judge a response like the body of a reply to an HTTP request. */
static void
judge(ExtschedRun *run, Jsonb *response)
{
	char	   *json = JsonbToCString(NULL, &response->root, VARSIZE(response));
	size_t		len = strlen(json);
	char	   *utf8 = extsched_utf8_from_server(json, len, &len);
	ExtschedVerdict verdict;

	extsched_judge_response(utf8 ? utf8 : "", utf8 ? len : 0,
							timestamptz_to_time_t(GetCurrentTimestamp()), &verdict);
	extsched_outcome_judge(run, &verdict, extsched_clock_now());
}

/*
 * extsched_complete(run uuid, lease uuid, response jsonb)
 *
 * Returns the state of the run after it, or 'stale' when the lease is not the
 * one the run has now; then nothing is changed.
 */
PG_FUNCTION_INFO_V1(extsched_complete);
Datum
extsched_complete(PG_FUNCTION_ARGS)
{
	ExtschedLoop *loop = make_loop();
	const char *state = "stale";
	ExtschedRun *run = NULL;
	instr_time	start;
	int			level;
	char	   *runner;
	TimestampTz first_ready;
	bool		is_settled;

	INSTR_TIME_SET_CURRENT(start);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be null", "response"),
				errhint("Report a failure as {\"status\": 500, \"error\": \"...\"}."));
	level = enter();
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		run = take_run(loop, PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(1), &runner);
	if (run != NULL)
	{
		judge(run, PG_GETARG_JSONB_P(2));
		first_ready = extsched_settle_apply(&run, 1, &is_settled);
		if (run->was_written)
		{
			state = extsched_run_state_name(run->to);
			extsched_settle_report(&run, 1);
			if (first_ready != DT_NOEND)
				extsched_wake_at_commit(first_ready);
		}
	}
	leave(level);
	count_call(EXTSCHED_OP_COMPLETE, start);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}
