/*-------------------------------------------------------------------------
 *
 * recount.h
 *		Count anew what schedules have in flight, where that is doubtful.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_RECOUNT_H
#define EXTSCHED_RECOUNT_H

#include "worker/birth.h"

extern void extsched_recount_doubtful(ExtschedCandidate *candidates, int n);

#endif							/* EXTSCHED_RECOUNT_H */
