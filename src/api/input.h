/*-------------------------------------------------------------------------
 *
 * input.h
 *		What a caller asks a schedule to be, and how it is read from JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_INPUT_H
#define EXTSCHED_INPUT_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "api/endpoint.h"
#include "api/result.h"

/* Which values were given; bits of ScheduleInput.given. */
typedef enum InputField
{
	INPUT_ENDPOINT = 1 << 0,
	INPUT_CRON = 1 << 1,
	INPUT_TIMEZONE = 1 << 2,
	INPUT_ENABLED = 1 << 3,
	INPUT_NAME = 1 << 4,
	INPUT_PAYLOAD = 1 << 5,
	INPUT_CLIENT_TOKEN = 1 << 6,
	INPUT_SCHEDULE_ID = 1 << 7,
	INPUT_IF_REVISION = 1 << 8,
	INPUT_OPTIONS = 1 << 9,
	INPUT_OVERLAP = 1 << 10,
	INPUT_CATCH_UP = 1 << 11,
	INPUT_MAX_ATTEMPTS = 1 << 12,
	INPUT_BACKOFF = 1 << 13,
	INPUT_MAX_AGE = 1 << 14,
	INPUT_PAUSE_AFTER = 1 << 15,
	INPUT_TIMEOUT = 1 << 16,
	INPUT_ON_UNKNOWN = 1 << 17,
	INPUT_STARTS_AT = 1 << 18,
	INPUT_ENDS_AT = 1 << 19,
	INPUT_JITTER = 1 << 20
} InputField;

/* What makes a change of these a change of when the schedule is due. */
#define INPUT_REARMS (INPUT_CRON | INPUT_TIMEZONE | INPUT_ENABLED | INPUT_STARTS_AT | INPUT_ENDS_AT)

/* Keys that each operation takes. */
#define INPUT_OF_CREATE (INPUT_ENDPOINT | INPUT_CRON | INPUT_TIMEZONE | INPUT_ENABLED | \
						 INPUT_NAME | INPUT_PAYLOAD | INPUT_OPTIONS | INPUT_CLIENT_TOKEN)
#define INPUT_OF_CHANGES (INPUT_OF_CREATE & ~INPUT_CLIENT_TOKEN)
#define INPUT_OF_UPDATE (INPUT_OF_CHANGES | INPUT_SCHEDULE_ID | INPUT_IF_REVISION)

/*
 * A schedule as asked for, or as stored.  Texts that are NULL and instants
 * that are DT_NOBEGIN are "none".  timeout_ms 0 is "that of the Runner".
 */
typedef struct ScheduleInput
{
	uint32		given;
	uint32		mistyped;		/* of those, which hold no value: wrong type */
	char	   *endpoint;		/* selector */
	char	   *cron;
	char	   *timezone;
	bool		enabled;
	char	   *name;
	Jsonb	   *payload;
	char	   *client_token;
	pg_uuid_t	schedule_id;
	int64		if_revision;
	char	   *overlap;
	int			catch_up_s;
	int			max_attempts;
	int			backoff_s;
	int			max_age_s;
	int			pause_after_failures;
	int			timeout_ms;
	char	   *on_unknown;
	TimestampTz starts_at;
	TimestampTz ends_at;
	int			jitter_s;
	EndpointMatch match;		/* the endpoint, once resolved */
} ScheduleInput;

extern void extsched_input_init(ScheduleInput *input);
extern void extsched_input_read(ScheduleInput *input, Jsonb *json, const char *what,
								uint32 allowed, ApiResult *result);
extern void extsched_input_read_options(ScheduleInput *input, JsonbContainer *json,
										ApiResult *result);

#endif							/* EXTSCHED_INPUT_H */
