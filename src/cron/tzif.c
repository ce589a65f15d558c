/*-------------------------------------------------------------------------
 *
 * tzif.c
 *		Zone files (TZif, RFC 8536 and RFC 9636) to CronZone.
 *
 * The files are the machine's, but they may be cut off, replaced while they
 * are read, or come from a folder that an administrator made.  Each count and
 * index is therefore checked before it is used, and a file that is not
 * consistent is refused as a whole: a guess at an offset would be a wrong time.
 *
 * Of versions 2 to 4 only the 64-bit block and the footer are read; the 32-bit
 * block before them is skipped, as the RFC wants it.  Files that count leap
 * seconds are refused: their instants are not those of POSIX or PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cron/zone.h"

#define HEADER_LEN			44

/* More than any real zone needs; keeps sizes far from overflow. */
#define MAX_TRANSITIONS		20000

/* RFC 8536, 3.2: times should be above this; sums with offsets cannot overflow. */
#define MAX_TIME			(INT64_C(1) << 59)

typedef struct TzifBlock
{
	uint32_t	isutcnt;
	uint32_t	isstdcnt;
	uint32_t	leapcnt;
	uint32_t	timecnt;
	uint32_t	typecnt;
	uint32_t	charcnt;
	uint8_t		version;		/* 1 to 4 */
	int			time_size;		/* 4 or 8 bytes */
	const unsigned char *times;
	const unsigned char *indices;
	const unsigned char *types;
	const unsigned char *end;
} TzifBlock;

static uint32_t
get_u32(const unsigned char *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static int64_t
get_time(const TzifBlock *block, uint32_t i)
{
	const unsigned char *p = block->times + (size_t) i * (size_t) block->time_size;

	if (block->time_size == 4)
		return (int32_t) get_u32(p);
	return (int64_t) ((uint64_t) get_u32(p) << 32 | get_u32(p + 4));
}

static int32_t
get_offset(const TzifBlock *block, uint32_t type)
{
	return (int32_t) get_u32(block->types + 6 * (size_t) type);
}

/* Read a header and lay out the block behind it. */
static CronStatus
read_block(const unsigned char *at, const unsigned char *end, int time_size,
		   TzifBlock *block)
{
	uint64_t	size;

	if (end - at < 5 || memcmp(at, "TZif", 4) != 0)
		return CRON_ZONE_NOT_TZIF;
	if (end - at < HEADER_LEN)
		return CRON_ZONE_DAMAGED;
	/* later versions must stay readable as version 4 (RFC 9636, 3.1) */
	if (at[4] == 0)
		block->version = 1;
	else if (at[4] >= '2' && at[4] <= '9')
		block->version = (uint8_t) (at[4] - '0');
	else
		return CRON_ZONE_DAMAGED;
	block->isutcnt = get_u32(at + 20);
	block->isstdcnt = get_u32(at + 24);
	block->leapcnt = get_u32(at + 28);
	block->timecnt = get_u32(at + 32);
	block->typecnt = get_u32(at + 36);
	block->charcnt = get_u32(at + 40);
	block->time_size = time_size;
	if (block->timecnt > MAX_TRANSITIONS)
		return CRON_ZONE_DAMAGED;

	size = (uint64_t) block->timecnt * ((uint64_t) time_size + 1) +
		(uint64_t) block->typecnt * 6 + block->charcnt +
		(uint64_t) block->leapcnt * ((uint64_t) time_size + 4) +
		block->isstdcnt + block->isutcnt;
	at += HEADER_LEN;
	if (size > (uint64_t) (end - at))
		return CRON_ZONE_DAMAGED;
	block->times = at;
	block->indices = at + (size_t) block->timecnt * (size_t) time_size;
	block->types = block->indices + block->timecnt;
	block->end = at + size;
	return CRON_OK;
}

/* Check what the rest of this file relies on. */
static CronStatus
check_block(const TzifBlock *block)
{
	if (block->leapcnt != 0)
		return CRON_ZONE_LEAP;
	if (block->typecnt == 0 || block->typecnt > 256 || block->charcnt == 0 ||
		(block->isutcnt != 0 && block->isutcnt != block->typecnt) ||
		(block->isstdcnt != 0 && block->isstdcnt != block->typecnt))
		return CRON_ZONE_DAMAGED;
	for (uint32_t i = 0; i < block->typecnt; i++)
	{
		int32_t		offset = get_offset(block, i);

		if (offset < ZONE_MIN_OFFSET_S || offset > ZONE_MAX_OFFSET_S ||
			block->types[6 * i + 4] > 1 ||
			block->types[6 * i + 5] >= block->charcnt)
			return CRON_ZONE_DAMAGED;
	}
	for (uint32_t i = 0; i < block->timecnt; i++)
	{
		int64_t		time = get_time(block, i);

		if (block->indices[i] >= block->typecnt ||
			time < -MAX_TIME || time > MAX_TIME ||
			(i > 0 && time <= get_time(block, i - 1)))
			return CRON_ZONE_DAMAGED;
	}
	return CRON_OK;
}

/* Find the block to use and the footer (empty in version 1). */
static CronStatus
open_file(const unsigned char *at, size_t len, TzifBlock *block,
		  const char **footer, size_t *footer_len)
{
	const unsigned char *end = at + len;
	const unsigned char *newline;
	CronStatus	status = read_block(at, end, 4, block);

	*footer = "";
	*footer_len = 0;
	if (status != CRON_OK || block->version == 1)
		return status == CRON_OK ? check_block(block) : status;

	status = read_block(block->end, end, 8, block);
	if (status != CRON_OK)
		return CRON_ZONE_DAMAGED;
	status = check_block(block);
	if (status != CRON_OK)
		return status;
	if (block->end == end || *block->end != '\n')
		return CRON_ZONE_DAMAGED;
	*footer = (const char *) block->end + 1;
	newline = memchr(block->end + 1, '\n', (size_t) (end - block->end - 1));
	if (newline == NULL)
		return CRON_ZONE_DAMAGED;
	*footer_len = (size_t) ((const char *) newline - *footer);
	return CRON_OK;
}

static size_t
zone_size(const TzifBlock *block)
{
	return sizeof(CronZone) + block->timecnt * (sizeof(int64_t) + sizeof(int32_t));
}

/*
 * extsched_zone_measure
 *		Check the frame of a zone file and say how much memory it needs.
 */
CronStatus
extsched_zone_measure(const void *bytes, size_t len, size_t *size)
{
	TzifBlock	block;
	const char *footer;
	size_t		footer_len;
	CronStatus	status = open_file(bytes, len, &block, &footer, &footer_len);

	if (status == CRON_OK)
		*size = zone_size(&block);
	return status;
}

/*
 * extsched_zone_parse
 *		Build a zone from the content of a zone file.
 *
 * memory has at least the size that extsched_zone_measure() told for the same
 * bytes, is aligned for any type, and holds the whole zone: it stays valid as
 * long as the memory does, and is freed with it.  bytes are not needed after
 * the call.
 *
 * Returns CRON_OK, or why the file cannot be used: CRON_ZONE_NOT_TZIF,
 * CRON_ZONE_DAMAGED or CRON_ZONE_LEAP.
 */
CronStatus
extsched_zone_parse(const void *bytes, size_t len, void *memory, size_t size,
					CronZone **result)
{
	TzifBlock	block;
	const char *footer;
	size_t		footer_len;
	CronZone   *zone = memory;
	int32_t		offset;
	CronStatus	status = open_file(bytes, len, &block, &footer, &footer_len);

	if (status != CRON_OK)
		return status;
	if (size < zone_size(&block))
		return CRON_ZONE_DAMAGED;

	memset(zone, 0, sizeof(*zone));
	zone->change = (int64_t *) (zone + 1);
	zone->offset = (int32_t *) (zone->change + block.timecnt);
	if (footer_len > 0)
	{
		if (!extsched_posix_parse(footer, footer_len, &zone->rule))
			return CRON_ZONE_DAMAGED;
		zone->has_rule = true;
	}

	/* RFC 8536, 3.2: type 0 is the one before the first transition */
	zone->first_offset = offset = get_offset(&block, 0);
	for (uint32_t i = 0; i < block.timecnt; i++)
	{
		int32_t		from_then = get_offset(&block, block.indices[i]);

		/* the last one is kept, because the rule takes over from there */
		if (from_then == offset && i + 1 < block.timecnt)
			continue;
		zone->change[zone->count] = get_time(&block, i);
		zone->offset[zone->count++] = offset = from_then;
	}
	*result = zone;
	return CRON_OK;
}
