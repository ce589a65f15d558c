/*-------------------------------------------------------------------------
 *
 * launcher.h
 *		The process that keeps workers in the databases that want them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_LAUNCHER_H
#define EXTSCHED_LAUNCHER_H

/* What a worker is told in bgw_extra; a prober uses database alone. */
typedef struct ExtschedLaunch
{
	Oid			database;
	int			database_index; /* in ExtschedShared.databases */
	int			number;			/* of the worker */
} ExtschedLaunch;

extern void extsched_launcher_register(void);
extern PGDLLEXPORT void extsched_launcher_main(Datum arg);

#endif							/* EXTSCHED_LAUNCHER_H */
