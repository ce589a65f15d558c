/*-------------------------------------------------------------------------
 *
 * runkey.c
 *		Ids and partitions of runs, computed from what the run stands for.
 *
 * The id of a run is its idempotency key, so it must come out the same on
 * every node and after every restart: a worker that claims a nominal time
 * again after a lost commit must send the key it sent before.  It is hashed
 * with SHA-256, because tenant names and schedule ids are chosen by others and
 * must not be made to collide; 106 bits of that are in the id.
 *
 * The last bits of the id are the partition of the run.  A Runner that knows
 * nothing but the id therefore finds its row by looking into one partition.
 *
 * The first bits are the minute of the day.  Runs of a minute are written
 * together, so their ids lie together in the index, however long the day is.
 * Ids that are spread over all of it cost a page each, and that page goes into
 * the WAL after each checkpoint.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/runkey.h"

/* Weeks, as days, are counted from 1970-01-01. */
#define SECS_PER_WEEK ((int64) 7 * SECS_PER_DAY)

StaticAssertDecl((EXTSCHED_RING_SLOTS & (EXTSCHED_RING_SLOTS - 1)) == 0,
				 "slots are taken off an id by a mask");

/* The rest that is not negative. */
static int
modulo(int64 a, int64 b)
{
	int64		rest = a % b;

	return (int) (rest < 0 ? rest + b : rest);
}

static int
ring_slot(TimestampTz at, int64 period_s)
{
	int64		second = extsched_to_unix(at);

	return modulo((second - modulo(second, period_s)) / period_s, EXTSCHED_RING_SLOTS);
}

/*
 * extsched_run_slot
 *		Partition of a run: UTC day of its nominal time, modulo 32.
 *
 * Raises no error.  Infinite instants get a slot too; tables refuse them.
 */
int
extsched_run_slot(TimestampTz nominal_time)
{
	return ring_slot(nominal_time, SECS_PER_DAY);
}

/*
 * extsched_audit_slot
 *		Partition of an audit record: UTC week since 1970-01-01, modulo 32.
 */
int
extsched_audit_slot(TimestampTz at)
{
	return ring_slot(at, SECS_PER_WEEK);
}

/*
 * extsched_run_id
 *		Id and idempotency key of a run.
 *
 * tenant need not be terminated; trigger is one of schedule, manual, backfill.
 * *run_id becomes a version 8 uuid (RFC 9562, section 5.8).  Raises an internal
 * error only when the server's SHA-256 fails.
 */
void
extsched_run_id(const char *tenant, size_t tenant_len,
				const pg_uuid_t *schedule, TimestampTz nominal_time,
				const char *trigger, pg_uuid_t *run_id)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint64		instant = pg_hton64((uint64) nominal_time);
	int			minute = modulo(extsched_to_unix(nominal_time), SECS_PER_DAY) / SECS_PER_MINUTE;
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	bool		is_hashed;

	is_hashed = ctx != NULL &&
		pg_cryptohash_init(ctx) >= 0 &&
		pg_cryptohash_update(ctx, (const uint8 *) tenant, tenant_len) >= 0 &&
		pg_cryptohash_update(ctx, (const uint8 *) "", 1) >= 0 &&
		pg_cryptohash_update(ctx, schedule->data, UUID_LEN) >= 0 &&
		pg_cryptohash_update(ctx, (const uint8 *) &instant, sizeof(instant)) >= 0 &&
		pg_cryptohash_update(ctx, (const uint8 *) trigger, strlen(trigger)) >= 0 &&
		pg_cryptohash_final(ctx, digest, sizeof(digest)) >= 0;
	pg_cryptohash_free(ctx);
	if (!is_hashed)
		elog(ERROR, "could not compute a SHA-256 digest");

	memcpy(run_id->data, digest, UUID_LEN);
	run_id->data[0] = minute >> 3;
	run_id->data[1] = (minute & 0x07) << 5 | (run_id->data[1] & 0x1f);
	run_id->data[6] = (run_id->data[6] & 0x0f) | 0x80;
	run_id->data[8] = (run_id->data[8] & 0x3f) | 0x80;
	run_id->data[15] = (run_id->data[15] & ~(EXTSCHED_RING_SLOTS - 1)) |
		extsched_run_slot(nominal_time);
}

/*
 * extsched_run_id_slot
 *		Partition that holds the run of an id, read off the id.
 *
 * Any uuid has one: of an unknown id the partition simply has no row.
 */
int
extsched_run_id_slot(const pg_uuid_t *run_id)
{
	return run_id->data[15] & (EXTSCHED_RING_SLOTS - 1);
}

PG_FUNCTION_INFO_V1(extsched_run_slot_sql);
Datum
extsched_run_slot_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16((int16) extsched_run_slot(PG_GETARG_TIMESTAMPTZ(0)));
}

PG_FUNCTION_INFO_V1(extsched_audit_slot_sql);
Datum
extsched_audit_slot_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16((int16) extsched_audit_slot(PG_GETARG_TIMESTAMPTZ(0)));
}

PG_FUNCTION_INFO_V1(extsched_run_id_sql);
Datum
extsched_run_id_sql(PG_FUNCTION_ARGS)
{
	text	   *tenant = PG_GETARG_TEXT_PP(0);
	char	   *trigger = text_to_cstring(PG_GETARG_TEXT_PP(3));
	pg_uuid_t  *run_id = palloc(sizeof(pg_uuid_t));

	extsched_run_id(VARDATA_ANY(tenant), VARSIZE_ANY_EXHDR(tenant),
					PG_GETARG_UUID_P(1), PG_GETARG_TIMESTAMPTZ(2), trigger, run_id);
	PG_RETURN_UUID_P(run_id);
}

PG_FUNCTION_INFO_V1(extsched_run_id_slot_sql);
Datum
extsched_run_id_slot_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16((int16) extsched_run_id_slot(PG_GETARG_UUID_P(0)));
}

/* The role of SET ROLE or the session, whatever definer functions are between. */
PG_FUNCTION_INFO_V1(extsched_acting_role);
Datum
extsched_acting_role(PG_FUNCTION_ARGS)
{
	Name		role = palloc0(NAMEDATALEN);

	namestrcpy(role, GetUserNameFromId(GetOuterUserId(), false));
	PG_RETURN_NAME(role);
}
