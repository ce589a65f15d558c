/*-------------------------------------------------------------------------
 *
 * fault.h
 *		The vocabulary of misbehaviour, and which of it a request asks for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RUNNER_FAULT_H
#define RUNNER_FAULT_H

#include "execute.h"

/* One bit for each word of the vocabulary; README.md explains each. */
typedef enum FaultWord
{
	FAULT_LATENCY_MS,
	FAULT_STATUS,
	FAULT_HTTP_STATUS,
	FAULT_RESET,
	FAULT_CUT,
	FAULT_HUGE,
	FAULT_ENDLESS,
	FAULT_DRIP_MS,
	FAULT_HANG,
	FAULT_HOLD,
	FAULT_RETRY_AFTER,
	FAULT_REDIRECT,
	FAULT_BODY,
	FAULT_BODY_B64,
	FAULT_EMPTY,
	FAULT_ERROR,
	FAULT_GZIP_BOMB,
	FAULT_TIMES,
	FAULT_PROBABILITY,
	FAULT_WORDS
} FaultWord;

/*
 * A fault as it was asked for.  Texts are slices of the request (or of the
 * text behind the server's default) and still have their JSON escapes when
 * is_json says so.
 */
typedef struct Fault
{
	uint32_t	words;			/* bit 1 << FaultWord */
	int64_t		numbers[FAULT_WORDS];
	Slice		texts[FAULT_WORDS];
	double		probability;
	bool		is_json;
	char		complaint[120]; /* why the fault cannot be read, "" when it can */
} Fault;

static inline bool
fault_has(const Fault *fault, FaultWord word)
{
	return (fault->words >> word & 1) != 0;
}

extern void fault_read_json(Fault *fault, Slice object);
extern bool fault_choose(Fault *fault, const Execute *request, const Fault *server_default,
						 char *config_text, size_t config_size);
extern size_t fault_text(const Fault *fault, FaultWord word, char *out, size_t size);
extern const char *fault_word_name(FaultWord word);

#endif							/* RUNNER_FAULT_H */
