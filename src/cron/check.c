/*-------------------------------------------------------------------------
 *
 * check.c
 *		What an expression means as a whole: is it ever due, and how often.
 *
 * Both questions are answered from the expanded sets, never from the spelling,
 * on a calendar without zone, and exactly.
 *
 * The days of a month depend only on its number, its length and its first
 * weekday, so 91 kinds of month decide whether an expression is ever due.  The
 * smallest gap falls apart into a gap within an hour, one between hours and one
 * between days; only the last needs the calendar.
 *
 * An H stands for each of its values in turn: an expression is due if it is due
 * for all of them, and its gap is the smallest of all, so that acceptance never
 * depends on the id of a schedule.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cron/civil.h"
#include "cron/days.h"
#include "cron/fields.h"

#define NO_GAP				INT32_MAX

/* Distances within a set: of the closest two neighbours, and of the ends. */
typedef struct SetShape
{
	int32_t		gap;			/* NO_GAP for a single value */
	int32_t		span;
} SetShape;

/* Any day of the months of spec, in any year? */
static bool
has_day(const CronSpec *spec)
{
	for (uint32_t months = spec->months; months != 0; months &= months - 1)
	{
		int32_t		month = __builtin_ctz(months);
		int32_t		length = civil_month_length(2001, month);

		/* in 400 years each month begins on each weekday, at each length */
		for (int32_t first = 0; first < 7; first++)
		{
			if (month_days(spec, first, length) != 0 ||
				(month == 2 && month_days(spec, first, 29) != 0))
				return true;
		}
	}
	return false;
}

/*
 * extsched_cron_can_be_due
 *		Whether some day of the calendar matches, for each value of each H.
 *
 * Clock changes are not looked at: a schedule whose times all fall into gaps of
 * its zone passes here and gets CRON_NEVER from extsched_cron_next().
 */
bool
extsched_cron_can_be_due(const CronSpec *spec)
{
	const CronHash *hash = &spec->hash[CRON_MONTH];
	CronSpec	one = *spec;

	/*
	 * An H among the days gives a day of 1 to 28, or a weekday, in each month.
	 * The other day field then matches, too, some year: either day is enough,
	 * or it begins with "*", which includes the first of each month or the
	 * Sundays.
	 */
	if (spec->hash[CRON_DAY_OF_MONTH].high != 0 ||
		spec->hash[CRON_DAY_OF_WEEK].high != 0)
		return true;
	if (hash->high == 0)
		return has_day(spec);
	for (unsigned int i = 0; i < hash_choices(hash); i++)
	{
		one.months = spec->months | (uint16_t) hash_set(hash, i);
		if (!has_day(&one))
			return false;
	}
	return true;
}

/* Distance of the closest two bits. */
static int32_t
closest_bits(uint64_t set)
{
	if ((set & (set - 1)) == 0)
		return NO_GAP;
	for (int32_t distance = 1;; distance++)
	{
		if ((set & set >> distance) != 0)
			return distance;
	}
}

/* The smallest gap and the largest span of minutes or hours, over all of H. */
static SetShape
set_shape(const CronSpec *spec, CronField field)
{
	const CronHash *hash = &spec->hash[field];
	unsigned int choices = hash->high == 0 ? 1 : hash_choices(hash);
	SetShape	shape = {NO_GAP, 0};

	for (unsigned int i = 0; i < choices; i++)
	{
		uint64_t	set = field_get(spec, field);
		int32_t		gap;
		int32_t		span;

		if (hash->high != 0)
			set |= hash_set(hash, i);
		gap = closest_bits(set);
		span = 63 - __builtin_clzll(set) - __builtin_ctzll(set);
		if (gap < shape.gap)
			shape.gap = gap;
		if (span > shape.span)
			shape.span = span;
	}
	return shape;
}

/*
 * Add one month to a search for the smallest distance of matching days.  *last
 * is the last matching day so far, or negative; before is the day before the
 * month in the same count.
 */
static void
scan_month(const CronSpec *spec, int32_t before, int32_t first_weekday,
		   int32_t length, int32_t *last, int32_t *best)
{
	uint32_t	days = month_days(spec, first_weekday, length);
	int32_t		gap;

	if (days == 0)
		return;
	gap = closest_bits(days);
	if (gap < *best)
		*best = gap;
	if (*last >= 0 && before + __builtin_ctz(days) - *last < *best)
		*best = before + __builtin_ctz(days) - *last;
	*last = before + 31 - __builtin_clz(days);
}

/*
 * Smallest distance of two consecutive matching days, if it is at most 366.
 *
 * Such a pair lies within two years in a row, and there are only 21 kinds of
 * these: seven first weekdays, and the first, the second or no leap year.
 */
static int32_t
day_gap_in_two_years(const CronSpec *spec)
{
	int32_t		best = NO_GAP;

	for (int32_t kind = 0; kind < 21 && best > 1; kind++)
	{
		int32_t		before = 0;
		int32_t		weekday = kind % 7;
		int32_t		last = -1;

		for (int32_t i = 0; i < 24; i++)
		{
			int32_t		month = i % 12 + 1;
			int32_t		length = civil_month_length(2001, month);

			if (month == 2 && i / 12 + 1 == kind / 7)
				length++;
			if (spec->months >> month & 1)
				scan_month(spec, before, weekday, length, &last, &best);
			before += length;
			weekday = (weekday + length) % 7;
		}
	}
	return best;
}

/* The same by brute force over a whole cycle of the calendar. */
static int32_t
day_gap_in_cycle(const CronSpec *spec)
{
	const int32_t origin = civil_to_days(2000, 1, 1);
	int32_t		best = NO_GAP;
	int32_t		last = -1;

	for (int32_t year = 2000; year <= 2400 + CRON_HORIZON_YEARS; year++)
	{
		for (uint32_t months = spec->months; months != 0; months &= months - 1)
		{
			int32_t		month = __builtin_ctz(months);
			int32_t		before = civil_to_days(year, month, 1) - 1;

			scan_month(spec, before - origin, civil_weekday(before + 1),
					   civil_month_length(year, month), &last, &best);
		}
	}
	return best;
}

/* Smallest distance of matching days for one value of each H. */
static int32_t
day_gap(const CronSpec *spec)
{
	int32_t		best;

	if (spec->is_every_day)
		return 1;
	best = day_gap_in_two_years(spec);
	return best <= 366 ? best : day_gap_in_cycle(spec);
}

/* Smallest distance of matching days over all values of H. */
static int32_t
smallest_day_gap(const CronSpec *spec)
{
	static const CronField fields[] = {CRON_MONTH, CRON_DAY_OF_MONTH, CRON_DAY_OF_WEEK};
	unsigned int choices[3];
	unsigned int total = 1;
	int32_t		best = NO_GAP;

	for (int i = 0; i < 3; i++)
	{
		const CronHash *hash = &spec->hash[fields[i]];

		choices[i] = hash->high == 0 ? 1 : hash_choices(hash);
		total *= choices[i];
	}
	for (unsigned int n = 0; n < total && best > 1; n++)
	{
		CronSpec	one = *spec;
		unsigned int rest = n;
		int32_t		gap;

		for (int i = 0; i < 3; i++)
		{
			const CronHash *hash = &spec->hash[fields[i]];

			if (hash->high != 0)
				field_add(&one, fields[i], hash_set(hash, rest % choices[i]));
			rest /= choices[i];
		}
		gap = day_gap(&one);
		if (gap < best)
			best = gap;
	}
	return best;
}

/*
 * extsched_cron_min_gap
 *		Smallest distance of two consecutive nominal times, in seconds.
 *
 * Measured on a wall clock without changes, over every edge of hour, day,
 * month, year and leap year.  The expression must be one that can be due.
 */
int64_t
extsched_cron_min_gap(const CronSpec *spec)
{
	SetShape	minutes = set_shape(spec, CRON_MINUTE);
	SetShape	hours = set_shape(spec, CRON_HOUR);
	int64_t		day = (int64_t) smallest_day_gap(spec) * 1440 -
		hours.span * 60 - minutes.span;
	int64_t		best = minutes.gap;

	if (hours.gap != NO_GAP && hours.gap * 60 - minutes.span < best)
		best = hours.gap * 60 - minutes.span;
	if (day < best)
		best = day;
	return best * 60;
}

/*
 * extsched_cron_check
 *		Judge an expression that somebody wants to store.
 *
 * Everything that can be said without zone and without hash key: length,
 * language, day rule, never due, and a smallest gap of at least min_gap_s (0:
 * any).  On CRON_OK *spec is the parsed expression, with each H still open; else
 * *error says what is wrong.
 */
CronStatus
extsched_cron_check(const char *text, size_t len, bool allow_day_or,
					int64_t min_gap_s, CronSpec *spec, CronError *error)
{
	CronStatus	status;

	memset(error, 0, sizeof(*error));
	error->field = CRON_FIELDS;
	if (len > CRON_MAX_LEN)
	{
		error->value = (int64_t) len;
		error->max = CRON_MAX_LEN;
		return error->status = CRON_TOO_LONG;
	}
	status = extsched_cron_parse(text, len, NULL, 0, allow_day_or, spec, error);
	if (status != CRON_OK)
		return status;
	if (!extsched_cron_can_be_due(spec))
		return error->status = CRON_NEVER_DUE;
	if (min_gap_s > 0)
	{
		error->value = extsched_cron_min_gap(spec);
		error->min = min_gap_s;
		if (error->value < min_gap_s)
			return error->status = CRON_TOO_OFTEN;
	}
	return CRON_OK;
}
