/*-------------------------------------------------------------------------
 *
 * scan.c
 *		A JSON scanner that allocates nothing.
 *
 * The Runner has to be several times faster than the scheduler that it
 * measures, so a request is read in one pass and no tree is built: a value
 * is handed out as the slice of the request that holds it.  The scanner still
 * accepts only RFC 8259 JSON, because a scheduler that sends anything else
 * must be found out here.
 *
 *-------------------------------------------------------------------------
 */
#include "scan.h"

#include <stdlib.h>
#include <time.h>

static bool skip_value(Scan *scan);

/* Note the first error; always answers false. */
static bool
fail(Scan *scan, const char *error)
{
	if (scan->error == NULL)
		scan->error = error;
	scan->at = scan->end;
	return false;
}

static inline void
skip_space(Scan *scan)
{
	while (scan->at < scan->end &&
		   (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of eight bytes at once: whether one is a quote, a backslash or a control. */
static inline bool
has_special(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t tops = UINT64_C(0x8080808080808080);
	uint64_t	bytes;
	uint64_t	quote;
	uint64_t	backslash;

	memcpy(&bytes, p, sizeof(bytes));
	quote = bytes ^ ones * '"';
	backslash = bytes ^ ones * '\\';
	return (((bytes - ones * 0x20) & ~bytes) | ((quote - ones) & ~quote) |
			((backslash - ones) & ~backslash)) & tops;
}

/* Skip the escape that p points to; NULL when it is none of JSON's. */
static const char *
skip_escape(const char *p, const char *end)
{
	if (end - p < 2 || p[1] == '\0' || strchr("\"\\/bfnrtu", p[1]) == NULL)
		return NULL;
	if (p[1] != 'u')
		return p + 2;
	if (end - p < 6)
		return NULL;
	for (int i = 2; i < 6; i++)
		if (hex_digit(p[i]) < 0)
			return NULL;
	return p + 6;
}

/* Skip a string, opening quote included. */
static bool
skip_string(Scan *scan)
{
	const char *p = scan->at + 1;
	const char *end = scan->end;

	for (;;)
	{
		while (end - p >= 8 && !has_special(p))
			p += 8;
		while (p < end && (unsigned char) *p >= 0x20 && *p != '"' && *p != '\\')
			p++;
		if (p == end)
			return fail(scan, "string without an end");
		if (*p == '"')
			break;
		if (*p != '\\')
			return fail(scan, "control character in a string");
		p = skip_escape(p, end);
		if (p == NULL)
			return fail(scan, "unknown escape in a string");
	}
	scan->at = p + 1;
	return true;
}

static bool
skip_digits(Scan *scan)
{
	const char *start = scan->at;

	while (scan->at < scan->end && is_digit(*scan->at))
		scan->at++;
	return scan->at > start || fail(scan, "number without digits");
}

static bool
skip_number(Scan *scan)
{
	if (*scan->at == '-')
		scan->at++;
	if (scan->at < scan->end && *scan->at == '0')
	{
		scan->at++;
		if (scan->at < scan->end && is_digit(*scan->at))
			return fail(scan, "number with a leading zero");
	}
	else if (!skip_digits(scan))
		return false;
	if (scan->at < scan->end && *scan->at == '.')
	{
		scan->at++;
		if (!skip_digits(scan))
			return false;
	}
	if (scan->at < scan->end && (*scan->at | 0x20) == 'e')
	{
		scan->at++;
		if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
			scan->at++;
		if (!skip_digits(scan))
			return false;
	}
	return true;
}

static bool
skip_word(Scan *scan, const char *word)
{
	size_t		len = strlen(word);

	if ((size_t) (scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
		return fail(scan, "unknown word");
	scan->at += len;
	return true;
}

static bool
skip_container(Scan *scan)
{
	Slice		key;
	bool		is_object = *scan->at == '{';

	if (!scan_enter(scan, *scan->at))
		return false;
	if (is_object)
	{
		while (scan_member(scan, &key))
			if (!skip_value(scan))
				return false;
	}
	else
	{
		while (scan_item(scan))
			if (!skip_value(scan))
				return false;
	}
	return scan->error == NULL;
}

static bool
skip_value(Scan *scan)
{
	skip_space(scan);
	if (scan->at == scan->end)
		return fail(scan, "value missing");
	switch (*scan->at)
	{
		case '"':
			return skip_string(scan);
		case '{':
		case '[':
			return skip_container(scan);
		case 't':
			return skip_word(scan, "true");
		case 'f':
			return skip_word(scan, "false");
		case 'n':
			return skip_word(scan, "null");
		case '-':
			return skip_number(scan);
		default:
			if (is_digit(*scan->at))
				return skip_number(scan);
			return fail(scan, "value expected");
	}
}

void
scan_start(Scan *scan, Slice text)
{
	*scan = (Scan) {.at = text.at, .end = text.at + text.len};
}

/*
 * scan_enter
 *		Step into the object ('{') or array ('[') that comes next.
 *
 * False when something else comes next.  Every container that is entered must
 * be read to its end with scan_member() or scan_item().
 */
bool
scan_enter(Scan *scan, char opener)
{
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != opener)
		return fail(scan, opener == '{' ? "object expected" : "array expected");
	if (++scan->depth > SCAN_MAX_DEPTH)
		return fail(scan, "nested too deeply");
	scan->at++;
	scan->fresh = true;
	return true;
}

/* Step to the next element; false at the container's end, which is consumed. */
static bool
next_element(Scan *scan, char closer)
{
	if (scan->error)
		return false;
	skip_space(scan);
	if (scan->at == scan->end)
		return fail(scan, "document ends too early");
	if (*scan->at == closer)
	{
		scan->at++;
		scan->depth--;
		scan->fresh = false;
		return false;
	}
	if (!scan->fresh)
	{
		if (*scan->at != ',')
			return fail(scan, "comma expected");
		scan->at++;
		skip_space(scan);
		if (scan->at < scan->end && *scan->at == closer)
			return fail(scan, "comma before a closing bracket");
	}
	scan->fresh = false;
	return true;
}

/*
 * scan_member
 *		Read the next key of an object, without its quotes.
 *
 * False at the object's end, or on an error.  The caller takes the value next.
 */
bool
scan_member(Scan *scan, Slice *key)
{
	const char *start;

	if (!next_element(scan, '}'))
		return false;
	start = scan->at;
	if (scan->at == scan->end || *scan->at != '"')
		return fail(scan, "key expected");
	if (!skip_string(scan))
		return false;
	*key = (Slice) {start + 1, scan->at - start - 2};
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != ':')
		return fail(scan, "colon expected");
	scan->at++;
	return true;
}

bool
scan_item(Scan *scan)
{
	return next_element(scan, ']');
}

/*
 * scan_value
 *		Take the next value whole, as it is written: a string with its quotes,
 *		a container with its brackets.
 */
bool
scan_value(Scan *scan, Slice *raw)
{
	const char *start;

	if (scan->error)
		return false;
	skip_space(scan);
	start = scan->at;
	if (!skip_value(scan))
		return false;
	*raw = (Slice) {start, scan->at - start};
	return true;
}

/* True when the document was well-formed and nothing follows it. */
bool
scan_finish(Scan *scan)
{
	skip_space(scan);
	if (scan->error == NULL && (scan->at != scan->end || scan->depth != 0))
		fail(scan, "text behind the document");
	return scan->error == NULL;
}

/* A string value without its quotes; empty for any other kind of value. */
Slice
scan_inside(Slice raw)
{
	if (raw.len < 2 || raw.at[0] != '"')
		return (Slice) {"", 0};
	return (Slice) {raw.at + 1, raw.len - 2};
}

static size_t
put_utf8(char *out, uint32_t code)
{
	if (code < 0x80)
	{
		out[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		out[0] = (char) (0xc0 | code >> 6);
		out[1] = (char) (0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000)
	{
		out[0] = (char) (0xe0 | code >> 12);
		out[1] = (char) (0x80 | (code >> 6 & 0x3f));
		out[2] = (char) (0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char) (0xf0 | code >> 18);
	out[1] = (char) (0x80 | (code >> 12 & 0x3f));
	out[2] = (char) (0x80 | (code >> 6 & 0x3f));
	out[3] = (char) (0x80 | (code & 0x3f));
	return 4;
}

static uint32_t
read_hex4(const char *p)
{
	return (uint32_t) (hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 |
					   hex_digit(p[2]) << 4 | hex_digit(p[3]));
}

/*
 * scan_unescape
 *		Write a string value (without quotes, as scan_inside() gives it) as the
 *		UTF-8 text that it stands for.
 *
 * The text is cut to size - 1 bytes and NUL-terminated.  Returns its length.
 * raw must have passed the scanner.  A lone surrogate becomes U+FFFD.
 */
size_t
scan_unescape(Slice raw, char *out, size_t size)
{
	static const char plain[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *p = raw.at;
	const char *end = raw.at + raw.len;
	size_t		used = 0;

	while (p < end && used + 5 < size)
	{
		uint32_t	code;

		if (*p != '\\')
		{
			out[used++] = *p++;
			continue;
		}
		p++;
		if (*p != 'u')
		{
			out[used++] = meant[strchr(plain, *p++) - plain];
			continue;
		}
		code = read_hex4(p + 1);
		p += 5;
		if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
		{
			uint32_t	low = read_hex4(p + 2);

			if (low >= 0xdc00 && low < 0xe000)
			{
				code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
				p += 6;
			}
		}
		if (code >= 0xd800 && code < 0xe000)
			code = 0xfffd;
		used += put_utf8(out + used, code);
	}
	out[used] = '\0';
	return used;
}

/* True for a JSON number without fraction or exponent that fits. */
bool
scan_integer(Slice raw, int64_t *value)
{
	size_t		i = raw.len > 0 && raw.at[0] == '-';
	int64_t		sum = 0;

	if (i == raw.len || raw.len > 18)
		return false;
	for (size_t at = i; at < raw.len; at++)
	{
		if (!is_digit(raw.at[at]))
			return false;
		sum = sum * 10 + (raw.at[at] - '0');
	}
	*value = i ? -sum : sum;
	return true;
}

bool
scan_fraction(Slice raw, double *value)
{
	char		text[64];
	char	   *end;

	if (raw.len == 0 || raw.len >= sizeof(text))
		return false;
	memcpy(text, raw.at, raw.len);
	text[raw.len] = '\0';
	*value = strtod(text, &end);
	return *end == '\0';
}

/*
 * base64_decode
 *		Decode RFC 4648 section 4 base64: padded, no line breaks.
 *
 * out has room for 3 bytes of every 4 of text.  Returns the number of bytes,
 * or -1 when text is anything else, non-zero bits behind the end included.
 */
ssize_t
base64_decode(Slice text, char *out)
{
	static int8_t table[256];
	static bool is_ready = false;
	char	   *start = out;

	if (!is_ready)
	{
		const char *alphabet =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

		/* threads may do this at once, with the same outcome */
		for (int i = 0; i < 256; i++)
			table[i] = -1;
		for (int i = 0; i < 64; i++)
			table[(unsigned char) alphabet[i]] = (int8_t) i;
		__atomic_store_n(&is_ready, true, __ATOMIC_RELEASE);
	}
	if (text.len % 4 != 0)
		return -1;
	for (size_t i = 0; i < text.len; i += 4)
	{
		const unsigned char *q = (const unsigned char *) text.at + i;
		int			pad = 0;
		int			word;

		if (i + 4 == text.len && q[3] == '=')
			pad = q[2] == '=' ? 2 : 1;
		if ((table[q[0]] | table[q[1]]) < 0 ||
			(pad < 2 && table[q[2]] < 0) || (pad < 1 && table[q[3]] < 0))
			return -1;
		word = table[q[0]] << 18 | table[q[1]] << 12;
		if (pad < 2)
			word |= table[q[2]] << 6;
		if (pad < 1)
			word |= table[q[3]];
		if ((pad == 2 && (word & 0xffff)) || (pad == 1 && (word & 0xff)))
			return -1;
		*out++ = (char) (word >> 16);
		if (pad < 2)
			*out++ = (char) (word >> 8);
		if (pad < 1)
			*out++ = (char) word;
	}
	return out - start;
}

/* Encode; out has room for 4 bytes of every 3 begun.  Returns the length. */
size_t
base64_encode(Slice bytes, char *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *) bytes.at;
	char	   *start = out;

	for (size_t i = 0; i < bytes.len; i += 3)
	{
		size_t		left = bytes.len - i;
		unsigned	word = (unsigned) in[i] << 16;

		if (left > 1)
			word |= (unsigned) in[i + 1] << 8;
		if (left > 2)
			word |= in[i + 2];
		*out++ = alphabet[word >> 18];
		*out++ = alphabet[word >> 12 & 63];
		*out++ = left > 1 ? alphabet[word >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[word & 63] : '=';
	}
	return (size_t) (out - start);
}

static bool
read_digits(const char *p, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++)
	{
		if (!is_digit(p[i]))
			return false;
		*value = *value * 10 + (p[i] - '0');
	}
	return true;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t
days_from_civil(int year, int month, int day)
{
	int			era;
	int			of_era;
	int			of_year;

	year -= month <= 2;
	era = year / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return (int64_t) era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/*
 * timestamp_parse
 *		Read "2026-01-02T03:04:05.678Z", with 0 to 6 digits of fraction.
 *
 * *micros is in microseconds since 1970-01-01 UTC.
 */
bool
timestamp_parse(Slice text, int64_t *micros)
{
	const char *p = text.at;
	const char *end = text.at + text.len;
	int			year,
				month,
				day,
				hour,
				minute,
				second;
	int			fraction = 0;

	if (text.len < 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':')
		return false;
	if (!read_digits(p, 4, &year) || !read_digits(p + 5, 2, &month) ||
		!read_digits(p + 8, 2, &day) || !read_digits(p + 11, 2, &hour) ||
		!read_digits(p + 14, 2, &minute) || !read_digits(p + 17, 2, &second))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return false;
	p += 19;
	if (*p == '.')
	{
		int			unit = 100000;

		for (p++; p < end && is_digit(*p) && unit > 0; p++, unit /= 10)
			fraction += (*p - '0') * unit;
	}
	if (p + 1 != end || *p != 'Z')
		return false;
	*micros = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	*micros = *micros * 1000000 + fraction;
	return true;
}

/* Read a uuid in its canonical form: lower case, with hyphens. */
bool
uuid_parse(Slice text, uint8_t bytes[16])
{
	int			at = 0;

	if (text.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++)
	{
		int			high,
					low;

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (text.at[i] != '-')
				return false;
			continue;
		}
		if (text.at[i] >= 'A' && text.at[i] <= 'F')
			return false;
		high = hex_digit(text.at[i]);
		low = hex_digit(text.at[++i]);
		if (high < 0 || low < 0)
			return false;
		bytes[at++] = (uint8_t) (high << 4 | low);
	}
	return true;
}
