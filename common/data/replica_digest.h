/* replica_digest.h - short sums over a whole replica, to see at once whether two replicas hold the
 * same.
 *
 * A digest is the XOR of one hash an item, so it is kept or computed in any order. It is made for
 * repair, not as proof: whoever can write items could make two sets collide; frames are signed.
 *   tracks: 256 buckets of 8 bytes; a track's bucket is the first byte of
 *           SHA-256("HOLDFAST-TRACK-1\0" | name), its hash the first 8 bytes, big-endian, of
 *           SHA-256("HOLDFAST-TRACK-1\0" | name | "\0" | canonical bytes of the state). An empty
 *           track (track_is_empty) is not counted
 *   config: for each scope the first 16 bytes of SHA-256("HOLDFAST-CONFIG-1\0" | config_encode's
 *           bytes), and the count of registers, deleted ones included */
#ifndef HOLDFAST_COMMON_DATA_REPLICA_DIGEST_H
#define HOLDFAST_COMMON_DATA_REPLICA_DIGEST_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/hasher.h"

struct track_digests {
    uint64_t buckets[TRACK_BUCKETS];
};

uint8_t track_bucket(struct hasher *hasher, const struct level_name *name);
uint64_t track_hash(struct hasher *hasher, const struct level_name *name, struct bytes state);
/* Adds the item, or takes it out again. */
static inline void track_digests_toggle(struct track_digests *digests, uint8_t bucket,
                                        uint64_t hash)
{
    digests->buckets[bucket] ^= hash;
}
/* One value for the whole replica: SHA-256 of the buckets, each big-endian. */
struct digest track_digests_root(struct hasher *hasher, const struct track_digests *digests);

enum { CONFIG_DIGEST_SIZE = 16 };

struct config_digest {
    uint8_t bytes[CONFIG_DIGEST_SIZE];
};

struct config_digest config_hash(struct hasher *hasher, struct bytes encoded);
void config_digest_toggle(struct config_digest *digest, const struct config_digest *hash);
bool config_digest_equal(const struct config_digest *a, const struct config_digest *b);

#endif
