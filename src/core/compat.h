/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Differences between the server versions extsched builds on.
 *
 * This is the only file that asks for PG_VERSION_NUM.  Everything else is
 * written against the names of the newest server, which are mapped here to
 * what older ones offer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_COMPAT_H
#define EXTSCHED_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "extsched needs PostgreSQL 15 or newer"
#endif

#include "catalog/pg_database.h"
#include "common/base64.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"

/* PostgreSQL 16 moved the layout of variable-length data out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* PostgreSQL 18 marks functions that do not return in front, as C has it. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/* PostgreSQL 17 gave the index of a PGPROC a type and a global of its own. */
#if PG_VERSION_NUM < 170000
typedef int ProcNumber;
#define INVALID_PROC_NUMBER		(-1)
#define EXTSCHED_MY_PROC_NUMBER (MyProc->pgprocno)
#else
#define EXTSCHED_MY_PROC_NUMBER MyProcNumber
#endif

/* PostgreSQL 16 folded the ownership checks of all object kinds into one. */
static inline bool
extsched_compat_owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM < 160000
	return pg_database_ownercheck(database, role);
#else
	return object_ownercheck(DatabaseRelationId, database, role);
#endif
}

/* PostgreSQL 16 reports more about what is wrong with a date; nobody asks here. */
static inline int
extsched_compat_decode_datetime(char **fields, int *types, int nfields, int *dtype,
								struct pg_tm *tm, fsec_t *fsec, int *zone)
{
#if PG_VERSION_NUM < 160000
	return DecodeDateTime(fields, types, nfields, dtype, tm, fsec, zone);
#else
	DateTimeErrorExtra extra;

	return DecodeDateTime(fields, types, nfields, dtype, tm, fsec, zone, &extra);
#endif
}

/*
 * The record of a setting, or NULL.  PostgreSQL 15 has the table of all
 * settings; 16 replaced it by a hash table with a lookup function.
 */
static inline struct config_generic *
extsched_compat_find_setting(const char *name)
{
#if PG_VERSION_NUM < 160000
	struct config_generic **all = get_guc_variables();
	int			n = GetNumConfigOptions();

	for (int i = 0; i < n; i++)
	{
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
#else
	return find_option(name, false, true, DEBUG5);
#endif
}

/*
 * Base64 of raw bytes, which PostgreSQL 18 declares as uint8 and older ones as
 * char.  As the server's functions: the length of the result, -1 on error.
 */
static inline int
extsched_compat_b64_encode(const void *bytes, int len, char *text, int text_size)
{
	return pg_b64_encode(bytes, len, text, text_size);
}

static inline int
extsched_compat_b64_decode(const char *text, int len, void *bytes, int size)
{
	return pg_b64_decode(text, len, bytes, size);
}

/* A wait set that lives as long as the process; 17 ties one to an owner. */
static inline WaitEventSet *
extsched_compat_create_wait_set(int n_events)
{
#if PG_VERSION_NUM < 170000
	return CreateWaitEventSet(TopMemoryContext, n_events);
#else
	return CreateWaitEventSet(NULL, n_events);
#endif
}

#endif							/* EXTSCHED_COMPAT_H */
