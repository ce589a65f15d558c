/*-------------------------------------------------------------------------
 *
 * multi.c
 *		The limit: execute requests by a bare libcurl-multi loop.
 *
 *	multi URL CONNECTIONS COUNT
 *
 * What extsched's HTTP part could reach if nothing but HTTP were to be done:
 * no database, one body for all, handles used again and again.  Prints requests
 * a second and processor time of one.
 *
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define ID "0c9d8e7f-6a5b-4c3d-8e1f-a0b1c2d3e4f5"

static const char body[] =
	"{\"context\":{\"request_id\":\"" ID "\",\"tenant_id\":\"acme\",\"extension_id\":\"" ID "\","
	"\"install_id\":\"" ID "\",\"version_id\":\"" ID "\","
	"\"content_hash\":\"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\","
	"\"config\":{\"region\":\"eu\",\"level\":\"3\"},\"trigger\":\"schedule\",\"schedule_id\":\"" ID "\","
	"\"scheduled_for\":\"2026-01-02T03:05:00.000Z\",\"attempt\":1},"
	"\"http\":{\"method\":\"POST\",\"path\":\"/bench\",\"query\":{},\"headers\":{\"x-alga-tenant\":\"acme\","
	"\"x-alga-extension\":\"" ID "\"},\"body_b64\":\"eyJzb3VyY2UiOiAiYXV0by1zZXR1cCJ9\"},"
	"\"limits\":{\"timeout_ms\":30000},\"providers\":[\"cap:context.read\",\"cap:log.emit\","
	"\"cap:scheduler.manage\",\"cap:user.read\"]}";

static const char *const header_lines[] = {
	"content-type: application/json", "x-request-id: " ID, "x-idempotency-key: " ID, "x-alga-tenant: acme",
	"x-alga-extension: " ID, "x-extsched-fence: 7300000000000000000.1.42", "expect:", NULL
};

static size_t
discard(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) arg;
	return size * count;
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
	fprintf(stderr, "multi: %s\n", what);
	exit(1);
}

static CURL *
new_request(const char *url, struct curl_slist *headers)
{
	CURL	   *easy = curl_easy_init();

	if (easy == NULL)
		fail("out of memory");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long) sizeof(body) - 1);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	return easy;
}

/* Each handle that is done is sent again, until count are done. */
static void
run(CURLM *multi, long connections, long count)
{
	long		done = 0;
	long		started = connections;
	int			running;

	while (done < count)
	{
		CURLMsg    *message;
		int			left;

		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL)
		{
			CURL	   *easy = message->easy_handle;

			if (message->data.result != CURLE_OK)
				fail(curl_easy_strerror(message->data.result));
			done++;
			curl_multi_remove_handle(multi, easy);
			if (started++ < count)
				curl_multi_add_handle(multi, easy);
		}
		if (done < count)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
}

int
main(int argc, char **argv)
{
	struct curl_slist *headers = NULL;
	CURLM	   *multi = curl_multi_init();
	struct rusage usage;
	double		took;
	long		connections;
	long		count;

	if (argc != 4)
		fail("usage: multi URL CONNECTIONS COUNT");
	connections = atol(argv[2]);
	count = atol(argv[3]);
	for (int i = 0; header_lines[i] != NULL; i++)
		headers = curl_slist_append(headers, header_lines[i]);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
	for (long i = 0; i < connections && i < count; i++)
		curl_multi_add_handle(multi, new_request(argv[1], headers));

	took = seconds();
	run(multi, connections, count);
	took = seconds() - took;
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"per_s\": %.0f, \"cpu_us\": %.2f}\n", count / took,
		   (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6) / count * 1e6);
	return 0;
}
