/*-------------------------------------------------------------------------
 *
 * format.c
 *		CronSpec to its canonical text.
 *
 * Two expressions with the same meaning have the same text, and reading the
 * text gives the same CronSpec, byte for byte.  That is what the fuzzer holds
 * the parser to.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cron/fields.h"

typedef struct Text
{
	char	   *buf;			/* CRON_FORMAT_LEN bytes: room for every spec */
	size_t		len;
	bool		is_first;		/* of the field's list */
} Text;

/* Begin a list item. */
static void
begin_item(Text *text)
{
	if (!text->is_first)
		text->buf[text->len++] = ',';
	text->is_first = false;
}

static void
put_text(Text *text, const char *s)
{
	size_t		n = strlen(s);

	memcpy(text->buf + text->len, s, n);
	text->len += n;
}

static void
put_number(Text *text, unsigned int n)
{
	if (n >= 10)
		text->buf[text->len++] = (char) ('0' + n / 10);
	text->buf[text->len++] = (char) ('0' + n % 10);
}

/*
 * Write the set as numbers, ranges and stepped ranges, lowest first.  Two
 * values are written as such: a range takes three.
 */
static void
put_set(Text *text, uint64_t set)
{
	while (set != 0)
	{
		unsigned int low = (unsigned int) __builtin_ctzll(set);
		unsigned int high = low;
		unsigned int step = 0;

		set &= set - 1;
		if (set != 0)
		{
			step = (unsigned int) __builtin_ctzll(set) - low;
			while (high + step < 64 && (set >> (high + step) & 1) != 0)
				high += step;
		}
		begin_item(text);
		put_number(text, low);
		if (step == 0 || high < low + 2 * step)
			continue;
		put_text(text, "-");
		put_number(text, high);
		if (step > 1)
		{
			put_text(text, "/");
			put_number(text, step);
		}
		set &= ~field_range(low, high, step);
	}
}

/* Write the "*" that a field begins with; returns what it does not cover. */
static uint64_t
put_star(Text *text, CronField field, uint64_t set)
{
	const FieldInfo *info = &field_info[field];

	begin_item(text);
	put_text(text, "*");
	for (unsigned int step = 1; step <= info->max; step++)
	{
		uint64_t	covered = field_range(info->min, info->max, step);

		if (field == CRON_DAY_OF_WEEK)
			covered = field_fold_sunday(covered);
		if ((covered & ~set) != 0)
			continue;
		if (step > 1)
		{
			put_text(text, "/");
			put_number(text, step);
		}
		return set & ~covered;
	}
	return set;					/* not reached for what the parser makes */
}

static void
put_hash(Text *text, CronField field, const CronHash *hash)
{
	const FieldInfo *info = &field_info[field];

	begin_item(text);
	put_text(text, "H");
	if (hash->low != info->hash_min || hash->high != info->hash_max)
	{
		put_text(text, "(");
		put_number(text, hash->low);
		put_text(text, "-");
		put_number(text, hash->high);
		put_text(text, ")");
	}
	if (hash->step != 0)
	{
		put_text(text, "/");
		put_number(text, hash->step);
	}
}

static void
put_special_days(Text *text, const CronSpec *spec)
{
	for (uint32_t rest = spec->last_days; rest != 0; rest &= rest - 1)
	{
		unsigned int back = (unsigned int) __builtin_ctz(rest);

		begin_item(text);
		put_text(text, "L");
		if (back > 0)
		{
			put_text(text, "-");
			put_number(text, back);
		}
	}
	for (uint32_t rest = spec->workdays; rest != 0; rest &= rest - 1)
	{
		unsigned int day = (unsigned int) __builtin_ctz(rest);

		begin_item(text);
		if (day == 0)
			put_text(text, "L");
		else
			put_number(text, day);
		put_text(text, "W");
	}
}

static void
put_special_weekdays(Text *text, const CronSpec *spec)
{
	for (unsigned int k = 0; k <= 5; k++)
	{
		uint32_t	rest = k < 5 ? spec->nth_weekdays[k] : spec->last_weekdays;

		for (; rest != 0; rest &= rest - 1)
		{
			begin_item(text);
			put_number(text, (unsigned int) __builtin_ctz(rest));
			put_text(text, k < 5 ? "#" : "L");
			if (k < 5)
				put_number(text, k + 1);
		}
	}
}

/*
 * extsched_cron_format
 *		Write the canonical text of an expression, zero-terminated.
 *
 * An H that has got its value appears as the value; an open one as itself.
 */
void
extsched_cron_format(const CronSpec *spec, char buf[CRON_FORMAT_LEN])
{
	Text		text = {buf, 0, true};

	for (int f = 0; f < CRON_FIELDS; f++)
	{
		CronField	field = (CronField) f;
		uint64_t	set = field_get(spec, field);

		if (f > 0)
			put_text(&text, " ");
		text.is_first = true;
		if (spec->stars >> f & 1)
			set = put_star(&text, field, set);
		put_set(&text, set);
		if (spec->hash[f].high != 0)
			put_hash(&text, field, &spec->hash[f]);
		if (field == CRON_DAY_OF_MONTH)
			put_special_days(&text, spec);
		if (field == CRON_DAY_OF_WEEK)
			put_special_weekdays(&text, spec);
	}
	buf[text.len] = '\0';
}
