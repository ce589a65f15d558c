/*-------------------------------------------------------------------------
 *
 * parse.c
 *		Text of a cron expression to CronSpec.
 *
 * The text comes from tenants.  The parser therefore reads each byte a bounded
 * number of times, knows nothing but ASCII, and refuses whatever it does not
 * understand completely: a schedule that fires at another time than its author
 * meant is worse than a refusal.  A refusal is returned as data, so that the
 * raising SQL face and the structured host face can word it alike.
 *
 * The language is defined in docs/semantics.md, "The language".
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cron/fields.h"

typedef struct Parser
{
	const char *at;				/* next byte of the field */
	const char *end;			/* behind the field */
	const char *item;			/* first byte of the list item */
	CronField	field;
	const FieldInfo *info;
	bool		has_star;		/* an item of the field begins with "*" */
	const void *key;			/* hash key, or NULL */
	size_t		key_len;
	CronSpec   *spec;
	CronError  *error;
} Parser;

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
}

static inline bool
is_letter(char c)
{
	c = to_lower(c);
	return c >= 'a' && c <= 'z';
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Copy what is wrong into the error, cut and with nothing but printable ASCII. */
static void
set_token(CronError *error, const char *from, const char *to)
{
	size_t		n = 0;

	while (from < to && n < sizeof(error->token) - 1)
	{
		char		c = *from++;

		error->token[n++] = c >= ' ' && c <= '~' ? c : '?';
	}
	if (from < to)
		memcpy(error->token + n - 3, "...", 3);
	error->token[n] = '\0';
}

static CronStatus
refuse(Parser *p, CronStatus status, const char *from, const char *to)
{
	p->error->status = status;
	p->error->field = p->field;
	p->error->min = p->info->min;
	p->error->max = p->info->max;
	set_token(p->error, from, to);
	return status;
}

/* Refuse the whole list item that is being read. */
static CronStatus
refuse_item(Parser *p, CronStatus status)
{
	const char *to = p->item;

	while (to < p->end && *to != ',')
		to++;
	return refuse(p, status, p->item, to);
}

/* The same for what concerns the expression as a whole. */
static CronStatus
refuse_text(CronError *error, CronStatus status, const char *from, const char *to,
			int64_t value, int64_t max)
{
	error->status = status;
	error->field = CRON_FIELDS;
	error->value = value;
	error->max = max;
	set_token(error, from, to);
	return status;
}

static inline bool
accept(Parser *p, char c)
{
	if (p->at < p->end && to_lower(*p->at) == c)
	{
		p->at++;
		return true;
	}
	return false;
}

/*
 * Read digits into *value.  A number too large for any field keeps a value too
 * large for any field, however many digits it has.
 */
static bool
accept_number(Parser *p, unsigned int *value)
{
	unsigned int n = 0;

	if (p->at >= p->end || !is_digit(*p->at))
		return false;
	do
	{
		n = n * 10 + (unsigned int) (*p->at++ - '0');
		if (n > 1000000)
			n = 1000000;
	} while (p->at < p->end && is_digit(*p->at));
	*value = n;
	return true;
}

/* Read the name of a month or weekday. */
static bool
accept_name(Parser *p, unsigned int *value)
{
	const char *names = p->info->names;

	if (p->end - p->at < 3 || !is_letter(*p->at))
		return false;
	for (unsigned int i = 0; names[3 * i] != '\0'; i++)
	{
		if (to_lower(p->at[0]) == names[3 * i] &&
			to_lower(p->at[1]) == names[3 * i + 1] &&
			to_lower(p->at[2]) == names[3 * i + 2])
		{
			p->at += 3;
			*value = p->info->min + i;
			return true;
		}
	}
	return false;
}

/* Read a number or name of the field, within low to high. */
static CronStatus
parse_value(Parser *p, unsigned int low, unsigned int high, unsigned int *value)
{
	const char *from = p->at;
	CronStatus	status;

	if (accept_name(p, value))
		return CRON_OK;
	if (!accept_number(p, value))
		return refuse_item(p, CRON_SYNTAX);
	if (*value >= low && *value <= high)
		return CRON_OK;
	status = refuse(p, CRON_VALUE_RANGE, from, p->at);
	p->error->min = low;
	p->error->max = high;
	return status;
}

/* Read what follows "-": the end of a range that begins at low. */
static CronStatus
parse_range_end(Parser *p, unsigned int low, unsigned int max, unsigned int *high)
{
	const char *from = p->at;
	CronStatus	status = parse_value(p, p->info->min, max, high);

	if (status != CRON_OK)
		return status;
	/* "fri-sun" ends on the Sunday after, "sun-sun" is one day */
	if (p->field == CRON_DAY_OF_WEEK && *high == 0 && low > 0 && is_letter(*from))
		*high = 7;
	if (*high < low)
		return refuse_item(p, CRON_REVERSED);
	return CRON_OK;
}

/* Read "/n" if it is there; *step is 0 when it is not. */
static CronStatus
parse_step(Parser *p, unsigned int *step)
{
	const char *from;

	*step = 0;
	if (!accept(p, '/'))
		return CRON_OK;
	from = p->at;
	if (!accept_number(p, step))
		return refuse_item(p, CRON_SYNTAX);
	if (*step == 0)
		return refuse_item(p, CRON_ZERO_STEP);
	if (*step > p->info->max)
	{
		CronStatus	status = refuse(p, CRON_STEP_RANGE, from, p->at);

		p->error->min = 1;
		return status;
	}
	return CRON_OK;
}

/*
 * The number of a hash key in a field: 64-bit FNV-1a over the field's number
 * and the key, then the finalizer of SplitMix64, because the low bits of FNV
 * alone are uneven.  Stored schedules depend on each bit of this: golden values
 * are in test/cron.
 */
static uint64_t
hash_key(CronField field, const unsigned char *key, size_t len)
{
	uint64_t	h = UINT64_C(0xcbf29ce484222325);

	h = (h ^ (uint64_t) field) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < len; i++)
		h = (h ^ key[i]) * UINT64_C(0x100000001b3);
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

/* Read the rest of "H", "H/n", "H(a-b)", "H(a-b)/n" behind the "H". */
static CronStatus
parse_hash(Parser *p)
{
	CronHash   *hash = &p->spec->hash[p->field];
	CronHash	item;
	unsigned int low = p->info->hash_min;
	unsigned int high = p->info->hash_max;
	unsigned int step;
	CronStatus	status;

	if (hash->high != 0)
		return refuse_item(p, CRON_HASH_LIST);
	if (accept(p, '('))
	{
		unsigned int max = p->field == CRON_DAY_OF_MONTH ? high : p->info->max;

		if ((status = parse_value(p, low, max, &low)) != CRON_OK)
			return status;
		if (!accept(p, '-'))
			return refuse_item(p, CRON_SYNTAX);
		if ((status = parse_range_end(p, low, max, &high)) != CRON_OK)
			return status;
		if (!accept(p, ')'))
			return refuse_item(p, CRON_SYNTAX);
	}
	if ((status = parse_step(p, &step)) != CRON_OK)
		return status;

	item.low = (uint8_t) low;
	item.high = (uint8_t) high;
	item.step = (uint8_t) step;
	if (low == high)
		field_add(p->spec, p->field, (uint64_t) 1 << low);
	else if (step == 1)
		field_add(p->spec, p->field, field_range(low, high, 1));
	else
		*hash = item;
	return CRON_OK;
}

/* Give the field's H item the value that the key says. */
static void
resolve_hash(Parser *p)
{
	CronHash   *hash = &p->spec->hash[p->field];
	uint64_t	number;

	if (hash->high == 0)
		return;
	if (p->key == NULL)
	{
		p->spec->needs_key = true;
		return;
	}
	number = hash_key(p->field, p->key, p->key_len);
	field_add(p->spec, p->field,
			  hash_set(hash, (unsigned int) (number % hash_choices(hash))));
	memset(hash, 0, sizeof(*hash));
}

/* Read the rest of "L", "L-n", "LW" behind the "L" of a day of the month. */
static CronStatus
parse_last_day(Parser *p)
{
	const char *from;
	unsigned int back = 0;

	if (accept(p, 'w'))
	{
		p->spec->workdays |= 1;
		return CRON_OK;
	}
	if (accept(p, '-'))
	{
		from = p->at;
		if (!accept_number(p, &back))
			return refuse_item(p, CRON_SYNTAX);
		if (back < 1 || back > 30)
		{
			CronStatus	status = refuse(p, CRON_VALUE_RANGE, from, p->at);

			p->error->min = 1;
			p->error->max = 30;
			return status;
		}
	}
	p->spec->last_days |= (uint32_t) 1 << back;
	return CRON_OK;
}

/*
 * Read a form that follows a single value: "nW", "nL", "n#k".  *done says
 * whether there was one.
 */
static CronStatus
parse_suffix(Parser *p, unsigned int value, bool *done)
{
	const char *from;
	unsigned int k;

	*done = true;
	if (accept(p, 'w'))
	{
		if (p->field != CRON_DAY_OF_MONTH)
			return refuse_item(p, CRON_WRONG_FIELD);
		p->spec->workdays |= (uint32_t) 1 << value;
		return CRON_OK;
	}
	if (accept(p, 'l'))
	{
		if (p->field != CRON_DAY_OF_WEEK)
			return refuse_item(p, CRON_WRONG_FIELD);
		p->spec->last_weekdays |= (uint8_t) (1 << value % 7);
		return CRON_OK;
	}
	if (accept(p, '#'))
	{
		if (p->field != CRON_DAY_OF_WEEK)
			return refuse_item(p, CRON_WRONG_FIELD);
		from = p->at;
		if (!accept_number(p, &k))
			return refuse_item(p, CRON_SYNTAX);
		if (k < 1 || k > 5)
		{
			CronStatus	status = refuse(p, CRON_VALUE_RANGE, from, p->at);

			p->error->min = 1;
			p->error->max = 5;
			return status;
		}
		p->spec->nth_weekdays[k - 1] |= (uint8_t) (1 << value % 7);
		return CRON_OK;
	}
	*done = false;
	return CRON_OK;
}

/* Read one list item. */
static CronStatus
parse_item(Parser *p)
{
	unsigned int low = 0;
	unsigned int high;
	unsigned int step;
	bool		done;
	CronStatus	status;

	p->item = p->at;
	if (p->at == p->end || *p->at == ',')
		return refuse(p, CRON_EMPTY_ITEM, p->item, p->item);
	if (accept(p, '*'))
	{
		p->has_star = true;
		if ((status = parse_step(p, &step)) != CRON_OK)
			return status;
		field_add(p->spec, p->field,
				  field_range(p->info->min, p->info->max, step ? step : 1));
		return CRON_OK;
	}
	if (accept(p, 'h'))
		return parse_hash(p);
	if (to_lower(*p->at) == 'l')
	{
		if (p->field != CRON_DAY_OF_MONTH)
			return refuse_item(p, CRON_WRONG_FIELD);
		p->at++;
		return parse_last_day(p);
	}

	if ((status = parse_value(p, p->info->min, p->info->max, &low)) != CRON_OK)
		return status;
	if ((status = parse_suffix(p, low, &done)) != CRON_OK || done)
		return status;
	high = low;
	if (accept(p, '-'))
	{
		if ((status = parse_range_end(p, low, p->info->max, &high)) != CRON_OK ||
			(status = parse_step(p, &step)) != CRON_OK)
			return status;
	}
	else
	{
		if ((status = parse_step(p, &step)) != CRON_OK)
			return status;
		if (step != 0)
			high = p->info->max;
	}
	field_add(p->spec, p->field, field_range(low, high, step ? step : 1));
	return CRON_OK;
}

static CronStatus
parse_field(Parser *p)
{
	CronStatus	status;

	if (*p->at == '*')
		p->spec->stars |= (uint8_t) (1 << p->field);
	for (;;)
	{
		if ((status = parse_item(p)) != CRON_OK)
			return status;
		if (p->at == p->end)
			break;
		if (!accept(p, ','))
			return refuse_item(p, CRON_SYNTAX);
	}
	if (p->has_star && p->spec->hash[p->field].high != 0)
		return refuse_item(p, CRON_HASH_LIST);
	resolve_hash(p);
	return CRON_OK;
}

/* The five fields a macro stands for, or NULL. */
static const char *
macro_text(const char *text, size_t len)
{
	static const struct
	{
		const char *name;
		const char *fields;
	}			macros[] = {
		{"@hourly", "0 * * * *"},
		{"@daily", "0 0 * * *"},
		{"@midnight", "0 0 * * *"},
		{"@weekly", "0 0 * * 0"},
		{"@monthly", "0 0 1 * *"},
		{"@yearly", "0 0 1 1 *"},
		{"@annually", "0 0 1 1 *"},
		{"@reboot", ""}
	};

	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
	{
		size_t		n = 0;

		while (n < len && macros[i].name[n] == to_lower(text[n]))
			n++;
		if (n == len && macros[i].name[n] == '\0')
			return macros[i].fields;
	}
	return NULL;
}

/* Find the five fields of a text; *count is how many there are, up to 255. */
static void
split_fields(const char *at, const char *end, const char *from[CRON_FIELDS],
			 const char *to[CRON_FIELDS], int *count)
{
	int			n = 0;

	while (at < end)
	{
		const char *start = at;

		while (at < end && !is_blank(*at))
			at++;
		if (n < CRON_FIELDS)
		{
			from[n] = start;
			to[n] = at;
		}
		n += n < 255;
		while (at < end && is_blank(*at))
			at++;
	}
	*count = n;
}

/* Fill in what follows from the fields. */
static void
finish_spec(CronSpec *spec)
{
	const uint8_t star_days = 1 << CRON_DAY_OF_MONTH | 1 << CRON_DAY_OF_WEEK;

	spec->is_fixed_time = (spec->stars & (1 << CRON_MINUTE | 1 << CRON_HOUR)) == 0;
	spec->is_either_day = (spec->stars & star_days) == 0;
	spec->has_special_days = spec->last_days != 0 || spec->workdays != 0 ||
		spec->last_weekdays != 0;
	for (int k = 0; k < 5; k++)
		spec->has_special_days |= spec->nth_weekdays[k] != 0;
	spec->is_every_day = spec->months == 0x1ffe &&
		(spec->is_either_day ?
		 spec->days == 0xfffffffe || spec->weekdays == 0x7f :
		 spec->days == 0xfffffffe && spec->weekdays == 0x7f);
}

/*
 * extsched_cron_parse
 *		Read an expression.
 *
 * text need not be terminated; blanks and tabs around it are skipped.  With a
 * hash key (the id of the schedule, in its canonical text form) each H gets
 * its value.  Without one (NULL) the result has needs_key set: it can be
 * checked and formatted, but has no next time.  allow_day_or admits
 * expressions that restrict both day fields.
 *
 * On CRON_OK *spec is complete and *error is untouched; else *error says what
 * is wrong and *spec is undefined.  The length is limited by CRON_FORMAT_LEN
 * here; extsched_cron_check() applies the limit for what users store.
 */
CronStatus
extsched_cron_parse(const char *text, size_t len,
					const void *hash_key, size_t hash_len, bool allow_day_or,
					CronSpec *spec, CronError *error)
{
	const char *end = text + len;
	const char *from[CRON_FIELDS] = {0};
	const char *to[CRON_FIELDS] = {0};
	int			count;

	while (text < end && is_blank(*text))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;
	if (text == end)
		return refuse_text(error, CRON_EMPTY, text, end, 0, 0);
	if (end - text >= CRON_FORMAT_LEN)
		return refuse_text(error, CRON_TOO_LONG, text, end, end - text,
						   CRON_FORMAT_LEN - 1);

	split_fields(text, end, from, to, &count);
	if (*text == '@')
	{
		const char *fields = macro_text(text, (size_t) (to[0] - text));

		if (fields == NULL)
			return refuse_text(error, CRON_UNKNOWN_MACRO, text, to[0], 0, 0);
		if (*fields == '\0')
			return refuse_text(error, CRON_NO_REBOOT, text, to[0], 0, 0);
		if (count != 1)
			return refuse_text(error, CRON_FIELD_COUNT, text, end, count, 1);
		split_fields(fields, fields + strlen(fields), from, to, &count);
	}
	if (count != CRON_FIELDS)
		return refuse_text(error, CRON_FIELD_COUNT, text, end, count, CRON_FIELDS);

	memset(spec, 0, sizeof(*spec));
	for (int f = 0; f < CRON_FIELDS; f++)
	{
		Parser		p = {
			.at = from[f],
			.end = to[f],
			.field = (CronField) f,
			.info = &field_info[f],
			.key = hash_key,
			.key_len = hash_len,
			.spec = spec,
			.error = error
		};
		CronStatus	status = parse_field(&p);

		if (status != CRON_OK)
			return status;
	}
	finish_spec(spec);
	if (spec->is_either_day && !allow_day_or)
	{
		refuse_text(error, CRON_BOTH_DAYS, from[CRON_DAY_OF_MONTH],
					to[CRON_DAY_OF_WEEK], 0, 0);
		return CRON_BOTH_DAYS;
	}
	return CRON_OK;
}
