/* replica_digest.c - short sums over a whole replica. */
#include "common/data/replica_digest.h"

#include <string.h>

/* With the NUL that ends the literal. */
static const char track_domain[] = "HOLDFAST-TRACK-1";
static const char config_domain[] = "HOLDFAST-CONFIG-1";

static struct bytes name_text(const struct level_name *name)
{
    return bytes_of(name->text, strnlen(name->text, sizeof name->text));
}

static void track_begin(struct hasher *hasher, const struct level_name *name)
{
    hasher_begin(hasher);
    hasher_add(hasher, bytes_of(track_domain, sizeof track_domain));
    hasher_add(hasher, name_text(name));
}

uint8_t track_bucket(struct hasher *hasher, const struct level_name *name)
{
    track_begin(hasher, name);
    return hasher_end(hasher).bytes[0];
}

uint64_t track_hash(struct hasher *hasher, const struct level_name *name, struct bytes state)
{
    track_begin(hasher, name);
    hasher_add(hasher, bytes_of("", 1));
    hasher_add(hasher, state);
    const struct digest digest = hasher_end(hasher);
    return get_u64(digest.bytes);
}

struct digest track_digests_root(struct hasher *hasher, const struct track_digests *digests)
{
    hasher_begin(hasher);
    for (size_t i = 0; i < TRACK_BUCKETS; i++) {
        uint8_t bytes[8];
        put_u64(bytes, digests->buckets[i]);
        hasher_add(hasher, bytes_of(bytes, sizeof bytes));
    }
    return hasher_end(hasher);
}

struct config_digest config_hash(struct hasher *hasher, struct bytes encoded)
{
    struct config_digest out;
    hasher_begin(hasher);
    hasher_add(hasher, bytes_of(config_domain, sizeof config_domain));
    hasher_add(hasher, encoded);
    const struct digest digest = hasher_end(hasher);
    memcpy(out.bytes, digest.bytes, sizeof out.bytes);
    return out;
}

void config_digest_toggle(struct config_digest *digest, const struct config_digest *hash)
{
    for (size_t i = 0; i < CONFIG_DIGEST_SIZE; i++)
        digest->bytes[i] ^= hash->bytes[i];
}

bool config_digest_equal(const struct config_digest *a, const struct config_digest *b)
{
    return memcmp(a->bytes, b->bytes, CONFIG_DIGEST_SIZE) == 0;
}
