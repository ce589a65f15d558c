/*-------------------------------------------------------------------------
 *
 * reference.c
 *		The contract of docs/semantics.md, as literally as possible.
 *
 * Nothing clever and nothing shared with src/cron but the CronSpec and the
 * offsets of a zone: each minute is looked at by itself.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "tap.h"

/* A local time as its fields. */
typedef struct Fields
{
	int			minute,
				hour,
				day,
				month,
				weekday,
				length;			/* of the month */
} Fields;

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The algorithm of Howard Hinnant, not the one of civil.h. */
static Fields
split_local(int64_t local)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t		minutes = floor_div(local, 60);
	int64_t		days = floor_div(minutes, 1440);
	int			rest = (int) (minutes - days * 1440);
	int64_t		era;
	int64_t		doe;
	int64_t		yoe;
	int64_t		doy;
	int64_t		year;
	Fields		f;

	f.minute = rest % 60;
	f.hour = rest / 60;
	f.weekday = (int) (((days + 4) % 7 + 7) % 7);
	days += 719468;
	era = floor_div(days, 146097);
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	f.month = (int) ((5 * doy + 2) / 153);
	f.day = (int) (doy - (153 * f.month + 2) / 5 + 1);
	f.month += f.month < 10 ? 3 : -9;
	year = yoe + era * 400 + (f.month <= 2);
	f.length = lengths[f.month - 1] +
		(f.month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	return f;
}

/* Does "nW" (n of 0: "LW") mean this day? */
static bool
is_workday_of(const Fields *f, int n)
{
	int			target = n == 0 ? f->length : n;
	int			best = 0;

	if (target > f->length)
		return false;
	/* the closest Monday to Friday of the same month; no two are equally close */
	for (int day = 1; day <= f->length; day++)
	{
		int			weekday = ((f->weekday + day - f->day) % 7 + 7) % 7;

		if (weekday == 0 || weekday == 6)
			continue;
		if (best == 0 || abs(day - target) < abs(best - target))
			best = day;
	}
	return f->day == best;
}

static bool
day_of_month_matches(const CronSpec *spec, const Fields *f)
{
	if (spec->days >> f->day & 1)
		return true;
	for (int n = 0; n <= 31; n++)
	{
		if ((spec->last_days >> n & 1) != 0 && f->day == f->length - n)
			return true;
		if ((spec->workdays >> n & 1) != 0 && is_workday_of(f, n))
			return true;
	}
	return false;
}

static bool
day_of_week_matches(const CronSpec *spec, const Fields *f)
{
	if (spec->weekdays >> f->weekday & 1)
		return true;
	if ((spec->last_weekdays >> f->weekday & 1) != 0 && f->day > f->length - 7)
		return true;
	return (spec->nth_weekdays[(f->day - 1) / 7] >> f->weekday & 1) != 0;
}

/* Does a local time match all fields? */
bool
reference_matches(const CronSpec *spec, int64_t local)
{
	Fields		f = split_local(local);
	bool		by_day = day_of_month_matches(spec, &f);
	bool		by_weekday = day_of_week_matches(spec, &f);
	bool		day_has_star = (spec->stars >> CRON_DAY_OF_MONTH & 1) != 0;
	bool		weekday_has_star = (spec->stars >> CRON_DAY_OF_WEEK & 1) != 0;

	if (local % 60 != 0 ||
		(spec->minutes >> f.minute & 1) == 0 ||
		(spec->hours >> f.hour & 1) == 0 ||
		(spec->months >> f.month & 1) == 0)
		return false;
	if (day_has_star || weekday_has_star)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

/*
 * All nominal times of a window of minutes after an instant.
 *
 * False when the zone has offsets or changes within a minute, which this
 * cannot see.
 */
bool
reference_window(const CronSpec *spec, const CronZone *zone,
				 int64_t after, int minutes, int64_t *times, int *count)
{
	int64_t		utc = floor_div(after, 60) * 60;
	int64_t		begin = utc - 60 * 60 * 104;
	int64_t		highest = INT64_MIN;
	int64_t		end = utc + (int64_t) minutes * 60;
	bool		is_fixed = (spec->stars & 3) == 0;

	*count = 0;
	for (utc = begin; utc <= end; utc += 60)
	{
		CronSegment segment;
		int64_t		local;
		bool		fires = false;

		extsched_zone_segment(zone, utc, &segment);
		if (segment.offset % 60 != 0 ||
			(segment.start >= begin && segment.start % 60 != 0))
			return false;
		local = utc + segment.offset;
		if (!is_fixed)
			fires = reference_matches(spec, local);
		else if (highest != INT64_MIN)
		{
			/* each minute that was never reached before, and now is */
			for (int64_t t = highest + 60; t <= local && !fires; t += 60)
				fires = reference_matches(spec, t);
		}
		if (local > highest)
			highest = local;
		if (fires && utc > after)
			times[(*count)++] = utc;
	}
	return true;
}
