/*-------------------------------------------------------------------------
 *
 * http.h
 *		Many HTTP requests at once, on one epoll descriptor.
 *
 * The caller waits for extsched_http_fd() to become readable, at most for
 * extsched_http_timeout_ms(), beside its latch; then calls poll() and takes
 * what is done.  start() only queues: nothing is sent before the next poll().
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_HTTP_H
#define EXTSCHED_HTTP_H

typedef struct ExtschedHttp ExtschedHttp;

/* What to send.  All of it is copied by start(). */
typedef struct ExtschedHttpCall
{
	const char *url;
	const char *headers;		/* lines, each ended by '\0' ... */
	int			n_headers;		/* ... and their number */
	const char *body;			/* always sent by POST */
	size_t		body_len;
	int			timeout_ms;		/* whole transfer, connect included */
	int			connect_timeout_ms; /* 0: no bound of its own */
	void	   *owner;			/* handed back with the reply */
} ExtschedHttpCall;

/* How a transfer ended, before anybody looked at what was said. */
typedef enum ExtschedHttpOutcome
{
	EXTSCHED_HTTP_REPLIED,		/* status and whole body are there */
	EXTSCHED_HTTP_CONNECT,		/* resolve, connect, TLS, reset, cut off */
	EXTSCHED_HTTP_TIMEOUT,
	EXTSCHED_HTTP_TOO_LARGE,	/* body over the cap; body holds the cap */
	EXTSCHED_HTTP_NOT_BUILT,	/* libcurl refuses the request itself */
} ExtschedHttpOutcome;

/* A finished transfer; body, error and retry_after hold until the next call. */
typedef struct ExtschedHttpReply
{
	void	   *owner;
	ExtschedHttpOutcome outcome;
	int			http_status;	/* 0: none was received */
	const char *body;			/* as received, '\0' follows it */
	size_t		body_len;
	const char *retry_after;	/* value of the header, or NULL */
	const char *error;			/* what went wrong, or NULL; no URL in it */
	int64		elapsed_us;		/* from the first poll() after start() */
} ExtschedHttpReply;

extern ExtschedHttp *extsched_http_create(MemoryContext parent,
										  int max_in_flight);
extern void extsched_http_destroy(ExtschedHttp *http);
extern void extsched_http_set_limits(ExtschedHttp *http, int max_in_flight,
									 size_t max_response_bytes);
extern void extsched_http_trust(ExtschedHttp *http, const char *ca_file);
extern int	extsched_http_capacity(const ExtschedHttp *http);
extern int	extsched_http_in_flight(const ExtschedHttp *http);

extern int	extsched_http_fd(const ExtschedHttp *http);
extern long extsched_http_timeout_ms(const ExtschedHttp *http);

extern bool extsched_http_start(ExtschedHttp *http, const ExtschedHttpCall *call);
extern void extsched_http_poll(ExtschedHttp *http);
extern bool extsched_http_next_done(ExtschedHttp *http, ExtschedHttpReply *reply);

#endif							/* EXTSCHED_HTTP_H */
