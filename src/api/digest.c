/*-------------------------------------------------------------------------
 *
 * digest.c
 *		SHA-256 of a text, by the server's own function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "api/digest.h"
#include "core/compat.h"

/*
 * extsched_digest_text
 *		The digest in hexadecimal, 64 characters, palloc'd.
 */
char *
extsched_digest_text(const char *text)
{
	bytea	   *digest = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea,
															 PointerGetDatum(cstring_to_text(text))));
	char	   *hex = palloc(2 * VARSIZE_ANY_EXHDR(digest) + 1);

	hex[hex_encode(VARDATA_ANY(digest), VARSIZE_ANY_EXHDR(digest), hex)] = '\0';
	return hex;
}
