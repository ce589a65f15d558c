/*-------------------------------------------------------------------------
 *
 * version.h
 *		Version of the library, and of the SQL that it works with.
 *
 * Each version of the library works with one version of the extension's SQL:
 * the default_version of extsched.control at its release.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_VERSION_H
#define EXTSCHED_VERSION_H

#define EXTSCHED_VERSION "1.0"

extern char *extsched_version_of_sql(Oid *extension);
extern void extsched_version_check(void);

#endif							/* EXTSCHED_VERSION_H */
