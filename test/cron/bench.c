/*-------------------------------------------------------------------------
 *
 * bench.c
 *		How fast the bare engine is; one JSON object a line on stdout.
 *
 * Reads "group|zone|expression" lines on stdin (bench.py keeps the list, which
 * it gives to the other libraries, too).  next: each call goes on from the time
 * before, beginning in 2026.  parse: the same text again and again.  check:
 * everything a create asks, the smallest gap included.
 *
 * Time is that of the processor, and the best of several rounds counts, because
 * the machine does other things as well.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cron/cron.h"

#define ROUNDS		15
#define START		INT64_C(1767225600)	/* 2026-01-01 */
#define MAX_AFTER	(START + INT64_C(60) * 366 * 86400)

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static CronZone *
load_zone(const char *name)
{
	static unsigned char bytes[1 << 18];
	char		path[512];
	FILE	   *file;
	size_t		len;
	size_t		size;
	CronZone   *zone;

	if (strcmp(name, "UTC") == 0)
		return NULL;
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	file = fopen(path, "rb");
	if (file == NULL)
		exit(2);
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	if (extsched_zone_measure(bytes, len, &size) != CRON_OK ||
		extsched_zone_parse(bytes, len, malloc(size), size, &zone) != CRON_OK)
		exit(2);
	return zone;
}

/* Nanoseconds of a call of next. */
static double
bench_next(const CronSpec *spec, const CronZone *zone)
{
	double		best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		int64_t		at = START;
		int			calls = 0;
		double		start = now_ns();
		double		took;

		do
		{
			for (int i = 0; i < 1000; i++, calls++)
			{
				if (at > MAX_AFTER ||
					extsched_cron_next(spec, zone, at, &at, NULL) != CRON_OK)
					at = START;
			}
			took = now_ns() - start;
		} while (took < 3e6);
		best = took / calls < best ? took / calls : best;
	}
	return best;
}

static double
bench_parse(const char *text, bool with_check)
{
	size_t		len = strlen(text);
	double		best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		int			calls = 0;
		double		start = now_ns();
		double		took;

		do
		{
			for (int i = 0; i < 100; i++, calls++)
			{
				CronSpec	spec;
				CronError	error;

				if (with_check)
					(void) extsched_cron_check(text, len, true, 60, &spec, &error);
				else
					(void) extsched_cron_parse(text, len, NULL, 0, true, &spec, &error);
				__asm__ volatile("" : : "r"(&spec) : "memory");
			}
			took = now_ns() - start;
		} while (took < 2e6);
		best = took / calls < best ? took / calls : best;
	}
	return best;
}

int
main(void)
{
	char		line[512];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char	   *group = strtok(line, "|\n");
		char	   *zone = strtok(NULL, "|\n");
		char	   *text = strtok(NULL, "|\n");
		CronSpec	spec;
		CronError	error;

		if (text == NULL ||
			extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK)
			return 2;
		printf("{\"group\": \"%s\", \"zone\": \"%s\", \"cron\": \"%s\", \"next_ns\": %.1f, \"parse_ns\": %.1f, \"check_ns\": %.1f}\n",
			   group, zone, text, bench_next(&spec, load_zone(zone)),
			   bench_parse(text, false), bench_parse(text, true));
		fflush(stdout);
	}
	return 0;
}
