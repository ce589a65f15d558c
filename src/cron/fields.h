/*-------------------------------------------------------------------------
 *
 * fields.h
 *		Facts about the five fields, and their sets as plain words.
 *
 * Shared by the parser, the formatter and the checks, none of which should
 * know the limits of a field from anywhere else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_FIELDS_H
#define EXTSCHED_CRON_FIELDS_H

#include "cron/cron.h"

typedef struct FieldInfo
{
	uint8_t		min;
	uint8_t		max;			/* highest value that may be written */
	uint8_t		hash_min;		/* what H is drawn from; day of month: 1-28, */
	uint8_t		hash_max;		/* so that no month is left out */
	const char *names;			/* three letters each, beginning at min */
} FieldInfo;

static const FieldInfo field_info[CRON_FIELDS] = {
	[CRON_MINUTE] = {0, 59, 0, 59, ""},
	[CRON_HOUR] = {0, 23, 0, 23, ""},
	[CRON_DAY_OF_MONTH] = {1, 31, 1, 28, ""},
	[CRON_MONTH] = {1, 12, 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	[CRON_DAY_OF_WEEK] = {0, 7, 0, 6, "sunmontuewedthufrisat"}
};

/* Bits low, low + step, ... up to high. */
static inline uint64_t
field_range(unsigned int low, unsigned int high, unsigned int step)
{
	uint64_t	set = 0;

	if (step == 1)
		return (((uint64_t) 2 << (high - low)) - 1) << low;
	for (unsigned int value = low; value <= high; value += step)
		set |= (uint64_t) 1 << value;
	return set;
}

/* 7 is Sunday too. */
static inline uint64_t
field_fold_sunday(uint64_t set)
{
	return (set | set >> 7) & 0x7f;
}

/* The set of a field; L, W and # forms are not part of it. */
static inline uint64_t
field_get(const CronSpec *spec, CronField field)
{
	switch (field)
	{
		case CRON_MINUTE:
			return spec->minutes;
		case CRON_HOUR:
			return spec->hours;
		case CRON_DAY_OF_MONTH:
			return spec->days;
		case CRON_MONTH:
			return spec->months;
		default:
			return spec->weekdays;
	}
}

static inline void
field_add(CronSpec *spec, CronField field, uint64_t set)
{
	switch (field)
	{
		case CRON_MINUTE:
			spec->minutes |= set;
			break;
		case CRON_HOUR:
			spec->hours |= (uint32_t) set;
			break;
		case CRON_DAY_OF_MONTH:
			spec->days |= (uint32_t) set;
			break;
		case CRON_MONTH:
			spec->months |= (uint16_t) set;
			break;
		default:
			spec->weekdays |= (uint8_t) field_fold_sunday(set);
			break;
	}
}

/* How many different sets an H item can become. */
static inline unsigned int
hash_choices(const CronHash *hash)
{
	unsigned int size = hash->high - hash->low + 1u;

	if (hash->step == 0 || hash->step > size)
		return size;
	return hash->step;
}

/* The set an H item becomes for one choice, 0 to hash_choices() - 1. */
static inline uint64_t
hash_set(const CronHash *hash, unsigned int choice)
{
	unsigned int low = hash->low + choice;

	if (hash->step == 0)
		return (uint64_t) 1 << low;
	return field_range(low, hash->high, hash->step);
}

#endif							/* EXTSCHED_CRON_FIELDS_H */
