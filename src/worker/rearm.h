/*-------------------------------------------------------------------------
 *
 * rearm.h
 *		Due times follow zone data and the clock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_REARM_H
#define EXTSCHED_REARM_H

#include "datatype/timestamp.h"

extern bool extsched_rearm_zones(TimestampTz now);
extern bool extsched_rearm_after_step_back(TimestampTz now);
extern bool extsched_rearm_note_clock(TimestampTz now);

#endif							/* EXTSCHED_REARM_H */
