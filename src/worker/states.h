/*-------------------------------------------------------------------------
 *
 * states.h
 *		Which state of a run may follow which.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_STATES_H
#define EXTSCHED_STATES_H

#include "core/vocab.h"

/* "From" of a run that has no row yet. */
#define EXTSCHED_RUN_NEW	(-1)

extern bool extsched_state_may_follow(int from, ExtschedRunState to);
extern const char *extsched_state_enter(int from, ExtschedRunState to);

#endif							/* EXTSCHED_STATES_H */
