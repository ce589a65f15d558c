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

/* What is counted, and may be waited for. */
typedef enum DelayEvent
{
	DELAY_NO_EVENT,
	DELAY_ARRIVAL,				/* of an execute request */
	DELAY_FAULT,				/* set as the server's default */
	DELAY_EVENTS
} DelayEvent;

/* Part of every connection; all fields but is_gone belong to delay.c. */
typedef struct Delay
{
	struct MHD_Connection *connection;
	int64_t		deadline_us;	/* monotonic clock, or DELAY_FOREVER */
	int			heap_at;		/* place in the heap, -1 when not waiting */
	int			fd;
	DelayEvent	event;			/* what ends it before its deadline */
	uint64_t	count;			/* at so many of them */
	bool		is_gone;		/* the client left while we waited */
} Delay;

extern bool delay_start(void);
extern void delay_stop(void);
extern bool delay_suspend(Delay *delay, struct MHD_Connection *connection, int64_t delay_us);
extern bool delay_until(Delay *delay, struct MHD_Connection *connection, int64_t delay_us,
						DelayEvent event, uint64_t count);
extern void delay_happened(DelayEvent event, uint64_t count);
extern int64_t delay_clock_us(void);

#endif							/* RUNNER_DELAY_H */
