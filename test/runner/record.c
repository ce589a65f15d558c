/*-------------------------------------------------------------------------
 *
 * record.c
 *		Record every arrival in constant time.
 *
 * Arrivals are kept in one array whose address space is reserved at start:
 * nothing is ever copied to grow it, and only pages that hold arrivals use
 * memory.  Past its end arrivals are still counted, as "unrecorded", so that
 * a test can see that its figures are not whole.
 *
 * An open-addressed table from idempotency key to its attempts tells retries
 * from redeliveries.  It holds 64-bit hashes: two of a million keys collide
 * with a probability below 1e-7, which is taken.
 *
 * Locking: record_lock guards every static variable below, except in_flight
 * and max_in_flight, which are atomic.
 *
 *-------------------------------------------------------------------------
 */
#include "record_internal.h"

#include "delay.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What is known of one idempotency key. */
typedef struct KeyEntry
{
	uint64_t	hash;			/* 0: free */
	uint64_t	attempts;		/* bit n - 1: attempt n arrived; 63 and up share */
} KeyEntry;

pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;
Record		record;

static KeyEntry *keys = NULL;
static size_t keys_size = 0;	/* a power of 2 */
static size_t keys_used = 0;

static int	in_flight = 0;
static int	max_in_flight = 0;

static uint64_t
hash_bytes(const char *bytes, size_t len)
{
	uint64_t	hash = UINT64_C(0x9e3779b97f4a7c15) ^ len;

	while (len >= 8)
	{
		uint64_t	word;

		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
		bytes += 8;
		len -= 8;
	}
	while (len-- > 0)
		hash = (hash ^ (unsigned char) *bytes++) * UINT64_C(0x100000001b3);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 32;
	return hash ? hash : 1;
}

/*
 * The number of a text that repeats; INTERN_OTHER when the table is full.  The
 * table is never emptied, so a number always means the same text.
 */
static uint16_t
intern(const char *text)
{
	Intern	   *table = &record.intern;
	size_t		len = strlen(text);
	uint64_t	hash = hash_bytes(text, len);
	size_t		at = hash % INTERN_SLOTS;

	while (table->slots[at] != 0)
	{
		uint16_t	number = table->slots[at];

		if (table->hashes[number] == hash && strcmp(table->texts[number], text) == 0)
			return number;
		at = (at + 1) % INTERN_SLOTS;
	}
	if (table->used == INTERN_MAX)
		return INTERN_OTHER;
	table->used++;
	table->slots[at] = table->used;
	table->hashes[table->used] = hash;
	table->texts[table->used] = strdup(text);
	if (table->texts[table->used] == NULL)
		abort();
	return table->used;
}

static KeyEntry *
find_key(KeyEntry *table, size_t size, uint64_t hash)
{
	size_t		at = hash & (size - 1);

	while (table[at].hash != 0 && table[at].hash != hash)
		at = (at + 1) & (size - 1);
	return &table[at];
}

static void
grow_keys(void)
{
	size_t		new_size = keys_size ? keys_size * 2 : 1 << 16;
	KeyEntry   *table = calloc(new_size, sizeof(*table));

	if (table == NULL)
		abort();
	for (size_t i = 0; i < keys_size; i++)
		if (keys[i].hash != 0)
			*find_key(table, new_size, keys[i].hash) = keys[i];
	free(keys);
	keys = table;
	keys_size = new_size;
}

/* Note key and attempt of an arrival, and what that makes of it. */
static void
note_key(Arrival *arrival, const char *key, int64_t attempt)
{
	uint64_t	bit = UINT64_C(1) << (attempt < 1 ? 0 : attempt > 64 ? 63 : attempt - 1);
	uint64_t	hash = hash_bytes(key, strlen(key));
	KeyEntry   *entry;

	if (keys_used * 2 >= keys_size)
		grow_keys();
	entry = find_key(keys, keys_size, hash);
	arrival->is_first_of_key = entry->hash == 0;
	arrival->is_redelivery = (entry->attempts & bit) != 0;
	if (entry->hash == 0)
		keys_used++;
	entry->hash = hash;
	entry->attempts |= bit;
}

static void
fill_arrival(Arrival *arrival, const Execute *request, int64_t arrived_us, uint8_t answer)
{
	const char *key = request->headers.idempotency_key ? request->headers.idempotency_key : "";

	arrival->arrived_us = arrived_us;
	arrival->nominal_us = request->nominal_us;
	memcpy(arrival->request_id, request->request_id, 16);
	memcpy(arrival->install_id, request->install_id, 16);
	memcpy(arrival->schedule_id, request->schedule_id, 16);
	arrival->attempt = (uint32_t) request->attempt;
	arrival->tenant = intern(request->tenant);
	arrival->path = intern(request->path);
	arrival->fence = intern(request->headers.fence ? request->headers.fence : "");
	arrival->trigger = (uint8_t) request->trigger;
	arrival->method = (uint8_t) request->method;
	arrival->answer = answer;
	arrival->is_violation = request->violation[0] != '\0';
	snprintf(arrival->key, KEY_SIZE, "%s", key);
	note_key(arrival, key, request->attempt);
}

/*
 * record_arrival
 *		Record one execute request; answer is how it will be answered.
 */
void
record_arrival(const Execute *request, int64_t arrived_us, uint8_t answer)
{
	uint64_t	count;

	pthread_mutex_lock(&record_lock);
	if (record.used < record.size)
		fill_arrival(&record.arrivals[record.used++], request, arrived_us, answer);
	else
		record.unrecorded++;
	if (request->is_malformed)
		record.malformed++;
	if (request->violation[0] != '\0' && record.violations++ == 0)
		memcpy(record.first_violation, request->violation, VIOLATION_SIZE);
	count = record.used + record.unrecorded;
	pthread_mutex_unlock(&record_lock);
	delay_happened(DELAY_ARRIVAL, count);
}

/*
 * record_raw
 *		Keep the last request as it came: headers as name NUL value NUL, body.
 */
void
record_raw(const char *headers, size_t headers_len, Slice body)
{
	pthread_mutex_lock(&record_lock);
	record.last_headers.len = 0;
	text_add_bytes(&record.last_headers, (Slice) {headers, headers_len});
	record.last_body.len = 0;
	text_add_bytes(&record.last_body, body);
	pthread_mutex_unlock(&record_lock);
}

/* A request begins (1) or is over (-1). */
void
record_in_flight(int change)
{
	int			now = __atomic_add_fetch(&in_flight, change, __ATOMIC_RELAXED);
	int			max = __atomic_load_n(&max_in_flight, __ATOMIC_RELAXED);

	while (now > max && !__atomic_compare_exchange_n(&max_in_flight, &max, now, true,
													 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void
record_in_flight_now(int *now, int *max)
{
	*now = __atomic_load_n(&in_flight, __ATOMIC_RELAXED);
	*max = __atomic_load_n(&max_in_flight, __ATOMIC_RELAXED);
}

void
record_fault_error(void)
{
	pthread_mutex_lock(&record_lock);
	record.fault_errors++;
	pthread_mutex_unlock(&record_lock);
}

uint64_t
record_count(void)
{
	uint64_t	count;

	pthread_mutex_lock(&record_lock);
	count = record.used + record.unrecorded;
	pthread_mutex_unlock(&record_lock);
	return count;
}

/* Forget every arrival; requests in flight stay counted as such. */
void
record_reset(void)
{
	pthread_mutex_lock(&record_lock);
	record.used = 0;
	record.unrecorded = 0;
	record.malformed = 0;
	record.violations = 0;
	record.fault_errors = 0;
	record.first_violation[0] = '\0';
	record.last_headers.len = 0;
	record.last_body.len = 0;
	keys_used = 0;
	if (keys_size > 0)
		memset(keys, 0, keys_size * sizeof(*keys));
	__atomic_store_n(&max_in_flight, __atomic_load_n(&in_flight, __ATOMIC_RELAXED),
					 __ATOMIC_RELAXED);
	pthread_mutex_unlock(&record_lock);
	delay_happened(DELAY_ARRIVAL, 0);
}

bool
record_start(size_t max_arrivals)
{
	record.size = max_arrivals;
	record.arrivals = mmap(NULL, max_arrivals * sizeof(Arrival), PROT_READ | PROT_WRITE,
						   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (record.arrivals == MAP_FAILED)
		return false;
	/* a fault for each 4 kB would be a tenth of what an arrival costs */
	(void) madvise(record.arrivals, max_arrivals * sizeof(Arrival), MADV_HUGEPAGE);
	grow_keys();
	return true;
}
