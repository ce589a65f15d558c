/*-------------------------------------------------------------------------
 *
 * settings.c
 *		Definition of the settings, and their reload in a worker.
 *
 * Every setting can be changed by a superuser while the server runs: none of
 * them sizes shared memory, so that the extension behaves the same in a
 * server that did not preload it.  An ordinary role cannot change any of
 * them, because most are limits on what ordinary roles may do.
 *
 * A worker must follow ALTER DATABASE ... SET as well.  The server applies
 * the settings of a database only when a session starts, so a worker applies
 * them again itself on SIGHUP.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_db_role_setting.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/settings.h"
#include "core/shmem.h"

#define SECONDS_PER_DAY		86400

/* One leaf of the history ring is always empty ahead and one behind. */
#define HISTORY_MAX_DAYS	28
#define AUDIT_MAX_DAYS		210

bool		extsched_enabled = true;
int			extsched_workers_per_database = 1;
int			extsched_max_in_flight = 256;
int			extsched_max_in_flight_per_tenant = 32;
int			extsched_max_in_flight_per_install = 32;
int			extsched_run_timeout_ms = 30000;
int			extsched_max_response_bytes = 262144;
char	   *extsched_header_prefix = NULL;
char	   *extsched_signing_key_file = NULL;
char	   *extsched_tls_ca_file = NULL;
int			extsched_max_schedules_per_install = 50;
int			extsched_max_schedules_per_tenant = -1;
int			extsched_min_interval_s = 300;
int			extsched_mutations_per_minute = 10;
int			extsched_run_now_per_minute = 5;
int			extsched_max_payload_bytes = 100000;
bool		extsched_allow_day_or = false;
int			extsched_history_retention_s = 7 * SECONDS_PER_DAY;
int			extsched_audit_retention_s = 90 * SECONDS_PER_DAY;
int			extsched_history_max_rows = 50000000;
char	   *extsched_timezone_directory = NULL;
int			extsched_clock_offset_s = 0;

/* Every setting by name, for extsched_settings_reload. */
static const char *const setting_names[] = {
	"extsched.enabled",
	"extsched.workers_per_database",
	"extsched.max_in_flight",
	"extsched.max_in_flight_per_tenant",
	"extsched.max_in_flight_per_install",
	"extsched.run_timeout",
	"extsched.max_response_bytes",
	"extsched.header_prefix",
	"extsched.signing_key_file",
	"extsched.tls_ca_file",
	"extsched.max_schedules_per_install",
	"extsched.max_schedules_per_tenant",
	"extsched.min_interval",
	"extsched.mutations_per_minute",
	"extsched.run_now_per_minute",
	"extsched.max_payload_bytes",
	"extsched.allow_day_or",
	"extsched.history_retention",
	"extsched.audit_retention",
	"extsched.history_max_rows",
	"extsched.timezone_directory",
	"extsched.clock_offset",
};

/*
 * Check hook of the settings that name a file or directory: empty, or an
 * absolute path.  The working directory of a server process is its data
 * directory, so a relative path would silently mean something in there.
 */
static bool
check_path(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The value must be empty or an absolute path.");
	return false;
}

/*
 * Check hook of "extsched.header_prefix": lower-case letters, digits and
 * single dashes, so that "<prefix>-tenant" is a header name (RFC 9110, 5.1).
 */
static bool
check_header_prefix(char **newval, void **extra, GucSource source)
{
	const char *p = *newval;
	size_t		len = strlen(p);

	if (len >= 1 && len <= 40 &&
		strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
		p[0] >= 'a' && p[0] <= 'z' && p[len - 1] != '-')
		return true;
	GUC_check_errdetail("The value must be 1 to 40 lower-case letters, digits and dashes, begin with a letter and not end with a dash.");
	return false;
}

static void
define_int(const char *name, const char *short_desc, const char *long_desc,
		   int *variable, int boot, int min, int max, int flags)
{
	DefineCustomIntVariable(name, short_desc, long_desc, variable, boot, min,
							max, PGC_SUSET, flags, NULL, NULL, NULL);
}

static void
define_bool(const char *name, const char *short_desc, const char *long_desc,
			bool *variable, bool boot)
{
	DefineCustomBoolVariable(name, short_desc, long_desc, variable, boot,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_string(const char *name, const char *short_desc, const char *long_desc,
			  char **variable, const char *boot, int flags,
			  GucStringCheckHook check)
{
	DefineCustomStringVariable(name, short_desc, long_desc, variable, boot,
							   PGC_SUSET, flags, check, NULL, NULL);
}

/* Whether and how much is dispatched. */
static void
define_dispatch_settings(void)
{
	define_bool("extsched.enabled",
				"Runs schedules when they are due.",
				"When off, workers stay connected but start no run. Nominal times that pass meanwhile are treated by each schedule's catch-up window once it is on again.",
				&extsched_enabled, true);
	define_int("extsched.workers_per_database",
			   "Sets the number of workers in each database that has the extension.",
			   "Workers share the tenants of their database. 0 runs none. Each takes a slot of \"max_worker_processes\".",
			   &extsched_workers_per_database, 1, 0, EXTSCHED_MAX_WORKERS, 0);
	define_int("extsched.max_in_flight",
			   "Sets how many runs of a database may be in flight at once.",
			   "Split evenly among the workers of the database.",
			   &extsched_max_in_flight, 256, 1, 10000, 0);
	define_int("extsched.max_in_flight_per_tenant",
			   "Sets how many runs of one tenant may be in flight at once.",
			   "0 dispatches nothing. extsched_set_limits overrides it for a tenant.",
			   &extsched_max_in_flight_per_tenant, 32, 0, 10000, 0);
	define_int("extsched.max_in_flight_per_install",
			   "Sets how many runs of one install may be in flight at once.",
			   "0 dispatches nothing. extsched_set_limits overrides it for a tenant's installs or for one install.",
			   &extsched_max_in_flight_per_install, 32, 0, 10000, 0);
	define_int("extsched.run_timeout",
			   "Sets the time a Runner has to answer a run.",
			   "Used where neither the schedule nor its runner sets \"timeout_ms\".",
			   &extsched_run_timeout_ms, 30000, 100, 3600000, GUC_UNIT_MS);
	define_int("extsched.max_response_bytes",
			   "Sets the largest response that is read from a Runner.",
			   "A longer one ends the run with the reason response_too_large.",
			   &extsched_max_response_bytes, 262144, 1024, 16777216,
			   GUC_UNIT_BYTE);
	define_string("extsched.header_prefix",
				  "Sets the prefix of the tenant and extension headers of a request.",
				  "\"x-alga\" sends \"x-alga-tenant\" and \"x-alga-extension\".",
				  &extsched_header_prefix, "x-alga", 0, check_header_prefix);
	define_string("extsched.signing_key_file",
				  "Sets the file with the keys that sign requests.",
				  "Empty sends requests without a signature. The file is read again at SIGHUP.",
				  &extsched_signing_key_file, "", GUC_SUPERUSER_ONLY,
				  check_path);
	define_string("extsched.tls_ca_file",
				  "Sets the file with the certificates of authorities that a Runner's may be signed by.",
				  "In PEM form. Empty trusts the authorities of the system. The name is read again at SIGHUP, the file for each new connection.",
				  &extsched_tls_ca_file, "", GUC_SUPERUSER_ONLY, check_path);
}

/* What an install may do. */
static void
define_limit_settings(void)
{
	define_int("extsched.max_schedules_per_install",
			   "Sets how many schedules an install may have.",
			   "0 allows none. extsched_set_limits overrides it for a tenant's installs or for one install.",
			   &extsched_max_schedules_per_install, 50, 0, 1000000, 0);
	define_int("extsched.max_schedules_per_tenant",
			   "Sets how many schedules all installs of a tenant may have together.",
			   "-1 sets no limit, 0 allows none. extsched_set_limits overrides it for a tenant.",
			   &extsched_max_schedules_per_tenant, -1, -1, 100000000, 0);
	define_int("extsched.min_interval",
			   "Sets the smallest distance of two nominal times of a schedule.",
			   "60 seconds is the smallest distance that a cron expression can ask for, and so allows all. extsched_set_limits overrides it for a tenant's installs or for one install.",
			   &extsched_min_interval_s, 300, 60, 31 * SECONDS_PER_DAY,
			   GUC_UNIT_S);
	define_int("extsched.mutations_per_minute",
			   "Sets how many host API calls that change schedules an install may make in any 60 seconds.",
			   "0 allows none. extsched_set_limits overrides it for a tenant's installs or for one install.",
			   &extsched_mutations_per_minute, 10, 0, 10000, 0);
	define_int("extsched.run_now_per_minute",
			   "Sets how many runs of a tenant may be asked for by extsched_run_now in any 60 seconds.",
			   "0 allows none. extsched_set_limits overrides it for a tenant.",
			   &extsched_run_now_per_minute, 5, 0, 10000, 0);
	define_int("extsched.max_payload_bytes",
			   "Sets the largest payload of a schedule, as JSON text.",
			   "0 allows no payload. The upper bound keeps a request, in which the payload is base64, under 10 MB.",
			   &extsched_max_payload_bytes, 100000, 0, 4194304,
			   GUC_UNIT_BYTE);
	define_bool("extsched.allow_day_or",
				"Allows cron expressions that restrict both day-of-month and day-of-week.",
				"Such an expression is due on days that match either field, which few writers of one expect.",
				&extsched_allow_day_or, false);
}

/* How long what happened is kept, and time itself. */
static void
define_history_settings(void)
{
	define_int("extsched.history_retention",
			   "Sets how long ended runs are kept.",
			   "Runs are removed a UTC day at a time.",
			   &extsched_history_retention_s, 7 * SECONDS_PER_DAY,
			   SECONDS_PER_DAY, HISTORY_MAX_DAYS * SECONDS_PER_DAY,
			   GUC_UNIT_S);
	define_int("extsched.audit_retention",
			   "Sets how long audit records are kept.",
			   "Records are removed a UTC week at a time.",
			   &extsched_audit_retention_s, 90 * SECONDS_PER_DAY,
			   7 * SECONDS_PER_DAY, AUDIT_MAX_DAYS * SECONDS_PER_DAY,
			   GUC_UNIT_S);
	define_int("extsched.history_max_rows",
			   "Sets how many runs are kept at most.",
			   "When there are more, the oldest UTC day goes early. The number is an estimate, and the current day is never removed.",
			   &extsched_history_max_rows, 50000000, 1000, INT_MAX, 0);
	define_string("extsched.timezone_directory",
				  "Sets the directory of the time zone files.",
				  "Empty uses the server's own directory.",
				  &extsched_timezone_directory, "", 0, check_path);
	/* ten years either way keeps every sum inside the range of timestamps */
	define_int("extsched.clock_offset",
			   "Shifts the clock of the scheduler.",
			   "A developer option: lets tests travel in time. 0 is the server's clock.",
			   &extsched_clock_offset_s, 0, -3650 * SECONDS_PER_DAY,
			   3650 * SECONDS_PER_DAY, GUC_UNIT_S | GUC_NOT_IN_SAMPLE);
}

/*
 * extsched_settings_define
 *		Define all settings and reserve their prefix.
 *
 * Called once per process, from _PG_init.
 */
void
extsched_settings_define(void)
{
	define_dispatch_settings();
	define_limit_settings();
	define_history_settings();
	MarkGUCPrefixReserved("extsched");
}

/*
 * Make a setting forget the value that ALTER DATABASE gave it, so that one
 * removed by ALTER DATABASE ... RESET does not live on.  The server has no
 * call for this; the reload of the configuration file uses the same steps for
 * a line that has vanished.
 */
static void
forget_database_value(const char *name)
{
	struct config_generic *gen = extsched_compat_find_setting(name);

	if (gen == NULL || gen->reset_source != PGC_S_DATABASE)
		return;
	gen->reset_source = PGC_S_DEFAULT;
	if (gen->source == PGC_S_DATABASE)
		gen->source = PGC_S_DEFAULT;
	SetConfigOption(name, NULL, PGC_POSTMASTER, PGC_S_DEFAULT);
}

/*
 * extsched_settings_reload
 *		Take the settings of the configuration file and of this database.
 *
 * For a background worker on SIGHUP, in no transaction.  Values pinned with
 * PGC_S_OVERRIDE stay.
 */
void
extsched_settings_reload(void)
{
	Relation	relsetting;
	Snapshot	snapshot;

	Assert(!IsTransactionState());
	if (OidIsValid(MyDatabaseId))
	{
		for (int i = 0; i < lengthof(setting_names); i++)
			forget_database_value(setting_names[i]);
	}
	ProcessConfigFile(PGC_SIGHUP);
	if (!OidIsValid(MyDatabaseId))
		return;

	extsched_clock_start_transaction();
	relsetting = table_open(DbRoleSettingRelationId, AccessShareLock);
	snapshot = RegisterSnapshot(GetCatalogSnapshot(DbRoleSettingRelationId));
	ApplySetting(snapshot, MyDatabaseId, InvalidOid, relsetting,
				 PGC_S_DATABASE);
	UnregisterSnapshot(snapshot);
	table_close(relsetting, AccessShareLock);
	CommitTransactionCommand();
}
