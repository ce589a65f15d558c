/*-------------------------------------------------------------------------
 *
 * support.c
 *		SQL wrappers over the core, for the SQL parts of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/wake.h"

PG_FUNCTION_INFO_V1(extsched_clock_now_sql);
Datum
extsched_clock_now_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(extsched_clock_now());
}

PG_FUNCTION_INFO_V1(extsched_wake_at_commit_sql);
Datum
extsched_wake_at_commit_sql(PG_FUNCTION_ARGS)
{
	extsched_wake_at_commit(PG_ARGISNULL(0) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}
