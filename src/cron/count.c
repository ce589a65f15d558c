/*-------------------------------------------------------------------------
 *
 * count.c
 *		How many nominal times lie in a stretch of time, and its last one.
 *
 * After an outage every nominal time must be accounted for, but a schedule of
 * each minute has half a million of them in a year.  So they are counted, not
 * enumerated: between two changes of offset the number is arithmetic on the
 * sets, and the last one is found by bisection over extsched_cron_next().
 *
 *-------------------------------------------------------------------------
 */
#include "cron/civil.h"
#include "cron/walk.h"

/* Count for a schedule that fires whenever its local time matches. */
static int64_t
count_elapsed(const CronSpec *spec, const CronZone *zone, int64_t after, int64_t until)
{
	int64_t		count = 0;

	while (after < until)
	{
		CronSegment segment;
		int64_t		last;

		/* the first instant to count is after + 1 */
		extsched_zone_segment(zone, after + 1, &segment);
		last = segment.end > until ? until : segment.end - 1;
		count += extsched_cron_count_local(spec, after + segment.offset,
										   last + segment.offset);
		after = last;
	}
	return count;
}

/* Count for a fixed-time schedule: see the comment at the top of next.c. */
static int64_t
count_fixed(const CronSpec *spec, const CronZone *zone, int64_t after, int64_t until)
{
	CronSegment segment;
	int64_t		mark;
	int64_t		count = 0;

	extsched_zone_segment(zone, after, &segment);
	mark = highest_local(zone, &segment, after);
	for (;;)
	{
		int64_t		last = segment.end > until ? until : segment.end - 1;
		int64_t		first;

		if (last + segment.offset > mark)
		{
			count += extsched_cron_count_local(spec, mark, last + segment.offset);
			mark = last + segment.offset;
		}
		if (segment.end > until)
			return count;
		extsched_zone_segment(zone, segment.end, &segment);
		first = segment.start + segment.offset;
		if (first > mark)
		{
			/* however many times the mark jumps over, they are one */
			count += extsched_cron_count_local(spec, mark, first) > 0;
			mark = first;
		}
	}
}

/*
 * extsched_cron_count
 *		Count the nominal times after one instant and up to another.
 *
 * Sets *range to the number of nominal times t with after < t <= until and,
 * when there is one, to the first and the last of them: exactly those that
 * repeated calls of extsched_cron_next() would give.  The cost depends on the
 * number of months and clock changes in between, not on the number of times.
 *
 * Returns CRON_OK (also when there is none), CRON_NEEDS_KEY or
 * CRON_OUT_OF_RANGE.
 */
CronStatus
extsched_cron_count(const CronSpec *spec, const CronZone *zone,
					int64_t after, int64_t until, CronRange *range)
{
	CronStatus	status;
	int64_t		high = until;

	range->count = 0;
	if (until >= (int64_t) civil_to_days(CRON_MAX_YEAR, 12, 31) * CIVIL_DAY_S)
		return CRON_OUT_OF_RANGE;
	status = extsched_cron_next(spec, zone, after, &range->first, NULL);
	if (status == CRON_NEVER || (status == CRON_OK && range->first > until))
		return CRON_OK;
	if (status != CRON_OK)
		return status;

	range->count = spec->is_fixed_time ?
		count_fixed(spec, zone, after, until) :
		count_elapsed(spec, zone, after, until);

	/* invariant: last is a nominal time, and there is none in (high, until] */
	range->last = range->first;
	while (range->last < high)
	{
		int64_t		middle = range->last + (high - range->last) / 2;
		int64_t		next;

		if (extsched_cron_next(spec, zone, middle, &next, NULL) == CRON_OK &&
			next <= until)
			range->last = next;
		else
			high = middle;
	}
	return CRON_OK;
}
