/*-------------------------------------------------------------------------
 *
 * json.c
 *		The few members of a JSON object that decide about a run.
 *
 * Replies come from a Runner that may be hostile, and are judged between
 * transactions.  The parser of the server raises an error for deep nesting
 * and looks into catalogs to convert \u escapes where the database is not in
 * UTF-8, so it can be used neither safely nor at that moment; and a tree is
 * not needed.  This is a scanner: it checks the whole document against RFC
 * 8259 without recursion and without memory of its own, and remembers where
 * the wanted members of the outermost object are.
 *
 * Bytes above 0x7f are passed on unseen; who takes a string out of here makes
 * it valid (extsched_utf8_clean()).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "dispatch/json.h"

typedef struct Scanner
{
	const char *at;
	const char *end;
	const char *problem;		/* NULL while all is well */
} Scanner;

static bool
fail(Scanner *scanner, const char *problem)
{
	if (scanner->problem == NULL)
		scanner->problem = problem;
	return false;
}

static inline int
peek(const Scanner *scanner)
{
	return scanner->at < scanner->end ? (unsigned char) *scanner->at : -1;
}

static void
skip_blanks(Scanner *scanner)
{
	while (scanner->at < scanner->end &&
		   (*scanner->at == ' ' || *scanner->at == '\t' ||
			*scanner->at == '\n' || *scanner->at == '\r'))
		scanner->at++;
}

static inline bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Value of a hexadecimal digit, or -1. */
static inline int
hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* At a quote: to behind the closing one. */
static bool
scan_string(Scanner *scanner)
{
	for (scanner->at++; scanner->at < scanner->end; scanner->at++)
	{
		unsigned char c = *scanner->at;

		if (c == '"')
		{
			scanner->at++;
			return true;
		}
		if (c < ' ')
			return fail(scanner, "a string contains a control character");
		if (c != '\\')
			continue;
		scanner->at++;
		if (peek(scanner) == 'u')
		{
			for (int i = 0; i < 4; i++)
			{
				scanner->at++;
				if (hex_value(peek(scanner)) < 0)
					return fail(scanner, "a string contains a malformed escape");
			}
		}
		else if (peek(scanner) <= 0 || strchr("\"\\/bfnrt", peek(scanner)) == NULL)
			return fail(scanner, "a string contains a malformed escape");
	}
	return fail(scanner, "it ends inside of a string");
}

static bool
scan_digits(Scanner *scanner)
{
	if (!is_digit(peek(scanner)))
		return fail(scanner, "a number is malformed");
	while (is_digit(peek(scanner)))
		scanner->at++;
	return true;
}

static bool
scan_number(Scanner *scanner)
{
	if (peek(scanner) == '-')
		scanner->at++;
	if (peek(scanner) == '0')
		scanner->at++;
	else if (!scan_digits(scanner))
		return false;
	if (peek(scanner) == '.')
	{
		scanner->at++;
		if (!scan_digits(scanner))
			return false;
	}
	if (peek(scanner) == 'e' || peek(scanner) == 'E')
	{
		scanner->at++;
		if (peek(scanner) == '+' || peek(scanner) == '-')
			scanner->at++;
		return scan_digits(scanner);
	}
	return true;
}

static bool
scan_word(Scanner *scanner, const char *word)
{
	size_t		len = strlen(word);

	if (scanner->end - scanner->at < len || memcmp(scanner->at, word, len) != 0)
		return fail(scanner, "a value is malformed");
	scanner->at += len;
	return true;
}

/* A value without members, or the opening bracket of one with. */
static bool
scan_value_start(Scanner *scanner, ExtschedJsonKind *kind)
{
	switch (peek(scanner))
	{
		case '{':
			*kind = EXTSCHED_JSON_OBJECT;
			scanner->at++;
			return true;
		case '[':
			*kind = EXTSCHED_JSON_ARRAY;
			scanner->at++;
			return true;
		case '"':
			*kind = EXTSCHED_JSON_STRING;
			return scan_string(scanner);
		case 't':
			*kind = EXTSCHED_JSON_BOOLEAN;
			return scan_word(scanner, "true");
		case 'f':
			*kind = EXTSCHED_JSON_BOOLEAN;
			return scan_word(scanner, "false");
		case 'n':
			*kind = EXTSCHED_JSON_NULL;
			return scan_word(scanner, "null");
		case -1:
			return fail(scanner, "it ends where a value should be");
		default:
			*kind = EXTSCHED_JSON_NUMBER;
			if (peek(scanner) != '-' && !is_digit(peek(scanner)))
				return fail(scanner, "a value is malformed");
			return scan_number(scanner);
	}
}

/* A key and its colon. */
static bool
scan_key(Scanner *scanner, ExtschedJsonValue *key)
{
	key->kind = EXTSCHED_JSON_STRING;
	key->start = scanner->at;
	if (peek(scanner) != '"')
		return fail(scanner, "a key is missing");
	if (!scan_string(scanner))
		return false;
	key->len = scanner->at - key->start;
	skip_blanks(scanner);
	if (peek(scanner) != ':')
		return fail(scanner, "a colon is missing");
	scanner->at++;
	skip_blanks(scanner);
	return true;
}

/*
 * Scan one value with everything in it.  The open brackets are kept in a bit
 * for each level: set for an object.
 */
static bool
scan_value(Scanner *scanner, ExtschedJsonValue *value)
{
	uint8		is_object[EXTSCHED_JSON_DEPTH / 8] = {0};
	int			depth = 0;
	ExtschedJsonKind kind;
	ExtschedJsonValue key;

	value->start = scanner->at;
	for (bool is_first = true;; is_first = false)
	{
		if (!scan_value_start(scanner, &kind))
			return false;
		if (is_first)
			value->kind = kind;

		if (kind == EXTSCHED_JSON_OBJECT || kind == EXTSCHED_JSON_ARRAY)
		{
			if (depth == EXTSCHED_JSON_DEPTH)
				return fail(scanner, "it is nested too deeply");
			if (kind == EXTSCHED_JSON_OBJECT)
				is_object[depth / 8] |= 1 << depth % 8;
			else
				is_object[depth / 8] &= ~(1 << depth % 8);
			depth++;
			skip_blanks(scanner);
			if (peek(scanner) != (kind == EXTSCHED_JSON_OBJECT ? '}' : ']'))
			{
				if (kind == EXTSCHED_JSON_OBJECT && !scan_key(scanner, &key))
					return false;
				continue;
			}
		}

		/* Behind a value: close what ends here, up to a comma. */
		while (depth > 0)
		{
			bool		in_object = (is_object[(depth - 1) / 8] >> (depth - 1) % 8) & 1;

			skip_blanks(scanner);
			if (peek(scanner) == ',')
			{
				scanner->at++;
				skip_blanks(scanner);
				if (in_object && !scan_key(scanner, &key))
					return false;
				break;
			}
			if (peek(scanner) != (in_object ? '}' : ']'))
				return fail(scanner, "a comma or a bracket is missing");
			scanner->at++;
			depth--;
		}
		if (depth == 0)
			break;
	}
	value->len = scanner->at - value->start;
	return true;
}

/* Whether a key, as written, is this word.  Wanted keys are short. */
static bool
is_key(const ExtschedJsonValue *key, const char *word)
{
	char		bytes[64];
	size_t		len;

	/* An escaped character is at most six bytes long. */
	if (key->len > sizeof(bytes))
		return false;
	len = extsched_json_unescape(key, bytes);
	return len == strlen(word) && memcmp(bytes, word, len) == 0;
}

/*
 * extsched_json_find
 *		Find members of the object that a text consists of.
 *
 * json need not be terminated.  Sets the value of each of the n members, of
 * kind EXTSCHED_JSON_ABSENT when the object has no such key; of equal keys the
 * last one counts, as in jsonb.  Keys longer than 64 bytes are never found.
 *
 * Returns NULL when the text is one valid object, else what is wrong with it:
 * a sentence without subject ("it ends inside of a string").  Raises no error,
 * allocates nothing.
 */
const char *
extsched_json_find(const char *json, size_t len, ExtschedJsonMember *members, int n)
{
	Scanner		scanner = {.at = json, .end = json + len};
	ExtschedJsonValue key;
	ExtschedJsonValue value;

	for (int i = 0; i < n; i++)
		members[i].value.kind = EXTSCHED_JSON_ABSENT;

	skip_blanks(&scanner);
	if (peek(&scanner) == -1)
		return "it is empty";
	if (peek(&scanner) != '{')
	{
		if (!scan_value(&scanner, &value))
			return scanner.problem;
		return "it is no object";
	}
	scanner.at++;
	skip_blanks(&scanner);
	if (peek(&scanner) == '}')
		scanner.at++;
	else
	{
		for (;;)
		{
			if (!scan_key(&scanner, &key) || !scan_value(&scanner, &value))
				return scanner.problem;
			for (int i = 0; i < n; i++)
			{
				if (is_key(&key, members[i].key))
					members[i].value = value;
			}
			skip_blanks(&scanner);
			if (peek(&scanner) == '}')
			{
				scanner.at++;
				break;
			}
			if (peek(&scanner) != ',')
				return "a comma or a bracket is missing";
			scanner.at++;
			skip_blanks(&scanner);
		}
	}
	skip_blanks(&scanner);
	return scanner.at == scanner.end ? NULL : "something follows the object";
}

/* The four digits of a \u escape, which were checked before. */
static uint32
unescape_hex(const char *digits)
{
	uint32		code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32) hex_value(digits[i]);
	return code;
}

/* Write a code point as UTF-8, at most four bytes; return their number. */
static size_t
put_utf8(uint32 code, char *bytes)
{
	if (code < 0x80)
	{
		bytes[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		bytes[0] = (char) (0xC0 | code >> 6);
		bytes[1] = (char) (0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000)
	{
		bytes[0] = (char) (0xE0 | code >> 12);
		bytes[1] = (char) (0x80 | (code >> 6 & 0x3F));
		bytes[2] = (char) (0x80 | (code & 0x3F));
		return 3;
	}
	bytes[0] = (char) (0xF0 | code >> 18);
	bytes[1] = (char) (0x80 | (code >> 12 & 0x3F));
	bytes[2] = (char) (0x80 | (code >> 6 & 0x3F));
	bytes[3] = (char) (0x80 | (code & 0x3F));
	return 4;
}

/*
 * extsched_json_unescape
 *		What a string stands for.
 *
 * string is one that extsched_json_find() found.  Writes at most string->len
 * bytes, without terminator, and returns how many.  NUL, lone surrogates (as
 * three bytes) and invalid UTF-8 come out as they are.
 */
size_t
extsched_json_unescape(const ExtschedJsonValue *string, char *bytes)
{
	const char *at = string->start + 1;
	const char *end = string->start + string->len - 1;
	char	   *out = bytes;

	while (at < end)
	{
		static const char escapes[] = "\"\\/bfnrt";
		static const char meanings[] = "\"\\/\b\f\n\r\t";
		uint32		code;

		if (*at != '\\')
		{
			*out++ = *at++;
			continue;
		}
		if (at[1] != 'u')
		{
			*out++ = meanings[strchr(escapes, at[1]) - escapes];
			at += 2;
			continue;
		}
		code = unescape_hex(at + 2);
		at += 6;
		if (code >= 0xD800 && code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u')
		{
			uint32		low = unescape_hex(at + 2);

			if (low >= 0xDC00 && low < 0xE000)
			{
				code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
				at += 6;
			}
		}
		out += put_utf8(code, out);
	}
	return out - bytes;
}
