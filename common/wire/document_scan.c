/* document_scan.c - one bounded pass over JSON or MessagePack, without memory of its own. */
#include "common/wire/document_scan.h"

#include "common/data/text.h"
#include "common/wire/document.h"

#define TOO_DEEP "it has arrays and objects more than 16 deep"
#define TOO_MANY "it has more than 4096 values"
_Static_assert(DOCUMENT_DEPTH_MAX == 16 && DOCUMENT_ITEMS_MAX == 4096, "the words above say so");

static enum status refuse(const char **fault, enum status status, const char *words)
{
    *fault = words;
    return status;
}

/* ------------------------------------------------------------------- JSON */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Behind the string that begins at `at`, or the end of a text that breaks off inside. */
static size_t string_end(struct bytes text, size_t at)
{
    for (at++; at < text.size; at++) {
        if (text.data[at] == '"') return at + 1;
        if (text.data[at] == '\\') at++;
    }
    return text.size;
}

static bool is_empty_inside(struct bytes text, size_t at)
{
    while (at < text.size && is_blank(text.data[at]))
        at++;
    return at < text.size && (text.data[at] == ']' || text.data[at] == '}');
}

/* In a text that is JSON, commas part the values of one level, and each level that is not empty
 * begins with one. In all others the count means nothing, and the parser refuses them. */
enum status document_scan_json(struct bytes text, const char **fault)
{
    size_t depth = 0, item_count = 1;
    for (size_t at = 0; at < text.size;) {
        const uint8_t byte = text.data[at];
        if (byte == '"') {
            at = string_end(text, at);
            continue;
        }
        at++;
        if (byte == '[' || byte == '{') {
            if (++depth > DOCUMENT_DEPTH_MAX) return refuse(fault, ST_TOO_LARGE, TOO_DEEP);
            if (!is_empty_inside(text, at)) item_count++;
        }
        if ((byte == ']' || byte == '}') && depth > 0) depth--;
        if (byte == ',') item_count++;
        if (item_count > DOCUMENT_ITEMS_MAX) return refuse(fault, ST_TOO_LARGE, TOO_MANY);
    }
    return ST_OK;
}

/* ------------------------------------------------------------ MessagePack */

enum tag_class { UNUSED, IMMEDIATE, NATURAL, SIGNED, REAL, BINARY, TEXT, ARRAY, MAP, EXTENSION };

/* What follows a tag: a number of `width` bytes, which is the value, its size or its count. */
struct tag_row {
    uint8_t class;
    uint8_t width;
};

enum { TAG_TABLE_FIRST = 0xC0, TAG_TABLE_COUNT = 0x20 };

static const struct tag_row tag_rows[TAG_TABLE_COUNT] = {
    [0xC0 - TAG_TABLE_FIRST] = {IMMEDIATE, 0}, [0xC2 - TAG_TABLE_FIRST] = {IMMEDIATE, 0},
    [0xC3 - TAG_TABLE_FIRST] = {IMMEDIATE, 0}, [0xC4 - TAG_TABLE_FIRST] = {BINARY, 1},
    [0xC5 - TAG_TABLE_FIRST] = {BINARY, 2},    [0xC6 - TAG_TABLE_FIRST] = {BINARY, 4},
    [0xC7 - TAG_TABLE_FIRST] = {EXTENSION, 0}, [0xC8 - TAG_TABLE_FIRST] = {EXTENSION, 0},
    [0xC9 - TAG_TABLE_FIRST] = {EXTENSION, 0}, [0xCA - TAG_TABLE_FIRST] = {REAL, 4},
    [0xCB - TAG_TABLE_FIRST] = {REAL, 8},      [0xCC - TAG_TABLE_FIRST] = {NATURAL, 1},
    [0xCD - TAG_TABLE_FIRST] = {NATURAL, 2},   [0xCE - TAG_TABLE_FIRST] = {NATURAL, 4},
    [0xCF - TAG_TABLE_FIRST] = {NATURAL, 8},   [0xD0 - TAG_TABLE_FIRST] = {SIGNED, 1},
    [0xD1 - TAG_TABLE_FIRST] = {SIGNED, 2},    [0xD2 - TAG_TABLE_FIRST] = {SIGNED, 4},
    [0xD3 - TAG_TABLE_FIRST] = {SIGNED, 8},    [0xD4 - TAG_TABLE_FIRST] = {EXTENSION, 0},
    [0xD5 - TAG_TABLE_FIRST] = {EXTENSION, 0}, [0xD6 - TAG_TABLE_FIRST] = {EXTENSION, 0},
    [0xD7 - TAG_TABLE_FIRST] = {EXTENSION, 0}, [0xD8 - TAG_TABLE_FIRST] = {EXTENSION, 0},
    [0xD9 - TAG_TABLE_FIRST] = {TEXT, 1},      [0xDA - TAG_TABLE_FIRST] = {TEXT, 2},
    [0xDB - TAG_TABLE_FIRST] = {TEXT, 4},      [0xDC - TAG_TABLE_FIRST] = {ARRAY, 2},
    [0xDD - TAG_TABLE_FIRST] = {ARRAY, 4},     [0xDE - TAG_TABLE_FIRST] = {MAP, 2},
    [0xDF - TAG_TABLE_FIRST] = {MAP, 4},
};

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    const char *fault;
};

/* One value without what stands inside it. */
struct head {
    enum tag_class class;
    uint64_t number; /* the value itself, a size or a count */
};

static size_t bytes_left(const struct scan *scan)
{
    return (size_t)(scan->end - scan->at);
}

static bool fails(struct scan *scan, const char *fault)
{
    scan->fault = fault;
    return false;
}

static bool breaks_off(struct scan *scan)
{
    return fails(scan, "its MessagePack breaks off");
}

static bool take_head(struct scan *scan, struct head *head)
{
    if (scan->at == scan->end) return breaks_off(scan);
    const uint8_t tag = *scan->at++;
    *head = (struct head){.class = IMMEDIATE};
    if (tag < 0x80 || tag >= 0xE0) return true; /* small integers */
    if (tag < TAG_TABLE_FIRST) {
        head->class = tag < 0x90 ? MAP : tag < 0xA0 ? ARRAY : TEXT;
        head->number = tag & (head->class == TEXT ? 0x1F : 0x0F);
        return true;
    }
    const struct tag_row row = tag_rows[tag - TAG_TABLE_FIRST];
    if (bytes_left(scan) < row.width) return breaks_off(scan);
    for (unsigned i = 0; i < row.width; i++)
        head->number = head->number << 8 | *scan->at++;
    head->class = (enum tag_class)row.class;
    if (head->class != REAL) return true;
    const uint64_t exponent = row.width == 4 ? 0x7F800000 : UINT64_C(0x7FF0000000000000);
    return (head->number & exponent) != exponent || fails(scan, "it has a number that is NaN or "
                                                                "infinite");
}

static bool take_blob(struct scan *scan, const struct head *head)
{
    if (head->number > bytes_left(scan)) return breaks_off(scan);
    const struct bytes blob = bytes_of(scan->at, (size_t)head->number);
    scan->at += head->number;
    if (head->class == BINARY || text_is_utf8(blob)) return true;
    return fails(scan, "it has a text that is not UTF-8, or holds a NUL");
}

/* A whole value, or the head of an array or a map. */
static bool take_value(struct scan *scan, bool is_name, struct head *head)
{
    if (!take_head(scan, head)) return false;
    if (is_name && head->class != TEXT) return fails(scan, "it has a name that is not a text");
    switch (head->class) {
    case UNUSED:
        return fails(scan, "it has the byte C1, which MessagePack never uses");
    case EXTENSION:
        return fails(scan, "it has a MessagePack extension");
    case NATURAL:
        return head->number <= INT64_MAX || fails(scan, "it has an integer beyond int64");
    case BINARY:
    case TEXT:
        return take_blob(scan, head);
    case ARRAY:
    case MAP:
        /* A value is a byte at least, and a member two. */
        return head->number <= bytes_left(scan) / (head->class == MAP ? 2 : 1) || breaks_off(scan);
    case IMMEDIATE:
    case SIGNED:
    case REAL:
        break;
    }
    return true;
}

enum status document_scan_pack(struct bytes bytes, const char **fault)
{
    struct scan scan = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct {
        uint64_t left; /* values, and names, that are still to come on this level */
        bool is_map;
    } levels[DOCUMENT_DEPTH_MAX + 1] = {{.left = 1}};
    size_t depth = 0, item_count = 0;
    for (;;) {
        while (levels[depth].left == 0) {
            if (depth > 0) {
                depth--;
                continue;
            }
            if (scan.at == scan.end) return ST_OK;
            return refuse(fault, ST_MALFORMED, "it has bytes behind the MessagePack value");
        }
        const bool is_name = levels[depth].is_map && levels[depth].left % 2 == 0;
        levels[depth].left--;
        if (!is_name && ++item_count > DOCUMENT_ITEMS_MAX)
            return refuse(fault, ST_TOO_LARGE, TOO_MANY);
        struct head head;
        if (!take_value(&scan, is_name, &head)) return refuse(fault, ST_MALFORMED, scan.fault);
        if (head.class != ARRAY && head.class != MAP) continue;
        if (depth == DOCUMENT_DEPTH_MAX) return refuse(fault, ST_TOO_LARGE, TOO_DEEP);
        levels[++depth].is_map = head.class == MAP;
        levels[depth].left = head.class == MAP ? 2 * head.number : head.number;
    }
}
