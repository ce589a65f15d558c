/*-------------------------------------------------------------------------
 *
 * server.h
 *		The HTTP face of the test Runner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_SERVER_H
#define RUNNER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ServerOptions
{
	uint16_t	port;			/* 0: any free one */
	unsigned	threads;
	const char *header_prefix;
} ServerOptions;

extern const char *server_set_fault(const char *json);
extern uint16_t server_start(const ServerOptions *options);
extern void server_stop(void);

#endif							/* RUNNER_SERVER_H */
