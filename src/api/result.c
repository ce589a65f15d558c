/*-------------------------------------------------------------------------
 *
 * result.c
 *		How a call ended: the facts that both faces report.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "api/result.h"
#include "api/uuid_text.h"

void
extsched_result_init(ApiResult *result)
{
	memset(result, 0, sizeof(*result));
	result->status = EXTSCHED_API_OK;
}

/*
 * extsched_result_fail
 *		Record a failure that no single field is to blame for.
 *
 * message is a primary message (lower case, no period); detail and hint are
 * sentences or NULL.  The first failure stays.
 */
void
extsched_result_fail(ApiResult *result, ExtschedApiStatus status, int sqlerrcode,
					 char *message, char *detail, char *hint)
{
	if (!extsched_result_is_ok(result))
		return;
	result->status = status;
	result->sqlerrcode = sqlerrcode;
	result->message = message;
	result->detail = detail;
	result->hint = hint;
}

/*
 * extsched_result_field
 *		Record that a field is wrong.
 *
 * Validation goes on and reports all fields at once.  Of several errors of one
 * field the first stays.  message is a full sentence.
 */
void
extsched_result_field(ApiResult *result, const char *field, int sqlerrcode,
					  char *message, char *hint)
{
	result->status = EXTSCHED_API_VALIDATION_FAILED;
	for (int i = 0; i < result->nfields; i++)
	{
		if (strcmp(result->fields[i].field, field) == 0)
			return;
	}
	if (result->nfields == MAX_FIELD_ERRORS)
		return;
	result->fields[result->nfields++] = (FieldError) {
		.field = field, .sqlerrcode = sqlerrcode, .message = message, .hint = hint
	};
}

/*
 * extsched_result_no_schedule
 *		Record that an install has no schedule of this id.
 *
 * The one answer for unknown ids and for those of others.
 */
void
extsched_result_no_schedule(ApiResult *result, const pg_uuid_t *schedule)
{
	extsched_result_fail(result, EXTSCHED_API_NOT_FOUND, ERRCODE_UNDEFINED_OBJECT,
						 psprintf("schedule %s does not exist", extsched_uuid_to_text(schedule)),
						 NULL,
						 pstrdup("A schedule is known only together with its own tenant and install."));
}

/* A list of all wrong fields, a line each: "field: what is wrong". */
static char *
list_fields(const ApiResult *result)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < result->nfields; i++)
		appendStringInfo(&list, "%s%s: %s", i > 0 ? "\n" : "",
						 result->fields[i].field, result->fields[i].message);
	return list.data;
}

/* The common SQLSTATE of the fields; 22023 when they differ. */
static int
fields_sqlerrcode(const ApiResult *result)
{
	for (int i = 1; i < result->nfields; i++)
	{
		if (result->fields[i].sqlerrcode != result->fields[0].sqlerrcode)
			return ERRCODE_INVALID_PARAMETER_VALUE;
	}
	return result->fields[0].sqlerrcode;
}

static char *
first_hint(const ApiResult *result)
{
	for (int i = 0; i < result->nfields; i++)
	{
		if (result->fields[i].hint != NULL)
			return result->fields[i].hint;
	}
	return NULL;
}

/*
 * extsched_result_raise
 *		Raise the failure as the SQL face does.
 *
 * Wrong fields are all in the DETAIL; the HINT is that of the first field
 * that has one.  The SQLSTATE is the one the fields share, else 22023.  A
 * failure that has a message of its own raises that instead.
 */
void
extsched_result_raise(const ApiResult *result)
{
	if (result->message == NULL)
	{
		char	   *hint = first_hint(result);

		ereport(ERROR,
				errcode(fields_sqlerrcode(result)),
				result->nfields == 1 ?
				errmsg("invalid value for field \"%s\"", result->fields[0].field) :
				errmsg("invalid values for %d fields", result->nfields),
				errdetail_internal("%s", list_fields(result)),
				hint ? errhint("%s", hint) : 0);
	}
	ereport(ERROR,
			errcode(result->sqlerrcode),
			errmsg_internal("%s", result->message),
			result->detail ? errdetail_internal("%s", result->detail) : 0,
			result->hint ? errhint("%s", result->hint) : 0);
}
