/*-------------------------------------------------------------------------
 *
 * next.c
 *		Expression, instant and zone to the next nominal time.
 *
 * There are two ways to live through a clock change, and each is one rule:
 *
 * - A schedule that begins minute or hour with "*" is about elapsed time.  It
 *   fires at every instant whose local time matches.  What a gap skips is
 *   skipped, what a fold repeats is repeated.
 *
 * - A fixed-time schedule is about reaching a time on the wall.  Think of the
 *   highest local time reached so far: it fires when that mark passes or
 *   reaches matching times.  In a gap the mark jumps, over any number of them,
 *   and there is one fire; in a fold it rests until the clock has caught up.
 *   So there is no list of cases for gaps longer than a day, two changes
 *   within a day, or zones that move by odd amounts.
 *
 * Both walk along the zone's segments of constant offset.  The wait for the
 * next matching local time is first looked up on a calendar without zone, so
 * that a yearly schedule does not visit each change on the way.
 *
 * The contract is docs/semantics.md, "Clock changes" (the rule of ISC cron,
 * made exact).
 *
 *-------------------------------------------------------------------------
 */
#include "cron/civil.h"
#include "cron/walk.h"

/* Whether a local time of a segment occurs in a neighbour, too. */
static bool
is_repeated(const CronZone *zone, const CronSegment *segment, int64_t local)
{
	int64_t		utc = local - segment->offset;
	CronSegment other;

	if (segment->end != INT64_MAX && segment->end - utc < SETTLE_S)
	{
		extsched_zone_segment(zone, segment->end, &other);
		if (local >= other.start + other.offset &&
			(other.end == INT64_MAX || local < other.end + other.offset))
			return true;
	}
	if (segment->start != INT64_MIN && utc - segment->start < SETTLE_S)
	{
		extsched_zone_segment(zone, segment->start - 1, &other);
		if (local < other.end + other.offset &&
			(other.start == INT64_MIN || local >= other.start + other.offset))
			return true;
	}
	return false;
}

/*
 * Move to the next segment on the way to a local time, or, once no fold can
 * matter any more, to the last segment that surely lies before it.
 */
static void
advance_segment(const CronZone *zone, int64_t after, int64_t local,
				CronSegment *segment)
{
	int64_t		at = segment->end;

	if (at - after >= SETTLE_S && local - MAX_OFFSET_S - 1 > at)
		at = local - MAX_OFFSET_S - 1;
	extsched_zone_segment(zone, at, segment);
}

/* The next time of a fixed-time schedule; false when there is none. */
static bool
next_fixed(const CronSpec *spec, const CronZone *zone, int64_t after,
		   int64_t *next, CronNote *note)
{
	CronSegment segment;
	int64_t		local;

	extsched_zone_segment(zone, after, &segment);
	local = extsched_cron_find_local(spec, highest_local(zone, &segment, after));
	if (local == NO_TIME)
		return false;

	while (segment.end != INT64_MAX && local - segment.offset >= segment.end)
	{
		int64_t		first;

		advance_segment(zone, after, local, &segment);
		first = segment.start + segment.offset;
		if (local <= first)
		{
			*next = segment.start;
			*note = local < first ? CRON_NOTE_GAP : CRON_NOTE_NONE;
			return true;
		}
	}
	*next = local - segment.offset;
	*note = is_repeated(zone, &segment, local) ? CRON_NOTE_FOLD : CRON_NOTE_NONE;
	return true;
}

/* The next time of any other schedule; false when there is none. */
static bool
next_elapsed(const CronSpec *spec, const CronZone *zone, int64_t after,
			 int64_t *next, CronNote *note)
{
	const int64_t limit = after + (int64_t) CRON_HORIZON_YEARS * 366 * CIVIL_DAY_S;
	CronSegment segment;
	int64_t		local;

	extsched_zone_segment(zone, after, &segment);
	local = extsched_cron_find_local(spec, after + segment.offset);
	while (local != NO_TIME && segment.end != INT64_MAX &&
		   local - segment.offset >= segment.end)
	{
		int64_t		reached = segment.end + segment.offset;
		int64_t		at = segment.end;
		int64_t		first;

		if (at > limit)
			return false;
		advance_segment(zone, after, local, &segment);
		first = segment.start + segment.offset;
		/* times before "first" fell into a gap; a fold begins anew */
		if (segment.start == at && (first < reached || local < first))
			local = extsched_cron_find_local(spec, first - 1);
	}
	if (local == NO_TIME)
		return false;
	*next = local - segment.offset;
	*note = is_repeated(zone, &segment, local) ? CRON_NOTE_FOLD : CRON_NOTE_NONE;
	return true;
}

/*
 * extsched_cron_next
 *		Find the first nominal time strictly after an instant.
 *
 * after and *next are seconds since 1970-01-01 00:00 UTC; zone is the one the
 * fields are read in, NULL means UTC.  *next is a whole minute of local time,
 * or the first instant after a gap.  *note says which of the two it is, and
 * whether its local time occurs twice; note may be NULL.
 *
 * Returns CRON_NEVER if nothing matches within CRON_HORIZON_YEARS (which also
 * happens to a schedule that is due in theory, but whose times all fall into
 * the gaps of its zone), CRON_NEEDS_KEY for an H without a hash key, and
 * CRON_OUT_OF_RANGE for an instant outside the calendar.  *next and *note are
 * set only when the result is CRON_OK.  Raises no error, allocates nothing, and
 * is bounded: see test/cron/bench.c for the worst expressions.
 */
CronStatus
extsched_cron_next(const CronSpec *spec, const CronZone *zone,
				   int64_t after, int64_t *next, CronNote *note)
{
	CronNote	ignored;

	if (spec->needs_key)
		return CRON_NEEDS_KEY;
	if (after < (int64_t) civil_to_days(CRON_MIN_YEAR, 1, 1) * CIVIL_DAY_S ||
		after >= (int64_t) civil_to_days(CRON_MAX_YEAR, 12, 31) * CIVIL_DAY_S)
		return CRON_OUT_OF_RANGE;
	if (note == NULL)
		note = &ignored;
	if (spec->is_fixed_time ?
		next_fixed(spec, zone, after, next, note) :
		next_elapsed(spec, zone, after, next, note))
		return CRON_OK;
	return CRON_NEVER;
}
