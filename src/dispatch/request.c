/*-------------------------------------------------------------------------
 *
 * request.c
 *		The execute request: read from the tables, written as JSON and headers.
 *
 * The format is that of docs/runner-contract.md, byte for byte.  Everything
 * but the identity of the run is read when the attempt starts and not when the
 * run is made, so that a retry sees the configuration, grants and version of
 * its own moment.
 *
 * What tenants choose ends up in JSON strings and in two header values.  The
 * first are escaped.  A header value has no escape, so a tenant that is no
 * header value gets no request at all: a mended one might be the name of
 * another tenant.
 *
 * JSON is put together in the encoding of the database and converted as a
 * whole; only the payload, which travels in base64, is converted by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/row.h"
#include "dispatch/request.h"
#include "dispatch/utf8.h"

/* The columns of EXTSCHED_REQUEST_COLUMNS, in their order. */
enum
{
	COLUMN_TENANT,
	COLUMN_SCHEDULE_ID,
	COLUMN_INSTALL_ID,
	COLUMN_RUN_ID,
	COLUMN_NOMINAL_TIME,
	COLUMN_TRIGGER,
	COLUMN_ATTEMPT,
	COLUMN_METHOD,
	COLUMN_PATH,
	COLUMN_PAYLOAD,
	COLUMN_SCHEDULE_TIMEOUT_MS,
	COLUMN_HAS_ENDPOINT,
	COLUMN_REGISTRY_ID,
	COLUMN_VERSION_ID,
	COLUMN_CONFIG,
	COLUMN_SECRET_ENVELOPE,
	COLUMN_INSTALL_ENABLED,
	COLUMN_CONTENT_HASH,
	COLUMN_PROVIDERS,
	COLUMN_TENANT_PAUSED,
	COLUMN_TRANSPORT,
	COLUMN_BASE_URL,
	COLUMN_RUNNER_TIMEOUT_MS,
	COLUMN_CONNECT_TIMEOUT_MS,
	COLUMN_CONTEXT_HEADERS,
	COLUMNS
};

StaticAssertDecl(COLUMNS == EXTSCHED_REQUEST_NCOLUMNS,
				 "the columns of request.h have a name each");

static const char content_hash_prefix[] = "sha256:";
static const char secret_mask[] = "********";

/* Why the run cannot be sent as things are, NONE when it can. */
static ExtschedReason
find_obstacle(const ExtschedRow *row, const char **text)
{
	static const struct
	{
		ExtschedReason reason;
		const char *text;
	}			obstacles[] = {
		{EXTSCHED_REASON_DELETED, "the schedule was deleted"},
		{EXTSCHED_REASON_NOT_BUILT, "the install is missing"},
		{EXTSCHED_REASON_TENANT_PAUSED, "the tenant is paused"},
		{EXTSCHED_REASON_INSTALL_DISABLED, "the install is disabled"},
		{EXTSCHED_REASON_ENDPOINT_GONE, "the endpoint is gone from the installed version"},
		{EXTSCHED_REASON_NOT_BUILT, "the installed version is missing"},
		{EXTSCHED_REASON_NO_RUNNER, "the Runner does not exist"},
	};
	const bool	is_met[lengthof(obstacles)] = {
		row->nulls[COLUMN_METHOD],
		row->nulls[COLUMN_REGISTRY_ID],
		extsched_row_bool(row, COLUMN_TENANT_PAUSED),
		!extsched_row_bool(row, COLUMN_INSTALL_ENABLED),
		!extsched_row_bool(row, COLUMN_HAS_ENDPOINT),
		row->nulls[COLUMN_CONTENT_HASH],
		row->nulls[COLUMN_TRANSPORT],
	};

	for (int i = 0; i < lengthof(obstacles); i++)
	{
		if (is_met[i])
		{
			*text = obstacles[i].text;
			return obstacles[i].reason;
		}
	}
	*text = NULL;
	return EXTSCHED_REASON_NONE;
}

static void
read_providers(const ExtschedRow *row, ExtschedRequest *request)
{
	Datum	   *elements;
	bool	   *nulls;

	if (row->nulls[COLUMN_PROVIDERS])
		return;
	deconstruct_array(DatumGetArrayTypeP(row->values[COLUMN_PROVIDERS]), TEXTOID,
					  -1, false, TYPALIGN_INT, &elements, &nulls, &request->n_providers);
	request->providers = palloc(request->n_providers * sizeof(char *));
	for (int i = 0; i < request->n_providers; i++)
		request->providers[i] = TextDatumGetCString(elements[i]);
}

/*
 * extsched_request_read
 *		Read a row that begins with EXTSCHED_REQUEST_COLUMNS.
 *
 * Fills in all of request but request_id, which is zeroed.  When blocked is not
 * NONE there is nothing to send, and only the identity of the run is reliable.
 * Values are in the current context or in the tuple.  Needs a transaction
 * (values may be toasted).
 */
void
extsched_request_read(const ExtschedRow *row, int default_timeout_ms,
					  ExtschedRequest *request)
{
	char	   *word;

	Assert(row->desc->natts >= COLUMNS);

	memset(request, 0, sizeof(*request));
	request->tenant = extsched_row_text(row, COLUMN_TENANT);
	request->schedule_id = extsched_row_uuid(row, COLUMN_SCHEDULE_ID);
	request->install_id = extsched_row_uuid(row, COLUMN_INSTALL_ID);
	request->run_id = extsched_row_uuid(row, COLUMN_RUN_ID);
	request->scheduled_for = DatumGetTimestampTz(row->values[COLUMN_NOMINAL_TIME]);
	word = extsched_row_text(row, COLUMN_TRIGGER);
	request->trigger = (ExtschedTrigger) Max(extsched_trigger_by_name(word), 0);
	request->attempt = extsched_row_int(row, COLUMN_ATTEMPT, 1);
	request->blocked = find_obstacle(row, &request->blocked_text);

	if (request->blocked == EXTSCHED_REASON_NONE)
	{
		request->method = extsched_row_text(row, COLUMN_METHOD);
		request->path = extsched_row_text(row, COLUMN_PATH);
		request->payload = extsched_row_jsonb(row, COLUMN_PAYLOAD);
		request->registry_id = extsched_row_uuid(row, COLUMN_REGISTRY_ID);
		request->version_id = extsched_row_uuid(row, COLUMN_VERSION_ID);
		request->config = extsched_row_jsonb(row, COLUMN_CONFIG);
		request->secret_envelope = extsched_row_jsonb(row, COLUMN_SECRET_ENVELOPE);
		request->content_hash = extsched_row_text(row, COLUMN_CONTENT_HASH);
		read_providers(row, request);
		word = extsched_row_text(row, COLUMN_TRANSPORT);
		request->is_http = strcmp(word, "http") == 0;
		request->base_url = extsched_row_text(row, COLUMN_BASE_URL);
		request->timeout_ms =
			extsched_row_int(row, COLUMN_SCHEDULE_TIMEOUT_MS,
							 extsched_row_int(row, COLUMN_RUNNER_TIMEOUT_MS, default_timeout_ms));
		request->connect_timeout_ms = extsched_row_int(row, COLUMN_CONNECT_TIMEOUT_MS, 0);
		request->has_context_headers = extsched_row_bool(row, COLUMN_CONTEXT_HEADERS);
	}
}

static void
append_uuid(StringInfo out, const pg_uuid_t *uuid)
{
	static const char digits[] = "0123456789abcdef";

	enlargeStringInfo(out, 36);
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out->data[out->len++] = '-';
		out->data[out->len++] = digits[uuid->data[i] >> 4];
		out->data[out->len++] = digits[uuid->data[i] & 0x0f];
	}
	out->data[out->len] = '\0';
}

/* ISO 8601 in UTC, with microseconds when there are any. */
static void
append_instant(StringInfo out, TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(at) ||
		timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		return;
	appendStringInfo(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon,
					 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (fsec != 0)
		appendStringInfo(out, ".%06d", (int) fsec);
	appendStringInfoChar(out, 'Z');
}

/* A key, behind a comma unless it is the first of its object. */
static void
append_key(StringInfo out, const char *key)
{
	if (out->data[out->len - 1] != '{')
		appendStringInfoChar(out, ',');
	escape_json(out, key);
	appendStringInfoChar(out, ':');
}

static void
append_text_member(StringInfo out, const char *key, const char *value)
{
	append_key(out, key);
	escape_json(out, value);
}

static void
append_uuid_member(StringInfo out, const char *key, const pg_uuid_t *value)
{
	append_key(out, key);
	appendStringInfoChar(out, '"');
	append_uuid(out, value);
	appendStringInfoChar(out, '"');
}

static void
append_instant_member(StringInfo out, const char *key, TimestampTz value)
{
	append_key(out, key);
	appendStringInfoChar(out, '"');
	append_instant(out, value);
	appendStringInfoChar(out, '"');
}

/* A header of the inner request, with the prefix of the platform. */
static void
append_header_key(StringInfo out, const char *prefix, const char *name)
{
	char		key[NAMEDATALEN * 2];

	snprintf(key, sizeof(key), "%s-%s", prefix, name);
	append_key(out, key);
}

/* A value of a configuration as a string: see docs/runner-contract.md. */
static void
append_config_value(StringInfo out, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(out, "\"\"");
			break;
		case jbvString:
		{
			char *text = pnstrdup(value->val.string.val, value->val.string.len);

			escape_json(out, text);
			pfree(text);
			break;
		}
		case jbvNumeric:
		{
			char *text = DatumGetCString(DirectFunctionCall1(numeric_out,
																	   NumericGetDatum(value->val.numeric)));

			escape_json(out, text);
			pfree(text);
			break;
		}
		case jbvBool:
			appendStringInfoString(out, value->val.boolean ? "\"true\"" : "\"false\"");
			break;
		default:
		{
			char *text = JsonbToCString(NULL, value->val.binary.data,
												  value->val.binary.len);

			escape_json(out, text);
			pfree(text);
		}
	}
}

/*
 * Write an object with every value as a string: the configuration, or with a
 * mask the keys of the secret envelope.
 */
static void
append_string_map(StringInfo out, Jsonb *object, const char *mask)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	appendStringInfoChar(out, '{');
	iterator = object ? JsonbIteratorInit(&object->root) : NULL;
	while (iterator && (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *key = pnstrdup(value.val.string.val, value.val.string.len);

			append_key(out, key);
			pfree(key);
		}
		else if (token == WJB_VALUE)
		{
			if (mask)
				escape_json(out, mask);
			else
				append_config_value(out, &value);
		}
	}
	appendStringInfoChar(out, '}');
}

static void
append_context(StringInfo out, const ExtschedRequest *request)
{
	appendStringInfoString(out, "\"context\":{");
	append_uuid_member(out, "request_id", &request->request_id);
	append_text_member(out, "tenant_id", request->tenant);
	append_uuid_member(out, "extension_id", &request->registry_id);
	append_uuid_member(out, "install_id", &request->install_id);
	append_uuid_member(out, "version_id", &request->version_id);

	append_key(out, "content_hash");
	if (strncmp(request->content_hash, content_hash_prefix, strlen(content_hash_prefix)) == 0)
		escape_json(out, request->content_hash);
	else
		escape_json(out, psprintf("%s%s", content_hash_prefix, request->content_hash));

	append_key(out, "config");
	append_string_map(out, request->config, NULL);
	append_text_member(out, "trigger", extsched_trigger_name(request->trigger));
	append_uuid_member(out, "schedule_id", &request->schedule_id);
	append_instant_member(out, "scheduled_for", request->scheduled_for);
	append_key(out, "attempt");
	appendStringInfo(out, "%d", request->attempt);
	appendStringInfoChar(out, '}');
}

/*
 * The payload in base64; the server's encode() would break lines.  False when
 * the payload cannot be had in UTF-8.
 */
static bool
append_payload(StringInfo out, Jsonb *payload)
{
	char	   *json = JsonbToCString(NULL, &payload->root, VARSIZE(payload));
	size_t		len = strlen(json);
	char	   *utf8 = extsched_utf8_from_server(json, len, &len);
	int			encoded_size;

	if (utf8 == NULL)
		return false;
	encoded_size = pg_b64_enc_len((int) len);
	append_key(out, "body_b64");
	appendStringInfoChar(out, '"');
	enlargeStringInfo(out, encoded_size);
	out->len += extsched_compat_b64_encode(utf8, (int) len, out->data + out->len, encoded_size);
	appendStringInfoChar(out, '"');
	pfree(json);
	return true;
}

static bool
append_http(StringInfo out, const ExtschedRequest *request, const char *prefix)
{
	bool		is_complete = true;

	appendStringInfoString(out, ",\"http\":{");
	append_text_member(out, "method", request->method);
	append_text_member(out, "path", request->path);
	append_key(out, "query");
	appendStringInfoString(out, "{}");

	append_key(out, "headers");
	appendStringInfoChar(out, '{');
	append_header_key(out, prefix, "tenant");
	escape_json(out, request->tenant);
	append_header_key(out, prefix, "extension");
	appendStringInfoChar(out, '"');
	append_uuid(out, &request->registry_id);
	appendStringInfoChar(out, '"');
	if (request->has_context_headers)
	{
		append_header_key(out, prefix, "trigger");
		escape_json(out, extsched_trigger_name(request->trigger));
		append_header_key(out, prefix, "schedule");
		appendStringInfoChar(out, '"');
		append_uuid(out, &request->schedule_id);
		appendStringInfoChar(out, '"');
		append_header_key(out, prefix, "scheduled-for");
		appendStringInfoChar(out, '"');
		append_instant(out, request->scheduled_for);
		appendStringInfoChar(out, '"');
	}
	appendStringInfoChar(out, '}');

	if (request->payload && strcmp(request->method, "GET") != 0)
		is_complete = append_payload(out, request->payload);
	appendStringInfoChar(out, '}');
	return is_complete;
}

static bool
append_body(StringInfo out, const ExtschedRequest *request, const char *prefix,
			bool mask_secrets)
{
	bool		is_complete;

	appendStringInfoChar(out, '{');
	append_context(out, request);
	is_complete = append_http(out, request, prefix);
	appendStringInfo(out, ",\"limits\":{\"timeout_ms\":%d},\"providers\":[", request->timeout_ms);
	for (int i = 0; i < request->n_providers; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		escape_json(out, request->providers[i]);
	}
	appendStringInfoChar(out, ']');
	if (request->secret_envelope)
	{
		append_key(out, "secret_envelope");
		if (mask_secrets)
			append_string_map(out, request->secret_envelope, secret_mask);
		else
			(void) JsonbToCString(out, &request->secret_envelope->root,
								  VARSIZE(request->secret_envelope));
	}
	appendStringInfoChar(out, '}');
	return is_complete;
}

/*
 * extsched_request_body
 *		Append the body as JSON text in the encoding of the database.
 *
 * request is not blocked.  With mask_secrets the envelope keeps its keys, and
 * every value of it becomes "********".
 */
void
extsched_request_body(const ExtschedRequest *request, const char *header_prefix,
					  bool mask_secrets, StringInfo body)
{
	(void) append_body(body, request, header_prefix, mask_secrets);
}

/*
 * Whether a text can be sent as a header value and be read as the same text:
 * no control characters (of C1 neither, which are two bytes in UTF-8), and no
 * blanks at its ends, which receivers strip.
 */
static bool
is_header_value(const char *utf8)
{
	size_t		len = strlen(utf8);

	if (len == 0 || utf8[0] == ' ' || utf8[len - 1] == ' ')
		return false;
	for (const unsigned char *c = (const unsigned char *) utf8; *c; c++)
	{
		if (*c < ' ' || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
			return false;
	}
	return true;
}

/* Begin a header line; the caller appends the value and ends it. */
static void
begin_header(ExtschedWire *wire, const char *prefix, const char *name)
{
	wire->n_headers++;
	if (prefix)
	{
		appendStringInfoString(&wire->headers, prefix);
		appendStringInfoChar(&wire->headers, '-');
	}
	appendStringInfoString(&wire->headers, name);
	appendStringInfoString(&wire->headers, ": ");
}

static void
end_header(ExtschedWire *wire)
{
	appendStringInfoChar(&wire->headers, '\0');
}

static void
append_header(ExtschedWire *wire, const char *prefix, const char *name, const char *value)
{
	begin_header(wire, prefix, name);
	appendStringInfoString(&wire->headers, value);
	end_header(wire);
}

static void
append_uuid_header(ExtschedWire *wire, const char *prefix, const char *name,
				   const pg_uuid_t *value)
{
	begin_header(wire, prefix, name);
	append_uuid(&wire->headers, value);
	end_header(wire);
}

/* The headers of the signature; NULL, or why it cannot be made. */
static const char *
append_signature(ExtschedWire *wire, const ExtschedSigner *signer,
				 const pg_uuid_t *run_id, int64 now_s)
{
	StringInfoData id;
	bool		is_signed;

	if (signer == NULL || !extsched_signer_is_on(signer))
		return NULL;
	if (extsched_signer_problem(signer) != NULL)
		return extsched_signer_problem(signer);

	initStringInfo(&id);
	append_uuid(&id, run_id);
	append_header(wire, NULL, "webhook-id", id.data);
	begin_header(wire, NULL, "webhook-timestamp");
	appendStringInfo(&wire->headers, INT64_FORMAT, now_s);
	end_header(wire);
	begin_header(wire, NULL, "webhook-signature");
	is_signed = extsched_signer_sign(signer, id.data, now_s, wire->body.data,
									 wire->body.len, &wire->headers);
	end_header(wire);
	pfree(id.data);
	return is_signed ? NULL : "cannot sign the request: computing the signature failed";
}

/* Make an empty wire in the current context; it is used again and again. */
void
extsched_wire_init(ExtschedWire *wire)
{
	initStringInfo(&wire->url);
	initStringInfo(&wire->headers);
	initStringInfo(&wire->body);
	wire->n_headers = 0;
}

/*
 * extsched_request_build
 *		Write the request that is sent: URL, headers and body.
 *
 * request is not blocked and goes to an http Runner.  now_s is the real time in
 * seconds since 1970-01-01 UTC, which the signature carries.  wire is
 * overwritten.  Needs a transaction where the database is not in UTF-8.
 *
 * Returns NULL, or why there can be no such request: the run then ends with
 * reason not_built and this text.
 */
const char *
extsched_request_build(const ExtschedRequest *request,
					   const ExtschedRequestFrame *frame, int64 now_s,
					   ExtschedWire *wire)
{
	size_t		url_len = strlen(request->base_url);
	size_t		len = strlen(request->tenant);
	char	   *tenant = extsched_utf8_from_server(request->tenant, len, &len);
	char	   *utf8;

	if (tenant == NULL || !is_header_value(tenant))
		return "the tenant's id cannot be sent as a header";

	while (url_len > 0 && request->base_url[url_len - 1] == '/')
		url_len--;
	resetStringInfo(&wire->url);
	appendBinaryStringInfo(&wire->url, request->base_url, (int) url_len);
	appendStringInfoString(&wire->url, "/v1/execute");

	resetStringInfo(&wire->body);
	if (!append_body(&wire->body, request, frame->header_prefix, false))
		return "the payload is not UTF-8";
	utf8 = extsched_utf8_from_server(wire->body.data, wire->body.len, &len);
	if (utf8 == NULL)
		return "the request is not UTF-8";
	if (utf8 != wire->body.data)
	{
		resetStringInfo(&wire->body);
		appendBinaryStringInfo(&wire->body, utf8, (int) len);
		pfree(utf8);
	}

	resetStringInfo(&wire->headers);
	wire->n_headers = 0;
	append_header(wire, NULL, "content-type", "application/json");
	append_uuid_header(wire, NULL, "x-request-id", &request->request_id);
	append_uuid_header(wire, NULL, "x-idempotency-key", &request->run_id);
	append_header(wire, frame->header_prefix, "tenant", tenant);
	append_uuid_header(wire, frame->header_prefix, "extension", &request->registry_id);
	if (frame->fence)
		append_header(wire, NULL, "x-extsched-fence", frame->fence);
	return append_signature(wire, frame->signer, &request->run_id, now_s);
}

/*
 * extsched_request_fence
 *		The value of x-extsched-fence, in the current context.
 *
 * Not to be called on a standby: there is no timeline to write on.
 */
char *
extsched_request_fence(int64 worker_epoch)
{
	return psprintf(UINT64_FORMAT ".%u." INT64_FORMAT, GetSystemIdentifier(),
					GetWALInsertionTimeLine(), worker_epoch);
}
