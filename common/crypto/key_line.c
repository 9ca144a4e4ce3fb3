/* key_line.c - the one-line texts by which people carry public keys (format: sign.h). */
#include <string.h>

#include "common/crypto/sign.h"

static const char proof_domain[] = "HOLDFAST-KEY-LINE-1"; /* signed with its NUL */

static const char *word_of(enum key_line_kind kind)
{
    switch (kind) {
    case KEY_LINE_NODE:
        return "holdfast-node-1";
    case KEY_LINE_CLOUD:
        return "holdfast-cloud-1";
    }
    UNREACHABLE();
}

/* What the proof signs. */
static struct bytes proof_message(enum key_line_kind kind, const struct node_name *name,
                                  const struct public_key *key, uint8_t out[KEY_LINE_SIZE_MAX])
{
    struct buf buf = buf_of(out, KEY_LINE_SIZE_MAX);
    buf_put(&buf, bytes_of(proof_domain, sizeof proof_domain));
    buf_put_text(&buf, word_of(kind));
    buf_put_u8(&buf, 0);
    buf_put_text(&buf, name->text);
    buf_put_u8(&buf, 0);
    buf_put(&buf, bytes_of(key->bytes, PUBLIC_KEY_SIZE));
    INVARIANT(buf_ok(&buf));
    return buf_bytes(&buf);
}

static void put_base64(struct buf *buf, struct bytes bytes)
{
    char text[96];
    base64_encode(bytes, text, sizeof text);
    buf_put_text(buf, text);
}

void key_line_write(enum key_line_kind kind, const struct node_name *name,
                    const struct secret_key *key, char out[KEY_LINE_SIZE_MAX])
{
    const struct public_key public = secret_key_public(key);
    uint8_t message[KEY_LINE_SIZE_MAX];
    const struct signature proof = sign_bytes(key, proof_message(kind, name, &public, message));
    struct buf buf = buf_of(out, KEY_LINE_SIZE_MAX);
    buf_put_text(&buf, word_of(kind));
    buf_put_u8(&buf, ' ');
    buf_put_text(&buf, name->text);
    buf_put_u8(&buf, ' ');
    put_base64(&buf, bytes_of(public.bytes, PUBLIC_KEY_SIZE));
    buf_put_u8(&buf, ' ');
    put_base64(&buf, bytes_of(proof.bytes, SIGNATURE_SIZE));
    buf_put_u8(&buf, '\0');
    INVARIANT(buf_ok(&buf));
}

/* Takes the text up to the next space off the front of *rest, and the space. False without one. */
static bool take_field(struct bytes *rest, struct bytes *out)
{
    const uint8_t *const space = rest->size == 0 ? NULL : memchr(rest->data, ' ', rest->size);
    if (space == NULL) return false;
    *out = bytes_of(rest->data, (size_t)(space - rest->data));
    *rest = bytes_from(*rest, out->size + 1);
    return true;
}

static enum status read_kind(struct bytes word, enum key_line_kind *out)
{
    for (int kind = KEY_LINE_NODE; kind <= KEY_LINE_CLOUD; kind++) {
        if (bytes_equal(word, bytes_of_text(word_of((enum key_line_kind)kind)))) {
            *out = (enum key_line_kind)kind;
            return ST_OK;
        }
    }
    return ST_MALFORMED;
}

static enum status read_name(enum key_line_kind kind, struct bytes text, struct node_name *out)
{
    if (kind == KEY_LINE_NODE) return node_name_from(text, out);
    /* "cloud" is no node's name, so node_name_from would refuse it. */
    if (!bytes_equal(text, BYTES_LITERAL("cloud"))) return ST_MALFORMED;
    *out = (struct node_name){"cloud"};
    return ST_OK;
}

enum status key_line_read(struct bytes line, struct key_line *out)
{
    if (line.size > 0 && line.data[line.size - 1] == '\n') line.size--;
    struct bytes word, name, key;
    if (!take_field(&line, &word) || !take_field(&line, &name) || !take_field(&line, &key)) {
        return ST_MALFORMED;
    }
    const struct bytes proof = line; /* the rest; a space too many is no base64 */
    struct key_line read = {0};
    struct signature signature;
    TRY(read_kind(word, &read.kind));
    TRY(read_name(read.kind, name, &read.name));
    TRY(base64_decode(key, read.key.bytes, PUBLIC_KEY_SIZE));
    TRY(base64_decode(proof, signature.bytes, SIGNATURE_SIZE));
    if (!public_key_ok(&read.key)) return ST_FORGED;
    uint8_t message[KEY_LINE_SIZE_MAX];
    if (!sign_verify(&read.key, proof_message(read.kind, &read.name, &read.key, message),
                     &signature)) {
        return ST_FORGED;
    }
    *out = read;
    return ST_OK;
}
