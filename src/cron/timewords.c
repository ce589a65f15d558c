/*-------------------------------------------------------------------------
 *
 * timewords.c
 *		Minutes and hours of a CronSpec as an English phrase.
 *
 * A few times are named: "At 09:00 and 17:30".  More of them are said by what
 * repeats: "Every 15 minutes from 09:00 to 17:59", "Every hour at minute 5".
 * What repeats in no simple way is said as minutes of hours.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "cron/fields.h"
#include "cron/words.h"

#define ALL_MINUTES			UINT64_C(0x0fffffffffffffff)
#define ALL_HOURS			0xffffff
#define NAMED_TIMES			6	/* as many are read at a glance */
#define NAMED_SPANS			3

static void
word_number(unsigned int n, char buf[WORDS_ITEM_LEN])
{
	(void) snprintf(buf, WORDS_ITEM_LEN, "%u", n);
}

static void
word_hour(unsigned int n, char buf[WORDS_ITEM_LEN])
{
	(void) snprintf(buf, WORDS_ITEM_LEN, "%02u:00", n);
}

/* "At 09:00, 12:00 and 17:30" */
static void
say_clock_times(Words *words, const CronSpec *spec)
{
	WordList	list = {0};

	for (uint32_t hours = spec->hours; hours != 0; hours &= hours - 1)
	{
		for (uint64_t minutes = spec->minutes; minutes != 0; minutes &= minutes - 1)
			extsched_words_item(&list, "%02d:%02d", __builtin_ctz(hours),
								__builtin_ctzll(minutes));
	}
	extsched_words_say(words, "At ");
	extsched_words_say_list(words, &list);
}

/* One minute, many evenly spaced hours: "Every 2 hours from 00:30 to 22:30". */
static void
say_every_hour(Words *words, const CronSpec *spec, WordShape hours)
{
	int			minute = __builtin_ctzll(spec->minutes);

	extsched_words_say(words, "Every ");
	if (hours.step > 1)
		extsched_words_say(words, "%u hours", hours.step);
	else
		extsched_words_say(words, "hour");
	if (spec->hours != ALL_HOURS)
		extsched_words_say(words, " from %02u:%02d to %02u:%02d",
						   hours.low, minute, hours.high, minute);
	else if (minute == 0)
		extsched_words_say(words, " on the hour");
	else
		extsched_words_say(words, " at minute %d", minute);
}

/* Hours as stretches of time, when they are few stretches. */
static bool
say_spans(Words *words, uint32_t hours)
{
	WordList	list = {0};
	uint64_t	rest = hours;

	while (rest != 0)
	{
		WordShape	run = extsched_words_take_run(&rest);

		extsched_words_item(&list, "%02u:00 to %02u:59", run.low, run.high);
	}
	if (list.n > NAMED_SPANS)
		return false;
	extsched_words_say(words, " from ");
	extsched_words_say_list(words, &list);
	return true;
}

/*
 * The hours that the minutes are of.  is_every says that the minutes were said
 * as a rhythm, which goes on in the following hour.
 */
static void
say_hours(Words *words, const CronSpec *spec, bool is_every)
{
	WordShape	shape = extsched_words_shape(spec->hours);
	WordList	list = {0};
	char		ordinal[WORDS_ORDINAL_LEN];

	if (spec->hash[CRON_HOUR].high == 0)
	{
		if (spec->hours == ALL_HOURS)
		{
			if (!is_every)
				extsched_words_say(words, " of every hour");
			return;
		}
		if (is_every && say_spans(words, spec->hours))
			return;
		if (shape.count == 1 || shape.step == 1)
		{
			extsched_words_say(words, " of %s hour from %02u:00 to %02u:59",
							   shape.count == 1 ? "the" : "every", shape.low, shape.high);
			return;
		}
		if (shape.step > 1 && shape.count > 3)
		{
			extsched_words_say(words, " of every %s hour from %02u:00 to %02u:00",
							   extsched_words_ordinal(shape.step, ordinal),
							   shape.low, shape.high);
			return;
		}
	}
	extsched_words_say(words, " of ");
	if (spec->hours != 0)
	{
		extsched_words_add_set(&list, spec->hours, word_number);
		extsched_words_say(words, shape.count > 1 ? "the hours " : "hour ");
		extsched_words_say_list(words, &list);
		if (spec->hash[CRON_HOUR].high != 0)
			extsched_words_say(words, " and ");
		list.n = 0;
	}
	extsched_words_add_hash(&list, spec, CRON_HOUR, "hour", word_hour);
	extsched_words_say_list(words, &list);
}

/* Minutes as a rhythm, when they are one: "Every 15 minutes". */
static bool
say_rhythm(Words *words, const CronSpec *spec, bool *is_whole)
{
	const CronHash *hash = &spec->hash[CRON_MINUTE];
	WordShape	shape = extsched_words_shape(spec->minutes);

	*is_whole = true;
	if (hash->high != 0)
	{
		if (spec->minutes != 0 || hash->step == 0 || hash->low != 0 || hash->high != 59)
			return false;
		extsched_words_say(words, "Every %u minutes at minutes of its own", hash->step);
		return true;
	}
	if (spec->minutes == ALL_MINUTES)
	{
		extsched_words_say(words, "Every minute");
		return true;
	}
	if (shape.step == 0 || shape.count < 3)
		return false;
	extsched_words_say(words, "Every ");
	if (shape.step > 1)
		extsched_words_say(words, "%u minutes", shape.step);
	else
		extsched_words_say(words, "minute");
	*is_whole = shape.step * shape.count == 60;
	if (!*is_whole)
		extsched_words_say(words, " from minute %u to %u", shape.low, shape.high);
	else if (shape.low > 0)
		extsched_words_say(words, " from minute %u on", shape.low);
	return true;
}

/* Minutes one by one: "At minutes 5 and 20", "At a minute of its own". */
static void
say_minutes(Words *words, const CronSpec *spec)
{
	WordList	numbers = {0};
	WordList	own = {0};

	extsched_words_say(words, "At ");
	extsched_words_add_set(&numbers, spec->minutes, word_number);
	extsched_words_add_hash(&own, spec, CRON_MINUTE, "minute", word_number);
	if (numbers.n > 0)
	{
		extsched_words_say(words, __builtin_popcountll(spec->minutes) > 1 ? "minutes " : "minute ");
		extsched_words_say_list(words, &numbers);
		if (own.n > 0)
			extsched_words_say(words, " and ");
	}
	extsched_words_say_list(words, &own);
}

/* "H H ...": one time a day. */
static bool
is_own_time(const CronSpec *spec)
{
	const CronHash *minute = &spec->hash[CRON_MINUTE];
	const CronHash *hour = &spec->hash[CRON_HOUR];

	return spec->minutes == 0 && spec->hours == 0 && minute->step == 0 && hour->step == 0 &&
		minute->low == 0 && minute->high == 59;
}

/*
 * extsched_words_say_time
 *		Say minutes and hours; true when they name times of a day, which want
 *		their days named, too.
 */
bool
extsched_words_say_time(Words *words, const CronSpec *spec)
{
	const CronHash *hour = &spec->hash[CRON_HOUR];
	WordShape	hours = extsched_words_shape(spec->hours);
	int			n_minutes = __builtin_popcountll(spec->minutes);
	bool		is_whole = false;
	bool		is_rhythm;

	if (is_own_time(spec))
	{
		extsched_words_say(words, "At a time of its own");
		if (hour->low != 0 || hour->high != 23)
			extsched_words_say(words, " from %02d:00 to %02d:59", hour->low, hour->high);
		return true;
	}
	if (spec->hash[CRON_MINUTE].high == 0 && hour->high == 0)
	{
		if (n_minutes == 1 && hours.step > 0 && hours.count > NAMED_TIMES)
		{
			say_every_hour(words, spec, hours);
			return false;
		}
		if (n_minutes * (int) hours.count <= NAMED_TIMES)
		{
			say_clock_times(words, spec);
			return true;
		}
	}
	is_rhythm = say_rhythm(words, spec, &is_whole);
	if (!is_rhythm)
		say_minutes(words, spec);
	say_hours(words, spec, is_rhythm && is_whole);
	return !is_rhythm && spec->hours != ALL_HOURS;
}
