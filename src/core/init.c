/*-------------------------------------------------------------------------
 *
 * init.c
 *		Entry point of the library: wires the modules together.
 *
 * Preloaded, the library has shared memory, a launcher and the hooks that go
 * with them.  Loaded later, by the first call of a function, the whole API
 * works and no worker runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "core/callcount.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "core/wake.h"
#include "worker/dbhold.h"
#include "worker/launcher.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	extsched_settings_define();
	extsched_wake_install_hooks();

	if (!process_shared_preload_libraries_in_progress)
		return;
	extsched_shmem_install_hooks();
	extsched_callcount_install_hook();
	extsched_dbhold_install_hook();

	/* pg_upgrade wants nobody but itself in a database */
	if (!IsBinaryUpgrade)
		extsched_launcher_register();
}

PG_FUNCTION_INFO_V1(extsched_installed);

/*
 * extsched.installed() returns void
 *		Last call of the extension script.
 *
 * Tells the launcher about the database when the transaction commits, or the
 * user that there is no launcher.
 */
Datum
extsched_installed(PG_FUNCTION_ARGS)
{
	if (extsched_shared == NULL)
		ereport(WARNING,
				errmsg("no schedule will run, because the library \"%s\" is not preloaded",
					   "extsched"),
				errhint("Add it to \"%s\" and restart the server. Everything else works without.",
						"shared_preload_libraries"));
	extsched_wake_launcher_at_commit();
	PG_RETURN_VOID();
}
