/*-------------------------------------------------------------------------
 *
 * posixtz.c
 *		The TZ string in the footer of a zone file.
 *
 * POSIX.1-2017, 8.3 (Other Environment Variables, TZ), with the extension of
 * RFC 8536, 3.3.1: the hours of a change may be -167 to 167.  A footer that
 * names daylight saving time without its rule is refused, because POSIX leaves
 * the rule open then.
 *
 *-------------------------------------------------------------------------
 */
#include "cron/civil.h"
#include "cron/zone.h"

typedef struct TzText
{
	const char *at;
	const char *end;
} TzText;

/* A change of offset that a rule causes. */
typedef struct RuleChange
{
	int64_t		at;
	int32_t		offset;			/* from then on */
} RuleChange;

static bool
skip_char(TzText *text, char c)
{
	if (text->at < text->end && *text->at == c)
	{
		text->at++;
		return true;
	}
	return false;
}

/* Read a number of low to high, at most three digits. */
static bool
read_number(TzText *text, int32_t low, int32_t high, int32_t *value)
{
	int32_t		n = 0;
	int			digits = 0;

	while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
	{
		if (++digits > 3)
			return false;
		n = n * 10 + (*text->at++ - '0');
	}
	*value = n;
	return digits > 0 && n >= low && n <= high;
}

/* Read [+-]hh[:mm[:ss]] as seconds. */
static bool
read_time(TzText *text, int32_t max_hours, int32_t *seconds)
{
	int32_t		hours;
	int32_t		rest;
	int32_t		sign = 1;

	if (skip_char(text, '-'))
		sign = -1;
	else
		(void) skip_char(text, '+');
	if (!read_number(text, 0, max_hours, &hours))
		return false;
	*seconds = hours * 3600;
	if (skip_char(text, ':'))
	{
		if (!read_number(text, 0, 59, &rest))
			return false;
		*seconds += rest * 60;
		if (skip_char(text, ':'))
		{
			if (!read_number(text, 0, 59, &rest))
				return false;
			*seconds += rest;
		}
	}
	*seconds *= sign;
	return true;
}

/* Skip an abbreviation: three or more letters, or anything sane in < >. */
static bool
skip_name(TzText *text)
{
	bool		is_quoted = skip_char(text, '<');
	int			length = 0;

	for (; text->at < text->end; text->at++, length++)
	{
		char		c = *text->at;
		bool		is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_letter &&
			!(is_quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
			break;
	}
	return length >= 3 && (!is_quoted || skip_char(text, '>'));
}

/* Read ",date[/time]". */
static bool
read_rule_day(TzText *text, RuleDay *rule)
{
	if (!skip_char(text, ','))
		return false;
	if (skip_char(text, 'J'))
	{
		rule->kind = RULE_JULIAN;
		if (!read_number(text, 1, 365, &rule->day))
			return false;
	}
	else if (skip_char(text, 'M'))
	{
		rule->kind = RULE_MONTH_WEEK;
		if (!read_number(text, 1, 12, &rule->month) || !skip_char(text, '.') ||
			!read_number(text, 1, 5, &rule->week) || !skip_char(text, '.') ||
			!read_number(text, 0, 6, &rule->day))
			return false;
	}
	else
	{
		rule->kind = RULE_DAY_OF_YEAR;
		if (!read_number(text, 0, 365, &rule->day))
			return false;
	}
	rule->time_s = 2 * 3600;
	return !skip_char(text, '/') || read_time(text, 167, &rule->time_s);
}

/* Local time of a year's change, in seconds since 1970 on the wall. */
static int64_t
rule_local(const RuleDay *rule, int32_t year)
{
	int32_t		day;
	int32_t		first;

	switch (rule->kind)
	{
		case RULE_JULIAN:
			day = civil_to_days(year, 1, 1) + rule->day - 1 +
				(rule->day >= 60 && civil_is_leap(year));
			break;
		case RULE_DAY_OF_YEAR:
			day = civil_to_days(year, 1, 1) + rule->day;
			break;
		default:
			first = civil_to_days(year, rule->month, 1);
			day = first + (rule->day - civil_weekday(first) + 7) % 7 +
				7 * (rule->week - 1);
			if (day >= first + civil_month_length(year, rule->month))
				day -= 7;
			break;
	}
	return (int64_t) day * CIVIL_DAY_S + rule->time_s;
}

/* Whether a change stays days away from the edges of each year. */
static bool
is_within_year(const RuleDay *rule)
{
	for (int32_t year = 2000; year <= 2001; year++)
	{
		int64_t		local = rule_local(rule, year);

		if (local < (int64_t) civil_to_days(year, 1, 10) * CIVIL_DAY_S ||
			local > (int64_t) civil_to_days(year, 12, 20) * CIVIL_DAY_S)
			return false;
	}
	return true;
}

/*
 * extsched_posix_parse
 *		Read a TZ string; false when it is not a complete one.
 */
bool
extsched_posix_parse(const char *string, size_t len, PosixRule *rule)
{
	TzText		text = {string, string + len};
	int32_t		west;

	if (!skip_name(&text) || !read_time(&text, 24, &west))
		return false;
	rule->std_offset = -west;
	rule->dst_offset = rule->std_offset;
	rule->has_dst = text.at < text.end;
	if (!rule->has_dst)
		return true;

	if (!skip_name(&text))
		return false;
	rule->dst_offset = rule->std_offset + 3600;
	if (text.at < text.end && *text.at != ',')
	{
		if (!read_time(&text, 24, &west))
			return false;
		rule->dst_offset = -west;
	}
	if (!read_rule_day(&text, &rule->dst_start) ||
		!read_rule_day(&text, &rule->dst_end) || text.at != text.end)
		return false;
	rule->is_within_year = is_within_year(&rule->dst_start) &&
		is_within_year(&rule->dst_end);
	return true;
}

/* The two changes of a year; at equal times the start is the later one. */
static void
year_changes(const PosixRule *rule, int32_t year, RuleChange pair[2])
{
	RuleChange	start = {
		rule_local(&rule->dst_start, year) - rule->std_offset, rule->dst_offset
	};
	RuleChange	end = {
		rule_local(&rule->dst_end, year) - rule->dst_offset, rule->std_offset
	};
	bool		is_start_first = start.at < end.at;

	pair[0] = is_start_first ? start : end;
	pair[1] = is_start_first ? end : start;
}

/* The common case: the changes of one year never mix with those of another. */
static void
segment_in_year(const PosixRule *rule, int32_t year, int64_t utc, CronSegment *segment)
{
	RuleChange	pair[2];
	RuleChange	other[2];

	year_changes(rule, year, pair);
	if (utc < pair[0].at)
	{
		year_changes(rule, year - 1, other);
		segment->start = other[1].at;
		segment->offset = other[1].offset;
		segment->end = pair[0].at;
	}
	else if (utc < pair[1].at)
	{
		segment->start = pair[0].at;
		segment->offset = pair[0].offset;
		segment->end = pair[1].at;
	}
	else
	{
		year_changes(rule, year + 1, other);
		segment->start = pair[1].at;
		segment->offset = pair[1].offset;
		segment->end = other[0].at;
	}
}

/* The general case: put the changes of three years in order. */
static void
segment_in_three_years(const PosixRule *rule, int32_t year, int64_t utc,
					   CronSegment *segment)
{
	RuleChange	changes[6] = {{0}};
	int			count = 0;

	for (int32_t y = year - 1; y <= year + 1; y++)
	{
		RuleChange	pair[2];

		year_changes(rule, y, pair);
		for (int i = 0; i < 2; i++)
		{
			int			j = count++;

			/* stable: an equal time keeps its place before this one */
			for (; j > 0 && changes[j - 1].at > pair[i].at; j--)
				changes[j] = changes[j - 1];
			changes[j] = pair[i];
		}
	}
	for (int i = 0; i < count; i++)
	{
		if (changes[i].at > utc)
		{
			segment->end = changes[i].at;
			break;
		}
		segment->start = changes[i].at;
		segment->offset = changes[i].offset;
	}
}

/*
 * extsched_posix_segment
 *		Find the stretch of constant offset that a rule has at an instant.
 *
 * A rule's times may reach into the neighbouring year.  At equal times the
 * start of daylight saving wins: that is how "all year" is written
 * ("EST5EDT,0/0,J365/25").
 */
void
extsched_posix_segment(const PosixRule *rule, int64_t utc, CronSegment *segment)
{
	int32_t		year;

	segment->start = INT64_MIN;
	segment->end = INT64_MAX;
	segment->offset = rule->std_offset;
	if (!rule->has_dst)
		return;
	year = civil_from_days((int32_t) civil_floor_div(utc + rule->std_offset,
													 CIVIL_DAY_S)).year;
	if (rule->is_within_year)
		segment_in_year(rule, year, utc, segment);
	else
		segment_in_three_years(rule, year, utc, segment);
}
