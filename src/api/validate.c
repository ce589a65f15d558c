/*-------------------------------------------------------------------------
 *
 * validate.c
 *		The one validator of schedules.
 *
 * The host face, the SQL face, extsched_validate and updates all come here, so
 * that the verdict is the same everywhere.  All wrong fields are found in one
 * go.  Accepted values are left in their stored form: cron and name trimmed,
 * the zone in canonical case, the endpoint resolved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/text.h"
#include "api/validate.h"
#include "core/settings.h"
#include "core/zones.h"
#include "cron/cron.h"

#define ENDPOINT_MAX_CHARS	256
#define NAME_MAX_CHARS		128
#define TIMEZONE_MAX_CHARS	64
#define TOKEN_MAX_BYTES		255

static int
count_chars(const char *text)
{
	return pg_mbstrlen_with_len(text, strlen(text));
}

/* A caller's text, quoted in a message at a bounded length. */
static char *
quotable(const char *text)
{
	int			len = strlen(text);
	int			cut = pg_mbcliplen(text, len, 256);

	return cut < len ? psprintf("%s...", pnstrdup(text, cut)) : pstrdup(text);
}

static void
refuse(ApiResult *result, const char *field, char *message, char *hint)
{
	extsched_result_field(result, field, ERRCODE_INVALID_PARAMETER_VALUE, message, hint);
}

/* Is there a value to judge?  What reading refused needs no second opinion. */
static bool
has_value(const ScheduleInput *input, uint32 field)
{
	return (input->given & field) && !(input->mistyped & field);
}

static void
check_endpoint(const InstallContext *context, ScheduleInput *input, ApiResult *result)
{
	char	   *selector = extsched_text_trim(input->endpoint);

	if (*selector == '\0' || count_chars(selector) > ENDPOINT_MAX_CHARS)
	{
		refuse(result, "endpoint",
			   psprintf("The endpoint must have 1 to %d characters.", ENDPOINT_MAX_CHARS),
			   pstrdup("Write \"METHOD /path\", for example \"POST /api/sync\"."));
		return;
	}
	extsched_endpoint_resolve(selector, &context->version, &input->match);
	if (input->match.status != ENDPOINT_FOUND)
		refuse(result, "endpoint", input->match.message,
			   pstrdup("The function extsched_endpoints and the operation getEndpoints list what can be scheduled."));
}

static void
check_cron(const InstallContext *context, ScheduleInput *input, ApiResult *result)
{
	CronSpec	spec;
	CronError	error;
	char		detail[512];

	input->cron = extsched_text_trim(input->cron);
	if (extsched_cron_check(input->cron, strlen(input->cron), extsched_allow_day_or,
							Max(extsched_context_limit(context, LIMIT_MIN_INTERVAL_S), 0),
							&spec, &error) == CRON_OK)
		return;
	extsched_cron_detail(&error, detail, sizeof(detail));
	refuse(result, "cron",
		   psprintf("Invalid cron expression \"%s\": %s", quotable(input->cron), detail),
		   pstrdup(extsched_cron_hint(&error)));
}

static void
check_timezone(ScheduleInput *input, ApiResult *result)
{
	char	   *name = extsched_text_trim(input->timezone);
	const ExtschedZone *zone;
	ExtschedZoneStatus status = EXTSCHED_ZONE_UNKNOWN;

	if (*name == '\0')
	{
		input->timezone = "UTC";
		return;
	}
	if (count_chars(name) > TIMEZONE_MAX_CHARS)
	{
		refuse(result, "timezone",
			   psprintf("The time zone must have at most %d characters.", TIMEZONE_MAX_CHARS), NULL);
		return;
	}
	zone = extsched_zone_lookup(name, &status);
	if (zone != NULL)
		input->timezone = pstrdup(zone->name);
	else
		refuse(result, "timezone", pstrdup(extsched_zone_detail(status, name)),
			   pstrdup(extsched_zone_hint(status)));
}

static void
check_name(ScheduleInput *input, ApiResult *result)
{
	input->name = extsched_text_trim(input->name);
	if (*input->name == '\0')
		input->name = NULL;
	else if (count_chars(input->name) > NAME_MAX_CHARS)
		refuse(result, "name",
			   psprintf("The name has %d characters; %d are allowed.",
						count_chars(input->name), NAME_MAX_CHARS),
			   NULL);
}

static void
check_payload(ScheduleInput *input, ApiResult *result)
{
	char	   *text = JsonbToCString(NULL, &input->payload->root, VARSIZE(input->payload));
	size_t		bytes = strlen(text);

	if (bytes > (size_t) extsched_max_payload_bytes)
		extsched_result_field(result, "payload", ERRCODE_PROGRAM_LIMIT_EXCEEDED,
							  psprintf("The payload has %zu bytes as JSON text; %d are allowed.",
									   bytes, extsched_max_payload_bytes),
							  pstrdup("Send a reference to the data instead of the data."));
	pfree(text);
}

static void
check_client_token(ScheduleInput *input, ApiResult *result)
{
	size_t		bytes = strlen(input->client_token);

	if (bytes == 0 || bytes > TOKEN_MAX_BYTES)
		refuse(result, "clientToken",
			   psprintf("The client token must have 1 to %d bytes.", TOKEN_MAX_BYTES), NULL);
}

static void
require(const char *field, ApiResult *result)
{
	extsched_result_field(result, field, ERRCODE_NULL_VALUE_NOT_ALLOWED,
						  psprintf("\"%s\" is required.", field), NULL);
}

/*
 * extsched_validate_window
 *		Is there any time between starts_at and ends_at?
 *
 * Of an update this can be judged only once the stored bounds are known.
 */
void
extsched_validate_window(const ScheduleInput *schedule, ApiResult *result)
{
	if (!TIMESTAMP_NOT_FINITE(schedule->starts_at) && !TIMESTAMP_NOT_FINITE(schedule->ends_at) &&
		schedule->starts_at >= schedule->ends_at)
		refuse(result, "ends_at", pstrdup("\"ends_at\" must be after \"starts_at\"."), NULL);
}

/*
 * extsched_validate
 *		Judge all given fields of a create or an update.
 *
 * Inside SPI_connect, with the install of *context.  Fills input->match and
 * leaves accepted values in their stored form.  Adds a field error for each
 * wrong field that reading has not reported already.
 */
void
extsched_validate(const InstallContext *context, ScheduleInput *input,
				  bool is_create, ApiResult *result)
{
	if (is_create && !(input->given & INPUT_ENDPOINT))
		require("endpoint", result);
	if (is_create && !(input->given & INPUT_CRON))
		require("cron", result);

	if (has_value(input, INPUT_ENDPOINT))
		check_endpoint(context, input, result);
	if (has_value(input, INPUT_CRON))
		check_cron(context, input, result);
	if (has_value(input, INPUT_TIMEZONE))
		check_timezone(input, result);
	if (input->name != NULL)
		check_name(input, result);
	if (input->payload != NULL)
		check_payload(input, result);
	if (input->client_token != NULL)
		check_client_token(input, result);
	if (is_create)
		extsched_validate_window(input, result);
}
