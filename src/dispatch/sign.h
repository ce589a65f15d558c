/*-------------------------------------------------------------------------
 *
 * sign.h
 *		Signatures in the form of the Standard Webhooks specification.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_SIGN_H
#define EXTSCHED_SIGN_H

#include "lib/stringinfo.h"

typedef struct ExtschedSigner ExtschedSigner;

extern ExtschedSigner *extsched_signer_create(MemoryContext parent);
extern void extsched_signer_load(ExtschedSigner *signer, const char *path);

/* False: no key file is set, requests go out without a signature. */
extern bool extsched_signer_is_on(const ExtschedSigner *signer);

/* Why nothing can be signed although a key file is set, or NULL. */
extern const char *extsched_signer_problem(const ExtschedSigner *signer);

extern bool extsched_signer_sign(const ExtschedSigner *signer, const char *id,
								 int64 timestamp_s, const char *body,
								 size_t body_len, StringInfo signature);

#endif							/* EXTSCHED_SIGN_H */
