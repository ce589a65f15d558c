/*-------------------------------------------------------------------------
 *
 * loop.h
 *		What a worker does between its start and its end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_LOOP_H
#define EXTSCHED_LOOP_H

#include "core/shmem.h"

extern void extsched_loop_main(ExtschedWorkerSlot *slot);

#endif							/* EXTSCHED_LOOP_H */
