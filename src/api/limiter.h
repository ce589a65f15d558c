/*-------------------------------------------------------------------------
 *
 * limiter.h
 *		Exact sliding minutes, and the lock under which quotas are counted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_LIMITER_H
#define EXTSCHED_LIMITER_H

#include "utils/uuid.h"

typedef struct Limiter Limiter;

extern Limiter *extsched_limiter_lock_install(const char *tenant, const pg_uuid_t *install);
extern Limiter *extsched_limiter_lock_tenant(const char *tenant);
extern int	extsched_limiter_wait_s(const Limiter *limiter, int limit);
extern void extsched_limiter_charge(Limiter *limiter, int limit);

#endif							/* EXTSCHED_LIMITER_H */
