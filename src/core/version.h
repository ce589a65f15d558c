/*-------------------------------------------------------------------------
 *
 * version.h
 *		Version of the library.
 *
 * Each version of the library works with one version of the extension's SQL:
 * the default_version of extsched.control at its release.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_VERSION_H
#define EXTSCHED_VERSION_H

#define EXTSCHED_VERSION "1.0"

#endif							/* EXTSCHED_VERSION_H */
