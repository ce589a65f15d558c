/*-------------------------------------------------------------------------
 *
 * callcount.h
 *		Counting calls of the functions that are written in SQL languages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CALLCOUNT_H
#define EXTSCHED_CALLCOUNT_H

extern void extsched_callcount_install_hook(void);

#endif							/* EXTSCHED_CALLCOUNT_H */
