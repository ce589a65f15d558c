/*-------------------------------------------------------------------------
 *
 * cron_sql.h
 *		Arguments of the functions about cron expressions, read or refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_SQL_H
#define EXTSCHED_CRON_SQL_H

#include "datatype/timestamp.h"

#include "core/zones.h"

extern void extsched_cron_sql_raise(const text *cron, const CronError *error);
extern const ExtschedZone *extsched_cron_sql_zone(const text *tz);
extern int64 extsched_cron_sql_after(TimestampTz after);
extern bool extsched_cron_sql_next(const CronSpec *spec, const CronZone *zone,
								   int64 after, int64 *next, CronNote *note);

#endif							/* EXTSCHED_CRON_SQL_H */
