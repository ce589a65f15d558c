/*-------------------------------------------------------------------------
 *
 * record_internal.h
 *		What record.c (writing) and report.c (reading) share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_RECORD_INTERNAL_H
#define RUNNER_RECORD_INTERNAL_H

#include "record.h"

#include <pthread.h>

#define INTERN_MAX		32767
#define INTERN_SLOTS	65536
#define INTERN_OTHER	0		/* the table was full */

/* Texts that repeat; number 0 is nobody's. */
typedef struct Intern
{
	uint16_t	used;
	uint16_t	slots[INTERN_SLOTS];
	uint64_t	hashes[INTERN_MAX + 1];
	char	   *texts[INTERN_MAX + 1];
} Intern;

typedef struct Record
{
	Arrival    *arrivals;
	size_t		size;
	size_t		used;
	uint64_t	unrecorded;		/* arrivals beyond size */
	uint64_t	malformed;
	uint64_t	violations;
	uint64_t	fault_errors;
	char		first_violation[VIOLATION_SIZE];
	Intern		intern;
	Text		last_headers;
	Text		last_body;
} Record;

extern pthread_mutex_t record_lock;
extern Record record;

extern void record_in_flight_now(int *now, int *max);

static inline Slice
interned(uint16_t number)
{
	return slice_of(number == INTERN_OTHER ? "(other)" : record.intern.texts[number]);
}

#endif							/* RUNNER_RECORD_INTERNAL_H */
