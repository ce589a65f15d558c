/*-------------------------------------------------------------------------
 *
 * sign.c
 *		Signatures in the form of the Standard Webhooks specification.
 *
 * https://github.com/standard-webhooks/standard-webhooks/, "Signature scheme":
 * HMAC-SHA256 over "id.timestamp.body", in base64, with the version in front.
 * With several keys there are several signatures, so that a receiver that
 * knows either the old or the new one is content while a key is changed.
 *
 * Keys are in a file, one a line, and not in a setting, because settings can
 * be read in SQL.  A key file that is named but cannot be used must never lead
 * to requests that go out unsigned: the signer remembers what is wrong, and
 * every request fails with that text until a reload finds a sound file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "dispatch/sign.h"

#define MAX_KEYS		8
#define MAX_KEY_BYTES	512
#define MIN_KEY_BYTES	16		/* the specification asks for 24 to 64 */
#define MAX_FILE_BYTES	(16 * 1024)

typedef struct SigningKey
{
	int			len;
	uint8		bytes[MAX_KEY_BYTES];
} SigningKey;

struct ExtschedSigner
{
	bool		is_on;
	int			n_keys;
	SigningKey	keys[MAX_KEYS];
	char		problem[256];	/* "" when none */
};

/* Keys of a signer that goes are not left in freed memory. */
static void
forget_keys(void *arg)
{
	ExtschedSigner *signer = arg;

	explicit_bzero(signer->keys, sizeof(signer->keys));
	signer->n_keys = 0;
}

/*
 * extsched_signer_create
 *		Make a signer that is off.
 *
 * It lives in parent, and zeroes its keys when that is reset.
 */
ExtschedSigner *
extsched_signer_create(MemoryContext parent)
{
	ExtschedSigner *signer = MemoryContextAllocZero(parent, sizeof(*signer));
	MemoryContextCallback *on_reset = MemoryContextAllocZero(parent, sizeof(*on_reset));

	on_reset->func = forget_keys;
	on_reset->arg = signer;
	MemoryContextRegisterResetCallback(parent, on_reset);
	return signer;
}

/* Remember why nothing can be signed.  The text holds no part of a key. */
static void
refuse(ExtschedSigner *signer, const char *problem)
{
	forget_keys(signer);
	snprintf(signer->problem, sizeof(signer->problem),
			 "cannot sign the request: the file named by \"%s\" %s",
			 "extsched.signing_key_file", problem);
}

/* Read the whole file into text; return its length, or -1 with a problem. */
static int
read_key_file(ExtschedSigner *signer, const char *path, char *text, int size)
{
	struct stat status;
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int			len = 0;
	int			n;

	if (fd < 0)
	{
		refuse(signer, errno == ENOENT ? "does not exist" : "cannot be read");
		return -1;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		refuse(signer, "is no regular file");
	else if (status.st_mode & (S_IRWXG | S_IRWXO))
		refuse(signer, "can be accessed by its group or by others");
	else if (status.st_size > size)
		refuse(signer, "is too large");
	else
	{
		while ((n = read(fd, text + len, size - len)) > 0)
			len += n;
		if (n < 0)
			refuse(signer, "cannot be read");
	}
	close(fd);
	return signer->problem[0] ? -1 : len;
}

/* Decode one line into the next key; false with a problem. */
static bool
add_key(ExtschedSigner *signer, const char *line, int len)
{
	static const char prefix[] = "whsec_";
	SigningKey *key;

	if (len >= sizeof(prefix) - 1 && memcmp(line, prefix, sizeof(prefix) - 1) == 0)
	{
		line += sizeof(prefix) - 1;
		len -= sizeof(prefix) - 1;
	}
	if (signer->n_keys == MAX_KEYS)
	{
		refuse(signer, "holds too many keys");
		return false;
	}
	key = &signer->keys[signer->n_keys];
	key->len = extsched_compat_b64_decode(line, len, key->bytes, MAX_KEY_BYTES);
	if (key->len < MIN_KEY_BYTES)
	{
		refuse(signer, key->len < 0 ?
			   "holds a line that is no key in base64" : "holds a key that is too short");
		return false;
	}
	signer->n_keys++;
	return true;
}

static void
parse_keys(ExtschedSigner *signer, const char *text, int len)
{
	const char *end = text + len;

	while (text < end)
	{
		const char *line = text;
		const char *line_end = memchr(text, '\n', end - text);

		if (line_end == NULL)
			line_end = end;
		text = line_end + 1;
		while (line < line_end && isspace((unsigned char) *line))
			line++;
		while (line_end > line && isspace((unsigned char) line_end[-1]))
			line_end--;
		if (line < line_end && *line != '#' &&
			!add_key(signer, line, (int) (line_end - line)))
			return;
	}
	if (signer->n_keys == 0)
		refuse(signer, "holds no key");
}

/*
 * extsched_signer_load
 *		Read the key file, at start and at SIGHUP.
 *
 * path is absolute, or relative to the data directory; empty switches signing
 * off.  Lines are keys in base64, with or without the prefix whsec_; empty
 * lines and those that begin with # are skipped.  The keys held before are
 * gone whatever the file says.  Raises no error: extsched_signer_problem().
 */
void
extsched_signer_load(ExtschedSigner *signer, const char *path)
{
	char		text[MAX_FILE_BYTES];
	int			len;

	forget_keys(signer);
	signer->problem[0] = '\0';
	signer->is_on = path != NULL && path[0] != '\0';
	if (!signer->is_on)
		return;
	len = read_key_file(signer, path, text, sizeof(text));
	if (len >= 0)
		parse_keys(signer, text, len);
	explicit_bzero(text, sizeof(text));
}

/* Whether requests are signed, or fail because they cannot be. */
bool
extsched_signer_is_on(const ExtschedSigner *signer)
{
	return signer->is_on;
}

/* Why nothing can be signed, NULL when all is well. */
const char *
extsched_signer_problem(const ExtschedSigner *signer)
{
	return signer->problem[0] ? signer->problem : NULL;
}

/*
 * extsched_signer_sign
 *		Append the value of the header webhook-signature.
 *
 * One signature for each key, in the order of the file, with a blank between.
 * Returns false, having appended nothing, when there is no key to sign with.
 */
bool
extsched_signer_sign(const ExtschedSigner *signer, const char *id,
					 int64 timestamp_s, const char *body, size_t body_len,
					 StringInfo signature)
{
	pg_hmac_ctx *ctx;
	char		head[128];
	int			head_len;
	int			len_before = signature->len;
	bool		is_signed = signer->n_keys > 0;

	head_len = snprintf(head, sizeof(head), "%s." INT64_FORMAT ".", id, timestamp_s);
	if (!is_signed || head_len >= sizeof(head))
		return false;
	ctx = pg_hmac_create(PG_SHA256);
	for (int i = 0; is_signed && i < signer->n_keys; i++)
	{
		const SigningKey *key = &signer->keys[i];
		uint8		digest[PG_SHA256_DIGEST_LENGTH];
		int			encoded_size = pg_b64_enc_len(sizeof(digest));

		is_signed = ctx != NULL &&
			pg_hmac_init(ctx, key->bytes, key->len) >= 0 &&
			pg_hmac_update(ctx, (const uint8 *) head, head_len) >= 0 &&
			pg_hmac_update(ctx, (const uint8 *) body, body_len) >= 0 &&
			pg_hmac_final(ctx, digest, sizeof(digest)) >= 0;
		if (!is_signed)
			break;
		appendStringInfoString(signature, i > 0 ? " v1," : "v1,");
		enlargeStringInfo(signature, encoded_size);
		signature->len += extsched_compat_b64_encode(digest, sizeof(digest),
													 signature->data + signature->len,
													 encoded_size);
		signature->data[signature->len] = '\0';
	}
	pg_hmac_free(ctx);
	if (!is_signed)
	{
		signature->len = len_before;
		signature->data[len_before] = '\0';
	}
	return is_signed;
}
