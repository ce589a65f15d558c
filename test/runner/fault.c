/*-------------------------------------------------------------------------
 *
 * fault.c
 *		Find out how a request wants to be mistreated.
 *
 * A test chooses the fault in what it schedules, so that one Runner serves
 * many faults at once and no test has to talk to the Runner between two runs.
 * In order of precedence: a "fault" object in the payload (POST), the path
 * "/fault/WORD[/VALUE]..." (GET has no payload), the config entry "fault", the
 * default that the server was started with.
 *
 * A fault that cannot be read is answered with HTTP 400 and counted: a typing
 * error in a test must not pass for a healthy Runner.
 *
 *-------------------------------------------------------------------------
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum FaultKind
{
	KIND_FLAG,
	KIND_COUNT,
	KIND_TEXT,
	KIND_SHARE
} FaultKind;

typedef struct FaultEntry
{
	const char *name;
	FaultKind	kind;
	int64_t		min;
	int64_t		max;
} FaultEntry;

#define MAX_DELAY_MS	INT64_C(86400000)
#define MAX_BYTES		(INT64_C(1) << 40)

static const FaultEntry vocabulary[FAULT_WORDS] = {
	[FAULT_LATENCY_MS] = {"latency_ms", KIND_COUNT, 0, MAX_DELAY_MS},
	[FAULT_STATUS] = {"status", KIND_COUNT, 0, 999999},
	[FAULT_HTTP_STATUS] = {"http_status", KIND_COUNT, 200, 599},
	[FAULT_RESET] = {"reset", KIND_FLAG},
	[FAULT_CUT] = {"cut", KIND_FLAG},
	[FAULT_HUGE] = {"huge", KIND_COUNT, 0, MAX_BYTES},
	[FAULT_ENDLESS] = {"endless", KIND_FLAG},
	[FAULT_DRIP_MS] = {"drip_ms", KIND_COUNT, 0, MAX_DELAY_MS},
	[FAULT_HANG] = {"hang", KIND_FLAG},
	[FAULT_HOLD] = {"hold", KIND_FLAG},
	[FAULT_RETRY_AFTER] = {"retry_after", KIND_TEXT},
	[FAULT_REDIRECT] = {"redirect", KIND_TEXT},
	[FAULT_BODY] = {"body", KIND_TEXT},
	[FAULT_BODY_B64] = {"body_b64", KIND_TEXT},
	[FAULT_EMPTY] = {"empty", KIND_FLAG},
	[FAULT_ERROR] = {"error", KIND_TEXT},
	[FAULT_GZIP_BOMB] = {"gzip_bomb", KIND_COUNT, 0, INT64_C(1) << 32},
	[FAULT_TIMES] = {"times", KIND_COUNT, 0, INT64_MAX},
	[FAULT_PROBABILITY] = {"probability", KIND_SHARE},
};

const char *
fault_word_name(FaultWord word)
{
	return vocabulary[word].name;
}

/*
 * Add one word to a fault.  value is raw JSON, or the bare text of a path
 * segment; a flag in a path has no value (value.at is NULL).
 */
static void
add_word(Fault *fault, Slice name, Slice value)
{
	int			word = 0;
	const FaultEntry *entry;
	bool		is_ok = true;

	while (word < FAULT_WORDS && !slice_is(name, vocabulary[word].name))
		word++;
	if (word == FAULT_WORDS)
	{
		snprintf(fault->complaint, sizeof(fault->complaint), "unknown fault \"%.*s\"",
				 (int) (name.len < 60 ? name.len : 60), name.at);
		return;
	}
	entry = &vocabulary[word];
	switch (entry->kind)
	{
		case KIND_FLAG:
			if (slice_is(value, "false"))
				return;
			is_ok = value.at == NULL || slice_is(value, "true");
			break;
		case KIND_COUNT:
			is_ok = scan_integer(value, &fault->numbers[word]) &&
				fault->numbers[word] >= entry->min && fault->numbers[word] <= entry->max;
			break;
		case KIND_TEXT:
			if (fault->is_json && value.len > 0 && value.at[0] == '"')
				value = scan_inside(value);
			else if (fault->is_json)
				is_ok = scan_integer(value, &fault->numbers[word]);
			fault->texts[word] = value;
			break;
		case KIND_SHARE:
			is_ok = scan_fraction(value, &fault->probability) &&
				fault->probability >= 0 && fault->probability <= 1;
			break;
	}
	if (!is_ok)
		snprintf(fault->complaint, sizeof(fault->complaint), "fault \"%s\" has a wrong value",
				 entry->name);
	fault->words |= UINT32_C(1) << word;
}

/*
 * fault_read_json
 *		Read a fault object.  The fault keeps slices of it.
 */
void
fault_read_json(Fault *fault, Slice object)
{
	Scan		scan;
	Slice		key;
	Slice		value;

	memset(fault, 0, sizeof(*fault));
	fault->is_json = true;
	scan_start(&scan, object);
	scan_enter(&scan, '{');
	while (scan_member(&scan, &key) && scan_value(&scan, &value))
		add_word(fault, key, value);
	if (!scan_finish(&scan))
		snprintf(fault->complaint, sizeof(fault->complaint), "the fault is no JSON object: %s",
				 scan.error);
}

/* Read "/fault/WORD[/VALUE]/...": flags have no value, all others have one. */
static void
read_path(Fault *fault, const char *path)
{
	memset(fault, 0, sizeof(*fault));
	while (*path == '/')
	{
		Slice		name = {path + 1, strcspn(path + 1, "/")};
		Slice		value = {NULL, 0};
		bool		is_flag = false;

		path += 1 + name.len;
		for (int i = 0; i < FAULT_WORDS; i++)
			if (slice_is(name, vocabulary[i].name))
				is_flag = vocabulary[i].kind == KIND_FLAG;
		if (!is_flag && *path == '/')
		{
			value = (Slice) {path + 1, strcspn(path + 1, "/")};
			path += 1 + value.len;
		}
		add_word(fault, name, value);
	}
}

/* The "fault" member of a payload, if the payload has one. */
static bool
find_in_payload(Slice payload, Slice *object)
{
	Scan		scan;
	Slice		key;
	Slice		value;

	if (payload.len == 0 || payload.at[0] != '{' ||
		memmem(payload.at, payload.len, "\"fault\"", 7) == NULL)
		return false;
	scan_start(&scan, payload);
	scan_enter(&scan, '{');
	while (scan_member(&scan, &key) && scan_value(&scan, &value))
	{
		if (slice_is(key, "fault"))
		{
			*object = value;
			return true;
		}
	}
	return false;
}

/*
 * A share of runs, the same ones each time: a run's attempts have one key, so
 * they all succeed or all fail.
 */
static bool
is_in_share(const char *key, double probability)
{
	uint64_t	hash = UINT64_C(14695981039346656037);

	for (; key && *key; key++)
		hash = (hash ^ (unsigned char) *key) * UINT64_C(1099511628211);
	/* FNV leaves the high bits poor for short keys */
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	return (double) (hash >> 11) * 0x1p-53 < probability;
}

/*
 * fault_choose
 *		Find the fault of one request; false when it is to be served normally.
 *
 * The fault's texts live as long as the request's payload, config_text (which
 * takes the unescaped config entry) and the server's default.
 */
bool
fault_choose(Fault *fault, const Execute *request, const Fault *server_default,
			 char *config_text, size_t config_size)
{
	Slice		object;

	if (find_in_payload(request->payload, &object))
		fault_read_json(fault, object);
	else if (strncmp(request->path, "/fault/", 7) == 0)
		read_path(fault, request->path + 6);
	else if (request->config_fault.len > 0)
	{
		object.at = config_text;
		object.len = scan_unescape(request->config_fault, config_text, config_size);
		fault_read_json(fault, object);
	}
	else if (server_default->words != 0)
		*fault = *server_default;
	else
		return false;

	if (fault->complaint[0] != '\0')
		return true;
	if (fault_has(fault, FAULT_TIMES) && request->attempt > fault->numbers[FAULT_TIMES])
		return false;
	if (fault_has(fault, FAULT_PROBABILITY) &&
		!is_in_share(request->headers.idempotency_key, fault->probability))
		return false;
	return fault->words != 0;
}

/* The text of a word, escapes resolved and NUL-terminated; its length. */
size_t
fault_text(const Fault *fault, FaultWord word, char *out, size_t size)
{
	Slice		text = fault->texts[word];

	if (fault->is_json)
		return scan_unescape(text, out, size);
	if (text.len >= size)
		text.len = size - 1;
	if (text.len > 0)
		memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	return text.len;
}
