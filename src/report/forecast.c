/*-------------------------------------------------------------------------
 *
 * forecast.c
 *		How many schedules are due in each minute of a coming day.
 *
 * Schedules without H and with the same expression, zone and window are due at
 * the same times, so they are looked at once, together; an H makes each its
 * own.  A hundred thousand schedules are a few hundred groups, or as many
 * searches as an H gives a schedule times in a day.
 *
 * The second figure is the load if the minutes were left to H, wherever
 * extsched_cron_spread() proposes one.  It is what is to be expected, not
 * hashed: a schedule adds an equal part of itself to every minute its H may
 * choose.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/zones.h"

#define MINUTES				1440

typedef struct Forecast
{
	int64		start;			/* of the day, seconds since 1970 */
	double		due[MINUTES];
	double		spread[MINUTES];
} Forecast;

/* Schedules that are due at the same times. */
typedef struct DueGroup
{
	CronSpec	spec;
	bool		is_hashed;		/* its minutes are left to H already */
	const CronZone *zone;
	int64		starts_at;		/* seconds since 1970 */
	int64		ends_at;
	int64		schedules;
} DueGroup;

static const char *const groups_query =
"SELECT s.cron, s.timezone, k.key, s.starts_at, s.ends_at, pg_catalog.count(*)"
"  FROM extsched.schedule AS s"
"  JOIN extsched.timer AS m ON m.tenant_id = s.tenant_id AND m.schedule_id = s.schedule_id"
"  JOIN extsched.install AS i ON i.tenant_id = s.tenant_id AND i.install_id = s.install_id"
"  JOIN extsched.tenant AS t ON t.tenant_id = s.tenant_id"
" CROSS JOIN LATERAL (SELECT CASE WHEN s.cron ~* '(^|[ ,])h' THEN s.schedule_id::pg_catalog.text END) AS k (key)"
" WHERE m.next_due < $1 + pg_catalog.make_interval(days => 1) AND NOT m.is_paused AND i.enabled AND NOT t.is_paused"
"   AND ($2 IS NULL OR s.tenant_id = $2)"
" GROUP BY s.cron, s.timezone, k.key, s.starts_at, s.ends_at";

/* A bound of a window as seconds since 1970. */
static int64
get_bound(HeapTuple tuple, TupleDesc desc, int column, int64 none)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, desc, column, &isnull);

	if (isnull)
		return none;
	return extsched_to_unix(DatumGetTimestampTz(value));
}

/* Read a group; false when its times cannot be computed (the worker says so). */
static bool
read_group(HeapTuple tuple, TupleDesc desc, DueGroup *group)
{
	char	   *cron = SPI_getvalue(tuple, desc, 1);
	char	   *timezone = SPI_getvalue(tuple, desc, 2);
	char	   *key = SPI_getvalue(tuple, desc, 3);
	ExtschedZoneStatus zone_status;
	const ExtschedZone *zone = extsched_zone_lookup(timezone, &zone_status);
	CronError	error;
	bool		isnull;

	if (zone == NULL ||
		extsched_cron_parse(cron, strlen(cron), key, key == NULL ? 0 : strlen(key),
							true, &group->spec, &error) != CRON_OK)
		return false;
	group->is_hashed = key != NULL;
	group->zone = zone->rules;
	group->starts_at = get_bound(tuple, desc, 4, PG_INT64_MIN);
	group->ends_at = get_bound(tuple, desc, 5, PG_INT64_MAX);
	group->schedules = DatumGetInt64(SPI_getbinval(tuple, desc, 6, &isnull));
	return true;
}

/* Add the times of a group. */
static void
add_group(Forecast *forecast, const DueGroup *group)
{
	char		text[CRON_FORMAT_LEN];
	int			window = 1;		/* minutes that an H would choose among */
	int64		at = forecast->start - 1;

	if (!group->is_hashed && extsched_cron_spread(&group->spec, text))
		window = 60 / __builtin_popcountll(group->spec.minutes);
	while (extsched_cron_next(&group->spec, group->zone, at, &at, NULL) == CRON_OK &&
		   at < forecast->start + SECS_PER_DAY)
	{
		int			minute = (int) ((at - forecast->start) / SECS_PER_MINUTE);

		if (at < group->starts_at || at > group->ends_at)
			continue;
		forecast->due[minute] += group->schedules;
		for (int i = minute; i < minute + window && i < MINUTES; i++)
			forecast->spread[i] += (double) group->schedules / window;
	}
}

PG_FUNCTION_INFO_V1(extsched_forecast);

/*
 * extsched.forecast(from_time timestamptz, tenant text)
 *		A row for each of the 1,440 minutes from an instant on.
 *
 * from_time should be a whole hour, or what H would do is cut off in the first
 * one.  tenant NULL means all of them.
 */
Datum
extsched_forecast(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			types[] = {TIMESTAMPTZOID, TEXTOID};
	Datum		arguments[] = {PG_GETARG_DATUM(0), PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1)};
	char		nulls[] = {' ', PG_ARGISNULL(1) ? 'n' : ' '};
	Forecast   *forecast = palloc0(sizeof(Forecast));

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be null", "from_time"));
	forecast->start = extsched_to_unix(PG_GETARG_TIMESTAMPTZ(0));

	SPI_connect();
	if (SPI_execute_with_args(groups_query, 2, types, arguments, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the schedules");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		DueGroup		group;

		CHECK_FOR_INTERRUPTS();
		if (read_group(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &group))
			add_group(forecast, &group);
	}
	SPI_finish();

	InitMaterializedSRF(fcinfo, 0);
	for (int minute = 0; minute < MINUTES; minute++)
	{
		Datum		values[3] = {Int32GetDatum(minute), Int64GetDatum((int64) forecast->due[minute]),
		Float8GetDatum(forecast->spread[minute])};
		bool		row_nulls[3] = {0};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, row_nulls);
	}
	return (Datum) 0;
}
