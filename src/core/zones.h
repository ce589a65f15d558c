/*-------------------------------------------------------------------------
 *
 * zones.h
 *		Time zones by name, from the zone files of the machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_ZONES_H
#define EXTSCHED_ZONES_H

#include "cron/cron.h"

/* Longest name plus terminator; "America/Argentina/ComodRivadavia" has 32. */
#define EXTSCHED_ZONE_NAME_LEN	65

typedef enum ExtschedZoneStatus
{
	EXTSCHED_ZONE_OK,
	EXTSCHED_ZONE_UNKNOWN,		/* no such zone file */
	EXTSCHED_ZONE_REFUSED,		/* a file there, but not the name of a zone */
	EXTSCHED_ZONE_DAMAGED,		/* the file is truncated or inconsistent */
	EXTSCHED_ZONE_UNREADABLE	/* the file or directory could not be read */
} ExtschedZoneStatus;

typedef struct ExtschedZone
{
	char		name[EXTSCHED_ZONE_NAME_LEN];	/* in canonical case */
	const CronZone *rules;
	uint64		fingerprint;	/* hash of the file's bytes */
} ExtschedZone;

extern const ExtschedZone *extsched_zone_lookup(const char *name,
												ExtschedZoneStatus *status);
extern void extsched_zone_recheck(void);
extern const char *extsched_zone_detail(ExtschedZoneStatus status, const char *name);
extern const char *extsched_zone_hint(ExtschedZoneStatus status);

#endif							/* EXTSCHED_ZONES_H */
