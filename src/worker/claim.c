/*-------------------------------------------------------------------------
 *
 * claim.c
 *		Turn due timers into runs.
 *
 * A claim reads due timers with everything their requests need, decides, and
 * writes runs and timers: four statements for a batch, in one transaction.
 *
 * A run that can go out is born running.  One that finds no free slot is not
 * born at all: its timer stays due.  So a backlog of any size costs neither
 * memory nor row versions, and survives whatever happens to the worker.  Only
 * what cannot be a due timer waits as a run: a retry, a manual run, one with
 * jitter, one for a Runner that pulls.
 *
 * Fairness.  Timers are claimed oldest first as long as all that is due finds
 * a slot.  When not, a tenant with many due timers would keep all others from
 * being seen, so claims then walk from tenant to tenant (see
 * extsched_claim_in_turn) and take as many of each as it has free slots.
 *
 * What needs no slot (times to be skipped or missed, runs of Runners that pull)
 * must not wait behind what does: as long as timers have to stay due, claims
 * also look through them for those (see extsched_claim_slotless).
 *
 * After an outage many timers are late at once.  They become runs that wait,
 * spread over the next minutes, so that what is due now goes out now.
 *
 * No row is waited for: a timer that is locked is skipped until the next time.
 *
 * Several workers share the tenants.  Each looks for its own among those that
 * have been due for longest, but through no more than some thousand timers: what
 * the others leave due costs it no more than that.  Behind them it walks.
 *
 * Where Citus has distributed the tables, claims always walk from tenant to
 * tenant, and lock the timers of each in a statement of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/counters.h"
#include "core/row.h"
#include "core/runkey.h"
#include "core/settings.h"
#include "worker/birth.h"
#include "worker/claim.h"
#include "worker/recount.h"
#include "worker/rows.h"

/* Late runs that go out at once; those beyond are spread. */
#define LATE_BURST			16

/* A late run is put off by no more than this. */
#define LATE_MAX_S			600

/* Due timers, whosever they are, that are looked through for those of this worker. */
#define SHARED_LOOK			2048

/*
 * Due timers looked through at a time for what needs no slot; found of them at
 * most; and looked through in all, those due last first, before it begins anew.
 */
#define SLOTLESS_ROWS		2048
#define SLOTLESS_MAX		512
#define SLOTLESS_DEPTH		(8 * SLOTLESS_ROWS)

/*
 * Tenants of a step of the walk, timers taken of each at a time, passes over
 * them.  Who has still more after the first pass gets some at once then,
 * because each look at a tenant reads a page of its index; but not while there
 * are fewer slots than it seemed, at a Runner that is full.
 */
#define WALK_TENANTS		256
#define WALK_QUANTUM		32
#define WALK_AGAIN			8
#define WALK_PASSES			2

/* When nothing of what was found could go, so many are asked for at least. */
#define WALK_VAIN			64

#define CLAIM_COLUMNS \
	EXTSCHED_REQUEST_COLUMNS ", " EXTSCHED_POLICY_COLUMNS "," \
	" m.next_due, m.in_flight, m.is_paused, s.cron, s.timezone, s.overlap," \
	" s.catch_up_s, s.starts_at, s.ends_at, s.jitter_s, s.enabled, m.last_run_at"

#define CLAIM_POLICY		EXTSCHED_REQUEST_NCOLUMNS
#define CLAIM_TIMER			(CLAIM_POLICY + EXTSCHED_POLICY_NCOLUMNS)

/* m are the locked timers; what r is, request.h says. */
#define CLAIM_JOINS \
	" LEFT JOIN extsched.schedule s ON s.tenant_id = m.tenant_id AND s.schedule_id = m.schedule_id" \
	" LEFT JOIN extsched.install i ON i.tenant_id = m.tenant_id AND i.install_id = s.install_id" \
	" LEFT JOIN extsched.version v ON v.version_id = i.version_id" \
	" LEFT JOIN extsched.tenant t ON t.tenant_id = m.tenant_id" \
	" LEFT JOIN extsched.runner n ON n.runner = i.runner" \
	" CROSS JOIN LATERAL (SELECT m.tenant_id, m.schedule_id, s.install_id," \
	" NULL::pg_catalog.uuid AS run_id, m.next_due AS nominal_time," \
	" 'schedule'::pg_catalog.text AS trigger, 1 AS attempt, i.runner) r"

static ExtschedStmt claim_oldest = {
	.sql = "SELECT " CLAIM_COLUMNS " FROM (SELECT * FROM extsched.timer"
	" WHERE next_due <= $1"
	" ORDER BY next_due LIMIT $2 FOR UPDATE SKIP LOCKED) m" CLAIM_JOINS,
	.expected = SPI_OK_SELECT,
	.nargs = 2,
	.types = {TIMESTAMPTZOID, INT4OID},
};

/* Those of this worker among the $5 timers that have been due for longest, in that order. */
#define OLDEST_OF_MINE \
	"(SELECT * FROM (SELECT tenant_id, schedule_id, next_due FROM extsched.timer" \
	" WHERE next_due <= $1 ORDER BY next_due LIMIT $5) e WHERE" EXTSCHED_IS_MINE(3, 4) ") e"

/* Parameters: now, limit, number of this worker and of all, SHARED_LOOK. */
#define SHARED_TYPES \
	TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID

static ExtschedStmt claim_oldest_of_mine = {
	.sql = "SELECT " CLAIM_COLUMNS " FROM (SELECT d.* FROM " OLDEST_OF_MINE ","
	" LATERAL (SELECT * FROM extsched.timer t"
	" WHERE t.tenant_id = e.tenant_id AND t.schedule_id = e.schedule_id AND t.next_due <= $1"
	" FOR UPDATE SKIP LOCKED) d LIMIT $2) m" CLAIM_JOINS,
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {SHARED_TYPES},
};

static ExtschedStmt claim_tenants = {
	.sql = "SELECT " CLAIM_COLUMNS " FROM (SELECT d.* FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS u (tenant_id, quota),"
	" LATERAL (SELECT * FROM extsched.timer e"
	" WHERE e.tenant_id = u.tenant_id AND e.next_due <= $1"
	" ORDER BY e.next_due LIMIT u.quota FOR UPDATE SKIP LOCKED) d) m" CLAIM_JOINS,
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {TIMESTAMPTZOID, TEXTARRAYOID, INT4ARRAYOID},
};

/* The same of one tenant. */
static ExtschedStmt claim_tenant = {
	.sql = "SELECT " CLAIM_COLUMNS " FROM (SELECT * FROM extsched.timer"
	" WHERE tenant_id = $3 AND next_due <= $1"
	" ORDER BY next_due LIMIT $2 FOR UPDATE SKIP LOCKED) m" CLAIM_JOINS
	" WHERE true" EXTSCHED_OF_TENANT("m"),
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {TIMESTAMPTZOID, INT4OID, TEXTOID},
};

static ExtschedStmt claim_one = {
	.sql = "SELECT " CLAIM_COLUMNS " FROM (SELECT * FROM extsched.timer"
	" WHERE tenant_id = $3 AND schedule_id = $2 AND next_due <= $1"
	" FOR UPDATE SKIP LOCKED) m" CLAIM_JOINS " WHERE true" EXTSCHED_OF_TENANT("m"),
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {TIMESTAMPTZOID, UUIDOID, TEXTOID},
};

/* Whether a due timer e may need no slot; extsched_decide() has the last word. */
#define IS_SLOTLESS \
	" (n.transport IS NOT DISTINCT FROM 'notify' OR e.is_paused OR t.is_paused OR NOT i.enabled" \
	" OR (e.in_flight > 0 AND s.overlap <> 'allow')" \
	" OR e.next_due < $1 - pg_catalog.make_interval(secs => GREATEST(s.catch_up_s, 10)))"

#define SLOTLESS_JOINS \
	" LEFT JOIN extsched.schedule s ON s.tenant_id = e.tenant_id AND s.schedule_id = e.schedule_id" \
	" LEFT JOIN extsched.install i ON i.tenant_id = e.tenant_id AND i.install_id = s.install_id" \
	" LEFT JOIN extsched.tenant t ON t.tenant_id = e.tenant_id" \
	" LEFT JOIN extsched.runner n ON n.runner = i.runner"

/* The due timers from number $4 on, those due last first, whosever they are. */
static ExtschedStmt find_slotless = {
	.sql = "SELECT e.tenant_id, e.schedule_id," EXTSCHED_IS_MINE(2, 3) " AND" IS_SLOTLESS
	" FROM (SELECT * FROM extsched.timer WHERE next_due <= $1"
	" ORDER BY next_due DESC OFFSET $4 LIMIT $5) e" SLOTLESS_JOINS,
	.distributed_sql = "SELECT e.tenant_id, e.schedule_id," EXTSCHED_IS_MINE(2, 3) " AND" IS_SLOTLESS
	" FROM extsched.timer e" SLOTLESS_JOINS
	" WHERE e.next_due <= $1 ORDER BY e.next_due DESC OFFSET $4 LIMIT $5",
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {TIMESTAMPTZOID, INT4OID, INT4OID, INT8OID, INT4OID},
};

static ExtschedStmt claim_keys = {
	.sql = "SELECT " CLAIM_COLUMNS " FROM (SELECT d.* FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS u (tenant_id, schedule_id),"
	" LATERAL (SELECT * FROM extsched.timer e"
	" WHERE e.tenant_id = u.tenant_id AND e.schedule_id = u.schedule_id AND e.next_due <= $1"
	" FOR UPDATE SKIP LOCKED) d) m" CLAIM_JOINS,
	.expected = SPI_OK_SELECT,
	.nargs = 3,
	.types = {TIMESTAMPTZOID, TEXTARRAYOID, UUIDARRAYOID},
};

static ExtschedStmt oldest_keys = {
	.sql = "SELECT e.tenant_id, e.schedule_id FROM " OLDEST_OF_MINE " LIMIT $2",
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {SHARED_TYPES},
};

/*
 * Since when timers of this worker have been due ($2 is 1), when the next one of
 * anybody is due, and whether more are due than the $5 that were looked through.
 */
static ExtschedStmt find_due = {
	.sql = "SELECT (SELECT e.next_due FROM " OLDEST_OF_MINE " ORDER BY e.next_due LIMIT $2),"
	" (SELECT next_due FROM extsched.timer WHERE next_due > $1 ORDER BY next_due LIMIT 1),"
	" $4 > 1 AND EXISTS (SELECT FROM extsched.timer WHERE next_due <= $1"
	" ORDER BY next_due OFFSET $5 LIMIT 1)",
	.distributed_sql = "SELECT a.next_due, b.next_due, false"
	" FROM (SELECT pg_catalog.min(next_due) AS next_due FROM extsched.timer e"
	" WHERE next_due <= $1 AND" EXTSCHED_IS_MINE(3, 4) ") a,"
	" (SELECT pg_catalog.min(next_due) AS next_due FROM extsched.timer WHERE next_due > $1) b",
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {SHARED_TYPES},
};

/*
 * The tenants behind $1, as far as $2 of them, and since when each has been due;
 * null when it is not, or not this worker's.
 */
static ExtschedStmt walk_tenants = {
	.sql = "WITH RECURSIVE walk AS ("
	"(SELECT e.tenant_id, e.next_due, 1 AS n FROM extsched.timer e"
	" WHERE e.tenant_id > $1 AND e.next_due IS NOT NULL"
	" ORDER BY e.tenant_id, e.next_due LIMIT 1)"
	" UNION ALL SELECT f.tenant_id, f.next_due, walk.n + 1 FROM walk,"
	" LATERAL (SELECT e.tenant_id, e.next_due FROM extsched.timer e"
	" WHERE e.tenant_id > walk.tenant_id AND e.next_due IS NOT NULL"
	" ORDER BY e.tenant_id, e.next_due LIMIT 1) f WHERE walk.n < $2)"
	" SELECT tenant_id, CASE WHEN next_due <= $3 AND" EXTSCHED_IS_MINE(4, 5) " THEN next_due END FROM walk e",
	.distributed_sql = "SELECT e.tenant_id, CASE WHEN" EXTSCHED_IS_MINE(4, 5) " THEN pg_catalog.min(e.next_due) END"
	" FROM extsched.timer e WHERE e.tenant_id > $1 AND e.next_due <= $3"
	" GROUP BY e.tenant_id ORDER BY e.tenant_id LIMIT $2",
	.expected = SPI_OK_SELECT,
	.nargs = 5,
	.types = {TEXTOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID},
};

static ExtschedStmt quarantine_timer = {
	.sql = "UPDATE extsched.timer SET next_due = NULL, quarantine_reason = $3"
	" WHERE tenant_id = $1 AND schedule_id = $2",
	.expected = SPI_OK_UPDATE,
	.nargs = 3,
	.types = {TEXTOID, UUIDOID, TEXTOID},
};

static ExtschedOverlap
overlap_by_name(const char *name)
{
	if (name == NULL)
		return EXTSCHED_OVERLAP_SKIP;
	if (strcmp(name, "allow") == 0)
		return EXTSCHED_OVERLAP_ALLOW;
	if (strcmp(name, "queue_one") == 0)
		return EXTSCHED_OVERLAP_QUEUE_ONE;
	return EXTSCHED_OVERLAP_SKIP;
}

/* Read a row of CLAIM_COLUMNS; a schedule that is gone has an empty cron. */
static void
read_candidate(ExtschedLoop *loop, const ExtschedRow *row, TimestampTz now, ExtschedCandidate *candidate)
{
	ExtschedTimerFacts *facts = &candidate->facts;
	char	   *cron = extsched_row_text(row, CLAIM_TIMER + 3);
	char	   *timezone = extsched_row_text(row, CLAIM_TIMER + 4);

	extsched_request_read(row, extsched_run_timeout_ms, &candidate->request);
	extsched_policy_read(loop, row, CLAIM_POLICY, &candidate->policy);

	facts->now = now;
	facts->next_due = extsched_row_time(row, CLAIM_TIMER + 0, now);
	facts->in_flight = extsched_row_int(row, CLAIM_TIMER + 1, 0);
	facts->is_schedule_paused = extsched_row_bool(row, CLAIM_TIMER + 2);
	facts->rule.cron = cron ? cron : "";
	facts->rule.timezone = timezone ? timezone : "";
	facts->rule.schedule = candidate->request.schedule_id;
	facts->overlap = overlap_by_name(extsched_row_text(row, CLAIM_TIMER + 5));
	facts->catch_up_s = extsched_row_int(row, CLAIM_TIMER + 6, 0);
	facts->rule.starts_at = extsched_row_time(row, CLAIM_TIMER + 7, DT_NOBEGIN);
	facts->rule.ends_at = extsched_row_time(row, CLAIM_TIMER + 8, DT_NOEND);
	candidate->jitter_s = extsched_row_int(row, CLAIM_TIMER + 9, 0);
	facts->is_enabled = extsched_row_bool(row, CLAIM_TIMER + 10);
	facts->last_run_at = extsched_row_time(row, CLAIM_TIMER + 11, DT_NOBEGIN);
	facts->has_endpoint = candidate->request.blocked != EXTSCHED_REASON_ENDPOINT_GONE;
	facts->is_tenant_paused = candidate->request.blocked == EXTSCHED_REASON_TENANT_PAUSED;
	facts->is_install_enabled = candidate->request.blocked != EXTSCHED_REASON_INSTALL_DISABLED;
	facts->disabled_from = loop->disabled_from;
	facts->disabled_to = loop->disabled_to;
}

/*
 * When a late run may go out.
 *
 * The generic cell rate algorithm (ITU-T I.371): a burst at once, then no more
 * than half of the slots a second, since a run that hangs keeps its slot.
 */
static TimestampTz
spread_late(ExtschedLoop *loop, const ExtschedCandidate *candidate, TimestampTz now)
{
	int64		interval_us = USECS_PER_SEC * 2 / Max(extsched_max_in_flight / loop->total, 1);
	int64		put_off;
	int64		longest = Min((int64) candidate->policy.max_age_s / 2, LATE_MAX_S) * USECS_PER_SEC;

	loop->late_tat = Max(loop->late_tat, now);
	put_off = loop->late_tat - now - LATE_BURST * interval_us;
	loop->late_tat += interval_us;
	return now + Min(Max(put_off, 0), longest);
}

/* When the run may go out: jitter, or a place behind those that are on time. */
static TimestampTz
ready_time(ExtschedLoop *loop, const ExtschedCandidate *candidate, TimestampTz now)
{
	TimestampTz ready_at = candidate->decision.nominal;

	if (candidate->jitter_s > 0)
		ready_at += extsched_run_random(candidate->run, 0) %
			((uint64) candidate->jitter_s * USECS_PER_SEC + 1);
	if (candidate->decision.is_late)
		ready_at = Max(ready_at, spread_late(loop, candidate, now));
	return ready_at;
}

/* Make the run of a decision, and find out what it has to wait for. */
static void
make_run(ExtschedLoop *loop, ExtschedCandidate *candidate, TimestampTz now)
{
	ExtschedDecision *decision = &candidate->decision;
	ExtschedRequest *request = &candidate->request;
	ExtschedRun *run;

	request->scheduled_for = decision->nominal;
	request->trigger = EXTSCHED_TRIGGER_SCHEDULE;
	request->attempt = 1;
	extsched_run_id(request->tenant, strlen(request->tenant), &request->schedule_id,
					decision->nominal, extsched_trigger_name(request->trigger),
					&request->run_id);
	run = candidate->run = extsched_start_take(loop, request, &candidate->policy);
	run->from = EXTSCHED_RUN_PENDING;
	run->attempt = 0;
	run->created_at = now;
	run->attempt_at = now;
	candidate->ready_at = now;

	if (decision->fails != EXTSCHED_REASON_NONE)
		extsched_start_end(run, decision->fails, decision->quarantine, now);
	else if (request->blocked != EXTSCHED_REASON_NONE)
		extsched_start_end(run, request->blocked, request->blocked_text, now);
	else
	{
		candidate->ready_at = ready_time(loop, candidate, now);
		candidate->competes = request->is_http && !decision->waits_for_slot &&
			candidate->ready_at <= now;
		if (candidate->competes)
			extsched_start_queue(loop, run, &candidate->policy, decision->nominal);
	}
}

/* Give the free slots to candidates in fair order; the others are left. */
static void
share_slots(ExtschedLoop *loop, ExtschedCandidate *candidates, int n, TimestampTz now)
{
	while (extsched_fairqueue_next(loop->queue) != NULL)
		;
	for (int i = 0; i < n; i++)
	{
		ExtschedCandidate *candidate = &candidates[i];
		ExtschedRun *run = candidate->run;

		if (!candidate->competes)
			continue;
		if (!run->fair.is_in_flight)
		{
			extsched_fairqueue_remove(loop->queue, &run->fair);
			candidate->is_left = true;
			continue;
		}
		extsched_run_new_attempt(run, &candidate->request.request_id);
		if (!extsched_start_build(loop, run, &candidate->request))
			continue;
		run->from = EXTSCHED_RUN_RUNNING;
		run->attempt = 1;
		run->dispatched_at = now;
	}
}

/* Due timers that are dealt with together, those of a tenant one after another. */
typedef struct Batch
{
	ExtschedCandidate *candidates;
	int			n;
	int			capacity;
} Batch;

/*
 * Decide about the n rows of CLAIM_COLUMNS in SPI_tuptable, which stays as long
 * as the batch.
 */
static void
add_rows(ExtschedLoop *loop, TimestampTz now, uint64 n, Batch *batch)
{
	ExtschedCandidate *added;
	ExtschedRow row;

	batch->candidates = extsched_batch_grow(batch->candidates, sizeof(ExtschedCandidate), batch->n,
											&batch->capacity, (int) n);
	added = &batch->candidates[batch->n];
	batch->n += (int) n;
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		extsched_row_set(&row, SPI_tuptable->vals[i]);
		read_candidate(loop, &row, now, &added[i]);
	}
	extsched_recount_doubtful(added, n);
	for (uint64 i = 0; i < n; i++)
	{
		extsched_decide(&added[i].facts, &added[i].decision);
		if (added[i].decision.has_run)
			make_run(loop, &added[i], now);
	}
}

/* How many of the candidates from one on are written together. */
static int
slice(const ExtschedCandidate *candidates, int n)
{
	int			size = 1;

	if (!extsched_rows_distributed())
		return n;
	while (size < n && strcmp(candidates[size].request.tenant, candidates[0].request.tenant) == 0)
		size++;
	return size;
}

/* Give out slots, and write.  Left alone are timers whose run finds no slot. */
static void
finish(ExtschedLoop *loop, TimestampTz now, Batch *batch, bool may_exist, ExtschedClaim *claim)
{
	int			size;

	share_slots(loop, batch->candidates, batch->n, now);
	for (int i = 0; i < batch->n; i += size)
	{
		size = slice(&batch->candidates[i], batch->n - i);
		claim->n_runs += extsched_birth_write(loop, &batch->candidates[i], size, now, may_exist);
	}
	for (int i = 0; i < batch->n; i++)
	{
		TimestampTz due = batch->candidates[i].facts.next_due;

		claim->n_claimed += !batch->candidates[i].is_left;
		if (claim->oldest_due == 0 || due < claim->oldest_due)
			claim->oldest_due = due;
	}
	claim->n_found += batch->n;
}

/* Deal with the rows of CLAIM_COLUMNS in SPI_tuptable. */
static void
process(ExtschedLoop *loop, TimestampTz now, uint64 n, bool may_exist,
		ExtschedClaim *claim)
{
	Batch		batch = {0};
	SPITupleTable *table = SPI_tuptable;

	add_rows(loop, now, n, &batch);
	finish(loop, now, &batch, may_exist, claim);
	SPI_freetuptable(table);
}

/*
 * extsched_claim_plan
 *		Plan what the next claim runs, so that it need not.
 */
void
extsched_claim_plan(const ExtschedLoop *loop, TimestampTz nominal)
{
	extsched_stmt_plan(extsched_rows_distributed() ? &claim_tenant :
					   loop->total > 1 ? &claim_oldest_of_mine : &claim_oldest, -1);
	extsched_birth_plan(nominal);
}

/* Parameters of SHARED_TYPES. */
static void
set_shared(Datum *values, const ExtschedLoop *loop, TimestampTz now, int limit)
{
	values[0] = TimestampTzGetDatum(now);
	values[1] = Int32GetDatum(limit);
	values[2] = Int32GetDatum(loop->number);
	values[3] = Int32GetDatum(loop->total);
	values[4] = Int32GetDatum(loop->total > 1 ? SHARED_LOOK : limit);
}

/*
 * extsched_claim_oldest
 *		Deal with the timers that have been due for longest, up to limit.
 *
 * Inside a transaction and SPI_connect, as all functions here; the caller
 * commits and calls extsched_start_commit(), or aborts and calls
 * extsched_start_abort().  Adds to *claim.
 */
void
extsched_claim_oldest(ExtschedLoop *loop, TimestampTz now, int limit,
					  ExtschedClaim *claim)
{
	Datum		values[5];

	set_shared(values, loop, now, limit);
	process(loop, now, extsched_stmt_run(loop->total > 1 ? &claim_oldest_of_mine : &claim_oldest, values, NULL),
			false, claim);
}

/*
 * extsched_claim_find_due
 *		Learn since when timers of this worker have been due (0: none is), and when
 *		the next one of anybody is due.
 *
 * True when more timers are due, so many of other workers before them that they
 * were not looked at.
 */
bool
extsched_claim_find_due(ExtschedLoop *loop, TimestampTz now, TimestampTz *oldest, TimestampTz *next)
{
	Datum		values[5];
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;
	bool		is_more;
	Datum		value;

	set_shared(values, loop, now, 1);
	(void) extsched_stmt_run(&find_due, values, NULL);
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	value = SPI_getbinval(tuple, desc, 1, &isnull);
	*oldest = isnull ? 0 : DatumGetTimestampTz(value);
	value = SPI_getbinval(tuple, desc, 2, &isnull);
	*next = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	is_more = DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return is_more;
}

/*
 * extsched_claim_begin_round
 *		Let the walk from tenant to tenant begin anew.
 */
void
extsched_claim_begin_round(ExtschedLoop *loop)
{
	loop->turn.position[0] = '\0';
	loop->turn.n = 0;
}

/*
 * Let another tenant be the first one, by chance.  Else claims that find a slot
 * could take turns with claims that find none, and these always be those of the
 * same tenants.
 */
static void
rotate(ExtschedTurn *turn)
{
	int			first = turn->n > 0 ? pg_prng_uint64_range(&pg_global_prng_state, 0, turn->n - 1) : 0;
	char	   *order[WALK_TENANTS];

	for (int i = 0; i < turn->n; i++)
		order[i] = turn->tenants[(first + i) % turn->n];
	memcpy(turn->tenants, order, sizeof(char *) * turn->n);
}

/* Go on to the tenants behind those of the last step; which of them are due? */
static void
walk(ExtschedLoop *loop, TimestampTz now)
{
	ExtschedTurn *turn = &loop->turn;
	Datum		values[5];
	uint64		n;

	MemoryContextReset(turn->context);
	turn->tenants = MemoryContextAlloc(turn->context, sizeof(char *) * WALK_TENANTS);
	turn->n = turn->next = turn->passes = turn->n_claimed = 0;
	if (turn->position[0] == '\0')
		turn->oldest_due = 0;

	values[0] = CStringGetTextDatum(turn->position);
	values[1] = Int32GetDatum(WALK_TENANTS);
	values[2] = TimestampTzGetDatum(now);
	values[3] = Int32GetDatum(loop->number);
	values[4] = Int32GetDatum(loop->total);
	n = extsched_stmt_run(&walk_tenants, values, NULL);
	turn->is_last = n < WALK_TENANTS;
	turn->position[0] = '\0';
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		char	   *name = SPI_getvalue(tuple, desc, 1);
		Datum		due = SPI_getbinval(tuple, desc, 2, &isnull);

		if (!isnull)
		{
			turn->tenants[turn->n++] = MemoryContextStrdup(turn->context, name);
			if (turn->oldest_due == 0 || DatumGetTimestampTz(due) < turn->oldest_due)
				turn->oldest_due = DatumGetTimestampTz(due);
		}
		if (i == n - 1 && !turn->is_last)
			strlcpy(turn->position, name, sizeof(turn->position));
	}
	rotate(turn);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Share free slots out to the tenants of this step that are next in turn, as
 * far as they go: the same number to each in a pass.  What one pass leaves goes
 * to the next, so that no claim is small for want of tenants; but each tenant
 * gets its share once.
 */
static int
share_out(ExtschedLoop *loop, int free, Datum *tenants, Datum *quotas)
{
	ExtschedTurn *turn = &loop->turn;
	int			even = Min(free / Max(turn->n, 1), WALK_QUANTUM);
	int			n = 0;

	for (int i = 0; i < turn->n && free > 0 && turn->passes < WALK_PASSES; i++)
	{
		int			each = Max(turn->passes == 0 || turn->is_scarce ? 1 : WALK_AGAIN, even);
		char	   *name = turn->tenants[turn->next++];
		int			quota = Min(Min(extsched_fairqueue_tenant_free(loop->queue, name), each), free);

		if (turn->next == turn->n)
		{
			turn->next = 0;
			turn->passes++;
		}
		if (quota <= 0)
			continue;
		tenants[n] = CStringGetTextDatum(name);
		quotas[n++] = Int32GetDatum(quota);
		free -= quota;
	}
	return n;
}

/*
 * Deal with the due timers that a statement finds for each of these tenants and
 * its second parameter, all together.
 */
static void
claim_by_tenant(ExtschedLoop *loop, TimestampTz now, ExtschedStmt *stmt, const Datum *seconds,
				const Datum *tenants, int n, bool may_exist, ExtschedClaim *claim)
{
	Batch		batch = {0};

	for (int i = 0; i < n; i++)
	{
		Datum		values[3];

		values[0] = TimestampTzGetDatum(now);
		values[1] = seconds[i];
		values[2] = tenants[i];
		add_rows(loop, now, extsched_stmt_run(stmt, values, NULL), &batch);
	}
	finish(loop, now, &batch, may_exist, claim);
}

/* Deal with as many due timers of each of these tenants. */
static void
claim_of_each(ExtschedLoop *loop, TimestampTz now, Datum *tenants, Datum *quotas, int n,
			  ExtschedClaim *claim)
{
	if (extsched_rows_distributed())
		claim_by_tenant(loop, now, &claim_tenant, quotas, tenants, n, false, claim);
	else if (n > 0)
	{
		Datum		values[3];

		values[0] = TimestampTzGetDatum(now);
		values[1] = extsched_rows_texts(tenants, n);
		values[2] = PointerGetDatum(construct_array(quotas, n, INT4OID, 4, true, TYPALIGN_INT));
		process(loop, now, extsched_stmt_run(&claim_tenants, values, NULL), false, claim);
	}
}

/*
 * extsched_claim_in_turn
 *		Deal with the due timers of the tenants that are next in turn.
 *
 * The walk goes through the tenants in the order of their names, at the cost
 * of an index probe for each, and serves those that are due in several passes
 * before it goes on.  free is the number of slots to fill.  *is_round_over
 * tells that it has come to the last tenant, and claim->n_claimed is then that
 * of the whole last step.
 */
void
extsched_claim_in_turn(ExtschedLoop *loop, TimestampTz now, int free,
					   ExtschedClaim *claim, bool *is_round_over)
{
	ExtschedTurn *turn = &loop->turn;
	Datum		tenants[WALK_TENANTS];
	Datum		quotas[WALK_TENANTS];
	int			n;

	if (turn->n == 0)
		walk(loop, now);
	n = share_out(loop, Max(free, turn->is_vain ? WALK_VAIN : 1), tenants, quotas);
	claim_of_each(loop, now, tenants, quotas, n, claim);
	turn->n_claimed += claim->n_claimed;
	turn->is_vain = claim->n_found > 0 && claim->n_claimed == 0;
	turn->is_scarce = claim->n_claimed < claim->n_found;
	if (turn->n == 0 || turn->passes >= WALK_PASSES ||
		(turn->passes > 0 && turn->n_claimed == 0))
	{
		*is_round_over = turn->is_last;
		turn->n = 0;
	}
	else
		*is_round_over = false;
}

/*
 * extsched_claim_slotless
 *		Deal with due timers that need no slot, in a part of those that are due.
 *
 * The part begins at *offset, counted from the timer that is due last, so that
 * what has just become due is seen at once and the backlog is gone through
 * step by step.  *offset is moved on, and to 0 behind the end or at a depth
 * from which on every step would read ever more: what lies deeper is left to
 * the walk, or until the backlog is shorter.  Returns whether there is more to
 * deal with at once.
 */
bool
extsched_claim_slotless(ExtschedLoop *loop, TimestampTz now, int64 *offset,
						ExtschedClaim *claim)
{
	Datum		values[5];
	Datum		tenants[SLOTLESS_MAX];
	Datum		schedules[SLOTLESS_MAX];
	uint64		n;
	uint64		row;
	int			n_found = 0;

	values[0] = TimestampTzGetDatum(now);
	values[1] = Int32GetDatum(loop->number);
	values[2] = Int32GetDatum(loop->total);
	values[3] = Int64GetDatum(*offset);
	values[4] = Int32GetDatum(SLOTLESS_ROWS);
	n = extsched_stmt_run(&find_slotless, values, NULL);
	for (row = 0; row < n && n_found < SLOTLESS_MAX; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		if (!DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull)) || isnull)
			continue;
		tenants[n_found] = SPI_getbinval(tuple, desc, 1, &isnull);
		schedules[n_found++] = SPI_getbinval(tuple, desc, 2, &isnull);
	}

	/* before an error, which the walk will come to, stops the next look too */
	*offset += row;
	if (extsched_rows_distributed())
		claim_by_tenant(loop, now, &claim_one, schedules, tenants, n_found, true, claim);
	else if (n_found > 0)
	{
		values[1] = extsched_rows_texts(tenants, n_found);
		values[2] = PointerGetDatum(construct_array(schedules, n_found, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
		process(loop, now, extsched_stmt_run(&claim_keys, values, NULL), true, claim);
	}

	/*
	 * Those that are dealt with are not counted next time.  The others stay:
	 * somebody has them locked, or they need a slot after all.
	 */
	*offset -= claim->n_claimed;
	if ((n < SLOTLESS_ROWS && row == n) || *offset >= SLOTLESS_DEPTH)
		*offset = 0;
	return n_found == SLOTLESS_MAX && claim->n_claimed > 0;
}

/*
 * extsched_claim_one
 *		Deal with one timer, if it is due and free.
 */
void
extsched_claim_one(ExtschedLoop *loop, TimestampTz now,
				   const ExtschedTimerKey *key, ExtschedClaim *claim)
{
	Datum		values[3];

	values[0] = TimestampTzGetDatum(now);
	values[1] = UUIDPGetDatum(&key->schedule);
	values[2] = CStringGetTextDatum(key->tenant);
	process(loop, now, extsched_stmt_run(&claim_one, values, NULL), true, claim);
}

/*
 * extsched_claim_keys
 *		Keys of the timers of this worker that have been due for longest, in the
 *		context of the cycle.
 */
ExtschedTimerKey *
extsched_claim_keys(ExtschedLoop *loop, TimestampTz now, int limit, int *n)
{
	Datum		values[5];
	ExtschedTimerKey *keys;

	set_shared(values, loop, now, limit);
	*n = (int) extsched_stmt_run(&oldest_keys, values, NULL);
	keys = MemoryContextAlloc(loop->cycle, sizeof(ExtschedTimerKey) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		keys[i].tenant = MemoryContextStrdup(loop->cycle, SPI_getvalue(tuple, desc, 1));
		keys[i].schedule = *DatumGetUUIDP(SPI_getbinval(tuple, desc, 2, &isnull));
	}
	return keys;
}

/*
 * extsched_claim_quarantine
 *		Leave a timer alone from now on, because dealing with it failed.
 */
void
extsched_claim_quarantine(const ExtschedTimerKey *key, const char *reason)
{
	Datum		values[3];

	values[0] = CStringGetTextDatum(key->tenant);
	values[1] = UUIDPGetDatum(&key->schedule);
	values[2] = CStringGetTextDatum(reason);
	(void) extsched_stmt_run(&quarantine_timer, values, NULL);
	extsched_count_event(EXTSCHED_EVENT_QUARANTINE, 1);
	ereport(LOG,
			errmsg("schedule %s of tenant \"%s\" is quarantined",
				   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&key->schedule))),
				   key->tenant),
			errdetail_internal("%s", reason),
			errhint("Correct the schedule or call extsched_resume."));
}
