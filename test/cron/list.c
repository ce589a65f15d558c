/*-------------------------------------------------------------------------
 *
 * list.c
 *		The next times of expressions, for comparison with other libraries.
 *
 * Reads "zone|after|count|expression" lines on stdin, after in seconds since
 * 1970.  Writes one line each: the times, or "refused".
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

int
main(void)
{
	char		line[1024];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char	   *zone_name = strtok(line, "|\n");
		char	   *after = strtok(NULL, "|\n");
		char	   *count = strtok(NULL, "|\n");
		char	   *text = strtok(NULL, "|\n");
		CronSpec	spec;
		CronError	error;
		CronZone   *zone;
		int64_t		at;

		if (text == NULL)
			return 2;
		if (extsched_cron_check(text, strlen(text), true, 0, &spec, &error) != CRON_OK)
		{
			printf("refused\n");
			continue;
		}
		zone = load_zone(zone_name);
		at = atoll(after);
		for (int i = atoi(count); i > 0; i--)
		{
			if (extsched_cron_next(&spec, zone, at, &at, NULL) != CRON_OK)
				break;
			printf("%" PRId64 " ", at);
		}
		printf("\n");
		free(zone);
	}
	return 0;
}
