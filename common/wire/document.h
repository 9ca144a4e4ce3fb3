/* document.h - a read-only view of one JSON text or one MessagePack value, as publishers on the
 * node send them: the only door to jansson, and the only one to msgpack-c besides pack.h.
 *
 * The first byte decides: below 0x80 it is JSON (RFC 8259; blanks may stand in front), else
 * MessagePack. MessagePack has meanings for the lower bytes too, bare numbers 0..127, which nobody
 * sends as a message.
 *
 * What is read is bounded in one pass before either library sees it (msgpack-c reserves gigabytes
 * for a 5-byte array header): INLINE_PAYLOAD_SIZE_MAX bytes, DOCUMENT_DEPTH_MAX arrays and objects
 * in each other, DOCUMENT_ITEMS_MAX values, arrays and objects counted too, names not. Refused in
 * both formats: a name twice in one object, integers beyond int64, numbers that are not finite,
 * texts and names that are not UTF-8 or hold a NUL, and bytes behind the value; in MessagePack also
 * extensions and names that are not text. Forms longer than needed are fine: a publisher's library
 * chooses them, and nothing here is signed.
 *
 * Values point into the document and into the bytes that were read: both must outlive them. */
#ifndef HOLDFAST_COMMON_WIRE_DOCUMENT_H
#define HOLDFAST_COMMON_WIRE_DOCUMENT_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"

enum {
    DOCUMENT_DEPTH_MAX = 16,
    DOCUMENT_ITEMS_MAX = 4096,
    /* Every reason that common/wire gives for what a publisher sent fits into this. It is a clause
     * in UTF-8 without full stop, line feeds or other control characters. */
    DOCUMENT_REASON_SIZE_MAX = 256,
};

enum document_kind {
    DOCUMENT_NIL,
    DOCUMENT_BOOL,
    DOCUMENT_INT,
    DOCUMENT_REAL, /* a JSON number with fraction or exponent, a MessagePack float */
    DOCUMENT_TEXT,
    DOCUMENT_BYTES, /* MessagePack bin; JSON has none */
    DOCUMENT_ARRAY,
    DOCUMENT_OBJECT,
    DOCUMENT_KIND_COUNT
};

/* "null", "a text" ...; never NULL. */
const char *document_kind_words(enum document_kind kind);

/* For readers of what is inside: adds the clause to reason, if there is one, and answers
 * ST_MALFORMED. Below DOCUMENT_REASON_SIZE_MAX bytes. */
enum status document_refuse(struct buf *reason, const char *format, ...) PRINTF_LIKE(2, 3);

struct document;

struct document_value {
    void *object; /* NULL: there is none */
    bool is_json;
};

/* The caller closes *out. reason: gets a clause when the status is not ST_OK, with
 * DOCUMENT_REASON_SIZE_MAX bytes free, or NULL. Errors: ST_MALFORMED, ST_TOO_LARGE (bytes, depth or
 * values), ST_NO_MEMORY. */
MUST_USE enum status document_open(struct bytes bytes, struct document **out, struct buf *reason);
void document_close(struct document *document); /* accepts NULL */

bool document_is_json(const struct document *document);
struct document_value document_root(struct document *document);

/* All that follow take a value that is there. */
enum document_kind document_kind_of(struct document_value value);

/* Errors: ST_MALFORMED (another kind). */
MUST_USE enum status document_bool(struct document_value value, bool *out);
MUST_USE enum status document_int(struct document_value value, int64_t *out);
/* An integer or a real; an integer beyond 2^53 is rounded. */
MUST_USE enum status document_number(struct document_value value, double *out);
/* UTF-8 without NUL. */
MUST_USE enum status document_text(struct document_value value, struct bytes *out);
MUST_USE enum status document_bytes(struct document_value value, struct bytes *out);

/* Items of an array, members of an object; 0 for all others. */
size_t document_count(struct document_value value);
struct document_value document_item(struct document_value array, size_t index); /* < count */

/* False: the object has no such member. */
bool document_find(struct document_value object, const char *name, struct document_value *out);

/* Where document_next stands; zero: before the first member. */
struct document_cursor {
    void *member;
    size_t index;
};

/* The members of an object in the order they were sent. False: there are no more. */
bool document_next(struct document_value object, struct document_cursor *cursor, struct bytes *name,
                   struct document_value *value);

/* Strictly these members: values[i] is that of names[i], without an object when it is missing.
 * path: what the object is called in a reason, "position"; NULL for the whole. Errors: ST_MALFORMED
 * (no object, or a member that is not among the names). */
MUST_USE enum status document_members(struct document_value value, const char *path,
                                      const char *const *names, size_t name_count,
                                      struct document_value *values, struct buf *reason);

/* The value as JSON without blanks, members as sent, numbers as document_put_real says. Errors:
 * ST_MALFORMED (bytes inside, which JSON cannot say; *out then holds a part of it). */
MUST_USE enum status document_write_json(struct document_value value, struct buf *out);

/* The shortest decimal that reads back as the same number, always with a point or an exponent, so
 * that it stays a real: "0.1", "-2.0", "1e+300". The number is finite. */
void document_put_real(double real, struct buf *out);

#endif
