/*-------------------------------------------------------------------------
 *
 * words_test.c
 *		Expressions in words, and the clock changes that touch them.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "tap.h"

static void
expect_words(const char *text, const char *expected)
{
	CronSpec	spec = must_parse(text);
	char		words[CRON_WORDS_LEN];

	extsched_cron_words(&spec, words);
	EXPECT(strcmp(words, expected) == 0, "\"%s\": %s", text, words);
}

static void
test_times(void)
{
	begin_property("a few times of the day are named");
	expect_words("0 9 * * *", "At 09:00 every day");
	expect_words("30 9,17 * * *", "At 09:30 and 17:30 every day");
	expect_words("0 */6 * * *", "At 00:00, 06:00, 12:00 and 18:00 every day");
	expect_words("*/15 9 * * *", "At 09:00, 09:15, 09:30 and 09:45 every day");
	expect_words("@daily", "At 00:00 every day");
	end_property();

	begin_property("many times are said by what repeats");
	expect_words("* * * * *", "Every minute");
	expect_words("0-59 0-23 1-31 * *", "Every minute");
	expect_words("*/15 * * * *", "Every 15 minutes");
	expect_words("0,15,30,45 * * * *", "Every 15 minutes");
	expect_words("5/15 * * * *", "Every 15 minutes from minute 5 on");
	expect_words("*/7 * * * *", "Every 7 minutes from minute 0 to 56 of every hour");
	expect_words("0-29 * * * *", "Every minute from minute 0 to 29 of every hour");
	expect_words("*/15 9-17 * * *", "Every 15 minutes from 09:00 to 17:59");
	expect_words("*/5 8-11,14-16 * * *", "Every 5 minutes from 08:00 to 11:59 and 14:00 to 16:59");
	expect_words("*/10 9 * * *", "At 09:00, 09:10, 09:20, 09:30, 09:40 and 09:50 every day");
	expect_words("*/5 9 * * *", "Every 5 minutes from 09:00 to 09:59");
	expect_words("0 * * * *", "Every hour on the hour");
	expect_words("@hourly", "Every hour on the hour");
	expect_words("5 * * * *", "Every hour at minute 5");
	expect_words("0 9-17 * * *", "Every hour from 09:00 to 17:00");
	expect_words("30 */2 * * *", "Every 2 hours from 00:30 to 22:30");
	end_property();

	begin_property("what repeats in no simple way is said as minutes of hours");
	expect_words("5,20,36 * * * *", "At minutes 5, 20 and 36 of every hour");
	expect_words("0,30 * * * *", "At minutes 0 and 30 of every hour");
	expect_words("5,36 8-12 * * *", "At minutes 5 and 36 of every hour from 08:00 to 12:59 every day");
	expect_words("5,36 1,4,9,22 * * *", "At minutes 5 and 36 of the hours 1, 4, 9 and 22 every day");
	expect_words("5,36 */3 * * *", "At minutes 5 and 36 of every 3rd hour from 00:00 to 21:00 every day");
	expect_words("0-2,9,20,31,44 7 * * *", "At minutes 0 to 2, 9, 20, 31 and 44 of the hour from 07:00 to 07:59 every day");
	expect_words("* 1,4,9,22 * * *", "Every minute of the hours 1, 4, 9 and 22");
	end_property();
}

static void
test_days(void)
{
	begin_property("days of the week are said as groups, ranges and lists");
	expect_words("0 9 * * 1-5", "At 09:00 on weekdays");
	expect_words("0 9 * * mon-fri", "At 09:00 on weekdays");
	expect_words("0 9 * * 0,6", "At 09:00 on weekends");
	expect_words("0 9 * * 1", "At 09:00 on Mondays");
	expect_words("0 9 * * 7", "At 09:00 on Sundays");
	expect_words("0 9 * * 5-7", "At 09:00 on Fridays to Sundays");
	expect_words("0 9 * * 2,4", "At 09:00 on Tuesdays and Thursdays");
	expect_words("0 9 * * 0-6", "At 09:00 every day");
	expect_words("0 9 * * 1#2", "At 09:00 on the second Monday of every month");
	expect_words("0 9 * * 5L", "At 09:00 on the last Friday of every month");
	expect_words("0 9 * * 1-5,6#1", "At 09:00 on weekdays and the first Saturday of every month");
	expect_words("*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:59 on weekdays");
	end_property();

	begin_property("days of the month are said as numbers, ranges and names");
	expect_words("0 0 1 * *", "At 00:00 on the 1st of every month");
	expect_words("0 0 1,15 * *", "At 00:00 on the 1st and the 15th of every month");
	expect_words("0 0 1-7 * *", "At 00:00 on the 1st to the 7th of every month");
	expect_words("0 0 1,2,3,11,12,13,21,22,23,31 * *",
				 "At 00:00 on the 1st to the 3rd, the 11th to the 13th, the 21st to the 23rd and the 31st of every month");
	expect_words("0 0 */2 * *", "At 00:00 on every 2nd day from the 1st to the 31st of every month");
	expect_words("0 0 L * *", "At 00:00 on the last day of every month");
	expect_words("0 0 L-3 * *", "At 00:00 on the 3rd day before the last of every month");
	expect_words("0 0 15W,LW * *", "At 00:00 on the working day nearest the 15th and the last working day of every month");
	end_property();

	begin_property("months are said with the days, or by themselves");
	expect_words("0 0 1 1 *", "At 00:00 on the 1st of January");
	expect_words("@yearly", "At 00:00 on the 1st of January");
	expect_words("0 0 1 */3 *", "At 00:00 on the 1st of January, April, July and October");
	expect_words("0 0 1 6-8 *", "At 00:00 on the 1st of every month from June to August");
	expect_words("0 9 * 3 *", "At 09:00 every day in March");
	expect_words("0 9 * 3-5 1", "At 09:00 on Mondays from March to May");
	expect_words("0 9 * 3,5 1", "At 09:00 on Mondays in March and May");
	expect_words("*/15 * * 12 *", "Every 15 minutes in December");
	expect_words("0 9 * 11 4#4", "At 09:00 on the fourth Thursday of November");
	end_property();

	begin_property("two restricted day fields are said as what they mean");
	expect_words("0 0 13 * 5", "At 00:00 on Fridays, and on the 13th of every month");
	expect_words("0 0 */2 * 1", "At 00:00 on Mondays, but only on every 2nd day from the 1st to the 31st of every month");
	expect_words("0 0 1-31 * 5", "At 00:00 every day");
	end_property();
}

static void
test_hash(void)
{
	CronSpec	spec;
	CronError	error;
	char		words[CRON_WORDS_LEN];

	begin_property("an H is a value of its own, and with a key that value");
	expect_words("H * * * *", "At a minute of its own of every hour");
	expect_words("H(0-29) * * * *", "At a minute of its own from 0 to 29 of every hour");
	expect_words("H 9 * * 1-5", "At a minute of its own of the hour from 09:00 to 09:59 on weekdays");
	expect_words("H H * * *", "At a time of its own every day");
	expect_words("H H(0-5) * * *", "At a time of its own from 00:00 to 05:59 every day");
	expect_words("H/15 * * * *", "Every 15 minutes at minutes of its own");
	expect_words("H/15 9-17 * * *", "Every 15 minutes at minutes of its own from 09:00 to 17:59");
	expect_words("30 H * * *", "At minute 30 of an hour of its own every day");
	expect_words("30 2,H(8-12) * * *", "At minute 30 of hour 2 and an hour of its own from 08:00 to 12:00 every day");
	expect_words("0 0 H * *", "At 00:00 on a day of its own of every month");
	expect_words("0 0 H H *", "At 00:00 on a day of its own of a month of its own");
	expect_words("0 0 * * H(1-5)", "At 00:00 on a weekday of its own from Mondays to Fridays");
	EXPECT(extsched_cron_parse("H 9 * * *", 9, "key", 3, false, &spec, &error) == CRON_OK, "with a key");
	extsched_cron_words(&spec, words);
	EXPECT(strncmp(words, "At 09:", 6) == 0, "%s", words);
	end_property();
}

static void
expect_spread(const char *text, const char *expected)
{
	CronSpec	spec = must_parse(text);
	char		spread[CRON_FORMAT_LEN];
	bool		is_spread = extsched_cron_spread(&spec, spread);

	EXPECT(is_spread == (expected != NULL), "\"%s\": %s", text, is_spread ? spread : "none");
	if (is_spread && expected != NULL)
		EXPECT(strcmp(spread, expected) == 0, "\"%s\": %s", text, spread);
}

static void
expect_zone(const char *name, const char *expected)
{
	char		words[80];

	extsched_cron_zone_words(name, words, sizeof(words));
	EXPECT(strcmp(words, expected) == 0, "%s: %s", name, words);
}

/* The next change that touches a schedule, as text. */
static void
expect_change(const char *text, const char *zone_name, const char *expected)
{
	CronSpec	spec = must_parse(text);
	CronZone   *zone = load_zone(zone_name);
	int64_t		after = parse_utc("2026-01-01 00:00");
	CronChange	change;
	char		shown[80] = "none";

	if (extsched_cron_next_change(&spec, zone, after, after + 366 * 86400, &change))
		snprintf(shown, sizeof(shown), "%s %+d %lld", show_utc(change.at),
				 (change.offset_after - change.offset_before) / 60, (long long) change.times);
	EXPECT(strcmp(shown, expected) == 0, "\"%s\" %s: %s", text, zone_name, shown);
}

/* The words of anything are whole: they fit, and end in no list. */
static void
test_any(void)
{
	size_t		longest = 0;

	begin_property("each of 100,000 random expressions has words that fit, the same for its canonical text");
	seed_random(11);
	for (int i = 0; i < 100000; i++)
	{
		char		text[256];
		char		canonical[CRON_FORMAT_LEN];
		char		words[CRON_WORDS_LEN];
		char		again[CRON_WORDS_LEN];
		CronSpec	spec;
		CronError	error;

		random_expression(text, sizeof(text), i % 2 == 0);
		if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK)
			continue;
		extsched_cron_words(&spec, words);
		extsched_cron_format(&spec, canonical);
		spec = must_parse(canonical);
		extsched_cron_words(&spec, again);
		if (strlen(words) > longest)
			longest = strlen(words);
		EXPECT(strcmp(words, again) == 0, "\"%s\": %s, %s", text, words, again);
		EXPECT(strstr(words, "  ") == NULL && strstr(words, " ,") == NULL &&
			   strchr(" ,", words[strlen(words) - 1]) == NULL, "\"%s\": %s", text, words);
	}
	EXPECT(longest < CRON_WORDS_LEN - 1, "the longest has %zu bytes", longest);
	end_property();
}

void
test_words(void)
{
	test_times();
	test_days();
	test_hash();
	test_any();

	begin_property("a zone is the time of its city");
	expect_zone("UTC", "UTC");
	expect_zone("Etc/UTC", "UTC");
	expect_zone("America/New_York", "New York time");
	expect_zone("America/Argentina/Buenos_Aires", "Buenos Aires time");
	expect_zone("CET", "zone CET");
	expect_zone("Etc/GMT+5", "zone Etc/GMT+5");
	end_property();

	begin_property("minutes that include 0 and repeat evenly can be spread with H");
	expect_spread("0 9 * * 1-5", "H 9 * * 1-5");
	expect_spread("*/15 * * * *", "H/15 * * * *");
	expect_spread("0,30 9 * * *", "H/30 9 * * *");
	expect_spread("@daily", "H 0 * * *");
	expect_spread("5 9 * * *", NULL);
	expect_spread("* 9 * * *", NULL);
	expect_spread("H 9 * * *", NULL);
	expect_spread("*/7 9 * * *", NULL);
	expect_spread("0,10 9 * * *", NULL);
	end_property();

	begin_property("a change of the clock touches what is due in its gap or fold, and no rhythm of every hour");
	expect_change("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00 +60 1");
	expect_change("0 2 * * *", "Europe/Berlin", "2026-03-29T01:00 +60 1");
	expect_change("0 3 * * *", "Europe/Berlin", "none");
	expect_change("30 2 * 10 *", "Europe/Berlin", "2026-10-25T01:00 -60 1");
	expect_change("*/15 2 * * *", "Europe/Berlin", "2026-03-29T01:00 +60 4");
	expect_change("*/15 * * * *", "Europe/Berlin", "none");
	expect_change("30 2 * * 1-5", "Europe/Berlin", "none");
	expect_change("0,30 1-3 * * *", "America/New_York", "2026-03-08T07:00 +60 2");
	expect_change("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T15:00 -30 1");
	expect_change("30 2 * * *", "UTC", "none");
	end_property();
}
