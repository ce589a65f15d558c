/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The one clock of the scheduler.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CLOCK_H
#define EXTSCHED_CLOCK_H

#include "datatype/timestamp.h"

/* Seconds between the epochs of Unix and of PostgreSQL. */
#define EPOCH_SHIFT_S \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Whole seconds since 1970 at or before an instant. */
static inline int64
extsched_to_unix(TimestampTz at)
{
	return at / USECS_PER_SEC - (at % USECS_PER_SEC < 0 ? 1 : 0) + EPOCH_SHIFT_S;
}

static inline TimestampTz
extsched_from_unix(int64 second)
{
	return (second - EPOCH_SHIFT_S) * USECS_PER_SEC;
}

extern TimestampTz extsched_clock_now(void);
extern long extsched_clock_real_delay_ms(TimestampTz until, long max_ms);
extern int64 extsched_clock_monotonic_us(void);
extern int64 extsched_clock_step_detect(void);
extern void extsched_clock_start_transaction(void);

#endif							/* EXTSCHED_CLOCK_H */
