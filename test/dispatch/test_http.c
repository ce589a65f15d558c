/*-------------------------------------------------------------------------
 *
 * test_http.c
 *		The HTTP engine, called from SQL: one request, very many, or waves of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "dispatch/http.h"

static const char headers[] =
	"content-type: application/json\0"
	"x-request-id: 00000000-0000-4000-8000-000000000001\0"
	"x-idempotency-key: 00000000-0000-4000-8000-000000000002\0"
	"x-alga-tenant: acme\0"
	"x-alga-extension: 00000000-0000-4000-8000-000000000003\0"
	"x-extsched-fence: 1.1.1";

#define N_HEADERS 6

/* An execute request. */
static ExtschedHttpCall
make_call(const char *url, const char *body, int timeout_ms)
{
	return (ExtschedHttpCall) {
		.url = url,
		.headers = headers, .n_headers = N_HEADERS,
		.body = body, .body_len = strlen(body),
		.timeout_ms = timeout_ms,
	};
}

static void
wait_and_poll(ExtschedHttp *http)
{
	struct pollfd fd = {.fd = extsched_http_fd(http), .events = POLLIN};
	long		timeout_ms = extsched_http_timeout_ms(http);

	(void) poll(&fd, 1, timeout_ms < 0 ? 1000 : (int) Min(timeout_ms, 1000));
	CHECK_FOR_INTERRUPTS();
	extsched_http_poll(http);
}

static const char *
outcome_name(ExtschedHttpOutcome outcome)
{
	static const char *const names[] = {
		[EXTSCHED_HTTP_REPLIED] = "replied",
		[EXTSCHED_HTTP_CONNECT] = "connect",
		[EXTSCHED_HTTP_TIMEOUT] = "timeout",
		[EXTSCHED_HTTP_TOO_LARGE] = "too_large",
		[EXTSCHED_HTTP_NOT_BUILT] = "not_built",
	};

	return names[outcome];
}

/*
 * http_call(url, body, timeout_ms, connect_timeout_ms, max_response_bytes):
 * "outcome|status|bytes|retry_after|error".
 */
PG_FUNCTION_INFO_V1(http_call);
Datum
http_call(PG_FUNCTION_ARGS)
{
	ExtschedHttpCall call = make_call(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									  text_to_cstring(PG_GETARG_TEXT_PP(1)), PG_GETARG_INT32(2));
	ExtschedHttp *http = extsched_http_create(CurrentMemoryContext, 4);
	ExtschedHttpReply reply;
	StringInfoData out;

	call.connect_timeout_ms = PG_GETARG_INT32(3);
	extsched_http_set_limits(http, 4, PG_GETARG_INT32(4));
	initStringInfo(&out);
	if (!extsched_http_start(http, &call))
		elog(ERROR, "could not start");
	while (!extsched_http_next_done(http, &reply))
		wait_and_poll(http);
	appendStringInfo(&out, "%s|%d|%zu|%s|%s", outcome_name(reply.outcome), reply.http_status,
					 reply.body_len, reply.retry_after ? reply.retry_after : "",
					 reply.error ? reply.error : "");
	extsched_http_destroy(http);
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

/*
 * http_bench(url, body, requests, connections):
 * "replied others requests/s cpu_us_per_request peak_kb".
 */
PG_FUNCTION_INFO_V1(http_bench);
Datum
http_bench(PG_FUNCTION_ARGS)
{
	ExtschedHttpCall call = make_call(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									  text_to_cstring(PG_GETARG_TEXT_PP(1)), 30000);
	int			total = PG_GETARG_INT32(2);
	int			connections = PG_GETARG_INT32(3);
	ExtschedHttp *http = extsched_http_create(CurrentMemoryContext, connections);
	ExtschedHttpReply reply;
	struct rusage before;
	struct rusage after;
	int64		start_us = extsched_clock_monotonic_us();
	int			started = 0;
	int			replied = 0;
	int			others = 0;
	double		elapsed_us;
	double		cpu_us;

	getrusage(RUSAGE_SELF, &before);
	while (replied + others < total)
	{
		while (started < total && extsched_http_start(http, &call))
			started++;
		wait_and_poll(http);
		while (extsched_http_next_done(http, &reply))
		{
			if (reply.outcome == EXTSCHED_HTTP_REPLIED && reply.http_status == 200)
				replied++;
			else
				others++;
		}
	}
	getrusage(RUSAGE_SELF, &after);
	elapsed_us = extsched_clock_monotonic_us() - start_us;
	cpu_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1e6 +
		(after.ru_utime.tv_usec - before.ru_utime.tv_usec) +
		(after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1e6 +
		(after.ru_stime.tv_usec - before.ru_stime.tv_usec);
	extsched_http_destroy(http);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d %d %.0f %.1f %ld", replied, others,
											  total / elapsed_us * 1e6, cpu_us / total,
											  after.ru_maxrss)));
}

#define SOCKETS_MAX 65536

/* The sockets this process has had, by inode, and how many it has now. */
typedef struct Sockets
{
	long		seen[SOCKETS_MAX];
	int			n_seen;
	int			n_open;
} Sockets;

static void
look_at_sockets(Sockets *sockets)
{
	DIR		   *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (dir == NULL)
		elog(ERROR, "could not open /proc/self/fd: %m");
	sockets->n_open = 0;
	while ((entry = readdir(dir)) != NULL)
	{
		char		target[64];
		ssize_t		len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		long		inode;
		int			i = 0;

		target[Max(len, 0)] = '\0';
		if (sscanf(target, "socket:[%ld]", &inode) != 1)
			continue;
		sockets->n_open++;
		while (i < sockets->n_seen && sockets->seen[i] != inode)
			i++;
		if (i == sockets->n_seen && i < SOCKETS_MAX)
			sockets->seen[sockets->n_seen++] = inode;
	}
	closedir(dir);
}

/*
 * http_waves(urls text[], body, size, waves, max_in_flight, later_max):
 * waves of so many requests, each to the next of the URLs, when the one before
 * is over; "replied connections most".  Most is what was open at once.  After
 * half of the waves the limit becomes another.
 */
PG_FUNCTION_INFO_V1(http_waves);
Datum
http_waves(PG_FUNCTION_ARGS)
{
	ExtschedHttpCall call = make_call(NULL, text_to_cstring(PG_GETARG_TEXT_PP(1)), 30000);
	int			size = PG_GETARG_INT32(2);
	int			waves = PG_GETARG_INT32(3);
	ExtschedHttp *http = extsched_http_create(CurrentMemoryContext, PG_GETARG_INT32(4));
	Sockets    *sockets = palloc0(sizeof(Sockets));
	ExtschedHttpReply reply;
	Datum	   *urls;
	int			n_urls;
	int			others;
	int			replied = 0;
	int			most = 0;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &urls, NULL, &n_urls);
	look_at_sockets(sockets);
	others = sockets->n_open;
	for (int wave = 0; wave < waves; wave++)
	{
		int			started = 0;
		int			done = 0;

		call.url = TextDatumGetCString(urls[wave % n_urls]);
		if (wave == waves / 2)
			extsched_http_set_limits(http, PG_GETARG_INT32(5), 256 * 1024);
		while (done < size)
		{
			while (started < size && extsched_http_start(http, &call))
				started++;
			wait_and_poll(http);
			look_at_sockets(sockets);
			most = Max(most, sockets->n_open - others);
			while (extsched_http_next_done(http, &reply))
			{
				done++;
				replied += reply.outcome == EXTSCHED_HTTP_REPLIED && reply.http_status == 200;
			}
		}
	}
	extsched_http_destroy(http);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d %d %d", replied, sockets->n_seen - others, most)));
}
