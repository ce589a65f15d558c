/*-------------------------------------------------------------------------
 *
 * prune.h
 *		Keep history and audit records inside their bounds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_PRUNE_H
#define EXTSCHED_PRUNE_H

#include "datatype/timestamp.h"

extern void extsched_prune(TimestampTz now);

#endif							/* EXTSCHED_PRUNE_H */
