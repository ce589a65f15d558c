/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *		libFuzzer target: parse, check, format, next, count and zone files.
 *
 * An input is an expression, a zero byte, six bytes of instant, and then a zone
 * file, or the footer of one when it does not begin like a file.  Besides what
 * the sanitizers see, these properties hold for each input:
 *
 *	- reading the canonical text gives the same expression and the same text;
 *	- an expression that is due for an open H is due, and not more often, for
 *	  each value of it;
 *	- the next time is greater than the instant, and the times of half a day are
 *	  exactly those that a look at each minute finds;
 *	- the count is the number of next times, the last one the last of them;
 *	- next finds a time within its horizon whenever the expression can be due,
 *	  but for schedules that only gaps can swallow.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define WINDOW_MINUTES	720

#define HOLDS(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "does not hold: %s (line %d)\n", #condition, __LINE__); \
			abort(); \
		} \
	} while (0)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A zone from a file or a footer; NULL when it is none. */
static CronZone *
read_zone(const uint8_t *data, size_t size)
{
	unsigned char bytes[1024] = {0};
	size_t		need;
	void	   *memory;
	CronZone   *zone = NULL;

	if (size < 4 || memcmp(data, "TZif", 4) != 0)
	{
		size_t		len = 0;

		if (size > sizeof(bytes) - 200)
			return NULL;
		for (int block = 0; block < 2; block++)
		{
			memcpy(bytes + len, "TZif2", 5);
			bytes[len + 39] = 1;
			bytes[len + 43] = 4;
			len += 44 + 6 + 4;
		}
		bytes[len++] = '\n';
		if (size > 0)
			memcpy(bytes + len, data, size);
		len += size;
		bytes[len++] = '\n';
		data = bytes;
		size = len;
	}
	if (extsched_zone_measure(data, size, &need) != CRON_OK)
		return NULL;
	memory = malloc(need);
	if (extsched_zone_parse(data, size, memory, need, &zone) != CRON_OK)
	{
		free(memory);
		return NULL;
	}
	return zone;
}

/* Language: canonical text, never due, gap, values of H. */
static void
check_expression(const char *text, size_t len, const CronSpec *spec)
{
	char		canonical[CRON_FORMAT_LEN];
	char		again[CRON_FORMAT_LEN];
	CronSpec	read;
	CronError	error;
	int64_t		gap;

	extsched_cron_format(spec, canonical);
	HOLDS(extsched_cron_parse(canonical, strlen(canonical), NULL, 0, true, &read, &error) == CRON_OK);
	HOLDS(memcmp(spec, &read, sizeof(read)) == 0);
	extsched_cron_format(&read, again);
	HOLDS(strcmp(canonical, again) == 0);

	if (!extsched_cron_can_be_due(spec))
		return;
	gap = extsched_cron_min_gap(spec);
	HOLDS(gap >= 60 && gap % 60 == 0 && gap <= INT64_C(41) * 366 * 86400);
	if (!spec->needs_key)
		return;
	for (int key = 0; key < 5; key++)
	{
		HOLDS(extsched_cron_parse(text, len, &key, sizeof(key), true, &read, &error) == CRON_OK);
		HOLDS(!read.needs_key && extsched_cron_can_be_due(&read));
		HOLDS(extsched_cron_min_gap(&read) >= gap);
	}
}

/* Calendar: next and count against a look at each minute. */
static void
check_times(const CronSpec *spec, const CronZone *zone, int64_t after)
{
	static int64_t times[WINDOW_MINUTES + 1];
	int64_t		until = after + WINDOW_MINUTES * 60;
	int64_t		at = after;
	int			count;
	CronRange	range;

	HOLDS(extsched_cron_count(spec, zone, after, until, &range) == CRON_OK);
	for (int64_t i = 0;; i++)
	{
		int64_t		next;
		CronStatus	status = extsched_cron_next(spec, zone, at, &next, NULL);

		if (status == CRON_NEVER)
		{
			HOLDS(!extsched_cron_can_be_due(spec) || (!spec->is_fixed_time && zone != NULL));
			HOLDS(range.count == i);
			break;
		}
		HOLDS(status == CRON_OK && next > at);
		if (next > until)
		{
			HOLDS(range.count == i);
			break;
		}
		HOLDS(i > 0 || next == range.first);
		HOLDS(i + 1 < range.count || next == range.last);
		at = next;
	}

	if (!reference_window(spec, zone, after, WINDOW_MINUTES, times, &count))
		return;
	until -= ((until % 60) + 60) % 60;
	at = after;
	for (int i = 0; i < count; i++)
	{
		HOLDS(extsched_cron_next(spec, zone, at, &at, NULL) == CRON_OK);
		HOLDS(at == times[i]);
	}
	if (extsched_cron_next(spec, zone, at, &at, NULL) == CRON_OK)
		HOLDS(at > until);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, '\0', size);
	size_t		len = zero == NULL ? size : (size_t) (zero - data);
	CronSpec	spec;
	CronError	error;
	CronZone   *zone;
	int64_t		after = 0;
	char		detail[256];

	memset(&error, 0, sizeof(error));
	if (extsched_cron_parse((const char *) data, len, NULL, 0, true, &spec, &error) != CRON_OK)
	{
		HOLDS(error.status != CRON_OK && error.field <= CRON_FIELDS);
		extsched_cron_detail(&error, detail, sizeof(detail));
		HOLDS(strlen(detail) < sizeof(detail) - 1 && extsched_cron_hint(&error) != NULL);
		return 0;
	}
	check_expression((const char *) data, len, &spec);
	if (spec.needs_key)
		HOLDS(extsched_cron_parse((const char *) data, len, "key", 3, true, &spec, &error) == CRON_OK);

	data += len;
	size -= len;
	if (size >= 7)
	{
		for (int i = 1; i <= 6; i++)
			after = after << 8 | data[i];
		/* the years 1800 to 2400 */
		after = after % (INT64_C(600) * 31556952) - INT64_C(170) * 31556952;
		data += 7;
		size -= 7;
	}
	else
		size = 0;
	zone = read_zone(data, size);
	check_times(&spec, zone, after);
	free(zone);
	return 0;
}
