/*-------------------------------------------------------------------------
 *
 * judge.h
 *		What a reply means for a run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_JUDGE_H
#define EXTSCHED_JUDGE_H

#include "utils/jsonb.h"

#include "core/vocab.h"
#include "dispatch/http.h"

/* Limits of extsched.run.error and response_excerpt, in bytes. */
#define EXTSCHED_ERROR_BYTES	4000
#define EXTSCHED_EXCERPT_BYTES	2000

/* now_s below: real seconds since 1970-01-01 UTC, without the clock offset. */

typedef enum ExtschedVerdictKind
{
	EXTSCHED_VERDICT_SUCCESS,	/* the run succeeded */
	EXTSCHED_VERDICT_RETRY,		/* another attempt may help */
	EXTSCHED_VERDICT_FINAL,		/* it would not */
} ExtschedVerdictKind;

/*
 * Texts are UTF-8 without NUL, in the caller's memory context; NULL when there
 * is nothing to say.  Hand them to extsched_utf8_to_server() inside the
 * transaction that stores them.
 */
typedef struct ExtschedVerdict
{
	ExtschedVerdictKind kind;
	ExtschedReason reason;		/* NONE with SUCCESS only */
	int			http_status;	/* the status that decided; 0: none */
	int			retry_after_s;	/* wait at least so long; -1: not said */
	char	   *error;
	char	   *excerpt;
} ExtschedVerdict;

extern void extsched_judge_reply(const ExtschedHttpReply *reply, int64 now_s,
								 ExtschedVerdict *verdict);
extern void extsched_judge_response(const char *json, size_t len,
									int64 now_s, ExtschedVerdict *verdict);
extern void extsched_judge_jsonb(Jsonb *response, int64 now_s,
								 ExtschedVerdict *verdict);
extern int	extsched_judge_retry_after(const char *value, int64 now_s);

#endif							/* EXTSCHED_JUDGE_H */
