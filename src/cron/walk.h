/*-------------------------------------------------------------------------
 *
 * walk.h
 *		What next.c and count.c share: walking along a zone's segments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_WALK_H
#define EXTSCHED_CRON_WALK_H

#include "cron/cron.h"

/* No offset is larger than this (zone files are refused otherwise). */
#define MAX_OFFSET_S		(26 * 3600)

/* After this long, no fold can bring back a local time from before. */
#define SETTLE_S			(2 * MAX_OFFSET_S)

#define NO_TIME				INT64_MAX

/* wall.c */
extern int64_t extsched_cron_find_local(const CronSpec *spec, int64_t local);
extern int64_t extsched_cron_count_local(const CronSpec *spec,
										 int64_t after, int64_t until);

/*
 * The highest local time reached before a segment began.  Only segments that
 * ended within SETTLE_S matter: older ones cannot have been ahead of the
 * segment's own first local time.
 */
static inline int64_t
mark_before(const CronZone *zone, const CronSegment *segment)
{
	int64_t		mark = INT64_MIN + 1;
	CronSegment past = *segment;

	while (past.start != INT64_MIN && segment->start - past.start < SETTLE_S)
	{
		extsched_zone_segment(zone, past.start - 1, &past);
		if (past.end + past.offset > mark)
			mark = past.end + past.offset;
	}
	return mark;
}

/* The highest local time reached at an instant of a segment. */
static inline int64_t
highest_local(const CronZone *zone, const CronSegment *segment, int64_t utc)
{
	int64_t		mark = utc + segment->offset;

	if (segment->start != INT64_MIN && utc - segment->start < SETTLE_S)
	{
		/* the end of a segment is not reached itself */
		int64_t		before = mark_before(zone, segment) - 1;

		if (before > mark)
			return before;
	}
	return mark;
}

#endif							/* EXTSCHED_CRON_WALK_H */
