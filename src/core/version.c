/*-------------------------------------------------------------------------
 *
 * version.c
 *		Library and SQL of one version, or an error that says what to do.
 *
 * A package replaces the library of all databases at once; the SQL of each is
 * replaced by ALTER EXTENSION.  In between, statements of the library would meet
 * tables of another version.  So every function that runs SQL asks here first.
 *
 * The answer is kept for the session, because the question would cost an index
 * scan in each call, until a function of the database changes: pg_extension has
 * no cache whose invalidation could be listened to, and a version that changes
 * no function is no other version to us.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/version.h"

/* Seen to fit, and nothing changed since. */
static bool is_known_to_fit = false;

/*
 * extsched_version_of_sql
 *		Version of the extension's SQL; NULL if the database does not have it.
 *
 * Needs a transaction.  The result is palloc'd; *extension is the OID of the
 * extension, invalid with NULL.
 */
char *
extsched_version_of_sql(Oid *extension)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	*extension = InvalidOid;
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("extsched"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(rel), &isnull);

		version = isnull ? pstrdup("") : TextDatumGetCString(datum);
		*extension = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

/* Compare versions number by number: 1.10 is newer than 1.9. */
static int
compare_versions(const char *a, const char *b)
{
	while (*a != '\0' || *b != '\0')
	{
		char	   *a_end;
		char	   *b_end;
		long		a_number = strtol(a, &a_end, 10);
		long		b_number = strtol(b, &b_end, 10);

		if (a_number != b_number)
			return a_number < b_number ? -1 : 1;
		if (*a_end != *b_end || (a_end == a && b_end == b))
			return strcmp(a_end, b_end);
		a = *a_end == '\0' ? a_end : a_end + 1;
		b = *b_end == '\0' ? b_end : b_end + 1;
	}
	return 0;
}

static void
forget(Datum arg, int cache, uint32 hash)
{
	is_known_to_fit = false;
}

/*
 * extsched_version_check
 *		Raise 55000 if the SQL of this database is not the library's.
 *
 * To be called first in every function that runs SQL.  A library without
 * extension, as tests load it, is nobody's mistake.
 */
void
extsched_version_check(void)
{
	static bool is_registered = false;
	Oid			extension;
	char	   *version;

	if (is_known_to_fit)
		return;
	if (!is_registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, forget, (Datum) 0);
		is_registered = true;
	}
	version = extsched_version_of_sql(&extension);
	if (version != NULL && strcmp(version, EXTSCHED_VERSION) != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("extension \"%s\" has version %s, its library version %s",
					   "extsched", version, EXTSCHED_VERSION),
				compare_versions(version, EXTSCHED_VERSION) < 0 ?
				errhint("Run ALTER EXTENSION extsched UPDATE TO '%s' in this database.", EXTSCHED_VERSION) :
				errhint("Install the library of version %s and restart the server.", version));
	is_known_to_fit = true;
}
