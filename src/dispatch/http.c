/*-------------------------------------------------------------------------
 *
 * http.c
 *		Many HTTP requests at once, on one epoll descriptor.
 *
 * One process has hundreds of requests in flight, and must at the same time
 * listen to its latch.  So libcurl's multi interface tells us which sockets it
 * waits for, we keep them in an epoll set (sockets.c), and that set is one
 * descriptor in the WaitEventSet of the loop.  curl_multi_poll() would have
 * been simpler, but knows no latch and costs more the more sockets there are.
 *
 * What we do not control is the other side.  A Runner may be silent, endless,
 * redirecting or broken; none of that may cost more than the memory of the
 * response cap and the time of the deadline.  What is sent is fixed: POST over
 * HTTP/1.1, the caller's headers and no others that can be left out, no proxy,
 * cookies, netrc or compression, whatever the environment says.
 *
 * Easy handles are pooled.  Options that never change are set once, and those
 * of a call are all overwritten by the next, which spares curl_easy_reset()
 * and a dozen options for each request.  Connections are libcurl's, in pools
 * (connections.c).
 *
 * No error is raised inside of a callback of libcurl, so memory that callbacks
 * need comes from malloc().  Everything that PostgreSQL does not know of is
 * released when the memory context of the ExtschedHttp goes.
 *
 * libcurl resolves names in threads.  A signal of the server handled in one of
 * them would run its handler beside the main thread, so threads are only ever
 * made (in poll()) while all signals are blocked, which they inherit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>
#include <signal.h>

#include "lib/ilist.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "dispatch/connections.h"
#include "dispatch/http.h"
#include "dispatch/sockets.h"

#define MAX_HEADERS			20
#define SOCKETS_PER_POLL	128
#define KEPT_BUFFER_BYTES	(64 * 1024) /* larger ones are freed after use */
#define RETRY_AFTER_BYTES	64

/*
 * Lines that libcurl would send by itself.  A name without a value takes it
 * out.
 */
static const char *const removed_headers[] = {"Accept:", "Expect:"};

/* One request and its reply.  On exactly one of the lists of ExtschedHttp. */
typedef struct HttpHandle
{
	dlist_node	node;
	ExtschedHttp *http;
	CURL	   *easy;
	ExtschedPool *pool;			/* while running */
	uint32		trust;			/* that of the engine when options were set */
	void	   *owner;
	int64		started_us;
	int64		elapsed_us;
	int			timeout_ms;
	CURLcode	result;
	int			http_status;

	/* the request, owned by http->context */
	char	   *sent;
	size_t		sent_size;
	struct curl_slist headers[MAX_HEADERS];

	/* the reply; received is from malloc() */
	char	   *received;
	size_t		received_size;
	size_t		received_len;
	bool		is_too_large;
	bool		is_out_of_memory;
	char		retry_after[RETRY_AFTER_BYTES];
	char		error[256];
} HttpHandle;

struct ExtschedHttp
{
	MemoryContext context;
	MemoryContextCallback on_reset;
	CURLM	   *multi;
	ExtschedSockets sockets;
	int64		timer_us;		/* when libcurl wants to be called; -1: never */
	ExtschedConnections connections;
	int			n_in_flight;
	size_t		max_response_bytes;
	char		ca_file[MAXPGPATH]; /* empty: the system's authorities */
	uint32		trust;			/* counts the changes of ca_file */
	dlist_head	idle;
	dlist_head	running;
	dlist_head	done;
	HttpHandle *taken;			/* behind the reply handed out last */
};

/*
 * Callback of libcurl: a part of the body came.  Keeps up to the cap; returning
 * less than it was given aborts the transfer.
 */
static size_t
receive_body(char *data, size_t size, size_t n, void *arg)
{
	HttpHandle *handle = arg;
	size_t		cap = handle->http->max_response_bytes;
	size_t		len = size * n;
	size_t		room = cap > handle->received_len ? cap - handle->received_len : 0;
	size_t		kept = Min(len, room);

	if (handle->received_len + kept >= handle->received_size)
	{
		size_t		wanted = Max(handle->received_len + kept + 1,
								 Min(handle->received_size * 2, cap + 1));
		char	   *larger = realloc(handle->received, wanted);

		if (larger == NULL)
		{
			handle->is_out_of_memory = true;
			return 0;
		}
		handle->received = larger;
		handle->received_size = wanted;
	}
	memcpy(handle->received + handle->received_len, data, kept);
	handle->received_len += kept;
	if (kept < len)
	{
		handle->is_too_large = true;
		return 0;
	}
	return len;
}

/*
 * Callback of libcurl: a header line came, with its line end and not
 * terminated.  Only Retry-After is kept, of the last status line.
 */
static size_t
receive_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "retry-after:";
	HttpHandle *handle = arg;
	size_t		len = size * n;
	size_t		start = sizeof(name) - 1;
	size_t		end = len;

	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		handle->retry_after[0] = '\0';
	if (len < start || pg_strncasecmp(data, name, start) != 0)
		return len;
	while (start < end && (data[start] == ' ' || data[start] == '\t'))
		start++;
	while (end > start && (unsigned char) data[end - 1] <= ' ')
		end--;
	if (end - start < RETRY_AFTER_BYTES)
	{
		memcpy(handle->retry_after, data + start, end - start);
		handle->retry_after[end - start] = '\0';
	}
	return len;
}

/* Callback of libcurl: which events of a socket it waits for. */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *is_watched)
{
	ExtschedHttp *http = arg;

	if (what != CURL_POLL_REMOVE && is_watched == NULL)
		(void) curl_multi_assign(http->multi, fd, http);
	return extsched_sockets_watch(&http->sockets, fd, what, is_watched != NULL);
}

/* Callback of libcurl: when it wants to be called, whatever sockets do. */
static int
set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	ExtschedHttp *http = arg;

	http->timer_us = timeout_ms < 0 ? -1 :
		extsched_clock_monotonic_us() + (int64) timeout_ms * 1000;
	return 0;
}

static void
free_handle(HttpHandle *handle)
{
	if (handle->easy)
	{
		(void) curl_multi_remove_handle(handle->http->multi, handle->easy);
		curl_easy_cleanup(handle->easy);
	}
	free(handle->received);
}

static void
free_handles(dlist_head *list)
{
	dlist_iter	iter;

	dlist_foreach(iter, list)
		free_handle(dlist_container(HttpHandle, node, iter.cur));
}

/*
 * Reset callback: release what the server does not know of.  What was not
 * acquired yet is zero (the epoll set: -1), which is harmless.
 */
static void
release_http(void *arg)
{
	ExtschedHttp *http = arg;

	if (http->taken)
		free_handle(http->taken);
	free_handles(&http->idle);
	free_handles(&http->running);
	free_handles(&http->done);
	extsched_connections_release(&http->connections);
	if (http->multi)
		(void) curl_multi_cleanup(http->multi);
	extsched_sockets_release(&http->sockets);
}

/*
 * extsched_http_create
 *		Make an engine without requests.
 *
 * It lives in a context of its own under parent, and everything it holds goes
 * with that.  Raises 53000 when the system refuses, and is meant for one
 * engine per process.  Limits: extsched_http_set_limits().
 */
ExtschedHttp *
extsched_http_create(MemoryContext parent, int max_in_flight)
{
	static bool is_initialized = false;
	MemoryContext context = AllocSetContextCreate(parent, "extsched http",
												  ALLOCSET_DEFAULT_SIZES);
	ExtschedHttp *http = MemoryContextAllocZero(context, sizeof(*http));

	http->context = context;
	http->sockets.epoll_fd = -1;
	extsched_connections_init(&http->connections, context);
	http->timer_us = -1;
	dlist_init(&http->idle);
	dlist_init(&http->running);
	dlist_init(&http->done);
	http->on_reset.func = release_http;
	http->on_reset.arg = http;
	MemoryContextRegisterResetCallback(context, &http->on_reset);

	if (!is_initialized)
	{
		if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
			ereport(ERROR,
					errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					errmsg("could not initialize libcurl"));
		is_initialized = true;
	}
	if (!extsched_sockets_init(&http->sockets))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("could not create an epoll descriptor: %m"));
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		ereport(ERROR,
				errcode(ERRCODE_OUT_OF_MEMORY),
				errmsg("could not create a libcurl multi handle"));

	(void) curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	(void) curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	(void) curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void) curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	(void) curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	extsched_http_set_limits(http, max_in_flight, 256 * 1024);
	return http;
}

/* Abort what is in flight and free everything. */
void
extsched_http_destroy(ExtschedHttp *http)
{
	MemoryContextDelete(http->context);
}

/*
 * extsched_http_trust
 *		Name the file of certificate authorities; empty: those of the system.
 *
 * For requests that start from now on.  A file that cannot be read fails each
 * of them, since nothing else is trusted then.
 */
void
extsched_http_trust(ExtschedHttp *http, const char *ca_file)
{
	if (strcmp(http->ca_file, ca_file) == 0)
		return;
	strlcpy(http->ca_file, ca_file, sizeof(http->ca_file));
	http->trust++;
}

/*
 * extsched_http_set_limits
 *		Change how much may be in flight, and the largest reply.
 *
 * Requests in flight go on; replies under way are held to the new cap.
 */
void
extsched_http_set_limits(ExtschedHttp *http, int max_in_flight,
						 size_t max_response_bytes)
{
	long		capacity;

	http->max_response_bytes = max_response_bytes;
	extsched_connections_set_limit(&http->connections, max_in_flight);

	/* of the multi handle's own cache; the pools do not come to it */
	capacity = Max(extsched_http_capacity(http), 1);
	(void) curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, capacity);
	(void) curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, capacity);
}

/* Requests that may be in flight: the setting, or fewer for lack of descriptors. */
int
extsched_http_capacity(const ExtschedHttp *http)
{
	return http->connections.capacity;
}

/* Requests that were started and whose reply has not been taken. */
int
extsched_http_in_flight(const ExtschedHttp *http)
{
	return http->n_in_flight;
}

/* The descriptor to wait for; readable when poll() has something to do. */
int
extsched_http_fd(const ExtschedHttp *http)
{
	return http->sockets.epoll_fd;
}

/* How long poll() may be put off: milliseconds, 0 for not at all, -1 for ever. */
long
extsched_http_timeout_ms(const ExtschedHttp *http)
{
	int64		left_us;

	if (!dlist_is_empty(unconstify(dlist_head *, &http->done)))
		return 0;
	if (http->timer_us < 0)
		return -1;
	left_us = http->timer_us - extsched_clock_monotonic_us();
	return left_us <= 0 ? 0 : (long) ((left_us + 999) / 1000);
}

/* Set the options that hold for every request. */
static bool
set_fixed_options(HttpHandle *handle)
{
	CURL	   *easy = handle->easy;
	bool		is_set = true;

#define SET(option, value) \
	(is_set = is_set && curl_easy_setopt(easy, option, value) == CURLE_OK)

	SET(CURLOPT_PRIVATE, handle);
	SET(CURLOPT_WRITEFUNCTION, receive_body);
	SET(CURLOPT_WRITEDATA, handle);
	SET(CURLOPT_HEADERFUNCTION, receive_header);
	SET(CURLOPT_HEADERDATA, handle);
	SET(CURLOPT_OPENSOCKETFUNCTION, extsched_sockets_open);
	SET(CURLOPT_OPENSOCKETDATA, &handle->http->sockets);
	SET(CURLOPT_CLOSESOCKETFUNCTION, extsched_sockets_close);
	SET(CURLOPT_CLOSESOCKETDATA, &handle->http->sockets);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (handle->http->ca_file[0] != '\0')
	{
		SET(CURLOPT_CAINFO, handle->http->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	SET(CURLOPT_TCP_NODELAY, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#undef SET
	return is_set;
}

/* A handle from the pool, or a new one; NULL when there is no memory. */
static HttpHandle *
get_handle(ExtschedHttp *http)
{
	HttpHandle *handle;

	if (!dlist_is_empty(&http->idle))
	{
		handle = dlist_container(HttpHandle, node, dlist_pop_head_node(&http->idle));
		if (handle->trust == http->trust)
			return handle;

		/* The system's authorities come back by a reset alone. */
		curl_easy_reset(handle->easy);
		handle->trust = http->trust;
		if (set_fixed_options(handle))
			return handle;
		free_handle(handle);
		pfree(handle);
		return NULL;
	}

	handle = MemoryContextAllocExtended(http->context, sizeof(*handle),
										MCXT_ALLOC_ZERO | MCXT_ALLOC_NO_OOM);
	if (handle == NULL)
		return NULL;
	handle->http = http;
	handle->trust = http->trust;
	handle->easy = curl_easy_init();
	if (handle->easy == NULL || !set_fixed_options(handle))
	{
		free_handle(handle);
		pfree(handle);
		return NULL;
	}
	return handle;
}

/* Back to the pool; what is large is not kept for the next request. */
static void
put_handle(HttpHandle *handle)
{
	if (handle->sent_size > KEPT_BUFFER_BYTES)
	{
		pfree(handle->sent);
		handle->sent = NULL;
		handle->sent_size = 0;
	}
	if (handle->received_size > KEPT_BUFFER_BYTES)
	{
		free(handle->received);
		handle->received = NULL;
		handle->received_size = 0;
	}
	dlist_push_head(&handle->http->idle, &handle->node);
}

/* The reply handed out last is no longer looked at. */
static void
put_taken(ExtschedHttp *http)
{
	if (http->taken)
	{
		put_handle(http->taken);
		http->taken = NULL;
	}
}

/* Let a request use the connections of a pool for its URL. */
static bool
enter_pool(HttpHandle *handle, const char *url)
{
	handle->pool = extsched_connections_enter(&handle->http->connections, url,
											  handle->started_us);
	return curl_easy_setopt(handle->easy, CURLOPT_SHARE, handle->pool->cache) == CURLE_OK;
}

static void
leave_pool(HttpHandle *handle)
{
	if (handle->pool == NULL)
		return;
	(void) curl_easy_setopt(handle->easy, CURLOPT_SHARE, NULL);
	extsched_connections_leave(handle->pool);
	handle->pool = NULL;
}

/*
 * Copy the call into the handle: headers, then the body.  The list is made of
 * nodes of our own, since libcurl only reads it.
 */
static bool
copy_call(HttpHandle *handle, const ExtschedHttpCall *call)
{
	const char *line;
	size_t		headers_len = 0;
	size_t		needed;
	int			n = 0;

	if (call->n_headers + lengthof(removed_headers) > MAX_HEADERS)
		return false;
	for (int i = 0; i < call->n_headers; i++)
		headers_len += strlen(call->headers + headers_len) + 1;
	needed = headers_len + call->body_len + 1;
	if (needed > handle->sent_size)
	{
		if (handle->sent)
			pfree(handle->sent);
		handle->sent_size = 0;
		handle->sent = MemoryContextAllocExtended(handle->http->context, needed,
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
		if (handle->sent == NULL)
			return false;
		handle->sent_size = needed;
	}
	memcpy(handle->sent, call->headers, headers_len);
	memcpy(handle->sent + headers_len, call->body, call->body_len);

	for (line = handle->sent; n < call->n_headers; line += strlen(line) + 1)
		handle->headers[n++].data = unconstify(char *, line);
	for (int i = 0; i < lengthof(removed_headers); i++)
		handle->headers[n++].data = unconstify(char *, removed_headers[i]);
	for (int i = 0; i < n; i++)
		handle->headers[i].next = i + 1 < n ? &handle->headers[i + 1] : NULL;

	return curl_easy_setopt(handle->easy, CURLOPT_URL, call->url) == CURLE_OK &&
		curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, handle->headers) == CURLE_OK &&
		curl_easy_setopt(handle->easy, CURLOPT_POSTFIELDSIZE_LARGE,
						 (curl_off_t) call->body_len) == CURLE_OK &&
		curl_easy_setopt(handle->easy, CURLOPT_POSTFIELDS,
						 handle->sent + headers_len) == CURLE_OK &&
		curl_easy_setopt(handle->easy, CURLOPT_TIMEOUT_MS,
						 (long) call->timeout_ms) == CURLE_OK &&
		curl_easy_setopt(handle->easy, CURLOPT_CONNECTTIMEOUT_MS,
						 (long) (call->connect_timeout_ms > 0 ? call->connect_timeout_ms :
								 call->timeout_ms)) == CURLE_OK;
}

/*
 * extsched_http_start
 *		Queue a request; the next poll() sends it.
 *
 * Everything in call is copied.  Returns false when extsched_http_capacity()
 * requests are in flight or memory is short: try again later.  Raises no error.
 */
bool
extsched_http_start(ExtschedHttp *http, const ExtschedHttpCall *call)
{
	HttpHandle *handle;

	put_taken(http);
	if (http->n_in_flight >= extsched_http_capacity(http))
		return false;
	handle = get_handle(http);
	if (handle == NULL)
		return false;
	handle->owner = call->owner;
	handle->timeout_ms = call->timeout_ms;
	handle->received_len = 0;
	handle->is_too_large = false;
	handle->is_out_of_memory = false;
	handle->retry_after[0] = '\0';
	handle->error[0] = '\0';
	handle->started_us = extsched_clock_monotonic_us();
	if (!copy_call(handle, call) || !enter_pool(handle, call->url) ||
		curl_multi_add_handle(http->multi, handle->easy) != CURLM_OK)
	{
		leave_pool(handle);
		put_handle(handle);
		return false;
	}
	dlist_push_tail(&http->running, &handle->node);
	http->n_in_flight++;
	return true;
}

/* libcurl is through with a handle: keep its result. */
static void
finish_handle(ExtschedHttp *http, CURL *easy, CURLcode result)
{
	HttpHandle *handle = NULL;
	long		status = 0;

	(void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &handle);
	(void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	handle->result = result;
	handle->http_status = (int) status;
	handle->elapsed_us = extsched_clock_monotonic_us() - handle->started_us;
	(void) curl_multi_remove_handle(http->multi, easy);
	leave_pool(handle);
	dlist_delete(&handle->node);
	dlist_push_tail(&http->done, &handle->node);
}

/*
 * extsched_http_poll
 *		Send and receive what can be without waiting.
 *
 * Raises no error.
 */
void
extsched_http_poll(ExtschedHttp *http)
{
	ExtschedReadySocket ready[SOCKETS_PER_POLL];
	CURLMsg    *message;
	sigset_t	all;
	sigset_t	before;
	int			ignored;
	int			n;

	put_taken(http);
	sigfillset(&all);
	(void) pthread_sigmask(SIG_SETMASK, &all, &before);
	n = extsched_sockets_ready(&http->sockets, ready, lengthof(ready));
	for (int i = 0; i < n; i++)
		(void) curl_multi_socket_action(http->multi, ready[i].fd, ready[i].action, &ignored);
	if (http->timer_us >= 0 && http->timer_us <= extsched_clock_monotonic_us())
	{
		http->timer_us = -1;
		(void) curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &ignored);
	}
	while ((message = curl_multi_info_read(http->multi, &ignored)) != NULL)
	{
		if (message->msg == CURLMSG_DONE)
			finish_handle(http, message->easy_handle, message->data.result);
	}
	(void) pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * What libcurl's verdict means for us.  Its own texts name hosts and ports,
 * which are not the tenant's business, so the reason is put in words of ours.
 */
static ExtschedHttpOutcome
classify(HttpHandle *handle)
{
	long		request_size = 0;
	long		os_error = 0;
	double		connected_s = 0;

	(void) curl_easy_getinfo(handle->easy, CURLINFO_REQUEST_SIZE, &request_size);
	(void) curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &os_error);
	(void) curl_easy_getinfo(handle->easy, CURLINFO_PRETRANSFER_TIME, &connected_s);

	switch (handle->result)
	{
		case CURLE_OK:
			return EXTSCHED_HTTP_REPLIED;
		case CURLE_OPERATION_TIMEDOUT:
			if (connected_s == 0 && handle->elapsed_us < (int64) handle->timeout_ms * 1000)
			{
				strlcpy(handle->error, "could not connect in time", sizeof(handle->error));
				return EXTSCHED_HTTP_CONNECT;
			}
			snprintf(handle->error, sizeof(handle->error), "no complete reply within %d ms",
					 handle->timeout_ms);
			return EXTSCHED_HTTP_TIMEOUT;
		case CURLE_WRITE_ERROR:
			if (handle->is_too_large)
			{
				snprintf(handle->error, sizeof(handle->error), "reply is larger than %zu bytes",
						 handle->http->max_response_bytes);
				return EXTSCHED_HTTP_TOO_LARGE;
			}
			break;
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_URL_MALFORMAT:
			if (request_size == 0)
			{
				strlcpy(handle->error, "the Runner's base URL cannot be used", sizeof(handle->error));
				return EXTSCHED_HTTP_NOT_BUILT;
			}
			strlcpy(handle->error, "reply is not HTTP", sizeof(handle->error));
			return EXTSCHED_HTTP_CONNECT;
		case CURLE_COULDNT_CONNECT:
			snprintf(handle->error, sizeof(handle->error), "could not connect: %s",
					 os_error ? strerror((int) os_error) : "no address answered");
			return EXTSCHED_HTTP_CONNECT;
		default:
			break;
	}
	strlcpy(handle->error, handle->is_out_of_memory ? "out of memory" : curl_easy_strerror(handle->result),
			sizeof(handle->error));
	return EXTSCHED_HTTP_CONNECT;
}

/*
 * extsched_http_next_done
 *		Take a finished transfer; false when there is none.
 *
 * What reply points to stays until the next call of next_done(), start() or
 * poll().  Raises no error.
 */
bool
extsched_http_next_done(ExtschedHttp *http, ExtschedHttpReply *reply)
{
	HttpHandle *handle;

	put_taken(http);
	if (dlist_is_empty(&http->done))
		return false;
	handle = dlist_container(HttpHandle, node, dlist_pop_head_node(&http->done));
	http->taken = handle;
	http->n_in_flight--;

	reply->owner = handle->owner;
	reply->outcome = classify(handle);
	reply->http_status = handle->http_status;
	if (handle->received)
		handle->received[handle->received_len] = '\0';
	reply->body = handle->received ? handle->received : "";
	reply->body_len = handle->received_len;
	reply->retry_after = handle->retry_after[0] ? handle->retry_after : NULL;
	reply->error = handle->error[0] ? handle->error : NULL;
	reply->elapsed_us = handle->elapsed_us;
	return true;
}
