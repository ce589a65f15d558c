/*-------------------------------------------------------------------------
 *
 * words.c
 *		A CronSpec as an English phrase.
 *
 * The words are made from the expanded sets, never from the spelling, so two
 * expressions with the same meaning read the same.  A phrase has a time part
 * (timewords.c) and a day part, this file.  Each set is said in the shortest
 * of a few forms, and every form names all of its values: nothing is left out
 * for the sake of style, because people decide by these words.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cron/fields.h"
#include "cron/words.h"

#define ALL_DAYS			0xfffffffe
#define ALL_MONTHS			0x1ffe
#define ALL_WEEKDAYS		0x7f
#define MONDAY_TO_FRIDAY	0x3e
#define WEEKEND				0x41
#define SUNDAY_LAST			7

static const char *const month_names[12] = {
	"January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December"
};

static const char *const weekday_names[7] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"
};

/* 1 is January. */
static const char *
month_name(unsigned int n)
{
	return month_names[(n - 1) % 12];
}

/* 0 and 7 are Sunday. */
static const char *
weekday_name(unsigned int n)
{
	return weekday_names[n % 7];
}

/* Append to a text; what does not fit is cut off. */
void
extsched_words_say(Words *words, const char *format,...)
{
	va_list		args;
	int			n;

	va_start(args, format);
	n = vsnprintf(words->buf + words->len, words->size - words->len, format, args);
	va_end(args);
	if (n > 0)
		words->len += (size_t) n < words->size - words->len ? (size_t) n :
			words->size - words->len - 1;
}

/* Add an item to a list; a full list and a long item are cut. */
void
extsched_words_item(WordList *list, const char *format,...)
{
	va_list		args;

	if (list->n == WORDS_ITEMS)
		return;
	va_start(args, format);
	(void) vsnprintf(list->items[list->n++], WORDS_ITEM_LEN, format, args);
	va_end(args);
}

/* Say a list: "a", "a and b", "a, b and c". */
void
extsched_words_say_list(Words *words, const WordList *list)
{
	for (int i = 0; i < list->n; i++)
		extsched_words_say(words, "%s%s", i == 0 ? "" : i == list->n - 1 ? " and " : ", ",
						   list->items[i]);
}

/* "1st", "2nd", "3rd", "11th": in one of a few buffers of the caller. */
const char *
extsched_words_ordinal(unsigned int n, char buf[WORDS_ORDINAL_LEN])
{
	const char *end = "th";

	if (n / 10 % 10 != 1)
		end = n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
	(void) snprintf(buf, WORDS_ORDINAL_LEN, "%u%s", n, end);
	return buf;
}

/*
 * extsched_words_shape
 *		Lowest and highest value of a set, and the distance of its values.
 *
 * step is 0 for a single value and for values that are not evenly spaced.
 */
WordShape
extsched_words_shape(uint64_t set)
{
	WordShape	shape = {0};

	if (set == 0)
		return shape;
	shape.low = (unsigned int) __builtin_ctzll(set);
	shape.high = 63 - (unsigned int) __builtin_clzll(set);
	shape.count = (unsigned int) __builtin_popcountll(set);
	if (shape.count > 1)
	{
		shape.step = (unsigned int) __builtin_ctzll(set & (set - 1)) - shape.low;
		if (field_range(shape.low, shape.high, shape.step) != set)
			shape.step = 0;
	}
	return shape;
}

/* Take the lowest run of neighbours out of a set. */
WordShape
extsched_words_take_run(uint64_t *set)
{
	WordShape	run = {0};

	run.low = run.high = (unsigned int) __builtin_ctzll(*set);
	while (run.high < 63 && (*set >> (run.high + 1) & 1) != 0)
		run.high++;
	run.count = run.high - run.low + 1;
	run.step = run.count > 1;
	*set &= ~field_range(run.low, run.high, 1);
	return run;
}

/*
 * Add the values of a set, with neighbours of three and more as "a to b".
 * value words one of them.
 */
void
extsched_words_add_set(WordList *list, uint64_t set,
					   void (*value) (unsigned int n, char buf[WORDS_ITEM_LEN]))
{
	while (set != 0)
	{
		WordShape	run = extsched_words_take_run(&set);
		char		low[WORDS_ITEM_LEN];
		char		high[WORDS_ITEM_LEN];

		value(run.high, high);
		if (run.count >= 3)
		{
			value(run.low, low);
			extsched_words_item(list, "%.20s to %.20s", low, high);
			continue;
		}
		for (unsigned int n = run.low; n < run.high; n++)
		{
			value(n, low);
			extsched_words_item(list, "%s", low);
		}
		extsched_words_item(list, "%s", high);
	}
}

static void
word_day(unsigned int n, char buf[WORDS_ITEM_LEN])
{
	char		ordinal[WORDS_ORDINAL_LEN];

	(void) snprintf(buf, WORDS_ITEM_LEN, "the %s", extsched_words_ordinal(n, ordinal));
}

static void
word_month(unsigned int n, char buf[WORDS_ITEM_LEN])
{
	(void) snprintf(buf, WORDS_ITEM_LEN, "%s", month_name(n));
}

static void
word_weekdays(unsigned int n, char buf[WORDS_ITEM_LEN])
{
	(void) snprintf(buf, WORDS_ITEM_LEN, "%ss", weekday_name(n));
}

/*
 * Add the H of a field: a value that each schedule has of its own.  noun is
 * what a value is called, value words one.
 */
void
extsched_words_add_hash(WordList *list, const CronSpec *spec, CronField field,
						const char *noun,
						void (*value) (unsigned int n, char buf[WORDS_ITEM_LEN]))
{
	const CronHash *hash = &spec->hash[field];
	const FieldInfo *info = &field_info[field];
	char		range[2 * WORDS_ITEM_LEN] = "";
	char		ordinal[WORDS_ORDINAL_LEN];

	if (hash->high == 0)
		return;
	if (hash->low != info->hash_min || hash->high != info->hash_max)
	{
		char		low[WORDS_ITEM_LEN];
		char		high[WORDS_ITEM_LEN];

		value(hash->low, low);
		value(hash->high, high);
		(void) snprintf(range, sizeof(range), " from %.20s to %.20s", low, high);
	}
	if (hash->step == 0)
		extsched_words_item(list, "%s %s of its own%s",
							noun[0] == 'h' ? "an" : "a", noun, range);
	else
		extsched_words_item(list, "every %s %s from one of its own%s",
							extsched_words_ordinal(hash->step, ordinal), noun, range);
}

/* The months, behind "of" or "in"; "every month" only behind "of". */
static void
say_months(Words *words, const CronSpec *spec, const char *preposition)
{
	WordShape	shape = extsched_words_shape(spec->months);
	bool		is_of = strcmp(preposition, "of") == 0;
	WordList	list = {0};

	if (spec->hash[CRON_MONTH].high == 0 && shape.step == 1 && shape.count >= 3)
	{
		if (is_of)
			extsched_words_say(words, " of every month");
		if (spec->months != ALL_MONTHS)
			extsched_words_say(words, " from %s to %s", month_name(shape.low),
							   month_name(shape.high));
		return;
	}
	extsched_words_add_set(&list, spec->months, word_month);
	extsched_words_add_hash(&list, spec, CRON_MONTH, "month", word_month);
	extsched_words_say(words, " %s ", preposition);
	extsched_words_say_list(words, &list);
}

/* The days of the month, with the months they are of. */
static void
say_month_days(Words *words, const CronSpec *spec)
{
	WordShape	shape = extsched_words_shape(spec->days);
	WordList	list = {0};
	char		ordinals[3][WORDS_ORDINAL_LEN];

	if (shape.step > 1 && shape.count > 3)
		extsched_words_item(&list, "every %s day from the %s to the %s",
							extsched_words_ordinal(shape.step, ordinals[0]),
							extsched_words_ordinal(shape.low, ordinals[1]),
							extsched_words_ordinal(shape.high, ordinals[2]));
	else
		extsched_words_add_set(&list, spec->days, word_day);
	extsched_words_add_hash(&list, spec, CRON_DAY_OF_MONTH, "day", word_day);
	for (uint32_t rest = spec->workdays & ~1u; rest != 0; rest &= rest - 1)
		extsched_words_item(&list, "the working day nearest the %s",
							extsched_words_ordinal((unsigned int) __builtin_ctz(rest), ordinals[0]));
	for (uint32_t rest = spec->last_days & ~1u; rest != 0; rest &= rest - 1)
		extsched_words_item(&list, "the %s day before the last",
							extsched_words_ordinal((unsigned int) __builtin_ctz(rest), ordinals[0]));
	if (spec->workdays & 1)
		extsched_words_item(&list, "the last working day");
	if (spec->last_days & 1)
		extsched_words_item(&list, "the last day");
	extsched_words_say_list(words, &list);
	say_months(words, spec, "of");
}

/* The days of the week, with the months they are in. */
static void
say_weekdays(Words *words, const CronSpec *spec)
{
	static const char *const which[] = {"first", "second", "third", "fourth", "fifth"};
	uint64_t	set = spec->weekdays;
	WordList	list = {0};
	bool		is_plain = spec->last_weekdays == 0;

	if (set == MONDAY_TO_FRIDAY)
		extsched_words_item(&list, "weekdays");
	else if (set == WEEKEND)
		extsched_words_item(&list, "weekends");
	else
	{
		/* Sunday ends the week */
		if (set & 1)
			set = (set & ~(uint64_t) 1) | 1 << SUNDAY_LAST;
		extsched_words_add_set(&list, set, word_weekdays);
	}
	extsched_words_add_hash(&list, spec, CRON_DAY_OF_WEEK, "weekday", word_weekdays);
	for (int k = 0; k < 5; k++)
	{
		for (uint32_t rest = spec->nth_weekdays[k]; rest != 0; rest &= rest - 1)
		{
			extsched_words_item(&list, "the %s %s", which[k],
								weekday_name((unsigned int) __builtin_ctz(rest)));
			is_plain = false;
		}
	}
	for (uint32_t rest = spec->last_weekdays; rest != 0; rest &= rest - 1)
		extsched_words_item(&list, "the last %s", weekday_name((unsigned int) __builtin_ctz(rest)));
	extsched_words_say_list(words, &list);
	if (!is_plain)
		say_months(words, spec, "of");
	else if (spec->months != ALL_MONTHS)
		say_months(words, spec, "in");
}

/* The days on which the times are due. */
static void
say_days(Words *words, const CronSpec *spec, bool has_clock_times)
{
	bool		any_day = spec->days == ALL_DAYS;
	bool		any_weekday = spec->weekdays == ALL_WEEKDAYS;

	if (spec->is_either_day && (any_day || any_weekday))
		any_day = any_weekday = true;
	if (any_day && any_weekday)
	{
		if (has_clock_times)
			extsched_words_say(words, " every day");
		if (spec->months != ALL_MONTHS)
			say_months(words, spec, "in");
		return;
	}
	extsched_words_say(words, " on ");
	if (!any_weekday)
		say_weekdays(words, spec);
	if (!any_weekday && !any_day)
		extsched_words_say(words, spec->is_either_day ? ", and on " : ", but only on ");
	if (!any_day)
		say_month_days(words, spec);
}

/*
 * extsched_cron_words
 *		Say when an expression is due: "At 09:00 on weekdays".
 *
 * No zone, no full stop.  An H without its value is "a minute of its own".
 */
void
extsched_cron_words(const CronSpec *spec, char buf[CRON_WORDS_LEN])
{
	Words		words = {buf, CRON_WORDS_LEN, 0};

	say_days(&words, spec, extsched_words_say_time(&words, spec));
}

/*
 * extsched_cron_zone_words
 *		Say whose clock it is: "New York time", "UTC", "zone Etc/GMT+5".
 *
 * name is that of a zone, in canonical case.
 */
void
extsched_cron_zone_words(const char *name, char *buf, size_t size)
{
	Words		words = {buf, size, 0};
	const char *slash = strrchr(name, '/');

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
		extsched_words_say(&words, "UTC");
	else if (slash == NULL || strncmp(name, "Etc/", 4) == 0)
		extsched_words_say(&words, "zone %s", name);
	else
	{
		extsched_words_say(&words, "%s time", slash + 1);
		for (char *c = buf; *c != '\0'; c++)
		{
			if (*c == '_')
				*c = ' ';
		}
	}
}

/*
 * extsched_cron_spread
 *		The same schedule with its minutes taken from H, as canonical text.
 *
 * Returns false when that is not called for: the minutes do not include 0, at
 * which most schedules of this world crowd, or they have an H already, or they
 * are all minutes, or they are not evenly spread over the hour, so that no H
 * says the same.
 */
bool
extsched_cron_spread(const CronSpec *spec, char buf[CRON_FORMAT_LEN])
{
	WordShape	shape = extsched_words_shape(spec->minutes);
	char		text[CRON_FORMAT_LEN];
	Words		words = {buf, CRON_FORMAT_LEN, 0};

	if (spec->hash[CRON_MINUTE].high != 0 || shape.low != 0 || shape.step == 1 ||
		(shape.count > 1 && (shape.step == 0 || shape.step * shape.count != 60)))
		return false;
	extsched_cron_format(spec, text);
	extsched_words_say(&words, "H");
	if (shape.count > 1)
		extsched_words_say(&words, "/%u", shape.step);
	extsched_words_say(&words, "%s", strchr(text, ' '));
	return true;
}
