/*-------------------------------------------------------------------------
 *
 * prune.c
 *		Keep history and audit records inside their bounds.
 *
 * extsched.run and extsched.audit are rings of 32 partitions, by UTC day and
 * UTC week.  A partition is emptied as a whole once all of its period is older
 * than the retention, which the settings keep so short that this is long
 * before its turn comes round again.  Deleting row by row was rejected: it
 * would write as much again as the runs did, and leave the space to vacuum.
 *
 * TRUNCATE needs an exclusive lock.  It is only tried for, never waited for,
 * so that nobody queues up behind it; the next look tries again.  And it is
 * held for a moment only: what has to be known of the partition is asked by
 * index, however many rows it has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/runkey.h"
#include "core/settings.h"
#include "worker/prune.h"
#include "worker/rows.h"

#define SECS_PER_WEEK ((int64) 7 * SECS_PER_DAY)

typedef struct Ring
{
	const char *table;			/* its partitions are <table>_00 and so on */
	const char *time_column;
	const char *const *live;	/* predicates of rows that must stay, each that
								 * of a partial index; then NULL */
	int64		period_s;
} Ring;

static const char *const live_runs[] = {
	"state = 'running'",
	"state IN ('pending', 'retrying') AND NOT waits_for_slot",
	"waits_for_slot AND finished_at IS NULL",
	NULL
};

static const char *const nothing_live[] = {NULL};

static const Ring history = {
	.table = "run",
	.time_column = "nominal_time",
	.live = live_runs,
	.period_s = SECS_PER_DAY,
};

static const Ring audit = {
	.table = "audit",
	.time_column = "at",
	.live = nothing_live,
	.period_s = SECS_PER_WEEK,
};

static Oid
leaf_oid(const Ring *ring, int slot)
{
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), "%s_%02d", ring->table, slot);
	return get_relname_relid(name, get_namespace_oid("extsched", false));
}

/* End of the period, today or before, that a partition holds. */
static TimestampTz
period_end(const Ring *ring, int slot, TimestampTz now)
{
	int64		period = extsched_to_unix(now) / ring->period_s;
	int64		back = (period - slot) % EXTSCHED_RING_SLOTS;

	return extsched_from_unix((period - back + 1) * ring->period_s);
}

static bool
finds_row(const char *sql, TimestampTz *first)
{
	bool		isnull;

	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\"", sql);
	if (SPI_processed == 0)
		return false;
	if (first != NULL)
		*first = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return true;
}

/*
 * Whether a partition may hold something; not when somebody has it locked.
 * Where tables are distributed, what it holds is in its shards, and only a
 * query tells.
 */
static bool
has_rows(const Ring *ring, int slot)
{
	Oid			leaf = leaf_oid(ring, slot);
	Relation	rel;
	bool		result;

	if (!OidIsValid(leaf) || !ConditionalLockRelationOid(leaf, AccessShareLock))
		return false;
	if (extsched_rows_distributed())
		return finds_row(psprintf("SELECT 1 FROM extsched.%s_%02d LIMIT 1", ring->table, slot), NULL);
	rel = try_table_open(leaf, NoLock);
	if (rel == NULL)
		return false;
	result = RelationGetNumberOfBlocks(rel) > 0;
	table_close(rel, NoLock);
	return result;
}

/* Whether a partition holds something though its period is past retention. */
static bool
has_past(const Ring *ring, int slot, int64 retention_s, TimestampTz now)
{
	return period_end(ring, slot, now) <= now - retention_s * USECS_PER_SEC &&
		has_rows(ring, slot);
}

/*
 * Whether all rows of a partition are before an instant and none is live.  Its
 * first row tells the period: that is not always the one of the arithmetic,
 * when the clock was set back.
 */
static bool
is_over(const Ring *ring, const char *name, TimestampTz before)
{
	TimestampTz first;

	if (finds_row(psprintf("SELECT %s FROM %s LIMIT 1", ring->time_column, name), &first) &&
		first >= before)
		return false;
	for (const char *const *live = ring->live; *live != NULL; live++)
	{
		if (finds_row(psprintf("SELECT 1 FROM %s WHERE %s LIMIT 1", name, *live), NULL))
			return false;
	}
	return true;
}

/*
 * Empty a partition whose rows are all before an instant, in a transaction of
 * its own.
 */
static bool
empty_leaf(const Ring *ring, int slot, TimestampTz before)
{
	bool		is_emptied = false;

	extsched_clock_start_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	pgstat_report_activity(STATE_RUNNING, "prune");
	if (has_rows(ring, slot) && ConditionalLockRelationOid(leaf_oid(ring, slot), AccessExclusiveLock))
	{
		const char *name = psprintf("extsched.%s_%02d", ring->table, slot);

		/* the lock came after the snapshot; look with a new one */
		PopActiveSnapshot();
		PushActiveSnapshot(GetTransactionSnapshot());
		if (is_over(ring, name, before))
		{
			if (SPI_execute(psprintf("TRUNCATE %s", name), false, 0) != SPI_OK_UTILITY)
				elog(ERROR, "could not empty \"%s\"", name);
			is_emptied = true;
		}
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	if (is_emptied)
		extsched_count_event(EXTSCHED_EVENT_PRUNE, 1);
	return is_emptied;
}

/* Rows of a table, as the statistics or the last analysis have it. */
static int64
count_rows(Oid relation)
{
	int64		live = DatumGetInt64(DirectFunctionCall1(pg_stat_get_live_tuples,
														 ObjectIdGetDatum(relation)));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));

	if (HeapTupleIsValid(tuple))
	{
		live = Max(live, (int64) ((Form_pg_class) GETSTRUCT(tuple))->reltuples);
		ReleaseSysCache(tuple);
	}
	return live;
}

/*
 * Give up the oldest days while there are too many rows.  What is left is
 * whole: a day that cannot go yet keeps the later ones.
 */
static void
bound_history(const int64 *rows, TimestampTz now)
{
	int64		total = 0;

	for (int slot = 0; slot < EXTSCHED_RING_SLOTS; slot++)
		total += rows[slot];
	for (int back = EXTSCHED_RING_SLOTS - 1; back > 0 && total > extsched_history_max_rows; back--)
	{
		TimestampTz start = now - back * USECS_PER_DAY;
		int			slot = extsched_run_slot(start);

		if (rows[slot] == 0)
			continue;
		if (!empty_leaf(&history, slot, period_end(&history, slot, now)))
			break;
		total -= rows[slot];
		extsched_count_event(EXTSCHED_EVENT_PRUNE_EARLY, 1);
		ereport(LOG,
				errmsg("history of the UTC day %d days ago was removed early", back),
				errdetail("There were about " INT64_FORMAT " runs more than the %d of \"%s\".",
						  total + rows[slot] - extsched_history_max_rows,
						  extsched_history_max_rows, "extsched.history_max_rows"));
	}
}

/*
 * extsched_prune
 *		Empty partitions that are past their retention, or one too many.
 *
 * now is on the scheduler's clock; audit records are on the server's.  No
 * transaction may be open.
 */
void
extsched_prune(TimestampTz now)
{
	TimestampTz audit_now = GetCurrentTimestamp();
	bool		has_past_runs[EXTSCHED_RING_SLOTS];
	bool		has_past_audit[EXTSCHED_RING_SLOTS];
	int64		n_runs[EXTSCHED_RING_SLOTS];

	/* one look at all of them, most often all there is to do */
	extsched_clock_start_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	pgstat_report_activity(STATE_RUNNING, "prune");
	extsched_rows_open();
	for (int slot = 0; slot < EXTSCHED_RING_SLOTS; slot++)
	{
		has_past_runs[slot] = has_past(&history, slot, extsched_history_retention_s, now);
		has_past_audit[slot] = has_past(&audit, slot, extsched_audit_retention_s, audit_now);
		n_runs[slot] = extsched_rows_distributed() ? 0 : count_rows(leaf_oid(&history, slot));
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();

	for (int slot = 0; slot < EXTSCHED_RING_SLOTS; slot++)
	{
		if (has_past_runs[slot] && empty_leaf(&history, slot, period_end(&history, slot, now)))
			n_runs[slot] = 0;
		if (has_past_audit[slot])
			(void) empty_leaf(&audit, slot, period_end(&audit, slot, audit_now));
	}
	bound_history(n_runs, now);
}
