/*-------------------------------------------------------------------------
 *
 * cron.h
 *		The cron language and its calendar: the whole public interface.
 *
 * Everything behind this header is plain C11 without a server header, without
 * globals, without a clock and (zone files apart, whose memory the caller
 * provides) without allocation, so that it can be unit-tested, fuzzed and
 * compared with other implementations outside a server.
 *
 * The written contract of what is computed here is docs/semantics.md; this
 * header only says how to call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_CRON_H
#define EXTSCHED_CRON_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest expression a user may store, in bytes (all valid ones are ASCII). */
#define CRON_MAX_LEN		128

/*
 * Room for every canonical text, terminating zero included; also the longest
 * text that extsched_cron_parse() looks at.  It is above CRON_MAX_LEN because
 * the canonical text of a short expression can be long ("1-59/2,2-59/7").
 */
#define CRON_FORMAT_LEN		1024

/* Room for the words of every expression, terminating zero included. */
#define CRON_WORDS_LEN		4096

/*
 * How far extsched_cron_next() looks.  The Gregorian calendar repeats after
 * 400 years, but no expression that can be due at all has to wait for more
 * than 40 (29 February on a given weekday, across 2100), which a test proves.
 */
#define CRON_HORIZON_YEARS	41

/* Years the calendar accepts; instants outside give CRON_OUT_OF_RANGE. */
#define CRON_MIN_YEAR		1
#define CRON_MAX_YEAR		9999

typedef enum CronField
{
	CRON_MINUTE,
	CRON_HOUR,
	CRON_DAY_OF_MONTH,
	CRON_MONTH,
	CRON_DAY_OF_WEEK,
	CRON_FIELDS					/* count; also "the expression as a whole" */
} CronField;

typedef enum CronStatus
{
	CRON_OK = 0,

	/* refusals of extsched_cron_parse() */
	CRON_EMPTY,					/* nothing but blanks */
	CRON_TOO_LONG,				/* max: the limit in bytes */
	CRON_FIELD_COUNT,			/* not five fields; value: how many */
	CRON_UNKNOWN_MACRO,			/* "@" and something else */
	CRON_NO_REBOOT,				/* "@reboot" has no nominal time */
	CRON_SYNTAX,				/* not a value, range, step or list */
	CRON_EMPTY_ITEM,			/* "1,,2", "1,", ",1" */
	CRON_VALUE_RANGE,			/* number outside min..max */
	CRON_REVERSED,				/* "5-1" */
	CRON_ZERO_STEP,				/* a step of zero */
	CRON_STEP_RANGE,			/* step above max */
	CRON_WRONG_FIELD,			/* L, W or # in a field that has none */
	CRON_HASH_LIST,				/* H beside another H or "*" in a list */
	CRON_BOTH_DAYS,				/* both day fields restricted, not allowed */

	/* refusals of extsched_cron_check(), after a successful parse */
	CRON_NEVER_DUE,				/* no day of the calendar matches */
	CRON_TOO_OFTEN,				/* value: smallest gap; min: what is allowed */

	/* results of extsched_cron_next() */
	CRON_NEVER,					/* nothing within CRON_HORIZON_YEARS */
	CRON_NEEDS_KEY,				/* the expression has H and no hash key */
	CRON_OUT_OF_RANGE,			/* instant outside the calendar's years */

	/* refusals of extsched_zone_parse() */
	CRON_ZONE_NOT_TZIF,			/* does not begin like a zone file */
	CRON_ZONE_DAMAGED,			/* truncated or inconsistent */
	CRON_ZONE_LEAP				/* counts leap seconds, as "right/" does */
} CronStatus;

/* What is special about a nominal time (docs/semantics.md, "Clock changes"). */
typedef enum CronNote
{
	CRON_NOTE_NONE,
	CRON_NOTE_GAP,				/* stands for local times that do not exist */
	CRON_NOTE_FOLD				/* its local time occurs twice */
} CronNote;

/*
 * An H item whose value still depends on the hash key: low..high is the range
 * it is drawn from, step is 0 for a single value.  high == 0 means no such
 * item.  (Low and high can be 0 in no range of more than one value, and an H
 * over one value is stored as that value.)
 */
typedef struct CronHash
{
	uint8_t		low;
	uint8_t		high;
	uint8_t		step;
} CronHash;

/*
 * A parsed expression.  It is plain data of fixed size: copy, compare and hash
 * it as bytes.  Bit n of a set is value n; days of the month begin at bit 1.
 */
typedef struct CronSpec
{
	uint64_t	minutes;		/* bits 0-59 */
	uint32_t	hours;			/* bits 0-23 */
	uint32_t	days;			/* bits 1-31 */
	uint32_t	last_days;		/* bit n: n days before the last ("L", "L-n") */
	uint32_t	workdays;		/* bit n: "nW"; bit 0: "LW" */
	uint16_t	months;			/* bits 1-12 */
	uint8_t		weekdays;		/* bits 0-6, Sunday is 0 */
	uint8_t		last_weekdays;	/* "nL" */
	uint8_t		nth_weekdays[5];	/* [k - 1]: "n#k" */
	uint8_t		stars;			/* bit f: field f begins with "*" */
	bool		is_fixed_time;	/* neither minute nor hour begins with "*" */
	bool		is_either_day;	/* both day fields restricted: either fires */
	bool		has_special_days;	/* any of L, W, nL, n#k */
	bool		is_every_day;	/* each day of the calendar matches */
	bool		needs_key;		/* hash[] holds an H that has no value yet */
	CronHash	hash[CRON_FIELDS];
} CronSpec;

/* Why an expression was refused; all of it is data, for any face to word. */
typedef struct CronError
{
	CronStatus	status;
	CronField	field;			/* CRON_FIELDS: the expression as a whole */
	int64_t		value;			/* see CronStatus */
	int64_t		min;			/* lowest allowed value */
	int64_t		max;			/* highest allowed value */
	char		token[40];		/* the text that is wrong, cut, printable ASCII */
} CronError;

typedef struct CronZone CronZone;

/* A stretch of time with one offset: local = utc + offset in [start, end). */
typedef struct CronSegment
{
	int64_t		start;			/* INT64_MIN: since ever */
	int64_t		end;			/* INT64_MAX: for ever */
	int32_t		offset;			/* seconds east of Greenwich */
} CronSegment;

/* Nominal times in a stretch of time. */
typedef struct CronRange
{
	int64_t		count;
	int64_t		first;			/* set only when count > 0 */
	int64_t		last;
} CronRange;

/* A change of a zone's clock, and what it does to a schedule. */
typedef struct CronChange
{
	int64_t		at;				/* first instant of the new offset */
	int32_t		offset_before;	/* seconds east of Greenwich */
	int32_t		offset_after;
	int64_t		times;			/* nominal times that do not exist, or are twice */
} CronChange;

/* parse.c */
extern CronStatus extsched_cron_parse(const char *text, size_t len,
									  const void *hash_key, size_t hash_len,
									  bool allow_day_or,
									  CronSpec *spec, CronError *error);

/* check.c */
extern CronStatus extsched_cron_check(const char *text, size_t len,
									  bool allow_day_or, int64_t min_gap_s,
									  CronSpec *spec, CronError *error);
extern bool extsched_cron_can_be_due(const CronSpec *spec);
extern int64_t extsched_cron_min_gap(const CronSpec *spec);

/* format.c */
extern void extsched_cron_format(const CronSpec *spec, char buf[CRON_FORMAT_LEN]);

/* explain.c */
extern const char *extsched_cron_field_name(CronField field);
extern void extsched_cron_detail(const CronError *error, char *buf, size_t size);
extern const char *extsched_cron_hint(const CronError *error);
extern const char *extsched_cron_note_name(CronNote note);

/* words.c */
extern void extsched_cron_words(const CronSpec *spec, char buf[CRON_WORDS_LEN]);
extern void extsched_cron_zone_words(const char *name, char *buf, size_t size);
extern bool extsched_cron_spread(const CronSpec *spec, char buf[CRON_FORMAT_LEN]);

/* changes.c */
extern bool extsched_cron_next_change(const CronSpec *spec, const CronZone *zone,
									  int64_t after, int64_t until,
									  CronChange *change);

/* next.c */
extern CronStatus extsched_cron_next(const CronSpec *spec, const CronZone *zone,
									 int64_t after, int64_t *next, CronNote *note);

/* count.c */
extern CronStatus extsched_cron_count(const CronSpec *spec, const CronZone *zone,
									  int64_t after, int64_t until,
									  CronRange *range);

/* tzif.c */
extern CronStatus extsched_zone_measure(const void *bytes, size_t len, size_t *size);
extern CronStatus extsched_zone_parse(const void *bytes, size_t len,
									  void *memory, size_t size, CronZone **zone);

/* zone.c */
extern void extsched_zone_segment(const CronZone *zone, int64_t utc,
								  CronSegment *segment);
extern int32_t extsched_zone_offset(const CronZone *zone, int64_t utc);

#endif							/* EXTSCHED_CRON_CRON_H */
