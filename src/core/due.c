/*-------------------------------------------------------------------------
 *
 * due.c
 *		When a schedule is due: cron, zone and window together.
 *
 * The API arms timers with this, the worker advances them with it, and
 * previews show it, so that the three cannot differ.  An expression or a zone
 * that cannot be used is a result, not an error: a row damaged by hand must
 * not stop a batch of others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/due.h"
#include "core/zones.h"
#include "cron/cron.h"

/* A rule made ready. */
typedef struct Calendar
{
	CronSpec	spec;
	const CronZone *zone;
} Calendar;

static bool
make_calendar(const ExtschedDueRule *rule, Calendar *calendar, const char **problem)
{
	char		key[UUID_LEN * 2 + 5];
	CronError	error;
	const ExtschedZone *zone;
	ExtschedZoneStatus status;

	extsched_due_hash_key(&rule->schedule, key);

	/* the setting allow_day_or decides what may be stored, not what is due */
	if (extsched_cron_parse(rule->cron, strlen(rule->cron), key, strlen(key),
							true, &calendar->spec, &error) != CRON_OK)
	{
		char		detail[256];

		extsched_cron_detail(&error, detail, sizeof(detail));
		*problem = pstrdup(detail);
		return false;
	}
	zone = extsched_zone_lookup(rule->timezone, &status);
	if (zone == NULL)
	{
		*problem = extsched_zone_detail(status, rule->timezone);
		return false;
	}
	calendar->zone = zone->rules;
	return true;
}

/* The first due instant strictly after a second, within the window. */
static ExtschedDueResult
next_in_window(const Calendar *calendar, const ExtschedDueRule *rule,
			   int64 after, TimestampTz *next, const char **problem)
{
	int64		second;
	CronNote	note;

	/* a whole second is at or after starts_at if it is after the one before */
	if (rule->starts_at != DT_NOBEGIN)
		after = Max(after, extsched_to_unix(rule->starts_at - 1));

	switch (extsched_cron_next(&calendar->spec, calendar->zone, after, &second, &note))
	{
		case CRON_OK:
			break;
		case CRON_NEVER:
			return EXTSCHED_DUE_NONE;
		default:
			*problem = "The expression has no next time in the calendar.";
			return EXTSCHED_DUE_BROKEN;
	}
	if (rule->ends_at != DT_NOEND && extsched_from_unix(second) > rule->ends_at)
		return EXTSCHED_DUE_NONE;
	*next = extsched_from_unix(second);
	return EXTSCHED_DUE_OK;
}

/*
 * extsched_due_hash_key
 *		What H in the expression of a schedule hashes: its id as text.
 *
 * key takes 36 characters and the end.
 */
void
extsched_due_hash_key(const pg_uuid_t *schedule, char *key)
{
	static const char digits[] = "0123456789abcdef";
	char	   *p = key;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[schedule->data[i] >> 4];
		*p++ = digits[schedule->data[i] & 15];
	}
	*p = '\0';
}

/*
 * extsched_due_next
 *		Find the first nominal time strictly after an instant.
 *
 * *next is set only when the result is EXTSCHED_DUE_OK.  With
 * EXTSCHED_DUE_BROKEN *problem says why, in a full sentence.  Raises no error but for want of memory.
 */
ExtschedDueResult
extsched_due_next(const ExtschedDueRule *rule, TimestampTz after,
				  TimestampTz *next, const char **problem)
{
	Calendar	calendar;

	if (!make_calendar(rule, &calendar, problem))
		return EXTSCHED_DUE_BROKEN;
	return next_in_window(&calendar, rule, extsched_to_unix(after), next, problem);
}

/*
 * extsched_due_stretch
 *		Account for the nominal times from one instant up to another, both
 *		included, and find the next one after them.
 *
 * from is a nominal time, or the window begins there.  The result is
 * EXTSCHED_DUE_OK, also when the stretch is empty, or EXTSCHED_DUE_BROKEN.
 */
ExtschedDueResult
extsched_due_stretch(const ExtschedDueRule *rule, TimestampTz from,
					 TimestampTz until, ExtschedDueStretch *stretch,
					 const char **problem)
{
	Calendar	calendar;
	CronRange	range;
	int64		after = extsched_to_unix(from - 1);
	int64		last = extsched_to_unix(until);
	ExtschedDueResult result;

	memset(stretch, 0, sizeof(*stretch));
	if (!make_calendar(rule, &calendar, problem))
		return EXTSCHED_DUE_BROKEN;

	if (rule->starts_at != DT_NOBEGIN)
		after = Max(after, extsched_to_unix(rule->starts_at - 1));
	if (rule->ends_at != DT_NOEND)
		last = Min(last, extsched_to_unix(rule->ends_at));

	if (last > after)
	{
		if (extsched_cron_count(&calendar.spec, calendar.zone, after, last,
								&range) != CRON_OK)
		{
			*problem = "The nominal times up to now cannot be counted.";
			return EXTSCHED_DUE_BROKEN;
		}
		stretch->count = range.count;
		if (range.count > 0)
		{
			stretch->first = extsched_from_unix(range.first);
			stretch->last = extsched_from_unix(range.last);
		}
		if (range.count > 1)
		{
			CronRange	rest;

			(void) extsched_cron_count(&calendar.spec, calendar.zone, after,
									   range.last - 1, &rest);
			stretch->before_last = extsched_from_unix(rest.last);
		}
	}

	result = next_in_window(&calendar, rule, Max(last, extsched_to_unix(until)),
							&stretch->next, problem);
	stretch->has_next = result == EXTSCHED_DUE_OK;
	return result == EXTSCHED_DUE_BROKEN ? result : EXTSCHED_DUE_OK;
}

PG_FUNCTION_INFO_V1(extsched_next_due);
Datum
extsched_next_due(PG_FUNCTION_ARGS)
{
	ExtschedDueRule rule;
	TimestampTz next;
	const char *problem = NULL;

	for (int i = 0; i < 3; i++)
	{
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	if (PG_ARGISNULL(5))
		PG_RETURN_NULL();

	rule.cron = text_to_cstring(PG_GETARG_TEXT_PP(0));
	rule.timezone = text_to_cstring(PG_GETARG_TEXT_PP(1));
	rule.schedule = *PG_GETARG_UUID_P(2);
	rule.starts_at = PG_ARGISNULL(3) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(3);
	rule.ends_at = PG_ARGISNULL(4) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(4);

	switch (extsched_due_next(&rule, PG_GETARG_TIMESTAMPTZ(5), &next, &problem))
	{
		case EXTSCHED_DUE_OK:
			PG_RETURN_TIMESTAMPTZ(next);
		case EXTSCHED_DUE_NONE:
			PG_RETURN_NULL();
		case EXTSCHED_DUE_BROKEN:
			break;
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("cannot compute when the schedule is due"),
			errdetail_internal("%s", problem));
}
