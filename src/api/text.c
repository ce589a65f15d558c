/*-------------------------------------------------------------------------
 *
 * text.c
 *		Blanks around and inside the texts that callers give.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/text.h"

/*
 * extsched_text_trim
 *		A copy of a text without the blanks around it, palloc'd.
 */
char *
extsched_text_trim(const char *text)
{
	size_t		len;

	while (extsched_text_is_blank(*text))
		text++;
	len = strlen(text);
	while (len > 0 && extsched_text_is_blank(text[len - 1]))
		len--;
	return pnstrdup(text, len);
}
