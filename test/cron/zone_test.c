/*-------------------------------------------------------------------------
 *
 * zone_test.c
 *		Zone files: what is read, what is refused.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE				/* memmem, tm_gmtoff */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tap.h"

static unsigned char file_bytes[1 << 18];

static size_t
read_file(const char *path)
{
	FILE	   *file = fopen(path, "rb");
	size_t		len = 0;

	if (file != NULL)
	{
		len = fread(file_bytes, 1, sizeof(file_bytes), file);
		fclose(file);
	}
	return len;
}

static CronStatus
try_zone(const unsigned char *bytes, size_t len, CronZone **zone)
{
	static _Alignas(16) unsigned char memory[1 << 19];
	size_t		size;
	CronStatus	status = extsched_zone_measure(bytes, len, &size);

	if (status != CRON_OK)
		return status;
	if (size > sizeof(memory))
		return CRON_ZONE_DAMAGED;
	return extsched_zone_parse(bytes, len, memory, size, zone);
}

/* Compare a zone with the C library, at changes and at random instants. */
static void
compare_with_libc(const char *name, const char *directory)
{
	CronZone   *zone = load_zone(name);
	char		tz[1100];
	CronSegment segment;
	int64_t		at = parse_utc("1850-01-01");

	snprintf(tz, sizeof(tz), ":%s/%s", directory, name);
	setenv("TZ", tz, 1);
	tzset();
	for (int i = 0; i < 2000; i++)
	{
		const int64_t probes[] = {
			at - 1, at,
			parse_utc("1850-01-01") + (int64_t) (random_number() % (UINT64_C(550) * 31556952))
		};

		for (int p = 0; p < 3; p++)
		{
			time_t		t = (time_t) probes[p];
			struct tm	tm;

			localtime_r(&t, &tm);
			EXPECT(extsched_zone_offset(zone, probes[p]) == tm.tm_gmtoff,
				   "%s at %s: %d instead of %ld", name, show_utc(probes[p]),
				   extsched_zone_offset(zone, probes[p]), tm.tm_gmtoff);
		}
		extsched_zone_segment(zone, at, &segment);
		if (segment.end == INT64_MAX || segment.end > parse_utc("2400-01-01"))
			break;
		EXPECT(segment.end > at, "%s: no progress at %s", name, show_utc(at));
		at = segment.end;
	}
	free(zone);
}

static int
compare_tree(const char *directory, const char *prefix)
{
	char		path[512];
	DIR		   *dir;
	struct dirent *entry;
	int			count = 0;

	snprintf(path, sizeof(path), "%s/%s", directory, prefix);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		char		name[512];
		char		full[1024];
		DIR		   *inner;

		if (entry->d_name[0] == '.' ||
			(prefix[0] == '\0' && (strcmp(entry->d_name, "right") == 0 ||
								   strcmp(entry->d_name, "posix") == 0)))
			continue;
		snprintf(name, sizeof(name), "%.200s%s%.200s", prefix, prefix[0] ? "/" : "", entry->d_name);
		snprintf(full, sizeof(full), "%s/%s", directory, name);
		inner = opendir(full);
		if (inner != NULL)
		{
			closedir(inner);
			count += compare_tree(directory, name);
		}
		else if (read_file(full) > 4 && memcmp(file_bytes, "TZif", 4) == 0)
		{
			count++;
			compare_with_libc(name, directory);
		}
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

static void
test_machine_zones(void)
{
	const char *directory = getenv("ZONEINFO") ? getenv("ZONEINFO") : "/usr/share/zoneinfo";
	int			count;

	begin_property("each zone of the machine has the offsets of the C library, 1850 to 2400");
	seed_random(23);
	count = compare_tree(directory, "");
	printf("# %d zones\n", count);
	EXPECT(count > 100, "only %d zones", count);
	end_property();
}

static void
test_damage(void)
{
	static unsigned char copy[1 << 18];
	size_t		len = read_file("/usr/share/zoneinfo/Europe/Berlin");
	CronZone   *zone;

	begin_property("a file cut off anywhere is refused");
	EXPECT(len > 500, "cannot read a zone");
	EXPECT(try_zone(file_bytes, len, &zone) == CRON_OK, "the whole file is refused");
	for (size_t cut = 0; cut < len; cut++)
	{
		/* exact allocation, so that the sanitizer sees each read behind it */
		unsigned char *part = malloc(cut ? cut : 1);

		memcpy(part, file_bytes, cut);
		EXPECT(try_zone(part, cut, &zone) != CRON_OK, "%zu of %zu bytes are accepted", cut, len);
		free(part);
	}
	end_property();

	begin_property("a file with random damage is refused or still a sound zone");
	seed_random(29);
	for (int i = 0; i < 20000; i++)
	{
		memcpy(copy, file_bytes, len);
		for (int n = (int) (random_number() % 4); n >= 0; n--)
			copy[random_number() % len] = (unsigned char) random_number();
		if (try_zone(copy, len, &zone) == CRON_OK)
		{
			int64_t		at = parse_utc("1880-01-01");
			CronSegment segment;

			for (int step = 0; step < 50; step++)
			{
				extsched_zone_segment(zone, at, &segment);
				EXPECT(segment.start <= at && at < segment.end, "segment misses its instant");
				EXPECT(abs(segment.offset) <= 26 * 3600, "offset %d", segment.offset);
				if (segment.end > parse_utc("2400-01-01"))
					break;
				at = segment.end;
			}
		}
	}
	end_property();

	begin_property("what is no zone file is told from a damaged one");
	EXPECT(try_zone((const unsigned char *) "# tzdb", 6, &zone) == CRON_ZONE_NOT_TZIF, "text");
	EXPECT(try_zone(file_bytes, 0, &zone) == CRON_ZONE_NOT_TZIF, "nothing");
	EXPECT(try_zone((const unsigned char *) "TZif2\0\0", 7, &zone) == CRON_ZONE_DAMAGED, "a header cut off");
	end_property();

	begin_property("a file that counts leap seconds is refused");
	len = read_file("/usr/share/zoneinfo/right/UTC");
	if (len > 0)
		EXPECT(try_zone(file_bytes, len, &zone) == CRON_ZONE_LEAP, "accepted");
	end_property();
}

static void
expect_offset(const char *footer, const char *at, int32_t expected)
{
	CronZone   *zone = build_zone(footer, 0, NULL, NULL, 0);
	int32_t		offset = zone ? extsched_zone_offset(zone, parse_utc(at)) : -1;

	EXPECT(offset == expected, "%s at %s: %d instead of %d", footer, at, offset, expected);
	free(zone);
}

static void
expect_bad_footer(const char *footer)
{
	unsigned char bytes[512] = {0};
	size_t		len = 0;
	CronZone   *zone;

	for (int block = 0; block < 2; block++)
	{
		unsigned char *at = bytes + len;

		memcpy(at, "TZif2", 5);
		at[39] = 1;				/* typecnt */
		at[43] = 4;				/* charcnt */
		len += 44 + 6 + 4;
	}
	len += (size_t) sprintf((char *) bytes + len, "\n%s\n", footer);
	EXPECT(try_zone(bytes, len, &zone) == CRON_ZONE_DAMAGED, "footer \"%s\" is accepted", footer);
}

static void
test_footers(void)
{
	begin_property("footers of all kinds of days are read");
	expect_offset("CET-1CEST,M3.5.0,M10.5.0/3", "2300-03-25T00:59:59", 3600);
	expect_offset("CET-1CEST,M3.5.0,M10.5.0/3", "2300-03-25T01:00", 7200);
	expect_offset("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2300-01-01", 39600);
	expect_offset("AAA5BBB,J60,J300/0", "2028-02-29T12:00", -18000);
	expect_offset("AAA5BBB,J60,J300/0", "2028-03-01T07:00", -14400);
	expect_offset("AAA5BBB,59,300", "2028-02-29T07:00", -14400);
	expect_offset("AAA-5:45", "2028-02-29", 20700);
	end_property();

	begin_property("negative daylight saving and changes at negative hours are read");
	expect_offset("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-15", 0);
	expect_offset("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-15", 3600);
	expect_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59", -7200);
	expect_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00", -3600);
	expect_offset("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-27T23:59:59", 7200);
	expect_offset("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00", 10800);
	end_property();

	begin_property("daylight saving all year is one stretch");
	for (int day = 0; day < 800; day++)
		expect_offset("EST5EDT,0/0,J365/25", show_utc(parse_utc("2026-12-01") + day * 86400), -14400);
	end_property();

	begin_property("footers that are not complete are refused");
	expect_bad_footer("CET");
	expect_bad_footer("CE-1");
	expect_bad_footer("<CET-1");
	expect_bad_footer("CET-25");
	expect_bad_footer("CET-1CEST");
	expect_bad_footer("CET-1CEST,M3.5.0");
	expect_bad_footer("CET-1CEST,M3.6.0,M10.5.0");
	expect_bad_footer("CET-1CEST,M3.5.7,M10.5.0");
	expect_bad_footer("CET-1CEST,M13.5.0,M10.5.0");
	expect_bad_footer("CET-1CEST,J0,J300");
	expect_bad_footer("CET-1CEST,366,300");
	expect_bad_footer("CET-1CEST,M3.5.0,M10.5.0/168");
	expect_bad_footer("CET-1CEST,M3.5.0,M10.5.0 ");
	expect_bad_footer("CET-1:60");
	end_property();
}

static void
test_versions(void)
{
	/* a version 1 file: Kathmandu moves from +5:30 to +5:45 */
	static const unsigned char version1[] =
		"TZif\0" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		"\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\1" "\0\0\0\2" "\0\0\0\4"
		"\x1e\x18\x30\xa8" "\1"
		"\0\0\x4d\x58\0\0" "\0\0\x50\xdc\0\0" "XXX";
	unsigned char bytes[sizeof(version1)];
	CronZone   *zone = NULL;

	begin_property("version 1 is read, and its last offset holds for ever");
	EXPECT(try_zone(version1, sizeof(version1), &zone) == CRON_OK, "refused");
	if (zone != NULL)
	{
		EXPECT(extsched_zone_offset(zone, parse_utc("1985-12-31T18:29:59")) == 19800, "before");
		EXPECT(extsched_zone_offset(zone, parse_utc("1985-12-31T18:30")) == 20700, "after");
		EXPECT(extsched_zone_offset(zone, parse_utc("2399-01-01")) == 20700, "2399");
	}
	end_property();

	begin_property("versions 2, 3, 4 are read; unknown ones below 2 are refused");
	for (char version = '1'; version <= '4'; version++)
	{
		size_t		len = read_file("/usr/share/zoneinfo/Europe/Berlin");
		unsigned char *second;

		file_bytes[4] = (unsigned char) version;
		second = memmem(file_bytes + 5, len - 5, "TZif", 4);
		if (second != NULL)
			second[4] = (unsigned char) version;
		EXPECT((try_zone(file_bytes, len, &zone) == CRON_OK) == (version != '1'),
			   "version %c", version);
	}
	end_property();

	begin_property("offsets beyond 26 hours, unknown types and unordered changes are refused");
	memcpy(bytes, version1, sizeof(bytes));
	bytes[44 + 5 + 1] = 2;		/* +36:32 */
	EXPECT(try_zone(bytes, sizeof(bytes), &zone) == CRON_ZONE_DAMAGED, "offset");
	memcpy(bytes, version1, sizeof(bytes));
	bytes[44 + 4] = 2;
	EXPECT(try_zone(bytes, sizeof(bytes), &zone) == CRON_ZONE_DAMAGED, "type");
	end_property();

	begin_property("changes listed in the file and the rule of the footer join without a seam");
	{
		const int64_t times[] = {parse_utc("2026-03-29T01:00")};
		const int32_t offsets[] = {7200};
		CronZone   *joined = build_zone("CET-1CEST,M3.5.0,M10.5.0/3", 1, times, offsets, 3600);
		CronSegment segment;

		extsched_zone_segment(joined, times[0], &segment);
		EXPECT(segment.start == times[0] && segment.end == parse_utc("2026-10-25T01:00") &&
			   segment.offset == 7200, "first: %d to %s", segment.offset, show_utc(segment.end));
		extsched_zone_segment(joined, segment.end, &segment);
		EXPECT(segment.offset == 3600 && segment.end == parse_utc("2027-03-28T01:00"),
			   "second: %d to %s", segment.offset, show_utc(segment.end));
		free(joined);
	}
	end_property();
}

void
test_zone(void)
{
	test_machine_zones();
	test_versions();
	test_footers();
	test_damage();
}
