/*-------------------------------------------------------------------------
 *
 * estimate.h
 *		Plans that do not depend on how full the tables happen to be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_ESTIMATE_H
#define EXTSCHED_ESTIMATE_H

extern void extsched_estimate_install_hook(void);

#endif							/* EXTSCHED_ESTIMATE_H */
