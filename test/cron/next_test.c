/*-------------------------------------------------------------------------
 *
 * next_test.c
 *		The next time: the table of clock changes, and brute force.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* The times of a line of golden.txt, as the engine sees them. */
static void
show_times(const CronSpec *spec, const CronZone *zone, int64_t after, int count,
		   char *buf, size_t size)
{
	buf[0] = '\0';
	for (int i = 0; i < count; i++)
	{
		CronNote	note;
		const char *name;

		if (extsched_cron_next(spec, zone, after, &after, &note) != CRON_OK)
			break;
		name = extsched_cron_note_name(note);
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s%s%s", i ? ", " : "",
				 show_utc(after), name ? " " : "", name ? name : "");
	}
}

/* golden.txt was made by another program: see golden.py. */
static void
test_golden(void)
{
	char		line[2048];
	char		title[256] = "";
	FILE	   *file = fopen("golden.txt", "r");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		char	   *zone;
		char	   *after;
		char	   *text;
		char	   *expected;
		char		got[2048];
		int			count = 1;
		CronSpec	spec;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
		{
			if (title[0] != '\0')
				end_property();
			snprintf(title, sizeof(title), "clock change: %.200s", line + 2);
			begin_property(title);
			continue;
		}
		zone = line;
		after = strstr(zone, " | ");
		*after = '\0';
		after += 3;
		text = strstr(after, " | ");
		*text = '\0';
		text += 3;
		expected = strstr(text, " | ");
		*expected = '\0';
		expected += 3;
		for (const char *p = expected; *p != '\0'; p++)
			count += *p == ',';
		spec = must_parse(text);
		show_times(&spec, load_zone(zone), parse_utc(after), count, got, sizeof(got));
		EXPECT(strcmp(got, expected) == 0, "%s, \"%s\"\n#   got  %s\n#   want %s",
			   zone, text, got, expected);
	}
	if (title[0] == '\0')
	{
		begin_property("clock changes");
		fail("cannot read golden.txt");
	}
	end_property();
	if (file != NULL)
		fclose(file);
}

/*
 * Compare with the reference on windows around and away from changes; also
 * count and last.
 */
static void
compare_with_reference(const char *text, const CronSpec *spec, const char *zone_name,
					   const CronZone *zone, int64_t after)
{
	static int64_t times[20000];
	const int	minutes = 4 * 1440;
	int64_t		until = after + minutes * 60;
	int64_t		at = after;
	int			count;
	CronRange	range;

	if (!reference_window(spec, zone, after, minutes, times, &count))
		return;
	/* the reference looks at whole minutes */
	until -= ((until % 60) + 60) % 60;
	for (int i = 0; i <= count; i++)
	{
		int64_t		next = INT64_MAX;
		CronStatus	status = extsched_cron_next(spec, zone, at, &next, NULL);

		if (i == count)
			EXPECT(status != CRON_OK || next > until, "\"%s\" in %s after %s: %s is too much",
				   text, zone_name, show_utc(at), show_utc(next));
		else
			EXPECT(status == CRON_OK && next == times[i], "\"%s\" in %s after %s: %s, not %s",
				   text, zone_name, show_utc(at), show_utc(next == INT64_MAX ? 0 : next),
				   show_utc(times[i]));
		if (status != CRON_OK || (i < count && next != times[i]))
			return;
		at = next;
	}
	if (extsched_cron_count(spec, zone, after, until, &range) != CRON_OK)
		fail("\"%s\" in %s after %s: no count", text, zone_name, show_utc(after));
	else
		EXPECT(range.count == count &&
			   (count == 0 || (range.first == times[0] && range.last == times[count - 1])),
			   "\"%s\" in %s after %s: counts %lld (last %s) instead of %d", text, zone_name,
			   show_utc(after), (long long) range.count,
			   show_utc(range.count > 0 ? range.last : 0), count);
}

static void
test_reference(void)
{
	static const char *const zones[] = {
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana",
		"Asia/Beirut", "America/Santiago", "Pacific/Apia", "Europe/Dublin",
		"Africa/Casablanca", "Asia/Kathmandu", "Pacific/Chatham", "Antarctica/Troll",
		"America/Caracas", "Asia/Pyongyang", "Pacific/Kwajalein", "America/St_Johns",
		"Africa/Cairo", "Asia/Gaza", "Europe/Lisbon", "America/Nuuk"
	};
	char		text[256];

	begin_property("next and count are what brute force by minute finds, around clock changes (20 zones)");
	seed_random(17);
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++)
	{
		CronZone   *zone = load_zone(zones[z]);

		for (int i = 0; i < 150; i++)
		{
			CronSegment segment;
			CronSpec	spec;
			CronError	error = {0};
			int64_t		after = parse_utc("1970-01-01") +
				(int64_t) (random_number() % (UINT64_C(80) * 365 * 86400));

			/* to a random distance before the next change of offset */
			extsched_zone_segment(zone, after, &segment);
			if (i % 4 != 0 && segment.end != INT64_MAX)
				after = segment.end - (int64_t) (random_number() % (86400 * 3));
			random_expression(text, sizeof(text), false);
			if (i % 3 == 0)
			{
				/* more fires near the change */
				char		rest[64];

				snprintf(rest, sizeof(rest), "%d,%d 0-4 * * *", (int) (random_number() % 60),
						 (int) (random_number() % 60));
				strcpy(text, rest);
			}
			if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) == CRON_OK)
				compare_with_reference(text, &spec, zones[z], zone, after);
		}
	}
	end_property();

	begin_property("two changes within hours of each other, and folds of a day, follow the same rule");
	{
		const int64_t base = parse_utc("2026-06-01T12:00");
		const struct
		{
			int64_t		times[3];
			int32_t		offsets[3];
		}			cases[] = {
			{{0, 1800, 3600}, {3600, 0, 3600}},
			{{0, 1200, 7200}, {7200, 3600, 0}},
			{{0, 3600, 7200}, {-3600, 3600, -7200}},
			{{0, 7200, 86400}, {-86400, 0, 86400}},
			{{0, 600, 1200}, {5400, -5400, 0}},
			{{0, 40000, 90000}, {50400, -43200, 50400}}
		};

		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		{
			int64_t		times[3];
			CronZone   *zone;

			for (int i = 0; i < 3; i++)
				times[i] = base + cases[c].times[i];
			zone = build_zone("", 3, times, cases[c].offsets, 0);
			for (int i = 0; i < 200; i++)
			{
				CronSpec	spec;
				CronError	error = {0};

				if (i % 2 == 0)
					random_expression(text, sizeof(text), false);
				else
					snprintf(text, sizeof(text), "%d,%d %d-%d * * *",
							 (int) (random_number() % 60), (int) (random_number() % 60),
							 (int) (random_number() % 12), (int) (12 + random_number() % 12));
				if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) == CRON_OK)
					compare_with_reference(text, &spec, "a made zone", zone,
										   base - 3600 + (int64_t) (random_number() % 86400));
			}
		}
	}
	end_property();
}

static void
expect_next(const char *text, const char *zone, const char *after, const char *expected)
{
	CronSpec	spec = must_parse(text);
	int64_t		next;
	CronStatus	status = extsched_cron_next(&spec, load_zone(zone), parse_utc(after), &next, NULL);

	if (status != CRON_OK)
		fail("\"%s\" in %s after %s: status %d", text, zone, after, status);
	else
		EXPECT(strcmp(show_utc(next), expected) == 0, "\"%s\" in %s after %s: %s, not %s",
			   text, zone, after, show_utc(next), expected);
}

static void
test_calendar(void)
{
	begin_property("the next time is strictly after the instant");
	expect_next("0 * * * *", "UTC", "2026-01-01T00:00", "2026-01-01T01:00");
	expect_next("0 * * * *", "UTC", "2025-12-31T23:59:59", "2026-01-01T00:00");
	expect_next("* * * * *", "UTC", "1969-12-31T23:59:30", "1970-01-01T00:00");
	expect_next("* * * * *", "UTC", "1899-12-31T23:59", "1900-01-01T00:00");
	end_property();

	begin_property("29 February comes in leap years only, also across 2100");
	expect_next("0 0 29 2 *", "UTC", "2026-01-01", "2028-02-29T00:00");
	expect_next("0 0 29 2 *", "UTC", "2096-02-29", "2104-02-29T00:00");
	expect_next("0 0 29 2 *", "UTC", "1896-02-29", "1904-02-29T00:00");
	expect_next("0 0 29 2 *", "UTC", "1996-02-29", "2000-02-29T00:00");
	expect_next("0 0 29 2 *", "America/New_York", "2096-03-01", "2104-02-29T05:00");
	expect_next("0 0 29 2 */7", "UTC", "2088-03-01", "2128-02-29T00:00");
	end_property();

	begin_property("L is the last day of the month, L-n the n-th before it");
	expect_next("0 0 L * *", "UTC", "2026-02-01", "2026-02-28T00:00");
	expect_next("0 0 L * *", "UTC", "2028-02-01", "2028-02-29T00:00");
	expect_next("0 0 L-1 * *", "UTC", "2026-04-01", "2026-04-29T00:00");
	expect_next("0 0 L-30 * *", "UTC", "2026-02-02", "2026-03-01T00:00");
	end_property();

	begin_property("nL is the last such weekday of the month, n#k the k-th");
	expect_next("0 0 * * 5L", "UTC", "2026-11-01", "2026-11-27T00:00");
	expect_next("0 0 * * 0L", "UTC", "2026-05-01", "2026-05-31T00:00");
	expect_next("0 0 * * 1#1", "UTC", "2026-05-31", "2026-06-01T00:00");
	expect_next("0 0 * * 2#2", "UTC", "2026-11-01", "2026-11-10T00:00");
	expect_next("0 0 * * 1#5", "UTC", "2026-07-01", "2026-08-31T00:00");
	end_property();

	begin_property("nW is the working day nearest to day n in the same month");
	expect_next("0 0 15W * *", "UTC", "2026-11-01", "2026-11-16T00:00");
	expect_next("0 0 14W * *", "UTC", "2026-11-01", "2026-11-13T00:00");
	expect_next("0 0 1W * *", "UTC", "2026-07-31T12:00", "2026-08-03T00:00");
	expect_next("0 0 1W * *", "UTC", "2026-10-31T12:00", "2026-11-02T00:00");
	expect_next("0 0 31W * *", "UTC", "2026-05-01", "2026-05-29T00:00");
	expect_next("0 0 31W * *", "UTC", "2026-06-01", "2026-07-31T00:00");
	expect_next("0 0 LW * *", "UTC", "2026-02-01", "2026-02-27T00:00");
	expect_next("0 0 LW * *", "UTC", "2026-05-01", "2026-05-29T00:00");
	end_property();

	begin_property("either day field fires when both are restricted; with a star both must match");
	expect_next("0 0 13 * 5", "UTC", "2026-11-06", "2026-11-13T00:00");
	expect_next("0 0 13 * 5", "UTC", "2026-11-13", "2026-11-20T00:00");
	expect_next("0 0 13 * 5", "UTC", "2026-12-11", "2026-12-13T00:00");
	expect_next("0 0 */2 * 1", "UTC", "2026-11-02", "2026-11-09T00:00");
	expect_next("0 0 */2 * 1", "UTC", "2026-11-09", "2026-11-23T00:00");
	expect_next("0 0 13 * */5", "UTC", "2026-11-01", "2026-11-13T00:00");
	expect_next("0 0 13 * */5", "UTC", "2026-11-13", "2026-12-13T00:00");
	end_property();

	begin_property("rules of a zone hold until the year 2400");
	expect_next("30 2 * * *", "Europe/Berlin", "2399-03-28T00:00", "2399-03-28T01:00");
	expect_next("0 12 1 7 *", "Europe/Berlin", "2399-12-01", "2400-07-01T10:00");
	expect_next("0 12 1 1 *", "Australia/Sydney", "2399-06-01", "2400-01-01T01:00");
	end_property();

	begin_property("a schedule whose times all fall into gaps has no next time, soon");
	{
		CronSpec	spec = must_parse("*/15 2 * 3 0#2");
		int64_t		next;

		EXPECT(extsched_cron_next(&spec, load_zone("America/New_York"),
								  parse_utc("2026-01-01"), &next, NULL) == CRON_NEVER,
			   "there is one: %s", show_utc(next));
	}
	end_property();

	begin_property("instants outside the years 1 to 9999 are refused");
	{
		CronSpec	spec = must_parse("0 0 * * *");
		CronRange	range;
		int64_t		next;

		EXPECT(extsched_cron_next(&spec, NULL, INT64_MIN, &next, NULL) == CRON_OUT_OF_RANGE, "least");
		EXPECT(extsched_cron_next(&spec, NULL, INT64_MAX, &next, NULL) == CRON_OUT_OF_RANGE, "most");
		EXPECT(extsched_cron_next(&spec, NULL, parse_utc("0001-01-01") - 1, &next, NULL) ==
			   CRON_OUT_OF_RANGE, "year 0");
		EXPECT(extsched_cron_next(&spec, NULL, parse_utc("0001-01-01"), &next, NULL) == CRON_OK, "year 1");
		EXPECT(extsched_cron_count(&spec, NULL, 0, INT64_MAX, &range) == CRON_OUT_OF_RANGE, "count");
	}
	end_property();

	begin_property("counting costs the same for a year of minutes as for a year of days");
	{
		CronSpec	spec = must_parse("* * * * *");
		CronRange	range;

		EXPECT(extsched_cron_count(&spec, load_zone("Europe/Berlin"), parse_utc("2025-12-31T23:59"),
								   parse_utc("2035-12-31T23:59"), &range) == CRON_OK &&
			   range.count == 3652 * 1440 &&
			   range.first == parse_utc("2026-01-01") &&
			   range.last == parse_utc("2035-12-31T23:59"), "counts %lld", (long long) range.count);
		spec = must_parse("0 0 1 1 *");
		EXPECT(extsched_cron_count(&spec, NULL, 0, 1, &range) == CRON_OK && range.count == 0,
			   "counts nothing");
	}
	end_property();
}

void
test_next(void)
{
	test_calendar();
	test_golden();
	test_reference();
}
