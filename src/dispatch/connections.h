/*-------------------------------------------------------------------------
 *
 * connections.h
 *		Connections to Runners: how many there may be, and their pools.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CONNECTIONS_H
#define EXTSCHED_CONNECTIONS_H

#include <curl/curl.h>

#include "lib/ilist.h"

typedef struct ExtschedPool
{
	dlist_node	node;
	CURLSH	   *cache;			/* for CURLOPT_SHARE; NULL: that of the multi handle */
	int			n_in_flight;
	int64		idle_since_us;	/* while nothing is in flight */
	char	   *url;			/* in the same piece of memory */
} ExtschedPool;

typedef struct ExtschedConnections
{
	MemoryContext context;
	int			capacity;		/* requests that may be in flight */
	int			own;			/* descriptors that are nobody's ... */
	int			acquired;		/* ... and those from the server's budget */
	ExtschedPool common;
	int			max_common;		/* connections it has room for */
	dlist_head	pools;			/* each of one URL */
	int			n_pools;
	int			max_pools;
} ExtschedConnections;

extern void extsched_connections_init(ExtschedConnections *connections,
									  MemoryContext context);
extern void extsched_connections_release(ExtschedConnections *connections);
extern void extsched_connections_set_limit(ExtschedConnections *connections,
										   int max_in_flight);

extern ExtschedPool *extsched_connections_enter(ExtschedConnections *connections,
												const char *url, int64 now_us);
extern void extsched_connections_leave(ExtschedPool *pool);

#endif							/* EXTSCHED_CONNECTIONS_H */
