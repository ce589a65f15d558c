/*-------------------------------------------------------------------------
 *
 * rearm.c
 *		Due times follow zone data and the clock.
 *
 * Due times are stored, so they were computed from the zone data of that time
 * and from a clock that may have been wrong.
 *
 * Zone data: a table keeps a fingerprint of the file of each zone in use.  When
 * a file has changed, the timers of its zone are computed again from their
 * last recorded nominal time: what was recorded is not due again, and what has
 * come to lie before now is late, not lost.  Timers whose due time comes out
 * the same are not touched.
 *
 * Clock: when it was ahead, nominal times that are in the future again have
 * been accounted for.  Runs that went out stay, and keep their nominal time
 * from being sent twice.  Records of times that became no run are taken back,
 * since these times are still to come; a range that reaches over now keeps its
 * part before it.
 *
 * Timers are read in pages in the order of an index, each page in a
 * transaction of its own, and locked one by one when they have to change.  For
 * one that somebody else has locked, or changed meanwhile, all is done again
 * some seconds later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/clock.h"
#include "core/due.h"
#include "core/row.h"
#include "core/runkey.h"
#include "core/vocab.h"
#include "core/wake.h"
#include "core/zones.h"
#include "worker/rearm.h"
#include "worker/rows.h"

#define PAGE_ROWS			500
#define MAX_ZONES			2000

#define TIMER_COLUMNS \
	"t.tenant_id, t.schedule_id, t.next_due, t.accounted_from," \
	" s.cron, s.timezone, s.starts_at, s.ends_at, s.created_at"

/* The zones in use, by hops over the index, with what is known of them. */
static ExtschedStmt zones_in_use = {
	.sql = "WITH RECURSIVE used AS ("
	"(SELECT s.timezone FROM extsched.schedule s ORDER BY s.timezone LIMIT 1)"
	" UNION ALL SELECT f.timezone FROM used,"
	" LATERAL (SELECT s.timezone FROM extsched.schedule s"
	" WHERE s.timezone > used.timezone ORDER BY s.timezone LIMIT 1) f)"
	" SELECT used.timezone, z.fingerprint FROM used"
	" LEFT JOIN extsched.zone z ON z.timezone = used.timezone LIMIT $1",
	.distributed_sql = "SELECT s.timezone, z.fingerprint FROM extsched.schedule s"
	" LEFT JOIN extsched.zone z ON z.timezone = s.timezone"
	" GROUP BY s.timezone, z.fingerprint LIMIT $1",
	.expected = SPI_OK_SELECT,
	.nargs = 1,
	.types = {INT4OID},
};

static ExtschedStmt store_zone = {
	.sql = "INSERT INTO extsched.zone (timezone, fingerprint, seen_at)"
	" VALUES ($1, $2, pg_catalog.now())"
	" ON CONFLICT (timezone) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,"
	" seen_at = EXCLUDED.seen_at",
	.expected = SPI_OK_INSERT,
	.nargs = 2,
	.types = {TEXTOID, TEXTOID},
};

/* The last record of a nominal time tells how far a timer has come. */
#define LAST_RECORD(tenant, schedule) \
	"SELECT r.nominal_time FROM extsched.run r WHERE r.tenant_id = " tenant \
	" AND r.schedule_id = " schedule " AND r.trigger = 'schedule'" \
	" ORDER BY r.nominal_time DESC LIMIT 1"

#define OF_ZONE \
	" FROM extsched.schedule s JOIN extsched.timer t" \
	" ON t.tenant_id = s.tenant_id AND t.schedule_id = s.schedule_id" \
	" WHERE s.timezone = $1 AND (s.created_at, s.tenant_id, s.schedule_id) > ($2, $3, $4)" \
	" AND t.next_due IS NOT NULL ORDER BY s.created_at, s.tenant_id, s.schedule_id LIMIT $5"

/* Where tables are distributed, last_record asks for that of each timer. */
static ExtschedStmt timers_of_zone = {
	.sql = "SELECT " TIMER_COLUMNS ", (" LAST_RECORD("t.tenant_id", "t.schedule_id") ")" OF_ZONE,
	.distributed_sql = "SELECT " TIMER_COLUMNS ", NULL::pg_catalog.timestamptz" OF_ZONE,
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {TEXTOID, TIMESTAMPTZOID, TEXTOID, UUIDOID, INT4OID},
};

static ExtschedStmt last_record = {
	.sql = LAST_RECORD("$1", "$2"),
	.expected = SPI_OK_SELECT,
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

static ExtschedStmt timers_ahead = {
	.sql = "SELECT " TIMER_COLUMNS ", NULL::pg_catalog.timestamptz"
	" FROM extsched.timer t JOIN extsched.schedule s"
	" ON s.tenant_id = t.tenant_id AND s.schedule_id = t.schedule_id"
	" WHERE t.next_due > $1 AND (t.tenant_id, t.schedule_id) > ($3, $4)"
	" ORDER BY t.tenant_id, t.schedule_id LIMIT $5",
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, UUIDOID, INT4OID},
};

static ExtschedStmt note_clock = {
	.sql = "UPDATE extsched.identity SET clock_at = $1"
	" FROM (SELECT clock_at FROM extsched.identity FOR UPDATE SKIP LOCKED) earlier"
	" RETURNING earlier.clock_at - $1 > interval '2s'",
	.expected = SPI_OK_UPDATE_RETURNING,
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
};

/* Unless it is no longer due when it was, which another look will deal with. */
static ExtschedStmt lock_timer = {
	.sql = "SELECT FROM extsched.timer WHERE tenant_id = $1 AND schedule_id = $2"
	" AND next_due = $3 FOR UPDATE SKIP LOCKED",
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
};

static ExtschedStmt set_due = {
	.sql = "UPDATE extsched.timer SET next_due = $3, accounted_from = $4"
	" WHERE tenant_id = $1 AND schedule_id = $2",
	.expected = SPI_OK_UPDATE,
	.nargs = 4,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

/* The range of missed times that began up to $3 and ends after it. */
static ExtschedStmt find_straddling = {
	.sql = "SELECT missed_first FROM extsched.run WHERE tenant_id = $1 AND schedule_id = $2"
	" AND nominal_time > $3 AND missed_first <= $3 AND trigger = 'schedule' AND state = 'missed'",
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
};

static ExtschedStmt shorten = {
	.sql = "UPDATE extsched.run SET nominal_time = $4, slot = extsched.run_slot($4), run_id = $5,"
	" ready_at = $4, missed_count = $6 WHERE tenant_id = $1 AND schedule_id = $2"
	" AND nominal_time > $3 AND missed_first <= $3 AND trigger = 'schedule' AND state = 'missed'",
	.expected = SPI_OK_UPDATE,
	.nargs = 6,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, INT4OID},
};

/* Records, not runs, of times after $3. */
static ExtschedStmt take_back = {
	.sql = "DELETE FROM extsched.run WHERE tenant_id = $1 AND schedule_id = $2"
	" AND nominal_time > $3 AND trigger = 'schedule' AND state IN ('skipped', 'missed')",
	.expected = SPI_OK_DELETE,
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
};

/* A timer that may have to change. */
typedef struct Timer
{
	char	   *tenant;
	ExtschedDueRule rule;
	TimestampTz next_due;
	TimestampTz accounted_from;
	TimestampTz created_at;		/* of the schedule */
	TimestampTz last_recorded;	/* 0: none */
} Timer;

/* Where a page ended, so that the next goes on behind it. */
typedef struct Place
{
	TimestampTz created_at;
	char	   *tenant;
	pg_uuid_t	schedule;
} Place;

static Timer *
read_timers(uint64 n)
{
	Timer	   *timers = palloc0(sizeof(Timer) * Max(n, 1));
	ExtschedRow row;

	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		Timer	   *timer = &timers[i];

		extsched_row_set(&row, SPI_tuptable->vals[i]);
		timer->tenant = extsched_row_text(&row, 0);
		timer->rule.schedule = extsched_row_uuid(&row, 1);
		timer->next_due = extsched_row_time(&row, 2, 0);
		timer->accounted_from = extsched_row_time(&row, 3, 0);
		timer->rule.cron = extsched_row_text(&row, 4);
		timer->rule.timezone = extsched_row_text(&row, 5);
		timer->rule.starts_at = extsched_row_time(&row, 6, DT_NOBEGIN);
		timer->rule.ends_at = extsched_row_time(&row, 7, DT_NOEND);
		timer->created_at = extsched_row_time(&row, 8, DT_NOBEGIN);
		timer->last_recorded = extsched_row_time(&row, 9, 0);
	}
	return timers;
}

static void
arm(const Timer *timer, bool has_next, TimestampTz next, TimestampTz accounted_from)
{
	Datum		values[4];

	values[0] = CStringGetTextDatum(timer->tenant);
	values[1] = UUIDPGetDatum(&timer->rule.schedule);
	values[2] = TimestampTzGetDatum(next);
	values[3] = TimestampTzGetDatum(accounted_from);
	(void) extsched_stmt_run(&set_due, values, has_next ? "    " : "  n ");

	/* also to ourselves, and in case a later page fails */
	if (has_next)
		extsched_wake_at_commit(next);
}

static bool
lock(const Timer *timer)
{
	Datum		values[3];

	values[0] = CStringGetTextDatum(timer->tenant);
	values[1] = UUIDPGetDatum(&timer->rule.schedule);
	values[2] = TimestampTzGetDatum(timer->next_due);
	return extsched_stmt_run(&lock_timer, values, NULL) > 0;
}

/* The time in the first row of a result. */
static TimestampTz
found_time(TimestampTz if_null)
{
	ExtschedRow row;

	extsched_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	return extsched_row_time(&row, 0, if_null);
}

/* When the last recorded nominal time of a timer was; 0: there is none. */
static TimestampTz
find_last_recorded(const Timer *timer)
{
	Datum		values[2];

	if (!extsched_rows_distributed())
		return timer->last_recorded;
	values[0] = CStringGetTextDatum(timer->tenant);
	values[1] = UUIDPGetDatum(&timer->rule.schedule);
	return extsched_stmt_run(&last_record, values, NULL) > 0 ? found_time(0) : 0;
}

/*
 * New zone data: go on from the last time that has a record.  False if the
 * timer has to change and cannot, here and below.
 */
static bool
rearm_for_zone(const Timer *timer, TimestampTz now)
{
	TimestampTz last_recorded = find_last_recorded(timer);
	TimestampTz from = Max(timer->accounted_from - 1, last_recorded);
	TimestampTz next = 0;
	const char *problem;
	ExtschedDueResult result = extsched_due_next(&timer->rule, from, &next, &problem);

	/* what cannot be computed is quarantined when it is due */
	if (result == EXTSCHED_DUE_BROKEN ||
		(result == EXTSCHED_DUE_OK && next == timer->next_due))
		return true;
	if (!lock(timer))
		return false;
	arm(timer, result == EXTSCHED_DUE_OK, next, from + 1);
	return true;
}

/*
 * Shorten a missed range that reaches over now to its part before now.  False
 * if that cannot be counted by the rule that the schedule has today.
 */
static bool
shorten_range(const Timer *timer, TimestampTz first, TimestampTz now, Datum *values)
{
	ExtschedDueStretch stretch;
	const char *problem;
	pg_uuid_t	run_id;

	if (first < timer->accounted_from ||
		extsched_due_stretch(&timer->rule, first, now, &stretch, &problem) != EXTSCHED_DUE_OK ||
		stretch.count == 0)
		return false;
	extsched_run_id(timer->tenant, strlen(timer->tenant), &timer->rule.schedule, stretch.last,
					extsched_trigger_name(EXTSCHED_TRIGGER_SCHEDULE), &run_id);
	values[3] = TimestampTzGetDatum(stretch.last);
	values[4] = UUIDPGetDatum(&run_id);
	values[5] = Int32GetDatum((int) Min(stretch.count, INT_MAX));
	(void) extsched_stmt_run(&shorten, values, NULL);
	return true;
}

/* The clock was set back: what is ahead of it is still to come. */
static bool
rearm_for_clock(const Timer *timer, TimestampTz now)
{
	TimestampTz next = 0;
	TimestampTz accounted_from = timer->accounted_from;
	const char *problem;
	Datum		values[6];

	if (extsched_due_next(&timer->rule, now, &next, &problem) != EXTSCHED_DUE_OK ||
		next >= timer->next_due)
		return true;
	if (!lock(timer))
		return false;
	values[0] = CStringGetTextDatum(timer->tenant);
	values[1] = UUIDPGetDatum(&timer->rule.schedule);
	values[2] = TimestampTzGetDatum(now);
	if (extsched_stmt_run(&find_straddling, values, NULL) > 0 &&
		!shorten_range(timer, found_time(now), now, values))
		accounted_from = Max(accounted_from, now + 1);
	(void) extsched_stmt_run(&take_back, values, NULL);
	arm(timer, true, next, Min(accounted_from, next));
	return true;
}

/*
 * One page of timers, behind *place.  Returns whether there may be more, and
 * clears *is_complete when one could not be changed.
 */
static bool
rearm_page(ExtschedStmt *stmt, Datum which, Place *place, TimestampTz now,
		   bool (*rearm) (const Timer *timer, TimestampTz now), bool *is_complete)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[5];
	uint64		n;
	Timer	   *timers;

	extsched_clock_start_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	extsched_rows_open();
	pgstat_report_activity(STATE_RUNNING, "rearm");
	values[0] = which;
	values[1] = TimestampTzGetDatum(place->created_at);
	values[2] = CStringGetTextDatum(place->tenant);
	values[3] = UUIDPGetDatum(&place->schedule);
	values[4] = Int32GetDatum(PAGE_ROWS);
	n = extsched_stmt_run(stmt, values, NULL);
	timers = read_timers(n);
	for (uint64 i = 0; i < n; i++)
		*is_complete &= rearm(&timers[i], now);
	if (n > 0)
	{
		place->created_at = timers[n - 1].created_at;
		place->tenant = MemoryContextStrdup(context, timers[n - 1].tenant);
		place->schedule = timers[n - 1].rule.schedule;
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	MemoryContextSwitchTo(context);
	return n > 0;
}

static bool
rearm_all(ExtschedStmt *stmt, Datum which, TimestampTz now,
		  bool (*rearm) (const Timer *timer, TimestampTz now))
{
	Place		place = {.created_at = DT_NOBEGIN, .tenant = ""};
	bool		is_complete = true;

	while (rearm_page(stmt, which, &place, now, rearm, &is_complete))
		CHECK_FOR_INTERRUPTS();
	return is_complete;
}

static void
remember_zone(const char *zone, const char *fingerprint)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];

	extsched_clock_start_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	extsched_rows_open();
	values[0] = CStringGetTextDatum(zone);
	values[1] = CStringGetTextDatum(fingerprint);
	(void) extsched_stmt_run(&store_zone, values, NULL);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/* Names and known fingerprints of the zones in use, in the given context. */
static int
list_zones(MemoryContext context, char **zones, char **known)
{
	Datum		values[1];
	ExtschedRow row;
	int			n;

	extsched_clock_start_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	extsched_rows_open();
	values[0] = Int32GetDatum(MAX_ZONES);
	n = (int) extsched_stmt_run(&zones_in_use, values, NULL);
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (int i = 0; i < n; i++)
	{
		char	   *fingerprint;

		extsched_row_set(&row, SPI_tuptable->vals[i]);
		fingerprint = extsched_row_text(&row, 1);
		zones[i] = MemoryContextStrdup(context, extsched_row_text(&row, 0));
		known[i] = fingerprint ? MemoryContextStrdup(context, fingerprint) : NULL;
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return n;
}

/*
 * extsched_rearm_zones
 *		Compute the due times of zones whose data have changed again.
 *
 * No transaction may be open.  Allocates in the current context.  A zone that
 * cannot be read is left alone.  Returns false if a timer was locked: then to
 * be called again soon.
 */
bool
extsched_rearm_zones(TimestampTz now)
{
	static uint64 logged;		/* fingerprint of a change that was logged */
	bool		is_complete = true;
	char	  **zones = palloc(sizeof(char *) * MAX_ZONES);
	char	  **known = palloc(sizeof(char *) * MAX_ZONES);
	int			n = list_zones(CurrentMemoryContext, zones, known);

	for (int i = 0; i < n; i++)
	{
		ExtschedZoneStatus status;
		const ExtschedZone *zone = extsched_zone_lookup(zones[i], &status);
		char		fingerprint[17];

		if (zone == NULL)
			continue;
		snprintf(fingerprint, sizeof(fingerprint), "%016llx",
				 (unsigned long long) zone->fingerprint);
		if (known[i] != NULL && strcmp(known[i], fingerprint) == 0)
			continue;
		if (known[i] != NULL && logged != zone->fingerprint)
		{
			logged = zone->fingerprint;
			ereport(LOG,
					errmsg("data of time zone \"%s\" have changed", zones[i]),
					errdetail("Due times of its schedules are computed again."));
		}
		if (known[i] == NULL ||
			rearm_all(&timers_of_zone, CStringGetTextDatum(zones[i]), now, rearm_for_zone))
			remember_zone(zones[i], fingerprint);
		else
			is_complete = false;
	}
	return is_complete;
}

/*
 * extsched_rearm_after_step_back
 *		Compute due times again that a clock which was ahead has put too far.
 *
 * No transaction may be open.  Allocates in the current context.  Returns
 * false if a timer was locked: then to be called again soon.
 */
bool
extsched_rearm_after_step_back(TimestampTz now)
{
	return rearm_all(&timers_ahead, TimestampTzGetDatum(now), now, rearm_for_clock);
}

/*
 * extsched_rearm_note_clock
 *		Write down what the clock says; true if it once said more.
 *
 * Inside a transaction and SPI_connect.  This is how a worker that starts
 * learns of a clock that was set back while none ran.
 */
bool
extsched_rearm_note_clock(TimestampTz now)
{
	Datum		values[1];
	bool		isnull;

	values[0] = TimestampTzGetDatum(now);
	return extsched_stmt_run(&note_clock, values, NULL) > 0 &&
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) &&
		!isnull;
}
