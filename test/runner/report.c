/*-------------------------------------------------------------------------
 *
 * report.c
 *		Turn what was recorded into JSON.
 *
 * A report walks the arrivals when it is asked for, under the recorder's lock:
 * arrivals wait meanwhile, some milliseconds for a hundred thousand.  Counters
 * kept while recording would be quicker to read, but could not be filtered,
 * and would cost every request.  To wait for arrivals use GET /wait.
 *
 *-------------------------------------------------------------------------
 */
#include "record_internal.h"

#include "fault.h"

#include <stdlib.h>

/* Tenants and attempts listed by name; the others are summed up. */
#define MAX_TENANTS		1000
#define MAX_ATTEMPTS	16

/* What one walk over the arrivals adds up. */
typedef struct Sums
{
	uint64_t	arrivals;
	uint64_t	first_of_key;
	uint64_t	redelivered;
	uint64_t	by_trigger[TRIGGER_COUNT];
	uint64_t	by_attempt[MAX_ATTEMPTS + 1];
	uint64_t	by_answer[256];
	uint64_t   *by_tenant;		/* INTERN_MAX + 1 */
	uint64_t   *by_fence;		/* INTERN_MAX + 1 */
	int64_t		first_us;
	int64_t		last_us;
	int64_t    *lateness;		/* of first attempts, microseconds */
	size_t		lateness_count;
} Sums;

static bool
passes(const Filter *filter, const Arrival *arrival)
{
	if (arrival->arrived_us < filter->since_us)
		return false;
	if (filter->trigger != TRIGGER_UNKNOWN && arrival->trigger != (uint8_t) filter->trigger)
		return false;
	return filter->tenant == NULL || slice_is(interned(arrival->tenant), filter->tenant);
}

/*
 * Lateness is that of first attempts, and of the recurrence only unless the
 * filter names another trigger: a backfilled run is years late by intent.
 */
static void
add_arrival(Sums *sums, const Filter *filter, const Arrival *arrival)
{
	Trigger		late_trigger = filter->trigger ? filter->trigger : TRIGGER_SCHEDULE;

	if (sums->arrivals++ == 0 || arrival->arrived_us < sums->first_us)
		sums->first_us = arrival->arrived_us;
	if (arrival->arrived_us > sums->last_us)
		sums->last_us = arrival->arrived_us;
	sums->first_of_key += arrival->is_first_of_key;
	sums->redelivered += arrival->is_redelivery;
	sums->by_trigger[arrival->trigger]++;
	sums->by_attempt[arrival->attempt < MAX_ATTEMPTS ? arrival->attempt : MAX_ATTEMPTS]++;
	sums->by_answer[arrival->answer]++;
	sums->by_tenant[arrival->tenant]++;
	sums->by_fence[arrival->fence]++;
	if (arrival->attempt == 1 && arrival->trigger == (uint8_t) late_trigger &&
		arrival->is_first_of_key)
		sums->lateness[sums->lateness_count++] =
			arrival->arrived_us + filter->offset_us - arrival->nominal_us;
}

static int
compare_int64(const void *a, const void *b)
{
	int64_t		left = *(const int64_t *) a;
	int64_t		right = *(const int64_t *) b;

	return (left > right) - (left < right);
}

/* The nearest-rank percentile of a sorted array, in milliseconds. */
static double
percentile(const Sums *sums, int percent)
{
	size_t		rank = (sums->lateness_count * (size_t) percent + 99) / 100;

	return (double) sums->lateness[rank > 0 ? rank - 1 : 0] / 1000.0;
}

static void
add_lateness(Text *out, Sums *sums)
{
	double		sum = 0;
	size_t		count = sums->lateness_count;

	text_add(out, ",\"lateness_ms\":{\"count\":%zu", count);
	if (count > 0)
	{
		qsort(sums->lateness, count, sizeof(int64_t), compare_int64);
		for (size_t i = 0; i < count; i++)
			sum += (double) sums->lateness[i];
		text_add(out, ",\"min\":%.3f,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f",
				 (double) sums->lateness[0] / 1000.0, sum / (double) count / 1000.0,
				 percentile(sums, 50), percentile(sums, 90), percentile(sums, 99),
				 (double) sums->lateness[count - 1] / 1000.0);
	}
	text_add(out, "}");
}

/* Add counts by interned text as an object; returns how many did not fit. */
static uint64_t
add_counts(Text *out, const char *name, const uint64_t *counts, int max)
{
	uint64_t	others = 0;
	int			listed = 0;

	text_add(out, ",\"%s\":{", name);
	for (int i = 0; i <= INTERN_MAX; i++)
	{
		if (counts[i] == 0)
			continue;
		if (listed == max || i == INTERN_OTHER)
		{
			others += counts[i];
			continue;
		}
		text_add(out, listed++ ? "," : "");
		text_add_json(out, interned((uint16_t) i));
		text_add(out, ":%lu", counts[i]);
	}
	text_add(out, "}");
	return others;
}

static const char *
answer_name(int answer)
{
	if (answer == ANSWER_OK)
		return "ok";
	return answer == ANSWER_REFUSED ? "refused" : fault_word_name((FaultWord) (answer - 1));
}

static void
add_breakdown(Text *out, const Sums *sums)
{
	const char *comma = "";

	text_add(out, ",\"by_trigger\":{");
	for (int i = 0; i < TRIGGER_COUNT; i++)
	{
		if (sums->by_trigger[i] == 0)
			continue;
		text_add(out, "%s\"%s\":%lu", comma, trigger_name((Trigger) i), sums->by_trigger[i]);
		comma = ",";
	}
	text_add(out, "},\"by_attempt\":{");
	comma = "";
	for (int i = 0; i <= MAX_ATTEMPTS; i++)
	{
		if (sums->by_attempt[i] == 0)
			continue;
		text_add(out, "%s\"%d\":%lu", comma, i, sums->by_attempt[i]);
		comma = ",";
	}
	text_add(out, "},\"by_answer\":{");
	comma = "";
	for (int i = 0; i < 256; i++)
	{
		if (sums->by_answer[i] == 0)
			continue;
		text_add(out, "%s\"%s\":%lu", comma, answer_name(i), sums->by_answer[i]);
		comma = ",";
	}
	text_add(out, "}");
	text_add(out, ",\"other_tenants\":%lu",
			 add_counts(out, "by_tenant", sums->by_tenant, MAX_TENANTS));
	add_counts(out, "by_fence", sums->by_fence, MAX_TENANTS);
}

static void
add_moment(Text *out, const char *name, bool has_one, int64_t micros)
{
	text_add(out, ",\"%s\":", name);
	if (!has_one)
	{
		text_add(out, "null");
		return;
	}
	text_add(out, "\"");
	text_add_time(out, micros);
	text_add(out, "\"");
}

/* Everything about the arrivals that pass the filter, as one object. */
void
report_stats(const Filter *filter, Text *out)
{
	Sums		sums = {0};
	int			in_flight;
	int			max_in_flight;

	pthread_mutex_lock(&record_lock);
	sums.by_tenant = calloc(INTERN_MAX + 1, sizeof(uint64_t));
	sums.by_fence = calloc(INTERN_MAX + 1, sizeof(uint64_t));
	sums.lateness = malloc((record.used + 1) * sizeof(int64_t));
	if (sums.by_tenant == NULL || sums.by_fence == NULL || sums.lateness == NULL)
		abort();
	for (size_t i = 0; i < record.used; i++)
		if (passes(filter, &record.arrivals[i]))
			add_arrival(&sums, filter, &record.arrivals[i]);

	record_in_flight_now(&in_flight, &max_in_flight);
	text_add(out, "{\"arrivals\":%lu,\"distinct_keys\":%lu,\"duplicates\":%lu,\"redelivered\":%lu",
			 sums.arrivals, sums.first_of_key, sums.arrivals - sums.first_of_key, sums.redelivered);
	text_add(out, ",\"unrecorded\":%lu,\"in_flight\":%d,\"max_in_flight\":%d",
			 record.unrecorded, in_flight, max_in_flight);
	add_moment(out, "first_arrival", sums.arrivals > 0, sums.first_us);
	add_moment(out, "last_arrival", sums.arrivals > 0, sums.last_us);
	text_add(out, ",\"first_arrival_us\":%ld,\"last_arrival_us\":%ld", sums.first_us, sums.last_us);
	add_lateness(out, &sums);
	add_breakdown(out, &sums);
	text_add(out, ",\"violations\":%lu,\"first_violation\":", record.violations);
	if (record.violations > 0)
		text_add_json(out, slice_of(record.first_violation));
	else
		text_add(out, "null");
	text_add(out, ",\"malformed\":%lu,\"fault_errors\":%lu}\n", record.malformed,
			 record.fault_errors);
	pthread_mutex_unlock(&record_lock);

	free(sums.by_tenant);
	free(sums.by_fence);
	free(sums.lateness);
}

static void
add_one_arrival(Text *out, size_t number, const Arrival *arrival)
{
	static const char *const methods[] = {"", "GET", "POST"};

	text_add(out, "{\"n\":%zu,\"request_id\":\"", number);
	text_add_uuid(out, arrival->request_id);
	text_add(out, "\",\"idempotency_key\":");
	text_add_json(out, slice_of(arrival->key));
	text_add(out, ",\"tenant\":");
	text_add_json(out, interned(arrival->tenant));
	text_add(out, ",\"install_id\":\"");
	text_add_uuid(out, arrival->install_id);
	text_add(out, "\",\"schedule_id\":\"");
	text_add_uuid(out, arrival->schedule_id);
	text_add(out, "\",\"method\":\"%s\",\"path\":", methods[arrival->method]);
	text_add_json(out, interned(arrival->path));
	text_add(out, ",\"trigger\":\"%s\",\"attempt\":%u", trigger_name((Trigger) arrival->trigger),
			 arrival->attempt);
	add_moment(out, "scheduled_for", true, arrival->nominal_us);
	add_moment(out, "arrived", true, arrival->arrived_us);
	text_add(out, ",\"arrived_us\":%ld,\"fence\":", arrival->arrived_us);
	text_add_json(out, interned(arrival->fence));
	text_add(out, ",\"answer\":\"%s\",\"redelivery\":%s,\"violation\":%s}",
			 answer_name(arrival->answer), arrival->is_redelivery ? "true" : "false",
			 arrival->is_violation ? "true" : "false");
}

/* The last arrivals that pass the filter, oldest first, as an array. */
void
report_arrivals(const Filter *filter, Text *out)
{
	size_t		start;
	int64_t		found = 0;
	const char *comma = "";

	pthread_mutex_lock(&record_lock);
	for (start = record.used; start > 0 && found < filter->limit; start--)
		found += passes(filter, &record.arrivals[start - 1]);
	text_add(out, "[");
	for (size_t i = start; i < record.used; i++)
	{
		if (!passes(filter, &record.arrivals[i]))
			continue;
		text_add(out, "%s\n", comma);
		comma = ",";
		add_one_arrival(out, i + 1, &record.arrivals[i]);
	}
	text_add(out, "]\n");
	pthread_mutex_unlock(&record_lock);
}

/* The last execute request: headers as sent and in order, and the body's text. */
void
report_last(Text *out)
{
	const char *comma = "";
	const char *p;
	const char *end;

	pthread_mutex_lock(&record_lock);
	p = record.last_headers.data;
	end = p + record.last_headers.len;
	text_add(out, "{\"headers\":[");
	while (p < end)
	{
		const char *value = p + strlen(p) + 1;

		text_add(out, "%s[", comma);
		text_add_json(out, slice_of(p));
		text_add(out, ",");
		text_add_json(out, slice_of(value));
		text_add(out, "]");
		comma = ",";
		p = value + strlen(value) + 1;
	}
	text_add(out, "],\"body\":");
	text_add_json(out, (Slice) {record.last_body.data, record.last_body.len});
	text_add(out, "}\n");
	pthread_mutex_unlock(&record_lock);
}

/* The body of the last execute request, byte for byte. */
void
report_last_body(Text *out)
{
	pthread_mutex_lock(&record_lock);
	text_add_bytes(out, (Slice) {record.last_body.data, record.last_body.len});
	pthread_mutex_unlock(&record_lock);
}
