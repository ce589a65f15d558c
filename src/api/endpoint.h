/*-------------------------------------------------------------------------
 *
 * endpoint.h
 *		Paths and selectors of endpoints.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_ENDPOINT_H
#define EXTSCHED_ENDPOINT_H

#include "utils/uuid.h"

/* What became of looking for an endpoint; each has a message of its own. */
typedef enum EndpointStatus
{
	ENDPOINT_FOUND,
	ENDPOINT_MALFORMED,			/* no selector at all */
	ENDPOINT_UNKNOWN,			/* no such path in the version */
	ENDPOINT_WRONG_METHOD,		/* the path is there with another method */
	ENDPOINT_HAS_PARAMETERS,	/* a path with :x or {x} */
	ENDPOINT_OPTED_OUT,			/* the manifest says schedulable: false */
	ENDPOINT_AMBIGUOUS			/* a bare path with GET and POST */
} EndpointStatus;

typedef struct EndpointMatch
{
	EndpointStatus status;
	char	   *message;		/* why not, for people; NULL when found */
	pg_uuid_t	endpoint_id;	/* the rest is set only when found */
	char	   *method;
	char	   *path;
} EndpointMatch;

extern char *extsched_endpoint_normalize_path(const char *path);
extern void extsched_endpoint_resolve(const char *selector, const pg_uuid_t *version,
									  EndpointMatch *match);

#endif							/* EXTSCHED_ENDPOINT_H */
