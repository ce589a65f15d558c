/*-------------------------------------------------------------------------
 *
 * delay.h
 *		Connections that wait without holding a thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_DELAY_H
#define RUNNER_DELAY_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#define DELAY_FOREVER	INT64_MAX

/* Part of every connection; all fields but is_gone belong to delay.c. */
typedef struct Delay
{
	struct MHD_Connection *connection;
	int64_t		deadline_us;	/* monotonic clock, or DELAY_FOREVER */
	int			heap_at;		/* place in the heap, -1 when not waiting */
	int			fd;
	uint64_t	wait_for;		/* also ends at this many arrivals; 0: no */
	bool		is_gone;		/* the client left while we waited */
} Delay;

extern bool delay_start(void);
extern void delay_stop(void);
extern bool delay_suspend(Delay *delay, struct MHD_Connection *connection, int64_t delay_us,
						  uint64_t wait_for);
extern void delay_arrivals(uint64_t arrivals);
extern int64_t delay_clock_us(void);

#endif							/* RUNNER_DELAY_H */
