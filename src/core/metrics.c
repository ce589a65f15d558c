/*-------------------------------------------------------------------------
 *
 * metrics.c
 *		The counters of this database as text for Prometheus.
 *
 * Format: OpenMetrics 1.0, or the text format 0.0.4 that came before it and
 * that promtool and node_exporter's textfile collector read.  They differ in
 * the description of counters, which names the family in the one and the
 * sample in the other, and in the type of info.  Label values come from fixed lists, so the number
 * of series is bounded whatever tenants do.  A combination of labels that was
 * never counted is left out.  The SQL function extsched_metrics adds gauges
 * from tables, and the end mark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/shmem.h"
#include "core/version.h"

/* The text, and the one of the two formats that it has. */
typedef struct Metrics
{
	StringInfoData text;
	bool		is_old;			/* 0.0.4 */
} Metrics;

static void
put_family(Metrics *out, const char *name, const char *type, const char *help)
{
	const char *suffix = "";

	if (out->is_old && strcmp(type, "counter") == 0)
		suffix = "_total";
	else if (out->is_old && strcmp(type, "info") == 0)
	{
		suffix = "_info";
		type = "gauge";
	}
	appendStringInfo(&out->text, "# TYPE extsched_%s%s %s\n# HELP extsched_%s%s %s\n",
					 name, suffix, type, name, suffix, help);
}

/* A sum of microseconds, in seconds and without rounding. */
static void
put_seconds(StringInfo out, uint64 us)
{
	appendStringInfo(out, UINT64_FORMAT ".%06u\n", us / USECS_PER_SEC,
					 (unsigned) (us % USECS_PER_SEC));
}

/*
 * The samples of one histogram.  labels is empty or ends with a comma; the
 * count is that of the buckets, so that it fits them even while others count.
 */
static void
put_histogram(StringInfo out, const char *name, const char *labels,
			  pg_atomic_uint64 *buckets, int n_buckets, uint64 first_us,
			  uint64 sum_us)
{
	uint64		total = 0;
	int			labels_len = strlen(labels);

	for (int i = 0; i < n_buckets; i++)
	{
		total += pg_atomic_read_u64(&buckets[i]);
		appendStringInfo(out, "extsched_%s_bucket{%sle=\"", name, labels);
		if (i < n_buckets - 1)
			appendStringInfo(out, "%.6f\"} ", (double) (first_us << i) / USECS_PER_SEC);
		else
			appendStringInfoString(out, "+Inf\"} ");
		appendStringInfo(out, UINT64_FORMAT "\n", total);
	}
	for (int i = 0; i < 2; i++)
	{
		appendStringInfo(out, "extsched_%s_%s", name, i == 0 ? "count" : "sum");
		if (labels_len > 0)
			appendStringInfo(out, "{%.*s}", labels_len - 1, labels);
		appendStringInfoChar(out, ' ');
		if (i == 0)
			appendStringInfo(out, UINT64_FORMAT "\n", total);
		else
			put_seconds(out, sum_us);
	}
}

static void
put_api(Metrics *out, ExtschedCounters *c)
{
	put_family(out, "api_calls", "counter", "Calls of the API by how they ended.");
	for (int op = 0; op < EXTSCHED_API_OPS; op++)
	{
		for (int status = 0; status < EXTSCHED_API_STATUSES; status++)
		{
			uint64		n = pg_atomic_read_u64(&c->api[op][status].n);

			if (n > 0)
				appendStringInfo(&out->text, "extsched_api_calls_total{operation=\"%s\",status=\"%s\"} " UINT64_FORMAT "\n",
								 extsched_api_op_name(op),
								 extsched_api_status_name(status), n);
		}
	}

	put_family(out, "api_call_seconds", "histogram", "Duration of calls of the API.");
	for (int op = 0; op < EXTSCHED_API_OPS; op++)
	{
		uint64		sum_us;
		char		labels[64];

		if (extsched_counters_calls(c, op, &sum_us) == 0)
			continue;
		snprintf(labels, sizeof(labels), "operation=\"%s\",",
				 extsched_api_op_name(op));
		put_histogram(&out->text, "api_call_seconds", labels, c->api_buckets[op],
					  EXTSCHED_API_BUCKETS, EXTSCHED_API_FIRST_US, sum_us);
	}
}

static void
put_runs(Metrics *out, ExtschedCounters *c)
{
	uint64		lateness_us;
	uint64		duration_us;

	put_family(out, "runs", "counter", "Runs by how they ended.");
	for (int state = EXTSCHED_RUN_SUCCEEDED; state < EXTSCHED_RUN_STATES; state++)
	{
		for (int reason = 0; reason < EXTSCHED_REASONS; reason++)
		{
			for (int trigger = 0; trigger < EXTSCHED_TRIGGERS; trigger++)
			{
				uint64		n = pg_atomic_read_u64(&c->runs[state][reason][trigger].n);

				if (n > 0)
					appendStringInfo(&out->text, "extsched_runs_total{state=\"%s\",reason=\"%s\",trigger=\"%s\"} " UINT64_FORMAT "\n",
									 extsched_run_state_name(state),
									 extsched_reason_name(reason),
									 extsched_trigger_name(trigger), n);
			}
		}
	}
	extsched_counters_run_times(c, &lateness_us, &duration_us);
	put_family(out, "run_lateness_seconds", "histogram",
			   "First dispatch minus nominal time.");
	put_histogram(&out->text, "run_lateness_seconds", "", c->lateness_buckets,
				  EXTSCHED_RUN_BUCKETS, EXTSCHED_RUN_FIRST_US, lateness_us);
	put_family(out, "run_duration_seconds", "histogram",
			   "First dispatch to the end of the run.");
	put_histogram(&out->text, "run_duration_seconds", "", c->duration_buckets,
				  EXTSCHED_RUN_BUCKETS, EXTSCHED_RUN_FIRST_US, duration_us);
}

static void
put_events(Metrics *out, ExtschedCounters *c)
{
	for (int event = 0; event < EXTSCHED_EVENTS; event++)
	{
		const char *name = extsched_event_name(event);

		put_family(out, name, "counter", extsched_event_help(event));
		appendStringInfo(&out->text, "extsched_%s_total " UINT64_FORMAT "\n", name,
						 pg_atomic_read_u64(&c->events[event]));
	}
}

static void
put_workers(Metrics *out, ExtschedDatabase *db)
{
	int			by_state[EXTSCHED_WORKER_PAUSED + 1] = {0};
	int			by_pause[EXTSCHED_PAUSES] = {0};

	for (int n = 0; n < EXTSCHED_MAX_WORKERS; n++)
	{
		if (db->workers[n].pid == 0)
			continue;
		by_state[pg_atomic_read_u32(&db->workers[n].state)]++;
		by_pause[pg_atomic_read_u32(&db->workers[n].pause)]++;
	}
	put_family(out, "workers", "gauge", "Worker processes by what they do.");
	for (int i = EXTSCHED_WORKER_STARTING; i <= EXTSCHED_WORKER_PAUSED; i++)
		appendStringInfo(&out->text, "extsched_workers{state=\"%s\"} %d\n",
						 extsched_worker_state_name(i), by_state[i]);
	put_family(out, "workers_paused", "gauge", "Paused workers by why they are.");
	for (int i = EXTSCHED_PAUSE_NONE + 1; i < EXTSCHED_PAUSES; i++)
		appendStringInfo(&out->text, "extsched_workers_paused{reason=\"%s\"} %d\n",
						 extsched_pause_name(i), by_pause[i]);
	put_family(out, "workers_wanted", "gauge", "Worker processes there should be.");
	appendStringInfo(&out->text, "extsched_workers_wanted %u\n",
					 pg_atomic_read_u32(&db->workers_wanted));
	put_family(out, "out_of_worker_slots", "gauge",
			   "1 while a worker cannot start because max_worker_processes is used up.");
	appendStringInfo(&out->text, "extsched_out_of_worker_slots %u\n",
					 pg_atomic_read_u32(&db->out_of_slots));
}

PG_FUNCTION_INFO_V1(extsched_metrics_counters);

/* extsched.metrics_counters(is_old boolean) returns text, without the end mark */
Datum
extsched_metrics_counters(PG_FUNCTION_ARGS)
{
	ExtschedDatabase *db = extsched_shmem_my_database(false);
	Metrics		out;

	initStringInfo(&out.text);
	out.is_old = PG_GETARG_BOOL(0);
	put_family(&out, "build", "info", "Version of the library.");
	appendStringInfo(&out.text, "extsched_build_info{version=\"%s\"} 1\n",
					 EXTSCHED_VERSION);
	if (db != NULL)
	{
		put_workers(&out, db);
		put_api(&out, &db->counters);
		put_runs(&out, &db->counters);
		put_events(&out, &db->counters);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.text.data, out.text.len));
}
