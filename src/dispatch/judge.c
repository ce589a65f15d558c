/*-------------------------------------------------------------------------
 *
 * judge.c
 *		What a reply means for a run.
 *
 * The table is in docs/runner-contract.md, "How a reply is judged".  Its spirit:
 * only what certainly is a success is one, what another attempt may mend is
 * tried again, and what it cannot mend is not.
 *
 * Pushed replies and those that pulling Runners hand in are judged by the same
 * code.  It takes no transaction, raises no error whatever the reply holds, and
 * reads it once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "dispatch/json.h"
#include "dispatch/judge.h"
#include "dispatch/utf8.h"

#define STATUS_MIN 100
#define STATUS_MAX 599

/* What is read of a reply, in this order. */
enum
{
	MEMBER_STATUS,
	MEMBER_ERROR,
	MEMBER_HEADERS,
	MEMBERS
};

/*
 * extsched_judge_retry_after
 *		How long a Retry-After value asks to wait.
 *
 * value is a number of seconds or a date (RFC 9110, section 10.2.3); a date
 * counts from now_s.  Returns seconds, 0 for a date that has passed, -1 when
 * value is NULL or neither.
 */
int
extsched_judge_retry_after(const char *value, int64 now_s)
{
	int64		seconds = 0;
	time_t		date;

	if (value == NULL || *value == '\0')
		return -1;
	if (strspn(value, "0123456789") == strlen(value))
	{
		for (; *value && seconds < PG_INT32_MAX; value++)
			seconds = seconds * 10 + (*value - '0');
		return (int) Min(seconds, PG_INT32_MAX);
	}
	/* A date has a name of a day first; curl_getdate() also takes less. */
	if (*value < 'A' || *value > 'Z')
		return -1;
	date = curl_getdate(value, NULL);
	if (date == (time_t) -1)
		return -1;
	return (int) Min(Max((int64) date - now_s, 0), PG_INT32_MAX);
}

/*
 * A status worth another attempt: the Runner or what is behind it was busy,
 * slow or broken, rather than unwilling.
 */
static bool
may_pass_later(int status)
{
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

/* Append what a string stands for, of another value its JSON text. */
static void
append_value(StringInfo text, const ExtschedJsonValue *value)
{
	if (value->kind == EXTSCHED_JSON_STRING)
	{
		enlargeStringInfo(text, value->len);
		text->len += extsched_json_unescape(value, text->data + text->len);
		text->data[text->len] = '\0';
	}
	else
		appendBinaryStringInfo(text, value->start, value->len);
}

/* Whether an "error" member says that something went wrong. */
static bool
is_error(const ExtschedJsonValue *value)
{
	return value->kind != EXTSCHED_JSON_ABSENT &&
		value->kind != EXTSCHED_JSON_NULL &&
		!(value->kind == EXTSCHED_JSON_STRING && value->len == 2);
}

/* Fill in a verdict; error is any bytes, NULL for none. */
static void
decide(ExtschedVerdict *verdict, ExtschedVerdictKind kind, ExtschedReason reason,
	   int http_status, StringInfo error)
{
	verdict->kind = kind;
	verdict->reason = reason;
	verdict->http_status = http_status;
	verdict->error = error ?
		extsched_utf8_clean(error->data, error->len, EXTSCHED_ERROR_BYTES) : NULL;
}

/* The verdict of a status that is no success, whoever said it. */
static void
decide_by_status(ExtschedVerdict *verdict, const char *who, int status,
				 const ExtschedJsonValue *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s status %d", who, status);
	if (is_error(error))
	{
		appendStringInfoString(&text, ": ");
		append_value(&text, error);
	}
	decide(verdict, may_pass_later(status) ? EXTSCHED_VERDICT_RETRY : EXTSCHED_VERDICT_FINAL,
		   EXTSCHED_REASON_HTTP_STATUS, status, &text);
	pfree(text.data);
}

static void
decide_bad_response(ExtschedVerdict *verdict, int status, const char *problem)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "reply is not as the contract says: %s", problem);
	decide(verdict, EXTSCHED_VERDICT_RETRY, EXTSCHED_REASON_BAD_RESPONSE, status, &text);
	pfree(text.data);
}

/* Read a whole number within the range of statuses; else say what is wrong. */
static const char *
read_status(const ExtschedJsonValue *value, int *status)
{
	char		digits[32];
	double		number;

	if (value->kind == EXTSCHED_JSON_ABSENT)
		return "\"status\" is missing";
	if (value->kind != EXTSCHED_JSON_NUMBER)
		return "\"status\" is no number";
	if (value->len >= sizeof(digits))
		return "\"status\" is out of range";
	memcpy(digits, value->start, value->len);
	digits[value->len] = '\0';
	number = strtod(digits, NULL);
	if (!(number >= STATUS_MIN && number <= STATUS_MAX))
		return "\"status\" is out of range";
	if (number != floor(number))
		return "\"status\" is no whole number";
	*status = (int) number;
	return NULL;
}

/* Retry-After among the headers that a reply carries inside, or -1. */
static int
read_inner_retry_after(const ExtschedJsonValue *headers, int64 now_s)
{
	ExtschedJsonMember names[] = {{.key = "retry-after"}, {.key = "Retry-After"}};
	char		value[64];

	if (headers->kind != EXTSCHED_JSON_OBJECT)
		return -1;
	(void) extsched_json_find(headers->start, headers->len, names, lengthof(names));
	for (int i = 0; i < lengthof(names); i++)
	{
		const ExtschedJsonValue *found = &names[i].value;
		size_t		len = 0;

		if (found->kind == EXTSCHED_JSON_ABSENT || found->len >= sizeof(value))
			continue;
		if (found->kind == EXTSCHED_JSON_STRING)
			len = extsched_json_unescape(found, value);
		else if (found->kind == EXTSCHED_JSON_NUMBER)
			memcpy(value, found->start, len = found->len);
		value[len] = '\0';
		return extsched_judge_retry_after(value, now_s);
	}
	return -1;
}

/* Judge the body of an HTTP reply that was a success by its own status. */
static void
judge_body(const char *json, size_t len, int http_status, int64 now_s,
		   ExtschedVerdict *verdict)
{
	ExtschedJsonMember members[MEMBERS] = {
		[MEMBER_STATUS] = {.key = "status"},
		[MEMBER_ERROR] = {.key = "error"},
		[MEMBER_HEADERS] = {.key = "headers"},
	};
	const ExtschedJsonValue *error = &members[MEMBER_ERROR].value;
	const char *problem = extsched_json_find(json, len, members, MEMBERS);
	int			status = 0;
	int			retry_after_s;

	if (problem == NULL)
		problem = read_status(&members[MEMBER_STATUS].value, &status);
	if (problem != NULL)
	{
		decide_bad_response(verdict, http_status, problem);
		return;
	}
	if (status < 200 || status > 299)
	{
		decide_by_status(verdict, "the endpoint answered with", status, error);
		retry_after_s = read_inner_retry_after(&members[MEMBER_HEADERS].value, now_s);
		if (retry_after_s >= 0)
			verdict->retry_after_s = retry_after_s;
	}
	else if (is_error(error))
	{
		StringInfoData text;

		initStringInfo(&text);
		append_value(&text, error);
		decide(verdict, EXTSCHED_VERDICT_RETRY, EXTSCHED_REASON_BAD_RESPONSE, status, &text);
		pfree(text.data);
	}
	else
		decide(verdict, EXTSCHED_VERDICT_SUCCESS, EXTSCHED_REASON_NONE, status, NULL);
}

/* The verdict of a transfer that did not end with a reply. */
static void
judge_transfer(const ExtschedHttpReply *reply, ExtschedVerdict *verdict)
{
	StringInfoData text;
	ExtschedVerdictKind kind = EXTSCHED_VERDICT_RETRY;
	ExtschedReason reason = EXTSCHED_REASON_CONNECT;

	if (reply->outcome == EXTSCHED_HTTP_TIMEOUT)
		reason = EXTSCHED_REASON_TIMEOUT;
	else if (reply->outcome == EXTSCHED_HTTP_TOO_LARGE)
	{
		kind = EXTSCHED_VERDICT_FINAL;
		reason = EXTSCHED_REASON_RESPONSE_TOO_LARGE;
	}
	else if (reply->outcome == EXTSCHED_HTTP_NOT_BUILT)
	{
		kind = EXTSCHED_VERDICT_FINAL;
		reason = EXTSCHED_REASON_NOT_BUILT;
	}
	initStringInfo(&text);
	appendStringInfoString(&text, reply->error ? reply->error : extsched_reason_name(reason));
	decide(verdict, kind, reason, 0, &text);
	pfree(text.data);
}

/*
 * extsched_judge_reply
 *		Judge a transfer.
 *
 * Fills in all of verdict; its texts are in the current context.
 */
void
extsched_judge_reply(const ExtschedHttpReply *reply, int64 now_s,
					 ExtschedVerdict *verdict)
{
	int			status = reply->http_status;

	verdict->retry_after_s = -1;
	verdict->excerpt = reply->body_len == 0 ? NULL :
		extsched_utf8_clean(reply->body, reply->body_len, EXTSCHED_EXCERPT_BYTES);

	if (reply->outcome != EXTSCHED_HTTP_REPLIED)
	{
		judge_transfer(reply, verdict);
		return;
	}
	verdict->retry_after_s = extsched_judge_retry_after(reply->retry_after, now_s);
	if (status >= 200 && status <= 299)
		judge_body(reply->body, reply->body_len, status, now_s, verdict);
	else
	{
		ExtschedJsonMember error = {.key = "error"};

		if (extsched_json_find(reply->body, reply->body_len, &error, 1) != NULL)
			error.value.kind = EXTSCHED_JSON_ABSENT;
		decide_by_status(verdict, "the Runner answered with HTTP", status, &error.value);
	}
	if (verdict->kind != EXTSCHED_VERDICT_RETRY)
		verdict->retry_after_s = -1;
}

/*
 * extsched_judge_response
 *		Judge what a pulling Runner hands in, as if it came with HTTP 200.
 *
 * json is UTF-8 and need not be terminated.  verdict as above.
 */
void
extsched_judge_response(const char *json, size_t len, int64 now_s,
						ExtschedVerdict *verdict)
{
	ExtschedHttpReply reply = {
		.outcome = EXTSCHED_HTTP_REPLIED, .http_status = 200,
		.body = json, .body_len = len};

	extsched_judge_reply(&reply, now_s, verdict);
}

/* The same for a value of SQL; NULL counts as an empty reply. */
void
extsched_judge_jsonb(Jsonb *response, int64 now_s, ExtschedVerdict *verdict)
{
	char	   *json = response ?
		JsonbToCString(NULL, &response->root, VARSIZE(response)) : pstrdup("");
	size_t		len = strlen(json);
	char	   *utf8 = extsched_utf8_from_server(json, len, &len);

	extsched_judge_response(utf8 ? utf8 : json, utf8 ? len : strlen(json), now_s, verdict);
}
