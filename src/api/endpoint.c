/*-------------------------------------------------------------------------
 *
 * endpoint.c
 *		Paths and selectors of endpoints.
 *
 * A selector is "METHOD /path", a bare "/path", or the id of an endpoint.  One
 * function brings paths into their stored form, for manifests, selectors and
 * upgrades alike.  A bare path resolves by rule, never by the order of rows: it
 * means the one of GET and POST that exists, and is an error that names both
 * where both do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "api/endpoint.h"
#include "api/plan.h"
#include "api/text.h"
#include "api/uuid_text.h"

#define PATH_MAX_LEN 2048
#define METHOD_MAX_LEN 16

typedef struct EndpointRow
{
	pg_uuid_t	id;
	char	   *method;
	char	   *path;
	bool		is_schedulable;
} EndpointRow;

static PreparedStatement find_by_path = {
	.sql = "SELECT endpoint_id, method, path, schedulable FROM extsched.endpoint"
	" WHERE version_id = $1 AND path = $2 ORDER BY method",
	.nargs = 2,
	.types = {UUIDOID, TEXTOID},
};

static PreparedStatement find_by_id = {
	.sql = "SELECT endpoint_id, method, path, schedulable FROM extsched.endpoint"
	" WHERE version_id = $1 AND endpoint_id = $2",
	.nargs = 2,
	.types = {UUIDOID, UUIDOID},
};

/*
 * extsched_endpoint_normalize_path
 *		The stored form of a path: one leading slash, no repeated slashes.
 *
 * Blanks around it are trimmed.  A trailing slash and the case of letters
 * count.  Returns NULL when it can be no path: empty, over PATH_MAX_LEN bytes,
 * with '?' or '#', a blank or a control character inside.  The result is
 * palloc'd.  Source of the rule: CONTRACT, endpoints and selectors.
 */
char *
extsched_endpoint_normalize_path(const char *path)
{
	size_t		len;
	char	   *result;
	char	   *out;

	path = extsched_text_trim(path);
	len = strlen(path);
	if (len == 0 || len > PATH_MAX_LEN)
		return NULL;

	result = out = palloc(len + 2);
	*out++ = '/';
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = path[i];

		if (c <= ' ' || c == 0x7f || c == '?' || c == '#')
			return NULL;
		if (c == '/' && out[-1] == '/')
			continue;
		*out++ = c;
	}
	*out = '\0';
	return out - result <= PATH_MAX_LEN ? result : NULL;
}

static EndpointRow
read_row(int index)
{
	HeapTuple	tuple = SPI_tuptable->vals[index];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	bool		isnull;
	EndpointRow row;

	row.id = *DatumGetUUIDP(SPI_getbinval(tuple, desc, 1, &isnull));
	row.method = SPI_getvalue(tuple, desc, 2);
	row.path = SPI_getvalue(tuple, desc, 3);
	row.is_schedulable = DatumGetBool(SPI_getbinval(tuple, desc, 4, &isnull));
	return row;
}

static bool
is_callable_method(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "POST") == 0;
}

static void
refuse(EndpointMatch *match, EndpointStatus status, char *message)
{
	match->status = status;
	match->message = message;
}

/* Take a row, or say why no schedule may call it. */
static void
take_row(const EndpointRow *row, EndpointMatch *match)
{
	if (!is_callable_method(row->method))
		refuse(match, ENDPOINT_WRONG_METHOD,
			   psprintf("Endpoint \"%s %s\" cannot be scheduled: its method is %s, and only GET and POST may be scheduled.",
						row->method, row->path, row->method));
	else if (strpbrk(row->path, ":{}") != NULL)
		refuse(match, ENDPOINT_HAS_PARAMETERS,
			   psprintf("Endpoint \"%s %s\" cannot be scheduled: its path has parameters.",
						row->method, row->path));
	else if (!row->is_schedulable)
		refuse(match, ENDPOINT_OPTED_OUT,
			   psprintf("Endpoint \"%s %s\" cannot be scheduled: its manifest marks it as not schedulable.",
						row->method, row->path));
	else
	{
		match->status = ENDPOINT_FOUND;
		match->endpoint_id = row->id;
		match->method = row->method;
		match->path = row->path;
	}
}

static void
resolve_id(const pg_uuid_t *id, const pg_uuid_t *version, EndpointMatch *match)
{
	Datum		values[2] = {UUIDPGetDatum(version), UUIDPGetDatum(id)};

	if (extsched_plan_execute(&find_by_id, values, NULL, SPI_OK_SELECT, 1) == 0)
		refuse(match, ENDPOINT_UNKNOWN,
			   psprintf("The installed version has no endpoint with id %s.",
						extsched_uuid_to_text(id)));
	else
	{
		EndpointRow row = read_row(0);

		take_row(&row, match);
	}
}

static void
resolve_path(const char *method, const char *path, const pg_uuid_t *version,
			 EndpointMatch *match)
{
	Datum		values[2] = {UUIDPGetDatum(version), CStringGetTextDatum(path)};
	uint64		count = extsched_plan_execute(&find_by_path, values, NULL, SPI_OK_SELECT, 0);
	EndpointRow chosen = {.method = NULL};
	int			callable = 0;

	for (uint64 i = 0; i < count; i++)
	{
		EndpointRow row = read_row(i);
		bool		is_wanted;

		if (method != NULL)
			is_wanted = strcmp(row.method, method) == 0;
		else
		{
			is_wanted = is_callable_method(row.method);
			callable += is_wanted;
		}
		if (is_wanted || (method == NULL && chosen.method == NULL))
			chosen = row;
	}

	if (callable == 2)
		refuse(match, ENDPOINT_AMBIGUOUS,
			   psprintf("Path \"%s\" is ambiguous: write \"GET %s\" or \"POST %s\".", path, path, path));
	else if (chosen.method != NULL)
		take_row(&chosen, match);
	else if (count > 0)
		refuse(match, ENDPOINT_WRONG_METHOD,
			   psprintf("The installed version has no endpoint \"%s %s\"; that path has method %s.",
						method, path, read_row(0).method));
	else
		refuse(match, ENDPOINT_UNKNOWN,
			   method ? psprintf("The installed version has no endpoint \"%s %s\".", method, path) :
			   psprintf("The installed version has no endpoint with path \"%s\".", path));
}

/*
 * extsched_endpoint_resolve
 *		Find the endpoint that a selector names in a version.
 *
 * Inside SPI_connect.  selector is "METHOD /path" with the method in any case,
 * "/path", or an endpoint's id.  Fills *match; its texts are in the current
 * memory context.  Raises no error for a selector that names nothing.
 */
void
extsched_endpoint_resolve(const char *selector, const pg_uuid_t *version,
						  EndpointMatch *match)
{
	char		method[METHOD_MAX_LEN + 1];
	size_t		method_len = 0;
	char	   *path;
	pg_uuid_t	id;

	memset(match, 0, sizeof(*match));
	while (extsched_text_is_blank(*selector))
		selector++;

	if (extsched_uuid_from_text(selector, &id))
	{
		resolve_id(&id, version, match);
		return;
	}

	while (method_len < METHOD_MAX_LEN && isalpha((unsigned char) selector[method_len]))
	{
		method[method_len] = pg_ascii_toupper((unsigned char) selector[method_len]);
		method_len++;
	}
	method[method_len] = '\0';

	if ((method_len > 0 && !extsched_text_is_blank(selector[method_len])) ||
		strpbrk(selector, "?#") != NULL)
		path = NULL;
	else
	{
		const char *rest = selector + method_len;

		while (extsched_text_is_blank(*rest))
			rest++;
		path = *rest == '/' ? extsched_endpoint_normalize_path(rest) : NULL;
	}

	if (path == NULL)
		refuse(match, ENDPOINT_MALFORMED,
			   strpbrk(selector, "?#") != NULL ?
			   pstrdup("An endpoint cannot have a query or a fragment: remove what follows \"?\" or \"#\".") :
			   pstrdup("Write \"METHOD /path\", for example \"POST /api/sync\"."));
	else
		resolve_path(method_len > 0 ? method : NULL, path, version, match);
}

PG_FUNCTION_INFO_V1(extsched_normalize_path);
Datum
extsched_normalize_path(PG_FUNCTION_ARGS)
{
	char	   *path = extsched_endpoint_normalize_path(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (path == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(path));
}
