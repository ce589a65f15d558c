/*-------------------------------------------------------------------------
 *
 * text.h
 *		Blanks around and inside the texts that callers give.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_TEXT_H
#define EXTSCHED_TEXT_H

/* The ASCII blanks, whatever the locale. */
static inline bool
extsched_text_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

extern char *extsched_text_trim(const char *text);

#endif							/* EXTSCHED_TEXT_H */
