/*-------------------------------------------------------------------------
 *
 * input.c
 *		What a caller asks a schedule to be, and how it is read from JSON.
 *
 * Only types and plain ranges are judged here; what a value means is judged in
 * validate.c.  Reading is strict: a key that the operation does not take is an
 * error of that name, so that a typing mistake is never a silent default.
 * Everything wrong is reported at once.
 *
 * A hostile caller chooses the JSON.  Nothing here recurses into it or raises.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "api/input.h"
#include "api/uuid_text.h"
#include "core/compat.h"

#define DAY_S 86400

typedef enum ValueKind
{
	VALUE_TEXT,
	VALUE_TEXT_OR_NULL,
	VALUE_BOOLEAN,
	VALUE_DOCUMENT_OR_NULL,		/* object or array */
	VALUE_OBJECT,
	VALUE_UUID,
	VALUE_INTEGER,
	VALUE_INTEGER_OR_NULL,		/* stored as 0 */
	VALUE_BIGINT,
	VALUE_CHOICE,
	VALUE_INSTANT_OR_NULL		/* stored as DT_NOBEGIN */
} ValueKind;

typedef struct KeyRule
{
	const char *key;
	uint32		field;
	ValueKind	kind;
	size_t		offset;			/* in ScheduleInput */
	int64		min;
	int64		max;
	const char *choices;		/* of VALUE_CHOICE, separated by '|' */
} KeyRule;

#define AT(member) offsetof(ScheduleInput, member)

static const KeyRule input_keys[] = {
	{"endpoint", INPUT_ENDPOINT, VALUE_TEXT, AT(endpoint), 0, 0, NULL},
	{"cron", INPUT_CRON, VALUE_TEXT, AT(cron), 0, 0, NULL},
	{"timezone", INPUT_TIMEZONE, VALUE_TEXT, AT(timezone), 0, 0, NULL},
	{"enabled", INPUT_ENABLED, VALUE_BOOLEAN, AT(enabled), 0, 0, NULL},
	{"name", INPUT_NAME, VALUE_TEXT_OR_NULL, AT(name), 0, 0, NULL},
	{"payload", INPUT_PAYLOAD, VALUE_DOCUMENT_OR_NULL, AT(payload), 0, 0, NULL},
	{"options", INPUT_OPTIONS, VALUE_OBJECT, 0, 0, 0, NULL},
	{"clientToken", INPUT_CLIENT_TOKEN, VALUE_TEXT_OR_NULL, AT(client_token), 0, 0, NULL},
	{"scheduleId", INPUT_SCHEDULE_ID, VALUE_UUID, AT(schedule_id), 0, 0, NULL},
	{"ifRevision", INPUT_IF_REVISION, VALUE_BIGINT, AT(if_revision), 0, PG_INT64_MAX, NULL},
	{NULL}
};

static const KeyRule option_keys[] = {
	{"overlap", INPUT_OVERLAP, VALUE_CHOICE, AT(overlap), 0, 0, "skip|queue_one|allow"},
	{"catch_up_s", INPUT_CATCH_UP, VALUE_INTEGER, AT(catch_up_s), 0, 28 * DAY_S, NULL},
	{"max_attempts", INPUT_MAX_ATTEMPTS, VALUE_INTEGER, AT(max_attempts), 1, 100, NULL},
	{"backoff_s", INPUT_BACKOFF, VALUE_INTEGER, AT(backoff_s), 0, DAY_S, NULL},
	{"max_age_s", INPUT_MAX_AGE, VALUE_INTEGER, AT(max_age_s), 1, 28 * DAY_S, NULL},
	{"pause_after_failures", INPUT_PAUSE_AFTER, VALUE_INTEGER, AT(pause_after_failures), 0, 1000000, NULL},
	{"timeout_ms", INPUT_TIMEOUT, VALUE_INTEGER_OR_NULL, AT(timeout_ms), 1, 3600000, NULL},
	{"on_unknown", INPUT_ON_UNKNOWN, VALUE_CHOICE, AT(on_unknown), 0, 0, "retry|lost"},
	{"starts_at", INPUT_STARTS_AT, VALUE_INSTANT_OR_NULL, AT(starts_at), 0, 0, NULL},
	{"ends_at", INPUT_ENDS_AT, VALUE_INSTANT_OR_NULL, AT(ends_at), 0, 0, NULL},
	{"jitter_s", INPUT_JITTER, VALUE_INTEGER, AT(jitter_s), 0, 3600, NULL},
	{NULL}
};

/*
 * extsched_input_init
 *		The defaults of a new schedule, with nothing given.
 */
void
extsched_input_init(ScheduleInput *input)
{
	memset(input, 0, sizeof(*input));
	input->timezone = "UTC";
	input->enabled = true;
	input->overlap = "skip";
	input->catch_up_s = 3600;
	input->max_attempts = 3;
	input->backoff_s = 10;
	input->max_age_s = 3600;
	input->pause_after_failures = 20;
	input->on_unknown = "retry";
	input->starts_at = DT_NOBEGIN;
	input->ends_at = DT_NOBEGIN;
}

static char *
string_value(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Read an RFC 3339 instant; false when the text is none. */
static bool
parse_instant(const char *text, TimestampTz *instant)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *fields[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	int			nfields;
	int			dtype;
	int			zone;
	struct pg_tm tm;
	fsec_t		fsec;

	/* A date and a zone must be spelled out: no "now", no session zone. */
	if (strlen(text) < 20 || strlen(text) > 40 || strspn(text, "0123456789-T :.Zzt+") != strlen(text) ||
		strpbrk(text + 19, "Zz+-") == NULL)
		return false;
	if (ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &nfields) != 0)
		return false;
	if (extsched_compat_decode_datetime(fields, types, nfields, &dtype, &tm, &fsec, &zone) != 0 ||
		dtype != DTK_DATE)
		return false;
	return tm2timestamp(&tm, fsec, &zone, instant) == 0 && !TIMESTAMP_NOT_FINITE(*instant);
}

static bool
is_choice(const char *choices, const char *value)
{
	size_t		len = strlen(value);

	for (const char *choice = choices; choice != NULL; choice = strchr(choice, '|'))
	{
		if (*choice == '|')
			choice++;
		if (strncmp(choice, value, len) == 0 && (choice[len] == '|' || choice[len] == '\0'))
			return len > 0;
	}
	return false;
}

/*
 * The mark in the input counts, not the field error: there is room for only so
 * many of those, and a caller can fill it with unknown keys.
 */
static void
wrong_type(ScheduleInput *input, const KeyRule *rule, const char *wanted, ApiResult *result)
{
	input->mistyped |= rule->field;
	extsched_result_field(result, rule->key, ERRCODE_INVALID_PARAMETER_VALUE,
						  psprintf("\"%s\" must be %s.", rule->key, wanted), NULL);
}

static void
read_integer(ScheduleInput *input, const KeyRule *rule, const JsonbValue *value, int64 *number, ApiResult *result)
{
	bool		is_whole = false;

	if (value->type == jbvNumeric)
	{
		/* Compare as numeric first: a huge number must not raise. */
		Datum		numeric = NumericGetDatum(value->val.numeric);
		Datum		low = DirectFunctionCall1(int8_numeric, Int64GetDatum(rule->min));
		Datum		high = DirectFunctionCall1(int8_numeric, Int64GetDatum(rule->max));

		if (!numeric_is_nan(value->val.numeric) && !numeric_is_inf(value->val.numeric) &&
			DatumGetBool(DirectFunctionCall2(numeric_ge, numeric, low)) &&
			DatumGetBool(DirectFunctionCall2(numeric_le, numeric, high)))
		{
			Datum		floor = DirectFunctionCall1(numeric_floor, numeric);

			is_whole = DatumGetBool(DirectFunctionCall2(numeric_eq, numeric, floor));
			if (is_whole)
				*number = DatumGetInt64(DirectFunctionCall1(numeric_int8, numeric));
		}
	}
	if (!is_whole)
		wrong_type(input, rule, psprintf("a whole number from " INT64_FORMAT " to " INT64_FORMAT,
										 rule->min, rule->max), result);
}

static void
read_text_like(ScheduleInput *input, const KeyRule *rule, const JsonbValue *value, void *target,
			   ApiResult *result)
{
	char	   *text;

	if (value->type != jbvString)
	{
		wrong_type(input, rule,
				   rule->kind == VALUE_TEXT ? "a string" :
				   rule->kind == VALUE_TEXT_OR_NULL ? "a string or null" :
				   rule->kind == VALUE_UUID ? "a uuid" :
				   rule->kind == VALUE_CHOICE ? psprintf("one of %s", rule->choices) :
				   "an instant with a zone, as \"2026-01-31T08:00:00Z\"", result);
		return;
	}

	text = string_value(value);
	switch (rule->kind)
	{
		case VALUE_UUID:
			if (!extsched_uuid_from_text(text, target))
				wrong_type(input, rule, "a uuid", result);
			break;
		case VALUE_CHOICE:
			if (!is_choice(rule->choices, text))
				wrong_type(input, rule, psprintf("one of %s", rule->choices), result);
			else
				*(char **) target = text;
			break;
		case VALUE_INSTANT_OR_NULL:
			if (!parse_instant(text, target))
				wrong_type(input, rule, "an instant with a zone, as \"2026-01-31T08:00:00Z\"", result);
			break;
		default:
			*(char **) target = text;
			break;
	}
}

static void
read_value(ScheduleInput *input, const KeyRule *rule, JsonbValue *value, ApiResult *result)
{
	void	   *target = (char *) input + rule->offset;
	bool		is_null = value->type == jbvNull;
	int64		number = rule->min;

	input->given |= rule->field;
	switch (rule->kind)
	{
		case VALUE_BOOLEAN:
			if (value->type == jbvBool)
				*(bool *) target = value->val.boolean;
			else
				wrong_type(input, rule, "true or false", result);
			break;
		case VALUE_OBJECT:
			if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
				extsched_input_read_options(input, value->val.binary.data, result);
			else
				wrong_type(input, rule, "an object", result);
			break;
		case VALUE_DOCUMENT_OR_NULL:
			if (is_null)
				*(Jsonb **) target = NULL;
			else if (value->type == jbvBinary && !JsonContainerIsScalar(value->val.binary.data))
				*(Jsonb **) target = JsonbValueToJsonb(value);
			else
				wrong_type(input, rule, "an object, an array or null", result);
			break;
		case VALUE_INTEGER:
		case VALUE_INTEGER_OR_NULL:
			if (is_null && rule->kind == VALUE_INTEGER_OR_NULL)
			{
				*(int *) target = 0;
				break;
			}
			read_integer(input, rule, value, &number, result);
			*(int *) target = (int) number;
			break;
		case VALUE_BIGINT:
			read_integer(input, rule, value, (int64 *) target, result);
			break;
		case VALUE_TEXT_OR_NULL:
			if (is_null)
				*(char **) target = NULL;
			else
				read_text_like(input, rule, value, target, result);
			break;
		case VALUE_INSTANT_OR_NULL:
			if (is_null)
				*(TimestampTz *) target = DT_NOBEGIN;
			else
				read_text_like(input, rule, value, target, result);
			break;
		case VALUE_TEXT:
		case VALUE_UUID:
		case VALUE_CHOICE:
			read_text_like(input, rule, value, target, result);
			break;
	}
}

static char *
list_keys(const KeyRule *rules, uint32 allowed)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const KeyRule *rule = rules; rule->key != NULL; rule++)
	{
		if (rule->field & allowed)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", rule->key);
	}
	return list.len > 0 ? psprintf("Known here: %s.", list.data) : "This operation takes none.";
}

static void
unknown_key(const JsonbValue *key, const KeyRule *rules, uint32 allowed, ApiResult *result)
{
	/* A key is a caller's text: name it, but not at any length. */
	int			len = pg_mbcliplen(key->val.string.val, key->val.string.len, 128);
	char	   *name = pnstrdup(key->val.string.val, len);

	extsched_result_field(result, name, ERRCODE_INVALID_PARAMETER_VALUE,
						  psprintf("Key \"%s\" is not known.", name),
						  list_keys(rules, allowed));
}

static void
read_object(ScheduleInput *input, JsonbContainer *json, const KeyRule *rules,
			uint32 allowed, ApiResult *result)
{
	JsonbIterator *iterator = JsonbIteratorInit(json);
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbValue	key = {0};

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		const KeyRule *rule;

		if (token == WJB_KEY)
			key = value;
		if (token != WJB_VALUE)
			continue;

		for (rule = rules; rule->key != NULL; rule++)
		{
			if (strlen(rule->key) == (size_t) key.val.string.len &&
				memcmp(rule->key, key.val.string.val, key.val.string.len) == 0)
				break;
		}
		if (rule->key != NULL && (rule->field & allowed))
			read_value(input, rule, &value, result);
		else if (rules != input_keys || key.val.string.len != strlen("operation") ||
				 memcmp(key.val.string.val, "operation", key.val.string.len) != 0)
			unknown_key(&key, rules, allowed, result);
	}
}

/*
 * extsched_input_read
 *		Read the keys of an object over what *input holds.
 *
 * allowed is a set of INPUT_ bits; another key is an error of its name, but for
 * "operation", which is ignored so that a route may pass its body on.  what
 * names the object itself in the error when it is none.  Raises no error.
 */
void
extsched_input_read(ScheduleInput *input, Jsonb *json, const char *what,
					uint32 allowed, ApiResult *result)
{
	if (json == NULL || !JB_ROOT_IS_OBJECT(json))
		extsched_result_field(result, what, ERRCODE_INVALID_PARAMETER_VALUE,
							  psprintf("\"%s\" must be a JSON object.", what), NULL);
	else
		read_object(input, &json->root, input_keys, allowed, result);
}

/*
 * extsched_input_read_options
 *		The same for the keys of "options".
 */
void
extsched_input_read_options(ScheduleInput *input, JsonbContainer *json, ApiResult *result)
{
	read_object(input, json, option_keys, ~(uint32) 0, result);
}
