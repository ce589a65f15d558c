/*-------------------------------------------------------------------------
 *
 * execute.h
 *		An execute request, read and judged against the Runner contract.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_EXECUTE_H
#define RUNNER_EXECUTE_H

#include "scan.h"

#define VIOLATION_SIZE	200

typedef enum Trigger
{
	TRIGGER_UNKNOWN,
	TRIGGER_SCHEDULE,
	TRIGGER_MANUAL,
	TRIGGER_BACKFILL,
	TRIGGER_COUNT
} Trigger;

typedef enum Method
{
	METHOD_UNKNOWN,
	METHOD_GET,
	METHOD_POST
} Method;

/* The HTTP headers that the contract knows; NULL when the request lacks one. */
typedef struct ExecuteHeaders
{
	const char *content_type;
	const char *request_id;
	const char *idempotency_key;
	const char *tenant;
	const char *extension;
	const char *fence;
	const char *webhook_id;
	const char *webhook_timestamp;
	const char *webhook_signature;
} ExecuteHeaders;

/*
 * What the Runner takes from one request.  Slices point into the request's
 * body and live no longer than it; a field that is missing or has the wrong
 * type is empty.
 */
typedef struct Execute
{
	ExecuteHeaders headers;

	char		tenant[256];
	char		path[264];
	Slice		extension;
	uint8_t		request_id[16];
	uint8_t		install_id[16];
	uint8_t		schedule_id[16];
	Slice		config_fault;	/* context.config.fault: JSON text in a string */
	Trigger		trigger;
	Method		method;
	int64_t		nominal_us;		/* scheduled_for, since 1970-01-01 UTC */
	int64_t		attempt;
	Slice		body_b64;
	Slice		payload;		/* body_b64 decoded, in the caller's scratch */

	bool		is_malformed;	/* the body is no JSON, or context, http or limits is no object */
	char		violation[VIOLATION_SIZE];	/* first breach, "" when none */
} Execute;

/* A buffer that grows and is used again for the next request. */
typedef struct Scratch
{
	char	   *data;
	size_t		size;
} Scratch;

extern void execute_header(Execute *request, const char *prefix, const char *name,
						   const char *value);
extern void execute_read(Execute *request, const char *prefix, Slice body,
						 Scratch *scratch);

extern const char *trigger_name(Trigger trigger);
extern char *scratch_reserve(Scratch *scratch, size_t size);

#endif							/* RUNNER_EXECUTE_H */
