/*-------------------------------------------------------------------------
 *
 * ranges.h
 *		Missed ranges leave out what has a record.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_RANGES_H
#define EXTSCHED_RANGES_H

#include "worker/birth.h"

extern int	extsched_ranges_split(ExtschedCandidate *candidates, int n);

#endif							/* EXTSCHED_RANGES_H */
