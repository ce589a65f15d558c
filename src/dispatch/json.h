/*-------------------------------------------------------------------------
 *
 * json.h
 *		The few members of a JSON object that decide about a run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_JSON_H
#define EXTSCHED_JSON_H

/* Deeper documents are refused. */
#define EXTSCHED_JSON_DEPTH 512

typedef enum ExtschedJsonKind
{
	EXTSCHED_JSON_ABSENT,
	EXTSCHED_JSON_NULL,
	EXTSCHED_JSON_BOOLEAN,
	EXTSCHED_JSON_NUMBER,
	EXTSCHED_JSON_STRING,
	EXTSCHED_JSON_ARRAY,
	EXTSCHED_JSON_OBJECT,
} ExtschedJsonKind;

/* A value, as written in the text it points into: strings with their quotes. */
typedef struct ExtschedJsonValue
{
	ExtschedJsonKind kind;
	const char *start;
	size_t		len;
} ExtschedJsonValue;

/* A wanted member: key is set by the caller, value is found. */
typedef struct ExtschedJsonMember
{
	const char *key;
	ExtschedJsonValue value;
} ExtschedJsonMember;

extern const char *extsched_json_find(const char *json, size_t len,
									  ExtschedJsonMember *members, int n);
extern size_t extsched_json_unescape(const ExtschedJsonValue *string,
									 char *bytes);

#endif							/* EXTSCHED_JSON_H */
