/*-------------------------------------------------------------------------
 *
 * json_build.c
 *		Small steps for building jsonb objects and arrays.
 *
 * Values are built directly, without a detour over JSON text: a list of
 * schedules is on the path of every page of a tenant's settings.
 *
 * Everything is in the current memory context, and nothing is copied before the
 * end: keys and values must live until extsched_json_finish().  A key of NULL
 * adds an array element.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "api/json_build.h"
#include "api/uuid_text.h"

static void
push(JsonBuild *build, JsonbIteratorToken token, JsonbValue *value)
{
	build->result = pushJsonbValue(&build->state, token, value);
}

static void
push_value(JsonBuild *build, const char *key, JsonbValue *value)
{
	if (key != NULL)
		extsched_json_key(build, key);
	push(build, key != NULL ? WJB_VALUE : WJB_ELEM, value);
}

void
extsched_json_begin_object(JsonBuild *build)
{
	push(build, WJB_BEGIN_OBJECT, NULL);
}

void
extsched_json_end_object(JsonBuild *build)
{
	push(build, WJB_END_OBJECT, NULL);
}

void
extsched_json_begin_array(JsonBuild *build)
{
	push(build, WJB_BEGIN_ARRAY, NULL);
}

void
extsched_json_end_array(JsonBuild *build)
{
	push(build, WJB_END_ARRAY, NULL);
}

/* extsched_json_key: the key of what is begun or pushed next. */
void
extsched_json_key(JsonBuild *build, const char *key)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) key;
	value.val.string.len = strlen(key);
	push(build, WJB_KEY, &value);
}

void
extsched_json_null(JsonBuild *build, const char *key)
{
	JsonbValue	value = {.type = jbvNull};

	push_value(build, key, &value);
}

/* extsched_json_text: a string, or null for NULL. */
void
extsched_json_text(JsonBuild *build, const char *key, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	if (text == NULL)
	{
		extsched_json_null(build, key);
		return;
	}
	value.val.string.val = (char *) text;
	value.val.string.len = strlen(text);
	push_value(build, key, &value);
}

/* extsched_json_text_datum: a string from a value of type text. */
void
extsched_json_text_datum(JsonBuild *build, const char *key, Datum datum, bool isnull)
{
	JsonbValue	value = {.type = jbvString};
	text	   *string;

	if (isnull)
	{
		extsched_json_null(build, key);
		return;
	}
	string = DatumGetTextPP(datum);
	value.val.string.val = VARDATA_ANY(string);
	value.val.string.len = VARSIZE_ANY_EXHDR(string);
	push_value(build, key, &value);
}

void
extsched_json_bool(JsonBuild *build, const char *key, bool boolean)
{
	JsonbValue	value = {.type = jbvBool};

	value.val.boolean = boolean;
	push_value(build, key, &value);
}

void
extsched_json_int(JsonBuild *build, const char *key, int64 number)
{
	JsonbValue	value = {.type = jbvNumeric};

	value.val.numeric = int64_to_numeric(number);
	push_value(build, key, &value);
}

/* extsched_json_uuid: the canonical text of an id, or null for NULL. */
void
extsched_json_uuid(JsonBuild *build, const char *key, const pg_uuid_t *uuid)
{
	extsched_json_text(build, key, uuid != NULL ? extsched_uuid_to_text(uuid) : NULL);
}

/* Append a number of so many digits and the character behind it. */
static char *
put_number(char *to, int number, int digits, char behind)
{
	to = pg_ultostr_zeropad(to, number, digits);
	*to++ = behind;
	return to;
}

/*
 * extsched_json_instant
 *		ISO 8601 in UTC with milliseconds, as 2026-01-02T03:04:05.678Z; null
 *		for an infinite instant, and one before our era.
 *
 * Without a format string, which takes ten times as long.
 */
void
extsched_json_instant(JsonBuild *build, const char *key, TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *text;
	char	   *end;

	if (TIMESTAMP_NOT_FINITE(instant) ||
		timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year <= 0)
	{
		extsched_json_null(build, key);
		return;
	}
	end = text = palloc(sizeof("294276-12-31T23:59:59.999Z"));
	end = put_number(end, tm.tm_year, 4, '-');
	end = put_number(end, tm.tm_mon, 2, '-');
	end = put_number(end, tm.tm_mday, 2, 'T');
	end = put_number(end, tm.tm_hour, 2, ':');
	end = put_number(end, tm.tm_min, 2, ':');
	end = put_number(end, tm.tm_sec, 2, '.');
	end = put_number(end, fsec / 1000, 3, 'Z');
	*end = '\0';
	extsched_json_text(build, key, text);
}

/* extsched_json_document: an object or array as it is, or null for NULL. */
void
extsched_json_document(JsonBuild *build, const char *key, Jsonb *document)
{
	JsonbValue	value = {.type = jbvBinary};

	if (document == NULL)
	{
		extsched_json_null(build, key);
		return;
	}
	value.val.binary.data = &document->root;
	value.val.binary.len = VARSIZE(document) - VARHDRSZ;
	push_value(build, key, &value);
}

/* extsched_json_finish: the whole, after the outermost end. */
Jsonb *
extsched_json_finish(JsonBuild *build)
{
	return JsonbValueToJsonb(build->result);
}
