/*-------------------------------------------------------------------------
 *
 * check_test.c
 *		Never due, and the smallest gap.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tap.h"

#define LIMIT_NS	50000

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static void
expect_due(const char *text, bool due)
{
	CronSpec	spec = must_parse(text);
	int64_t		next;

	EXPECT(extsched_cron_can_be_due(&spec) == due, "\"%s\" is %sdue", text, due ? "never " : "");
	if (!spec.needs_key)
		EXPECT((extsched_cron_next(&spec, NULL, 0, &next, NULL) == CRON_OK) == due,
			   "\"%s\": next does not agree", text);
}

static void
expect_gap(const char *text, int64_t minutes)
{
	CronSpec	spec = must_parse(text);
	int64_t		gap = extsched_cron_min_gap(&spec);

	EXPECT(gap == minutes * 60, "\"%s\": %lld s instead of %lld min", text,
		   (long long) gap, (long long) minutes);
}

/* The smallest gap by going from one time to the next. */
static int64_t
brute_force_gap(const CronSpec *spec, const char *from, const char *to)
{
	int64_t		end = parse_utc(to);
	int64_t		last = -1;
	int64_t		best = INT64_MAX;

	for (int64_t day = parse_utc(from); day < end; day += 86400)
	{
		/* the day rule does not depend on the time of day */
		CronSpec	any_time = *spec;

		any_time.minutes = any_time.hours = 1;
		if (!reference_matches(&any_time, day))
			continue;
		for (int minute = 0; minute < 1440; minute++)
		{
			if ((spec->hours >> (minute / 60) & 1) == 0 ||
				(spec->minutes >> (minute % 60) & 1) == 0)
				continue;
			if (last >= 0 && day + minute * 60 - last < best)
				best = day + minute * 60 - last;
			last = day + minute * 60;
		}
	}
	return best;
}

static void
test_never_due(void)
{
	begin_property("what no calendar day matches is never due");
	expect_due("0 0 30 2 *", false);
	expect_due("0 0 31 2 *", false);
	expect_due("0 0 31 4,6 *", false);
	expect_due("0 0 31 2,4,6,9,11 *", false);
	expect_due("0 0 30-31 2 *", false);
	expect_due("0 0 30W 2 *", false);
	expect_due("0 0 31W 4 *", false);
	expect_due("0 0 L-30 4 *", false);
	expect_due("0 0 L-29 2 *", false);
	expect_due("0 0 */31 * 5L", false);
	expect_due("0 0 */30 4 2#4", false);
	expect_due("0 0 1W * */7", false);
	expect_due("0 0 LW * */6", false);
	expect_due("0 0 29W 2 */7", false);
	end_property();

	begin_property("what some calendar day matches is due");
	expect_due("0 0 29 2 *", true);
	expect_due("0 0 29 2 */7", true);
	expect_due("0 0 L 2 *", true);
	expect_due("0 0 29W 2 *", true);
	expect_due("0 0 L-28 2 *", true);
	expect_due("0 0 L-30 * *", true);
	expect_due("0 0 30,31 2,3 *", true);
	expect_due("0 0 */31 2 1#1", true);
	expect_due("0 0 * 2 1#5", true);
	expect_due("0 0 31 2 1", true);
	expect_due("0 0 30 2 5L", true);
	end_property();

	begin_property("with H, what one of its values would never let fire is never due");
	expect_due("0 0 31 H *", false);
	expect_due("0 0 30 H(1-3) *", false);
	expect_due("0 0 31 H(7-8) *", true);
	expect_due("0 0 31 H/2 *", true);
	expect_due("0 0 H 2 *", true);
	expect_due("H H H H H", true);
	expect_due("0 0 */31 H 5L", false);
	end_property();
}

/* No wait is longer than the horizon: triples of month, day and weekday. */
static void
test_horizon(void)
{
	int64_t		longest = 0;

	begin_property("no expression that can be due waits longer than 40 years");
	for (int month = 1; month <= 12; month++)
	{
		for (int day = 1; day <= 31; day++)
		{
			CronSpec	spec;
			char		text[64];

			snprintf(text, sizeof(text), "0 0 %d %d *", day, month);
			spec = must_parse(text);
			if (!extsched_cron_can_be_due(&spec))
				continue;
			for (int weekday = 0; weekday < 7; weekday++)
			{
				int64_t		at = parse_utc("1999-12-31");
				int64_t		next;

				spec.weekdays = (uint8_t) (1 << weekday);
				while (at < parse_utc("2441-01-01"))
				{
					if (extsched_cron_next(&spec, NULL, at, &next, NULL) != CRON_OK)
					{
						fail("%s on weekday %d after %s: never", text, weekday, show_utc(at));
						break;
					}
					if (next - at > longest)
						longest = next - at;
					at = next;
				}
			}
		}
	}
	EXPECT(longest > INT64_C(39) * 365 * 86400 && longest < INT64_C(41) * 365 * 86400,
		   "longest wait is %lld days", (long long) (longest / 86400));
	end_property();
}

static void
test_gap(void)
{
	int			longer = 0;

	begin_property("the gap is judged by meaning, not by spelling");
	expect_gap("* * * * *", 1);
	expect_gap("*,* * * * *", 1);
	expect_gap("0-59 * 1-31 * *", 1);
	expect_gap("*/01 * * * *", 1);
	expect_gap("* */1 * * 0-6", 1);
	expect_gap("0,1,2 * * * *", 1);
	expect_gap("*/5 * * * *", 5);
	expect_gap("0 * * * *", 60);
	end_property();

	begin_property("the gap is taken over the edge of an hour");
	expect_gap("*/7 * * * *", 4);
	expect_gap("*/8 * * * *", 4);
	expect_gap("*/14 * * * *", 4);
	expect_gap("*/19 * * * *", 3);
	expect_gap("*/28 * * * *", 4);
	expect_gap("*/29 * * * *", 2);
	expect_gap("*/56 * * * *", 4);
	expect_gap("*/57 * * * *", 3);
	expect_gap("*/58 * * * *", 2);
	expect_gap("*/59 * * * *", 1);
	expect_gap("1,59 8-9 * * *", 2);
	expect_gap("1,59 8,10 * * *", 58);
	end_property();

	begin_property("the gap is taken over the edges of day, month and year");
	expect_gap("0,59 0,23 * * *", 1);
	expect_gap("0,59 0,23 1 1 *", 59);
	expect_gap("0,1 0 1 1 *", 1);
	expect_gap("0 0 * * *", 1440);
	expect_gap("0 0 * * 1", 7 * 1440);
	expect_gap("0 0 * * 6,0", 1440);
	expect_gap("0 0 1,31 * *", 1440);
	expect_gap("0 0 1 1 *", 365 * 1440);
	expect_gap("0 0 1 * *", 28 * 1440);
	expect_gap("0 0 28,1 2,3 *", 1440);
	expect_gap("0 0 29 2 *", (4 * 365 + 1) * 1440);
	expect_gap("0 0 29 2 */7", (28 * 365 + 7) * 1440);
	expect_gap("0 0 31 12 *", 365 * 1440);
	expect_gap("0 0 L * *", 28 * 1440);
	expect_gap("0 0 * * 5L", 28 * 1440);
	expect_gap("0 0 1,L * *", 1440);
	expect_gap("0 0 * * 1#5", 63 * 1440);
	end_property();

	begin_property("either of two day fields may make the gap");
	expect_gap("0 0 1 * 1", 1440);
	expect_gap("0 0 13 * 5L", 9 * 1440);
	end_property();

	begin_property("the gap of H is the smallest of all its values");
	expect_gap("H * * * *", 60);
	expect_gap("H/5 * * * *", 5);
	expect_gap("H/7 * * * *", 4);
	expect_gap("H,30 * * * *", 1);
	expect_gap("H H * * *", 1440);
	expect_gap("H(0-29),45 * * * *", 15);
	expect_gap("0 0 H * *", 28 * 1440);
	expect_gap("0 0 * * H(1-5),6", 1440);
	expect_gap("H H H H *", 365 * 1440);
	end_property();

	begin_property("the gap is that of brute force over four years (10,000 random expressions)");
	seed_random(7);
	for (int i = 0; i < 10000;)
	{
		char		text[256];
		CronSpec	spec;
		CronError	error = {0};
		int64_t		gap;
		int64_t		brute;

		random_expression(text, sizeof(text), false);
		if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK ||
			!extsched_cron_can_be_due(&spec))
			continue;
		i++;
		gap = extsched_cron_min_gap(&spec);
		brute = brute_force_gap(&spec, "2024-01-01", "2028-03-01");
		/* four years do not show each edge of the calendar; 441 do */
		if (gap < brute)
		{
			brute = brute_force_gap(&spec, "2000-01-01", "2441-01-01");
			longer++;
		}
		EXPECT(gap == brute, "\"%s\": %lld instead of %lld", text, (long long) gap, (long long) brute);
	}
	printf("# %d of them needed more than four years\n", longer);
	end_property();

	begin_property("the gap of H is that of brute force over its values (300 random expressions)");
	seed_random(11);
	for (int i = 0; i < 300;)
	{
		char		text[256];
		CronSpec	spec;
		CronError	error = {0};
		int64_t		gap;

		random_expression(text, sizeof(text), true);
		if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK ||
			!spec.needs_key || !extsched_cron_can_be_due(&spec))
			continue;
		i++;
		gap = extsched_cron_min_gap(&spec);
		for (int key = 0; key < 300; key++)
		{
			CronSpec	one;

			if (extsched_cron_parse(text, strlen(text), &key, sizeof(key), true, &one, &error) != CRON_OK)
				fail("\"%s\" is refused with a key", text);
			else if (!extsched_cron_can_be_due(&one))
				fail("\"%s\" is never due for a key", text);
			else
				EXPECT(extsched_cron_min_gap(&one) >= gap, "\"%s\": a key has less than %lld",
					   text, (long long) gap);
		}
	}
	end_property();
}

/* The fastest of five calls, because the machine does other things as well. */
static double
search_ns(const CronSpec *spec)
{
	double		best = 1e18;

	for (int i = 0; i < 5; i++)
	{
		double		start = now_ns();
		int64_t		next;
		double		took;

		if (extsched_cron_can_be_due(spec) && !spec->needs_key)
			(void) extsched_cron_next(spec, NULL, 0, &next, NULL);
		took = now_ns() - start;
		best = took < best ? took : best;
	}
	return best;
}

static void
test_bounded(void)
{
	double		worst = 0;
	char		worst_text[256] = "";

	begin_property("no search for a first time costs more than 50 us (20,000 random expressions)");
	seed_random(13);
	for (int i = 0; i < 20000; i++)
	{
		static const char *const hard[] = {
			"0 0 30 2 *", "0 0 */31 * 5L", "0 0 29 2 */7", "0 0 31 2,4,6,9,11 *",
			"0 0 LW * */6", "0 0 29W,30W,31W,LW,L 2 */7", "0 0 31 H *"
		};
		char		text[256];
		CronSpec	spec;
		CronError	error = {0};
		double		took;

		if (i < (int) (sizeof(hard) / sizeof(hard[0])))
			strcpy(text, hard[i]);
		else
			random_expression(text, sizeof(text), true);
		if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK)
			continue;
		took = search_ns(&spec);
		if (took > worst)
		{
			worst = took;
			strcpy(worst_text, text);
		}
	}
	printf("# longest search: %.1f us, \"%s\"\n", worst / 1000, worst_text);
	EXPECT(worst < LIMIT_NS, "too long");
	end_property();
}

void
test_check(void)
{
	test_never_due();
	test_horizon();
	test_gap();
	test_bounded();
}
