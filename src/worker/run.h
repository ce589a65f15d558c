/*-------------------------------------------------------------------------
 *
 * run.h
 *		A run in the worker's memory, and what the parts of the loop share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_RUN_H
#define EXTSCHED_RUN_H

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "nodes/pg_list.h"
#include "utils/uuid.h"

#include "core/shmem.h"
#include "core/vocab.h"
#include "dispatch/fairqueue.h"
#include "dispatch/http.h"
#include "dispatch/request.h"

/* What becomes of a run in memory when its transaction commits. */
typedef enum ExtschedFate
{
	EXTSCHED_FATE_FORGET,		/* the row says it all */
	EXTSCHED_FATE_SEND,			/* its request goes out */
	EXTSCHED_FATE_END,			/* it has an outcome already */
} ExtschedFate;

/*
 * A run that was started, until its outcome is written.  It is a copy: it
 * points to nothing that a tenant can drop.
 */
typedef struct ExtschedRun
{
	ExtschedFairRun fair;		/* must be first */
	dlist_node	node;			/* in the list of outcomes */
	ExtschedFate fate;

	/* which one */
	char	   *tenant;
	pg_uuid_t	schedule;
	pg_uuid_t	install;
	pg_uuid_t	run_id;
	TimestampTz nominal;
	ExtschedTrigger trigger;

	/* policies of the schedule, as of the start */
	int			max_attempts;
	int			backoff_s;
	int			max_age_s;
	int			pause_after_failures;

	/* the attempt */
	ExtschedRunState from;		/* state of the row now */
	int			attempt;
	TimestampTz created_at;
	TimestampTz dispatched_at;	/* of the first attempt; 0: none yet */
	TimestampTz attempt_at;
	bool		has_lease;
	pg_uuid_t	lease;

	/* for the log */
	bool		has_version;
	pg_uuid_t	registry;
	pg_uuid_t	version;
	char	   *content_hash;	/* or NULL */
	char	   *name;			/* of the schedule, or NULL */

	/* the outcome */
	ExtschedRunState to;
	ExtschedReason reason;
	int			http_status;	/* 0: none */
	char	   *error;			/* UTF-8 as the Runner sent it, or NULL */
	char	   *excerpt;		/* UTF-8, or NULL */
	TimestampTz finished_at;	/* when the attempt ended */
	TimestampTz ready_at;		/* of the next attempt, when retrying */
	bool		was_written;
} ExtschedRun;

/* A step of the walk from tenant to tenant; see extsched_claim_in_turn(). */
typedef struct ExtschedTurn
{
	MemoryContext context;		/* of the names */
	char	  **tenants;		/* due when the step began */
	int			n;				/* 0: the step is over */
	int			next;
	int			passes;
	int			n_claimed;
	bool		is_scarce;		/* not all could go that the last claim found ... */
	bool		is_vain;		/* ... or none */
	bool		is_last;		/* no tenants behind these */
	TimestampTz oldest_due;		/* of this round so far; 0: nothing was due */
	char		position[256];	/* name behind which the walk goes on */
} ExtschedTurn;

/* The state of a worker, or of a call by which a Runner pulls. */
typedef struct ExtschedLoop
{
	ExtschedWorkerSlot *slot;	/* NULL for a Runner that pulls */
	int			number;			/* of this worker */
	int			total;			/* workers that share the tenants */
	char	   *owner;			/* of our leases */
	char	   *owner_prefix;	/* the same without the epoch */
	char	   *fence;

	MemoryContext runs;			/* what is in flight */
	MemoryContext cycle;		/* reset at the top of the loop */

	ExtschedFairQueue *queue;
	ExtschedHttp *http;
	ExtschedSigner *signer;

	dlist_head	outcomes;		/* ended, not written yet */
	int			n_outcomes;

	/* of the transaction that is open, in cycle; see start.c */
	List	   *fresh;			/* ExtschedRun */
	List	   *sends;			/* ExtschedSend */
	List	   *notify;			/* names of Runners */

	TimestampTz next_ready;		/* no waiting run is ready before */
	TimestampTz last_refill;	/* Runners know of what was ready then */
	uint32		n_refills;
	TimestampTz last_stuck;		/* when runs that find no slot were looked at ... */
	bool		was_partly;		/* ... and whether there were some since, where slots are free */
	ExtschedTurn turn;
	TimestampTz late_tat;		/* see spread_late() in claim.c */
	bool		is_disabled;
	TimestampTz disabled_from;	/* the last time extsched.enabled was off */
	TimestampTz disabled_to;
} ExtschedLoop;

/* A worker's part of a cap that all share; the parts add up, but none is less than 1. */
static inline int
extsched_loop_share(const ExtschedLoop *loop, int cap)
{
	return Max(1, cap / loop->total + (loop->number < cap % loop->total ? 1 : 0));
}

extern ExtschedRun *extsched_run_create(ExtschedLoop *loop, const char *tenant,
										const char *name, const char *content_hash);
extern void extsched_run_free(ExtschedRun *run);
extern void extsched_run_new_attempt(ExtschedRun *run, pg_uuid_t *request_id);
extern uint64 extsched_run_random(const ExtschedRun *run, uint32 salt);

#endif							/* EXTSCHED_RUN_H */
