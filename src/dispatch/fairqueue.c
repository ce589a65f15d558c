/*-------------------------------------------------------------------------
 *
 * fairqueue.c
 *		Which of the waiting runs may start next.
 *
 * A tenant with fifty thousand due runs must not delay the single run of
 * another one, and whoever is at a cap must not hold up those who are not.
 * So nothing is ever searched for: only what may start right now is linked
 * into the structures that are picked from, and a cap that is reached or left
 * moves whole branches in and out.
 *
 *		queue ── runners that have something startable, in turn
 *		runner ── ring of flows: its tenants below their cap, in turn
 *		flow ── heap of lanes: installs below their cap, oldest head first
 *		lane ── heap of waiting runs of one install, oldest first
 *
 * Tenants take turns of one run each.  That is deficit round robin (Shreedhar
 * and Varghese, 1995) with a quantum of one and all costs equal, where no
 * deficit is ever carried over; how long a run holds its slot is not known
 * beforehand and is what the caps are for.  Turns are counted inside a Runner,
 * because its slots are what tenants compete for there; Runners take turns
 * too.
 *
 * A tenant that comes into a ring goes before those that had a turn since it
 * had its last one.  Runs compete for a moment only, all that were found at a
 * time, and are looked at again when a slot is free: without that, the tenants
 * that are found first would get every slot.
 *
 * Every operation costs a few hash lookups plus O(log n) in the heaps, where n
 * is the backlog of one install, and a ring is searched from its end.  Entries
 * of those without runs are freed, so memory follows the runs held and not the
 * tenants ever seen; of last turns the latest few thousand are kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "dispatch/fairqueue.h"

#define TENANT_BYTES 256		/* extsched.tenant allows 255 */
#define TURNS_KEPT 4096

/* What can be at a cap.  Every count includes runs of all branches below. */
typedef struct FairCount
{
	int			waiting;
	int			in_flight;
	int			cap;
} FairCount;

typedef struct FairRunner
{
	char		name[NAMEDATALEN];	/* hash key */
	FairCount	count;
	dlist_head	ring;			/* of FairFlow.ring_node, next one first, that is by
								 * their last turns */
	dlist_node	node;			/* in queue->runners while startable */
	bool		is_startable;
} FairRunner;

typedef struct FairTenant
{
	char		name[TENANT_BYTES]; /* hash key */
	FairCount	count;
	dlist_head	flows;			/* of FairFlow.tenant_node */
} FairTenant;

typedef struct FairInstallKey
{
	FairTenant *tenant;
	pg_uuid_t	install;
} FairInstallKey;

typedef struct FairInstall
{
	FairInstallKey key;			/* hash key */
	FairCount	count;
	dlist_head	lanes;			/* of ExtschedFairLane.install_node */
} FairInstall;

typedef struct FairFlowKey
{
	FairTenant *tenant;
	FairRunner *runner;
} FairFlowKey;

typedef struct FairFlow
{
	FairFlowKey key;			/* hash key */
	int			lanes_held;
	pairingheap lanes;			/* startable lanes, oldest head first */
	dlist_node	tenant_node;
	dlist_node	ring_node;
	bool		is_in_ring;
	uint64		turn_key;
	uint64		last_turn;		/* 0: none that is known */
} FairFlow;

/* When a tenant had its last turn at a Runner. */
typedef struct FairTurn
{
	uint64		key;			/* hash of both names */
	uint64		turn;
} FairTurn;

typedef struct FairLaneKey
{
	FairInstall *install;
	FairFlow   *flow;
} FairLaneKey;

typedef struct ExtschedFairLane
{
	FairLaneKey key;			/* hash key */
	int			runs_held;		/* waiting or in flight */
	pairingheap runs;			/* waiting runs, oldest first */
	pairingheap_node node;
	dlist_node	install_node;
	bool		is_in_flow;
} ExtschedFairLane;

struct ExtschedFairQueue
{
	MemoryContext context;
	FairCount	count;
	HTAB	   *runners_by_name;
	HTAB	   *tenants_by_name;
	HTAB	   *installs_by_key;
	HTAB	   *flows_by_key;
	HTAB	   *lanes_by_key;
	dlist_head	runners;		/* startable ones, next one first */
	uint64		turn;			/* raised with each run that is picked */
	HTAB	   *turns_by_key;
};

static inline bool
is_below_cap(const FairCount *count)
{
	return count->in_flight < count->cap;
}

static inline ExtschedFairRun *
first_run(ExtschedFairLane *lane)
{
	return pairingheap_container(ExtschedFairRun, node,
								 pairingheap_first(&lane->runs));
}

/* Heaps of the server put the largest first: older means larger. */
static int
compare_runs(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	TimestampTz due_a = pairingheap_const_container(ExtschedFairRun, node, a)->due;
	TimestampTz due_b = pairingheap_const_container(ExtschedFairRun, node, b)->due;

	return due_a < due_b ? 1 : due_a > due_b ? -1
		: 0;
}

static int
compare_lanes(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	ExtschedFairLane *lane_a = pairingheap_container(ExtschedFairLane, node,
													 unconstify(pairingheap_node *, a));
	ExtschedFairLane *lane_b = pairingheap_container(ExtschedFairLane, node,
													 unconstify(pairingheap_node *, b));

	return compare_runs(&first_run(lane_a)->node, &first_run(lane_b)->node, arg);
}

/* Put a runner among those that are picked from, or take it out. */
static void
refresh_runner(ExtschedFairQueue *queue, FairRunner *runner)
{
	bool		is_startable = !dlist_is_empty(&runner->ring) &&
		is_below_cap(&runner->count);

	if (is_startable == runner->is_startable)
		return;
	runner->is_startable = is_startable;
	if (is_startable)
		dlist_push_tail(&queue->runners, &runner->node);
	else
		dlist_delete(&runner->node);
}

/* Put a flow behind those of its ring whose last turn was not later. */
static void
enter_ring(FairFlow *flow)
{
	dlist_head *ring = &flow->key.runner->ring;
	dlist_iter	iter;

	dlist_reverse_foreach(iter, ring)
	{
		if (dlist_container(FairFlow, ring_node, iter.cur)->last_turn <= flow->last_turn)
		{
			dlist_insert_after(iter.cur, &flow->ring_node);
			return;
		}
	}
	dlist_push_head(ring, &flow->ring_node);
}

/* Put a flow into its ring, or take it out. */
static void
refresh_flow(ExtschedFairQueue *queue, FairFlow *flow)
{
	bool		is_startable = !pairingheap_is_empty(&flow->lanes) &&
		is_below_cap(&flow->key.tenant->count);

	if (is_startable != flow->is_in_ring)
	{
		flow->is_in_ring = is_startable;
		if (is_startable)
			enter_ring(flow);
		else
			dlist_delete(&flow->ring_node);
	}
	refresh_runner(queue, flow->key.runner);
}

/*
 * Take a lane out of its flow.  Needed before the first of its runs changes,
 * since the flow's heap is ordered by it.
 */
static void
detach_lane(ExtschedFairLane *lane)
{
	if (lane->is_in_flow)
	{
		pairingheap_remove(&lane->key.flow->lanes, &lane->node);
		lane->is_in_flow = false;
	}
}

/* Put a lane where it belongs now. */
static void
refresh_lane(ExtschedFairQueue *queue, ExtschedFairLane *lane)
{
	bool		is_startable = !pairingheap_is_empty(&lane->runs) &&
		is_below_cap(&lane->key.install->count);

	if (is_startable && !lane->is_in_flow)
	{
		pairingheap_add(&lane->key.flow->lanes, &lane->node);
		lane->is_in_flow = true;
	}
	else if (!is_startable)
		detach_lane(lane);
	refresh_flow(queue, lane->key.flow);
}

static void
refresh_install(ExtschedFairQueue *queue, FairInstall *install)
{
	dlist_iter	iter;

	dlist_foreach(iter, &install->lanes)
		refresh_lane(queue, dlist_container(ExtschedFairLane, install_node, iter.cur));
}

static void
refresh_tenant(ExtschedFairQueue *queue, FairTenant *tenant)
{
	dlist_iter	iter;

	dlist_foreach(iter, &tenant->flows)
		refresh_flow(queue, dlist_container(FairFlow, tenant_node, iter.cur));
}

/*
 * Count a run in or out of everything it belongs to, and move what reached or
 * left its cap by that.
 */
static void
count_run(ExtschedFairQueue *queue, ExtschedFairLane *lane, int waiting,
		  int in_flight)
{
	FairInstall *install = lane->key.install;
	FairTenant *tenant = lane->key.flow->key.tenant;
	FairCount  *counts[] = {
		&install->count, &tenant->count,
		&lane->key.flow->key.runner->count, &queue->count};
	bool		install_was_below = is_below_cap(&install->count);
	bool		tenant_was_below = is_below_cap(&tenant->count);

	for (int i = 0; i < lengthof(counts); i++)
	{
		counts[i]->waiting += waiting;
		counts[i]->in_flight += in_flight;
	}
	if (is_below_cap(&install->count) != install_was_below)
		refresh_install(queue, install);
	else
		refresh_lane(queue, lane);
	if (is_below_cap(&tenant->count) != tenant_was_below)
		refresh_tenant(queue, tenant);
}

static HTAB *
create_table(ExtschedFairQueue *queue, const char *name, Size key_size,
			 Size entry_size, int flags)
{
	HASHCTL		ctl = {0};

	ctl.keysize = key_size;
	ctl.entrysize = entry_size;
	ctl.hcxt = queue->context;
	return hash_create(name, 256, &ctl, HASH_ELEM | HASH_CONTEXT | flags);
}

/*
 * extsched_fairqueue_create
 *		Make an empty queue.
 *
 * It lives in a context of its own under parent.  At most max_in_flight runs
 * are in flight at a time.
 */
ExtschedFairQueue *
extsched_fairqueue_create(MemoryContext parent, int max_in_flight)
{
	MemoryContext context = AllocSetContextCreate(parent, "extsched run queue",
												  ALLOCSET_DEFAULT_SIZES);
	ExtschedFairQueue *queue = MemoryContextAllocZero(context, sizeof(*queue));

	queue->context = context;
	queue->count.cap = max_in_flight;
	queue->runners_by_name = create_table(queue, "extsched queue runners", NAMEDATALEN,
										  sizeof(FairRunner), HASH_STRINGS);
	queue->tenants_by_name = create_table(queue, "extsched queue tenants", TENANT_BYTES,
										  sizeof(FairTenant), HASH_STRINGS);
	queue->installs_by_key = create_table(queue, "extsched queue installs", sizeof(FairInstallKey),
										  sizeof(FairInstall), HASH_BLOBS);
	queue->flows_by_key = create_table(queue, "extsched queue flows", sizeof(FairFlowKey),
									   sizeof(FairFlow), HASH_BLOBS);
	queue->lanes_by_key = create_table(queue, "extsched queue lanes", sizeof(FairLaneKey),
									   sizeof(ExtschedFairLane), HASH_BLOBS);
	queue->turns_by_key = create_table(queue, "extsched queue turns", sizeof(uint64),
									   sizeof(FairTurn), HASH_BLOBS);
	dlist_init(&queue->runners);
	return queue;
}

/* Free a queue.  Runs are the caller's; they are not touched. */
void
extsched_fairqueue_destroy(ExtschedFairQueue *queue)
{
	MemoryContextDelete(queue->context);
}

/*
 * extsched_fairqueue_set_cap
 *		Change the total cap.
 *
 * When it sinks below what is in flight, nothing new starts until enough has
 * ended.
 */
void
extsched_fairqueue_set_cap(ExtschedFairQueue *queue, int max_in_flight)
{
	queue->count.cap = max_in_flight;
}

static FairTenant *
intern_tenant(ExtschedFairQueue *queue, const char *name)
{
	bool		was_known;
	FairTenant *tenant = hash_search(queue->tenants_by_name, name, HASH_ENTER, &was_known);

	if (!was_known)
	{
		tenant->count = (FairCount) {0};
		dlist_init(&tenant->flows);
	}
	return tenant;
}

static FairRunner *
intern_runner(ExtschedFairQueue *queue, const char *name)
{
	bool		was_known;
	FairRunner *runner = hash_search(queue->runners_by_name, name, HASH_ENTER, &was_known);

	if (!was_known)
	{
		runner->count = (FairCount) {0};
		runner->is_startable = false;
		dlist_init(&runner->ring);
	}
	return runner;
}

static FairInstall *
intern_install(ExtschedFairQueue *queue, FairTenant *tenant, const pg_uuid_t *id)
{
	FairInstallKey key = {.tenant = tenant, .install = *id};
	bool		was_known;
	FairInstall *install = hash_search(queue->installs_by_key, &key, HASH_ENTER, &was_known);

	if (!was_known)
	{
		install->count = (FairCount) {0};
		dlist_init(&install->lanes);
	}
	return install;
}

static uint64
hash_name(const char *name)
{
	return DatumGetUInt64(hash_any_extended((const unsigned char *) name, strlen(name), 0));
}

/* Learn when a flow had its last turn. */
static void
find_turn(ExtschedFairQueue *queue, FairFlow *flow)
{
	FairTurn   *known;

	flow->turn_key = hash_combine64(hash_name(flow->key.tenant->name), hash_name(flow->key.runner->name));
	known = hash_search(queue->turns_by_key, &flow->turn_key, HASH_FIND, NULL);
	flow->last_turn = known ? known->turn : 0;
}

/* A flow has its turn.  Those that had theirs before the latest are forgotten. */
static void
note_turn(ExtschedFairQueue *queue, FairFlow *flow)
{
	FairTurn   *known = hash_search(queue->turns_by_key, &flow->turn_key, HASH_ENTER, NULL);

	known->turn = flow->last_turn = ++queue->turn;
	if (hash_get_num_entries(queue->turns_by_key) > TURNS_KEPT)
	{
		HASH_SEQ_STATUS seq;

		hash_seq_init(&seq, queue->turns_by_key);
		while ((known = hash_seq_search(&seq)) != NULL)
		{
			if (known->turn + TURNS_KEPT / 2 <= queue->turn)
				hash_search(queue->turns_by_key, &known->key, HASH_REMOVE, NULL);
		}
	}
}

static FairFlow *
intern_flow(ExtschedFairQueue *queue, FairTenant *tenant, FairRunner *runner)
{
	FairFlowKey key = {.tenant = tenant, .runner = runner};
	bool		was_known;
	FairFlow   *flow = hash_search(queue->flows_by_key, &key, HASH_ENTER, &was_known);

	if (!was_known)
	{
		flow->lanes_held = 0;
		flow->is_in_ring = false;
		find_turn(queue, flow);
		flow->lanes = (pairingheap) {.ph_compare = compare_lanes};
		dlist_push_tail(&tenant->flows, &flow->tenant_node);
	}
	return flow;
}

static ExtschedFairLane *
intern_lane(ExtschedFairQueue *queue, FairInstall *install, FairFlow *flow)
{
	FairLaneKey key = {.install = install, .flow = flow};
	bool		was_known;
	ExtschedFairLane *lane = hash_search(queue->lanes_by_key, &key, HASH_ENTER, &was_known);

	if (!was_known)
	{
		lane->runs_held = 0;
		lane->is_in_flow = false;
		lane->runs = (pairingheap) {.ph_compare = compare_runs};
		dlist_push_tail(&install->lanes, &lane->install_node);
		flow->lanes_held++;
	}
	return lane;
}

/* Free a lane that holds no run, and whatever it was the last part of. */
static void
release_lane(ExtschedFairQueue *queue, ExtschedFairLane *lane)
{
	FairInstall *install = lane->key.install;
	FairFlow   *flow = lane->key.flow;
	FairTenant *tenant = flow->key.tenant;
	FairRunner *runner = flow->key.runner;

	dlist_delete(&lane->install_node);
	hash_search(queue->lanes_by_key, &lane->key, HASH_REMOVE, NULL);
	if (dlist_is_empty(&install->lanes))
		hash_search(queue->installs_by_key, &install->key, HASH_REMOVE, NULL);
	if (--flow->lanes_held > 0)
		return;
	dlist_delete(&flow->tenant_node);
	hash_search(queue->flows_by_key, &flow->key, HASH_REMOVE, NULL);
	if (dlist_is_empty(&tenant->flows))
		hash_search(queue->tenants_by_name, tenant->name, HASH_REMOVE, NULL);
	if (runner->count.waiting + runner->count.in_flight == 0)
		hash_search(queue->runners_by_name, runner->name, HASH_REMOVE, NULL);
}

/* Take the caps of the moment over into what the lane belongs to. */
static void
take_caps(ExtschedFairQueue *queue, ExtschedFairLane *lane, const ExtschedFairKey *key)
{
	FairInstall *install = lane->key.install;
	FairTenant *tenant = lane->key.flow->key.tenant;
	FairRunner *runner = lane->key.flow->key.runner;

	if (install->count.cap != key->install_cap)
	{
		install->count.cap = key->install_cap;
		refresh_install(queue, install);
	}
	if (tenant->count.cap != key->tenant_cap)
	{
		tenant->count.cap = key->tenant_cap;
		refresh_tenant(queue, tenant);
	}
	if (runner->count.cap != key->runner_cap)
	{
		runner->count.cap = key->runner_cap;
		refresh_runner(queue, runner);
	}
}

/*
 * extsched_fairqueue_add
 *		Let a run wait for its turn.
 *
 * run->due is set and the rest zero.  The run stays linked, and must stay
 * where it is, until it is removed.  The caps in key replace those that were
 * known for its tenant, install and Runner; strings are copied.
 */
void
extsched_fairqueue_add(ExtschedFairQueue *queue, const ExtschedFairKey *key,
					   ExtschedFairRun *run)
{
	FairTenant *tenant;
	ExtschedFairLane *lane;

	Assert(run->lane == NULL);
	tenant = intern_tenant(queue, key->tenant);
	lane = intern_lane(queue, intern_install(queue, tenant, &key->install),
					   intern_flow(queue, tenant, intern_runner(queue, key->runner)));
	take_caps(queue, lane, key);

	if (lane->is_in_flow && run->due < first_run(lane)->due)
		detach_lane(lane);
	run->lane = lane;
	run->is_in_flight = false;
	lane->runs_held++;
	pairingheap_add(&lane->runs, &run->node);
	count_run(queue, lane, 1, 0);
}

/*
 * extsched_fairqueue_next
 *		Pick the run to start now; it counts as in flight from here on.
 *
 * Returns NULL when nothing waits or everything that waits is at a cap.
 */
ExtschedFairRun *
extsched_fairqueue_next(ExtschedFairQueue *queue)
{
	FairRunner *runner;
	FairFlow   *flow;
	ExtschedFairLane *lane;
	ExtschedFairRun *run;

	if (!is_below_cap(&queue->count) || dlist_is_empty(&queue->runners))
		return NULL;

	runner = dlist_head_element(FairRunner, node, &queue->runners);
	flow = dlist_head_element(FairFlow, ring_node, &runner->ring);
	lane = pairingheap_container(ExtschedFairLane, node, pairingheap_first(&flow->lanes));

	/* Both have had their turn: to the end. */
	dlist_delete(&runner->node);
	dlist_push_tail(&queue->runners, &runner->node);
	dlist_delete(&flow->ring_node);
	dlist_push_tail(&runner->ring, &flow->ring_node);
	note_turn(queue, flow);

	detach_lane(lane);
	run = pairingheap_container(ExtschedFairRun, node, pairingheap_remove_first(&lane->runs));
	run->is_in_flight = true;
	count_run(queue, lane, -1, 1);
	return run;
}

/*
 * extsched_fairqueue_remove
 *		A run in flight has ended, or a waiting one is not to be started.
 *
 * Its memory is no longer used afterwards.  A run that is not in the queue is
 * left alone.
 */
void
extsched_fairqueue_remove(ExtschedFairQueue *queue, ExtschedFairRun *run)
{
	ExtschedFairLane *lane = run->lane;

	if (lane == NULL)
		return;
	if (run->is_in_flight)
		count_run(queue, lane, 0, -1);
	else
	{
		detach_lane(lane);
		pairingheap_remove(&lane->runs, &run->node);
		count_run(queue, lane, -1, 0);
	}
	run->lane = NULL;
	run->is_in_flight = false;
	if (--lane->runs_held == 0)
		release_lane(queue, lane);
}

/* How many more runs may be in flight. */
int
extsched_fairqueue_free(const ExtschedFairQueue *queue)
{
	return Max(queue->count.cap - queue->count.in_flight, 0);
}

/*
 * extsched_fairqueue_tenant_free
 *		How many more runs of a tenant may be in flight, all other caps apart.
 *
 * The caps of a tenant without runs are not known; it gets the total cap.
 */
int
extsched_fairqueue_tenant_free(ExtschedFairQueue *queue, const char *tenant)
{
	FairTenant *entry = hash_search(queue->tenants_by_name, tenant, HASH_FIND, NULL);
	int			total_free = extsched_fairqueue_free(queue);

	return entry ? Min(total_free, Max(entry->count.cap - entry->count.in_flight, 0)) : total_free;
}

/* Runs of a Runner that are in flight. */
int
extsched_fairqueue_runner_in_flight(ExtschedFairQueue *queue, const char *runner)
{
	FairRunner *entry = hash_search(queue->runners_by_name, runner, HASH_FIND, NULL);

	return entry ? entry->count.in_flight : 0;
}

/* Runs that wait. */
int
extsched_fairqueue_waiting(const ExtschedFairQueue *queue)
{
	return queue->count.waiting;
}

/* Runs that were picked and have not been removed. */
int
extsched_fairqueue_in_flight(const ExtschedFairQueue *queue)
{
	return queue->count.in_flight;
}
