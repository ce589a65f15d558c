/*-------------------------------------------------------------------------
 *
 * identity.c
 *		Does this set of schedules belong to this database?
 *
 * A copy of a database must not call the Runners of the original.  The table
 * extsched.identity holds one row with the system identifier of the cluster
 * and the OID of the database that the schedules run in.  A logical copy
 * carries the row along and so finds that it is one; a physical copy has the
 * same identifier and cannot be told from a failover.
 *
 * The row is written by the first write of the API, and never by a worker: a
 * worker that wrote it into an empty table would race with a restore, which
 * makes the extension first and loads the row of the original later.  Until
 * there is a row, nothing runs, and as the API has written nothing, there is
 * nothing to run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/identity.h"

#define CHECK_SQL \
	"SELECT system_identifier = $1 AND database_oid = $2" \
	" FROM extsched.identity"
#define INSERT_SQL \
	"INSERT INTO extsched.identity (system_identifier, database_oid, adopted_at)" \
	" VALUES ($1, $2, pg_catalog.clock_timestamp())" \
	" ON CONFLICT DO NOTHING"
#define EPOCH_SQL \
	"UPDATE extsched.identity SET worker_epoch = worker_epoch + 1" \
	" WHERE system_identifier = $1 AND database_oid = $2" \
	" RETURNING worker_epoch"

/*
 * Run one of the statements above, which all take what this database is.
 * plan is prepared at first use and kept.  Leaves SPI connected and a snapshot
 * active, because a worker has none of its own: finish() undoes both.
 */
static void
execute(SPIPlanPtr *plan, const char *sql, int expected)
{
	Oid			types[2] = {TEXTOID, OIDOID};
	Datum		values[2];
	char		system_identifier[24];

	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (*plan == NULL)
	{
		SPIPlanPtr	prepared = SPI_prepare(sql, 2, types);

		if (prepared == NULL || SPI_keepplan(prepared) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", sql,
				 SPI_result_code_string(SPI_result));
		*plan = prepared;
	}
	snprintf(system_identifier, sizeof(system_identifier), UINT64_FORMAT,
			 GetSystemIdentifier());
	values[0] = CStringGetTextDatum(system_identifier);
	values[1] = ObjectIdGetDatum(MyDatabaseId);
	if (SPI_execute_plan(*plan, values, NULL, false, 0) != expected)
		elog(ERROR, "unexpected result of \"%s\"", sql);
}

static void
finish(void)
{
	SPI_finish();
	PopActiveSnapshot();
}

/*
 * extsched_identity_check
 *		Compare the stored identity with this database.
 *
 * Needs a transaction; takes its own snapshot.
 */
ExtschedIdentity
extsched_identity_check(void)
{
	static SPIPlanPtr plan = NULL;
	ExtschedIdentity result = EXTSCHED_IDENTITY_NONE;

	execute(&plan, CHECK_SQL, SPI_OK_SELECT);
	if (SPI_processed > 0)
	{
		bool		isnull;
		Datum		same = SPI_getbinval(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1, &isnull);

		result = DatumGetBool(same) ? EXTSCHED_IDENTITY_OURS
			: EXTSCHED_IDENTITY_COPY;
	}
	finish();
	return result;
}

/*
 * extsched_identity_matches
 *		True if the schedules here are ours to run.
 */
bool
extsched_identity_matches(void)
{
	return extsched_identity_check() == EXTSCHED_IDENTITY_OURS;
}

/*
 * extsched_identity_ensure
 *		Store the identity if there is none yet.
 *
 * For every call of the API that may write first.  It stays what it is in a
 * copy: only extsched_adopt() changes it.
 */
void
extsched_identity_ensure(void)
{
	static SPIPlanPtr plan = NULL;

	if (extsched_identity_check() != EXTSCHED_IDENTITY_NONE)
		return;
	execute(&plan, INSERT_SQL, SPI_OK_INSERT);
	finish();
}

/*
 * extsched_identity_take_epoch
 *		Raise the worker epoch, which the fence of each request carries.
 *
 * For a worker, once in its life, in a transaction of its own.  Returns 0 if
 * the identity is not ours.
 */
int64
extsched_identity_take_epoch(void)
{
	static SPIPlanPtr plan = NULL;
	int64		epoch = 0;

	execute(&plan, EPOCH_SQL, SPI_OK_UPDATE_RETURNING);
	if (SPI_processed > 0)
	{
		bool		isnull;

		epoch = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
											SPI_tuptable->tupdesc, 1,
											&isnull));
	}
	finish();
	return epoch;
}

PG_FUNCTION_INFO_V1(extsched_ensure_identity);

/* extsched.ensure_identity() returns void */
Datum
extsched_ensure_identity(PG_FUNCTION_ARGS)
{
	extsched_identity_ensure();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(extsched_system_identifier);

/* extsched.system_identifier() returns text */
Datum
extsched_system_identifier(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(UINT64_FORMAT,
											  GetSystemIdentifier())));
}
