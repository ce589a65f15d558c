/*-------------------------------------------------------------------------
 *
 * zone.h
 *		What a zone looks like inside; private to src/cron.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_ZONE_H
#define EXTSCHED_CRON_ZONE_H

#include "cron/cron.h"

/* RFC 8536, 3.2: utoff is within -25:59:59 and +26:00. */
#define ZONE_MIN_OFFSET_S	(-26 * 3600 + 1)
#define ZONE_MAX_OFFSET_S	(26 * 3600)

/* One of the two days of the year on which a rule changes the offset. */
typedef enum RuleDayKind
{
	RULE_JULIAN,				/* "Jn": 1-365, 29 February is never counted */
	RULE_DAY_OF_YEAR,			/* "n": 0-365 */
	RULE_MONTH_WEEK				/* "Mm.w.d" */
} RuleDayKind;

typedef struct RuleDay
{
	RuleDayKind kind;
	int32_t		day;			/* RULE_MONTH_WEEK: the weekday */
	int32_t		month;
	int32_t		week;			/* 1-5, 5 is the last */
	int32_t		time_s;			/* local time of the change, may be negative */
} RuleDay;

/* The TZ string of a zone file's footer. */
typedef struct PosixRule
{
	int32_t		std_offset;
	int32_t		dst_offset;
	bool		has_dst;
	bool		is_within_year; /* no change is near the edge of a year */
	RuleDay		dst_start;		/* read in standard time */
	RuleDay		dst_end;		/* read in daylight saving time */
} PosixRule;

/*
 * The changes of offset listed in the file, then those of the footer.  Changes
 * of abbreviation or of the "daylight saving" mark alone are dropped.
 */
struct CronZone
{
	int32_t		count;
	int32_t		first_offset;	/* before change[0] */
	bool		has_rule;
	PosixRule	rule;			/* after the last listed change */
	int64_t    *change;			/* seconds UTC, strictly ascending */
	int32_t    *offset;			/* from change[i] on */
};

/* posixtz.c */
extern bool extsched_posix_parse(const char *text, size_t len, PosixRule *rule);
extern void extsched_posix_segment(const PosixRule *rule, int64_t utc,
								   CronSegment *segment);

#endif							/* EXTSCHED_CRON_ZONE_H */
