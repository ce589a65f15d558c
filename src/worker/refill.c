/*-------------------------------------------------------------------------
 *
 * refill.c
 *		Start runs that wait, and end those that waited too long.
 *
 * Runs that wait are rows: retries, manual runs and backfills, runs with
 * jitter, late runs.  They are found by Runner, because those of a Runner that
 * pulls are not ours to start, and there may be very many of them.
 *
 * They are taken oldest first, more than there are slots at their Runner, so that
 * tenants compete.  When a whole batch leaves slots free, a tenant at its cap has
 * filled it: a walk then goes on from tenant to tenant of each Runner, at the cost
 * of an index probe each, and takes a few runs of those below their cap until there
 * are no more slots.  What has waited for longest and finds no slot is looked at once
 * a second, and ends if it cannot go out any more.  Where tables are distributed,
 * each tenant is asked by itself and gives a few, those that have waited for longest
 * first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/row.h"
#include "core/runkey.h"
#include "core/settings.h"
#include "worker/refill.h"
#include "worker/rows.h"
#include "worker/settle.h"
#include "worker/start.h"
#include "worker/states.h"

/*
 * Runs that compete for each slot of a Runner that is free, at least, and how
 * often it is all that there may be: else a tenant with so many that have waited
 * for longest would be alone with the Runner.
 */
#define COMPETITORS			4
#define COMPETITORS_MIN		64
#define COMPETE_ALL			4

/* Runs of a Runner that may be stuck, in one look; and how often. */
#define STUCK_MAX			1000
#define STUCK_PAUSE_US		USECS_PER_SEC

/* Runs of one tenant in a batch that takes of each. */
#define TURN_QUANTUM		8

/*
 * Tenants of a step of the walk, steps of one look of a worker, and tenants asked
 * at a time when those before had nothing that could go out.
 */
#define WALK_TENANTS		256
#define WALK_STEPS			4
#define WALK_VAIN			8

/* Tenants whose runs compete for slots together, where tables are distributed. */
#define TENANTS_AT_A_TIME	64

/* Runs that nobody has pulled, of each Runner in one look. */
#define EXPIRE_MAX			1000

/* The text of the predicate of the indexes on waiting runs. */
#define IS_WAITING \
	" e.state IN ('pending', 'retrying') AND NOT e.waits_for_slot"

#define WAITING_COLUMNS \
	"e.tenant_id, e.schedule_id, e.install_id, e.run_id, e.nominal_time," \
	" e.trigger, e.attempt + 1 AS attempt, e.runner, e.state, e.created_at," \
	" e.dispatched_at, e.ready_at"

#define REFILL_POLICY		EXTSCHED_REQUEST_NCOLUMNS
#define REFILL_RUN			(REFILL_POLICY + EXTSCHED_POLICY_NCOLUMNS)

/* Parameters: now, Runners, limit, number of this worker and of all, tenant. */
#define TAKE_TYPES \
	TIMESTAMPTZOID, TEXTARRAYOID, INT4OID, INT4OID, INT4OID, TEXTOID

/* Up to $3 runs of each of these Runners, those that have waited for longest. */
#define OLDEST \
	"SELECT d.* FROM pg_catalog.unnest($2) AS u (runner)," \
	" LATERAL (SELECT " WAITING_COLUMNS " FROM extsched.run e" \
	" WHERE e.runner = u.runner AND e.ready_at <= $1 AND" IS_WAITING \
	" AND" EXTSCHED_IS_MINE(4, 5) EXTSCHED_OF_TENANT("e") \
	" ORDER BY e.ready_at LIMIT $3 FOR UPDATE SKIP LOCKED) d"

#define REFILL_COLUMNS \
	EXTSCHED_REQUEST_COLUMNS ", " EXTSCHED_POLICY_COLUMNS "," \
	" r.state, r.created_at, r.dispatched_at, r.ready_at"

/*
 * The Runners that runs wait for: since when, when the next run is ready, whether
 * one became ready since $2, and the cap.  What a claim made ready it has
 * announced itself; only a worker that has just started cannot know.
 */
static ExtschedStmt waiting_runners = {
	.sql = "WITH RECURSIVE names AS ("
	"(SELECT e.runner, e.ready_at FROM extsched.run e WHERE" IS_WAITING
	" ORDER BY e.runner, e.ready_at LIMIT 1)"
	" UNION ALL SELECT f.runner, f.ready_at FROM names,"
	" LATERAL (SELECT e.runner, e.ready_at FROM extsched.run e"
	" WHERE e.runner > names.runner AND" IS_WAITING
	" ORDER BY e.runner, e.ready_at LIMIT 1) f)"
	" SELECT names.runner, names.ready_at,"
	" (SELECT e.ready_at FROM extsched.run e WHERE e.runner = names.runner"
	" AND e.ready_at > $1 AND" IS_WAITING " ORDER BY e.ready_at LIMIT 1),"
	" n.transport IS NOT DISTINCT FROM 'notify',"
	" EXISTS (SELECT FROM extsched.run e WHERE e.runner = names.runner"
	" AND e.ready_at > $2 AND e.ready_at <= $1"
	" AND (e.ready_at > e.created_at OR e.trigger <> 'schedule' OR $2 = '-infinity')"
	" AND" IS_WAITING "), n.max_in_flight"
	" FROM names LEFT JOIN extsched.runner n ON n.runner = names.runner",
	.distributed_sql = "SELECT e.runner, pg_catalog.min(e.ready_at),"
	" pg_catalog.min(e.ready_at) FILTER (WHERE e.ready_at > $1),"
	" n.transport IS NOT DISTINCT FROM 'notify',"
	" pg_catalog.bool_or(e.ready_at > $2 AND e.ready_at <= $1"
	" AND (e.ready_at > e.created_at OR e.trigger <> 'schedule' OR $2 = '-infinity')), n.max_in_flight"
	" FROM extsched.run e LEFT JOIN extsched.runner n ON n.runner = e.runner"
	" WHERE" IS_WAITING " GROUP BY e.runner, n.transport, n.max_in_flight",
	.expected = SPI_OK_SELECT,
	.nargs = 2,
	.types = {TIMESTAMPTZOID, TIMESTAMPTZOID},
};

/* The tenants whose runs are ready, those that have waited for longest first. */
static ExtschedStmt waiting_tenants = {
	.sql = "SELECT e.tenant_id FROM extsched.run e"
	" WHERE e.runner = ANY ($2) AND e.ready_at <= $1 AND" IS_WAITING
	" AND" EXTSCHED_IS_MINE(4, 5)
	" GROUP BY e.tenant_id ORDER BY pg_catalog.min(e.ready_at)",
	.expected = SPI_OK_SELECT,
	.nargs = 6,
	.types = {TAKE_TYPES},
};

static ExtschedStmt pulling_runners = {
	.sql = "SELECT pg_catalog.array_agg(runner) FROM extsched.runner WHERE transport = 'notify'",
	.expected = SPI_OK_SELECT,
	.nargs = 0,
};

static ExtschedStmt take_oldest = {
	.sql = "SELECT " REFILL_COLUMNS " FROM (" OLDEST ") r" EXTSCHED_REQUEST_JOINS
	" WHERE true" EXTSCHED_OF_TENANT("r"),
	.expected = SPI_OK_SELECT,
	.nargs = 6,
	.types = {TAKE_TYPES},
};

/*
 * The next $3 tenants behind $6 whose runs wait for Runner $2, up to $7 if it is not
 * null, and whether they are ready, and ours.
 */
static ExtschedStmt walk_waiting = {
	.sql = "WITH RECURSIVE walk AS ("
	"(SELECT e.tenant_id, e.ready_at, 1 AS n FROM extsched.run e"
	" WHERE e.runner = $2 AND e.tenant_id > $6 AND" IS_WAITING
	" ORDER BY e.tenant_id, e.ready_at LIMIT 1)"
	" UNION ALL SELECT f.tenant_id, f.ready_at, walk.n + 1 FROM walk,"
	" LATERAL (SELECT e.tenant_id, e.ready_at FROM extsched.run e"
	" WHERE e.runner = $2 AND e.tenant_id > walk.tenant_id AND" IS_WAITING
	" ORDER BY e.tenant_id, e.ready_at LIMIT 1) f"
	" WHERE walk.n < $3 AND ($7 IS NULL OR walk.tenant_id < $7))"
	" SELECT e.tenant_id, e.ready_at <= $1 AND" EXTSCHED_IS_MINE(4, 5) " FROM walk e"
	" WHERE $7 IS NULL OR e.tenant_id <= $7",
	.expected = SPI_OK_SELECT,
	.nargs = 7,
	.types = {TIMESTAMPTZOID, TEXTOID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTOID},
};

/* Up to $3 runs of each of these tenants for Runner $2, those that have waited for longest. */
static ExtschedStmt take_of_tenants = {
	.sql = "SELECT " REFILL_COLUMNS " FROM (SELECT d.* FROM pg_catalog.unnest($4) AS u (tenant_id),"
	" LATERAL (SELECT " WAITING_COLUMNS " FROM extsched.run e"
	" WHERE e.runner = $2 AND e.tenant_id = u.tenant_id AND e.ready_at <= $1 AND" IS_WAITING
	" ORDER BY e.ready_at LIMIT $3 FOR UPDATE SKIP LOCKED) d) r" EXTSCHED_REQUEST_JOINS,
	.expected = SPI_OK_SELECT,
	.nargs = 4,
	.types = {TIMESTAMPTZOID, TEXTOID, INT4OID, TEXTARRAYOID},
};

static ExtschedStmt start_runs = {
	.sql = "UPDATE extsched.run_%s r SET state = u.state, attempt = u.attempt,"
	" dispatched_at = u.dispatched_at, attempt_at = u.attempt_at,"
	" request_id = u.request_id, lease_id = u.lease_id, lease_owner = u.lease_owner,"
	" lease_expires_at = u.lease_expires_at, registry_id = u.registry_id,"
	" version_id = u.version_id, content_hash = u.content_hash,"
	" schedule_name = u.schedule_name,"
	" endpoint_method = u.endpoint_method, endpoint_path = u.endpoint_path"
	" FROM pg_catalog.unnest($1) u WHERE r.run_id = u.run_id AND r.finished_at IS NULL" EXTSCHED_OF_TENANT("r"),
	.expected = SPI_OK_UPDATE,
	.nargs = 2,
	.types = {EXTSCHED_RUNS_ARG, TEXTOID},
};

/* Runs that no Runner has pulled in time. */
static ExtschedStmt find_expired = {
	.sql = "SELECT " REFILL_COLUMNS " FROM (" OLDEST ") r" EXTSCHED_REQUEST_JOINS
	" WHERE (s.schedule_id IS NULL"
	" OR r.created_at + pg_catalog.make_interval(secs => s.max_age_s) < $1)" EXTSCHED_OF_TENANT("r"),
	.expected = SPI_OK_SELECT,
	.nargs = 6,
	.types = {TAKE_TYPES},
};

/* A waiting run on its way out. */
typedef struct Waiting
{
	ExtschedPolicy policy;
	ExtschedRequest request;
	ExtschedRun *run;
	bool		competes;
} Waiting;

/* Whether the outcome of a run is known and only waits to be written. */
static bool
is_over(ExtschedLoop *loop, const pg_uuid_t *run_id)
{
	dlist_iter	iter;
	ListCell   *cell;

	dlist_foreach(iter, &loop->outcomes)
	{
		ExtschedRun *run = dlist_container(ExtschedRun, node, iter.cur);

		if (memcmp(&run->run_id, run_id, UUID_LEN) == 0)
			return true;
	}
	foreach(cell, loop->fresh)
	{
		ExtschedRun *run = lfirst(cell);

		if (run->fate == EXTSCHED_FATE_END && memcmp(&run->run_id, run_id, UUID_LEN) == 0)
			return true;
	}
	return false;
}

/* Read a row of REFILL_COLUMNS into a run, or into an end of it. */
static void
read_waiting(ExtschedLoop *loop, const ExtschedPull *pull, const ExtschedRow *row,
			 TimestampTz now, Waiting *waiting)
{
	ExtschedRequest *request = &waiting->request;
	ExtschedRun *run;

	extsched_request_read(row, extsched_run_timeout_ms, request);
	extsched_policy_read(loop, row, REFILL_POLICY, &waiting->policy);

	run = waiting->run = extsched_start_take(loop, request, &waiting->policy);
	run->attempt = request->attempt - 1;
	run->attempt_at = now;
	run->from = extsched_run_state_by_name(extsched_row_text(row, REFILL_RUN));
	run->created_at = extsched_row_time(row, REFILL_RUN + 1, 0);
	run->dispatched_at = extsched_row_time(row, REFILL_RUN + 2, 0);

	if (request->blocked != EXTSCHED_REASON_NONE)
	{
		if (!is_over(loop, &run->run_id))
			extsched_start_end(run, request->blocked, request->blocked_text, now);
	}
	else if (now - run->created_at > run->max_age_s * USECS_PER_SEC)
	{
		if (!is_over(loop, &run->run_id))
			extsched_start_end(run, EXTSCHED_REASON_MAX_AGE,
							   "the run was not started within its maximum age", now);
	}
	else if (request->is_http == (pull == NULL))
	{
		extsched_start_queue(loop, run, &waiting->policy, extsched_row_time(row, REFILL_RUN + 3, 0));
		waiting->competes = true;
	}
}

static void
add_start_row(ExtschedLoop *loop, ExtschedRows *rows, Waiting *waiting,
			  TimestampTz lease_end)
{
	struct ExtschedRunColumns *c = &extsched_run_column;
	ExtschedRequest *request = &waiting->request;
	ExtschedRun *run = waiting->run;

	extsched_rows_set_uuid(rows, c->run_id, &run->run_id);
	extsched_rows_set_text(rows, c->state, extsched_state_enter(run->from, EXTSCHED_RUN_RUNNING));
	extsched_rows_set(rows, c->attempt, Int32GetDatum(run->attempt));
	extsched_rows_set_time(rows, c->dispatched_at, run->dispatched_at);
	extsched_rows_set_time(rows, c->attempt_at, run->attempt_at);
	extsched_rows_set_uuid(rows, c->request_id, &request->request_id);
	extsched_rows_set_uuid(rows, c->lease_id, &run->lease);
	extsched_rows_set_text(rows, c->lease_owner, loop->owner);
	extsched_rows_set_time(rows, c->lease_expires_at, lease_end);
	extsched_rows_set_uuid(rows, c->registry_id, &request->registry_id);
	extsched_rows_set_uuid(rows, c->version_id, &request->version_id);
	extsched_rows_set_text(rows, c->content_hash, request->content_hash);
	extsched_rows_set_text(rows, c->schedule_name, waiting->policy.name);
	extsched_rows_set_text(rows, c->endpoint_method, request->method);
	extsched_rows_set_text(rows, c->endpoint_path, request->path);
	extsched_rows_add(rows);
	run->from = EXTSCHED_RUN_RUNNING;
}

/*
 * Begin the attempts of those that were picked: as a request that goes out at
 * commit, or in the hands of the Runner that pulls.
 */
static void
begin_attempts(ExtschedLoop *loop, const ExtschedPull *pull, Waiting *waiting,
			   int n, TimestampTz now)
{
	ExtschedRows *leaves[EXTSCHED_RING_SLOTS] = {0};

	for (int i = 0; i < n; i++)
	{
		ExtschedRequest *request = &waiting[i].request;
		ExtschedRun *run = waiting[i].run;
		int			leaf = extsched_run_slot(run->nominal);
		TimestampTz lease_end = pull ? now + pull->lease_s * USECS_PER_SEC :
			extsched_start_lease_end(request, now);

		if (!waiting[i].competes || !run->fair.is_in_flight)
			continue;
		extsched_run_new_attempt(run, &request->request_id);
		if (pull == NULL && !extsched_start_build(loop, run, request))
			continue;
		run->attempt = request->attempt;
		if (run->dispatched_at == 0)
			run->dispatched_at = now;
		if (leaves[leaf] == NULL)
		{
			leaves[leaf] = palloc(sizeof(ExtschedRows));
			extsched_rows_init(leaves[leaf], EXTSCHED_TABLE_RUN, n);
		}
		add_start_row(loop, leaves[leaf], &waiting[i], lease_end);
		if (pull != NULL)
			pull->emit(pull->arg, run, request, lease_end);
	}
	for (int leaf = 0; leaf < EXTSCHED_RING_SLOTS; leaf++)
	{
		Datum		values[2];

		if (leaves[leaf] == NULL)
			continue;
		values[0] = extsched_rows_array(leaves[leaf]);
		values[1] = CStringGetTextDatum(waiting[0].request.tenant);
		(void) extsched_stmt_run_on_leaf(&start_runs, leaf, values, NULL);
	}
}

/* Waiting runs that are dealt with together, those of a tenant one after another. */
typedef struct Batch
{
	Waiting    *waiting;
	int			n;
	int			capacity;
} Batch;

/* Read the n rows of REFILL_COLUMNS in SPI_tuptable, which stays with the batch. */
static void
add_rows(ExtschedLoop *loop, const ExtschedPull *pull, TimestampTz now, uint64 n, Batch *batch)
{
	ExtschedRow row;

	batch->waiting = extsched_batch_grow(batch->waiting, sizeof(Waiting), batch->n,
										 &batch->capacity, (int) n);
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		extsched_row_set(&row, SPI_tuptable->vals[i]);
		read_waiting(loop, pull, &row, now, &batch->waiting[batch->n++]);
	}
}

/* How many from one on are written together. */
static int
slice(const Waiting *waiting, int n)
{
	int			size = 1;

	if (!extsched_rows_distributed())
		return n;
	while (size < n && strcmp(waiting[size].run->tenant, waiting[0].run->tenant) == 0)
		size++;
	return size;
}

/* Give out slots, and begin what got one.  The others compete no longer. */
static void
start(ExtschedLoop *loop, const ExtschedPull *pull, TimestampTz now, Batch *batch,
	  ExtschedRefill *refill)
{
	int			size;

	while (extsched_fairqueue_next(loop->queue) != NULL)
		;
	for (int i = 0; i < batch->n; i += size)
	{
		size = slice(&batch->waiting[i], batch->n - i);
		begin_attempts(loop, pull, &batch->waiting[i], size, now);
	}
	refill->n_found += batch->n;
	for (int i = 0; i < batch->n; i++)
	{
		ExtschedRun *run = batch->waiting[i].run;

		if (!run->fair.is_in_flight)
			extsched_fairqueue_remove(loop->queue, &run->fair);
		refill->n_started += run->from == EXTSCHED_RUN_RUNNING || run->fate == EXTSCHED_FATE_END;
		refill->n_ended += run->fate == EXTSCHED_FATE_END;
	}
}

/* A Runner, and its cap; -1 for none. */
typedef struct Capped
{
	const char *name;
	int			cap;
} Capped;

/* The Runners that runs are ready for and that are ours to send to. */
typedef struct Ready
{
	Datum		names;			/* text[] of those that have a slot */
	Capped	   *each;
	int			n;
	int			most_free;		/* slots of one of these */
	Datum		full_names;		/* of those that have none */
	int			n_full;
	TimestampTz next_ready;		/* of runs that are not ready yet */
} Ready;

/* Slots of a Runner that this worker may use and does not. */
static int
free_at(ExtschedLoop *loop, const char *runner, int cap)
{
	if (cap < 0)
		return INT_MAX;
	return Max(0, extsched_loop_share(loop, cap) - extsched_fairqueue_runner_in_flight(loop->queue, runner));
}

/* Find them.  Those that pull are told of runs that became ready since the last time. */
static void
find_ready(ExtschedLoop *loop, TimestampTz now, Ready *ready)
{
	Datum		values[2];
	uint64		n;
	Datum	   *names;
	Datum	   *full_names;
	ExtschedRow row;

	memset(ready, 0, sizeof(*ready));
	ready->next_ready = DT_NOEND;
	values[0] = TimestampTzGetDatum(now);
	values[1] = TimestampTzGetDatum(loop->last_refill);
	n = extsched_stmt_run(&waiting_runners, values, NULL);
	names = palloc(sizeof(Datum) * Max(n, 1));
	ready->each = palloc(sizeof(Capped) * Max(n, 1));
	full_names = palloc(sizeof(Datum) * Max(n, 1));
	extsched_row_init(&row, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *runner;
		int			cap;
		int			free;

		extsched_row_set(&row, SPI_tuptable->vals[i]);
		runner = extsched_row_text(&row, 0);
		ready->next_ready = Min(ready->next_ready, extsched_row_time(&row, 2, DT_NOEND));
		if (extsched_row_bool(&row, 3))
		{
			if (extsched_row_bool(&row, 4))
				extsched_start_notify(loop, runner);
			continue;
		}
		if (extsched_row_time(&row, 1, DT_NOEND) > now)
			continue;
		cap = extsched_row_int(&row, 5, -1);
		free = free_at(loop, runner, cap);
		if (free == 0)
		{
			full_names[ready->n_full++] = row.values[0];
			continue;
		}
		ready->most_free = Max(ready->most_free, free);
		ready->each[ready->n] = (Capped) {runner, cap};
		names[ready->n++] = row.values[0];
	}
	loop->last_refill = now;
	ready->names = extsched_rows_texts(names, ready->n);
	ready->full_names = extsched_rows_texts(full_names, ready->n_full);
}

/* Who takes runs, and for which Runners. */
typedef struct Take
{
	const ExtschedPull *pull;
	TimestampTz now;
	Datum		runners;		/* text[] */
	const Capped *each;			/* the same, for the walk */
	int			n;
} Take;

static uint64
run_take(ExtschedLoop *loop, const Take *take, ExtschedStmt *stmt, int limit, Datum tenant)
{
	Datum		values[6];

	values[0] = TimestampTzGetDatum(take->now);
	values[1] = take->runners;
	values[2] = Int32GetDatum(limit);
	values[3] = Int32GetDatum(loop->number);
	values[4] = Int32GetDatum(loop->total);
	values[5] = tenant;
	return extsched_stmt_run(stmt, values, tenant == (Datum) 0 ? "     n" : NULL);
}

/* Deal with the n rows of REFILL_COLUMNS in SPI_tuptable. */
static void
process(ExtschedLoop *loop, const Take *take, uint64 n, ExtschedRefill *refill)
{
	SPITupleTable *table = SPI_tuptable;
	Batch		batch = {0};

	add_rows(loop, take->pull, take->now, n, &batch);
	start(loop, take->pull, take->now, &batch, refill);
	SPI_freetuptable(table);
}

/* Deal with what a statement finds, up to limit of each Runner. */
static void
take_all(ExtschedLoop *loop, const Take *take, ExtschedStmt *stmt, int limit, ExtschedRefill *refill)
{
	uint64		n = run_take(loop, take, stmt, limit, (Datum) 0);

	process(loop, take, n, refill);
	refill->is_more |= n >= limit;
}

/* The same, a number of each tenant and Runner at a time, until limit are started. */
static void
take_of_each(ExtschedLoop *loop, const Take *take, ExtschedStmt *stmt, int each, int limit,
			 ExtschedRefill *refill)
{
	uint64		n_tenants = run_take(loop, take, &waiting_tenants, 0, (Datum) 0);
	SPITupleTable *tenants = SPI_tuptable;
	uint64		next = 0;

	while (next < n_tenants && refill->n_started < limit)
	{
		Batch		batch = {0};

		for (int i = 0; i < TENANTS_AT_A_TIME && next < n_tenants; i++)
		{
			bool		isnull;
			Datum		tenant = SPI_getbinval(tenants->vals[next++], tenants->tupdesc, 1, &isnull);
			uint64		n = run_take(loop, take, stmt, each, tenant);

			add_rows(loop, take->pull, take->now, n, &batch);
			refill->is_more |= n >= each;
		}
		start(loop, take->pull, take->now, &batch, refill);
	}
	refill->is_more |= next < n_tenants;
	SPI_freetuptable(tenants);
}

/* Behind which tenant the walk of a Runner goes on, for as long as the process lives. */
typedef struct Place
{
	char		runner[NAMEDATALEN];	/* hash key */
	char		tenant[256];	/* empty: it begins */
} Place;

/* The next tenants of a Runner, from behind a place up to a tenant, or as many as a step has. */
static uint64
next_tenants(ExtschedLoop *loop, const Take *take, const Place *place, const char *until)
{
	Datum		values[7];

	values[0] = TimestampTzGetDatum(take->now);
	values[1] = CStringGetTextDatum(place->runner);
	values[2] = Int32GetDatum(WALK_TENANTS);
	values[3] = Int32GetDatum(loop->number);
	values[4] = Int32GetDatum(loop->total);
	values[5] = CStringGetTextDatum(place->tenant);
	values[6] = until ? CStringGetTextDatum(until) : (Datum) 0;
	return extsched_stmt_run(&walk_waiting, values, until ? NULL : "      n");
}

/*
 * A walk begins at a tenant by chance, since processes may live for one claim only.
 */
static Place *
find_place(ExtschedLoop *loop, const Take *take, const char *runner)
{
	static HTAB *places = NULL;
	Place	   *place;
	bool		was_known;

	if (places == NULL)
	{
		HASHCTL		control = {.keysize = NAMEDATALEN, .entrysize = sizeof(Place)};

		places = hash_create("extsched walks", 8, &control, HASH_ELEM | HASH_STRINGS);
	}
	place = hash_search(places, runner, HASH_ENTER, &was_known);
	if (!was_known)
	{
		uint64		n;

		place->tenant[0] = '\0';
		n = next_tenants(loop, take, place, NULL);
		if (n > 0)
			strlcpy(place->tenant,
					SPI_getvalue(SPI_tuptable->vals[pg_prng_uint64_range(&pg_global_prng_state, 0, n - 1)],
								 SPI_tuptable->tupdesc, 1),
					sizeof(place->tenant));
		SPI_freetuptable(SPI_tuptable);
	}
	return place;
}

/* Slots of a Runner that are free now. */
static int
slots_at(ExtschedLoop *loop, const Capped *runner)
{
	return Min(free_at(loop, runner->name, runner->cap), extsched_fairqueue_free(loop->queue));
}

/*
 * Ask the next tenants for some runs each, no more of them at a time than there are
 * slots, but for some more after those that were asked in vain.  Returns false when
 * there are no more tenants up to that one, or at all.
 */
static bool
walk_step(ExtschedLoop *loop, const Take *take, const Capped *runner, int each, Place *place,
		  const char *until, ExtschedRefill *refill)
{
	uint64		n = next_tenants(loop, take, place, until);
	SPITupleTable *names = SPI_tuptable;
	uint64		next = 0;
	int			n_started = refill->n_started;
	int			free;

	while (next < n && (free = slots_at(loop, runner)) > 0)
	{
		bool		is_vain = next > 0 && refill->n_started == n_started;
		int			n_most = is_vain ? Max(free, WALK_VAIN) : free;
		Datum		values[4];
		Datum		tenants[WALK_TENANTS];
		int			n_asked = 0;

		n_started = refill->n_started;
		while (next < n && n_asked < n_most)
		{
			HeapTuple	tuple = names->vals[next++];
			char	   *tenant = SPI_getvalue(tuple, names->tupdesc, 1);
			bool		isnull;

			strlcpy(place->tenant, tenant, sizeof(place->tenant));
			if (DatumGetBool(SPI_getbinval(tuple, names->tupdesc, 2, &isnull)) &&
				extsched_fairqueue_tenant_free(loop->queue, tenant) > 0)
				tenants[n_asked++] = SPI_getbinval(tuple, names->tupdesc, 1, &isnull);
		}
		if (n_asked == 0)
			break;
		values[0] = TimestampTzGetDatum(take->now);
		values[1] = CStringGetTextDatum(runner->name);
		values[2] = Int32GetDatum(each);
		values[3] = extsched_rows_texts(tenants, n_asked);
		process(loop, take, extsched_stmt_run(&take_of_tenants, values, NULL), refill);
	}
	SPI_freetuptable(names);
	return next < n || n == WALK_TENANTS;
}

/*
 * Go on with the walk from tenant to tenant of a Runner, while it has free slots
 * and until everybody was asked.  A worker does some steps at a time; a Runner that
 * gets nothing may not ask again for long.
 */
static void
walk(ExtschedLoop *loop, const Take *take, const Capped *runner, int each, ExtschedRefill *refill)
{
	Place	   *place = find_place(loop, take, runner->name);
	char	   *start = pstrdup(place->tenant);
	char	   *until = NULL;

	for (int i = 0; take->pull != NULL || i < WALK_STEPS; i++)
	{
		if (slots_at(loop, runner) == 0)
			break;
		if (walk_step(loop, take, runner, each, place, until, refill))
			continue;
		place->tenant[0] = '\0';
		if (until != NULL || start[0] == '\0')
			break;
		until = start;
	}
	pfree(start);
}

/* The oldest; when a whole batch leaves runs and slots, some of each tenant. */
static void
take_fairly(ExtschedLoop *loop, const Take *take, int limit, ExtschedRefill *refill)
{
	if (extsched_rows_distributed())
	{
		take_of_each(loop, take, &take_oldest, TURN_QUANTUM, limit, refill);
		return;
	}
	take_all(loop, take, &take_oldest, limit, refill);
	refill->is_partly = refill->is_more && refill->n_started - refill->n_ended < refill->n_found;

	/* one of each first, then more; another Runner is the first one each time */
	for (int i = 0; i < take->n && refill->is_partly; i++)
	{
		const Capped *runner = &take->each[(loop->n_refills + i) % take->n];
		int			n_found = refill->n_found;

		walk(loop, take, runner, 1, refill);
		if (refill->n_found > n_found)
			walk(loop, take, runner, TURN_QUANTUM, refill);
	}
}

/* Look at what has waited for longest, for runs that cannot go out any more. */
static void
end_stuck(ExtschedLoop *loop, TimestampTz now, Datum runners)
{
	Take		take = {.now = now, .runners = runners};
	ExtschedRefill refill = {0};

	if (extsched_rows_distributed())
		take_of_each(loop, &take, &take_oldest, TURN_QUANTUM, STUCK_MAX, &refill);
	else
		take_all(loop, &take, &take_oldest, STUCK_MAX, &refill);
}

/*
 * extsched_refill
 *		Start up to limit runs of each Runner that have waited for longest.
 *
 * With a limit of 0 nothing is started; Runners that pull are told all the
 * same of runs that have become ready.
 *
 * Inside a transaction and SPI_connect; the caller commits and calls
 * extsched_start_commit(), or aborts and calls extsched_start_abort().
 */
void
extsched_refill(ExtschedLoop *loop, TimestampTz now, int limit,
				ExtschedRefill *refill)
{
	Ready		ready;

	memset(refill, 0, sizeof(*refill));
	find_ready(loop, now, &ready);
	refill->next_ready = ready.next_ready;
	refill->is_blocked = ready.n_full > 0 || (ready.n > 0 && limit == 0);
	if (ready.n > 0 && limit > 0)
	{
		Take		take = {.now = now, .runners = ready.names, .each = ready.each, .n = ready.n};

		loop->n_refills++;
		if (ready.most_free < limit / COMPETITORS && loop->n_refills % COMPETE_ALL != 0)
			limit = Min(limit, Max(COMPETITORS * ready.most_free, COMPETITORS_MIN));
		take_fairly(loop, &take, limit, refill);
		refill->is_vain = loop->total > 1 && refill->n_found == 0;
		loop->was_partly |= refill->is_partly;
	}
	if ((ready.n_full > 0 || loop->was_partly) && now >= loop->last_stuck + STUCK_PAUSE_US)
	{
		loop->last_stuck = now;
		if (ready.n_full > 0)
			end_stuck(loop, now, ready.full_names);
		if (ready.n > 0 && loop->was_partly)
			end_stuck(loop, now, ready.names);
		loop->was_partly = false;
	}
}

/*
 * extsched_refill_pull
 *		Hand up to limit runs to a Runner that pulls, those that have waited for
 *		longest; cap is that of the Runner, or -1.
 *
 * Inside a transaction and SPI_connect, with the row of the Runner locked.
 * Runs that cannot go out any more are left in loop->fresh with their outcome.
 */
void
extsched_refill_pull(ExtschedLoop *loop, TimestampTz now, int limit, int cap,
					 const ExtschedPull *pull)
{
	Datum		name = CStringGetTextDatum(pull->runner);
	Capped		runner = {pull->runner, cap};
	Take		take = {.pull = pull, .now = now, .each = &runner, .n = 1};
	ExtschedRefill refill = {0};

	if (slots_at(loop, &runner) == 0)
		return;
	take.runners = extsched_rows_texts(&name, 1);
	take_fairly(loop, &take, limit, &refill);
}

/*
 * extsched_refill_expire_pulled
 *		End runs for Runners that pull which nobody has claimed in time.
 */
void
extsched_refill_expire_pulled(ExtschedLoop *loop, TimestampTz now)
{
	Take		take = {.now = now};
	ExtschedRefill refill = {0};
	bool		isnull;

	(void) extsched_stmt_run(&pulling_runners, NULL, NULL);
	take.runners = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return;
	if (extsched_rows_distributed())
		take_of_each(loop, &take, &find_expired, EXPIRE_MAX, INT_MAX, &refill);
	else
		take_all(loop, &take, &find_expired, EXPIRE_MAX, &refill);
}
