/*-------------------------------------------------------------------------
 *
 * notify.h
 *		Wake the Runners that pull.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_NOTIFY_H
#define EXTSCHED_NOTIFY_H

#include "nodes/pg_list.h"

/* runners: names (char *); one NOTIFY each, in a transaction of its own. */
extern void extsched_notify_runners(List *runners);

#endif							/* EXTSCHED_NOTIFY_H */
