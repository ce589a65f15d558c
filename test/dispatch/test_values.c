/*-------------------------------------------------------------------------
 *
 * test_values.c
 *		Functions of values: judging, signing, building requests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "dispatch/judge.h"
#include "dispatch/request.h"
#include "dispatch/sign.h"
#include "dispatch/utf8.h"

static text *
describe(const ExtschedVerdict *verdict)
{
	static const char *const kinds[] = {
		[EXTSCHED_VERDICT_SUCCESS] = "success",
		[EXTSCHED_VERDICT_RETRY] = "retry",
		[EXTSCHED_VERDICT_FINAL] = "final",
	};
	char	   *error = extsched_utf8_to_server(verdict->error, EXTSCHED_ERROR_BYTES);
	char	   *excerpt = extsched_utf8_to_server(verdict->excerpt, EXTSCHED_EXCERPT_BYTES);

	return cstring_to_text(psprintf("%s|%s|%d|%d|%s|%s", kinds[verdict->kind],
									extsched_reason_name(verdict->reason),
									verdict->http_status, verdict->retry_after_s,
									error ? error : "", excerpt ? excerpt : ""));
}

/* judge(http_status, retry_after, body, now_s) */
PG_FUNCTION_INFO_V1(judge);
Datum
judge(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(2);
	ExtschedHttpReply reply = {
		.outcome = EXTSCHED_HTTP_REPLIED,
		.http_status = PG_GETARG_INT32(0),
		.retry_after = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.body = VARDATA_ANY(body),
		.body_len = VARSIZE_ANY_EXHDR(body),
	};
	ExtschedVerdict verdict;

	extsched_judge_reply(&reply, PG_GETARG_INT64(3), &verdict);
	PG_RETURN_TEXT_P(describe(&verdict));
}

/* judge_jsonb(response) */
PG_FUNCTION_INFO_V1(judge_jsonb);
Datum
judge_jsonb(PG_FUNCTION_ARGS)
{
	ExtschedVerdict verdict;

	extsched_judge_jsonb(PG_GETARG_JSONB_P(0), 0, &verdict);
	PG_RETURN_TEXT_P(describe(&verdict));
}

/* sign(path, id, timestamp_s, body): the signature, or "problem: ..." */
PG_FUNCTION_INFO_V1(sign);
Datum
sign(PG_FUNCTION_ARGS)
{
	ExtschedSigner *signer = extsched_signer_create(CurrentMemoryContext);
	char	   *body = text_to_cstring(PG_GETARG_TEXT_PP(3));
	StringInfoData out;

	initStringInfo(&out);
	extsched_signer_load(signer, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (!extsched_signer_sign(signer, text_to_cstring(PG_GETARG_TEXT_PP(1)),
							  PG_GETARG_INT64(2), body, strlen(body), &out))
		appendStringInfo(&out, "problem: %s", extsched_signer_problem(signer) ? extsched_signer_problem(signer) : extsched_signer_is_on(signer) ? "none"
																																				: "off");
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

/*
 * build_request(rows, key_file): the request of the first row of a query that
 * gives the columns of "r" (see request.h): URL, headers and body on lines of
 * their own, or "blocked: ..." or "problem: ...".
 */
PG_FUNCTION_INFO_V1(build_request);
Datum
build_request(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	ExtschedRow row;
	ExtschedRequest request;
	ExtschedRequestFrame frame = {.header_prefix = "x-alga", .fence = "1.2.3"};
	ExtschedSigner *signer = extsched_signer_create(CurrentMemoryContext);
	ExtschedWire wire;
	const char *problem;
	char	   *query = psprintf("SELECT " EXTSCHED_REQUEST_COLUMNS " FROM (%s) r" EXTSCHED_REQUEST_JOINS,
								 text_to_cstring(PG_GETARG_TEXT_PP(0)));
	StringInfoData out;

	extsched_signer_load(signer, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	frame.signer = signer;
	SPI_connect();
	if (SPI_execute(query, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "no row");
	extsched_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	extsched_request_read(&row, 30000, &request);
	extsched_wire_init(&wire);
	problem = request.blocked == EXTSCHED_REASON_NONE ?
		extsched_request_build(&request, &frame, 1614265330, &wire) : NULL;

	MemoryContextSwitchTo(caller);
	initStringInfo(&out);
	if (request.blocked != EXTSCHED_REASON_NONE)
		appendStringInfo(&out, "blocked: %s: %s", extsched_reason_name(request.blocked),
						 request.blocked_text);
	else if (problem != NULL)
		appendStringInfo(&out, "problem: %s", problem);
	else
	{
		const char *line = wire.headers.data;

		appendStringInfo(&out, "%s\n", wire.url.data);
		for (int i = 0; i < wire.n_headers; i++, line += strlen(line) + 1)
			appendStringInfo(&out, "%s\n", line);
		appendStringInfoString(&out, wire.body.data);
	}
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

/* masked_body(rows): what a preview shows. */
PG_FUNCTION_INFO_V1(masked_body);
Datum
masked_body(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	ExtschedRequest request;
	ExtschedRow row;
	char	   *query = psprintf("SELECT " EXTSCHED_REQUEST_COLUMNS " FROM (%s) r" EXTSCHED_REQUEST_JOINS,
								 text_to_cstring(PG_GETARG_TEXT_PP(0)));
	StringInfoData out;

	SPI_connect();
	if (SPI_execute(query, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "no row");
	extsched_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	extsched_request_read(&row, 30000, &request);
	MemoryContextSwitchTo(caller);
	initStringInfo(&out);
	extsched_request_body(&request, "x-alga", true, &out);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}
