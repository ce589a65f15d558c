/*-------------------------------------------------------------------------
 *
 * wall.c
 *		Matching times on a wall clock that never changes.
 *
 * Here a time is a number of seconds since 1970-01-01 00:00 as a clock on the
 * wall shows it; zones and their changes are the business of next.c and
 * count.c.  A match is a matching day and a matching minute of the day, and
 * these are independent, so days are searched and counted a month at a time
 * and the rest is arithmetic on bit sets.
 *
 *-------------------------------------------------------------------------
 */
#include "cron/civil.h"
#include "cron/days.h"
#include "cron/walk.h"

/*
 * First matching day at or after a day, or false when there is none within
 * the horizon.
 */
static bool
find_day(const CronSpec *spec, int32_t day, int32_t *found)
{
	CivilDate	date;
	int32_t		last_year;
	uint32_t	months;

	if (spec->is_every_day)
	{
		*found = day;
		return true;
	}
	date = civil_from_days(day);
	last_year = date.year + CRON_HORIZON_YEARS;
	if (spec->months >> date.month & 1)
	{
		int32_t		before = day - date.day;
		uint32_t	days = month_days(spec, civil_weekday(before + 1),
									  civil_month_length(date.year, date.month));

		days &= UINT32_MAX << date.day;
		if (days != 0)
		{
			*found = before + __builtin_ctz(days);
			return true;
		}
	}

	months = (uint32_t) spec->months & ~(((uint32_t) 2 << date.month) - 1);
	for (; date.year <= last_year; date.year++, months = spec->months)
	{
		for (; months != 0; months &= months - 1)
		{
			int32_t		month = __builtin_ctz(months);
			int32_t		before = civil_to_days(date.year, month, 1) - 1;
			uint32_t	days = month_days(spec, civil_weekday(before + 1),
										  civil_month_length(date.year, month));

			if (days != 0)
			{
				*found = before + __builtin_ctz(days);
				return true;
			}
		}
	}
	return false;
}

/*
 * First matching local time strictly after a local time, or NO_TIME.  Local
 * times are seconds since 1970-01-01 00:00 on the wall; matches are whole
 * minutes.
 */
int64_t
extsched_cron_find_local(const CronSpec *spec, int64_t local)
{
	int64_t		minute = civil_floor_div(local, 60) + 1;
	int32_t		day = (int32_t) civil_floor_div(minute, 1440);
	int32_t		rest = (int32_t) (minute - (int64_t) day * 1440);
	int32_t		hour = rest / 60;
	uint64_t	minutes = spec->minutes & UINT64_MAX << (rest - hour * 60);
	uint32_t	hours;
	int32_t		found;

	if (!find_day(spec, day, &found))
		return NO_TIME;
	if (found == day)
	{
		if ((spec->hours >> hour & 1) != 0 && minutes != 0)
			return (int64_t) day * CIVIL_DAY_S + hour * 3600 +
				__builtin_ctzll(minutes) * 60;
		hours = spec->hours & ~(((uint32_t) 2 << hour) - 1);
		if (hours != 0)
			return (int64_t) day * CIVIL_DAY_S + __builtin_ctz(hours) * 3600 +
				__builtin_ctzll(spec->minutes) * 60;
		if (!find_day(spec, day + 1, &found))
			return NO_TIME;
	}
	return (int64_t) found * CIVIL_DAY_S + __builtin_ctz(spec->hours) * 3600 +
		__builtin_ctzll(spec->minutes) * 60;
}

/* Matching days of first to last. */
static int64_t
count_days(const CronSpec *spec, int32_t first, int32_t last)
{
	CivilDate	date;
	int64_t		count = 0;
	int32_t		before;

	if (first > last)
		return 0;
	if (spec->is_every_day)
		return (int64_t) last - first + 1;

	date = civil_from_days(first);
	before = first - date.day;	/* the day before the month */
	while (before < last)
	{
		int32_t		length = civil_month_length(date.year, date.month);

		if (spec->months >> date.month & 1)
		{
			uint32_t	days = month_days(spec, civil_weekday(before + 1), length);

			if (before + 1 < first)
				days &= UINT32_MAX << (first - before);
			if (before + length > last)
				days &= ((uint32_t) 2 << (last - before)) - 1;
			count += __builtin_popcount(days);
		}
		before += length;
		if (++date.month > 12)
		{
			date.month = 1;
			date.year++;
		}
	}
	return count;
}

/* Matching minutes of a matching day, from 00:00 to minute inclusive. */
static int64_t
count_minutes(const CronSpec *spec, int32_t minute)
{
	int32_t		hour = minute / 60;
	int64_t		count;

	count = (int64_t) __builtin_popcount(spec->hours & (((uint32_t) 1 << hour) - 1)) *
		__builtin_popcountll(spec->minutes);
	if (spec->hours >> hour & 1)
		count += __builtin_popcountll(spec->minutes &
									  (((uint64_t) 2 << (minute - hour * 60)) - 1));
	return count;
}

/*
 * extsched_cron_count_local
 *		Number of matching local times after one and up to another.
 *
 * The cost is that of one month mask for each month in between, whatever the
 * number of matches.
 */
int64_t
extsched_cron_count_local(const CronSpec *spec, int64_t after, int64_t until)
{
	int64_t		from = civil_floor_div(after, 60);
	int64_t		to = civil_floor_div(until, 60);
	int32_t		from_day = (int32_t) civil_floor_div(from, 1440);
	int32_t		to_day = (int32_t) civil_floor_div(to, 1440);
	int64_t		from_count;
	int64_t		to_count;

	if (from >= to)
		return 0;
	from_count = count_minutes(spec, (int32_t) (from - (int64_t) from_day * 1440));
	to_count = count_minutes(spec, (int32_t) (to - (int64_t) to_day * 1440));
	return count_days(spec, from_day, to_day - 1) * count_minutes(spec, 1439) -
		count_days(spec, from_day, from_day) * from_count +
		count_days(spec, to_day, to_day) * to_count;
}
