/*-------------------------------------------------------------------------
 *
 * lease.c
 *		Attempts whose outcome nobody will tell.
 *
 * An attempt holds a lease.  When its worker was killed, or its Runner forgot
 * it, the lease stays behind.  A worker that has just started knows that the
 * one before it under the same number is gone, and takes over its leases at
 * once; all others are taken over when they expire.
 *
 * Rows are only read here.  The outcome is written like any other, and only
 * if the row still has the same lease.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/counters.h"
#include "core/row.h"
#include "worker/lease.h"
#include "worker/rows.h"
#include "worker/settle.h"

/* Taken over in one step; the next follows at once. */
#define TAKE_MAX			1000

/*
 * $2 is our own name, $3 that of our predecessors without the epoch: leases
 * that have expired, and those of workers that are gone.
 */
#define IS_LEFT \
	" e.state = 'running'" \
	" AND (e.lease_expires_at <= $1 OR ($3 IS NOT NULL AND pg_catalog.starts_with(e.lease_owner, $3)))" \
	" AND e.lease_owner <> $2" \
	" AND (" EXTSCHED_IS_MINE(5, 6) " OR $3 IS NOT NULL)"

#define LEASE_COLUMNS(r) \
	r ".tenant_id, " r ".schedule_id, " r ".install_id, " r ".run_id, " r ".nominal_time, " \
	r ".trigger, " r ".attempt, " r ".lease_id, " r ".created_at, " r ".dispatched_at, " \
	r ".registry_id, " r ".version_id, " r ".content_hash, " r ".schedule_name," \
	" s.max_attempts, s.backoff_s, s.max_age_s, s.pause_after_failures," \
	" s.on_unknown = 'retry'"

/* The Runners that have leases, by hops over the index. */
#define NAMES \
	"WITH RECURSIVE names AS (" \
	"(SELECT e.runner FROM extsched.run e WHERE e.state = 'running'" \
	" ORDER BY e.runner, e.lease_expires_at LIMIT 1)" \
	" UNION ALL SELECT f.runner FROM names," \
	" LATERAL (SELECT e.runner FROM extsched.run e WHERE e.runner > names.runner" \
	" AND e.state = 'running' ORDER BY e.runner, e.lease_expires_at LIMIT 1) f)"

static ExtschedStmt find_leases = {
	.sql = NAMES " SELECT " LEASE_COLUMNS("r")
	" FROM names, LATERAL (SELECT * FROM extsched.run e"
	" WHERE e.runner = names.runner AND" IS_LEFT " LIMIT $4) r"
	" LEFT JOIN extsched.schedule s ON s.tenant_id = r.tenant_id AND s.schedule_id = r.schedule_id",
	.distributed_sql = "SELECT " LEASE_COLUMNS("e") " FROM extsched.run e"
	" LEFT JOIN extsched.schedule s ON s.tenant_id = e.tenant_id AND s.schedule_id = e.schedule_id"
	" WHERE" IS_LEFT " LIMIT $4",
	.expected = SPI_OK_SELECT,
	.nargs = 6,
	.types = {TIMESTAMPTZOID, TEXTOID, TEXTOID, INT4OID, INT4OID, INT4OID},
};

static ExtschedStmt next_expiry_of_others = {
	.sql = NAMES " SELECT pg_catalog.min(f.lease_expires_at) FROM names,"
	" LATERAL (SELECT e.lease_expires_at FROM extsched.run e"
	" WHERE e.runner = names.runner AND e.state = 'running' AND e.lease_owner <> $1"
	" ORDER BY e.lease_expires_at LIMIT 1) f",
	.distributed_sql = "SELECT pg_catalog.min(lease_expires_at) FROM extsched.run"
	" WHERE state = 'running' AND lease_owner <> $1",
	.expected = SPI_OK_SELECT,
	.nargs = 1,
	.types = {TEXTOID},
};

static void
add_outcome(ExtschedLoop *loop, const ExtschedRow *row, TimestampTz now)
{
	ExtschedRun *run = extsched_run_create(loop, extsched_row_text(row, 0),
										   extsched_row_text(row, 13), extsched_row_text(row, 12));

	run->schedule = extsched_row_uuid(row, 1);
	run->install = extsched_row_uuid(row, 2);
	run->run_id = extsched_row_uuid(row, 3);
	run->nominal = extsched_row_time(row, 4, 0);
	run->trigger = Max(extsched_trigger_by_name(extsched_row_text(row, 5)), 0);
	run->attempt = extsched_row_int(row, 6, 1);
	run->lease = extsched_row_uuid(row, 7);
	run->has_lease = !row->nulls[7];
	run->created_at = extsched_row_time(row, 8, 0);
	run->dispatched_at = extsched_row_time(row, 9, 0);
	run->registry = extsched_row_uuid(row, 10);
	run->version = extsched_row_uuid(row, 11);
	run->has_version = !row->nulls[11];
	run->max_attempts = extsched_row_int(row, 14, 1);
	run->backoff_s = extsched_row_int(row, 15, 0);
	run->max_age_s = extsched_row_int(row, 16, 1);
	run->pause_after_failures = extsched_row_int(row, 17, 0);
	run->from = EXTSCHED_RUN_RUNNING;

	/* a schedule that is gone has no policy, and nothing to retry */
	extsched_outcome_unknown(run, extsched_row_bool(row, 18), now);
	dlist_push_tail(&loop->outcomes, &run->node);
	loop->n_outcomes++;
}

/*
 * extsched_lease_take_over
 *		Make outcomes of leases that have expired or lost their worker.
 *
 * Inside a transaction and SPI_connect.  is_start: our predecessors are gone,
 * whatever their leases say.  To be called with no outcome waiting to be
 * written.  Returns the number taken over, and in *next_expiry when to look
 * again: DT_NOEND, or DT_NOBEGIN if there are more.
 */
int
extsched_lease_take_over(ExtschedLoop *loop, TimestampTz now, bool is_start,
						 TimestampTz *next_expiry)
{
	Datum		values[6];
	uint64		n;
	ExtschedRow row;

	values[0] = TimestampTzGetDatum(now);
	values[1] = CStringGetTextDatum(loop->owner);
	values[2] = is_start ? CStringGetTextDatum(loop->owner_prefix) : (Datum) 0;
	values[3] = Int32GetDatum(TAKE_MAX);
	values[4] = Int32GetDatum(loop->number);
	values[5] = Int32GetDatum(loop->total);
	n = extsched_stmt_run(&find_leases, values, is_start ? "      " : "  n   ");
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		extsched_row_set(&row, SPI_tuptable->vals[i]);
		add_outcome(loop, &row, now);
	}
	SPI_freetuptable(SPI_tuptable);
	if (n > 0)
		extsched_count_event(EXTSCHED_EVENT_LEASE_EXPIRED, n);
	if (n >= TAKE_MAX)
	{
		*next_expiry = DT_NOBEGIN;
		return (int) n;
	}

	values[0] = CStringGetTextDatum(loop->owner);
	(void) extsched_stmt_run(&next_expiry_of_others, values, NULL);
	extsched_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	*next_expiry = Max(extsched_row_time(&row, 0, DT_NOEND), now + USECS_PER_SEC);
	return (int) n;
}
