/*-------------------------------------------------------------------------
 *
 * tap.c
 *		Results as TAP, and helpers of the tests of src/cron.
 *
 * A test is a property with any number of checks in it; it prints one line, and
 * the first few of its failures as comments.  Random numbers come from a fixed
 * seed, so a failure can be repeated.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define SHOWN_FAILURES		5

static const char *property;
static int	property_failures;
static int	property_count;
static int	failed_properties;
static uint64_t random_state = 1;

void
begin_property(const char *name)
{
	property = name;
	property_failures = 0;
}

void
fail(const char *format,...)
{
	va_list		args;

	if (property_failures++ >= SHOWN_FAILURES)
		return;
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

void
end_property(void)
{
	property_count++;
	failed_properties += property_failures > 0;
	printf("%s %d - %s\n", property_failures > 0 ? "not ok" : "ok",
		   property_count, property);
	fflush(stdout);
}

int
finish_tests(void)
{
	printf("1..%d\n", property_count);
	return failed_properties > 0;
}

/* xorshift64*: the same numbers everywhere, unlike rand(). */
uint64_t
random_number(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(2685821657736338717);
}

void
seed_random(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

static unsigned int
below(unsigned int n)
{
	return (unsigned int) (random_number() >> 33) % n;
}

/* Append a random list item of a field with values min to max. */
static void
random_item(char *buf, size_t size, int field, bool with_hash)
{
	static const unsigned int mins[] = {0, 0, 1, 1, 0};
	static const unsigned int maxs[] = {59, 23, 31, 12, 7};
	unsigned int min = mins[field];
	unsigned int max = maxs[field];
	unsigned int low = min + below(max - min + 1);
	unsigned int high = low + below(max - low + 1);
	char		item[32];

	switch (below(with_hash ? 10 : 8))
	{
		case 0:
			snprintf(item, sizeof(item), "%u-%u", low, high);
			break;
		case 1:
			snprintf(item, sizeof(item), "%u-%u/%u", low, high, 1 + below(max));
			break;
		case 2:
			snprintf(item, sizeof(item), "%u/%u", low, 1 + below(max));
			break;
		case 3:
			if (field == CRON_DAY_OF_MONTH)
				snprintf(item, sizeof(item), "%s", below(2) ? "L" : "LW");
			else if (field == CRON_DAY_OF_WEEK)
				snprintf(item, sizeof(item), "%uL", low);
			else
				snprintf(item, sizeof(item), "%u", low);
			break;
		case 4:
			if (field == CRON_DAY_OF_MONTH)
				snprintf(item, sizeof(item), below(2) ? "%uW" : "L-%u",
						 low < 31 ? low : 30);
			else if (field == CRON_DAY_OF_WEEK)
				snprintf(item, sizeof(item), "%u#%u", low, 1 + below(5));
			else
				snprintf(item, sizeof(item), "%u", low);
			break;
		case 8:
			snprintf(item, sizeof(item), "H");
			break;
		case 9:
			if (field == CRON_DAY_OF_MONTH && high > 28)
				snprintf(item, sizeof(item), "H/%u", 1 + below(max));
			else
				snprintf(item, sizeof(item), "H(%u-%u)", low, high);
			break;
		default:
			snprintf(item, sizeof(item), "%u", low);
			break;
	}
	strncat(buf, item, size - strlen(buf) - 1);
}

/*
 * Make a random expression; nearly all are valid.  At most one item of a field
 * is an H, and never beside a star.
 */
void
random_expression(char *buf, size_t size, bool with_hash)
{
	static const unsigned int maxs[] = {59, 23, 31, 12, 7};

	buf[0] = '\0';
	for (int field = 0; field < CRON_FIELDS; field++)
	{
		unsigned int kind = below(10);

		if (field > 0)
			strncat(buf, " ", size - strlen(buf) - 1);
		if (kind < 4)
			strncat(buf, "*", size - strlen(buf) - 1);
		else if (kind == 4)
			snprintf(buf + strlen(buf), size - strlen(buf), "*/%u",
					 1 + below(maxs[field]));
		else
		{
			random_item(buf, size, field, with_hash);
			for (unsigned int more = below(3); more > 0; more--)
			{
				strncat(buf, ",", size - strlen(buf) - 1);
				random_item(buf, size, field, false);
			}
		}
	}
}

CronSpec
must_parse(const char *text)
{
	CronSpec	spec;
	CronError	error = {0};
	char		detail[256];

	if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK)
	{
		extsched_cron_detail(&error, detail, sizeof(detail));
		fail("\"%s\" is refused: %s", text, detail);
		return must_parse("0 0 1 1 *");
	}
	return spec;
}

/* Read a zone of the machine; it stays allocated. */
CronZone *
load_zone(const char *name)
{
	static unsigned char bytes[1 << 18];
	char		path[512];
	FILE	   *file;
	size_t		len;
	size_t		size;
	CronZone   *zone = NULL;
	const char *directory = getenv("ZONEINFO");

	if (strcmp(name, "UTC") == 0)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s",
			 directory ? directory : "/usr/share/zoneinfo", name);
	file = fopen(path, "rb");
	if (file == NULL)
	{
		fail("cannot open %s", path);
		return NULL;
	}
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	if (extsched_zone_measure(bytes, len, &size) != CRON_OK ||
		extsched_zone_parse(bytes, len, malloc(size), size, &zone) != CRON_OK)
		fail("cannot read %s", path);
	return zone;
}

static void
put_big_endian(unsigned char **at, uint64_t value, int size)
{
	for (int i = size - 1; i >= 0; i--)
		*(*at)++ = (unsigned char) (value >> (8 * i));
}

/* Write a header and its block; used with no content for the 32-bit one. */
static void
put_block(unsigned char **at, int count, const int64_t *times, int time_size,
		  const int32_t *offsets, int32_t first_offset)
{
	memcpy(*at, "TZif2", 5);
	memset(*at + 5, 0, 39);
	*at += 20;
	put_big_endian(at, 0, 8);
	put_big_endian(at, 0, 4);
	put_big_endian(at, (uint64_t) count, 4);
	put_big_endian(at, (uint64_t) count + 1, 4);
	put_big_endian(at, 4, 4);
	for (int i = 0; i < count; i++)
		put_big_endian(at, (uint64_t) times[i], time_size);
	for (int i = 0; i < count; i++)
		*(*at)++ = (unsigned char) (i + 1);
	for (int i = -1; i < count; i++)
	{
		put_big_endian(at, (uint32_t) (i < 0 ? first_offset : offsets[i]), 4);
		put_big_endian(at, 0, 2);
	}
	memcpy(*at, "XXX", 4);
	*at += 4;
}

/* Make a zone from nothing, by way of a zone file; it stays allocated. */
CronZone *
build_zone(const char *footer, int count, const int64_t *times,
		   const int32_t *offsets, int32_t first_offset)
{
	static unsigned char bytes[8192];
	unsigned char *at = bytes;
	size_t		size;
	CronZone   *zone = NULL;

	put_block(&at, 0, times, 4, offsets, 0);
	put_block(&at, count, times, 8, offsets, first_offset);
	at += sprintf((char *) at, "\n%s\n", footer);
	if (extsched_zone_measure(bytes, (size_t) (at - bytes), &size) != CRON_OK ||
		extsched_zone_parse(bytes, (size_t) (at - bytes), malloc(size), size, &zone) != CRON_OK)
		fail("cannot build a zone with footer \"%s\"", footer);
	return zone;
}

/* "2026-03-29T01:00" or with seconds, to seconds since 1970. */
int64_t
parse_utc(const char *text)
{
	int			year,
				month,
				day,
				hour = 0,
				minute = 0,
				second = 0;
	int64_t		days = 0;
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

	if (sscanf(text, "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) < 3)
		fail("not an instant: %s", text);
	/* on purpose not by civil.h */
	days = (int64_t) (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 +
		(year - 1) / 400 - 719162 + before[month - 1] + day - 1 +
		(month > 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

const char *
show_utc(int64_t utc)
{
	static char buf[4][64];
	static int	turn;
	char	   *out = buf[turn++ % 4];
	int64_t		days = utc / 86400 - (utc % 86400 < 0);
	int			rest = (int) (utc - days * 86400);
	int			year = 1970;

	for (;; year++)
	{
		int			length = 365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));

		if (days >= 0 && days < length)
			break;
		if (days < 0)
		{
			year -= 2;
			length = 365 + ((year + 1) % 4 == 0 &&
							((year + 1) % 100 != 0 || (year + 1) % 400 == 0));
			days += length;
			continue;
		}
		days -= length;
	}
	for (int month = 1;; month++)
	{
		static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
		int			length = lengths[month - 1] +
			(month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));

		if (days < length)
		{
			snprintf(out, 64, "%04d-%02d-%02dT%02d:%02d", year, month,
					 (int) days + 1, rest / 3600, rest / 60 % 60);
			if (rest % 60 != 0)
				snprintf(out + strlen(out), 8, ":%02d", rest % 60);
			return out;
		}
		days -= length;
	}
}
