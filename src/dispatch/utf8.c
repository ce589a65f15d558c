/*-------------------------------------------------------------------------
 *
 * utf8.c
 *		Text between Runners (UTF-8) and the database (any encoding).
 *
 * Runners are told and say everything in UTF-8.  What they say may be
 * anything: it is made valid by replacing, since a reply that cannot be stored
 * would be an outcome that is lost.  Conversions of the server need a
 * transaction when the database is not in UTF-8, and can fail for a character
 * that has no equivalent; both functions that convert therefore say when they
 * may be called, and replace instead of raising.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "dispatch/utf8.h"

static const char replacement[] = "\xEF\xBF\xBD";	/* U+FFFD */

/*
 * extsched_utf8_clean
 *		A valid text made from any bytes.
 *
 * Returns UTF-8 in the current context, at most max_bytes long and cut between
 * characters.  Each NUL and each byte that is part of no character becomes
 * U+FFFD.  Needs no transaction, raises no error but out of memory.
 */
char *
extsched_utf8_clean(const char *bytes, size_t len, size_t max_bytes)
{
	const unsigned char *in = (const unsigned char *) bytes;
	const unsigned char *end = in + len;
	char	   *clean;
	size_t		n = 0;

	/* No byte becomes more than three, and what is past the limit is unused. */
	clean = palloc(Min(len, max_bytes) * 3 + 1);
	while (in < end)
	{
		int			char_len = pg_utf_mblen(in);

		if (*in != '\0' && char_len <= end - in && pg_utf8_islegal(in, char_len))
		{
			if (n + char_len > max_bytes)
				break;
			memcpy(clean + n, in, char_len);
			n += char_len;
			in += char_len;
		}
		else
		{
			if (n + sizeof(replacement) - 1 > max_bytes)
				break;
			memcpy(clean + n, replacement, sizeof(replacement) - 1);
			n += sizeof(replacement) - 1;
			in++;
		}
	}
	clean[n] = '\0';
	return clean;
}

/*
 * Convert between two encodings of the server, one character at a time past
 * what has no equivalent, which becomes "?".  Needs a transaction.  Returns the
 * result in the current context.
 */
static char *
convert(const char *text, size_t len, int from, int to, size_t *result_len)
{
	Oid			proc = FindDefaultConversionProc(from, to);
	size_t		size = (len + 2) * MAX_CONVERSION_GROWTH;
	char	   *result;
	size_t		n = 0;

	if (!OidIsValid(proc) || size > MaxAllocSize)
	{
		*result_len = len;
		return pnstrdup(text, len);
	}
	result = palloc(size);		/* with the slack that the converter asks for */
	while (len > 0)
	{
		int			done = pg_do_encoding_conversion_buf(proc, from, to,
														 (unsigned char *) unconstify(char *, text),
														 (int) len,
														 (unsigned char *) result + n,
														 (int) (size - n), true);

		n += strlen(result + n);
		text += done;
		len -= done;
		if (len > 0)
		{
			int			char_len = pg_encoding_mblen_bounded(from, text);

			result[n++] = '?';
			text += Min((size_t) char_len, len);
			len -= Min((size_t) char_len, len);
		}
	}
	result[n] = '\0';
	*result_len = n;
	return result;
}

/*
 * extsched_utf8_to_server
 *		Valid UTF-8 in the encoding of the database, cut to max_bytes.
 *
 * NULL stays NULL.  Characters that the database cannot hold become "?".
 * Returns utf8 itself, cut in place, where nothing is to be converted (UTF-8;
 * SQL_ASCII, which takes any bytes), else a text in the current context; a
 * conversion needs a transaction.
 */
char *
extsched_utf8_to_server(char *utf8, size_t max_bytes)
{
	int			encoding = GetDatabaseEncoding();
	size_t		len;

	if (utf8 == NULL)
		return NULL;
	len = strlen(utf8);
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		utf8 = convert(utf8, len, PG_UTF8, encoding, &len);
	else
		encoding = PG_UTF8;
	if (len > max_bytes)
		utf8[pg_encoding_mbcliplen(encoding, utf8, (int) len, (int) max_bytes)] = '\0';
	return utf8;
}

/*
 * extsched_utf8_from_server
 *		Text of the database in UTF-8.
 *
 * Returns text itself where nothing is to be converted, else a text in the
 * current context; *utf8_len is its length in bytes, and '\0' follows it.  Returns
 * NULL when a database in SQL_ASCII holds bytes that are not UTF-8.  A
 * conversion needs a transaction.
 */
char *
extsched_utf8_from_server(char *text, size_t len, size_t *utf8_len)
{
	int			encoding = GetDatabaseEncoding();

	*utf8_len = len;
	if (encoding == PG_UTF8)
		return text;
	if (encoding == PG_SQL_ASCII)
		return pg_verify_mbstr(PG_UTF8, text, (int) len, true) ? text : NULL;
	return convert(text, len, encoding, PG_UTF8, utf8_len);
}
