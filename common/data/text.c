/* text.c - checks of UTF-8, labels and JSON, in one pass and without memory of their own. */
#include "common/data/text.h"

#include <string.h>

/* ------------------------------------------------------------------ UTF-8 */

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The size of the well-formed character at `at` (Unicode 15, table 3-7), else 0. */
static size_t character_size(const uint8_t *at, size_t left)
{
    if (left >= 1 && at[0] < 0x80) return 1;
    if (left >= 2 && at[0] >= 0xC2 && at[0] <= 0xDF) return continues(at[1]) ? 2 : 0;
    if (left >= 3 && (at[0] & 0xF0) == 0xE0) {
        const bool overlong = at[0] == 0xE0 && at[1] < 0xA0;
        const bool surrogate = at[0] == 0xED && at[1] > 0x9F;
        return continues(at[1]) && continues(at[2]) && !overlong && !surrogate ? 3 : 0;
    }
    if (left >= 4 && at[0] >= 0xF0 && at[0] <= 0xF4) {
        const bool overlong = at[0] == 0xF0 && at[1] < 0x90;
        const bool beyond = at[0] == 0xF4 && at[1] > 0x8F;
        const bool whole = continues(at[1]) && continues(at[2]) && continues(at[3]);
        return whole && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

bool text_is_utf8(struct bytes text)
{
    for (size_t offset = 0; offset < text.size;) {
        const size_t size = character_size(text.data + offset, text.size - offset);
        if (size == 0 || text.data[offset] == 0) return false;
        offset += size;
    }
    return true;
}

bool text_is_label(struct bytes text)
{
    if (text.size == 0 || text.size > TRACK_LABEL_SIZE_MAX || !text_is_utf8(text)) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7F) return false;
        /* U+0080 … U+009F: control characters too, to some terminals. */
        if (text.data[i] == 0xC2 && text.data[i + 1] < 0xA0) return false;
    }
    return true;
}

/* ------------------------------------------------------------------- JSON */

struct json {
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
    bool is_object[CONFIG_JSON_DEPTH_MAX]; /* of each level that is open; else an array */
};

/* The next byte, or NUL, which no JSON text holds, at the end. */
static uint8_t peek(const struct json *json)
{
    return json->at < json->end ? *json->at : 0;
}

static bool take(struct json *json, uint8_t byte)
{
    if (peek(json) != byte) return false;
    json->at++;
    return true;
}

static bool take_word(struct json *json, const char *word)
{
    const size_t size = strlen(word);
    if ((size_t)(json->end - json->at) < size || memcmp(json->at, word, size) != 0) return false;
    json->at += size;
    return true;
}

static void skip_blanks(struct json *json)
{
    while (peek(json) == ' ' || peek(json) == '\t' || peek(json) == '\n' || peek(json) == '\r')
        json->at++;
}

static bool take_digits(struct json *json)
{
    const uint8_t *const first = json->at;
    while (peek(json) >= '0' && peek(json) <= '9')
        json->at++;
    return json->at > first;
}

static bool take_number(struct json *json)
{
    (void)take(json, '-');
    if (!take(json, '0') && !take_digits(json)) return false;
    if (take(json, '.') && !take_digits(json)) return false;
    if (take(json, 'e') || take(json, 'E')) {
        if (!take(json, '+')) (void)take(json, '-');
        return take_digits(json);
    }
    return true;
}

static bool is_hex_digit(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

static bool take_escape(struct json *json)
{
    const uint8_t kind = peek(json);
    if (kind == 0 || strchr("\"\\/bfnrtu", kind) == NULL) return false;
    json->at++;
    for (unsigned i = 0; kind == 'u' && i < 4; i++) {
        if (!is_hex_digit(peek(json))) return false;
        json->at++;
    }
    return true;
}

static bool take_string(struct json *json)
{
    if (!take(json, '"')) return false;
    for (;;) {
        const uint8_t byte = peek(json);
        if (byte < 0x20) return false;
        json->at++;
        if (byte == '"') return true;
        if (byte == '\\' && !take_escape(json)) return false;
    }
}

/* The name of an object's member and its colon. */
static bool take_name(struct json *json)
{
    skip_blanks(json);
    if (!take_string(json)) return false;
    skip_blanks(json);
    return take(json, ':');
}

/* The whole of an empty array or object; of any other one the opening, and the first name. */
static bool take_opening(struct json *json, bool is_object, bool *opened)
{
    if (json->depth == CONFIG_JSON_DEPTH_MAX) return false;
    json->at++;
    skip_blanks(json);
    if (take(json, is_object ? '}' : ']')) return true;
    json->is_object[json->depth++] = is_object;
    *opened = true;
    return !is_object || take_name(json);
}

/* A value, or only the opening of one that has something inside; *opened says which. */
static bool take_value(struct json *json, bool *opened)
{
    *opened = false;
    skip_blanks(json);
    switch (peek(json)) {
    case '{':
        return take_opening(json, true, opened);
    case '[':
        return take_opening(json, false, opened);
    case '"':
        return take_string(json);
    case 't':
        return take_word(json, "true");
    case 'f':
        return take_word(json, "false");
    case 'n':
        return take_word(json, "null");
    default:
        return take_number(json);
    }
}

bool text_is_json(struct bytes text)
{
    if (text.size == 0 || !text_is_utf8(text)) return false;
    struct json json = {.at = text.data, .end = text.data + text.size};
    for (;;) {
        bool opened;
        if (!take_value(&json, &opened)) return false;
        if (opened) continue;
        skip_blanks(&json);
        /* Close what ends here, then go on behind a comma. */
        while (json.depth > 0 && take(&json, json.is_object[json.depth - 1] ? '}' : ']')) {
            json.depth--;
            skip_blanks(&json);
        }
        if (json.depth == 0) return json.at == json.end;
        if (!take(&json, ',')) return false;
        if (json.is_object[json.depth - 1] && !take_name(&json)) return false;
    }
}
