/*-------------------------------------------------------------------------
 *
 * text.c
 *		A growing text, and the few things that JSON output needs.
 *
 * Out of memory ends the program: it is a test tool, and a report that lacks
 * something would be believed.
 *
 *-------------------------------------------------------------------------
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Make room for more bytes and a NUL. */
void
text_reserve(Text *text, size_t more)
{
	if (text->len + more + 1 <= text->size)
		return;
	text->size = (text->len + more + 1) * 2;
	text->data = realloc(text->data, text->size);
	if (text->data == NULL)
		abort();
}

void
text_add(Text *text, const char *format,...)
{
	va_list		args;
	int			len;

	text_reserve(text, 128);
	va_start(args, format);
	len = vsnprintf(text->data + text->len, text->size - text->len, format, args);
	va_end(args);
	if ((size_t) len >= text->size - text->len)
	{
		text_reserve(text, (size_t) len);
		va_start(args, format);
		len = vsnprintf(text->data + text->len, text->size - text->len, format, args);
		va_end(args);
	}
	text->len += (size_t) len;
}

void
text_add_bytes(Text *text, Slice bytes)
{
	text_reserve(text, bytes.len);
	if (bytes.len > 0)
		memcpy(text->data + text->len, bytes.at, bytes.len);
	text->len += bytes.len;
	text->data[text->len] = '\0';
}

/* Add a JSON string.  Bytes above 0x7f are taken as UTF-8 and kept. */
void
text_add_json(Text *text, Slice bytes)
{
	text_reserve(text, bytes.len * 6 + 2);
	text->data[text->len++] = '"';
	for (size_t i = 0; i < bytes.len; i++)
	{
		unsigned char c = (unsigned char) bytes.at[i];

		if (c == '"' || c == '\\')
		{
			text->data[text->len++] = '\\';
			text->data[text->len++] = (char) c;
		}
		else if (c < 0x20)
			text->len += (size_t) sprintf(text->data + text->len, "\\u%04x", c);
		else
			text->data[text->len++] = (char) c;
	}
	text->data[text->len++] = '"';
	text->data[text->len] = '\0';
}

void
text_add_base64(Text *text, Slice bytes)
{
	text_reserve(text, (bytes.len + 2) / 3 * 4);
	text->len += base64_encode(bytes, text->data + text->len);
	text->data[text->len] = '\0';
}

/* Add a time of microseconds since 1970 as "2026-01-02T03:04:05.678901Z". */
void
text_add_time(Text *text, int64_t micros)
{
	time_t		seconds = (time_t) (micros / 1000000);
	struct tm	parts;

	gmtime_r(&seconds, &parts);
	text_add(text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
			 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
			 (int) (micros % 1000000));
}

void
text_add_uuid(Text *text, const uint8_t bytes[16])
{
	for (int i = 0; i < 16; i++)
		text_add(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

void
text_free(Text *text)
{
	free(text->data);
	*text = (Text) {NULL, 0, 0};
}
