/*-------------------------------------------------------------------------
 *
 * request.h
 *		The execute request: read from the tables, written as JSON and headers.
 *
 * Worker, pull claim and preview select the same columns, so that what is
 * shown, claimed and sent cannot differ:
 *
 *		SELECT EXTSCHED_REQUEST_COLUMNS [, more columns]
 *		  FROM (...) r EXTSCHED_REQUEST_JOINS
 *
 * r has tenant_id, schedule_id, install_id, run_id, nominal_time, trigger,
 * attempt (the one to be sent, from 1) and runner.  All joins are outer: a row
 * that is gone leaves NULLs, and extsched_request_read() says what is missing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_REQUEST_H
#define EXTSCHED_REQUEST_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "core/row.h"
#include "core/vocab.h"
#include "dispatch/sign.h"

/* In the order of the enum in request.c. */
#define EXTSCHED_REQUEST_COLUMNS \
	"r.tenant_id, r.schedule_id, r.install_id, r.run_id, r.nominal_time," \
	" r.trigger, r.attempt," \
	" s.endpoint_method, s.endpoint_path, s.payload, s.timeout_ms," \
	" s.endpoint_id IS NOT NULL," \
	" i.registry_id, i.version_id, i.config, i.secret_envelope, i.enabled," \
	" v.content_hash," \
	" extsched.effective_capabilities(v.capabilities, i.granted)," \
	" t.is_paused," \
	" n.transport, n.base_url, n.timeout_ms, n.connect_timeout_ms," \
	" n.context_headers"

#define EXTSCHED_REQUEST_JOINS \
	" LEFT JOIN extsched.schedule s ON s.tenant_id = r.tenant_id AND s.schedule_id = r.schedule_id" \
	" LEFT JOIN extsched.install i ON i.tenant_id = r.tenant_id AND i.install_id = r.install_id" \
	" LEFT JOIN extsched.version v ON v.version_id = i.version_id" \
	" LEFT JOIN extsched.tenant t ON t.tenant_id = r.tenant_id" \
	" LEFT JOIN extsched.runner n ON n.runner = r.runner"

/* Columns of ours; those a caller adds follow. */
#define EXTSCHED_REQUEST_NCOLUMNS 25

typedef struct ExtschedRequest
{
	/* Why there is nothing to send; NONE: the rest is complete. */
	ExtschedReason blocked;
	const char *blocked_text;	/* for people, server encoding */

	char	   *tenant;
	pg_uuid_t	run_id;			/* idempotency key */
	pg_uuid_t	request_id;		/* set by the caller, new for each attempt */
	pg_uuid_t	schedule_id;
	pg_uuid_t	install_id;
	pg_uuid_t	registry_id;
	pg_uuid_t	version_id;
	TimestampTz scheduled_for;
	ExtschedTrigger trigger;
	int			attempt;

	char	   *method;
	char	   *path;
	Jsonb	   *payload;		/* NULL: none */
	char	   *content_hash;	/* as registered */
	Jsonb	   *config;
	Jsonb	   *secret_envelope;	/* NULL: none */
	char	  **providers;
	int			n_providers;

	bool		is_http;		/* transport of the Runner, else notify */
	char	   *base_url;		/* NULL for notify */
	int			timeout_ms;
	int			connect_timeout_ms; /* 0: no bound of its own */
	bool		has_context_headers;
} ExtschedRequest;

/* What all requests of a process share. */
typedef struct ExtschedRequestFrame
{
	const char *header_prefix;
	const char *fence;			/* NULL: no fence header */
	const ExtschedSigner *signer;	/* NULL: no signature */
} ExtschedRequestFrame;

/* A request ready for extsched_http_start(); UTF-8. */
typedef struct ExtschedWire
{
	StringInfoData url;
	StringInfoData headers;		/* lines, each ended by '\0' */
	int			n_headers;
	StringInfoData body;
} ExtschedWire;

extern void extsched_request_read(const ExtschedRow *row,
								  int default_timeout_ms,
								  ExtschedRequest *request);

extern void extsched_wire_init(ExtschedWire *wire);
extern const char *extsched_request_build(const ExtschedRequest *request,
										  const ExtschedRequestFrame *frame,
										  int64 now_s, ExtschedWire *wire);

/* The body alone, server encoding: as sent, or with secrets masked. */
extern void extsched_request_body(const ExtschedRequest *request,
								  const char *header_prefix,
								  bool mask_secrets, StringInfo body);

extern char *extsched_request_fence(int64 worker_epoch);

#endif							/* EXTSCHED_REQUEST_H */
