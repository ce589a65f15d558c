/*-------------------------------------------------------------------------
 *
 * start.c
 *		From a row to a request on its way.
 *
 * A request leaves only after the transaction that says so has committed, so
 * what a transaction starts is collected here: runs, the requests built for
 * them, Runners to be notified.  extsched_start_commit() lets them go when the
 * transaction has committed, extsched_start_abort() forgets them when it has
 * not.  Requests are built inside the transaction, because payload,
 * configuration and envelope may be out of line and are read then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/counters.h"
#include "core/row.h"
#include "core/settings.h"
#include "dispatch/notify.h"
#include "worker/settle.h"
#include "worker/start.h"
#include "worker/states.h"

/* How long after its deadline the outcome of an attempt counts as unknown. */
#define LEASE_MARGIN_MS		15000

/* Of so many requests the first leave while the others are still handed over. */
#define SENDS_PER_POLL		16

/* A request that may be sent once its run is committed. */
typedef struct ExtschedSend
{
	ExtschedRun *run;
	ExtschedWire wire;
	int			timeout_ms;
	int			connect_timeout_ms;
} ExtschedSend;

/*
 * extsched_policy_read_caps
 *		Read EXTSCHED_CAP_COLUMNS, the first of which has that number.
 *
 * All runs of a tenant or an install are with one worker, those of a Runner are
 * not.
 */
void
extsched_policy_read_caps(const ExtschedLoop *loop, const ExtschedRow *row, int first,
						  ExtschedPolicy *policy)
{
	int			tenant_limit = extsched_row_int(row, first, INT_MIN);
	int			install_limit = extsched_row_int(row, first + 1, INT_MIN);
	int			runner_limit = extsched_row_int(row, first + 2, -1);

	policy->tenant_cap = tenant_limit != INT_MIN ? tenant_limit : extsched_max_in_flight_per_tenant;
	policy->install_cap = install_limit;
	if (install_limit == INT_MIN)
		policy->install_cap = tenant_limit != INT_MIN ? tenant_limit : extsched_max_in_flight_per_install;
	if (policy->tenant_cap < 0)
		policy->tenant_cap = INT_MAX;
	if (policy->install_cap < 0)
		policy->install_cap = INT_MAX;
	policy->runner_cap = runner_limit < 0 ? INT_MAX : extsched_loop_share(loop, runner_limit);
}

/*
 * extsched_policy_read
 *		Read EXTSCHED_POLICY_COLUMNS, the first of which has that number.
 *
 * Columns of a schedule that is gone are null; the run will not be sent then.
 * Texts are in the current context.
 */
void
extsched_policy_read(ExtschedLoop *loop, const ExtschedRow *row, int first,
					 ExtschedPolicy *policy)
{
	policy->max_attempts = extsched_row_int(row, first, 1);
	policy->backoff_s = extsched_row_int(row, first + 1, 0);
	policy->max_age_s = extsched_row_int(row, first + 2, INT_MAX);
	policy->pause_after_failures = extsched_row_int(row, first + 3, 0);
	policy->name = extsched_row_text(row, first + 4);
	extsched_policy_read_caps(loop, row, first + 5, policy);
	policy->runner = extsched_row_text(row, first + 8);
	if (policy->runner == NULL)
		policy->runner = pstrdup("");
}

/*
 * extsched_start_take
 *		A run in memory for a request that was read; part of this transaction.
 *
 * Neither state, attempt nor times are set.
 */
ExtschedRun *
extsched_start_take(ExtschedLoop *loop, const ExtschedRequest *request,
					const ExtschedPolicy *policy)
{
	ExtschedRun *run = extsched_run_create(loop, request->tenant, policy->name,
										   request->content_hash);
	MemoryContext old = MemoryContextSwitchTo(loop->cycle);

	loop->fresh = lappend(loop->fresh, run);
	MemoryContextSwitchTo(old);

	run->schedule = request->schedule_id;
	run->install = request->install_id;
	run->run_id = request->run_id;
	run->nominal = request->scheduled_for;
	run->trigger = request->trigger;
	run->attempt = request->attempt;
	run->max_attempts = policy->max_attempts;
	run->backoff_s = policy->backoff_s;
	run->max_age_s = policy->max_age_s;
	run->pause_after_failures = policy->pause_after_failures;
	run->has_version = request->content_hash != NULL;
	run->registry = request->registry_id;
	run->version = request->version_id;
	return run;
}

/*
 * extsched_start_queue
 *		Let a run compete for a slot.
 */
void
extsched_start_queue(ExtschedLoop *loop, ExtschedRun *run,
					 const ExtschedPolicy *policy, TimestampTz due)
{
	ExtschedFairKey key = {
		.tenant = run->tenant,
		.install = run->install,
		.runner = policy->runner,
		.tenant_cap = policy->tenant_cap,
		.install_cap = policy->install_cap,
		.runner_cap = policy->runner_cap,
	};

	run->fair.due = due;
	extsched_fairqueue_add(loop->queue, &key, &run->fair);
}

/*
 * extsched_start_build
 *		Build the request of an attempt; it goes out at commit.
 *
 * request->request_id and attempt are set.  Returns false when it cannot be
 * built, and the run has an outcome then.
 */
bool
extsched_start_build(ExtschedLoop *loop, ExtschedRun *run, ExtschedRequest *request)
{
	MemoryContext old = MemoryContextSwitchTo(loop->cycle);
	ExtschedSend *send = palloc0(sizeof(ExtschedSend));
	TimestampTz real_now = GetCurrentTimestamp();
	ExtschedRequestFrame frame = {
		.header_prefix = extsched_header_prefix,
		.fence = loop->fence,
		.signer = loop->signer,
	};
	const char *problem;

	extsched_wire_init(&send->wire);
	problem = extsched_request_build(request, &frame,
									 timestamptz_to_time_t(real_now), &send->wire);
	if (problem == NULL)
	{
		send->run = run;
		send->timeout_ms = request->timeout_ms;
		send->connect_timeout_ms = request->connect_timeout_ms;
		run->fate = EXTSCHED_FATE_SEND;
		loop->sends = lappend(loop->sends, send);
	}
	MemoryContextSwitchTo(old);
	if (problem != NULL)
		extsched_start_end(run, EXTSCHED_REASON_NOT_BUILT, problem, run->attempt_at);
	return problem == NULL;
}

/*
 * extsched_start_end
 *		A run that waited ends without being sent.
 *
 * What an administrator has stopped is skipped if it had no attempt yet; all
 * else has failed.
 */
void
extsched_start_end(ExtschedRun *run, ExtschedReason reason, const char *error,
				   TimestampTz now)
{
	ExtschedRunState state = EXTSCHED_RUN_FAILED;

	if (reason == EXTSCHED_REASON_DELETED)
		state = EXTSCHED_RUN_CANCELLED;
	else if (run->from == EXTSCHED_RUN_PENDING &&
			 (reason == EXTSCHED_REASON_TENANT_PAUSED ||
			  reason == EXTSCHED_REASON_INSTALL_DISABLED ||
			  reason == EXTSCHED_REASON_SCHEDULE_PAUSED))
		state = EXTSCHED_RUN_SKIPPED;
	run->has_lease = false;
	extsched_outcome_end(run, state, reason, error, now);
	run->fate = EXTSCHED_FATE_END;
}

/*
 * extsched_start_notify
 *		Wake the Runners of a name at commit.
 */
void
extsched_start_notify(ExtschedLoop *loop, const char *runner)
{
	MemoryContext old;
	ListCell   *cell;

	foreach(cell, loop->notify)
	{
		if (strcmp(lfirst(cell), runner) == 0)
			return;
	}
	old = MemoryContextSwitchTo(loop->cycle);
	loop->notify = lappend(loop->notify, pstrdup(runner));
	MemoryContextSwitchTo(old);
}

/* Hand a request to libcurl; one that it will not take is an outcome. */
static void
send_request(ExtschedLoop *loop, ExtschedSend *send)
{
	ExtschedHttpCall call = {
		.url = send->wire.url.data,
		.headers = send->wire.headers.data,
		.n_headers = send->wire.n_headers,
		.body = send->wire.body.data,
		.body_len = send->wire.body.len,
		.timeout_ms = send->timeout_ms,
		.connect_timeout_ms = send->connect_timeout_ms,
		.owner = send->run,
	};
	ExtschedVerdict verdict = {
		.kind = EXTSCHED_VERDICT_RETRY,
		.reason = EXTSCHED_REASON_CONNECT,
		.retry_after_s = -1,
		.error = "the worker has no free connection",
	};

	if (extsched_http_start(loop->http, &call))
		return;
	extsched_fairqueue_remove(loop->queue, &send->run->fair);
	extsched_outcome_judge(send->run, &verdict, send->run->attempt_at);
	dlist_push_tail(&loop->outcomes, &send->run->node);
	loop->n_outcomes++;
}

/*
 * extsched_start_commit
 *		The transaction has committed: send what it started.
 *
 * Runs NOTIFY in a transaction of its own, because a commit with one takes a
 * lock of the whole cluster.
 */
void
extsched_start_commit(ExtschedLoop *loop)
{
	List	   *notify = loop->notify;
	List	   *sends = loop->sends;
	ListCell   *cell;
	int			n_sent = 0;
	int			n_retries = 0;

	foreach(cell, sends)
	{
		ExtschedSend *send = lfirst(cell);

		if (send->run->fate != EXTSCHED_FATE_SEND)
			continue;
		n_sent++;
		n_retries += send->run->attempt > 1;
		send_request(loop, send);
		if (n_sent % SENDS_PER_POLL == 0)
			extsched_http_poll(loop->http);
	}
	foreach(cell, loop->fresh)
	{
		ExtschedRun *run = lfirst(cell);

		if (run->fate == EXTSCHED_FATE_SEND)
			continue;
		extsched_fairqueue_remove(loop->queue, &run->fair);
		if (run->fate == EXTSCHED_FATE_FORGET)
			extsched_run_free(run);
		else
		{
			dlist_push_tail(&loop->outcomes, &run->node);
			loop->n_outcomes++;
		}
	}
	loop->fresh = loop->sends = loop->notify = NIL;

	if (n_sent > 0)
		extsched_count_event(EXTSCHED_EVENT_ATTEMPT, n_sent);
	if (n_retries > 0)
		extsched_count_event(EXTSCHED_EVENT_RETRY, n_retries);

	if (notify != NIL)
	{
		extsched_notify_runners(notify);
		extsched_count_event(EXTSCHED_EVENT_NOTIFY, list_length(notify));
	}
}

/*
 * extsched_start_abort
 *		The transaction has failed: nothing of it has happened.
 */
void
extsched_start_abort(ExtschedLoop *loop)
{
	ListCell   *cell;

	foreach(cell, loop->fresh)
	{
		ExtschedRun *run = lfirst(cell);

		extsched_fairqueue_remove(loop->queue, &run->fair);
		extsched_run_free(run);
	}
	loop->fresh = loop->sends = loop->notify = NIL;
}

/*
 * extsched_start_lease_end
 *		When the outcome of an attempt that starts now counts as unknown.
 */
TimestampTz
extsched_start_lease_end(const ExtschedRequest *request, TimestampTz now)
{
	return TimestampTzPlusMilliseconds(now, (int64) request->timeout_ms + LEASE_MARGIN_MS);
}
