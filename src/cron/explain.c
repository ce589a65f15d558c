/*-------------------------------------------------------------------------
 *
 * explain.c
 *		A refused expression in words.
 *
 * One wording serves the raising SQL face (DETAIL and HINT) and the structured
 * host face (the text of a field error), so that both always say the same.
 * Detail and hint are full sentences; the headline is the caller's, because
 * only it knows what the expression belongs to.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cron/fields.h"

static const char *const field_names[CRON_FIELDS + 1] = {
	[CRON_MINUTE] = "minute",
	[CRON_HOUR] = "hour",
	[CRON_DAY_OF_MONTH] = "day of month",
	[CRON_MONTH] = "month",
	[CRON_DAY_OF_WEEK] = "day of week",
	[CRON_FIELDS] = "expression"
};

/* What may stand in a field. */
static const char *const allowed[CRON_FIELDS + 1] = {
	[CRON_MINUTE] =
	"Allowed are *, H, numbers 0-59, ranges (10-20), steps (*/15) and lists (0,30).",
	[CRON_HOUR] =
	"Allowed are *, H, numbers 0-23, ranges (9-17), steps (*/2) and lists (6,18).",
	[CRON_DAY_OF_MONTH] =
	"Allowed are *, H, numbers 1-31, ranges (1-7), steps (*/2), lists (1,15), L, L-n, nW and LW.",
	[CRON_MONTH] =
	"Allowed are *, H, numbers 1-12, names jan-dec, ranges (6-8), steps (*/3) and lists (1,7).",
	[CRON_DAY_OF_WEEK] =
	"Allowed are *, H, numbers 0-7, names sun-sat, ranges (mon-fri), lists (1,3), nL and n#k.",
	[CRON_FIELDS] =
	"Write five fields: minute, hour, day of month, month, day of week."
};

/* The name of a field as messages write it; CRON_FIELDS is "expression". */
const char *
extsched_cron_field_name(CronField field)
{
	return field_names[field];
}

/* The name of a note as SQL shows it, or NULL for an ordinary time. */
const char *
extsched_cron_note_name(CronNote note)
{
	switch (note)
	{
		case CRON_NOTE_GAP:
			return "gap";
		case CRON_NOTE_FOLD:
			return "fold";
		default:
			return NULL;
	}
}

static void say(char *buf, size_t size, const char *format,...)
	__attribute__((format(printf, 3, 4)));

static void
say(char *buf, size_t size, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(buf, size, format, args);
	va_end(args);
}

/* The refusals that concern the expression as a whole. */
static void
detail_of_whole(const CronError *error, char *buf, size_t size)
{
	switch (error->status)
	{
		case CRON_EMPTY:
			say(buf, size, "The expression is empty.");
			break;
		case CRON_TOO_LONG:
			say(buf, size, "The expression has %" PRId64 " bytes; at most %" PRId64
				" are allowed.", error->value, error->max);
			break;
		case CRON_FIELD_COUNT:
			if (error->max == 1)
				say(buf, size, "Nothing may follow a name that begins with \"@\", as in \"%s\".",
					error->token);
			else
				say(buf, size, "The expression has %" PRId64 " %s instead of five.",
					error->value, error->value == 1 ? "field" : "fields");
			break;
		case CRON_UNKNOWN_MACRO:
			say(buf, size, "The name \"%s\" is not known.", error->token);
			break;
		case CRON_NO_REBOOT:
			say(buf, size, "\"%s\" has no nominal time and is not supported.",
				error->token);
			break;
		case CRON_BOTH_DAYS:
			say(buf, size, "Fields \"day of month\" and \"day of week\" are both restricted in \"%s\".",
				error->token);
			break;
		case CRON_NEVER_DUE:
			say(buf, size, "No day of the calendar matches the expression.");
			break;
		case CRON_TOO_OFTEN:
			say(buf, size, "Two nominal times are %" PRId64
				" seconds apart; at least %" PRId64 " are required.",
					 error->value, error->min);
			break;
		case CRON_NEEDS_KEY:
			say(buf, size, "The value of H is derived from a hash key, and there is none.");
			break;
		default:
			say(buf, size, "The expression is not valid.");
			break;
	}
}

/*
 * extsched_cron_detail
 *		Say what is wrong: field, token and what is allowed, in one sentence or
 *		two.
 *
 * 256 bytes are enough for each of them; longer texts are cut.
 */
void
extsched_cron_detail(const CronError *error, char *buf, size_t size)
{
	const char *field = field_names[error->field];
	const char *token = error->token;

	switch (error->status)
	{
		case CRON_SYNTAX:
			say(buf, size, "Item \"%s\" in field \"%s\" is not understood. %s",
				token, field, allowed[error->field]);
			break;
		case CRON_EMPTY_ITEM:
			say(buf, size, "A list in field \"%s\" has an empty item. %s",
				field, allowed[error->field]);
			break;
		case CRON_VALUE_RANGE:
			say(buf, size, "Value \"%s\" in field \"%s\" is not between %" PRId64
				" and %" PRId64 ".", token, field, error->min, error->max);
			break;
		case CRON_REVERSED:
			say(buf, size, "Range \"%s\" in field \"%s\" ends before it begins; values are %" PRId64
				" to %" PRId64 ".", token, field, error->min, error->max);
			break;
		case CRON_ZERO_STEP:
			say(buf, size, "The step of \"%s\" in field \"%s\" is zero; allowed are 1 to %" PRId64
				".", token, field, error->max);
			break;
		case CRON_STEP_RANGE:
			say(buf, size, "Step \"%s\" in field \"%s\" is not between %" PRId64
				" and %" PRId64 ".", token, field, error->min, error->max);
			break;
		case CRON_WRONG_FIELD:
			say(buf, size, "Item \"%s\" has no meaning in field \"%s\". %s",
				token, field, allowed[error->field]);
			break;
		case CRON_HASH_LIST:
			say(buf, size, "The list in field \"%s\" combines H with \"*\" or with a second H.",
				field);
			break;
		default:
			detail_of_whole(error, buf, size);
			break;
	}
}

/*
 * extsched_cron_hint
 *		Say what to do about it: a constant sentence.
 */
const char *
extsched_cron_hint(const CronError *error)
{
	switch (error->status)
	{
		case CRON_REVERSED:
			return "Write the two parts as a list, for example \"22-23,0-5\".";
		case CRON_ZERO_STEP:
		case CRON_STEP_RANGE:
			return "A step counts values of its own field: for every 90 minutes, write two expressions.";
		case CRON_WRONG_FIELD:
			return "L, L-n, nW and LW belong to the day of month, nL and n#k to the day of week.";
		case CRON_HASH_LIST:
			return "Write one H, with a range or a step if you want, for example \"H(0-29)/10\".";
		case CRON_FIELD_COUNT:
			if (error->max != 1)
				return "Write five fields, for example \"*/15 9-17 * * 1-5\".";
			return "Remove what follows the name.";
		case CRON_UNKNOWN_MACRO:
		case CRON_NO_REBOOT:
			return "Allowed are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually.";
		case CRON_BOTH_DAYS:
			return "Write \"*\" in one of the two day fields; where either may match, create two schedules.";
		case CRON_NEVER_DUE:
			return "Check day and month: \"0 0 L * *\" is the last day of each month, \"0 0 29 2 *\" is fine.";
		case CRON_TOO_OFTEN:
			return "Choose times that are further apart, also across the edge of an hour and a day.";
		case CRON_NEEDS_KEY:
			return "Pass the id of the schedule as hash key.";
		case CRON_SYNTAX:
		case CRON_VALUE_RANGE:
		case CRON_EMPTY_ITEM:
		default:
			return "Write five fields, for example \"*/15 9-17 * * 1-5\".";
	}
}
