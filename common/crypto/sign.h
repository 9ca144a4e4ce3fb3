/* sign.h - Ed25519 (RFC 8032) through libsodium: keys, signatures, and the lines by which people
 * carry public keys from one machine to another.
 *
 * Verification is libsodium's strict one: what it accepts, OpenSSL accepts too, so a third party
 * comes to the same verdict with `openssl pkeyutl -verify -rawin`. Batch verification is never
 * used: its verdict is not reproducible.
 *
 * Key lines, one line of text, fields parted by one space:
 *   holdfast-node-1 <name> <base64 public key> <base64 proof>     printed by edge-bridge init
 *   holdfast-cloud-1 <name> <base64 public key> <base64 proof>    printed by cloud-consumer init
 * proof = signature over "HOLDFAST-KEY-LINE-1\0" | first word | "\0" | name | "\0" | public key:
 * whoever hands in a line holds the secret. The cloud's name is always "cloud". */
#ifndef HOLDFAST_COMMON_CRYPTO_SIGN_H
#define HOLDFAST_COMMON_CRYPTO_SIGN_H

#include "common/base/bytes.h"
#include "common/base/ids.h"

enum {
    PUBLIC_KEY_SIZE = 32,
    SECRET_SEED_SIZE = 32,
    SIGNATURE_SIZE = 64,
    KEY_ID_SIZE = 8,
    KEY_LINE_SIZE_MAX = 256,
};

struct public_key {
    uint8_t bytes[PUBLIC_KEY_SIZE];
};

struct signature {
    uint8_t bytes[SIGNATURE_SIZE];
};

struct key_id {
    uint8_t bytes[KEY_ID_SIZE];
};

/* Expanded secret key in guarded, locked memory; opaque so that it is never copied. */
struct secret_key;

enum key_line_kind { KEY_LINE_NODE, KEY_LINE_CLOUD };

struct key_line {
    enum key_line_kind kind;
    struct node_name name; /* "cloud" for a cloud's line */
    struct public_key key;
};

/* Must be called once before anything else here. Errors: ST_BUG when libsodium cannot start, or
 * when it accepts a public key of mixed order (CVE-2025-69277, judged by a known vector, not by
 * version). */
MUST_USE enum status crypto_start(void);

/* A key pair from 32 seed bytes (the caller draws them from the operating system and wipes them).
 * The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status secret_key_open(const uint8_t seed[SECRET_SEED_SIZE], struct secret_key **out);
void secret_key_close(struct secret_key *key); /* wipes; accepts NULL */
struct public_key secret_key_public(const struct secret_key *key);

struct signature sign_bytes(const struct secret_key *key, struct bytes message);
bool sign_verify(const struct public_key *key, struct bytes message,
                 const struct signature *signature);

/* False for keys of small or mixed order and for non-canonical encodings. */
bool public_key_ok(const struct public_key *key);
bool public_key_equal(const struct public_key *a, const struct public_key *b);
bool signature_equal(const struct signature *a, const struct signature *b);

/* First 8 bytes of SHA-256("HOLDFAST-KEY-ID-1\0" | public key): a hint which key, never trust. */
struct key_id key_id_of(const struct public_key *key);

/* Writes the line without line end, NUL terminated. */
void key_line_write(enum key_line_kind kind, const struct node_name *name,
                    const struct secret_key *key, char out[KEY_LINE_SIZE_MAX]);
/* Errors: ST_MALFORMED (not such a line), ST_FORGED (weak key, or the proof does not verify). */
MUST_USE enum status key_line_read(struct bytes line, struct key_line *out);

/* Standard base64 with padding, NUL terminated; out_size as base64_size says. */
size_t base64_size(size_t size);
void base64_encode(struct bytes bytes, char *out, size_t out_size);
/* Exactly size bytes. Errors: ST_MALFORMED. */
MUST_USE enum status base64_decode(struct bytes text, uint8_t *out, size_t size);

/* memset that the compiler keeps. */
void secret_wipe(void *secret, size_t size);

#endif
