/*-------------------------------------------------------------------------
 *
 * vocab.h
 *		The fixed words of the scheduler: states, reasons, triggers.
 *
 * They are stored as text in tables, so that people can read them, and used
 * as enums in C and as indexes of counters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_VOCAB_H
#define EXTSCHED_VOCAB_H

/* State of a run.  Which may follow which: worker/README.md. */
typedef enum ExtschedRunState
{
	EXTSCHED_RUN_PENDING,		/* made, waits for its first attempt */
	EXTSCHED_RUN_RUNNING,		/* an attempt is leased or in flight */
	EXTSCHED_RUN_RETRYING,		/* waits for its next attempt */
	EXTSCHED_RUN_SUCCEEDED,		/* this and all below are terminal */
	EXTSCHED_RUN_FAILED,
	EXTSCHED_RUN_LOST,
	EXTSCHED_RUN_SKIPPED,
	EXTSCHED_RUN_MISSED,
	EXTSCHED_RUN_CANCELLED,
} ExtschedRunState;

#define EXTSCHED_RUN_STATES			(EXTSCHED_RUN_CANCELLED + 1)
#define EXTSCHED_RUN_IS_TERMINAL(s) ((s) >= EXTSCHED_RUN_SUCCEEDED)

/* Why a run ended otherwise than succeeded. */
typedef enum ExtschedReason
{
	EXTSCHED_REASON_NONE,		/* SQL NULL */
	EXTSCHED_REASON_OVERLAP,
	EXTSCHED_REASON_INSTALL_DISABLED,
	EXTSCHED_REASON_TENANT_PAUSED,
	EXTSCHED_REASON_SCHEDULE_PAUSED,
	EXTSCHED_REASON_ENDPOINT_GONE,
	EXTSCHED_REASON_OUTSIDE_CATCH_UP,
	EXTSCHED_REASON_SCHEDULER_DISABLED,
	EXTSCHED_REASON_NO_RUNNER,
	EXTSCHED_REASON_NOT_BUILT,
	EXTSCHED_REASON_HTTP_STATUS,
	EXTSCHED_REASON_TIMEOUT,
	EXTSCHED_REASON_CONNECT,
	EXTSCHED_REASON_RESPONSE_TOO_LARGE,
	EXTSCHED_REASON_BAD_RESPONSE,
	EXTSCHED_REASON_MAX_AGE,
	EXTSCHED_REASON_WORKER_DIED,
	EXTSCHED_REASON_DELETED,
	EXTSCHED_REASON_QUARANTINED,
} ExtschedReason;

#define EXTSCHED_REASONS	(EXTSCHED_REASON_QUARANTINED + 1)

/* What made a run. */
typedef enum ExtschedTrigger
{
	EXTSCHED_TRIGGER_SCHEDULE,
	EXTSCHED_TRIGGER_MANUAL,
	EXTSCHED_TRIGGER_BACKFILL,
} ExtschedTrigger;

#define EXTSCHED_TRIGGERS	(EXTSCHED_TRIGGER_BACKFILL + 1)

/*
 * Names, and enums by name.  The name of EXTSCHED_REASON_NONE is "".  Looking
 * up a word that does not exist returns -1.
 */
extern const char *extsched_run_state_name(ExtschedRunState state);
extern const char *extsched_reason_name(ExtschedReason reason);
extern const char *extsched_trigger_name(ExtschedTrigger trigger);
extern int	extsched_run_state_by_name(const char *name);
extern int	extsched_reason_by_name(const char *name);
extern int	extsched_trigger_by_name(const char *name);

#endif							/* EXTSCHED_VOCAB_H */
