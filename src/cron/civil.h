/*-------------------------------------------------------------------------
 *
 * civil.h
 *		Arithmetic of the proleptic Gregorian calendar.
 *
 * Days are counted from 1970-01-01.  All functions are inline and without
 * loops, because the search for a next time spends most of its life here.
 * They hold for CRON_MIN_YEAR - 1 to CRON_MAX_YEAR + CRON_HORIZON_YEARS; the
 * bias keeps every intermediate value positive, so that divisions are cheap
 * unsigned ones.
 *
 * The conversion from days is the one of Neri and Schneider, "Euclidean affine
 * functions and their application to calendar algorithms" (2022).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_CIVIL_H
#define EXTSCHED_CRON_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY_S			86400
#define CIVIL_CYCLE_DAYS	146097	/* 400 years, a whole number of weeks */

/* 0000-03-01 to 1970-01-01, and one cycle more */
#define CIVIL_BIAS			(719468u + CIVIL_CYCLE_DAYS)

typedef struct CivilDate
{
	int32_t		year;
	int32_t		month;			/* 1-12 */
	int32_t		day;			/* 1-31 */
} CivilDate;

static inline CivilDate
civil_from_days(int32_t days)
{
	uint32_t	n = (uint32_t) days + CIVIL_BIAS;
	uint32_t	n1 = 4 * n + 3;
	uint32_t	century = n1 / CIVIL_CYCLE_DAYS;
	uint32_t	n2 = (n1 % CIVIL_CYCLE_DAYS) | 3;
	uint64_t	p2 = (uint64_t) 2939745 * n2;
	uint32_t	year_of_century = (uint32_t) (p2 >> 32);
	uint32_t	day_of_year = (uint32_t) p2 / 2939745 / 4;
	uint32_t	n3 = 2141 * day_of_year + 197913;
	uint32_t	is_new_year = day_of_year >= 306;
	CivilDate	date;

	date.year = (int32_t) (100 * century + year_of_century + is_new_year) - 400;
	date.month = (int32_t) ((n3 >> 16) - (is_new_year ? 12 : 0));
	date.day = (int32_t) ((n3 & 0xffff) / 2141 + 1);
	return date;
}

static inline int32_t
civil_to_days(int32_t year, int32_t month, int32_t day)
{
	uint32_t	before_march = month <= 2;
	uint32_t	y = (uint32_t) (year + 400) - before_march;
	uint32_t	m = (uint32_t) month + (before_march ? 12 : 0);
	uint32_t	century = y / 100;

	return (int32_t) (1461 * y / 4 - century + century / 4 +
					  (979 * m - 2919) / 32 + (uint32_t) day - 1 - CIVIL_BIAS);
}

static inline bool
civil_is_leap(int32_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int32_t
civil_month_length(int32_t year, int32_t month)
{
	if (month == 2)
		return civil_is_leap(year) ? 29 : 28;
	return 30 + ((month ^ (month >> 3)) & 1);
}

/* Sunday is 0; 1970-01-01 was a Thursday. */
static inline int32_t
civil_weekday(int32_t days)
{
	return (int32_t) (((uint32_t) days + 4 + 7u * CIVIL_CYCLE_DAYS) % 7);
}

/* Quotient rounded towards minus infinity; b is positive. */
static inline int64_t
civil_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

#endif							/* EXTSCHED_CRON_CIVIL_H */
