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

#include "api/plan.h"

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
	int			result;

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

	result = SPI_execute_plan(statement->plan, values, nulls, false, max_rows);
	if (result != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", statement->sql,
			 SPI_result_code_string(result));
	return SPI_processed;
}
