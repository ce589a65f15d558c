/* main.c: run all tests of src/cron; TAP on stdout. */
#include "tap.h"

int
main(void)
{
	test_parse();
	test_check();
	test_zone();
	test_next();
	test_words();
	return finish_tests();
}
