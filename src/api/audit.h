/*-------------------------------------------------------------------------
 *
 * audit.h
 *		Records of who changed what.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_AUDIT_H
#define EXTSCHED_AUDIT_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

extern void extsched_audit_write(const char *tenant, const char *face, const char *action,
								 const pg_uuid_t *install, const pg_uuid_t *schedule,
								 const char *object_name, Jsonb *before, Jsonb *after);

#endif							/* EXTSCHED_AUDIT_H */
