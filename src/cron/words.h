/*-------------------------------------------------------------------------
 *
 * words.h
 *		What words.c and timewords.c share: bounded texts, lists and sets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_CRON_WORDS_H
#define EXTSCHED_CRON_WORDS_H

#include "cron/cron.h"

#define WORDS_ITEMS			128 /* more than any field can have */
#define WORDS_ITEM_LEN		64
#define WORDS_ORDINAL_LEN	16

/* A text that grows in a buffer, and is cut at its end. */
typedef struct Words
{
	char	   *buf;
	size_t		size;
	size_t		len;
} Words;

typedef struct WordList
{
	int			n;
	char		items[WORDS_ITEMS][WORDS_ITEM_LEN];
} WordList;

/* What a set of values looks like; step is 0 unless they are evenly spaced. */
typedef struct WordShape
{
	unsigned int low;
	unsigned int high;
	unsigned int count;
	unsigned int step;
} WordShape;

/* words.c */
extern void extsched_words_say(Words *words, const char *format,...)
	__attribute__((format(printf, 2, 3)));
extern void extsched_words_item(WordList *list, const char *format,...)
	__attribute__((format(printf, 2, 3)));
extern void extsched_words_say_list(Words *words, const WordList *list);
extern const char *extsched_words_ordinal(unsigned int n, char buf[WORDS_ORDINAL_LEN]);
extern WordShape extsched_words_shape(uint64_t set);
extern WordShape extsched_words_take_run(uint64_t *set);
extern void extsched_words_add_set(WordList *list, uint64_t set,
								   void (*value) (unsigned int n, char buf[WORDS_ITEM_LEN]));
extern void extsched_words_add_hash(WordList *list, const CronSpec *spec,
									CronField field, const char *noun,
									void (*value) (unsigned int n, char buf[WORDS_ITEM_LEN]));

/* timewords.c */
extern bool extsched_words_say_time(Words *words, const CronSpec *spec);

#endif							/* EXTSCHED_CRON_WORDS_H */
