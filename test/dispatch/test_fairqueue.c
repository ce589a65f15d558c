/*-------------------------------------------------------------------------
 *
 * test_fairqueue.c
 *		The properties of the run queue, and a comparison with a plain model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "dispatch/fairqueue.h"
#include "module.h"

typedef struct TestRun
{
	ExtschedFairRun fair;
	int			tenant;
	int			install;
	int			runner;
} TestRun;

/* A key with no caps but the total one. */
static ExtschedFairKey
make_key(const char *tenant, int install, const char *runner)
{
	ExtschedFairKey key = {.tenant = tenant, .runner = runner};

	key.install.data[0] = (unsigned char) install;
	key.tenant_cap = key.install_cap = key.runner_cap = 1000000;
	return key;
}

static TestRun *
make_run(int tenant, TimestampTz due)
{
	TestRun    *run = palloc0(sizeof(TestRun));

	run->tenant = tenant;
	run->fair.due = due;
	return run;
}

/* Add n runs of a key, due one after another. */
static void
add_runs(ExtschedFairQueue *queue, const ExtschedFairKey *key, int tenant, int n)
{
	for (int i = 0; i < n; i++)
		extsched_fairqueue_add(queue, key, &make_run(tenant, i)->fair);
}

static void
test_flood(StringInfo out)
{
	ExtschedFairQueue *queue = extsched_fairqueue_create(CurrentMemoryContext, 256);
	ExtschedFairKey flood = make_key("flood", 1, "r");
	ExtschedFairKey single = make_key("single", 1, "r");
	TestRun    *lone = make_run(2, 1000000);
	int			picks = 0;

	add_runs(queue, &flood, 1, 50000);
	extsched_fairqueue_add(queue, &single, &lone->fair);
	while (picks < 10 && extsched_fairqueue_next(queue) != &lone->fair)
		picks++;
	tap_result(out, picks < 2, "a single run comes before the backlog of a flood");
	extsched_fairqueue_destroy(queue);
}

/*
 * As a claim has it at a Runner that is full: all tenants compete for a moment,
 * several runs each, and one finds a slot.
 */
static void
test_full_runner(StringInfo out)
{
	enum
	{
		TENANTS = 20,
		EACH = 4
	};
	ExtschedFairQueue *queue = extsched_fairqueue_create(CurrentMemoryContext, 8);
	TestRun		runs[TENANTS * EACH];
	int			turns[TENANTS] = {0};
	int			most = 0;
	int			least = INT_MAX;

	for (int turn = 0; turn < 3 * TENANTS; turn++)
	{
		TestRun    *picked;

		memset(runs, 0, sizeof(runs));
		for (int i = 0; i < TENANTS * EACH; i++)
		{
			char		name[32];
			ExtschedFairKey key = make_key(name, 1, "full");

			snprintf(name, sizeof(name), "tenant %d", i / EACH);
			key.runner_cap = 1;
			runs[i].tenant = i / EACH;
			extsched_fairqueue_add(queue, &key, &runs[i].fair);
		}
		picked = (TestRun *) extsched_fairqueue_next(queue);
		turns[picked->tenant]++;
		for (int i = 0; i < TENANTS * EACH; i++)
			extsched_fairqueue_remove(queue, &runs[i].fair);
	}
	for (int i = 0; i < TENANTS; i++)
	{
		most = Max(most, turns[i]);
		least = Min(least, turns[i]);
	}
	tap_result(out, most == 3 && least == 3, "at a Runner that is full each tenant gets as many slots");
	extsched_fairqueue_destroy(queue);
}

static void
test_order(StringInfo out)
{
	ExtschedFairQueue *queue = extsched_fairqueue_create(CurrentMemoryContext, 256);
	ExtschedFairKey a = make_key("a", 1, "r");
	ExtschedFairKey a2 = make_key("a", 2, "r");
	ExtschedFairKey b = make_key("b", 3, "r");
	const TimestampTz due[] = {50, 10, 40, 20, 30};
	TimestampTz last = -1;
	int			last_tenant = 0;
	bool		is_ordered = true;
	bool		alternates = true;
	ExtschedFairRun *run;

	for (int i = 0; i < lengthof(due); i++)
		extsched_fairqueue_add(queue, i % 2 ? &a : &a2, &make_run(1, due[i])->fair);
	while ((run = extsched_fairqueue_next(queue)) != NULL)
	{
		is_ordered = is_ordered && run->due > last;
		last = run->due;
	}
	tap_result(out, is_ordered && last == 50,
			   "inside a tenant the oldest is first, across its installs");

	add_runs(queue, &a, 1, 20);
	add_runs(queue, &b, 2, 20);
	while ((run = extsched_fairqueue_next(queue)) != NULL)
	{
		alternates = alternates && ((TestRun *) run)->tenant != last_tenant;
		last_tenant = ((TestRun *) run)->tenant;
	}
	tap_result(out, alternates, "tenants take turns");
	extsched_fairqueue_destroy(queue);
}

/* Pick until nothing may start; count the picks of a tenant, or of all (0). */
static int
pick_all(ExtschedFairQueue *queue, int tenant)
{
	ExtschedFairRun *run;
	int			n = 0;

	while ((run = extsched_fairqueue_next(queue)) != NULL)
		n += tenant == 0 || ((TestRun *) run)->tenant == tenant;
	return n;
}

static void
test_caps(StringInfo out)
{
	ExtschedFairQueue *queue = extsched_fairqueue_create(CurrentMemoryContext, 10);
	ExtschedFairKey a = make_key("a", 1, "r");
	ExtschedFairKey b = make_key("b", 1, "r");
	ExtschedFairKey narrow = make_key("c", 1, "r");
	ExtschedFairKey wide = make_key("c", 2, "r");
	ExtschedFairKey full = make_key("d", 1, "small");
	ExtschedFairRun *run;

	a.tenant_cap = 2;
	add_runs(queue, &a, 1, 5);
	add_runs(queue, &b, 2, 5);
	run = extsched_fairqueue_next(queue);
	tap_result(out, pick_all(queue, 1) + (((TestRun *) run)->tenant == 1) == 2,
			   "a tenant's cap holds, and holds up nobody else");
	tap_result(out, extsched_fairqueue_in_flight(queue) == 7 && extsched_fairqueue_waiting(queue) == 3,
			   "runs are counted as waiting or in flight");
	extsched_fairqueue_remove(queue, run);
	tap_result(out, pick_all(queue, 0) == 1, "a run that ended lets another one start");
	extsched_fairqueue_destroy(queue);

	queue = extsched_fairqueue_create(CurrentMemoryContext, 10);
	narrow.install_cap = 1;
	add_runs(queue, &narrow, 1, 4);
	add_runs(queue, &wide, 2, 4);
	tap_result(out, pick_all(queue, 2) == 4 && extsched_fairqueue_in_flight(queue) == 5,
			   "an install at its cap does not hold up the tenant's others");

	full.runner_cap = 1;
	add_runs(queue, &full, 3, 3);
	add_runs(queue, &b, 4, 3);
	tap_result(out, pick_all(queue, 4) == 3 && extsched_fairqueue_in_flight(queue) == 9,
			   "a Runner at its cap does not hold up the others");
	add_runs(queue, &b, 4, 3);
	tap_result(out, pick_all(queue, 4) == 1 && extsched_fairqueue_in_flight(queue) == 10,
			   "the total cap holds");
	extsched_fairqueue_set_cap(queue, 11);
	tap_result(out, pick_all(queue, 0) == 1, "the total cap can be raised");
	full.runner_cap = 2;
	extsched_fairqueue_set_cap(queue, 20);
	extsched_fairqueue_add(queue, &full, &make_run(3, 0)->fair);
	tap_result(out, pick_all(queue, 3) == 1, "caps follow the last key that was given");
	full.tenant_cap = 0;
	add_runs(queue, &full, 3, 1);
	tap_result(out, pick_all(queue, 3) == 0, "a cap of 0 lets nothing start");
	extsched_fairqueue_destroy(queue);
}

static void
test_memory(StringInfo out)
{
	MemoryContext parent = AllocSetContextCreate(CurrentMemoryContext, "test", ALLOCSET_DEFAULT_SIZES);
	ExtschedFairQueue *queue = extsched_fairqueue_create(parent, 256);
	Size		after_many = 0;
	TestRun		run = {0};
	int64		start_us = extsched_clock_monotonic_us();

	for (int i = 0; i < 200000; i++)
	{
		char		name[32];
		ExtschedFairKey key = make_key(name, i % 7, i % 2 ? "r" : "s");

		snprintf(name, sizeof(name), "tenant %d", i);
		memset(&run, 0, sizeof(run));
		extsched_fairqueue_add(queue, &key, &run.fair);
		if (i % 3 != 0 && extsched_fairqueue_next(queue) != &run.fair)
			break;
		extsched_fairqueue_remove(queue, &run.fair);
		if (i == 20000)
			after_many = MemoryContextMemAllocated(parent, true);
	}
	tap_result(out, MemoryContextMemAllocated(parent, true) == after_many,
			   "memory does not depend on the number of tenants ever seen");
	appendStringInfo(out, "# %.2f us for add, next and remove of a new tenant's run\n",
					 (extsched_clock_monotonic_us() - start_us) / 200000.0);
	MemoryContextDelete(parent);
}

#define MODEL_TENANTS	4
#define MODEL_INSTALLS	3		/* of each tenant */
#define MODEL_RUNNERS	2
#define MODEL_RUNS		300

/* The caps of the model, and its plain counting. */
static const int tenant_caps[MODEL_TENANTS] = {3, 5, 1, 20};
static const int install_caps[MODEL_INSTALLS] = {1, 2, 10};
static const int runner_caps[MODEL_RUNNERS] = {4, 8};

#define MODEL_TOTAL_CAP 10

/* Whether the run may start by the caps, found by counting all others. */
static bool
may_start(const TestRun *runs, const TestRun *run)
{
	int			total = 0;
	int			tenant = 0;
	int			install = 0;
	int			runner = 0;

	for (int i = 0; i < MODEL_RUNS; i++)
	{
		const TestRun *other = &runs[i];

		if (other->fair.lane == NULL || !other->fair.is_in_flight)
			continue;
		total++;
		tenant += other->tenant == run->tenant;
		install += other->tenant == run->tenant && other->install == run->install;
		runner += other->runner == run->runner;
	}
	return total < MODEL_TOTAL_CAP && tenant < tenant_caps[run->tenant] &&
		install < install_caps[run->install] && runner < runner_caps[run->runner];
}

/*
 * What is wrong with a pick, NULL when it is one the caps allow, and the oldest
 * that its tenant may start at that Runner.  is_startable was found before it.
 */
static const char *
judge_pick(const TestRun *runs, const bool *is_startable, const TestRun *picked)
{
	for (int i = 0; i < MODEL_RUNS; i++)
	{
		if (!is_startable[i])
			continue;
		if (picked == NULL)
			return "nothing was picked although something may start";
		if (runs[i].tenant == picked->tenant && runs[i].runner == picked->runner &&
			runs[i].fair.due < picked->fair.due)
			return "an older run of the tenant was passed over";
	}
	if (picked != NULL && !is_startable[picked - runs])
		return "a run at a cap was picked";
	return NULL;
}

static void
test_against_model(StringInfo out)
{
	ExtschedFairQueue *queue = extsched_fairqueue_create(CurrentMemoryContext, MODEL_TOTAL_CAP);
	TestRun    *runs = palloc0(MODEL_RUNS * sizeof(TestRun));
	bool		is_startable[MODEL_RUNS];
	const char *problem = NULL;

	srandom(20260102);
	for (int step = 0; step < 200000 && problem == NULL; step++)
	{
		TestRun    *run = &runs[random() % MODEL_RUNS];
		char		tenant[2] = {(char) ('a' + run->tenant), '\0'};

		switch (random() % 4)
		{
			case 0:
			case 1:
				if (run->fair.lane == NULL)
				{
					ExtschedFairKey key;

					run->tenant = random() % MODEL_TENANTS;
					run->install = random() % MODEL_INSTALLS;
					run->runner = random() % MODEL_RUNNERS;
					run->fair.due = random() % 1000;
					tenant[0] = (char) ('a' + run->tenant);
					key = make_key(tenant, run->install, run->runner ? "r" : "s");
					key.tenant_cap = tenant_caps[run->tenant];
					key.install_cap = install_caps[run->install];
					key.runner_cap = runner_caps[run->runner];
					extsched_fairqueue_add(queue, &key, &run->fair);
				}
				break;
			case 2:
				for (int i = 0; i < MODEL_RUNS; i++)
					is_startable[i] = runs[i].fair.lane != NULL &&
						!runs[i].fair.is_in_flight && may_start(runs, &runs[i]);
				problem = judge_pick(runs, is_startable,
									 (TestRun *) extsched_fairqueue_next(queue));
				break;
			default:
				if (run->fair.is_in_flight || random() % 8 == 0)
					extsched_fairqueue_remove(queue, &run->fair);
		}
		CHECK_FOR_INTERRUPTS();
	}
	tap_result(out, problem == NULL, psprintf("the queue agrees with a plain model%s%s",
											  problem ? ": " : "", problem ? problem : ""));
	extsched_fairqueue_destroy(queue);
}

PG_FUNCTION_INFO_V1(test_fairqueue);
Datum
test_fairqueue(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	test_flood(&out);
	test_full_runner(&out);
	test_order(&out);
	test_caps(&out);
	test_memory(&out);
	test_against_model(&out);
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}
