/*-------------------------------------------------------------------------
 *
 * module.h
 *		What the tests of the dispatch modules share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DISPATCH_TEST_MODULE_H
#define DISPATCH_TEST_MODULE_H

#include "lib/stringinfo.h"

/* Results as lines of TAP without numbers. */
extern void tap_result(StringInfo out, bool is_good, const char *name);

#endif							/* DISPATCH_TEST_MODULE_H */
