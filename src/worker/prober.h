/*-------------------------------------------------------------------------
 *
 * prober.h
 *		A short look into a database: does it have the extension?
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_PROBER_H
#define EXTSCHED_PROBER_H

extern PGDLLEXPORT void extsched_prober_main(Datum arg);

#endif							/* EXTSCHED_PROBER_H */
