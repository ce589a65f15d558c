/*-------------------------------------------------------------------------
 *
 * settings.h
 *		The settings under the prefix "extsched.".
 *
 * Defaults, ranges and descriptions are in settings.c and nowhere else.  A
 * session sees the values of its own session; the worker sees those of the
 * configuration file and of ALTER DATABASE (see worker/worker.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_SETTINGS_H
#define EXTSCHED_SETTINGS_H

extern bool extsched_enabled;
extern int	extsched_workers_per_database;

/* dispatch */
extern int	extsched_max_in_flight;
extern int	extsched_max_in_flight_per_tenant;
extern int	extsched_max_in_flight_per_install;
extern int	extsched_run_timeout_ms;
extern int	extsched_max_response_bytes;
extern char *extsched_header_prefix;
extern char *extsched_signing_key_file;
extern char *extsched_tls_ca_file;

/* what an install may do */
extern int	extsched_max_schedules_per_install;
extern int	extsched_max_schedules_per_tenant;	/* -1: no limit */
extern int	extsched_min_interval_s;
extern int	extsched_mutations_per_minute;
extern int	extsched_run_now_per_minute;
extern int	extsched_max_payload_bytes;
extern bool extsched_allow_day_or;

/* history */
extern int	extsched_history_retention_s;
extern int	extsched_audit_retention_s;
extern int	extsched_history_max_rows;

/* time */
extern char *extsched_timezone_directory;	/* "": the server's */
extern int	extsched_clock_offset_s;

extern void extsched_settings_define(void);
extern void extsched_settings_reload(void);

#endif							/* EXTSCHED_SETTINGS_H */
