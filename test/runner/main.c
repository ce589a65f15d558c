/*-------------------------------------------------------------------------
 *
 * main.c
 *		extsched-test-runner: a Runner for tests and benchmarks, well-behaved
 *		or not as each request asks for.  README.md is its manual.
 *
 * It must leave nothing behind when a test dies in the middle: besides SIGTERM
 * and SIGINT it can watch the process that started it (--parent-pid) or its
 * standard input (--watch-stdin) and end with that.
 *
 *-------------------------------------------------------------------------
 */
#include "record.h"
#include "server.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Options
{
	ServerOptions server;
	const char *port_file;
	const char *fault;
	size_t		max_arrivals;
	pid_t		parent_pid;
	bool		watch_stdin;
} Options;

static const char usage[] =
	"extsched-test-runner serves the Runner contract on 127.0.0.1, with faults on request.\n\n"
	"  --port N            port to listen on (0: any free one, the default)\n"
	"  --port-file FILE    write the port to FILE once it is open\n"
	"  --threads N         threads that serve requests (1)\n"
	"  --header-prefix P   prefix of the tenant and extension headers (x-alga)\n"
	"  --fault JSON        fault of requests that name none\n"
	"  --max-arrivals N    arrivals to record (1000000)\n"
	"  --parent-pid PID    end when this process ends\n"
	"  --watch-stdin       end when standard input ends\n";

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "extsched-test-runner: %s: %s\n", what, why);
	exit(2);
}

/* A number of an option, or the end of the program. */
static long
number(const char *option, const char *text, long min, long max)
{
	char	   *end;
	long		value = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < min || value > max)
		die(option, "a number in another range is needed");
	return value;
}

static void
read_options(int argc, char **argv, Options *options)
{
	static const struct option known[] = {
		{"port", required_argument, NULL, 'p'},
		{"port-file", required_argument, NULL, 'f'},
		{"threads", required_argument, NULL, 't'},
		{"header-prefix", required_argument, NULL, 'x'},
		{"fault", required_argument, NULL, 'j'},
		{"max-arrivals", required_argument, NULL, 'm'},
		{"parent-pid", required_argument, NULL, 'P'},
		{"watch-stdin", no_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	int			which;

	while ((which = getopt_long(argc, argv, "", known, NULL)) != -1)
	{
		switch (which)
		{
			case 'p':
				options->server.port = (uint16_t) number("--port", optarg, 0, 65535);
				break;
			case 'f':
				options->port_file = optarg;
				break;
			case 't':
				options->server.threads = (unsigned) number("--threads", optarg, 1, 64);
				break;
			case 'x':
				options->server.header_prefix = optarg;
				break;
			case 'j':
				options->fault = optarg;
				break;
			case 'm':
				options->max_arrivals = (size_t) number("--max-arrivals", optarg, 1, 100000000);
				break;
			case 'P':
				options->parent_pid = (pid_t) number("--parent-pid", optarg, 1, 1 << 30);
				break;
			case 'w':
				options->watch_stdin = true;
				break;
			case 'h':
				fputs(usage, stdout);
				exit(0);
			default:
				exit(2);
		}
	}
	if (optind != argc)
		die(argv[optind], "unexpected argument");
}

/* Write the port so that a reader sees the whole number or no file. */
static void
write_port_file(const char *path, uint16_t port)
{
	char		draft[4096];
	FILE	   *file;

	snprintf(draft, sizeof(draft), "%s.tmp", path);
	file = fopen(draft, "w");
	if (file == NULL || fprintf(file, "%u\n", port) < 0 || fclose(file) != 0 ||
		rename(draft, path) != 0)
		die(path, strerror(errno));
}

/* Ten thousand hanging requests need as many descriptors. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Wait for a signal, or for the end of whatever is watched. */
static void
wait_for_end(const Options *options, int signal_fd, int parent_fd)
{
	struct pollfd watched[3] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = parent_fd, .events = POLLIN},
		{.fd = options->watch_stdin ? STDIN_FILENO : -1, .events = POLLIN},
	};

	for (;;)
	{
		char		ignored[256];

		if (poll(watched, 3, -1) < 0)
			continue;
		if (watched[0].revents || watched[1].revents)
			return;
		if (watched[2].revents && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
			return;
	}
}

int
main(int argc, char **argv)
{
	Options		options = {
		.server = {.threads = 1, .header_prefix = "x-alga"},
		.max_arrivals = 1000000,
	};
	sigset_t	signals;
	int			signal_fd;
	int			parent_fd = -1;
	uint16_t	port;

	read_options(argc, argv, &options);
	if (options.fault != NULL)
	{
		const char *complaint = server_set_fault(options.fault);

		if (complaint != NULL)
			die("--fault", complaint);
	}

	/* before any thread starts, so that only this one ever sees them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (options.parent_pid != 0)
	{
		parent_fd = (int) syscall(SYS_pidfd_open, options.parent_pid, 0);
		if (parent_fd < 0)
			die("--parent-pid", strerror(errno));
	}
	raise_descriptor_limit();

	if (!record_start(options.max_arrivals))
		die("--max-arrivals", strerror(errno));
	port = server_start(&options.server);
	if (port == 0)
		die("could not listen", strerror(errno));
	if (options.port_file != NULL)
		write_port_file(options.port_file, port);
	printf("listening on %u\n", port);
	fflush(stdout);

	wait_for_end(&options, signal_fd, parent_fd);
	server_stop();
	return 0;
}
