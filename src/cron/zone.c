/*-------------------------------------------------------------------------
 *
 * zone.c
 *		Which offset a zone has at an instant, and for how long.
 *
 * The listed changes are searched by bisection; what lies behind the last one
 * is worked out from the footer's rule.  Nothing is expanded beforehand: a
 * table to the year 2400 would cost 13 kB for each zone and process, and its
 * cache misses would cost more than the arithmetic.
 *
 *-------------------------------------------------------------------------
 */
#include "cron/zone.h"

/*
 * extsched_zone_segment
 *		Find the stretch of constant offset that an instant lies in.
 *
 * zone may be NULL, which is UTC.  Neighbouring segments may have the same
 * offset.  *segment always contains utc.
 */
void
extsched_zone_segment(const CronZone *zone, int64_t utc, CronSegment *segment)
{
	int32_t		low = 0;
	int32_t		high;

	if (zone == NULL)
	{
		segment->start = INT64_MIN;
		segment->end = INT64_MAX;
		segment->offset = 0;
		return;
	}

	high = zone->count;
	if (high == 0 || utc >= zone->change[high - 1])
	{
		int64_t		start = high == 0 ? INT64_MIN : zone->change[high - 1];

		segment->start = start;
		segment->end = INT64_MAX;
		segment->offset = high == 0 ? zone->first_offset : zone->offset[high - 1];
		if (zone->has_rule)
		{
			CronSegment by_rule;

			/* the last listed change holds until the rule's next one */
			extsched_posix_segment(&zone->rule, utc, &by_rule);
			segment->end = by_rule.end;
			if (by_rule.start > start || high == 0)
				*segment = by_rule;
		}
		return;
	}

	/*
	 * The number of changes at or before utc is low to low + left.  Written so
	 * that the comparison selects a value, because a branch on it could not be
	 * predicted.
	 */
	for (int32_t left = zone->count; left > 0;)
	{
		int32_t		half = (left + 1) / 2;

		low = zone->change[low + half - 1] <= utc ? low + half : low;
		left -= half;
	}
	segment->start = low == 0 ? INT64_MIN : zone->change[low - 1];
	segment->end = zone->change[low];
	segment->offset = low == 0 ? zone->first_offset : zone->offset[low - 1];
}

/* Seconds east of Greenwich at an instant; NULL is UTC. */
int32_t
extsched_zone_offset(const CronZone *zone, int64_t utc)
{
	CronSegment segment;

	extsched_zone_segment(zone, utc, &segment);
	return segment.offset;
}
