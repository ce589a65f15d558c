/*-------------------------------------------------------------------------
 *
 * run.c
 *		A run in the worker's memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "worker/run.h"

/*
 * extsched_run_create
 *		A zeroed run with its texts, in the context of runs.
 *
 * name and content_hash may be NULL.
 */
ExtschedRun *
extsched_run_create(ExtschedLoop *loop, const char *tenant, const char *name,
					const char *content_hash)
{
	MemoryContext old = MemoryContextSwitchTo(loop->runs);
	ExtschedRun *run = palloc0(sizeof(ExtschedRun));

	run->tenant = pstrdup(tenant);
	run->name = name ? pstrdup(name) : NULL;
	run->content_hash = content_hash ? pstrdup(content_hash) : NULL;
	MemoryContextSwitchTo(old);
	return run;
}

void
extsched_run_free(ExtschedRun *run)
{
	char	   *texts[] = {run->tenant, run->name, run->content_hash, run->error, run->excerpt};

	for (int i = 0; i < lengthof(texts); i++)
	{
		if (texts[i] != NULL)
			pfree(texts[i]);
	}
	pfree(run);
}

/* A version 4 uuid (RFC 9562, section 5.4) out of random bytes. */
static void
make_uuid(const uint8 *bytes, pg_uuid_t *uuid)
{
	memcpy(uuid->data, bytes, UUID_LEN);
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40;
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
}

/* Random bytes, drawn for many attempts at once: each draw costs microseconds. */
static const uint8 *
draw(int n)
{
	static uint8 drawn[2048];
	static int	left = 0;

	if (left < n)
	{
		if (!pg_strong_random(drawn, sizeof(drawn)))
			ereport(ERROR,
					errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not generate random values"));
		left = sizeof(drawn);
	}
	left -= n;
	return drawn + left;
}

/*
 * extsched_run_new_attempt
 *		Draw the lease and the request id of an attempt.
 */
void
extsched_run_new_attempt(ExtschedRun *run, pg_uuid_t *request_id)
{
	const uint8 *bytes = draw(2 * UUID_LEN);

	make_uuid(bytes, &run->lease);
	make_uuid(bytes + UUID_LEN, request_id);
	run->has_lease = true;
}

/*
 * extsched_run_random
 *		A number that looks random and is always the same for a run and salt.
 */
uint64
extsched_run_random(const ExtschedRun *run, uint32 salt)
{
	return hash_bytes_extended(run->run_id.data, UUID_LEN, salt);
}
