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

extern TimestampTz extsched_clock_now(void);
extern long extsched_clock_real_delay_ms(TimestampTz until, long max_ms);
extern int64 extsched_clock_monotonic_us(void);
extern int64 extsched_clock_step_detect(void);
extern void extsched_clock_start_transaction(void);

#endif							/* EXTSCHED_CLOCK_H */
