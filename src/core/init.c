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

#include "core/settings.h"
#include "core/shmem.h"
#include "core/wake.h"

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
}
