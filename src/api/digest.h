/*-------------------------------------------------------------------------
 *
 * digest.h
 *		SHA-256 of a text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_DIGEST_H
#define EXTSCHED_DIGEST_H

extern char *extsched_digest_text(const char *text);

#endif							/* EXTSCHED_DIGEST_H */
