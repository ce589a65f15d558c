/*-------------------------------------------------------------------------
 *
 * vocab.c
 *		The fixed words of the scheduler, as text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/vocab.h"

static const char *const run_state_names[] = {
	[EXTSCHED_RUN_PENDING] = "pending",
	[EXTSCHED_RUN_RUNNING] = "running",
	[EXTSCHED_RUN_RETRYING] = "retrying",
	[EXTSCHED_RUN_SUCCEEDED] = "succeeded",
	[EXTSCHED_RUN_FAILED] = "failed",
	[EXTSCHED_RUN_LOST] = "lost",
	[EXTSCHED_RUN_SKIPPED] = "skipped",
	[EXTSCHED_RUN_MISSED] = "missed",
	[EXTSCHED_RUN_CANCELLED] = "cancelled",
};

static const char *const reason_names[] = {
	[EXTSCHED_REASON_NONE] = "",
	[EXTSCHED_REASON_OVERLAP] = "overlap",
	[EXTSCHED_REASON_INSTALL_DISABLED] = "install_disabled",
	[EXTSCHED_REASON_TENANT_PAUSED] = "tenant_paused",
	[EXTSCHED_REASON_SCHEDULE_PAUSED] = "schedule_paused",
	[EXTSCHED_REASON_ENDPOINT_GONE] = "endpoint_gone",
	[EXTSCHED_REASON_OUTSIDE_CATCH_UP] = "outside_catch_up",
	[EXTSCHED_REASON_SCHEDULER_DISABLED] = "scheduler_disabled",
	[EXTSCHED_REASON_NO_RUNNER] = "no_runner",
	[EXTSCHED_REASON_NOT_BUILT] = "not_built",
	[EXTSCHED_REASON_HTTP_STATUS] = "http_status",
	[EXTSCHED_REASON_TIMEOUT] = "timeout",
	[EXTSCHED_REASON_CONNECT] = "connect",
	[EXTSCHED_REASON_RESPONSE_TOO_LARGE] = "response_too_large",
	[EXTSCHED_REASON_BAD_RESPONSE] = "bad_response",
	[EXTSCHED_REASON_MAX_AGE] = "max_age",
	[EXTSCHED_REASON_WORKER_DIED] = "worker_died",
	[EXTSCHED_REASON_DELETED] = "deleted",
	[EXTSCHED_REASON_QUARANTINED] = "quarantined",
};

static const char *const trigger_names[] = {
	[EXTSCHED_TRIGGER_SCHEDULE] = "schedule",
	[EXTSCHED_TRIGGER_MANUAL] = "manual",
	[EXTSCHED_TRIGGER_BACKFILL] = "backfill",
};

StaticAssertDecl(lengthof(run_state_names) == EXTSCHED_RUN_STATES,
				 "each run state has a name");
StaticAssertDecl(lengthof(reason_names) == EXTSCHED_REASONS,
				 "each reason has a name");
StaticAssertDecl(lengthof(trigger_names) == EXTSCHED_TRIGGERS,
				 "each trigger has a name");

static int
find_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

const char *
extsched_run_state_name(ExtschedRunState state)
{
	return run_state_names[state];
}

const char *
extsched_reason_name(ExtschedReason reason)
{
	return reason_names[reason];
}

const char *
extsched_trigger_name(ExtschedTrigger trigger)
{
	return trigger_names[trigger];
}

int
extsched_run_state_by_name(const char *name)
{
	return find_name(run_state_names, lengthof(run_state_names), name);
}

int
extsched_reason_by_name(const char *name)
{
	return find_name(reason_names, lengthof(reason_names), name);
}

int
extsched_trigger_by_name(const char *name)
{
	return find_name(trigger_names, lengthof(trigger_names), name);
}
