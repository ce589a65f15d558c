/*-------------------------------------------------------------------------
 *
 * cron_sql.c
 *		The cron language as SQL functions.
 *
 * extsched_next() is called once a row in large queries, so the parsed
 * expressions are kept with the call site (fn_extra), in a small direct-mapped
 * table: queries over a schedule table repeat few expressions in random order.
 * Zones come from the process-wide cache of zones.c.
 *
 * These functions judge an expression by the settings of the caller's session,
 * as a create does.  Stored schedules are read by the worker through the C
 * interface, which does not ask the settings again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/cron_sql.h"
#include "core/clock.h"
#include "core/settings.h"

/* Most rows extsched_next_runs() gives: keeps a call well under 10 ms. */
#define MAX_RUNS			10000

#define CACHE_SLOTS			32	/* a power of two */
#define MAX_CACHED_KEY		64

typedef struct CachedSpec
{
	bool		is_used;
	bool		has_key;
	bool		allow_day_or;
	uint8		text_len;
	uint8		key_len;
	char		text[CRON_MAX_LEN];
	char		key[MAX_CACHED_KEY];
	CronSpec	spec;
} CachedSpec;

PG_FUNCTION_INFO_V1(extsched_next);
PG_FUNCTION_INFO_V1(extsched_next_runs);
PG_FUNCTION_INFO_V1(extsched_min_gap);

/*
 * extsched_cron_sql_raise
 *		Raise the error for an expression that was refused: 22023.
 */
void
extsched_cron_sql_raise(const text *cron, const CronError *error)
{
	const char *data = VARDATA_ANY(cron);
	int			len = VARSIZE_ANY_EXHDR(cron);
	int			shown = pg_mbcliplen(data, len, CRON_MAX_LEN);
	char		detail[256];

	extsched_cron_detail(error, detail, sizeof(detail));
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid cron expression \"%.*s%s\"", shown, data,
				   shown < len ? "..." : ""),
			errdetail_internal("%s", detail),
			errhint("%s", extsched_cron_hint(error)));
}

/* Judge an expression and give H the value of the key, or raise an error. */
static void
parse_spec(const text *cron, const text *key, CronSpec *spec)
{
	CronError	error;
	CronStatus	status;

	status = extsched_cron_check(VARDATA_ANY(cron), VARSIZE_ANY_EXHDR(cron),
								 extsched_allow_day_or, 0, spec, &error);
	if (status == CRON_OK && spec->needs_key)
	{
		if (key == NULL)
		{
			memset(&error, 0, sizeof(error));
			error.field = CRON_FIELDS;
			error.status = status = CRON_NEEDS_KEY;
		}
		else
			status = extsched_cron_parse(VARDATA_ANY(cron), VARSIZE_ANY_EXHDR(cron),
										 VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key),
										 extsched_allow_day_or, spec, &error);
	}
	if (status != CRON_OK)
		extsched_cron_sql_raise(cron, &error);
}

/* The same with a memory in fn_extra; the result is good until the next call. */
static const CronSpec *
get_spec(FmgrInfo *flinfo, const text *cron, const text *key)
{
	size_t		text_len = VARSIZE_ANY_EXHDR(cron);
	size_t		key_len = key == NULL ? 0 : VARSIZE_ANY_EXHDR(key);
	const char *text_data = VARDATA_ANY(cron);
	const char *key_data = key == NULL ? "" : VARDATA_ANY(key);
	CachedSpec *slot = flinfo->fn_extra;
	uint32		hash = 2166136261u;

	if (slot == NULL)
		flinfo->fn_extra = slot =
			MemoryContextAllocZero(flinfo->fn_mcxt, CACHE_SLOTS * sizeof(CachedSpec));
	for (size_t i = 0; i < text_len; i++)
		hash = (hash ^ (unsigned char) text_data[i]) * 16777619u;
	for (size_t i = 0; i < key_len; i++)
		hash = (hash ^ (unsigned char) key_data[i]) * 16777619u;
	slot += (hash ^ hash >> 16) & (CACHE_SLOTS - 1);

	if (slot->is_used && slot->text_len == text_len && slot->key_len == key_len &&
		slot->has_key == (key != NULL) &&
		slot->allow_day_or == extsched_allow_day_or &&
		memcmp(slot->text, text_data, text_len) == 0 &&
		memcmp(slot->key, key_data, key_len) == 0)
		return &slot->spec;

	slot->is_used = false;
	parse_spec(cron, key, &slot->spec);
	if (text_len <= sizeof(slot->text) && key_len <= sizeof(slot->key))
	{
		slot->has_key = key != NULL;
		slot->allow_day_or = extsched_allow_day_or;
		slot->text_len = (uint8) text_len;
		slot->key_len = (uint8) key_len;
		memcpy(slot->text, text_data, text_len);
		memcpy(slot->key, key_data, key_len);
		slot->is_used = true;
	}
	return &slot->spec;
}

/*
 * extsched_cron_sql_zone
 *		Get a zone by name, or raise an error: 22023.
 *
 * The zone belongs to the cache of zones.c and is good until its next look-up.
 */
const ExtschedZone *
extsched_cron_sql_zone(const text *tz)
{
	char		name[EXTSCHED_ZONE_NAME_LEN + 1];
	const ExtschedZone *zone;
	ExtschedZoneStatus status = EXTSCHED_ZONE_UNKNOWN;

	/* a name that does not fit is cut, but stays too long to be one */
	text_to_cstring_buffer(tz, name, sizeof(name));
	zone = strlen(name) == VARSIZE_ANY_EXHDR(tz) ?
		extsched_zone_lookup(name, &status) : NULL;
	if (zone == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid time zone \"%s\"", name),
				errdetail_internal("%s", extsched_zone_detail(status, name)),
				errhint("%s", extsched_zone_hint(status)));
	return zone;
}

/*
 * extsched_cron_sql_after
 *		Seconds since 1970 of an instant, rounded down: the next whole minute
 *		after both is the same.  22008 when it is infinite.
 *
 * now() stands for the scheduler's clock, as the default of "after" must be
 * written in SQL but follow extsched.clock_offset.
 */
int64
extsched_cron_sql_after(TimestampTz after)
{
	if (TIMESTAMP_NOT_FINITE(after))
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("instant to search from must be finite"));
	if (extsched_clock_offset_s != 0 && after == GetCurrentTransactionStartTimestamp())
		after += extsched_clock_offset_s * USECS_PER_SEC;
	return extsched_to_unix(after);
}

/*
 * extsched_cron_sql_next
 *		Search on; false when there is no further time.  22008 when the instant
 *		is outside the calendar.
 */
bool
extsched_cron_sql_next(const CronSpec *spec, const CronZone *zone, int64 after,
					   int64 *next, CronNote *note)
{
	CronStatus	status = extsched_cron_next(spec, zone, after, next, note);

	if (status == CRON_OUT_OF_RANGE)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("instant to search from is out of range"),
				errdetail("The calendar covers the years %d to %d.",
						  CRON_MIN_YEAR, CRON_MAX_YEAR));
	return status == CRON_OK;
}

/*
 * extsched_next(cron text, tz text, after timestamptz, hash_key text)
 *		The first nominal time strictly after an instant.
 *
 * NULL when cron, tz or after is, and when every time of the next
 * CRON_HORIZON_YEARS falls into a gap of the zone.  22023 for an expression or
 * zone that a create would refuse; the smallest gap is not judged.
 */
Datum
extsched_next(PG_FUNCTION_ARGS)
{
	const CronSpec *spec;
	const CronZone *zone;
	int64		next;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	spec = get_spec(fcinfo->flinfo, PG_GETARG_TEXT_PP(0),
					PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3));
	zone = extsched_cron_sql_zone(PG_GETARG_TEXT_PP(1))->rules;
	if (!extsched_cron_sql_next(spec, zone, extsched_cron_sql_after(PG_GETARG_TIMESTAMPTZ(2)), &next, NULL))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(extsched_from_unix(next));
}

/*
 * extsched_next_runs(cron text, tz text, n integer, after timestamptz,
 *					  hash_key text)
 *		The first n nominal times strictly after an instant.
 *
 * Fewer when the calendar ends or the times all fall into gaps.  22004 when an
 * argument other than hash_key is NULL; 22023 as extsched_next(), and for an n
 * that is not 0 to MAX_RUNS.
 */
Datum
extsched_next_runs(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"cron", "tz", "n", "after"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CronSpec	spec;
	const CronZone *zone;
	int32		n;
	int64		at;

	for (int i = 0; i < lengthof(names); i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("argument \"%s\" must not be null", names[i]));
	}
	n = PG_GETARG_INT32(2);
	if (n < 0 || n > MAX_RUNS)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid number of runs %d", n),
				errdetail("Allowed are 0 to %d.", MAX_RUNS));
	parse_spec(PG_GETARG_TEXT_PP(0), PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4),
			   &spec);
	zone = extsched_cron_sql_zone(PG_GETARG_TEXT_PP(1))->rules;
	at = extsched_cron_sql_after(PG_GETARG_TIMESTAMPTZ(3));

	InitMaterializedSRF(fcinfo, 0);
	while (n-- > 0)
	{
		Datum		values[3] = {0};
		bool		nulls[3] = {false, false, true};
		CronNote	note;

		/* the first search judges the instant; later ones may reach the end */
		if (!extsched_cron_sql_next(&spec, zone, at, &at, &note))
			break;
		values[0] = TimestampTzGetDatum(extsched_from_unix(at));
		values[1] = TimestampGetDatum(extsched_from_unix(at + extsched_zone_offset(zone, at)));
		if (note != CRON_NOTE_NONE)
		{
			values[2] = CStringGetTextDatum(extsched_cron_note_name(note));
			nulls[2] = false;
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * extsched_min_gap(cron text)
 *		Smallest distance of two consecutive nominal times on a wall clock
 *		without changes.
 *
 * Whole days are in the day part of the interval.  22023 as extsched_next(); an
 * H needs no key, because the smallest gap of all its values is meant.
 */
Datum
extsched_min_gap(PG_FUNCTION_ARGS)
{
	text	   *cron = PG_GETARG_TEXT_PP(0);
	Interval   *result = palloc(sizeof(Interval));
	CronSpec	spec;
	CronError	error;
	int64		gap_s;

	if (extsched_cron_check(VARDATA_ANY(cron), VARSIZE_ANY_EXHDR(cron),
							extsched_allow_day_or, 0, &spec, &error) != CRON_OK)
		extsched_cron_sql_raise(cron, &error);
	gap_s = extsched_cron_min_gap(&spec);
	result->month = 0;
	result->day = (int32) (gap_s / SECS_PER_DAY);
	result->time = gap_s % SECS_PER_DAY * USECS_PER_SEC;
	PG_RETURN_INTERVAL_P(result);
}
