/*-------------------------------------------------------------------------
 *
 * days.h
 *		Which days of a month match an expression, as one word of bits.
 *
 * Whether a day matches depends only on its month's number, length and first
 * weekday.  So the search for the next day, the test for "never due" and the
 * smallest gap all ask this one question, a month at a time, and the day rule
 * is written down once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_DAYS_H
#define EXTSCHED_CRON_DAYS_H

#include "cron/cron.h"

/* Turn a set of weekdays so that bit 0 is weekday "first". */
static inline uint32_t
rotate_weekdays(uint32_t set, int32_t first)
{
	return ((set >> first) | (set << (7 - first))) & 0x7f;
}

/* Day of the month that "nW" means ("LW" when n is 0), or 0 if there is none. */
static inline int32_t
nearest_workday(int32_t n, int32_t first_weekday, int32_t length)
{
	int32_t		day = n == 0 ? length : n;
	int32_t		weekday;

	if (day > length)
		return 0;
	weekday = (first_weekday + day - 1) % 7;
	if (weekday == 6)
		return day == 1 ? 3 : day - 1;
	if (weekday == 0)
		return day == length ? day - 2 : day + 1;
	return day;
}

/* Days of L, L-n, nW and LW; may hold bits above the month's length. */
static inline uint32_t
special_month_days(const CronSpec *spec, int32_t first_weekday, int32_t length)
{
	uint32_t	days = 0;
	uint32_t	rest;

	for (rest = spec->last_days; rest != 0; rest &= rest - 1)
	{
		int32_t		day = length - __builtin_ctz(rest);

		if (day >= 1)
			days |= (uint32_t) 1 << day;
	}
	for (rest = spec->workdays; rest != 0; rest &= rest - 1)
	{
		int32_t		day = nearest_workday(__builtin_ctz(rest),
										  first_weekday, length);

		if (day >= 1)
			days |= (uint32_t) 1 << day;
	}
	return days;
}

/* Days of nL and n#k; may hold bits above the month's length. */
static inline uint32_t
special_weekdays(const CronSpec *spec, int32_t first_weekday, int32_t length)
{
	uint64_t	days;

	days = (uint64_t) rotate_weekdays(spec->last_weekdays,
									  (first_weekday + length) % 7) << (length - 6);
	for (int k = 0; k < 5; k++)
		days |= (uint64_t) rotate_weekdays(spec->nth_weekdays[k],
										   first_weekday) << (7 * k + 1);
	return (uint32_t) days;
}

/*
 * month_days
 *		The days of a month that match, as bits 1 to length.
 *
 * Only the day fields are looked at; the caller has checked the month.
 * first_weekday is the weekday of the month's first day.
 */
static inline uint32_t
month_days(const CronSpec *spec, int32_t first_weekday, int32_t length)
{
	uint32_t	valid = ((uint32_t) 2 << length) - 2;
	uint32_t	by_day = spec->days;
	uint32_t	by_weekday;

	by_weekday = (uint32_t) (((uint64_t) rotate_weekdays(spec->weekdays, first_weekday) *
							  0x10204081) << 1);
	if (spec->has_special_days)
	{
		by_day |= special_month_days(spec, first_weekday, length);
		by_weekday |= special_weekdays(spec, first_weekday, length);
	}
	if (spec->is_either_day)
		return (by_day | by_weekday) & valid;
	return by_day & by_weekday & valid;
}

#endif							/* EXTSCHED_CRON_DAYS_H */
