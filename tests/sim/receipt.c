/* receipt.c - the receipt that a bridge publishes to a response topic, as a publisher reads it. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/publisher.h"

/* What follows `"name":`, or NULL. The text is NUL terminated. */
static const char *value_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at == NULL ? NULL : at + strlen(name);
}

static bool read_hex(const char *text, const char *name, uint8_t *out, size_t size)
{
    const char *at = value_of(text, name);
    if (at == NULL || strlen(at) < 2 * size) return false;
    return hex_decode(bytes_of(at, 2 * size), out, size) == ST_OK;
}

bool receipt_from_json(struct bytes bytes, struct receipt *out)
{
    char text[1024] = "";
    if (bytes.size >= sizeof(text)) return false;
    memcpy(text, bytes.data, bytes.size);
    *out = (struct receipt){0};
    const char *error = value_of(text, "\"error\":\"");
    if (error != NULL) {
        out->status = strncmp(error, "ST_FULL\"", 8) == 0 ? ST_FULL : ST_DENIED;
        return true;
    }
    const char *sequence = value_of(text, "\"sequence\":");
    if (sequence == NULL) return false;
    out->status = ST_OK;
    out->sequence = strtoull(sequence, NULL, 10);
    out->duplicate = value_of(text, "\"duplicate\":true") != NULL;
    return read_hex(text, "\"log\":\"", out->log.bytes, sizeof(out->log.bytes)) &&
           read_hex(text, "\"hash\":\"", out->hash.bytes, sizeof(out->hash.bytes));
}
