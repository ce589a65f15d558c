/*-------------------------------------------------------------------------
 *
 * text.h
 *		A growing text, and the few things that JSON output needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_TEXT_H
#define RUNNER_TEXT_H

#include "scan.h"

/* data is malloc'd (or NULL while empty) and belongs to whoever holds the Text. */
typedef struct Text
{
	char	   *data;
	size_t		len;
	size_t		size;
} Text;

extern void text_reserve(Text *text, size_t more);
extern void text_add(Text *text, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void text_add_bytes(Text *text, Slice bytes);
extern void text_add_json(Text *text, Slice bytes);
extern void text_add_base64(Text *text, Slice bytes);
extern void text_add_time(Text *text, int64_t micros);
extern void text_add_uuid(Text *text, const uint8_t bytes[16]);
extern void text_free(Text *text);

#endif							/* RUNNER_TEXT_H */
