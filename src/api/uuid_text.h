/*-------------------------------------------------------------------------
 *
 * uuid_text.h
 *		Ids as text, read without raising an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_UUID_TEXT_H
#define EXTSCHED_UUID_TEXT_H

#include "utils/uuid.h"

extern bool extsched_uuid_from_text(const char *text, pg_uuid_t *uuid);
extern char *extsched_uuid_to_text(const pg_uuid_t *uuid);

#endif							/* EXTSCHED_UUID_TEXT_H */
