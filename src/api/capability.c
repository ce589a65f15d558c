/*-------------------------------------------------------------------------
 *
 * capability.c
 *		Which capabilities there are, and which an install really has.
 *
 * An install has the defaults, plus what its version declares AND its
 * administrator granted.  Declaring alone grants nothing.  Evaluated on every
 * call and every dispatch from the two stored arrays, so that a revoke counts
 * at once; nothing is cached.
 *
 * Stored arrays hold trimmed, lower case names (see extsched_register_version
 * and extsched_install), and grants hold known names only, so that an unknown
 * name in a manifest can never become effective.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/capability.h"

/* Sorted; the table extsched.capability holds additions only. */
static const char *const known_capabilities[] = {
	"cap:client.read",
	"cap:context.read",
	"cap:http.fetch",
	"cap:invoice.manual.create",
	"cap:log.emit",
	"cap:scheduler.manage",
	"cap:secrets.get",
	"cap:service.read",
	"cap:storage.kv",
	"cap:ui.proxy",
	"cap:user.read",
};

static const char *const default_capabilities[] = {
	"cap:context.read",
	"cap:log.emit",
	"cap:user.read",
};

static bool
is_default(const char *name, size_t len)
{
	for (size_t i = 0; i < lengthof(default_capabilities); i++)
	{
		if (strlen(default_capabilities[i]) == len &&
			memcmp(default_capabilities[i], name, len) == 0)
			return true;
	}
	return false;
}

static bool
datum_equals(Datum datum, const char *name, size_t len)
{
	text	   *value = DatumGetTextPP(datum);

	return VARSIZE_ANY_EXHDR(value) == len && memcmp(VARDATA_ANY(value), name, len) == 0;
}

static bool
array_contains(ArrayType *array, const char *name, size_t len)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i] && datum_equals(elements[i], name, len))
			return true;
	}
	return false;
}

static int
compare_texts(const void *a, const void *b)
{
	text	   *left = DatumGetTextPP(*(const Datum *) a);
	text	   *right = DatumGetTextPP(*(const Datum *) b);
	size_t		left_len = VARSIZE_ANY_EXHDR(left);
	size_t		right_len = VARSIZE_ANY_EXHDR(right);
	int			order = memcmp(VARDATA_ANY(left), VARDATA_ANY(right), Min(left_len, right_len));

	if (order != 0)
		return order;
	return left_len < right_len ? -1 : left_len > right_len;
}

static ArrayType *
make_text_array(Datum *elements, int count)
{
	if (count == 0)
		return construct_empty_array(TEXTOID);
	return construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * extsched_capability_is_effective
 *		Does an install with these arrays have a capability?
 *
 * Raises no error.
 */
bool
extsched_capability_is_effective(const char *capability,
								 ArrayType *declared, ArrayType *granted)
{
	size_t		len = strlen(capability);

	return is_default(capability, len) ||
		(array_contains(declared, capability, len) && array_contains(granted, capability, len));
}

/*
 * extsched_capability_effective
 *		The effective capabilities as a text array: sorted by bytes, distinct.
 *
 * The result is in the current memory context.
 */
ArrayType *
extsched_capability_effective(ArrayType *declared, ArrayType *granted)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	Datum	   *effective;
	int			used = 0;

	deconstruct_array(declared, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	effective = palloc(sizeof(Datum) * (count + lengthof(default_capabilities)));
	for (size_t i = 0; i < lengthof(default_capabilities); i++)
		effective[used++] = CStringGetTextDatum(default_capabilities[i]);
	for (int i = 0; i < count; i++)
	{
		text	   *name;

		if (nulls[i])
			continue;
		name = DatumGetTextPP(elements[i]);
		if (!is_default(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) &&
			array_contains(granted, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)))
			effective[used++] = elements[i];
	}
	qsort(effective, used, sizeof(Datum), compare_texts);
	return make_text_array(effective, used);
}

PG_FUNCTION_INFO_V1(extsched_effective_capabilities);
Datum
extsched_effective_capabilities(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(extsched_capability_effective(PG_GETARG_ARRAYTYPE_P(0),
														PG_GETARG_ARRAYTYPE_P(1)));
}

PG_FUNCTION_INFO_V1(extsched_known_capabilities);
Datum
extsched_known_capabilities(PG_FUNCTION_ARGS)
{
	Datum		elements[lengthof(known_capabilities)];

	for (size_t i = 0; i < lengthof(known_capabilities); i++)
		elements[i] = CStringGetTextDatum(known_capabilities[i]);
	PG_RETURN_ARRAYTYPE_P(make_text_array(elements, lengthof(known_capabilities)));
}
