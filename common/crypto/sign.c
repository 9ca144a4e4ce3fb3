/* sign.c - Ed25519 keys, signatures, base64; the key lines stand in key_line.c. */
#include "common/crypto/sign.h"

#include <string.h>

#include <sodium.h>

_Static_assert(PUBLIC_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(SECRET_SEED_SIZE == crypto_sign_SEEDBYTES, "Ed25519 seed");
_Static_assert(SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519 signature");

struct secret_key {
    uint8_t expanded[crypto_sign_SECRETKEYBYTES];
    struct public_key public;
};

/* A point of mixed order, 2 * L: the base point B = (x, 4/5) plus T = (0, -1), the point of order
 * 2. Adding T maps (x, y) to (-x, -y), so y = p - 4/5 = 0x1999…9995, and the sign bit, 0 for B, is
 * 1. Of all mixed points this kind is the test: a library with the defect multiplies by L and looks
 * only at the x of the result, and L * (B + T) = T has x = 0 without being the neutral point. */
static const struct public_key mixed_order_key = {{0x95, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
                                                   0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
                                                   0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
                                                   0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99}};

/* B itself: a check that refuses everything would pass the test above. */
static const struct public_key base_point_key = {{0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                                  0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                                  0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                                  0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}};

enum status crypto_start(void)
{
    if (sodium_init() < 0) return ST_BUG;
    if (public_key_ok(&mixed_order_key) || !public_key_ok(&base_point_key)) return ST_BUG;
    return ST_OK;
}

enum status secret_key_open(const uint8_t seed[SECRET_SEED_SIZE], struct secret_key **out)
{
    /* sodium_malloc: guard pages around, locked in memory, left out of core dumps. */
    struct secret_key *const key = sodium_malloc(sizeof *key);
    if (key == NULL) return ST_NO_MEMORY;
    crypto_sign_seed_keypair(key->public.bytes, key->expanded, seed);
    *out = key;
    return ST_OK;
}

void secret_key_close(struct secret_key *key)
{
    sodium_free(key); /* wipes; accepts NULL */
}

struct public_key secret_key_public(const struct secret_key *key)
{
    return key->public;
}

struct signature sign_bytes(const struct secret_key *key, struct bytes message)
{
    struct signature signature;
    INVARIANT(crypto_sign_detached(signature.bytes, NULL, message.data, message.size,
                                   key->expanded) == 0);
    return signature;
}

bool sign_verify(const struct public_key *key, struct bytes message,
                 const struct signature *signature)
{
    return crypto_sign_verify_detached(signature->bytes, message.data, message.size, key->bytes) ==
           0;
}

bool public_key_ok(const struct public_key *key)
{
    return crypto_core_ed25519_is_valid_point(key->bytes) == 1;
}

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return memcmp(a->bytes, b->bytes, PUBLIC_KEY_SIZE) == 0;
}

bool signature_equal(const struct signature *a, const struct signature *b)
{
    return memcmp(a->bytes, b->bytes, SIGNATURE_SIZE) == 0;
}

struct key_id key_id_of(const struct public_key *key)
{
    static const char domain[] = "HOLDFAST-KEY-ID-1"; /* hashed with its NUL */
    uint8_t input[sizeof domain + PUBLIC_KEY_SIZE];
    memcpy(input, domain, sizeof domain);
    memcpy(input + sizeof domain, key->bytes, PUBLIC_KEY_SIZE);
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, input, sizeof input);
    struct key_id key_id;
    memcpy(key_id.bytes, hash, KEY_ID_SIZE);
    return key_id;
}

size_t base64_size(size_t size)
{
    return sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
}

void base64_encode(struct bytes bytes, char *out, size_t out_size)
{
    INVARIANT(out_size >= base64_size(bytes.size));
    sodium_bin2base64(out, out_size, bytes.data, bytes.size, sodium_base64_VARIANT_ORIGINAL);
}

enum status base64_decode(struct bytes text, uint8_t *out, size_t size)
{
    if (text.size != base64_size(size) - 1) return ST_MALFORMED;
    /* libsodium refuses foreign characters, missing or superfluous padding and set bits in the
     * padding, but 1.0.18 takes the byte 0xAF for "/"; with that refused too there is exactly one
     * text for given bytes. */
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= 0x80) return ST_MALFORMED;
    }
    size_t decoded_size = 0;
    if (sodium_base642bin(out, size, (const char *)text.data, text.size, NULL, &decoded_size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return ST_MALFORMED;
    }
    return decoded_size == size ? ST_OK : ST_MALFORMED;
}

void secret_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}
