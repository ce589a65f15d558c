/*-------------------------------------------------------------------------
 *
 * execute.c
 *		Read an execute request and judge it against the Runner contract.
 *
 * A test that only counts arrivals would pass with a scheduler that sends a
 * cookie, a wrapped base64 text or another tenant's header.  So each request
 * is judged, in every test and every benchmark, and the first breach is kept
 * in words (docs/runner-contract.md is the rule).  A breach is counted, not
 * refused: what the scheduler does with the answer is another test.
 *
 * The reading is one pass over the body, see scan.c.
 *
 *-------------------------------------------------------------------------
 */
#include "execute.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* The kind of value that a field of the contract has. */
typedef enum Kind
{
	KIND_STRING,
	KIND_UUID,
	KIND_NUMBER,
	KIND_OBJECT,
	KIND_ARRAY
} Kind;

typedef struct Field
{
	const char *name;
	Kind		kind;
	bool		is_optional;
	const struct Field *fields; /* of an object that is read in the same pass */
	int			count;
} Field;

enum
{
	CONTEXT_REQUEST_ID, CONTEXT_TENANT_ID, CONTEXT_EXTENSION_ID, CONTEXT_INSTALL_ID,
	CONTEXT_VERSION_ID, CONTEXT_CONTENT_HASH, CONTEXT_CONFIG, CONTEXT_TRIGGER,
	CONTEXT_SCHEDULE_ID, CONTEXT_SCHEDULED_FOR, CONTEXT_ATTEMPT, CONTEXT_COUNT
};

static const Field context_fields[CONTEXT_COUNT] = {
	{"request_id", KIND_UUID}, {"tenant_id", KIND_STRING}, {"extension_id", KIND_UUID},
	{"install_id", KIND_UUID}, {"version_id", KIND_UUID}, {"content_hash", KIND_STRING},
	{"config", KIND_OBJECT}, {"trigger", KIND_STRING}, {"schedule_id", KIND_UUID},
	{"scheduled_for", KIND_STRING}, {"attempt", KIND_NUMBER},
};

enum
{
	HTTP_METHOD, HTTP_PATH, HTTP_QUERY, HTTP_HEADERS, HTTP_BODY_B64, HTTP_COUNT
};

static const Field http_fields[HTTP_COUNT] = {
	{"method", KIND_STRING}, {"path", KIND_STRING}, {"query", KIND_OBJECT},
	{"headers", KIND_OBJECT}, {"body_b64", KIND_STRING, true},
};

static const Field limits_fields[1] = {{"timeout_ms", KIND_NUMBER}};

enum
{
	TOP_CONTEXT, TOP_HTTP, TOP_LIMITS, TOP_PROVIDERS, TOP_SECRET_ENVELOPE, TOP_COUNT
};

static const Field top_fields[TOP_COUNT] = {
	{"context", KIND_OBJECT, .fields = context_fields, .count = CONTEXT_COUNT},
	{"http", KIND_OBJECT, .fields = http_fields, .count = HTTP_COUNT},
	{"limits", KIND_OBJECT, .fields = limits_fields, .count = 1},
	{"providers", KIND_ARRAY}, {"secret_envelope", KIND_OBJECT, true},
};

/* The values of all fields, raw; empty when absent or of the wrong type. */
typedef struct Values
{
	Slice		top[TOP_COUNT];
	Slice		context[CONTEXT_COUNT];
	Slice		http[HTTP_COUNT];
	Slice		limits[1];
} Values;

static const char *const trigger_names[TRIGGER_COUNT] = {
	"unknown", "schedule", "manual", "backfill"
};

const char *
trigger_name(Trigger trigger)
{
	return trigger_names[trigger];
}

/* Room for size bytes, which the next call may move. */
char *
scratch_reserve(Scratch *scratch, size_t size)
{
	if (scratch->size < size)
	{
		scratch->size = size + size / 2 + 4096;
		scratch->data = realloc(scratch->data, scratch->size);
		if (scratch->data == NULL)
			abort();
	}
	return scratch->data;
}

/* Keep the first breach of the contract. */
static void __attribute__((format(printf, 2, 3)))
violate(Execute *request, const char *format, ...)
{
	va_list		args;

	if (request->violation[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(request->violation, VIOLATION_SIZE, format, args);
	va_end(args);
}

/*
 * execute_header
 *		Take one HTTP header; prefix is the one of tenant and extension.
 *
 * A name that is neither in the contract nor part of HTTP's own transport is a
 * breach: the set is an allow-list.  Expect is not on it, because waiting for
 * a "100 Continue" would cost each large request a round trip.
 */
void
execute_header(Execute *request, const char *prefix, const char *name, const char *value)
{
	static const char *const transport[] = {
		"host", "accept", "user-agent", "content-length", "connection", "accept-encoding"
	};
	ExecuteHeaders *headers = &request->headers;
	size_t		prefix_len = strlen(prefix);
	const char **slot = NULL;

	if (strncasecmp(name, prefix, prefix_len) == 0 && name[prefix_len] == '-')
	{
		const char *rest = name + prefix_len + 1;

		if (strcasecmp(rest, "tenant") == 0)
			slot = &headers->tenant;
		else if (strcasecmp(rest, "extension") == 0)
			slot = &headers->extension;
	}
	else if (strcasecmp(name, "x-request-id") == 0)
		slot = &headers->request_id;
	else if (strcasecmp(name, "x-idempotency-key") == 0)
		slot = &headers->idempotency_key;
	else if (strcasecmp(name, "x-extsched-fence") == 0)
		slot = &headers->fence;
	else if (strcasecmp(name, "content-type") == 0)
		slot = &headers->content_type;
	else if (strcasecmp(name, "webhook-id") == 0)
		slot = &headers->webhook_id;
	else if (strcasecmp(name, "webhook-timestamp") == 0)
		slot = &headers->webhook_timestamp;
	else if (strcasecmp(name, "webhook-signature") == 0)
		slot = &headers->webhook_signature;
	else
	{
		for (size_t i = 0; i < sizeof(transport) / sizeof(transport[0]); i++)
			if (strcasecmp(name, transport[i]) == 0)
				return;
	}
	if (slot == NULL)
		violate(request, "header \"%s\" is not allowed", name);
	else if (*slot != NULL)
		violate(request, "header \"%s\" is sent twice", name);
	else
		*slot = value ? value : "";
}

static bool
is_kind(Slice raw, Kind kind)
{
	uint8_t		ignored[16];

	switch (kind)
	{
		case KIND_STRING:
			return raw.at[0] == '"';
		case KIND_UUID:
			return uuid_parse(scan_inside(raw), ignored);
		case KIND_NUMBER:
			return raw.at[0] == '-' || (raw.at[0] >= '0' && raw.at[0] <= '9');
		case KIND_OBJECT:
			return raw.at[0] == '{';
		case KIND_ARRAY:
			return raw.at[0] == '[';
	}
	return false;
}

/*
 * Read the members of an object of the contract: values[i] becomes the raw
 * value of fields[i], and inner[i] (NULL for none) takes the values of an
 * object that has fields of its own.  Unknown, repeated, missing and mistyped
 * fields are breaches.
 */
static void
read_fields(Execute *request, Scan *scan, const char *object, const Field *fields, int count,
			Slice *values, Slice *const *inner)
{
	Slice		key;
	Slice		raw;

	if (!scan_enter(scan, '{'))
		return;
	while (scan_member(scan, &key))
	{
		int			at = 0;
		const char *start = scan->at;

		while (at < count && !slice_is(key, fields[at].name))
			at++;
		if (at < count && fields[at].fields != NULL && values[at].at == NULL)
		{
			char		path[16];

			snprintf(path, sizeof(path), "%s.", fields[at].name);
			read_fields(request, scan, path, fields[at].fields, fields[at].count, inner[at], NULL);
			values[at] = (Slice) {start, (size_t) (scan->at - start)};
			continue;
		}
		if (!scan_value(scan, &raw))
			return;
		if (at == count)
			violate(request, "%s%.*s is not allowed", object, (int) key.len, key.at);
		else if (values[at].at != NULL)
			violate(request, "%s%s is sent twice", object, fields[at].name);
		else if (!is_kind(raw, fields[at].kind))
			violate(request, "%s%s has the wrong type", object, fields[at].name);
		else
			values[at] = raw;
	}
	for (int i = 0; i < count && scan->error == NULL; i++)
		if (values[i].at == NULL && !fields[i].is_optional)
			violate(request, "%s%s is missing", object, fields[i].name);
}

/* context.config: every value is a string, and one may ask for a fault. */
static void
read_config(Execute *request, Slice raw)
{
	Scan		scan;
	Slice		key;
	Slice		value;

	if (raw.at == NULL)
		return;
	scan_start(&scan, raw);
	scan_enter(&scan, '{');
	while (scan_member(&scan, &key) && scan_value(&scan, &value))
	{
		if (value.at[0] != '"')
			violate(request, "context.config.%.*s is no string", (int) key.len, key.at);
		else if (slice_is(key, "fault"))
			request->config_fault = scan_inside(value);
	}
}

static void
read_context(Execute *request, const Slice *values)
{
	Slice		hash;
	Slice		trigger;

	if (values[CONTEXT_TENANT_ID].at)
		scan_unescape(scan_inside(values[CONTEXT_TENANT_ID]), request->tenant,
					  sizeof(request->tenant));
	request->extension = scan_inside(values[CONTEXT_EXTENSION_ID]);
	if (values[CONTEXT_REQUEST_ID].at)
		uuid_parse(scan_inside(values[CONTEXT_REQUEST_ID]), request->request_id);
	if (values[CONTEXT_INSTALL_ID].at)
		uuid_parse(scan_inside(values[CONTEXT_INSTALL_ID]), request->install_id);
	if (values[CONTEXT_SCHEDULE_ID].at)
		uuid_parse(scan_inside(values[CONTEXT_SCHEDULE_ID]), request->schedule_id);
	read_config(request, values[CONTEXT_CONFIG]);

	trigger = scan_inside(values[CONTEXT_TRIGGER]);
	for (int i = TRIGGER_SCHEDULE; i < TRIGGER_COUNT; i++)
		if (slice_is(trigger, trigger_names[i]))
			request->trigger = (Trigger) i;
	if (trigger.len > 0 && request->trigger == TRIGGER_UNKNOWN)
		violate(request, "context.trigger \"%.*s\" is unknown", (int) trigger.len, trigger.at);

	if (values[CONTEXT_SCHEDULED_FOR].at &&
		!timestamp_parse(scan_inside(values[CONTEXT_SCHEDULED_FOR]), &request->nominal_us))
		violate(request, "context.scheduled_for is no time in UTC");
	if (values[CONTEXT_ATTEMPT].at &&
		(!scan_integer(values[CONTEXT_ATTEMPT], &request->attempt) || request->attempt < 1))
		violate(request, "context.attempt is no count from 1");

	hash = scan_inside(values[CONTEXT_CONTENT_HASH]);
	if (hash.len > 0 && (hash.len < 8 || memcmp(hash.at, "sha256:", 7) != 0 ||
						 (hash.len >= 14 && memcmp(hash.at + 7, "sha256:", 7) == 0)))
		violate(request, "context.content_hash does not begin with one \"sha256:\"");
}

/*
 * http.headers: tenant and extension, with the same text as outside.  Others
 * that share their prefix are let through: the runner option context_headers
 * adds them.
 */
static void
read_inner_headers(Execute *request, const char *prefix, Slice raw)
{
	size_t		prefix_len = strlen(prefix);
	bool		has_tenant = false;
	bool		has_extension = false;
	char		text[512];
	Scan		scan;
	Slice		key;
	Slice		value;

	if (raw.at == NULL)
		return;
	scan_start(&scan, raw);
	scan_enter(&scan, '{');
	while (scan_member(&scan, &key) && scan_value(&scan, &value))
	{
		Slice		rest;

		if (key.len <= prefix_len + 1 || memcmp(key.at, prefix, prefix_len) != 0)
		{
			violate(request, "http.headers.%.*s is not allowed", (int) key.len, key.at);
			continue;
		}
		rest = (Slice) {key.at + prefix_len + 1, key.len - prefix_len - 1};
		scan_unescape(scan_inside(value), text, sizeof(text));
		if (slice_is(rest, "tenant"))
			has_tenant = strcmp(text, request->tenant) == 0;
		else if (slice_is(rest, "extension"))
			has_extension = slice_is(request->extension, text);
	}
	if (!has_tenant || !has_extension)
		violate(request, "http.headers lacks the tenant or the extension of the context");
}

static void
read_http(Execute *request, const char *prefix, const Slice *values, Scratch *scratch)
{
	Slice		method = scan_inside(values[HTTP_METHOD]);

	if (slice_is(method, "GET"))
		request->method = METHOD_GET;
	else if (slice_is(method, "POST"))
		request->method = METHOD_POST;
	else if (method.len > 0)
		violate(request, "http.method \"%.*s\" cannot be scheduled", (int) method.len, method.at);

	if (values[HTTP_PATH].at)
		scan_unescape(scan_inside(values[HTTP_PATH]), request->path, sizeof(request->path));
	if (request->path[0] != '/' || strpbrk(request->path, "?#") != NULL)
		violate(request, "http.path is no plain path");
	if (values[HTTP_QUERY].at && !slice_is(values[HTTP_QUERY], "{}"))
		violate(request, "http.query is not {}");
	read_inner_headers(request, prefix, values[HTTP_HEADERS]);

	if (values[HTTP_BODY_B64].at)
	{
		Slice		text = scan_inside(values[HTTP_BODY_B64]);
		char	   *payload = scratch_reserve(scratch, text.len);
		ssize_t		len = base64_decode(text, payload);

		request->body_b64 = text;
		if (request->method == METHOD_GET)
			violate(request, "http.body_b64 is sent with GET");
		if (len < 0)
			violate(request, "http.body_b64 is no plain base64");
		else
			request->payload = (Slice) {payload, (size_t) len};
		if (len == 0 || (len > 0 && payload[0] != '{' && payload[0] != '['))
			violate(request, "http.body_b64 holds neither an object nor an array");
	}
}

/* providers: capability names, sorted, none twice. */
static void
read_providers(Execute *request, Slice raw)
{
	Slice		last = {"", 0};
	Scan		scan;
	Slice		value;

	if (raw.at == NULL)
		return;
	scan_start(&scan, raw);
	scan_enter(&scan, '[');
	while (scan_item(&scan) && scan_value(&scan, &value))
	{
		Slice		name = scan_inside(value);
		size_t		common = name.len < last.len ? name.len : last.len;
		int			order = memcmp(last.at, name.at, common);

		if (name.len < 5 || memcmp(name.at, "cap:", 4) != 0)
			violate(request, "providers holds something that is no capability");
		else if (order > 0 || (order == 0 && last.len >= name.len))
			violate(request, "providers is not sorted");
		last = name;
	}
}

/* The fence is "<system id>.<timeline>.<worker epoch>", all decimal. */
static bool
is_fence(const char *text)
{
	int			dots = 0;
	bool		had_digit = false;

	for (; *text; text++)
	{
		if (*text == '.')
		{
			if (!had_digit || ++dots > 2)
				return false;
			had_digit = false;
		}
		else if (*text >= '0' && *text <= '9')
			had_digit = true;
		else
			return false;
	}
	return dots == 2 && had_digit;
}

static void
judge_headers(Execute *request)
{
	const ExecuteHeaders *headers = &request->headers;
	uint8_t		outer_id[16];
	int			signature_parts = (headers->webhook_id != NULL) +
		(headers->webhook_timestamp != NULL) + (headers->webhook_signature != NULL);

	if (headers->content_type == NULL || strcmp(headers->content_type, "application/json") != 0)
		violate(request, "content-type is not application/json");
	if (headers->request_id == NULL)
		violate(request, "header x-request-id is missing");
	else if (!uuid_parse(slice_of(headers->request_id), outer_id) ||
			 memcmp(outer_id, request->request_id, 16) != 0)
		violate(request, "x-request-id is not context.request_id");
	if (headers->idempotency_key == NULL || headers->idempotency_key[0] == '\0')
		violate(request, "header x-idempotency-key is missing");
	if (headers->tenant == NULL || strcmp(headers->tenant, request->tenant) != 0)
		violate(request, "the tenant header is not context.tenant_id");
	if (headers->extension == NULL || !slice_is(request->extension, headers->extension))
		violate(request, "the extension header is not context.extension_id");
	if (headers->fence == NULL || !is_fence(headers->fence))
		violate(request, "x-extsched-fence is not of the form 1.2.3");
	if (signature_parts != 0 && signature_parts != 3)
		violate(request, "the three webhook headers must come together");
}

/*
 * execute_read
 *		Read and judge a request whose headers were taken already.
 *
 * prefix is that of the tenant and extension headers; payload is decoded into
 * scratch and lives until its next use.
 */
void
execute_read(Execute *request, const char *prefix, Slice body, Scratch *scratch)
{
	Values		values;
	Slice	   *const inner[TOP_COUNT] = {
		[TOP_CONTEXT] = values.context, [TOP_HTTP] = values.http, [TOP_LIMITS] = values.limits
	};
	int64_t		timeout_ms;
	Scan		scan;

	memset(&values, 0, sizeof(values));
	scan_start(&scan, body);
	read_fields(request, &scan, "", top_fields, TOP_COUNT, values.top, inner);
	if (!scan_finish(&scan))
	{
		request->is_malformed = true;
		request->violation[0] = '\0';
		violate(request, "the body is no execute request in JSON: %s", scan.error);
		return;
	}
	read_context(request, values.context);
	read_http(request, prefix, values.http, scratch);
	if (values.limits[0].at &&
		(!scan_integer(values.limits[0], &timeout_ms) || timeout_ms < 1))
		violate(request, "limits.timeout_ms is no positive integer");
	read_providers(request, values.top[TOP_PROVIDERS]);
	judge_headers(request);
}
