/*-------------------------------------------------------------------------
 *
 * ranges.c
 *		Missed ranges leave out what has a record.
 *
 * When the clock was ahead for a while, runs of times that are still to come
 * went out and keep their records.  A range of missed times that is written
 * later, after an outage, would cover these a second time, and the primary key
 * does not see it.  So ranges are compared with the history before they are
 * written, and split where it has something.
 *
 * Asked for in one statement for a batch, by partition, because a range seldom
 * reaches over more than two days.  Only timers that missed something pay.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/runkey.h"
#include "worker/ranges.h"
#include "worker/rows.h"

/* Times within ranges that have a record, by the number of the range. */
static ExtschedStmt find_recorded = {
	.sql = "SELECT u.number, r.nominal_time FROM ROWS FROM (pg_catalog.unnest($1),"
	" pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),"
	" pg_catalog.unnest($5), pg_catalog.unnest($6))"
	" AS u (number, tenant_id, schedule_id, slot, first, last),"
	" LATERAL (SELECT e.nominal_time FROM extsched.run e"
	" WHERE e.tenant_id = u.tenant_id AND e.schedule_id = u.schedule_id"
	" AND e.slot = u.slot AND e.trigger = 'schedule'"
	" AND e.nominal_time BETWEEN u.first AND u.last" EXTSCHED_OF_TENANT("e") ") r ORDER BY 1, 2",
	.expected = SPI_OK_SELECT,
	.nargs = 7,
	.types = {INT4ARRAYOID, TEXTARRAYOID, UUIDARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTOID},
};

/* The ranges of a batch, one entry for each partition of each. */
typedef struct Ranges
{
	int			n;
	int			capacity;
	Datum	   *columns[6];
} Ranges;

static void
add_entry(Ranges *ranges, int number, const ExtschedCandidate *candidate,
		  const ExtschedRecord *record, int slot)
{
	if (ranges->n == ranges->capacity)
	{
		ranges->capacity = Max(64, ranges->capacity * 2);
		for (int i = 0; i < lengthof(ranges->columns); i++)
			ranges->columns[i] = ranges->columns[i] == NULL ?
				palloc(sizeof(Datum) * ranges->capacity) :
				repalloc(ranges->columns[i], sizeof(Datum) * ranges->capacity);
	}
	ranges->columns[0][ranges->n] = Int32GetDatum(number);
	ranges->columns[1][ranges->n] = CStringGetTextDatum(candidate->request.tenant);
	ranges->columns[2][ranges->n] = UUIDPGetDatum(&candidate->request.schedule_id);
	ranges->columns[3][ranges->n] = Int16GetDatum(slot);
	ranges->columns[4][ranges->n] = TimestampTzGetDatum(record->first);
	ranges->columns[5][ranges->n] = TimestampTzGetDatum(record->nominal);
	ranges->n++;
}

static void
add_range(Ranges *ranges, int number, const ExtschedCandidate *candidate,
		  const ExtschedRecord *record)
{
	TimestampTz day = record->first;
	int			last_slot = extsched_run_slot(record->nominal);

	for (int i = 0; i < EXTSCHED_RING_SLOTS; i++)
	{
		int			slot = extsched_run_slot(day);

		add_entry(ranges, number, candidate, record, slot);
		if (slot == last_slot && record->nominal - day < USECS_PER_DAY)
			break;
		day += USECS_PER_DAY;
	}
}

/* Run the statement for all entries; rows of (number, nominal time). */
static uint64
find(const Ranges *ranges)
{
	static const Oid types[] = {INT4OID, TEXTOID, UUIDOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types) + 1];

	for (int i = 0; i < lengthof(types); i++)
	{
		int16		len;
		bool		is_by_value;
		char		align;

		get_typlenbyvalalign(types[i], &len, &is_by_value, &align);
		values[i] = PointerGetDatum(construct_array(ranges->columns[i], ranges->n, types[i],
													len, is_by_value, align));
	}
	values[lengthof(types)] = ranges->columns[1][0];
	return extsched_stmt_run(&find_recorded, values, NULL);
}

/* The parts of a range from one instant up to another, if there are times. */
static void
add_part(ExtschedCandidate *candidate, const ExtschedRecord *whole,
		 TimestampTz from, TimestampTz until)
{
	ExtschedDueStretch stretch;
	const char *problem;
	ExtschedRecord *part;

	if (until < from ||
		extsched_due_stretch(&candidate->facts.rule, from, until, &stretch, &problem) != EXTSCHED_DUE_OK ||
		stretch.count == 0)
		return;
	part = &candidate->records[candidate->n_records++];
	*part = *whole;
	part->first = stretch.first;
	part->nominal = stretch.last;
	part->count = (int) Min(stretch.count, INT_MAX);
}

/*
 * Take the records of a decision over, split at the rows of SPI_tuptable from
 * *row on that belong to it.
 */
static void
take_records(ExtschedCandidate *candidate, int number, uint64 *row, uint64 n_rows)
{
	const ExtschedDecision *decision = &candidate->decision;
	TupleDesc	desc = SPI_tuptable->tupdesc;

	candidate->records = palloc(sizeof(ExtschedRecord) * (decision->n_records * 2 + n_rows - *row));
	for (int r = 0; r < decision->n_records; r++)
	{
		const ExtschedRecord *record = &decision->records[r];
		TimestampTz from = record->first;

		if (record->state != EXTSCHED_RUN_MISSED)
		{
			candidate->records[candidate->n_records++] = *record;
			continue;
		}
		for (; *row < n_rows; (*row)++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[*row];
			bool		isnull;
			TimestampTz recorded;

			if (DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull)) != number + r)
				break;
			recorded = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 2, &isnull));
			add_part(candidate, record, from, recorded - 1);
			from = recorded + 1;
		}
		if (from == record->first)
			candidate->records[candidate->n_records++] = *record;
		else
			add_part(candidate, record, from, record->nominal);
	}
}

/*
 * extsched_ranges_split
 *		Set the records of candidates that are not left to those of their
 *		decisions, without the times that have a record.
 *
 * Inside the transaction that has the timers locked.  Allocates in the current
 * context.  Returns the number of records.
 */
int
extsched_ranges_split(ExtschedCandidate *candidates, int n)
{
	Ranges		ranges = {0};
	uint64		n_rows;
	uint64		row = 0;
	int			n_records = 0;

	for (int i = 0; i < n; i++)
	{
		ExtschedCandidate *candidate = &candidates[i];
		ExtschedDecision *decision = &candidate->decision;

		candidate->records = decision->records;
		candidate->n_records = candidate->is_left ? 0 : decision->n_records;
		n_records += candidate->n_records;
		for (int r = 0; r < candidate->n_records; r++)
		{
			if (decision->records[r].state == EXTSCHED_RUN_MISSED)
				add_range(&ranges, i * lengthof(decision->records) + r, candidate, &decision->records[r]);
		}
	}
	if (ranges.n == 0)
		return n_records;

	n_rows = find(&ranges);
	for (int i = 0; i < n && n_rows > 0; i++)
	{
		ExtschedCandidate *candidate = &candidates[i];

		if (candidate->n_records == 0)
			continue;
		n_records -= candidate->n_records;
		candidate->n_records = 0;
		take_records(candidate, i * lengthof(candidate->decision.records), &row, n_rows);
		n_records += candidate->n_records;
	}
	SPI_freetuptable(SPI_tuptable);
	return n_records;
}
