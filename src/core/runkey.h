/*-------------------------------------------------------------------------
 *
 * runkey.h
 *		Ids and partitions of runs, computed from what the run stands for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_RUNKEY_H
#define EXTSCHED_RUNKEY_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* Partitions of the rings of extsched.run and extsched.audit. */
#define EXTSCHED_RING_SLOTS 32

extern int	extsched_run_slot(TimestampTz nominal_time);
extern int	extsched_audit_slot(TimestampTz at);
extern void extsched_run_id(const char *tenant, size_t tenant_len,
							const pg_uuid_t *schedule, TimestampTz nominal_time,
							const char *trigger, pg_uuid_t *run_id);
extern int	extsched_run_id_slot(const pg_uuid_t *run_id);

#endif							/* EXTSCHED_RUNKEY_H */
