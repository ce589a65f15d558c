/*-------------------------------------------------------------------------
 *
 * result.h
 *		How a call ended: the facts that both faces report.
 *
 * The core of the API raises no error for a user's mistake.  It fills an
 * ApiResult, from which the SQL face raises and the host face answers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_RESULT_H
#define EXTSCHED_RESULT_H

#include "utils/uuid.h"

#include "core/compat.h"
#include "core/counters.h"

#define MAX_FIELD_ERRORS 32

/* One wrong field.  Texts are palloc'd or static; detail and hint may be NULL. */
typedef struct FieldError
{
	const char *field;			/* host name, as "scheduleId" */
	int			sqlerrcode;
	char	   *message;		/* a full sentence, for the host face */
	char	   *hint;
} FieldError;

typedef struct ApiResult
{
	ExtschedApiStatus status;
	int			sqlerrcode;		/* of the failure, unless fields say it */
	char	   *message;		/* primary message, NULL while all is well */
	char	   *detail;
	char	   *hint;
	int			retry_after_s;	/* of EXTSCHED_API_RATE_LIMITED */
	int			nfields;
	FieldError	fields[MAX_FIELD_ERRORS];
} ApiResult;

extern void extsched_result_init(ApiResult *result);
extern void extsched_result_fail(ApiResult *result, ExtschedApiStatus status,
								 int sqlerrcode, char *message, char *detail, char *hint);
extern void extsched_result_field(ApiResult *result, const char *field, int sqlerrcode,
								  char *message, char *hint);
extern void extsched_result_no_schedule(ApiResult *result, const pg_uuid_t *schedule);
pg_noreturn extern void extsched_result_raise(const ApiResult *result);

static inline bool
extsched_result_is_ok(const ApiResult *result)
{
	return result->status == EXTSCHED_API_OK;
}

#endif							/* EXTSCHED_RESULT_H */
