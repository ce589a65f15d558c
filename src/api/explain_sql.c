/*-------------------------------------------------------------------------
 *
 * explain_sql.c
 *		extsched_explain(): a schedule in words, with what to beware of.
 *
 * For people who are about to create a schedule.  So an expression that can be
 * read is explained even when a create would refuse it, and the refusal is one
 * of the warnings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/cron_sql.h"
#include "core/compat.h"
#include "core/settings.h"
#include "cron/civil.h"

#define SHOWN_TIMES			3

/* How far ahead clock changes are looked for: a full round of the seasons. */
#define CHANGES_WITHIN_S	((int64) 366 * SECS_PER_DAY)

/*
 * Append a local time: "Thu 2026-11-26 09:00", or "09:00" when its date is that
 * of another time.
 */
static void
put_local(StringInfo out, int64 local, int64 other)
{
	static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	int32		days = (int32) civil_floor_div(local, CIVIL_DAY_S);
	int			minute = (int) ((local - (int64) days * CIVIL_DAY_S) / 60);
	CivilDate	date = civil_from_days(days);

	if (days != civil_floor_div(other, CIVIL_DAY_S))
		appendStringInfo(out, "%s %04d-%02d-%02d ", weekdays[civil_weekday(days)],
						 date.year, date.month, date.day);
	appendStringInfo(out, "%02d:%02d", minute / 60, minute % 60);
}

/* Append the next few times. */
static void
put_next(StringInfo out, const CronSpec *spec, const CronZone *zone, int64 at)
{
	int64		local = PG_INT64_MIN;

	for (int i = 0; i < SHOWN_TIMES; i++)
	{
		int64		previous = local;

		if (!extsched_cron_sql_next(spec, zone, at, &at, NULL))
		{
			if (i == 0)
				appendStringInfoString(out, "; never due: its times fall into gaps of the clock");
			return;
		}
		appendStringInfoString(out, i == 0 ? "; next: " : ", ");
		local = at + extsched_zone_offset(zone, at);
		put_local(out, local, previous);
	}
}

/* Append a warning about a change of the clock: docs/semantics.md. */
static void
put_change(StringInfo out, const CronSpec *spec, const CronChange *change)
{
	bool		is_gap = change->offset_after > change->offset_before;
	int64		from = change->at + change->offset_before;

	appendStringInfoString(out, "\nWarning: at ");
	put_local(out, from, PG_INT64_MIN);
	appendStringInfo(out, " the clock is put %s to ", is_gap ? "forward" : "back");
	put_local(out, change->at + change->offset_after, from);
	appendStringInfoString(out, is_gap ? ". What is due in the gap " : ". What is due in the hours that repeat ");
	if (spec->is_fixed_time)
		appendStringInfoString(out, is_gap ? "runs once, right after it." :
							   "runs the first time only.");
	else
		appendStringInfoString(out, is_gap ? "does not run." : "runs both times.");
}

/* Append the next gap and the next fold that touch the schedule. */
static void
put_changes(StringInfo out, const CronSpec *spec, const CronZone *zone, int64 after)
{
	int64		until = after + CHANGES_WITHIN_S;
	bool		seen[2] = {false, false};
	CronChange	change;

	while (extsched_cron_next_change(spec, zone, after, until, &change))
	{
		bool		is_gap = change.offset_after > change.offset_before;

		if (!seen[is_gap])
			put_change(out, spec, &change);
		seen[is_gap] = true;
		after = change.at;
	}
}

/* Append what a create would refuse, and what would be kinder to others. */
static void
put_advice(StringInfo out, const CronSpec *spec)
{
	char		spread[CRON_FORMAT_LEN];
	int64		gap_s;

	if (spec->is_either_day && !extsched_allow_day_or)
		appendStringInfoString(out, "\nWarning: a create refuses it while extsched.allow_day_or is off, "
							   "because both day fields are restricted.");
	if (!extsched_cron_can_be_due(spec))
	{
		appendStringInfoString(out, "\nWarning: a create refuses it, because no day of the calendar matches.");
		return;
	}
	gap_s = extsched_cron_min_gap(spec);
	if (gap_s < extsched_min_interval_s)
		appendStringInfo(out, "\nWarning: two times are " INT64_FORMAT " s apart; a create asks for %d s "
						 "(extsched.min_interval), where no limit of the tenant says otherwise.",
						 gap_s, extsched_min_interval_s);
	if (extsched_cron_spread(spec, spread))
		appendStringInfo(out, "\nHint: many schedules are due at minute 0. With \"%s\" this one gets a "
						 "minute of its own.", spread);
}

PG_FUNCTION_INFO_V1(extsched_explain);

/*
 * extsched_explain(cron text, tz text, after timestamptz, hash_key text)
 *		Say in words when an expression is due, with its next times and
 *		warnings, one a line.
 *
 * NULL when an argument other than hash_key is.  22023 for an expression that
 * cannot be read and for a zone that is none; 22008 for an instant outside the
 * calendar.  Without hash_key an H is said as a value of its own, and its times
 * are not known.
 */
Datum
extsched_explain(PG_FUNCTION_ARGS)
{
	text	   *cron;
	const ExtschedZone *zone;
	CronSpec	spec;
	CronError	error;
	CronStatus	status;
	char		words[CRON_WORDS_LEN];
	char		zone_words[EXTSCHED_ZONE_NAME_LEN + 8];
	StringInfoData out;
	int64		after;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	cron = PG_GETARG_TEXT_PP(0);
	status = extsched_cron_check(VARDATA_ANY(cron), VARSIZE_ANY_EXHDR(cron), true, 0,
								 &spec, &error);
	if (status != CRON_OK && status != CRON_NEVER_DUE)
		extsched_cron_sql_raise(cron, &error);
	if (spec.needs_key && !PG_ARGISNULL(3))
	{
		text	   *key = PG_GETARG_TEXT_PP(3);

		(void) extsched_cron_parse(VARDATA_ANY(cron), VARSIZE_ANY_EXHDR(cron), VARDATA_ANY(key),
								   VARSIZE_ANY_EXHDR(key), true, &spec, &error);
	}
	zone = extsched_cron_sql_zone(PG_GETARG_TEXT_PP(1));
	after = extsched_cron_sql_after(PG_GETARG_TIMESTAMPTZ(2));

	initStringInfo(&out);
	extsched_cron_words(&spec, words);
	extsched_cron_zone_words(zone->name, zone_words, sizeof(zone_words));
	appendStringInfo(&out, "%s, %s", words, zone_words);
	if (status == CRON_NEVER_DUE)
		appendStringInfoString(&out, "; never due");
	else if (spec.needs_key)
		appendStringInfoString(&out, "; next: depends on the id of the schedule, from which H is derived");
	else
	{
		put_next(&out, &spec, zone->rules, after);
		put_changes(&out, &spec, zone->rules, after);
	}
	put_advice(&out, &spec);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
