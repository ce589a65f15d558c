/*-------------------------------------------------------------------------
 *
 * zones.c
 *		Find, read and cache the zone files of the machine.
 *
 * The server's own pg_tz is not used, because a server process keeps a zone
 * for its whole life: after an update of the zone data, pooled backends would
 * go on arming schedules by the old rules while a restarted worker fires by the
 * new ones.  Here each process looks at a file again at most once a minute, and
 * reads it again when it is another file.
 *
 * A name is looked up as the server does it: component by component, in any
 * letter case, and never outside of the directory.  Files that are no zones of
 * their own ("posixrules", the "right" tree, ...) are refused by name.
 *
 * Nothing here raises an error for what is in a file: a damaged or vanished
 * file is a status of its zone alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config_info.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port.h"
#include "storage/fd.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/settings.h"
#include "core/zones.h"

/* How long a file is trusted without looking at it. */
#define RECHECK_US			(60 * INT64CONST(1000000))

/* Far more than any zone needs (the largest has under 4 kB). */
#define MAX_FILE_SIZE		(256 * 1024)

/* What tells one version of a file from another without reading it. */
typedef struct FileIdentity
{
	dev_t		device;
	ino_t		inode;
	off_t		size;
	struct timespec modified;
	struct timespec changed;
} FileIdentity;

typedef struct ZoneEntry
{
	char		key[EXTSCHED_ZONE_NAME_LEN];	/* lower case */
	ExtschedZone zone;
	FileIdentity identity;
	int64		checked_us;		/* extsched_clock_monotonic_us() */
} ZoneEntry;

static MemoryContext zone_context = NULL;
static HTAB *zone_cache = NULL;

/* The directory the cache was filled from, and the setting it came from. */
static char zone_directory[MAXPGPATH];
static char *zone_directory_setting = NULL;

/*
 * Find the directory that the server reads its own zones from.  A server built
 * with --with-system-tzdata (as all packaged ones are) has the path compiled in
 * and tells it nowhere but in its configure options.
 */
static void
find_server_directory(char *path)
{
	static const char option[] = "--with-system-tzdata=";
	ConfigData *config;
	size_t		count;
	char		share[MAXPGPATH];

	config = get_configdata(my_exec_path, &count);
	for (size_t i = 0; i < count; i++)
	{
		const char *from = strcmp(config[i].name, "CONFIGURE") == 0 ?
			strstr(config[i].setting, option) : NULL;

		if (from != NULL)
		{
			const char *to;

			from += strlen(option);
			to = strchr(from, '\'');
			if (to == NULL)
				to = from + strlen(from);
			snprintf(path, MAXPGPATH, "%.*s", (int) (to - from), from);
			return;
		}
	}
	get_share_path(my_exec_path, share);
	snprintf(path, MAXPGPATH, "%s/timezone", share);
}

/* Make the cache, or an empty one when the directory has changed. */
static void
prepare_cache(void)
{
	const char *setting = extsched_timezone_directory ? extsched_timezone_directory : "";
	HASHCTL		info = {0};

	if (zone_cache != NULL && strcmp(setting, zone_directory_setting) == 0)
		return;

	zone_cache = NULL;
	if (zone_context == NULL)
		zone_context = AllocSetContextCreate(TopMemoryContext, "extsched zones",
											 ALLOCSET_DEFAULT_SIZES);
	else
		MemoryContextReset(zone_context);
	zone_directory_setting = MemoryContextStrdup(zone_context, setting);
	if (setting[0] != '\0')
		strlcpy(zone_directory, setting, MAXPGPATH);
	else
		find_server_directory(zone_directory);

	info.keysize = EXTSCHED_ZONE_NAME_LEN;
	info.entrysize = sizeof(ZoneEntry);
	info.hcxt = zone_context;
	zone_cache = hash_create("extsched zone cache", 64, &info,
							 HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/*
 * Check the form of a name and copy it in lower case.  What passes has only
 * non-empty components of letters, digits, "_", "+" and "-", so it cannot leave
 * the directory.
 */
static ExtschedZoneStatus
fold_name(const char *name, char key[EXTSCHED_ZONE_NAME_LEN])
{
	size_t		n = 0;

	for (; name[n] != '\0'; n++)
	{
		char		c = name[n];

		if (n >= EXTSCHED_ZONE_NAME_LEN - 1)
			return EXTSCHED_ZONE_UNKNOWN;
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		else if (c == '/')
		{
			if (n == 0 || name[n - 1] == '/' || name[n + 1] == '\0')
				return EXTSCHED_ZONE_UNKNOWN;
		}
		else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
				 c != '_' && c != '+' && c != '-')
			return EXTSCHED_ZONE_UNKNOWN;
		key[n] = c;
	}
	key[n] = '\0';
	if (n == 0)
		return EXTSCHED_ZONE_UNKNOWN;
	if (strncmp(key, "posix/", 6) == 0 || strncmp(key, "right/", 6) == 0 ||
		strcmp(key, "posixrules") == 0 || strcmp(key, "localtime") == 0 ||
		strcmp(key, "factory") == 0)
		return EXTSCHED_ZONE_REFUSED;
	return EXTSCHED_ZONE_OK;
}

/*
 * Find the entry of a directory that is named like a component, in any letter
 * case; the exact one is preferred, then the first in order of bytes.
 */
static ExtschedZoneStatus
find_component(const char *directory, const char *component, size_t len,
			   char found[EXTSCHED_ZONE_NAME_LEN])
{
	DIR		   *dir = AllocateDir(directory);
	struct dirent *entry;

	found[0] = '\0';
	if (dir == NULL)
		return errno == ENOENT || errno == ENOTDIR ?
			EXTSCHED_ZONE_UNKNOWN : EXTSCHED_ZONE_UNREADABLE;
	while ((entry = ReadDirExtended(dir, directory, DEBUG1)) != NULL)
	{
		if (strlen(entry->d_name) != len ||
			pg_strncasecmp(entry->d_name, component, len) != 0)
			continue;
		if (strncmp(entry->d_name, component, len) == 0 || found[0] == '\0' ||
			strcmp(entry->d_name, found) < 0)
			strlcpy(found, entry->d_name, EXTSCHED_ZONE_NAME_LEN);
		if (strncmp(found, component, len) == 0)
			break;
	}
	FreeDir(dir);
	return found[0] != '\0' ? EXTSCHED_ZONE_OK : EXTSCHED_ZONE_UNKNOWN;
}

/* Find the canonical case of a name, and the path of its file. */
static ExtschedZoneStatus
find_file(const char *name, char canonical[EXTSCHED_ZONE_NAME_LEN], char *path)
{
	const char *at = name;

	strlcpy(path, zone_directory, MAXPGPATH);
	canonical[0] = '\0';
	for (;;)
	{
		size_t		len = strcspn(at, "/");
		char		found[EXTSCHED_ZONE_NAME_LEN];
		ExtschedZoneStatus status = find_component(path, at, len, found);

		if (status != EXTSCHED_ZONE_OK)
			return status;
		strlcat(path, "/", MAXPGPATH);
		if (strlcat(path, found, MAXPGPATH) >= MAXPGPATH)
			return EXTSCHED_ZONE_UNREADABLE;
		strlcat(canonical, found, EXTSCHED_ZONE_NAME_LEN);
		at += len;
		if (*at == '\0')
			return EXTSCHED_ZONE_OK;
		at++;
		strlcat(canonical, "/", EXTSCHED_ZONE_NAME_LEN);
	}
}

static void
identify(const struct stat *st, FileIdentity *identity)
{
	/* zeroed, because identities are compared as bytes */
	memset(identity, 0, sizeof(*identity));
	identity->device = st->st_dev;
	identity->inode = st->st_ino;
	identity->size = st->st_size;
	identity->modified = st->st_mtim;
	identity->changed = st->st_ctim;
}

/* Read a file; the bytes are allocated in the current context. */
static ExtschedZoneStatus
read_file(const char *path, void **bytes, size_t *len, FileIdentity *identity)
{
	/* not to hang on a FIFO that somebody put there */
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	ExtschedZoneStatus status = EXTSCHED_ZONE_UNREADABLE;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ?
			EXTSCHED_ZONE_UNKNOWN : EXTSCHED_ZONE_UNREADABLE;
	if (fstat(fd, &st) == 0)
	{
		if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE_SIZE)
			status = EXTSCHED_ZONE_UNKNOWN;
		else
		{
			ssize_t		n;

			identify(&st, identity);
			*bytes = palloc(st.st_size + 1);
			n = read(fd, *bytes, st.st_size + 1);
			*len = n < 0 ? 0 : n;
			if (n >= 0)
				status = EXTSCHED_ZONE_OK;
		}
	}
	CloseTransientFile(fd);
	return status;
}

/*
 * Read the file at path into an empty entry.  The rules are allocated in the
 * context of the cache, and only on success.
 */
static ExtschedZoneStatus
load_entry(ZoneEntry *entry, const char *path)
{
	void	   *bytes = NULL;
	size_t		len;
	size_t		size;
	FileIdentity identity;
	CronStatus	parsed;
	ExtschedZoneStatus status = read_file(path, &bytes, &len, &identity);

	if (status != EXTSCHED_ZONE_OK)
		return status;
	parsed = extsched_zone_measure(bytes, len, &size);
	if (parsed == CRON_OK)
	{
		void	   *memory = MemoryContextAlloc(zone_context, size);
		CronZone   *rules;

		parsed = extsched_zone_parse(bytes, len, memory, size, &rules);
		if (parsed == CRON_OK)
		{
			entry->zone.rules = rules;
			entry->zone.fingerprint = hash_bytes_extended(bytes, (int) len, 0);
			entry->identity = identity;
		}
		else
			pfree(memory);
	}
	pfree(bytes);
	if (parsed == CRON_OK)
		return EXTSCHED_ZONE_OK;
	return parsed == CRON_ZONE_NOT_TZIF ? EXTSCHED_ZONE_UNKNOWN : EXTSCHED_ZONE_DAMAGED;
}

/* Whether the file of an entry is still the one that was read. */
static bool
is_unchanged(const ZoneEntry *entry)
{
	char		path[MAXPGPATH];
	struct stat st;
	FileIdentity identity;

	snprintf(path, sizeof(path), "%s/%s", zone_directory, entry->zone.name);
	if (stat(path, &st) != 0)
		return false;
	identify(&st, &identity);
	return memcmp(&identity, &entry->identity, sizeof(identity)) == 0;
}

/*
 * extsched_zone_lookup
 *		Get a zone by its name, in any letter case.
 *
 * The result carries the name in canonical case.  It is owned by the cache and
 * stays valid until the next call of this function: keep the name, not the
 * pointer.  NULL means that the zone cannot be used, and *status why; nothing
 * is raised but out of memory.
 *
 * A file is looked at again after a minute, or after extsched_zone_recheck().
 */
const ExtschedZone *
extsched_zone_lookup(const char *name, ExtschedZoneStatus *status)
{
	char		key[EXTSCHED_ZONE_NAME_LEN];
	char		path[MAXPGPATH];
	ZoneEntry  *entry;
	ZoneEntry	fresh = {0};
	int64		now_us;

	prepare_cache();
	*status = fold_name(name, key);
	if (*status != EXTSCHED_ZONE_OK)
		return NULL;
	now_us = extsched_clock_monotonic_us();
	entry = hash_search(zone_cache, key, HASH_FIND, NULL);
	if (entry != NULL)
	{
		if (now_us - entry->checked_us < RECHECK_US)
			return &entry->zone;
		if (is_unchanged(entry))
		{
			entry->checked_us = now_us;
			return &entry->zone;
		}
	}

	*status = find_file(name, fresh.zone.name, path);
	if (*status == EXTSCHED_ZONE_OK)
		*status = load_entry(&fresh, path);
	if (*status != EXTSCHED_ZONE_OK)
	{
		if (entry != NULL)
		{
			pfree(unconstify(CronZone *, entry->zone.rules));
			hash_search(zone_cache, key, HASH_REMOVE, NULL);
		}
		return NULL;
	}
	if (entry != NULL)
		pfree(unconstify(CronZone *, entry->zone.rules));
	else
		entry = hash_search(zone_cache, key, HASH_ENTER, NULL);
	entry->zone = fresh.zone;
	entry->identity = fresh.identity;
	entry->checked_us = now_us;
	return &entry->zone;
}

/*
 * extsched_zone_recheck
 *		Look at each file again when its zone is asked for next.
 */
void
extsched_zone_recheck(void)
{
	HASH_SEQ_STATUS scan;
	ZoneEntry  *entry;

	if (zone_cache == NULL)
		return;
	hash_seq_init(&scan, zone_cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		entry->checked_us = PG_INT64_MIN / 2;
}

/*
 * extsched_zone_detail
 *		Say why a zone cannot be used, in one sentence.
 *
 * The result is allocated in the current context.
 */
const char *
extsched_zone_detail(ExtschedZoneStatus status, const char *name)
{
	switch (status)
	{
		case EXTSCHED_ZONE_REFUSED:
			return psprintf("\"%s\" is a file of the zone data, but not the name of a zone.",
							name);
		case EXTSCHED_ZONE_DAMAGED:
			return psprintf("The zone file of \"%s\" is damaged.", name);
		case EXTSCHED_ZONE_UNREADABLE:
			return psprintf("The zone file of \"%s\" could not be read.", name);
		default:
			return psprintf("There is no zone \"%s\" in the zone data of this machine.",
							name);
	}
}

/* extsched_zone_hint: say what to do about it. */
const char *
extsched_zone_hint(ExtschedZoneStatus status)
{
	switch (status)
	{
		case EXTSCHED_ZONE_DAMAGED:
		case EXTSCHED_ZONE_UNREADABLE:
			return "Check or reinstall the zone data of the machine.";
		default:
			return "Write the name of an IANA time zone, for example \"Europe/Berlin\" or \"UTC\"; "
				"offsets and POSIX strings are not accepted.";
	}
}
