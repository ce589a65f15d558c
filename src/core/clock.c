/*-------------------------------------------------------------------------
 *
 * clock.c
 *		The one clock of the scheduler.
 *
 * Everything that decides by time (what is due, what is late, which day a run
 * is filed under) reads it here, so that tests can move it with
 * "extsched.clock_offset" and nothing else.  Durations are measured with the
 * monotonic clock, which nobody can step.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "access/xact.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/settings.h"

/* Smaller jumps are what NTP slewing and a stalled machine look like. */
#define CLOCK_STEP_MIN_US	(2 * USECS_PER_SEC)

/*
 * extsched_clock_now
 *		The present instant on the scheduler's clock.
 */
TimestampTz
extsched_clock_now(void)
{
	return GetCurrentTimestamp() +
		(int64) extsched_clock_offset_s * USECS_PER_SEC;
}

/*
 * extsched_clock_real_delay_ms
 *		How long to wait for an instant of the scheduler's clock.
 *
 * In milliseconds, rounded up, so that the instant has passed when the wait is
 * over; 0 when it has passed already and max_ms at most, also for infinities.
 */
long
extsched_clock_real_delay_ms(TimestampTz until, long max_ms)
{
	TimestampTz now = extsched_clock_now();
	int64		delay_ms;

	if (until <= now)
		return 0;
	if (TIMESTAMP_IS_NOEND(until))
		return max_ms;
	delay_ms = (until - now + 999) / 1000;
	return (long) Min(delay_ms, (int64) max_ms);
}

/*
 * extsched_clock_monotonic_us
 *		Microseconds on the monotonic clock, from an arbitrary origin.
 */
int64
extsched_clock_monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * USECS_PER_SEC + ts.tv_nsec / 1000;
}

/*
 * extsched_clock_step_detect
 *		Tell whether the clock was stepped since the last call.
 *
 * Returns by how many microseconds it jumped (negative: back), 0 if it did
 * not or at the first call.  A jump is logged and counted here.  Changes of
 * "extsched.clock_offset" count as steps too: that is what they simulate.
 */
int64
extsched_clock_step_detect(void)
{
	static TimestampTz last_wall = 0;
	static int64 last_monotonic = 0;
	TimestampTz wall = extsched_clock_now();
	int64		monotonic = extsched_clock_monotonic_us();
	int64		jump = 0;

	if (last_wall != 0)
		jump = (wall - last_wall) - (monotonic - last_monotonic);
	last_wall = wall;
	last_monotonic = monotonic;
	if (jump < CLOCK_STEP_MIN_US && jump > -CLOCK_STEP_MIN_US)
		return 0;

	extsched_count_event(EXTSCHED_EVENT_CLOCK_STEP, 1);
	ereport(LOG,
			errmsg("the clock of the scheduler was stepped by %.3f seconds",
				   (double) jump / USECS_PER_SEC),
			errdetail("Due times are computed from the last nominal time, so no run is repeated or forgotten."));
	return jump;
}

/*
 * extsched_clock_start_transaction
 *		StartTransactionCommand for a process that no client sends statements.
 *
 * A transaction counts as begun when the last statement arrived.  Without one
 * that would be the start of the process: now() would stand still, and
 * pg_stat_activity would show each short transaction as hours old.
 */
void
extsched_clock_start_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}
