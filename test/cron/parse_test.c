/*-------------------------------------------------------------------------
 *
 * parse_test.c
 *		The language: what is read, what is refused, and H.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "cron/fields.h"
#include "tap.h"

/* Two spellings of one meaning. */
static void
expect_same(const char *a, const char *b)
{
	CronSpec	x = must_parse(a);
	CronSpec	y = must_parse(b);

	EXPECT(memcmp(&x, &y, sizeof(x)) == 0, "\"%s\" and \"%s\" differ", a, b);
}

static void
expect_refused(const char *text, CronStatus status, CronField field, const char *token)
{
	CronSpec	spec;
	CronError	error = {0};
	CronStatus	got = extsched_cron_parse(text, strlen(text), NULL, 0, true,
										  &spec, &error);

	EXPECT(got == status, "\"%s\": status %d instead of %d", text, got, status);
	if (got == CRON_OK)
		return;
	EXPECT(error.status == got, "\"%s\": status in the error is %d", text, error.status);
	EXPECT(error.field == field, "\"%s\": field %d instead of %d", text, error.field, field);
	EXPECT(strcmp(error.token, token) == 0, "\"%s\": token \"%s\" instead of \"%s\"",
		   text, error.token, token);
}

static void
test_spellings(void)
{
	begin_property("fields are separated by blanks and tabs, and may be surrounded by them");
	expect_same("1 2 3 4 *", " \t1\t \t2  3\t4 * \t");
	end_property();

	begin_property("lists, ranges and steps mean their values");
	expect_same("*/15 * * * *", "*/15,30 * * * *");
	expect_same("0-30/10 * * * *", "0,10,20,30 * * * *");
	expect_same("5-5 * * * *", "5 * * * *");
	expect_same("1-3,2-5 * * * *", "1,2,3,4,5 * * * *");
	expect_same("00 007 * * *", "0 7 * * *");
	end_property();

	begin_property("a/n goes from a to the end of the field");
	expect_same("50/5 * * * *", "50,55 * * * *");
	expect_same("0 20/1 * * *", "0 20,21,22,23 * * *");
	expect_same("0 0 25/3 * *", "0 0 25,28,31 * *");
	expect_same("0 0 * 9/2 *", "0 0 * 9,11 *");
	expect_same("0 0 * * 3/2", "0 0 * * 3,5,7");
	end_property();

	begin_property("names of months and weekdays are read in any case, in ranges and lists");
	expect_same("0 0 * jan,FEB,Mar-may *", "0 0 * 1-5 *");
	expect_same("0 0 * * mon-FRI", "0 0 * * 1-5");
	expect_same("0 0 * * Tue,4,sAt", "0 0 * * 2,4,6");
	expect_same("0 0 * jan-dec/3 *", "0 0 * 1,4,7,10 *");
	expect_same("0 0 * * fril,TUE#2", "0 0 * * 5L,2#2");
	end_property();

	begin_property("0 and 7 are Sunday, also at the end of a range");
	expect_same("0 0 * * 7", "0 0 * * 0");
	expect_same("0 0 * * 5-7", "0 0 * * 0,5,6");
	expect_same("0 0 * * fri-sun", "0 0 * * 0,5,6");
	expect_same("0 0 * * 0-7", "0 0 * * 0-6");
	expect_same("0 0 * * sun-tue", "0 0 * * 0-2");
	expect_same("0 0 * * sun-sun", "0 0 * * 0");
	expect_same("0 0 * * 7L,7#1", "0 0 * * 0L,0#1");
	end_property();

	begin_property("names with @ stand for five fields");
	expect_same("@hourly", "0 * * * *");
	expect_same("@daily", "0 0 * * *");
	expect_same("@midnight", "0 0 * * *");
	expect_same("@weekly", "0 0 * * 0");
	expect_same("@monthly", "0 0 1 * *");
	expect_same("@yearly", "0 0 1 1 *");
	expect_same(" @Annually ", "0 0 1 1 *");
	end_property();

	begin_property("L, W and # forms may stand in lists");
	expect_same("0 0 LW,l,L-3,15w *  *", "0 0 15W,L,L-3,LW * *");
	expect_same("0 0 * * 1#1,5L,3", "0 0 * * 3,5L,1#1");
	end_property();
}

static void
test_refusals(void)
{
	begin_property("an expression has exactly five fields");
	expect_refused("", CRON_EMPTY, CRON_FIELDS, "");
	expect_refused(" \t ", CRON_EMPTY, CRON_FIELDS, "");
	expect_refused("*", CRON_FIELD_COUNT, CRON_FIELDS, "*");
	expect_refused("* * * *", CRON_FIELD_COUNT, CRON_FIELDS, "* * * *");
	expect_refused("0 0 0 1 1 *", CRON_FIELD_COUNT, CRON_FIELDS, "0 0 0 1 1 *");
	expect_refused("0 0 1 1 * root", CRON_FIELD_COUNT, CRON_FIELDS, "0 0 1 1 * root");
	expect_refused("@daily now", CRON_FIELD_COUNT, CRON_FIELDS, "@daily now");
	end_property();

	begin_property("unknown names with @ and @reboot are refused");
	expect_refused("@reboot", CRON_NO_REBOOT, CRON_FIELDS, "@reboot");
	expect_refused("@dail", CRON_UNKNOWN_MACRO, CRON_FIELDS, "@dail");
	expect_refused("@dailyy", CRON_UNKNOWN_MACRO, CRON_FIELDS, "@dailyy");
	expect_refused("@", CRON_UNKNOWN_MACRO, CRON_FIELDS, "@");
	expect_refused("@every 5m", CRON_UNKNOWN_MACRO, CRON_FIELDS, "@every");
	end_property();

	begin_property("a value out of range is refused with field, value and limits");
	expect_refused("60 * * * *", CRON_VALUE_RANGE, CRON_MINUTE, "60");
	expect_refused("0 24 * * *", CRON_VALUE_RANGE, CRON_HOUR, "24");
	expect_refused("0 0 0 * *", CRON_VALUE_RANGE, CRON_DAY_OF_MONTH, "0");
	expect_refused("0 0 32 * *", CRON_VALUE_RANGE, CRON_DAY_OF_MONTH, "32");
	expect_refused("0 0 * 0 *", CRON_VALUE_RANGE, CRON_MONTH, "0");
	expect_refused("0 0 * 1-13 *", CRON_VALUE_RANGE, CRON_MONTH, "13");
	expect_refused("0 0 * * 8", CRON_VALUE_RANGE, CRON_DAY_OF_WEEK, "8");
	expect_refused("0 0 * * 1#6", CRON_VALUE_RANGE, CRON_DAY_OF_WEEK, "6");
	expect_refused("0 0 * * 1#0", CRON_VALUE_RANGE, CRON_DAY_OF_WEEK, "0");
	expect_refused("0 0 L-31 * *", CRON_VALUE_RANGE, CRON_DAY_OF_MONTH, "31");
	expect_refused("99 99 * * *", CRON_VALUE_RANGE, CRON_MINUTE, "99");
	end_property();

	begin_property("numbers that overflow are out of range, however long");
	expect_refused("4294967296 * * * *", CRON_VALUE_RANGE, CRON_MINUTE, "4294967296");
	expect_refused("18446744073709551617 * * * *", CRON_VALUE_RANGE, CRON_MINUTE,
				   "18446744073709551617");
	expect_refused("*/4294967297 * * * *", CRON_STEP_RANGE, CRON_MINUTE, "4294967297");
	end_property();

	begin_property("steps are 1 to the highest value of the field");
	expect_refused("*/0 * * * *", CRON_ZERO_STEP, CRON_MINUTE, "*/0");
	expect_refused("*/60 * * * *", CRON_STEP_RANGE, CRON_MINUTE, "60");
	expect_refused("0 */24 * * *", CRON_STEP_RANGE, CRON_HOUR, "24");
	expect_refused("0 0 */32 * *", CRON_STEP_RANGE, CRON_DAY_OF_MONTH, "32");
	expect_refused("0 0 * */13 *", CRON_STEP_RANGE, CRON_MONTH, "13");
	expect_refused("0 0 * * */8", CRON_STEP_RANGE, CRON_DAY_OF_WEEK, "8");
	expect_refused("5/0 * * * *", CRON_ZERO_STEP, CRON_MINUTE, "5/0");
	must_parse("*/59 */23 */31 */12 */7");
	end_property();

	begin_property("reversed ranges are refused");
	expect_refused("5-1 * * * *", CRON_REVERSED, CRON_MINUTE, "5-1");
	expect_refused("0 22-6 * * *", CRON_REVERSED, CRON_HOUR, "22-6");
	expect_refused("0 0 * dec-jan *", CRON_REVERSED, CRON_MONTH, "dec-jan");
	expect_refused("0 0 * * fri-0", CRON_REVERSED, CRON_DAY_OF_WEEK, "fri-0");
	expect_refused("0 0 * * 7-1", CRON_REVERSED, CRON_DAY_OF_WEEK, "7-1");
	expect_refused("H(9-3) * * * *", CRON_REVERSED, CRON_MINUTE, "H(9-3)");
	end_property();

	begin_property("empty list items are refused");
	expect_refused("1,,2 * * * *", CRON_EMPTY_ITEM, CRON_MINUTE, "");
	expect_refused(",1 * * * *", CRON_EMPTY_ITEM, CRON_MINUTE, "");
	expect_refused("0 1, * * *", CRON_EMPTY_ITEM, CRON_HOUR, "");
	end_property();

	begin_property("what is not understood completely is refused");
	expect_refused("? * * * *", CRON_SYNTAX, CRON_MINUTE, "?");
	expect_refused("0 0 ? * *", CRON_SYNTAX, CRON_DAY_OF_MONTH, "?");
	expect_refused("+5 * * * *", CRON_SYNTAX, CRON_MINUTE, "+5");
	expect_refused("-5 * * * *", CRON_SYNTAX, CRON_MINUTE, "-5");
	expect_refused("1- * * * *", CRON_SYNTAX, CRON_MINUTE, "1-");
	expect_refused("1--2 * * * *", CRON_SYNTAX, CRON_MINUTE, "1--2");
	expect_refused("1-2-3 * * * *", CRON_SYNTAX, CRON_MINUTE, "1-2-3");
	expect_refused("*/ * * * *", CRON_SYNTAX, CRON_MINUTE, "*/");
	expect_refused("*/2/3 * * * *", CRON_SYNTAX, CRON_MINUTE, "*/2/3");
	expect_refused("*5 * * * *", CRON_SYNTAX, CRON_MINUTE, "*5");
	expect_refused("** * * * *", CRON_SYNTAX, CRON_MINUTE, "**");
	expect_refused("1.5 * * * *", CRON_SYNTAX, CRON_MINUTE, "1.5");
	expect_refused("0x5 * * * *", CRON_SYNTAX, CRON_MINUTE, "0x5");
	expect_refused("mon * * * *", CRON_SYNTAX, CRON_MINUTE, "mon");
	expect_refused("0 0 * january *", CRON_SYNTAX, CRON_MONTH, "january");
	expect_refused("0 0 * * monday", CRON_SYNTAX, CRON_DAY_OF_WEEK, "monday");
	expect_refused("0 0 * * mo", CRON_SYNTAX, CRON_DAY_OF_WEEK, "mo");
	expect_refused("0 0 1-5W * *", CRON_SYNTAX, CRON_DAY_OF_MONTH, "1-5W");
	expect_refused("0 0 * * 1-5L", CRON_SYNTAX, CRON_DAY_OF_WEEK, "1-5L");
	expect_refused("0 0 * * 1#2/2", CRON_SYNTAX, CRON_DAY_OF_WEEK, "1#2/2");
	expect_refused("-- ,, // * *", CRON_SYNTAX, CRON_MINUTE, "--");
	expect_refused("0\n 0 * * *", CRON_SYNTAX, CRON_MINUTE, "0?");
	expect_refused("H(1-2 * * * *", CRON_SYNTAX, CRON_MINUTE, "H(1-2");
	expect_refused("H() * * * *", CRON_SYNTAX, CRON_MINUTE, "H()");
	expect_refused("H5 * * * *", CRON_SYNTAX, CRON_MINUTE, "H5");
	end_property();

	begin_property("digits and blanks are ASCII");
	expect_refused("\xd9\xa5 * * * *", CRON_SYNTAX, CRON_MINUTE, "??");
	expect_refused("\xef\xbc\x95 * * * *", CRON_SYNTAX, CRON_MINUTE, "???");
	expect_refused("5\xc2\xa0* * * * *", CRON_SYNTAX, CRON_MINUTE, "5??*");
	end_property();

	begin_property("a zero byte does not end an expression");
	{
		CronSpec	spec;
		CronError	error = {0};

		EXPECT(extsched_cron_parse("0 0 * * 1\0 1", 11, NULL, 0, true, &spec, &error) == CRON_SYNTAX ||
			   error.status == CRON_FIELD_COUNT, "accepted");
	}
	end_property();

	begin_property("L, W and # are refused in fields in which they mean nothing");
	expect_refused("L * * * *", CRON_WRONG_FIELD, CRON_MINUTE, "L");
	expect_refused("0 5L * * *", CRON_WRONG_FIELD, CRON_HOUR, "5L");
	expect_refused("0 0 5L * *", CRON_WRONG_FIELD, CRON_DAY_OF_MONTH, "5L");
	expect_refused("0 0 * * L", CRON_WRONG_FIELD, CRON_DAY_OF_WEEK, "L");
	expect_refused("0 0 * * 1W", CRON_WRONG_FIELD, CRON_DAY_OF_WEEK, "1W");
	expect_refused("0 0 1#1 * *", CRON_WRONG_FIELD, CRON_DAY_OF_MONTH, "1#1");
	end_property();

	begin_property("a field has one H at most, and none beside a star");
	expect_refused("H,H * * * *", CRON_HASH_LIST, CRON_MINUTE, "H");
	expect_refused("*/20,H * * * *", CRON_HASH_LIST, CRON_MINUTE, "H");
	expect_refused("H,* * * * *", CRON_HASH_LIST, CRON_MINUTE, "*");
	must_parse("H,30 H H H *");
	end_property();

	begin_property("H takes days of the month from 1 to 28 only");
	expect_refused("0 0 H(1-31) * *", CRON_VALUE_RANGE, CRON_DAY_OF_MONTH, "31");
	must_parse("0 0 H(1-28) * *");
	end_property();

	begin_property("each refusal has a detail and a hint in full sentences");
	for (int status = CRON_EMPTY; status <= CRON_NEEDS_KEY; status++)
	{
		CronError	error = {.status = (CronStatus) status, .field = CRON_HOUR};
		char		detail[256];
		size_t		len;

		if (status == CRON_NEVER)
			continue;
		extsched_cron_detail(&error, detail, sizeof(detail));
		len = strlen(detail);
		EXPECT(len < sizeof(detail) - 45, "detail of %d may be cut", status);
		EXPECT(detail[len - 1] == '.' && strstr(detail, "not valid") == NULL,
			   "detail of %d: %s", status, detail);
		EXPECT(strchr(extsched_cron_hint(&error), '.') != NULL, "hint of %d", status);
	}
	end_property();
}

static void
test_length(void)
{
	char		text[CRON_FORMAT_LEN + 10];
	CronSpec	spec;
	CronError	error = {0};

	begin_property("what is stored has at most 128 bytes");
	memset(text, '0', sizeof(text));
	memcpy(text + CRON_MAX_LEN - 8, " 1 * * *", 8);
	EXPECT(extsched_cron_check(text, CRON_MAX_LEN, false, 0, &spec, &error) == CRON_OK,
		   "128 bytes are refused");
	memset(text, '0', sizeof(text));
	memcpy(text + CRON_MAX_LEN - 7, " 1 * * *", 8);
	EXPECT(extsched_cron_check(text, CRON_MAX_LEN + 1, false, 0, &spec, &error) == CRON_TOO_LONG,
		   "129 bytes are accepted");
	end_property();
}

static void
test_day_rule(void)
{
	CronSpec	spec;
	CronError	error = {0};
	static const char *const both[] = {
		"0 0 1 * 1", "0 0 1-31 * 0-6", "0 0 H * H", "0 0 L * 5L", "0 0 1W * 2#1"
	};
	static const char *const one[] = {
		"0 0 * * 1", "0 0 1 * *", "0 0 */2 * 1", "0 0 1 * */2", "0 0 *,1 * 1"
	};

	begin_property("both day fields restricted is refused unless either day is allowed");
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
	{
		EXPECT(extsched_cron_parse(both[i], strlen(both[i]), NULL, 0, false,
								   &spec, &error) == CRON_BOTH_DAYS,
			   "\"%s\" is accepted", both[i]);
		must_parse(both[i]);
	}
	end_property();

	begin_property("a day field that begins with a star counts as unrestricted");
	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		EXPECT(extsched_cron_parse(one[i], strlen(one[i]), NULL, 0, false,
								   &spec, &error) == CRON_OK,
			   "\"%s\" is refused", one[i]);
	end_property();
}

static void
test_canonical(void)
{
	static const char *const pairs[][2] = {
		{"*/15 0-23 1-31 * *", "*/15 0-23 1-31 * *"},
		{"0,15,30,45 8,9 * jan,feb,mar *", "0-45/15 8,9 * 1-3 *"},
		{"1/7 * * * *", "1-57/7 * * * *"},
		{"*,5 */1 * * *", "* * * * *"},
		{"*/2,*/3 * * * *", "*/2,3-57/6 * * * *"},
		{"@weekly", "0 0 * * 0"},
		{"0 0 lw,3W,L,L-2 * *", "0 0 L,L-2,LW,3W * *"},
		{"0 0 * * 5l,mon#2,3", "0 0 * * 3,1#2,5L"},
		{"h H/2 h(1-7) H(3-9)/3 *", "H H/2 H(1-7) H(3-9)/3 *"},
		{"H(0-59) H(4-4) * * *", "H 4 * * *"}
	};
	char		text[256];
	char		canonical[CRON_FORMAT_LEN];
	char		again[CRON_FORMAT_LEN];

	begin_property("the canonical text is the shortest plain spelling of the sets");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		CronSpec	spec = must_parse(pairs[i][0]);

		extsched_cron_format(&spec, canonical);
		EXPECT(strcmp(canonical, pairs[i][1]) == 0, "\"%s\" gives \"%s\"",
			   pairs[i][0], canonical);
	}
	end_property();

	begin_property("reading the canonical text gives the same expression (100,000 random ones)");
	seed_random(5);
	for (int i = 0; i < 100000; i++)
	{
		CronSpec	spec;
		CronSpec	read;
		CronError	error = {0};

		random_expression(text, sizeof(text), true);
		if (extsched_cron_parse(text, strlen(text), NULL, 0, true, &spec, &error) != CRON_OK)
			continue;
		extsched_cron_format(&spec, canonical);
		read = must_parse(canonical);
		extsched_cron_format(&read, again);
		EXPECT(memcmp(&spec, &read, sizeof(spec)) == 0 && strcmp(canonical, again) == 0,
			   "\"%s\" becomes \"%s\", then \"%s\"", text, canonical, again);
	}
	end_property();
}

/* The id of schedule number i, as uuid_out would write it. */
static size_t
make_id(char *buf, size_t size, unsigned int i)
{
	uint64_t	a = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t	b = (a ^ a >> 31) * UINT64_C(0xd6e8feb86659fd93);

	return (size_t) snprintf(buf, size, "%08x-%04x-4%03x-%04x-%012llx",
							 (unsigned int) (a >> 32), (unsigned int) (a >> 16 & 0xffff),
							 (unsigned int) (a & 0xfff),
							 (unsigned int) (0x8000 | (b >> 50 & 0x3fff)),
							 (unsigned long long) (b & 0xffffffffffff));
}

static CronSpec
parse_with_key(const char *text, const char *key, size_t key_len)
{
	CronSpec	spec = {0};
	CronError	error = {0};

	if (extsched_cron_parse(text, strlen(text), key, key_len, true, &spec, &error) != CRON_OK)
		fail("\"%s\" is refused", text);
	return spec;
}

/* How many of 100,000 ids get each value of a field; the largest share. */
static void
expect_even(const char *text, CronField field, int first, int last)
{
	int			counts[64] = {0};
	int			most = 0;
	int			values = last - first + 1;

	for (unsigned int i = 0; i < 100000; i++)
	{
		char		id[64];
		size_t		len = make_id(id, sizeof(id), i);
		CronSpec	spec = parse_with_key(text, id, len);
		uint64_t	set = field_get(&spec, field);

		EXPECT(set != 0 && (set & (set - 1)) == 0, "not one value");
		counts[__builtin_ctzll(set)]++;
	}
	for (int v = 0; v < 64; v++)
	{
		EXPECT(counts[v] == 0 || (v >= first && v <= last), "value %d is given", v);
		most = counts[v] > most ? counts[v] : most;
	}
	EXPECT((double) most * values / 100000 <= 1.15, "\"%s\": %d of 100,000 get the same of %d values",
		   text, most, values);
}

static void
test_hash(void)
{
	static const struct
	{
		const char *text;
		const char *key;
		const char *canonical;
	}			golden[] = {
		{"H H H H H", "00000000-0000-0000-0000-000000000000", "4 20 27 4 4"},
		{"H H H H H", "6b0e6a2c-8f6e-4f0e-9f7d-0d9a3c1f2b11", "51 16 18 4 4"},
		{"H H H H H", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "0 2 28 1 5"},
		{"H/15 H(9-17) * * *", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "0-45/15 11 * * *"},
		{"H(0-29)/10 H/6 H(1-7) * *", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "0-20/10 2-20/6 7 * *"},
		{"H H * * H(1-5)", "0191e6c5-7b7a-7cc2-8d2e-3f1d2a9b6c10", "48 20 * * 3"},
		{"H H(0-7) * * *", "", "28 1 * * *"}
	};
	char		canonical[CRON_FORMAT_LEN];

	begin_property("H is stable for ever (golden values)");
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++)
	{
		CronSpec	spec = parse_with_key(golden[i].text, golden[i].key, strlen(golden[i].key));

		extsched_cron_format(&spec, canonical);
		EXPECT(strcmp(canonical, golden[i].canonical) == 0, "\"%s\" of %s is \"%s\"",
			   golden[i].text, golden[i].key, canonical);
		EXPECT(!spec.needs_key, "still needs a key");
	}
	end_property();

	begin_property("H spreads 100,000 ids evenly: no value gets over 1.15 times its share");
	expect_even("H 0 1 1 *", CRON_MINUTE, 0, 59);
	expect_even("0 H 1 1 *", CRON_HOUR, 0, 23);
	expect_even("0 0 H 1 *", CRON_DAY_OF_MONTH, 1, 28);
	expect_even("0 0 1 H *", CRON_MONTH, 1, 12);
	expect_even("0 0 * 1 H", CRON_DAY_OF_WEEK, 0, 6);
	expect_even("H(10-29) 0 1 1 *", CRON_MINUTE, 10, 29);
	end_property();

	begin_property("minute and hour of one id are independent");
	{
		static int	counts[60][24];
		int			most = 0;

		for (unsigned int i = 0; i < 100000; i++)
		{
			char		id[64];
			size_t		len = make_id(id, sizeof(id), i);
			CronSpec	spec = parse_with_key("H H * * *", id, len);
			int		   *count = &counts[__builtin_ctzll(spec.minutes)]
				[__builtin_ctz(spec.hours)];

			most = ++*count > most ? *count : most;
		}
		/* 69 each on average; independent values stay far below this */
		EXPECT(most < 140, "%d ids share a minute of the day", most);
	}
	end_property();

	begin_property("H/n begins within the first n values and keeps the step");
	for (unsigned int i = 0; i < 1000; i++)
	{
		char		id[64];
		size_t		len = make_id(id, sizeof(id), i);
		CronSpec	spec = parse_with_key("H/15 H(8-18)/4 * * *", id, len);
		int			first = __builtin_ctzll(spec.minutes);
		int			hour = __builtin_ctz(spec.hours);

		EXPECT(first < 15 && __builtin_popcountll(spec.minutes) == 4 &&
			   (spec.minutes >> first & UINT64_C(0x200040008001)) == UINT64_C(0x200040008001),
			   "minutes of %s", id);
		EXPECT(hour >= 8 && hour < 12 && (spec.hours & ~UINT32_C(0x7ff00)) == 0,
			   "hours of %s", id);
	}
	end_property();

	begin_property("an H without key has no next time");
	{
		CronSpec	spec = must_parse("H * * * *");
		int64_t		next;

		EXPECT(spec.needs_key, "needs no key");
		EXPECT(extsched_cron_next(&spec, NULL, 0, &next, NULL) == CRON_NEEDS_KEY, "has a next time");
	}
	end_property();
}

void
test_parse(void)
{
	test_spellings();
	test_refusals();
	test_length();
	test_day_rule();
	test_canonical();
	test_hash();
}
