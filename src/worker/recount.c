/*-------------------------------------------------------------------------
 *
 * recount.c
 *		Count anew what schedules have in flight, where that is doubtful.
 *
 * timer.in_flight is changed in the transactions that begin and end runs, so
 * it is right as long as nobody else writes the tables.  But after a TRUNCATE
 * of the history, or an edit by hand, the runs it counts may not be there to
 * end, and the overlap rule would hold the schedule for ever.
 *
 * Counting each time was rejected: live runs of a schedule are found by its
 * history, in 32 partitions.  A run is over soon after its largest age, so a
 * schedule of which none has ended for longer than that is worth the look.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "worker/recount.h"
#include "worker/rows.h"

static ExtschedStmt count_live = {
	.sql = "SELECT u.ordinality::int4, pg_catalog.count(r.run_id)::int4"
	" FROM pg_catalog.unnest($1) WITH ORDINALITY u"
	" LEFT JOIN extsched.run r ON r.tenant_id = u.tenant_id"
	" AND r.schedule_id = u.schedule_id AND r.finished_at IS NULL" EXTSCHED_OF_TENANT("r")
	" GROUP BY u.ordinality",
	.expected = SPI_OK_SELECT,
	.nargs = 2,
	.types = {EXTSCHED_TIMERS_ARG, TEXTOID},
};

/* Overlap is about to count, and no run has ended for longer than one lives. */
static bool
is_doubtful(const ExtschedCandidate *candidate)
{
	const ExtschedTimerFacts *facts = &candidate->facts;

	return facts->in_flight > 0 && facts->overlap != EXTSCHED_OVERLAP_ALLOW &&
		facts->last_run_at < facts->now - candidate->policy.max_age_s * USECS_PER_SEC;
}

/*
 * extsched_recount_doubtful
 *		Correct facts.in_flight of the candidates whose number is doubtful.
 *
 * Inside a transaction and SPI_connect.  The timers are locked, so that no run
 * of theirs begins or ends meanwhile.
 */
void
extsched_recount_doubtful(ExtschedCandidate *candidates, int n)
{
	int		   *doubtful = palloc(sizeof(int) * Max(n, 1));
	int			n_doubtful = 0;
	ExtschedRows keys;
	Datum		values[2];
	uint64		n_rows;

	for (int i = 0; i < n; i++)
	{
		if (is_doubtful(&candidates[i]))
			doubtful[n_doubtful++] = i;
	}
	if (n_doubtful == 0)
		return;

	extsched_rows_init(&keys, EXTSCHED_TABLE_TIMER, n_doubtful);
	for (int i = 0; i < n_doubtful; i++)
	{
		ExtschedRequest *request = &candidates[doubtful[i]].request;

		extsched_rows_set_text(&keys, extsched_timer_column.tenant_id, request->tenant);
		extsched_rows_set_uuid(&keys, extsched_timer_column.schedule_id, &request->schedule_id);
		extsched_rows_add(&keys);
	}
	values[0] = extsched_rows_array(&keys);
	values[1] = CStringGetTextDatum(candidates[0].request.tenant);
	n_rows = extsched_stmt_run(&count_live, values, NULL);
	for (uint64 row = 0; row < n_rows; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		bool		isnull;
		int			number = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));

		candidates[doubtful[number - 1]].facts.in_flight =
			DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
}
