/*-------------------------------------------------------------------------
 *
 * url.h
 *		What may be the base URL of a Runner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_URL_H
#define EXTSCHED_URL_H

/* NULL if base_url is fine, else what is wrong with it: a full sentence. */
extern const char *extsched_url_check(const char *base_url);

#endif							/* EXTSCHED_URL_H */
