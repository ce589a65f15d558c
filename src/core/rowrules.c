/*-------------------------------------------------------------------------
 *
 * rowrules.c
 *		What a row of extsched.schedule, timer or run may hold by itself.
 *
 * The functions here are the CHECK constraints of the three tables.  A CHECK
 * is stored as text; the server reads, plans and compiles it anew for each
 * statement that writes the table.  One for each column, some forty together,
 * took a third of the time of a create.  One call for a row costs next to
 * nothing, and its error names the column.
 *
 * The rules are immutable and look at their row only.  What depends on
 * settings, limits, zone data or other rows is the business of api/validate.c,
 * which refuses all that is refused here, and says it better: nobody meets
 * these errors but he who writes to the tables by hand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "core/runkey.h"
#include "core/vocab.h"
#include "cron/cron.h"

typedef enum RuleKind
{
	RULE_NONE,					/* judged with other columns only */
	RULE_CHARS,					/* text of min to max characters */
	RULE_BYTES,					/* text of min to max bytes */
	RULE_CRON,					/* the same as RULE_CHARS, and can be due */
	RULE_WORD,					/* one of words */
	RULE_INTEGER,				/* min at least */
	RULE_BIGINT,				/* the same, of 8 bytes */
	RULE_INSTANT,				/* finite */
	RULE_DOCUMENT				/* JSON object or array */
} RuleKind;

typedef struct ColumnRule
{
	const char *column;
	RuleKind	kind;
	int			min;
	int			max;
	const char *words[4];
} ColumnRule;

/* A row under judgement: the arguments are its columns, in the order of rules. */
typedef struct Row
{
	const char *table;
	const ColumnRule *rules;
	int			nrules;
	FunctionCallInfo fcinfo;
} Row;

/* Arguments of extsched.schedule_is_sound(). */
enum
{
	SCHEDULE_VERSION_ID,
	SCHEDULE_ENDPOINT_ID,
	SCHEDULE_NAME,
	SCHEDULE_CRON,
	SCHEDULE_TIMEZONE,
	SCHEDULE_PAYLOAD,
	SCHEDULE_ENABLED,
	SCHEDULE_OVERLAP,
	SCHEDULE_CATCH_UP_S,
	SCHEDULE_MAX_ATTEMPTS,
	SCHEDULE_BACKOFF_S,
	SCHEDULE_MAX_AGE_S,
	SCHEDULE_PAUSE_AFTER_FAILURES,
	SCHEDULE_TIMEOUT_MS,
	SCHEDULE_ON_UNKNOWN,
	SCHEDULE_STARTS_AT,
	SCHEDULE_ENDS_AT,
	SCHEDULE_JITTER_S,
	SCHEDULE_CLIENT_TOKEN,
	SCHEDULE_CLIENT_DIGEST,
	SCHEDULE_INVALID_REASON,
	SCHEDULE_CREATED_VIA,
	SCHEDULE_REVISION
};

static const ColumnRule schedule_rules[] = {
	[SCHEDULE_VERSION_ID] = {"version_id"},
	[SCHEDULE_ENDPOINT_ID] = {"endpoint_id"},
	[SCHEDULE_NAME] = {"name", RULE_CHARS, 1, 128},
	[SCHEDULE_CRON] = {"cron", RULE_CRON, 1, 128},
	[SCHEDULE_TIMEZONE] = {"timezone", RULE_CHARS, 1, 64},
	[SCHEDULE_PAYLOAD] = {"payload", RULE_DOCUMENT},
	[SCHEDULE_ENABLED] = {"enabled"},
	[SCHEDULE_OVERLAP] = {"overlap", RULE_WORD, .words = {"skip", "queue_one", "allow"}},
	[SCHEDULE_CATCH_UP_S] = {"catch_up_s", RULE_INTEGER, 0},
	[SCHEDULE_MAX_ATTEMPTS] = {"max_attempts", RULE_INTEGER, 1},
	[SCHEDULE_BACKOFF_S] = {"backoff_s", RULE_INTEGER, 0},
	[SCHEDULE_MAX_AGE_S] = {"max_age_s", RULE_INTEGER, 1},
	[SCHEDULE_PAUSE_AFTER_FAILURES] = {"pause_after_failures", RULE_INTEGER, 0},
	[SCHEDULE_TIMEOUT_MS] = {"timeout_ms", RULE_INTEGER, 1},
	[SCHEDULE_ON_UNKNOWN] = {"on_unknown", RULE_WORD, .words = {"retry", "lost"}},
	[SCHEDULE_STARTS_AT] = {"starts_at"},
	[SCHEDULE_ENDS_AT] = {"ends_at"},
	[SCHEDULE_JITTER_S] = {"jitter_s", RULE_INTEGER, 0},
	[SCHEDULE_CLIENT_TOKEN] = {"client_token", RULE_BYTES, 1, 255},
	[SCHEDULE_CLIENT_DIGEST] = {"client_digest"},
	[SCHEDULE_INVALID_REASON] = {"invalid_reason", RULE_BYTES, 0, 4000},
	[SCHEDULE_CREATED_VIA] = {"created_via", RULE_WORD, .words = {"host_api", "admin"}},
	[SCHEDULE_REVISION] = {"revision", RULE_BIGINT, 1},
};

/* Arguments of extsched.timer_is_sound(). */
enum
{
	TIMER_NEXT_DUE,
	TIMER_ACCOUNTED_FROM,
	TIMER_IN_FLIGHT,
	TIMER_CONSECUTIVE_FAILURES,
	TIMER_IS_PAUSED,
	TIMER_PAUSE_REASON,
	TIMER_PAUSED_AT,
	TIMER_QUARANTINE_REASON,
	TIMER_LAST_RUN_STATUS,
	TIMER_LAST_ERROR
};

static const ColumnRule timer_rules[] = {
	[TIMER_NEXT_DUE] = {"next_due", RULE_INSTANT},
	[TIMER_ACCOUNTED_FROM] = {"accounted_from", RULE_INSTANT},
	[TIMER_IN_FLIGHT] = {"in_flight", RULE_INTEGER, 0},
	[TIMER_CONSECUTIVE_FAILURES] = {"consecutive_failures", RULE_INTEGER, 0},
	[TIMER_IS_PAUSED] = {"is_paused"},
	[TIMER_PAUSE_REASON] = {"pause_reason", RULE_BYTES, 0, 4000},
	[TIMER_PAUSED_AT] = {"paused_at"},
	[TIMER_QUARANTINE_REASON] = {"quarantine_reason", RULE_BYTES, 0, 4000},
	[TIMER_LAST_RUN_STATUS] = {"last_run_status", RULE_WORD, .words = {"success", "error"}},
	[TIMER_LAST_ERROR] = {"last_error", RULE_BYTES, 0, 4000},
};

/* Arguments of extsched.run_is_sound(). */
enum
{
	RUN_TRIGGER,
	RUN_NOMINAL_TIME,
	RUN_SLOT,
	RUN_STATE,
	RUN_REASON,
	RUN_FINISHED_AT,
	RUN_LEASE_ID,
	RUN_ERROR,
	RUN_MISSED_COUNT,
	RUN_MISSED_FIRST
};

static const ColumnRule run_rules[] = {
	[RUN_TRIGGER] = {"trigger"},
	[RUN_NOMINAL_TIME] = {"nominal_time"},
	[RUN_SLOT] = {"slot"},
	[RUN_STATE] = {"state"},
	[RUN_REASON] = {"reason"},
	[RUN_FINISHED_AT] = {"finished_at"},
	[RUN_LEASE_ID] = {"lease_id"},
	[RUN_ERROR] = {"error", RULE_BYTES, 0, 4000},
	[RUN_MISSED_COUNT] = {"missed_count"},
	[RUN_MISSED_FIRST] = {"missed_first"},
};

static bool
is_one_of(const text *value, const char *const *words)
{
	size_t		len = VARSIZE_ANY_EXHDR(value);

	for (; *words != NULL; words++)
	{
		if (strlen(*words) == len && memcmp(VARDATA_ANY(value), *words, len) == 0)
			return true;
	}
	return false;
}

static bool
can_be_due(const text *cron)
{
	CronSpec	spec;
	CronError	error;

	return extsched_cron_check(VARDATA_ANY(cron), VARSIZE_ANY_EXHDR(cron),
							   true, 0, &spec, &error) == CRON_OK;
}

static bool
is_between(int value, const ColumnRule *rule)
{
	return value >= rule->min && value <= rule->max;
}

static bool
keeps_rule(const ColumnRule *rule, Datum value)
{
	text	   *string;

	switch (rule->kind)
	{
		case RULE_NONE:
			return true;
		case RULE_CHARS:
		case RULE_CRON:
			string = DatumGetTextPP(value);
			return is_between(pg_mbstrlen_with_len(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string)), rule) &&
				(rule->kind == RULE_CHARS || can_be_due(string));
		case RULE_BYTES:
			return is_between(VARSIZE_ANY_EXHDR(DatumGetTextPP(value)), rule);
		case RULE_WORD:
			return is_one_of(DatumGetTextPP(value), rule->words);
		case RULE_INTEGER:
			return DatumGetInt32(value) >= rule->min;
		case RULE_BIGINT:
			return DatumGetInt64(value) >= rule->min;
		case RULE_INSTANT:
			return !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value));
		case RULE_DOCUMENT:
			return !JB_ROOT_IS_SCALAR(DatumGetJsonbP(value));
	}
	pg_unreachable();
}

static void
refuse(const Row *row, int column)
{
	ereport(ERROR,
			errcode(ERRCODE_CHECK_VIOLATION),
			errmsg("invalid value in column \"%s\" of table \"extsched.%s\"",
				   row->rules[column].column, row->table),
			errhint("Leave the tables to the functions of extsched, which say what is wrong."));
}

static bool
is_null(const Row *row, int column)
{
	return row->fcinfo->args[column].isnull;
}

static Datum
value_of(const Row *row, int column)
{
	return row->fcinfo->args[column].value;
}

/* Judge each column by itself; null is no value.  Raises 23514. */
static void
check_columns(const Row *row)
{
	Assert(row->fcinfo->nargs == row->nrules);
	for (int i = 0; i < row->nrules; i++)
	{
		if (!is_null(row, i) && !keeps_rule(&row->rules[i], value_of(row, i)))
			refuse(row, i);
	}
}

/*
 * extsched.schedule_is_sound(columns of a schedule) returns boolean
 *		True, or fails with 23514.
 */
PG_FUNCTION_INFO_V1(extsched_schedule_is_sound);
Datum
extsched_schedule_is_sound(PG_FUNCTION_ARGS)
{
	Row			row = {"schedule", schedule_rules, lengthof(schedule_rules), fcinfo};
	bool		has_endpoint = !is_null(&row, SCHEDULE_ENDPOINT_ID);

	check_columns(&row);
	if (is_null(&row, SCHEDULE_VERSION_ID) == has_endpoint)
		refuse(&row, SCHEDULE_ENDPOINT_ID);
	if (!has_endpoint &&
		(DatumGetBool(value_of(&row, SCHEDULE_ENABLED)) || is_null(&row, SCHEDULE_INVALID_REASON)))
		refuse(&row, SCHEDULE_ENABLED);
	if (is_null(&row, SCHEDULE_CLIENT_TOKEN) != is_null(&row, SCHEDULE_CLIENT_DIGEST))
		refuse(&row, SCHEDULE_CLIENT_TOKEN);
	if (!is_null(&row, SCHEDULE_STARTS_AT) && !is_null(&row, SCHEDULE_ENDS_AT) &&
		DatumGetTimestampTz(value_of(&row, SCHEDULE_STARTS_AT)) >=
		DatumGetTimestampTz(value_of(&row, SCHEDULE_ENDS_AT)))
		refuse(&row, SCHEDULE_ENDS_AT);
	PG_RETURN_BOOL(true);
}

/*
 * extsched.timer_is_sound(columns of a timer) returns boolean
 *		True, or fails with 23514.
 */
PG_FUNCTION_INFO_V1(extsched_timer_is_sound);
Datum
extsched_timer_is_sound(PG_FUNCTION_ARGS)
{
	Row			row = {"timer", timer_rules, lengthof(timer_rules), fcinfo};

	check_columns(&row);
	if (!DatumGetBool(value_of(&row, TIMER_IS_PAUSED)) &&
		!(is_null(&row, TIMER_PAUSE_REASON) && is_null(&row, TIMER_PAUSED_AT)))
		refuse(&row, TIMER_IS_PAUSED);
	if (!is_null(&row, TIMER_QUARANTINE_REASON) && !is_null(&row, TIMER_NEXT_DUE))
		refuse(&row, TIMER_NEXT_DUE);
	PG_RETURN_BOOL(true);
}

/* A word of core/vocab.h; null and what is none are refused. */
static int
word_of(const Row *row, int column, int (*by_name) (const char *name))
{
	int			word = is_null(row, column) ? -1 : by_name(TextDatumGetCString(value_of(row, column)));

	if (word < 0)
		refuse(row, column);
	return word;
}

/*
 * extsched.run_is_sound(columns of a run) returns boolean
 *		True, or fails with 23514.
 */
PG_FUNCTION_INFO_V1(extsched_run_is_sound);
Datum
extsched_run_is_sound(PG_FUNCTION_ARGS)
{
	Row			row = {"run", run_rules, lengthof(run_rules), fcinfo};
	ExtschedRunState state;
	bool		is_over;

	check_columns(&row);
	(void) word_of(&row, RUN_TRIGGER, extsched_trigger_by_name);
	state = word_of(&row, RUN_STATE, extsched_run_state_by_name);
	is_over = EXTSCHED_RUN_IS_TERMINAL(state);

	if (is_null(&row, RUN_NOMINAL_TIME) || is_null(&row, RUN_SLOT) ||
		DatumGetInt16(value_of(&row, RUN_SLOT)) !=
		extsched_run_slot(DatumGetTimestampTz(value_of(&row, RUN_NOMINAL_TIME))))
		refuse(&row, RUN_SLOT);
	if (is_null(&row, RUN_FINISHED_AT) == is_over)
		refuse(&row, RUN_FINISHED_AT);
	if (is_null(&row, RUN_REASON) == (is_over && state != EXTSCHED_RUN_SUCCEEDED))
		refuse(&row, RUN_REASON);
	if (is_null(&row, RUN_LEASE_ID) == (state == EXTSCHED_RUN_RUNNING))
		refuse(&row, RUN_LEASE_ID);
	if (is_null(&row, RUN_MISSED_COUNT) == (state == EXTSCHED_RUN_MISSED))
		refuse(&row, RUN_MISSED_COUNT);
	if (is_null(&row, RUN_MISSED_FIRST) != is_null(&row, RUN_MISSED_COUNT))
		refuse(&row, RUN_MISSED_FIRST);
	PG_RETURN_BOOL(true);
}
