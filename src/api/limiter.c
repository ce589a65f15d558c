/*-------------------------------------------------------------------------
 *
 * limiter.c
 *		Exact sliding minutes, and the lock under which quotas are counted.
 *
 * One row per install and one per tenant hold when calls of the last minute
 * were charged.  The same row lock serialises what must be counted (quota,
 * names), so there is one lock and one place.
 *
 * The time of a call is read after the lock was taken: read before, two waiting
 * calls could be filed in the wrong order and let an eleventh into a minute.
 * It is the server's clock, not the scheduler's, so that time travel in tests
 * opens no window.  A clock that stepped back only makes calls wait longer.
 *
 * A window of up to EXACT_CALLS calls is exact.  Above, calls of one second
 * share an entry that carries the time of the last of them, so that a lifted
 * limit costs at most 61 entries; the window then never lets too many in, and
 * may hold back a call by up to a second.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/limiter.h"
#include "api/plan.h"

#define WINDOW_US	((int64) 60 * USECS_PER_SEC)
#define EXACT_CALLS 100

struct Limiter
{
	PreparedStatement *write;
	int			nkeys;			/* key parameters of write */
	Datum		keys[2];
	TimestampTz now;			/* when the lock was held */
	int			count;			/* entries inside the window, oldest first */
	TimestampTz *called_at;
	int32	   *calls;
	int64		total;			/* sum of calls */
};

static PreparedStatement lock_install_row = {
	.sql = "SELECT called_at, calls FROM extsched.install_limiter"
	" WHERE tenant_id = $1 AND install_id = $2 FOR NO KEY UPDATE",
	.nargs = 2,
	.types = {TEXTOID, UUIDOID},
};

static PreparedStatement write_install_row = {
	.sql = "UPDATE extsched.install_limiter SET called_at = $3, calls = $4"
	" WHERE tenant_id = $1 AND install_id = $2",
	.nargs = 4,
	.types = {TEXTOID, UUIDOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID},
};

static PreparedStatement lock_tenant_row = {
	.sql = "SELECT called_at, calls FROM extsched.tenant_limiter"
	" WHERE tenant_id = $1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID},
};

static PreparedStatement write_tenant_row = {
	.sql = "UPDATE extsched.tenant_limiter SET called_at = $2, calls = $3 WHERE tenant_id = $1",
	.nargs = 3,
	.types = {TEXTOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID},
};

/* Keep the entries that are inside the window; arrays hand-edited into
 * different lengths or with nulls count as far as they make sense. */
static void
read_entries(Limiter *limiter)
{
	HeapTuple	tuple = SPI_tuptable->vals[0];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	Datum	   *times;
	Datum	   *calls;
	bool	   *time_nulls;
	bool	   *call_nulls;
	int			ntimes;
	int			ncalls;
	bool		isnull;

	deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 1, &isnull)),
					  TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &times, &time_nulls, &ntimes);
	deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 2, &isnull)),
					  INT4OID, sizeof(int32), true, TYPALIGN_INT,
					  &calls, &call_nulls, &ncalls);

	limiter->called_at = palloc(sizeof(TimestampTz) * (ntimes + 1));
	limiter->calls = palloc(sizeof(int32) * (ntimes + 1));
	for (int i = 0; i < ntimes; i++)
	{
		TimestampTz at = DatumGetTimestampTz(times[i]);

		if (time_nulls[i] || at <= limiter->now - WINDOW_US)
			continue;
		limiter->called_at[limiter->count] = at;
		limiter->calls[limiter->count] = i < ncalls && !call_nulls[i] ? DatumGetInt32(calls[i]) : 1;
		limiter->total += limiter->calls[limiter->count];
		limiter->count++;
	}
}

static Limiter *
lock_row(PreparedStatement *lock, PreparedStatement *write, Datum *keys, int nkeys)
{
	Limiter    *limiter;

	if (extsched_plan_execute(lock, keys, NULL, SPI_OK_SELECT, 1) == 0)
		return NULL;

	limiter = palloc0(sizeof(Limiter));
	limiter->write = write;
	limiter->nkeys = nkeys;
	memcpy(limiter->keys, keys, sizeof(Datum) * nkeys);
	limiter->now = GetCurrentTimestamp();
	read_entries(limiter);
	return limiter;
}

/*
 * extsched_limiter_lock_install
 *		Lock the limiter row of an install until the transaction ends.
 *
 * Inside SPI_connect; the result lives in SPI's memory.  The install row must
 * be locked already (lock order).  Returns NULL when there is no such install.
 */
Limiter *
extsched_limiter_lock_install(const char *tenant, const pg_uuid_t *install)
{
	Datum		keys[2] = {CStringGetTextDatum(tenant), UUIDPGetDatum(install)};

	return lock_row(&lock_install_row, &write_install_row, keys, 2);
}

/*
 * extsched_limiter_lock_tenant
 *		The same for the row of a tenant, which is locked before all others.
 */
Limiter *
extsched_limiter_lock_tenant(const char *tenant)
{
	Datum		keys[1] = {CStringGetTextDatum(tenant)};

	return lock_row(&lock_tenant_row, &write_tenant_row, keys, 1);
}

/*
 * extsched_limiter_wait_s
 *		Seconds until one more call fits the window; 0 when it fits now.
 *
 * limit is calls in 60 seconds: negative is no limit, 0 none at all, which
 * answers a whole minute.
 */
int
extsched_limiter_wait_s(const Limiter *limiter, int limit)
{
	int64		surplus = limiter->total - limit + 1;

	if (limit < 0 || surplus <= 0)
		return 0;
	for (int i = 0; i < limiter->count; i++)
	{
		surplus -= limiter->calls[i];
		if (surplus <= 0)
		{
			int64		wait_us = limiter->called_at[i] + WINDOW_US - limiter->now;

			return (int) Max((wait_us + USECS_PER_SEC - 1) / USECS_PER_SEC, 1);
		}
	}
	return (int) (WINDOW_US / USECS_PER_SEC);
}

static void
write_row(Limiter *limiter)
{
	Datum	   *times = palloc(sizeof(Datum) * (limiter->count + 1));
	Datum	   *calls = palloc(sizeof(Datum) * (limiter->count + 1));
	Datum		values[4];

	for (int i = 0; i < limiter->count; i++)
	{
		times[i] = TimestampTzGetDatum(limiter->called_at[i]);
		calls[i] = Int32GetDatum(limiter->calls[i]);
	}
	memcpy(values, limiter->keys, sizeof(Datum) * limiter->nkeys);
	values[limiter->nkeys] =
		PointerGetDatum(construct_array(times, limiter->count, TIMESTAMPTZOID,
										sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[limiter->nkeys + 1] =
		PointerGetDatum(construct_array(calls, limiter->count, INT4OID,
										sizeof(int32), true, TYPALIGN_INT));
	(void) extsched_plan_execute(limiter->write, values, NULL, SPI_OK_UPDATE, 0);
}

/*
 * extsched_limiter_charge
 *		File a call in the window and write the row.
 *
 * Without a limit nothing needs to be counted, and nothing is written.
 */
void
extsched_limiter_charge(Limiter *limiter, int limit)
{
	int			last = limiter->count - 1;

	if (limit < 0)
		return;
	if (limit > EXACT_CALLS && last >= 0 &&
		limiter->called_at[last] / USECS_PER_SEC == limiter->now / USECS_PER_SEC)
	{
		limiter->called_at[last] = limiter->now;
		limiter->calls[last]++;
	}
	else
	{
		limiter->called_at[limiter->count] = limiter->now;
		limiter->calls[limiter->count] = 1;
		limiter->count++;
	}
	limiter->total++;
	write_row(limiter);
}
