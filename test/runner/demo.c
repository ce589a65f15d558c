/*-------------------------------------------------------------------------
 *
 * demo.c
 *		The two schedulable endpoints of the demo extension.
 *
 * The demo's other endpoints manage schedules, so they need the database and
 * live in examples/demo.  These two only answer, and are here so that the tests
 * schedule the endpoints that a reader of the examples knows.
 *
 *-------------------------------------------------------------------------
 */
#include "reply.h"

#include <time.h>

#define DEMO_BUILD	"scheduler-demo 0.1.0"

/* Wrap a JSON body as the contract's reply object. */
static void
wrap(Text *out, const Text *body)
{
	text_add(out, "{\"status\":200,\"headers\":{\"content-type\":\"application/json\"},"
			 "\"body_b64\":\"");
	text_add_base64(out, (Slice) {body->data, body->len});
	text_add(out, "\"}");
}

/*
 * demo_answer
 *		Answer a request to GET /api/status or POST /api/heartbeat.
 *
 * False for every other endpoint; nothing was added then.
 */
bool
demo_answer(const Execute *request, Text *out)
{
	Text		body = {NULL, 0, 0};
	bool		is_status =
		request->method == METHOD_GET && strcmp(request->path, "/api/status") == 0;
	struct timespec now;

	if (!is_status &&
		(request->method != METHOD_POST || strcmp(request->path, "/api/heartbeat") != 0))
		return false;

	clock_gettime(CLOCK_REALTIME, &now);
	text_add(&body, is_status ? "{\"status\":\"healthy\"" : "{\"event\":\"heartbeat\"");
	text_add(&body, ",\"timestamp\":\"");
	text_add_time(&body, (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000);
	text_add(&body, "\",\"tenant\":");
	text_add_json(&body, slice_of(request->tenant));
	if (is_status)
	{
		text_add(&body, ",\"extension\":");
		text_add_json(&body, request->extension);
	}
	else
		text_add(&body, ",\"message\":\"heartbeat received\"");
	text_add(&body, ",\"build\":\"" DEMO_BUILD "\"}");
	wrap(out, &body);
	text_free(&body);
	return true;
}
