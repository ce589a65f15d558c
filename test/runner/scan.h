/*-------------------------------------------------------------------------
 *
 * scan.h
 *		A JSON scanner that allocates nothing, and the two encodings that
 *		an execute request carries inside its JSON (base64, timestamps).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_SCAN_H
#define RUNNER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* Deeper documents are refused, so that hostile input cannot use the stack. */
#define SCAN_MAX_DEPTH	64

/* A piece of somebody else's memory; never NUL-terminated. */
typedef struct Slice
{
	const char *at;
	size_t		len;
} Slice;

/*
 * A position in a document.  A caller enters containers itself and takes the
 * values it wants; everything else is checked while it is skipped.  After the
 * first error, error says what is wrong and every call answers false.
 */
typedef struct Scan
{
	const char *at;
	const char *end;
	const char *error;			/* NULL while the document is well-formed */
	int			depth;
	bool		fresh;			/* just behind an opening bracket */
} Scan;

static inline bool
slice_is(Slice slice, const char *text)
{
	return slice.len == strlen(text) && memcmp(slice.at, text, slice.len) == 0;
}

static inline Slice
slice_of(const char *text)
{
	return (Slice) {text, text ? strlen(text) : 0};
}

extern void scan_start(Scan *scan, Slice text);
extern bool scan_enter(Scan *scan, char opener);
extern bool scan_member(Scan *scan, Slice *key);
extern bool scan_item(Scan *scan);
extern bool scan_value(Scan *scan, Slice *raw);
extern bool scan_finish(Scan *scan);

extern Slice scan_inside(Slice raw);
extern size_t scan_unescape(Slice raw, char *out, size_t size);
extern bool scan_integer(Slice raw, int64_t *value);
extern bool scan_fraction(Slice raw, double *value);

extern ssize_t base64_decode(Slice text, char *out);
extern size_t base64_encode(Slice bytes, char *out);

extern bool timestamp_parse(Slice text, int64_t *micros);
extern bool uuid_parse(Slice text, uint8_t bytes[16]);

#endif							/* RUNNER_SCAN_H */
