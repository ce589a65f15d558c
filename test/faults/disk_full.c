/*-------------------------------------------------------------------------
 *
 * disk_full.c
 *		A disk for tables that is full at will, for a server that is not root's.
 *
 * Preloaded into the server (LD_PRELOAD).  While the file exists that
 * EXTSCHED_TEST_DISK_FULL names, whatever would make a file below base/ longer
 * fails with ENOSPC, as it does on a full disk; what fits into its pages goes
 * on.  WAL is on another disk, so to speak: no server survives when that is
 * full.  A tablespace of its own in a small file system would need root, and a
 * limit on the size of files gives another error.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whether the disk is full and a write up to "end" would need more of it. */
static int
is_refused(int fd, off_t end)
{
	const char *flag = getenv("EXTSCHED_TEST_DISK_FULL");
	char		link[64];
	char		path[1024];
	ssize_t		length;
	struct stat status;
	int			saved_errno = errno;
	int			refused = 0;

	if (flag != NULL && access(flag, F_OK) == 0 &&
		fstat(fd, &status) == 0 && end > status.st_size)
	{
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, path, sizeof(path) - 1);
		if (length > 0)
		{
			path[length] = '\0';
			refused = strstr(path, "/base/") != NULL;
		}
	}
	errno = refused ? ENOSPC : saved_errno;
	return refused;
}

ssize_t
pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
	static ssize_t (*next) (int, const void *, size_t, off_t);

	if (next == NULL)
		*(void **) &next = dlsym(RTLD_NEXT, "pwrite");
	return is_refused(fd, offset + size) ? -1 : next(fd, buffer, size, offset);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
	static ssize_t (*next) (int, const struct iovec *, int, off_t);
	off_t		end = offset;

	if (next == NULL)
		*(void **) &next = dlsym(RTLD_NEXT, "pwritev");
	for (int i = 0; i < n; i++)
		end += parts[i].iov_len;
	return is_refused(fd, end) ? -1 : next(fd, parts, n, offset);
}

int
posix_fallocate(int fd, off_t offset, off_t size)
{
	static int	(*next) (int, off_t, off_t);

	if (next == NULL)
		*(void **) &next = dlsym(RTLD_NEXT, "posix_fallocate");
	return is_refused(fd, offset + size) ? ENOSPC : next(fd, offset, size);
}
