/*-------------------------------------------------------------------------
 *
 * server.c
 *		The HTTP face of the test Runner: routes, bodies, and the order in
 *		which a request is read, recorded and answered.
 *
 * libmicrohttpd calls the handler several times for one request: with the
 * headers, with each piece of the body, and at its end, where it must be
 * answered; and once more after each suspension.  An execute request that
 * arrives in one piece is read right where the library received it.  Its plan
 * is made then, because the bytes are gone at the next call.
 *
 *-------------------------------------------------------------------------
 */
#include "server.h"

#include "delay.h"
#include "record.h"
#include "reply.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

/* The contract's limit of a request. */
#define MAX_BODY			(10 * 1024 * 1024)

#define CONNECTION_MEMORY	(8 * 1024)
#define CONNECTION_LIMIT	60000
#define LISTEN_BACKLOG		4096

typedef enum Route
{
	ROUTE_UNKNOWN,
	ROUTE_EXECUTE,
	ROUTE_STATS,
	ROUTE_ARRIVALS,
	ROUTE_LAST,
	ROUTE_LAST_BODY,
	ROUTE_COUNT,
	ROUTE_WAIT,
	ROUTE_HEALTH,
	ROUTE_RESET,
	ROUTE_FAULT
} Route;

static const struct
{
	const char *method;
	const char *path;
	Route		route;
}			routes[] = {
	{"POST", "/v1/execute", ROUTE_EXECUTE},
	{"GET", "/stats", ROUTE_STATS},
	{"GET", "/arrivals", ROUTE_ARRIVALS},
	{"GET", "/last", ROUTE_LAST},
	{"GET", "/last/body", ROUTE_LAST_BODY},
	{"GET", "/count", ROUTE_COUNT},
	{"GET", "/wait", ROUTE_WAIT},
	{"GET", "/health", ROUTE_HEALTH},
	{"POST", "/reset", ROUTE_RESET},
	{"POST", "/fault", ROUTE_FAULT},
};

/* One client connection and the request that it is in. */
typedef struct Client
{
	Delay		delay;
	struct MHD_Connection *connection;

	Route		route;
	int64_t		arrived_us;		/* real clock */
	bool		is_counted;		/* in the number of requests in flight */
	bool		is_planned;
	bool		is_waited;		/* the plan's delay is over */
	uint64_t	faults;			/* as many defaults had been set when it was planned */
	Plan		plan;

	Scratch		body;			/* pieces of a body, when there are several */
	size_t		body_len;
	bool		is_too_large;
} Client;

/* A default fault and the text that it has slices of. */
typedef struct DefaultFault
{
	struct DefaultFault *former;
	uint64_t	number;			/* from 1, in the order in which they were set */
	Fault		fault;
	char		text[];
} DefaultFault;

/* What a thread reads requests with; the same memory for one after another. */
typedef struct Workbench
{
	struct Workbench *next;
	Scratch		payload;		/* body_b64 decoded */
	Scratch		headers;		/* as they came */
} Workbench;

static DefaultFault *default_fault = NULL;	/* atomic; NULL: none */
static Workbench *workbenches = NULL;	/* atomic; of all threads */
static __thread Workbench *workbench = NULL;
static struct MHD_Daemon *daemon_ = NULL;
static const char *header_prefix;

/*
 * server_set_fault
 *		Set the fault of requests that name none; "{}" ends it.
 *
 * Requests that are held are answered.
 *
 * Returns NULL, or what is wrong with it.  Requests in progress may still read
 * the former one, so all are kept until the end: tests change it a few times.
 */
const char *
server_set_fault(const char *json)
{
	size_t		len = strlen(json);
	DefaultFault *next = calloc(1, sizeof(*next) + len + 1);
	static __thread char complaint[sizeof(next->fault.complaint)];

	if (next == NULL)
		abort();
	memcpy(next->text, json, len);
	fault_read_json(&next->fault, (Slice) {next->text, len});
	if (next->fault.complaint[0] != '\0')
	{
		memcpy(complaint, next->fault.complaint, sizeof(complaint));
		free(next);
		return complaint;
	}
	next->former = default_fault;
	do
		next->number = next->former == NULL ? 1 : next->former->number + 1;
	while (!__atomic_compare_exchange_n(&default_fault, &next->former, next, false,
										__ATOMIC_RELEASE, __ATOMIC_RELAXED));
	delay_happened(DELAY_FAULT, next->number);
	return NULL;
}

static Route
find_route(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(path, routes[i].path) == 0 && strcmp(method, routes[i].method) == 0)
			return routes[i].route;
	return ROUTE_UNKNOWN;
}

static int64_t
real_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* This thread's workbench, made at its first request. */
static Workbench *
get_workbench(void)
{
	if (workbench != NULL)
		return workbench;
	workbench = calloc(1, sizeof(*workbench));
	if (workbench == NULL)
		abort();
	workbench->next = workbenches;
	while (!__atomic_compare_exchange_n(&workbenches, &workbench->next, workbench, false,
										__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return workbench;
}

/* What take_header() fills. */
typedef struct HeaderWalk
{
	Execute    *request;
	Scratch    *raw;
	size_t		raw_len;
} HeaderWalk;

static enum MHD_Result
take_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	HeaderWalk *walk = cls;
	size_t		name_len = strlen(name) + 1;
	size_t		value_len;
	char	   *raw;

	(void) kind;
	if (value == NULL)
		value = "";
	value_len = strlen(value) + 1;
	execute_header(walk->request, header_prefix, name, value);
	raw = scratch_reserve(walk->raw, walk->raw_len + name_len + value_len) + walk->raw_len;
	memcpy(raw, name, name_len);
	memcpy(raw + name_len, value, value_len);
	walk->raw_len += name_len + value_len;
	return MHD_YES;
}

/* The word by which a fault's answer is recorded: latency only if alone. */
static uint8_t
answer_of(const Fault *fault)
{
	uint32_t	words = fault->words & ~(UINT32_C(1) << FAULT_TIMES | UINT32_C(1) << FAULT_PROBABILITY);

	if ((words & ~(UINT32_C(1) << FAULT_LATENCY_MS)) != 0)
		words &= ~(UINT32_C(1) << FAULT_LATENCY_MS);
	return words ? (uint8_t) (1 + __builtin_ctz(words)) : ANSWER_OK;
}

static void
refuse(Plan *plan, const char *why)
{
	Text		text = {NULL, 0, 0};

	reply_clear(plan);
	text_add(&text, "{\"error\":");
	text_add_json(&text, slice_of(why));
	text_add(&text, "}");
	reply_text(plan, MHD_HTTP_BAD_REQUEST, "application/json", &text);
}

/* Read an execute request, plan its answer and record it. */
static void
plan_execute(Client *client, Slice body)
{
	static const Fault none;
	Workbench  *bench = get_workbench();
	char		config_text[1024];
	const DefaultFault *otherwise = __atomic_load_n(&default_fault, __ATOMIC_ACQUIRE);
	Execute		request;
	HeaderWalk	walk = {&request, &bench->headers, 0};
	Fault		fault;
	uint8_t		answer = ANSWER_OK;

	client->faults = otherwise ? otherwise->number : 0;
	memset(&request, 0, sizeof(request));
	(void) MHD_get_connection_values(client->connection, MHD_HEADER_KIND, take_header, &walk);
	execute_read(&request, header_prefix, body, &bench->payload);

	if (request.is_malformed)
	{
		answer = ANSWER_REFUSED;
		refuse(&client->plan, request.violation);
	}
	else if (!fault_choose(&fault, &request, otherwise ? &otherwise->fault : &none,
						   config_text, sizeof(config_text)))
		reply_normal(&client->plan, &request);
	else if (reply_fault(&client->plan, &fault, &client->delay))
		answer = answer_of(&fault);
	else
	{
		answer = ANSWER_REFUSED;
		record_fault_error();
		refuse(&client->plan, fault.complaint);
	}
	record_raw(bench->headers.data, walk.raw_len, body);
	record_arrival(&request, client->arrived_us, answer);
	client->is_planned = true;
}

/* Take a piece of a request's body. */
static void
take_body(Client *client, const char *data, size_t size)
{
	if (client->route == ROUTE_EXECUTE && client->body_len == 0)
	{
		const char *length = MHD_lookup_connection_value(client->connection, MHD_HEADER_KIND,
														 MHD_HTTP_HEADER_CONTENT_LENGTH);

		if (length != NULL && strtoull(length, NULL, 10) == size)
		{
			plan_execute(client, (Slice) {data, size});
			return;
		}
	}
	if (client->body_len + size > MAX_BODY)
		client->is_too_large = true;
	if (client->is_too_large)
		return;
	memcpy(scratch_reserve(&client->body, client->body_len + size) + client->body_len, data, size);
	client->body_len += size;
}

static const char *
argument(const Client *client, const char *name)
{
	return MHD_lookup_connection_value(client->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* A time in a query: seconds since 1970, fractions allowed, or ISO 8601 UTC. */
static int64_t
time_argument(const char *text)
{
	int64_t		micros;

	if (text == NULL)
		return 0;
	if (timestamp_parse(slice_of(text), &micros))
		return micros;
	return (int64_t) (strtod(text, NULL) * 1e6);
}

static void
read_filter(const Client *client, Filter *filter)
{
	const char *offset = argument(client, "offset_s");
	const char *limit = argument(client, "limit");
	const char *trigger = argument(client, "trigger");

	memset(filter, 0, sizeof(*filter));
	filter->since_us = time_argument(argument(client, "since"));
	filter->offset_us = offset ? (int64_t) (strtod(offset, NULL) * 1e6) : 0;
	filter->tenant = argument(client, "tenant");
	filter->limit = limit ? strtoll(limit, NULL, 10) : 100;
	for (int i = TRIGGER_SCHEDULE; trigger != NULL && i < TRIGGER_COUNT; i++)
		if (strcmp(trigger, trigger_name((Trigger) i)) == 0)
			filter->trigger = (Trigger) i;
}

/*
 * Plan the answer of GET /wait?arrivals=N&timeout_ms=T: at once, or after a
 * delay that ends with the Nth arrival.  Called a second time after the delay.
 */
static void
plan_wait(Client *client)
{
	const char *arrivals = argument(client, "arrivals");
	const char *timeout = argument(client, "timeout_ms");
	uint64_t	wait_for = arrivals ? strtoull(arrivals, NULL, 10) : 0;
	int64_t		timeout_us = (timeout ? strtoll(timeout, NULL, 10) : 10000) * 1000;
	uint64_t	count = record_count();
	Text		text = {NULL, 0, 0};

	if (count < wait_for && !client->is_waited)
	{
		client->is_waited = true;
		if (delay_until(&client->delay, client->connection, timeout_us, DELAY_ARRIVAL, wait_for))
			return;
	}
	text_add(&text, "{\"arrivals\":%lu,\"reached\":%s}\n", count,
			 count >= wait_for ? "true" : "false");
	reply_text(&client->plan, MHD_HTTP_OK, "application/json", &text);
	client->is_planned = true;
}

static void
plan_set_fault(Client *client)
{
	const char *complaint;

	*(scratch_reserve(&client->body, client->body_len + 1) + client->body_len) = '\0';
	complaint = server_set_fault(client->body.data);
	if (complaint != NULL)
		refuse(&client->plan, complaint);
	else
		reply_json(&client->plan, MHD_HTTP_OK, "{}\n");
}

/* Plan the answer of a request that no body was needed for. */
static void
plan_control(Client *client)
{
	const char *type = "application/json";
	Filter		filter;
	Text		text = {NULL, 0, 0};

	client->is_planned = true;
	read_filter(client, &filter);
	switch (client->route)
	{
		case ROUTE_STATS:
			report_stats(&filter, &text);
			break;
		case ROUTE_ARRIVALS:
			report_arrivals(&filter, &text);
			break;
		case ROUTE_LAST:
			report_last(&text);
			break;
		case ROUTE_LAST_BODY:
			report_last_body(&text);
			break;
		case ROUTE_COUNT:
			text_add(&text, "%lu\n", record_count());
			type = "text/plain";
			break;
		case ROUTE_RESET:
			record_reset();
			/* FALLTHROUGH */
		case ROUTE_HEALTH:
			text_add(&text, "{}\n");
			break;
		case ROUTE_FAULT:
			plan_set_fault(client);
			return;
		case ROUTE_EXECUTE:
			plan_execute(client, (Slice) {client->body.data ? client->body.data : "",
						 client->body_len});
			return;
		case ROUTE_WAIT:
			client->is_planned = false;
			plan_wait(client);
			return;
		case ROUTE_UNKNOWN:
			reply_json(&client->plan, MHD_HTTP_NOT_FOUND, "{\"error\":\"not_found\"}\n");
			return;
	}
	reply_text(&client->plan, MHD_HTTP_OK, type, &text);
}

/* Close with a RST: unsent data are dropped and the peer sees an error. */
static void
arm_reset(struct MHD_Connection *connection)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	int			fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	(void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* Do what the plan says; the handler's result. */
static enum MHD_Result
carry_out(Client *client)
{
	Plan	   *plan = &client->plan;

	if (client->delay.is_gone)
		return MHD_NO;
	if (plan->delay_us > 0 && !client->is_waited)
	{
		client->is_waited = true;
		return delay_until(&client->delay, client->connection, plan->delay_us,
						   plan->is_held ? DELAY_FAULT : DELAY_NO_EVENT, client->faults + 1) ?
			MHD_YES : MHD_NO;
	}
	if (plan->is_reset)
	{
		arm_reset(client->connection);
		return MHD_NO;
	}
	return MHD_queue_response(client->connection, plan->http_status, plan->response);
}

static void
begin_request(Client *client, struct MHD_Connection *connection, const char *method,
			  const char *path)
{
	client->connection = connection;
	client->delay.connection = connection;
	client->delay.is_gone = false;
	client->route = find_route(method, path);
	client->arrived_us = real_clock_us();
	client->is_planned = false;
	client->is_waited = false;
	client->body_len = 0;
	client->is_too_large = false;
	client->is_counted = client->route == ROUTE_EXECUTE;
	if (client->is_counted)
		record_in_flight(1);
}

/* The library's access handler; see the head of this file. */
static enum MHD_Result
handle(void *cls, struct MHD_Connection *connection, const char *path, const char *method,
	   const char *version, const char *data, size_t *size, void **request)
{
	Client	   *client = *request;

	(void) cls;
	(void) version;
	if (client == NULL)
	{
		client = MHD_get_connection_info(connection,
										 MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
		*request = client;
		begin_request(client, connection, method, path);
		return MHD_YES;
	}
	if (*size > 0)
	{
		take_body(client, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (client->is_too_large && !client->is_planned)
	{
		reply_json(&client->plan, MHD_HTTP_CONTENT_TOO_LARGE, "{\"error\":\"too_large\"}");
		client->is_planned = true;
	}
	if (!client->is_planned)
		plan_control(client);
	if (!client->is_planned)
		return MHD_YES;			/* suspended by GET /wait */
	return carry_out(client);
}

static void
end_request(void *cls, struct MHD_Connection *connection, void **request,
			enum MHD_RequestTerminationCode why)
{
	Client	   *client = *request;

	(void) cls;
	(void) connection;
	(void) why;
	if (client == NULL)
		return;
	reply_clear(&client->plan);
	if (client->is_counted)
		record_in_flight(-1);
	client->is_counted = false;
	*request = NULL;
}

static void
notice_connection(void *cls, struct MHD_Connection *connection, void **context,
				  enum MHD_ConnectionNotificationCode what)
{
	Client	   *client;

	(void) cls;
	(void) connection;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
	{
		client = calloc(1, sizeof(*client));
		if (client == NULL)
			abort();
		client->delay.heap_at = -1;
		*context = client;
		return;
	}
	client = *context;
	free(client->body.data);
	free(client);
}

/*
 * In place of the C library's, for libmicrohttpd.  That (0.9.75) asks for 128
 * events and, having got as many, waits for more before it looks at any: with
 * 128 requests at once, or a multiple, none is read until something else
 * happens.  So it never gets as many as it asks for.
 */
int
epoll_wait(int set, struct epoll_event *events, int max, int timeout_ms)
{
	return epoll_pwait(set, events, max > 1 ? max - 1 : max, timeout_ms, NULL);
}

/*
 * server_start
 *		Listen on the loopback address.  Returns the port, 0 on failure.
 */
uint16_t
server_start(const ServerOptions *options)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(options->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	/* a pool of one is another thread that would only accept */
	unsigned	pool = options->threads > 1 ? options->threads : 0;
	const union MHD_DaemonInfo *info;

	header_prefix = options->header_prefix;
	reply_start();
	if (!delay_start())
		return 0;
	daemon_ = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO |
							   MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK,
							   options->port, NULL, NULL, handle, NULL,
							   MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address,
							   MHD_OPTION_NOTIFY_CONNECTION, notice_connection, NULL,
							   MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
							   MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY,
							   MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTION_LIMIT,
							   MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned) LISTEN_BACKLOG,
							   MHD_OPTION_THREAD_POOL_SIZE, pool,
							   MHD_OPTION_END);
	if (daemon_ == NULL)
		return 0;
	info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
	return info ? info->port : 0;
}

/* Stop at once: requests that wait are cut off. */
void
server_stop(void)
{
	delay_stop();
	if (daemon_ != NULL)
		MHD_stop_daemon(daemon_);
	reply_stop();
	while (workbenches != NULL)
	{
		Workbench  *bench = workbenches;

		workbenches = bench->next;
		free(bench->payload.data);
		free(bench->headers.data);
		free(bench);
	}
	while (default_fault != NULL)
	{
		DefaultFault *former = default_fault->former;

		free(default_fault);
		default_fault = former;
	}
}
