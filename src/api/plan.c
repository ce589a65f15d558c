/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Statements of the API, prepared once in a session.
 *
 * Every statement that C code runs is fixed text with parameters: no text of a
 * tenant ever becomes SQL.  Plans are kept, because planning costs more than
 * running them.  The server re-plans by itself when a table changes, also when
 * the extension is dropped and created again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "api/plan.h"

static SPIPlanPtr
get_plan(PreparedStatement *statement)
{
	if (statement->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(statement->sql, statement->nargs, statement->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", statement->sql,
				 SPI_result_code_string(SPI_result));
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "could not keep the plan of \"%s\"", statement->sql);
		statement->plan = plan;
	}
	return statement->plan;
}

static uint64
expect(const PreparedStatement *statement, int result, int expected)
{
	if (result != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", statement->sql,
			 SPI_result_code_string(result));
	return SPI_processed;
}

/*
 * extsched_plan_execute
 *		Run a statement inside SPI_connect, preparing it at first use.
 *
 * nulls is a string of ' ' and 'n' as SPI has it, or NULL when no value is
 * null.  expected is the SPI result code that the statement must give; any
 * other is an internal error.  max_rows 0 means all.  The rows are in
 * SPI_tuptable.  Returns their number.
 *
 * Runs read-write with a new snapshot, so that in READ COMMITTED it sees what
 * committed while an earlier statement waited for a lock.
 */
uint64
extsched_plan_execute(PreparedStatement *statement, Datum *values,
					  const char *nulls, int expected, long max_rows)
{
	int			result = SPI_execute_plan(get_plan(statement), values, nulls, false, max_rows);

	return expect(statement, result, expected);
}

/*
 * extsched_plan_look
 *		Run a SELECT that sees all that has committed, whatever the isolation
 *		level.
 *
 * For what is judged under a lock: a transaction with one snapshot would not
 * see what another session committed before it got the lock, and would pass a
 * quota or give a name twice.  Else as extsched_plan_execute.
 */
uint64
extsched_plan_look(PreparedStatement *statement, Datum *values, const char *nulls)
{
	int			result = SPI_execute_snapshot(get_plan(statement), values, nulls, GetLatestSnapshot(),
											  InvalidSnapshot, false, false, 0);

	return expect(statement, result, SPI_OK_SELECT);
}
