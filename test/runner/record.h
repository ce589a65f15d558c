/*-------------------------------------------------------------------------
 *
 * record.h
 *		What arrived: recorded in constant time, reported as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_RECORD_H
#define RUNNER_RECORD_H

#include "execute.h"
#include "text.h"

#define KEY_SIZE	72

/* How a request was answered: ANSWER_OK, or 1 + the first FaultWord. */
#define ANSWER_OK		0
#define ANSWER_REFUSED	255		/* HTTP 400: unreadable request or fault */

/* One arrival.  Texts that repeat are kept once, as numbers (see intern). */
typedef struct Arrival
{
	int64_t		arrived_us;		/* real clock, since 1970-01-01 UTC */
	int64_t		nominal_us;
	uint8_t		request_id[16];
	uint8_t		install_id[16];
	uint8_t		schedule_id[16];
	uint32_t	attempt;
	uint16_t	tenant;
	uint16_t	path;
	uint16_t	fence;
	uint8_t		trigger;
	uint8_t		method;
	uint8_t		answer;
	bool		is_first_of_key;	/* no arrival had this key before */
	bool		is_redelivery;	/* this key and attempt had arrived before */
	bool		is_violation;
	char		key[KEY_SIZE];	/* cut, NUL-terminated */
} Arrival;

/* Which arrivals a report is about; zero values let everything pass. */
typedef struct Filter
{
	int64_t		since_us;
	int64_t		offset_us;		/* added to arrival times before judging lateness */
	const char *tenant;			/* NULL: all */
	Trigger		trigger;		/* TRIGGER_UNKNOWN: all */
	int64_t		limit;
} Filter;

extern bool record_start(size_t max_arrivals);
extern void record_arrival(const Execute *request, int64_t arrived_us, uint8_t answer);
extern void record_raw(const char *headers, size_t headers_len, Slice body);
extern void record_in_flight(int change);
extern void record_fault_error(void);
extern void record_reset(void);
extern uint64_t record_count(void);

extern void report_stats(const Filter *filter, Text *out);
extern void report_arrivals(const Filter *filter, Text *out);
extern void report_last(Text *out);
extern void report_last_body(Text *out);

#endif							/* RUNNER_RECORD_H */
