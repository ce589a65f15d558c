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

extern TimestampTz extsched_clock_now(void);
extern long extsched_clock_real_delay_ms(TimestampTz until, long max_ms);
extern int64 extsched_clock_monotonic_us(void);
extern int64 extsched_clock_step_detect(void);
extern void extsched_clock_start_transaction(void);

#endif							/* EXTSCHED_CLOCK_H */
