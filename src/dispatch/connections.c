/*-------------------------------------------------------------------------
 *
 * connections.c
 *		Connections to Runners: how many there may be, and their pools.
 *
 * libcurl caches connections for later requests.  It goes through the cache
 * when a request looks for a free one, and all through it when a request is
 * over, so that one cache for all makes every request dearer the more others
 * are under way, and dearest where hundreds hang.  So there are several, each
 * for at most POOL_SIZE requests to one URL, which is one Runner.  A request goes
 * to the first pool of its URL that has room, and a pool that was idle for long
 * is closed.
 *
 * The cache of the multi handle is for requests that find no pool, because the
 * system lets us open too few files or there are too many Runners.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "dispatch/connections.h"

#define POOL_SIZE			64
#define MAX_POOLS			64

/* Pools are closed then; libcurl uses no connection that has been idle for 118 s. */
#define MAX_IDLE_US			(120 * USECS_PER_SEC)

#define SPARE_DESCRIPTORS	16	/* epoll, resolver threads, TLS files */

/* Begin without pools, and without descriptors for any. */
void
extsched_connections_init(ExtschedConnections *connections, MemoryContext context)
{
	memset(connections, 0, sizeof(*connections));
	connections->context = context;
	dlist_init(&connections->pools);
}

static void
close_pool(ExtschedConnections *connections, ExtschedPool *pool)
{
	CURLSHcode	result PG_USED_FOR_ASSERTS_ONLY;

	dlist_delete(&pool->node);
	connections->n_pools--;
	result = curl_share_cleanup(pool->cache);
	Assert(result == CURLSHE_OK);
	pfree(pool);
}

/* Close all connections, once nothing is in flight, and give everything back. */
void
extsched_connections_release(ExtschedConnections *connections)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connections->pools)
		close_pool(connections, dlist_container(ExtschedPool, node, iter.cur));
	while (connections->acquired-- > 0)
		ReleaseExternalFD();
}

/*
 * Descriptors that are nobody's, up to a number.
 *
 * The server divided those below the soft limit of the system among its files
 * when it started, but no more than max_files_per_process.  What lies above is
 * nobody's, and we raise the limit for this process as far as we are let.
 */
static int
find_descriptors(int wanted)
{
	static rlim_t server_part = 0;
	struct rlimit limit;
	rlim_t		raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (server_part == 0)
		server_part = Min(limit.rlim_cur, (rlim_t) max_files_per_process) + SPARE_DESCRIPTORS;
	raised = Min(server_part + wanted, limit.rlim_max);
	if (raised > limit.rlim_cur)
	{
		rlim_t		before = limit.rlim_cur;

		limit.rlim_cur = raised;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			limit.rlim_cur = before;
	}
	return limit.rlim_cur > server_part ? (int) Min(limit.rlim_cur - server_part, (rlim_t) wanted) : 0;
}

/*
 * Take what is missing from the server's budget; some are left there then: the
 * wait set of the loop needs one of its own.
 */
static void
acquire_descriptors(ExtschedConnections *connections, int wanted)
{
	int			missing = wanted - connections->own - connections->acquired;

	for (; missing > 0 && AcquireExternalFD(); missing--)
		connections->acquired++;
	if (missing > 0)
	{
		int			kept = Max(connections->acquired - SPARE_DESCRIPTORS, 0);

		for (; connections->acquired > kept; connections->acquired--)
			ReleaseExternalFD();
	}
}

/*
 * extsched_connections_set_limit
 *		Find descriptors for as many requests as may be in flight.
 *
 * How many there can be is connections->capacity afterwards.  Pools get what is
 * left then.
 */
void
extsched_connections_set_limit(ExtschedConnections *connections, int max_in_flight)
{
	connections->own = find_descriptors(max_in_flight + MAX_POOLS * POOL_SIZE);
	acquire_descriptors(connections, max_in_flight);
	connections->capacity = Min(max_in_flight, connections->own + connections->acquired);

	/* idle connections stay when the limit falls */
	connections->max_common = Max(connections->max_common, connections->capacity);
	connections->max_pools = Max(connections->own - connections->max_common, 0) / POOL_SIZE;
}

/* A new pool, or NULL when memory is short. */
static ExtschedPool *
open_pool(ExtschedConnections *connections, const char *url)
{
	ExtschedPool *pool = MemoryContextAllocExtended(connections->context,
													sizeof(ExtschedPool) + strlen(url) + 1,
													MCXT_ALLOC_ZERO | MCXT_ALLOC_NO_OOM);

	if (pool == NULL)
		return NULL;
	pool->url = strcpy((char *) (pool + 1), url);
	pool->cache = curl_share_init();
	if (pool->cache == NULL ||
		curl_share_setopt(pool->cache, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) != CURLSHE_OK)
	{
		if (pool->cache != NULL)
			(void) curl_share_cleanup(pool->cache);
		pfree(pool);
		return NULL;
	}
	dlist_push_tail(&connections->pools, &pool->node);
	connections->n_pools++;
	return pool;
}

/*
 * extsched_connections_enter
 *		The pool for a request to this URL, which counts in it from now on.
 *
 * The caller sees to it that no more than connections->capacity requests are in
 * flight.
 */
ExtschedPool *
extsched_connections_enter(ExtschedConnections *connections, const char *url, int64 now_us)
{
	ExtschedPool *found = NULL;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connections->pools)
	{
		ExtschedPool *pool = dlist_container(ExtschedPool, node, iter.cur);
		bool		is_surplus = connections->n_pools > connections->max_pools;

		if (pool->n_in_flight == 0 && (is_surplus || now_us - pool->idle_since_us > MAX_IDLE_US))
			close_pool(connections, pool);
		else if (found == NULL && !is_surplus && pool->n_in_flight < POOL_SIZE && strcmp(pool->url, url) == 0)
			found = pool;
	}
	if (found == NULL && connections->n_pools < connections->max_pools)
		found = open_pool(connections, url);
	if (found == NULL)
		found = &connections->common;
	found->n_in_flight++;
	return found;
}

/* A request is over, and its handle out of the pool's cache. */
void
extsched_connections_leave(ExtschedPool *pool)
{
	if (--pool->n_in_flight == 0)
		pool->idle_since_us = extsched_clock_monotonic_us();
}
