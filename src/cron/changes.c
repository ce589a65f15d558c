/*-------------------------------------------------------------------------
 *
 * changes.c
 *		Which changes of the clock a schedule is touched by.
 *
 * For warnings: what happens at such a change is the business of next.c.
 *
 *-------------------------------------------------------------------------
 */
#include "cron/walk.h"

/* Matching whole minutes of local time from one (included) to another. */
static int64_t
count_between(const CronSpec *spec, int64_t from, int64_t to)
{
	return extsched_cron_count_local(spec, from - 60, to - 60);
}

/*
 * extsched_cron_next_change
 *		Find the next change of the clock that touches a schedule.
 *
 * A change touches it when some of its local times lie in the gap or the fold.
 * A schedule of elapsed time that is due in every hour is never touched: its
 * rhythm goes on.  Looks at changes t with after < t <= until; *change is set
 * only when the result is true.  spec must have a value for each H.
 */
bool
extsched_cron_next_change(const CronSpec *spec, const CronZone *zone,
						  int64_t after, int64_t until, CronChange *change)
{
	CronSegment segment;

	if (!spec->is_fixed_time && spec->hours == 0xffffff)
		return false;
	extsched_zone_segment(zone, after, &segment);
	while (segment.end <= until)
	{
		CronChange	found = {segment.end, segment.offset, 0, 0};

		extsched_zone_segment(zone, found.at, &segment);
		found.offset_after = segment.offset;
		found.times = found.offset_after > found.offset_before ?
			count_between(spec, found.at + found.offset_before, found.at + found.offset_after) :
			count_between(spec, found.at + found.offset_after, found.at + found.offset_before);
		if (found.times > 0)
		{
			*change = found;
			return true;
		}
	}
	return false;
}
