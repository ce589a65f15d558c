/*-------------------------------------------------------------------------
 *
 * sockets.h
 *		The sockets of libcurl in an epoll set.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_SOCKETS_H
#define EXTSCHED_SOCKETS_H

#include <curl/curl.h>

struct ExtschedSocket;

typedef struct ExtschedSockets
{
	int			epoll_fd;		/* -1: none */
	int			n;
	struct ExtschedSocket *by_fd;	/* from malloc() */
} ExtschedSockets;

/* A socket on which something happened, and what, in the words of libcurl. */
typedef struct ExtschedReadySocket
{
	curl_socket_t fd;
	int			action;
} ExtschedReadySocket;

extern bool extsched_sockets_init(ExtschedSockets *sockets);
extern void extsched_sockets_release(ExtschedSockets *sockets);

/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION */
extern curl_socket_t extsched_sockets_open(void *sockets, curlsocktype purpose,
										   struct curl_sockaddr *address);
extern int	extsched_sockets_close(void *sockets, curl_socket_t fd);

extern int	extsched_sockets_watch(ExtschedSockets *sockets, curl_socket_t fd,
								   int what, bool was_watched);
extern int	extsched_sockets_ready(ExtschedSockets *sockets,
								   ExtschedReadySocket *ready, int max);

#endif							/* EXTSCHED_SOCKETS_H */
