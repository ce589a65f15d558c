/*-------------------------------------------------------------------------
 *
 * dbhold.h
 *		Keeping workers out of the way of statements on whole databases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_DBHOLD_H
#define EXTSCHED_DBHOLD_H

extern void extsched_dbhold_install_hook(void);

#endif							/* EXTSCHED_DBHOLD_H */
