/*-------------------------------------------------------------------------
 *
 * utf8.h
 *		Text between Runners (UTF-8) and the database (any encoding).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_UTF8_H
#define EXTSCHED_UTF8_H

extern char *extsched_utf8_clean(const char *bytes, size_t len,
								 size_t max_bytes);
extern char *extsched_utf8_to_server(char *utf8, size_t max_bytes);
extern char *extsched_utf8_from_server(char *text, size_t len,
									   size_t *utf8_len);

#endif							/* EXTSCHED_UTF8_H */
