/*-------------------------------------------------------------------------
 *
 * work.h
 *		Transactions of the worker's loop.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_WORK_H
#define EXTSCHED_WORK_H

extern void extsched_work_begin(const char *activity);
extern void extsched_work_commit(bool waits);
extern void extsched_work_sync(void);

#endif							/* EXTSCHED_WORK_H */
