/*-------------------------------------------------------------------------
 *
 * json_build.h
 *		Small steps for building jsonb objects and arrays.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_JSON_BUILD_H
#define EXTSCHED_JSON_BUILD_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

typedef struct JsonBuild
{
	JsonbParseState *state;
	JsonbValue *result;			/* set when the outermost end was pushed */
} JsonBuild;

extern void extsched_json_begin_object(JsonBuild *build);
extern void extsched_json_end_object(JsonBuild *build);
extern void extsched_json_begin_array(JsonBuild *build);
extern void extsched_json_end_array(JsonBuild *build);
extern void extsched_json_key(JsonBuild *build, const char *key);
extern void extsched_json_null(JsonBuild *build, const char *key);
extern void extsched_json_text(JsonBuild *build, const char *key, const char *value);
extern void extsched_json_text_datum(JsonBuild *build, const char *key, Datum datum, bool isnull);
extern void extsched_json_bool(JsonBuild *build, const char *key, bool value);
extern void extsched_json_int(JsonBuild *build, const char *key, int64 value);
extern void extsched_json_uuid(JsonBuild *build, const char *key, const pg_uuid_t *value);
extern void extsched_json_instant(JsonBuild *build, const char *key, TimestampTz value);
extern void extsched_json_document(JsonBuild *build, const char *key, Jsonb *value);
extern Jsonb *extsched_json_finish(JsonBuild *build);

#endif							/* EXTSCHED_JSON_BUILD_H */
