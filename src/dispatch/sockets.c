/*-------------------------------------------------------------------------
 *
 * sockets.c
 *		The sockets of libcurl in an epoll set.
 *
 * libcurl tells for which events of a socket it waits.  It forgets the socket
 * of a connection when a reply is complete, and asks for the very same events
 * again with the next request; told at once, the epoll set would cost two
 * system calls a request.  So an idle connection stays in the set, watched for
 * input as it was, and the set is only told what has to change.
 *
 * That is safe for sockets that are opened and closed through the callbacks
 * here: a closed one has left the set by itself, and its number may come back
 * as another socket.  Those by which resolver threads report are closed behind
 * our back, and are taken out as soon as libcurl says so.
 *
 * Nothing here raises an error, since it is called by libcurl.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "dispatch/sockets.h"

#define EVENTS_MAX 128

typedef struct ExtschedSocket
{
	bool		is_ours;		/* opened by extsched_sockets_open() */
	uint32		wanted;			/* epoll events that libcurl waits for */
	uint32		watched;		/* epoll events that the set waits for */
} ExtschedSocket;

/* The record of a connection's socket, NULL for one that is not ours. */
static ExtschedSocket *
find_socket(ExtschedSockets *sockets, curl_socket_t fd)
{
	return fd < sockets->n && sockets->by_fd[fd].is_ours ? &sockets->by_fd[fd] : NULL;
}

/* Make the set watch for these events of a socket, 0 for none. */
static int
change_watch(ExtschedSockets *sockets, curl_socket_t fd, uint32 before, uint32 events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(sockets->epoll_fd,
					 events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
					 fd, &event);
}

/* Make the set; false with errno set when the system refuses. */
bool
extsched_sockets_init(ExtschedSockets *sockets)
{
	sockets->n = 0;
	sockets->by_fd = NULL;
	sockets->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return sockets->epoll_fd >= 0;
}

/* Close the set, once libcurl has closed its sockets. */
void
extsched_sockets_release(ExtschedSockets *sockets)
{
	if (sockets->epoll_fd >= 0)
		(void) close(sockets->epoll_fd);
	sockets->epoll_fd = -1;
	free(sockets->by_fd);
	sockets->by_fd = NULL;
	sockets->n = 0;
}

/* Callback of libcurl: open the socket of a connection. */
curl_socket_t
extsched_sockets_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	ExtschedSockets *sockets = arg;
	curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
							  address->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (fd >= sockets->n)
	{
		int			wanted = Max(fd + 1, sockets->n * 2);
		ExtschedSocket *larger = realloc(sockets->by_fd, wanted * sizeof(ExtschedSocket));

		if (larger == NULL)
		{
			(void) close(fd);
			return CURL_SOCKET_BAD;
		}
		memset(larger + sockets->n, 0, (wanted - sockets->n) * sizeof(ExtschedSocket));
		sockets->by_fd = larger;
		sockets->n = wanted;
	}
	sockets->by_fd[fd] = (ExtschedSocket) {.is_ours = true};
	return fd;
}

/* Callback of libcurl: close it.  The set loses it by that. */
int
extsched_sockets_close(void *arg, curl_socket_t fd)
{
	ExtschedSocket *known = find_socket(arg, fd);

	if (known)
		known->is_ours = false;
	return close(fd);
}

/*
 * extsched_sockets_watch
 *		Wait for the events that libcurl names (CURL_POLL_...).
 *
 * was_watched: libcurl has asked for this socket before and not taken it back.
 * Returns 0, or -1 when the socket cannot be watched.
 */
int
extsched_sockets_watch(ExtschedSockets *sockets, curl_socket_t fd, int what,
					   bool was_watched)
{
	ExtschedSocket *known = find_socket(sockets, fd);
	uint32		events = what == CURL_POLL_REMOVE ? 0 :
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	if (known == NULL)
	{
		int			result = change_watch(sockets, fd, was_watched ? EPOLLIN : 0, events);

		return events == 0 ? 0 : result;
	}
	known->wanted = events;
	if (events == known->watched || (events == 0 && known->watched == EPOLLIN))
		return 0;
	if (change_watch(sockets, fd, known->watched, events) < 0 && events != 0)
		return -1;
	known->watched = events;
	return 0;
}

/*
 * extsched_sockets_ready
 *		Find sockets on which something has happened; does not wait.
 *
 * Fills in at most max of them and returns their number.  An event of a
 * connection that nobody uses, because its Runner closed it, takes the socket
 * out of the set; libcurl notices when it wants to use it again.
 */
int
extsched_sockets_ready(ExtschedSockets *sockets, ExtschedReadySocket *ready, int max)
{
	struct epoll_event events[EVENTS_MAX];
	int			n = epoll_wait(sockets->epoll_fd, events, Min(max, EVENTS_MAX), 0);
	int			n_ready = 0;

	for (int i = 0; i < n; i++)
	{
		curl_socket_t fd = events[i].data.fd;
		uint32		happened = events[i].events;
		ExtschedSocket *known = find_socket(sockets, fd);

		if (known && known->wanted == 0)
		{
			(void) change_watch(sockets, fd, known->watched, 0);
			known->watched = 0;
			continue;
		}
		ready[n_ready].fd = fd;
		ready[n_ready].action = (happened & EPOLLIN ? CURL_CSELECT_IN : 0) |
			(happened & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			(happened & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
		n_ready++;
	}
	return n_ready;
}
