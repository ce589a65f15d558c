/*-------------------------------------------------------------------------
 *
 * audit.c
 *		Records of who changed what.
 *
 * A record is written in the transaction of the change, so that neither is
 * ever there without the other.  Callers pass what changed, before and after,
 * without secrets and without the text of a payload.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/audit.h"
#include "api/plan.h"
#include "core/runkey.h"
#include "core/version.h"

/*
 * One statement for each partition, since the server opens and routes through
 * the whole ring when the row goes to the parent.
 */
static PreparedStatement insert_record[EXTSCHED_RING_SLOTS];

#define INSERT_RECORD \
	"INSERT INTO extsched.audit_%02d (tenant_id, at, slot, actor, session_actor, face, action," \
	" install_id, schedule_id, object_name, before, after)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

static PreparedStatement *
statement_of(int slot)
{
	static const Oid types[] = {TEXTOID, TIMESTAMPTZOID, INT2OID, NAMEOID, NAMEOID, TEXTOID, TEXTOID,
	UUIDOID, UUIDOID, TEXTOID, JSONBOID, JSONBOID};
	PreparedStatement *statement = &insert_record[slot];

	if (statement->sql == NULL)
	{
		char		sql[sizeof(INSERT_RECORD) + 16];

		snprintf(sql, sizeof(sql), INSERT_RECORD, slot);
		memcpy(statement->types, types, sizeof(types));
		statement->nargs = lengthof(types);
		statement->sql = MemoryContextStrdup(TopMemoryContext, sql);
	}
	return statement;
}

static Datum
role_name(Oid role)
{
	Name		name = palloc0(NAMEDATALEN);

	namestrcpy(name, GetUserNameFromId(role, false));
	return NameGetDatum(name);
}

/*
 * extsched_audit_write
 *		Add a record, inside SPI_connect.
 *
 * tenant is "" for what belongs to no tenant.  face is host, sql or worker.
 * install, schedule, object_name, before and after may be NULL.  The actor is
 * the outer role: the one of SET ROLE or the session, whatever SECURITY
 * DEFINER functions stand between.
 */
void
extsched_audit_write(const char *tenant, const char *face, const char *action,
					 const pg_uuid_t *install, const pg_uuid_t *schedule,
					 const char *object_name, Jsonb *before, Jsonb *after)
{
	TimestampTz at = GetCurrentTimestamp();
	int			slot = extsched_audit_slot(at);
	Datum		values[12];
	char		nulls[13] = "            ";

	values[0] = CStringGetTextDatum(tenant);
	values[1] = TimestampTzGetDatum(at);
	values[2] = Int16GetDatum((int16) slot);
	values[3] = role_name(GetOuterUserId());
	values[4] = role_name(GetSessionUserId());
	values[5] = CStringGetTextDatum(face);
	values[6] = CStringGetTextDatum(action);
	values[7] = UUIDPGetDatum(install);
	values[8] = UUIDPGetDatum(schedule);
	values[9] = object_name ? CStringGetTextDatum(object_name) : (Datum) 0;
	values[10] = JsonbPGetDatum(before);
	values[11] = JsonbPGetDatum(after);
	nulls[7] = install ? ' ' : 'n';
	nulls[8] = schedule ? ' ' : 'n';
	nulls[9] = object_name ? ' ' : 'n';
	nulls[10] = before ? ' ' : 'n';
	nulls[11] = after ? ' ' : 'n';

	(void) extsched_plan_execute(statement_of(slot), values, nulls, SPI_OK_INSERT, 0);
}

PG_FUNCTION_INFO_V1(extsched_audit_write_sql);
Datum
extsched_audit_write_sql(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		elog(ERROR, "an audit record needs tenant, face and action");

	extsched_version_check();
	SPI_connect();
	extsched_audit_write(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						 text_to_cstring(PG_GETARG_TEXT_PP(1)),
						 text_to_cstring(PG_GETARG_TEXT_PP(2)),
						 PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3),
						 PG_ARGISNULL(4) ? NULL : PG_GETARG_UUID_P(4),
						 PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5)),
						 PG_ARGISNULL(6) ? NULL : PG_GETARG_JSONB_P(6),
						 PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7));
	SPI_finish();
	PG_RETURN_VOID();
}
