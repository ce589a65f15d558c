/*-------------------------------------------------------------------------
 *
 * uuid_text.c
 *		Ids as text, read without raising an error.
 *
 * The server's uuid_in raises, and PostgreSQL 15 has no soft way to call it.
 * The host face must answer for a malformed id, not raise, so the one plain
 * form that JSON carries is read here: 32 hexadecimal digits, with hyphens
 * after the 8th, 12th, 16th and 20th.  Any uuid version is an id.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/uuid_text.h"
#include "core/due.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * extsched_uuid_from_text
 *		Read an id; false when the text is none.  Blanks may follow it.
 */
bool
extsched_uuid_from_text(const char *text, pg_uuid_t *uuid)
{
	for (int i = 0; i < UUID_LEN; i++)
	{
		int			high;
		int			low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return false;
		if ((high = hex_value(text[0])) < 0 || (low = hex_value(text[1])) < 0)
			return false;
		uuid->data[i] = (high << 4) | low;
		text += 2;
	}
	while (*text == ' ')
		text++;
	return *text == '\0';
}

/* extsched_uuid_to_text: the canonical text of an id, palloc'd. */
char *
extsched_uuid_to_text(const pg_uuid_t *uuid)
{
	char	   *text = palloc(UUID_LEN * 2 + 5);

	extsched_due_hash_key(uuid, text);
	return text;
}
