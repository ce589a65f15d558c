/*-------------------------------------------------------------------------
 *
 * reply.c
 *		Build answers, healthy and otherwise.
 *
 * The healthy answer of an unknown endpoint is one response made at start and
 * shared by all requests: that is the path which benchmarks take.  Bodies that
 * are large, late or never complete come from a callback, block by block, so
 * that they cost no memory here either.
 *
 *-------------------------------------------------------------------------
 */
#include "reply.h"

#include <stdlib.h>
#include <zlib.h>

#define STREAM_BLOCK	16384

/* A claimed Content-Length is this much longer than a body that is cut off. */
#define CUT_BYTES		64

/* What a stream sends around its filling: a whole reply, if it ever ends. */
static const char stream_head[] = "{\"status\":200,\"body_b64\":\"";
static const char stream_tail[] = "\"}";

typedef struct Stream
{
	Text		content;		/* sent first */
	uint64_t	filling;		/* then this many 'A' */
	uint64_t	total;			/* then stream_tail, then spaces up to here */
	bool		is_cut;			/* break the connection after content */
	int64_t		drip_us;		/* one byte in this time; 0: at once */
	bool		is_dripped;		/* the wait for the next byte is over */
	Delay	   *delay;
} Stream;

static struct MHD_Response *ok_response;

static void
add_header(Plan *plan, const char *name, const char *value)
{
	(void) MHD_add_response_header(plan->response, name, value);
}

/* Answer with a copy of some bytes. */
static void
reply_bytes(Plan *plan, unsigned http_status, const char *content_type, Slice bytes)
{
	plan->http_status = http_status;
	plan->response = MHD_create_response_from_buffer(bytes.len, (void *) bytes.at,
													 MHD_RESPMEM_MUST_COPY);
	if (plan->response == NULL)
		abort();
	add_header(plan, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
}

void
reply_json(Plan *plan, unsigned http_status, const char *json)
{
	reply_bytes(plan, http_status, "application/json", slice_of(json));
}

/* Answer with a text, which is taken over. */
void
reply_text(Plan *plan, unsigned http_status, const char *content_type, Text *text)
{
	text_reserve(text, 0);
	plan->http_status = http_status;
	plan->response = MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_FREE);
	if (plan->response == NULL)
		abort();
	*text = (Text) {NULL, 0, 0};
	add_header(plan, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
}

/* Answer a request that asks for no fault. */
void
reply_normal(Plan *plan, const Execute *request)
{
	Text		text = {NULL, 0, 0};

	if (demo_answer(request, &text))
	{
		reply_text(plan, MHD_HTTP_OK, "application/json", &text);
		return;
	}
	plan->response = ok_response;
	plan->is_shared = true;
	plan->http_status = MHD_HTTP_OK;
}

/* Copy what overlaps of a constant text that begins at start of the stream. */
static size_t
copy_part(Slice text, uint64_t start, uint64_t pos, char *buf, size_t max)
{
	size_t		from;
	size_t		len;

	if (pos < start || pos >= start + text.len)
		return 0;
	from = (size_t) (pos - start);
	len = text.len - from < max ? text.len - from : max;
	memcpy(buf, text.at + from, len);
	return len;
}

/*
 * The library's body callback: fill buf from position pos of the stream.
 *
 * A dripping stream sends its connection to sleep and answers 0, "nothing
 * yet"; it is asked again when the sleep is over.
 */
static ssize_t
read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	Stream	   *stream = cls;
	uint64_t	tail_at = stream->content.len + stream->filling;
	size_t		len;

	if (stream->drip_us > 0)
	{
		if (!stream->is_dripped)
		{
			if (stream->delay->is_gone ||
				!delay_suspend(stream->delay, stream->delay->connection, stream->drip_us))
				return MHD_CONTENT_READER_END_WITH_ERROR;
			stream->is_dripped = true;
			return 0;
		}
		stream->is_dripped = false;
		max = 1;
	}
	len = copy_part((Slice) {stream->content.data, stream->content.len}, 0, pos, buf, max);
	if (len > 0)
		return (ssize_t) len;
	if (stream->is_cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (pos < tail_at)
	{
		len = tail_at - pos < max ? (size_t) (tail_at - pos) : max;
		memset(buf, 'A', len);
		return (ssize_t) len;
	}
	len = copy_part(slice_of(stream_tail), tail_at, pos, buf, max);
	if (len > 0)
		return (ssize_t) len;
	if (pos >= stream->total)
		return MHD_CONTENT_READER_END_OF_STREAM;
	len = stream->total - pos < max ? (size_t) (stream->total - pos) : max;
	memset(buf, ' ', len);
	return (ssize_t) len;
}

static void
free_stream(void *cls)
{
	Stream	   *stream = cls;

	text_free(&stream->content);
	free(stream);
}

static void
reply_stream(Plan *plan, Stream *stream, uint64_t content_length)
{
	plan->response = MHD_create_response_from_callback(content_length, STREAM_BLOCK, read_stream,
													   stream, free_stream);
	if (plan->response == NULL)
		abort();
	add_header(plan, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
}

static Stream *
new_stream(Delay *delay)
{
	Stream	   *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		abort();
	stream->delay = delay;
	return stream;
}

/* A reply of exactly total bytes, if total has room for a reply at all. */
static void
reply_huge(Plan *plan, Delay *delay, uint64_t total)
{
	Stream	   *stream = new_stream(delay);
	uint64_t	frame = strlen(stream_head) + strlen(stream_tail);

	if (total < frame)
		total = frame;
	text_add(&stream->content, "%s", stream_head);
	stream->filling = (total - frame) / 4 * 4;
	stream->total = total;
	reply_stream(plan, stream, total);
}

/* A reply that never ends: at full speed, or a byte at a time. */
static void
reply_endless(Plan *plan, Delay *delay, int64_t drip_us)
{
	Stream	   *stream = new_stream(delay);

	text_add(&stream->content, "%s", stream_head);
	stream->filling = UINT64_MAX / 2;
	stream->total = UINT64_MAX / 2 + 100;
	stream->drip_us = drip_us;
	reply_stream(plan, stream, MHD_SIZE_UNKNOWN);
}

/* A healthy reply whose body unpacks to total bytes. */
static void
reply_gzip_bomb(Plan *plan, uint64_t total)
{
	static const char filling[STREAM_BLOCK] = {[0 ... STREAM_BLOCK - 1] = 'A'};
	uint64_t	frame = strlen(stream_head) + strlen(stream_tail);
	uint64_t	left = total > frame ? (total - frame) / 4 * 4 : 0;
	Text		packed = {NULL, 0, 0};
	z_stream	zip = {0};
	int			result = Z_OK;
	Slice		part = slice_of(stream_head);

	if (deflateInit2(&zip, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	while (result != Z_STREAM_END)
	{
		bool		is_last = part.at == stream_tail;

		zip.next_in = (Bytef *) part.at;
		zip.avail_in = (uInt) part.len;
		do
		{
			text_reserve(&packed, STREAM_BLOCK);
			zip.next_out = (Bytef *) packed.data + packed.len;
			zip.avail_out = STREAM_BLOCK;
			result = deflate(&zip, is_last ? Z_FINISH : Z_NO_FLUSH);
			packed.len += STREAM_BLOCK - zip.avail_out;
		} while (zip.avail_out == 0);
		part = (Slice) {filling, left < STREAM_BLOCK ? (size_t) left : STREAM_BLOCK};
		left -= part.len;
		if (part.len == 0)
			part = slice_of(stream_tail);
	}
	(void) deflateEnd(&zip);
	reply_text(plan, plan->http_status, "application/json", &packed);
	add_header(plan, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
}

/* The reply object, with the inner status, headers and error asked for. */
static void
add_object(Text *out, const Fault *fault, const char *retry_after)
{
	Slice		error = fault->texts[FAULT_ERROR];

	text_add(out, "{\"status\":%ld",
			 fault_has(fault, FAULT_STATUS) ? fault->numbers[FAULT_STATUS] : 200L);
	if (retry_after != NULL && fault_has(fault, FAULT_STATUS))
	{
		text_add(out, ",\"headers\":{\"retry-after\":");
		text_add_json(out, slice_of(retry_after));
		text_add(out, "}");
	}
	if (fault_has(fault, FAULT_ERROR))
	{
		text_add(out, ",\"error\":");
		if (fault->is_json)
		{
			/* as it was written: also what only an escape can say, like a NUL */
			text_add(out, "\"");
			text_add_bytes(out, error);
			text_add(out, "\"");
		}
		else
			text_add_json(out, error);
	}
	text_add(out, "}");
}

/* The body that the fault gives in words; false when it cannot be decoded. */
static bool
reply_body(Plan *plan, Fault *fault)
{
	FaultWord	word = fault_has(fault, FAULT_BODY) ? FAULT_BODY : FAULT_BODY_B64;
	Text		body = {NULL, 0, 0};

	text_reserve(&body, fault->texts[word].len + 8);
	body.len = fault_text(fault, word, body.data, body.size);
	if (word == FAULT_BODY_B64)
	{
		ssize_t		len = base64_decode((Slice) {body.data, body.len}, body.data);

		if (len < 0)
		{
			text_free(&body);
			strcpy(fault->complaint, "fault \"body_b64\" is no base64");
			return false;
		}
		body.len = (size_t) len;
	}
	reply_text(plan, plan->http_status, "text/plain", &body);
	return true;
}

static void
reply_object(Plan *plan, const Fault *fault, const char *retry_after, Delay *delay)
{
	Text		object = {NULL, 0, 0};

	add_object(&object, fault, retry_after);
	if (fault_has(fault, FAULT_CUT))
	{
		Stream	   *stream = new_stream(delay);

		stream->content = object;
		stream->is_cut = true;
		reply_stream(plan, stream, object.len + CUT_BYTES);
	}
	else
		reply_text(plan, plan->http_status, "application/json", &object);
}

/* The HTTP status: as asked for, else the one that the other words imply. */
static unsigned
outer_status(const Fault *fault)
{
	if (fault_has(fault, FAULT_HTTP_STATUS))
		return (unsigned) fault->numbers[FAULT_HTTP_STATUS];
	if (fault_has(fault, FAULT_REDIRECT))
		return MHD_HTTP_FOUND;
	if (fault_has(fault, FAULT_RETRY_AFTER) && !fault_has(fault, FAULT_STATUS))
		return MHD_HTTP_TOO_MANY_REQUESTS;
	return MHD_HTTP_OK;
}

/*
 * reply_fault
 *		Plan the answer that a fault asks for.
 *
 * delay is the connection's.  False, with a complaint in fault, when the fault
 * makes no sense; the plan is empty then.
 */
bool
reply_fault(Plan *plan, Fault *fault, Delay *delay)
{
	char		retry_after[128] = "";
	char		location[1024];
	bool		has_retry_after = fault_has(fault, FAULT_RETRY_AFTER);

	if (fault->complaint[0] != '\0')
		return false;
	if (has_retry_after)
		fault_text(fault, FAULT_RETRY_AFTER, retry_after, sizeof(retry_after));
	plan->http_status = outer_status(fault);
	plan->delay_us = fault->numbers[FAULT_LATENCY_MS] * 1000;
	plan->is_held = fault_has(fault, FAULT_HOLD);
	if (plan->is_held || fault_has(fault, FAULT_HANG))
		plan->delay_us = DELAY_FOREVER;
	plan->is_reset = fault_has(fault, FAULT_RESET);

	if (fault_has(fault, FAULT_REDIRECT) || fault_has(fault, FAULT_EMPTY))
		reply_bytes(plan, plan->http_status, "text/plain", (Slice) {"", 0});
	else if (fault_has(fault, FAULT_BODY) || fault_has(fault, FAULT_BODY_B64))
	{
		if (!reply_body(plan, fault))
			return false;
	}
	else if (fault_has(fault, FAULT_HUGE))
		reply_huge(plan, delay, (uint64_t) fault->numbers[FAULT_HUGE]);
	else if (fault_has(fault, FAULT_ENDLESS) || fault_has(fault, FAULT_DRIP_MS))
		reply_endless(plan, delay, fault->numbers[FAULT_DRIP_MS] * 1000);
	else if (fault_has(fault, FAULT_GZIP_BOMB))
		reply_gzip_bomb(plan, (uint64_t) fault->numbers[FAULT_GZIP_BOMB]);
	else
		reply_object(plan, fault, has_retry_after ? retry_after : NULL, delay);

	if (has_retry_after)
		add_header(plan, MHD_HTTP_HEADER_RETRY_AFTER, retry_after);
	if (fault_has(fault, FAULT_REDIRECT))
	{
		fault_text(fault, FAULT_REDIRECT, location, sizeof(location));
		add_header(plan, MHD_HTTP_HEADER_LOCATION, location);
	}
	return true;
}

/* Give up what a plan holds; an empty plan is fine. */
void
reply_clear(Plan *plan)
{
	if (plan->response != NULL && !plan->is_shared)
		MHD_destroy_response(plan->response);
	memset(plan, 0, sizeof(*plan));
}

void
reply_start(void)
{
	static const char ok[] = "{\"status\":200}";

	ok_response = MHD_create_response_from_buffer(strlen(ok), (void *) ok, MHD_RESPMEM_PERSISTENT);
	if (ok_response == NULL)
		abort();
	(void) MHD_add_response_header(ok_response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
}

void
reply_stop(void)
{
	MHD_destroy_response(ok_response);
}
