/*-------------------------------------------------------------------------
 *
 * tap.h
 *		What the unit tests of src/cron share: results as TAP, zone files, and a
 *		slow reference to compare with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_TEST_TAP_H
#define EXTSCHED_TEST_TAP_H

#include "cron/cron.h"

/* tap.c */
extern void begin_property(const char *name);
extern void fail(const char *format,...) __attribute__((format(printf, 1, 2)));
extern void end_property(void);
extern int	finish_tests(void);

/* Count a failure unless a condition holds. */
#define EXPECT(condition, ...) \
	do { \
		if (!(condition)) \
			fail(__VA_ARGS__); \
	} while (0)

extern uint64_t random_number(void);
extern void seed_random(uint64_t seed);
extern void random_expression(char *buf, size_t size, bool with_hash);

extern CronSpec must_parse(const char *text);
extern CronZone *load_zone(const char *name);
extern CronZone *build_zone(const char *footer, int count, const int64_t *times,
							const int32_t *offsets, int32_t first_offset);
extern int64_t parse_utc(const char *text);
extern const char *show_utc(int64_t utc);

/* reference.c */
extern bool reference_matches(const CronSpec *spec, int64_t local);
extern bool reference_window(const CronSpec *spec, const CronZone *zone,
							 int64_t after, int minutes, int64_t *times,
							 int *count);

/* the tests */
extern void test_parse(void);
extern void test_check(void);
extern void test_next(void);
extern void test_words(void);
extern void test_zone(void);

#endif							/* EXTSCHED_TEST_TAP_H */
