/*-------------------------------------------------------------------------
 *
 * start.h
 *		From a row to a request on its way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_START_H
#define EXTSCHED_START_H

#include "core/row.h"
#include "worker/run.h"

/* How many runs may be in flight. */
#define EXTSCHED_CAP_COLUMNS \
	"(t.limits ->> 'max_in_flight')::pg_catalog.int4," \
	" (i.limits ->> 'max_in_flight')::pg_catalog.int4," \
	" n.max_in_flight"

/*
 * What a run needs besides its request.  To be selected behind
 * EXTSCHED_REQUEST_COLUMNS, from the same joins.
 */
#define EXTSCHED_POLICY_COLUMNS \
	"s.max_attempts, s.backoff_s, s.max_age_s, s.pause_after_failures, s.name, " \
	EXTSCHED_CAP_COLUMNS ", r.runner"

#define EXTSCHED_POLICY_NCOLUMNS 9

typedef struct ExtschedPolicy
{
	int			max_attempts;
	int			backoff_s;
	int			max_age_s;
	int			pause_after_failures;
	char	   *name;			/* of the schedule, or NULL */
	char	   *runner;			/* "" if the install is gone */
	int			tenant_cap;		/* of this worker's share */
	int			install_cap;
	int			runner_cap;
} ExtschedPolicy;

extern void extsched_policy_read_caps(const ExtschedLoop *loop, const ExtschedRow *row,
									  int first, ExtschedPolicy *policy);
extern void extsched_policy_read(ExtschedLoop *loop, const ExtschedRow *row,
								 int first, ExtschedPolicy *policy);

extern ExtschedRun *extsched_start_take(ExtschedLoop *loop,
										const ExtschedRequest *request,
										const ExtschedPolicy *policy);
extern void extsched_start_queue(ExtschedLoop *loop, ExtschedRun *run,
								 const ExtschedPolicy *policy, TimestampTz due);
extern bool extsched_start_build(ExtschedLoop *loop, ExtschedRun *run,
								 ExtschedRequest *request);
extern void extsched_start_end(ExtschedRun *run, ExtschedReason reason,
							   const char *error, TimestampTz now);
extern void extsched_start_notify(ExtschedLoop *loop, const char *runner);
extern void extsched_start_commit(ExtschedLoop *loop);
extern void extsched_start_abort(ExtschedLoop *loop);

extern TimestampTz extsched_start_lease_end(const ExtschedRequest *request,
											TimestampTz now);

#endif							/* EXTSCHED_START_H */
