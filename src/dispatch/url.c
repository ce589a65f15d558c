/*-------------------------------------------------------------------------
 *
 * url.c
 *		What may be the base URL of a Runner.
 *
 * The check uses the parser that will take the URL apart when a request is
 * sent, so that both agree on which part is the host.  Names are not resolved:
 * that the Runner exists is found out by sending.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "dispatch/url.h"

#define MAX_URL_BYTES 2048		/* as extsched.runner says */

/* Whether the parsed URL has this part. */
static bool
has_part(CURLU *url, CURLUPart part)
{
	char	   *text = NULL;
	bool		is_there = curl_url_get(url, part, &text, 0) == CURLUE_OK && text[0] != '\0';

	curl_free(text);
	return is_there;
}

static bool
has_scheme(CURLU *url, const char *scheme)
{
	char	   *text = NULL;
	bool		is_it = curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK &&
		pg_strcasecmp(text, scheme) == 0;

	curl_free(text);
	return is_it;
}

static const char *
check_parsed(CURLU *url, const char *base_url)
{
	if (curl_url_set(url, CURLUPART_URL, base_url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return "It is no absolute URL with a scheme and a host.";
	if (!has_scheme(url, "http") && !has_scheme(url, "https"))
		return "Its scheme is neither http nor https.";
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
		has_part(url, CURLUPART_OPTIONS))
		return "It contains credentials.";
	if (!has_part(url, CURLUPART_HOST))
		return "It has no host.";
	if (strpbrk(base_url, "?#") != NULL)
		return "It has a query or a fragment.";
	return NULL;
}

/*
 * extsched_url_check
 *		Find out whether requests may be sent below this URL.
 *
 * Returns NULL when they may, else what is wrong, as a full sentence that does
 * not repeat the URL: it may hold a password.  Raises no error.
 */
const char *
extsched_url_check(const char *base_url)
{
	CURLU	   *url;
	const char *problem;
	const char *authority;

	if (base_url[0] == '\0')
		return "It is empty.";
	if (strlen(base_url) > MAX_URL_BYTES)
		return "It is longer than 2048 bytes.";
	for (const char *c = base_url; *c; c++)
	{
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7f)
			return "It contains a blank, a control character or a character outside of ASCII.";
	}

	/* An empty user, as in http://@host, is no part for libcurl. */
	authority = strstr(base_url, "//");
	if (authority != NULL && memchr(authority + 2, '@', strcspn(authority + 2, "/?#\\")) != NULL)
		return "It contains credentials.";

	url = curl_url();
	if (url == NULL)
		return "There is not enough memory to check it.";
	problem = check_parsed(url, base_url);
	curl_url_cleanup(url);
	return problem;
}

/*
 * SQL: extsched.check_base_url(text).  Returns its argument, without slashes at
 * the end, when it may be the base URL of a Runner, else raises 22023.
 */
PG_FUNCTION_INFO_V1(extsched_check_base_url);
Datum
extsched_check_base_url(PG_FUNCTION_ARGS)
{
	char	   *base_url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *problem = extsched_url_check(base_url);
	size_t		len = strlen(base_url);

	if (problem != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid base URL of a Runner"),
				errdetail("base_url: %s", problem),
				errhint("Write an http or https URL without user, query and fragment, for example \"https://runner.internal:8080\"."));
	while (len > 0 && base_url[len - 1] == '/')
		len--;
	PG_RETURN_TEXT_P(cstring_to_text_with_len(base_url, (int) len));
}
