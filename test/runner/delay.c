/*-------------------------------------------------------------------------
 *
 * delay.c
 *		Connections that wait without holding a thread.
 *
 * A benchmark lets ten thousand requests hang, so a waiting request must cost
 * nothing but its memory.  The HTTP library suspends the connection; one
 * thread here keeps a heap of deadlines, and an epoll set of the suspended
 * sockets, because the library does not look at a suspended one: without it
 * the sockets of clients that gave up would stay open until we run out.
 *
 * Only this thread takes a connection out of the heap.  A connection in the
 * heap is suspended, and a suspended one is never freed by the library, so
 * what epoll reports is always alive.
 *
 * Locking: lock guards every static variable below (happened is atomic, and
 * awaited is read without it) and, of a Delay, all fields while it is in the
 * heap.  MHD_suspend_connection() and MHD_resume_connection() are called with
 * it held; they take only the library's own locks.
 *
 *-------------------------------------------------------------------------
 */
#include "delay.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_AT_ONCE	256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;
static bool is_running = false;
static bool is_stopping = false;
static int	epoll_fd = -1;
static int	kick_fd = -1;

static Delay **heap = NULL;
static int	heap_used = 0;
static int	heap_size = 0;

/* How often each event has happened, and the smallest count that a connection
 * waits for; 0 when none does. */
static uint64_t happened[DELAY_EVENTS];
static uint64_t awaited[DELAY_EVENTS];

int64_t
delay_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
place(int at, Delay *delay)
{
	heap[at] = delay;
	delay->heap_at = at;
}

/* Put a delay where it belongs, starting from a free place. */
static void
sift(int at, Delay *delay)
{
	while (at > 0 && heap[(at - 1) / 2]->deadline_us > delay->deadline_us)
	{
		place(at, heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;)
	{
		int			child = 2 * at + 1;

		if (child + 1 < heap_used && heap[child + 1]->deadline_us < heap[child]->deadline_us)
			child++;
		if (child >= heap_used || heap[child]->deadline_us >= delay->deadline_us)
			break;
		place(at, heap[child]);
		at = child;
	}
	place(at, delay);
}

static void
kick(void)
{
	uint64_t	one = 1;

	if (write(kick_fd, &one, sizeof(one)) < 0)
		return;					/* full: the thread is awake anyway */
}

/* Take a connection out of the heap and let the library go on with it. */
static void
release(Delay *delay, bool is_gone)
{
	int			at = delay->heap_at;
	Delay	   *last = heap[--heap_used];

	delay->heap_at = -1;
	delay->is_gone = is_gone;
	if (at < heap_used)
		sift(at, last);
	(void) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, delay->fd, NULL);
	MHD_resume_connection(delay->connection);
}

/* End the waits for an event that has happened so often; find the next count. */
static void
release_waiters(DelayEvent event)
{
	if (awaited[event] == 0 || happened[event] < awaited[event])
		return;
	awaited[event] = 0;
	for (int i = 0; i < heap_used; i++)
	{
		Delay	   *delay = heap[i];

		if (delay->event != event)
			continue;
		if (delay->count <= happened[event])
		{
			release(delay, false);
			i = -1;				/* the heap has another order now */
			awaited[event] = 0;
		}
		else if (awaited[event] == 0 || delay->count < awaited[event])
			awaited[event] = delay->count;
	}
}

static void *
run(void *arg)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	bool		is_done = false;

	(void) arg;
	while (!is_done)
	{
		struct timespec timeout = {0, 0};
		bool		has_timeout = false;
		int			count;

		pthread_mutex_lock(&lock);
		if (heap_used > 0 && heap[0]->deadline_us != DELAY_FOREVER)
		{
			int64_t		left = heap[0]->deadline_us - delay_clock_us();

			has_timeout = true;
			if (left > 0)
			{
				timeout.tv_sec = left / 1000000;
				timeout.tv_nsec = left % 1000000 * 1000;
			}
		}
		pthread_mutex_unlock(&lock);

		count = epoll_pwait2(epoll_fd, events, EVENTS_AT_ONCE, has_timeout ? &timeout : NULL, NULL);
		if (count < 0 && errno != EINTR)
			abort();

		pthread_mutex_lock(&lock);
		for (int i = 0; i < count; i++)
		{
			Delay	   *delay = events[i].data.ptr;
			uint64_t	ignored;

			if (delay != NULL)
				release(delay, true);
			else if (read(kick_fd, &ignored, sizeof(ignored)) < 0)
				continue;
		}
		for (int event = DELAY_NO_EVENT + 1; event < DELAY_EVENTS; event++)
			release_waiters((DelayEvent) event);
		while (heap_used > 0 && (is_stopping || heap[0]->deadline_us <= delay_clock_us()))
			release(heap[0], is_stopping);
		is_done = is_stopping;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/*
 * delay_until
 *		Let a connection wait, also for an event to have happened count times.
 *
 * Its handler is called again afterwards.  To be called from the connection's
 * own handler.  is_gone of the delay tells then whether the client left.  False
 * while the server is stopping: nothing was suspended.
 */
bool
delay_until(Delay *delay, struct MHD_Connection *connection, int64_t delay_us,
			DelayEvent event, uint64_t count)
{
	struct epoll_event watched = {.events = EPOLLRDHUP, .data.ptr = delay};
	bool		is_first;

	pthread_mutex_lock(&lock);
	if (is_stopping)
	{
		pthread_mutex_unlock(&lock);
		return false;
	}
	if (heap_used == heap_size)
	{
		heap_size = heap_size * 2 + 1024;
		heap = realloc(heap, heap_size * sizeof(*heap));
		if (heap == NULL)
			abort();
	}
	delay->connection = connection;
	delay->deadline_us =
		delay_us == DELAY_FOREVER ? DELAY_FOREVER : delay_clock_us() + delay_us;
	delay->event = event;
	delay->count = count;
	delay->is_gone = false;
	delay->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	if (event != DELAY_NO_EVENT && (awaited[event] == 0 || count < awaited[event]))
		__atomic_store_n(&awaited[event], count, __ATOMIC_SEQ_CST);

	MHD_suspend_connection(connection);
	heap_used++;
	sift(heap_used - 1, delay);
	(void) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, delay->fd, &watched);
	is_first = delay->heap_at == 0 ||
		(event != DELAY_NO_EVENT && count <= __atomic_load_n(&happened[event], __ATOMIC_SEQ_CST));
	pthread_mutex_unlock(&lock);
	if (is_first)
		kick();
	return true;
}

/* Let a connection wait for a time. */
bool
delay_suspend(Delay *delay, struct MHD_Connection *connection, int64_t delay_us)
{
	return delay_until(delay, connection, delay_us, DELAY_NO_EVENT, 0);
}

/* Tell how often an event has happened, for connections that wait for it. */
void
delay_happened(DelayEvent event, uint64_t count)
{
	uint64_t	threshold;

	/* in this order: delay_until() stores and loads the other way round */
	__atomic_store_n(&happened[event], count, __ATOMIC_SEQ_CST);
	threshold = __atomic_load_n(&awaited[event], __ATOMIC_SEQ_CST);
	if (threshold != 0 && count >= threshold)
		kick();
}

bool
delay_start(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (epoll_fd < 0 || kick_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, kick_fd, &event) != 0)
		return false;
	is_running = pthread_create(&thread, NULL, run, NULL) == 0;
	return is_running;
}

/* Release every waiting connection, as if its client had left. */
void
delay_stop(void)
{
	if (!is_running)
		return;
	pthread_mutex_lock(&lock);
	is_stopping = true;
	pthread_mutex_unlock(&lock);
	kick();
	pthread_join(thread, NULL);
	free(heap);
	close(epoll_fd);
	close(kick_fd);
	is_running = false;
}
