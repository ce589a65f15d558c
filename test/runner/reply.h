/*-------------------------------------------------------------------------
 *
 * reply.h
 *		What a request is going to be answered with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_REPLY_H
#define RUNNER_REPLY_H

#include "delay.h"
#include "fault.h"
#include "text.h"

/* An answer, decided when the request was read and given afterwards. */
typedef struct Plan
{
	struct MHD_Response *response;
	bool		is_shared;		/* the response outlives the plan */
	unsigned	http_status;
	int64_t		delay_us;		/* wait this long first; DELAY_FOREVER: hang */
	bool		is_held;		/* wait until the server's fault is set again */
	bool		is_reset;		/* end the connection with a RST instead */
} Plan;

extern void reply_start(void);
extern void reply_stop(void);
extern void reply_normal(Plan *plan, const Execute *request);
extern bool reply_fault(Plan *plan, Fault *fault, Delay *delay);
extern void reply_json(Plan *plan, unsigned http_status, const char *json);
extern void reply_text(Plan *plan, unsigned http_status, const char *content_type, Text *text);
extern void reply_clear(Plan *plan);

extern bool demo_answer(const Execute *request, Text *out);

#endif							/* RUNNER_REPLY_H */
