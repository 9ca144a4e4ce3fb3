/* control_msg.h - what an admin verb and a daemon say to each other over the control socket;
 * without a daemon the verb hands the same request to an engine of its own, so both ways are one.
 *
 * Each message is a canonical MessagePack array; on the socket a 4-byte big-endian length stands in
 * front, at most CONTROL_MESSAGE_SIZE_MAX.
 * Requests:
 *   [1, type text, priority uint 0..5, entries array 1..APPEND_ENTRIES_MAX of [id nil|text,
 *      payload nil|bin]]                      APPEND; payload nil: what PART requests have staged
 *   [2, total uint, bytes bin]                PART of a large payload, at most PART_SIZE bytes each
 *   [3, verb text, arguments array of [name text, value text]]                      VERB
 *   [4, items array 1..OBSERVE_ITEMS_MAX of [track text, observation bin
 *      1..OBSERVATION_SIZE_MAX]]              OBSERVE (observation.h); a receipt answers each item:
 *      its sequence is the track's change number, log and hash are zero
 * Replies to one request: any number of the first four, then exactly one END:
 *   [1, receipts array of [status uint, duplicate bool, log_id bin 16, sequence uint, hash bin 32,
 *      best_effort bool]]                                                           RECEIPTS
 *   [2, fields array of [name text, value nil|bool|uint|int|text]]                  RECORD
 *   [3, done uint, total uint, unit text]                                           PROGRESS
 *   [4, bytes bin]                                                                  RAW
 *   [5, status uint, message text]                                                  END
 * Values of arguments and of fields are at most CONTROL_TEXT_SIZE_MAX bytes, other texts
 * CONTROL_SENTENCE_SIZE_MAX, an id 1..PUBLISHER_ID_SIZE_MAX, an inline payload
 * INLINE_PAYLOAD_SIZE_MAX; the writers of replies cut a longer text at a character. What a verb, a
 * type or a track's name means, and whether a part's total is allowed, is judged by the engine. */
#ifndef HOLDFAST_COMMON_WIRE_CONTROL_MSG_H
#define HOLDFAST_COMMON_WIRE_CONTROL_MSG_H

#include "common/base/bounds.h"
#include "common/base/ids.h"
#include "common/wire/pack.h"

enum {
    VERB_ARGUMENTS_MAX = 16,
    RECORD_FIELDS_MAX = 64,
    CONTROL_SENTENCE_SIZE_MAX = 4096,
    /* A config value of any type, and bytes travel as hex. */
    CONTROL_TEXT_SIZE_MAX = 2 * CONFIG_VALUE_SIZE_MAX + 64,
    RECORD_SIZE_TYPICAL = 8192, /* room for a record without such a value */
};

enum control_request_kind {
    REQUEST_APPEND = 1,
    REQUEST_PART = 2,
    REQUEST_VERB = 3,
    REQUEST_OBSERVE = 4
};

struct append_item {
    bool has_id;
    struct bytes id;
    bool staged; /* the payload is what PART requests of this client have staged */
    struct bytes payload;
};

struct observe_item {
    struct bytes track, observation;
};

struct verb_argument {
    struct bytes name, value;
};

struct control_request {
    enum control_request_kind kind;
    struct bytes type; /* APPEND */
    unsigned priority;
    size_t item_count; /* APPEND, OBSERVE */
    union {
        struct append_item items[APPEND_ENTRIES_MAX];
        struct observe_item observations[OBSERVE_ITEMS_MAX];
    };
    uint64_t part_total; /* PART */
    struct bytes part;
    struct bytes verb; /* VERB */
    size_t argument_count;
    struct verb_argument arguments[VERB_ARGUMENTS_MAX];
};

/* Writers of requests. */
void append_request_begin(struct buf *out, struct bytes type, unsigned priority,
                          uint32_t item_count);
void append_request_item(struct buf *out, const struct append_item *item);
void observe_request_begin(struct buf *out, uint32_t item_count);
void observe_request_item(struct buf *out, const struct observe_item *item);
void part_request_encode(struct buf *out, uint64_t total, struct bytes part);
void verb_request_encode(struct buf *out, struct bytes verb, const struct verb_argument *arguments,
                         size_t count);
/* Strict. Errors: ST_MALFORMED, ST_NO_MEMORY. */
MUST_USE enum status control_request_decode(struct unpacker *unpacker, struct bytes message,
                                            struct control_request *out);
/* The value of a VERB's argument; false when it is not there. */
bool verb_argument_find(const struct control_request *request, const char *name,
                        struct bytes *value);

enum control_reply_kind {
    REPLY_RECEIPTS = 1,
    REPLY_RECORD = 2,
    REPLY_PROGRESS = 3,
    REPLY_RAW = 4,
    REPLY_END = 5
};

struct receipt {
    enum status status; /* ST_OK, or why it was not accepted */
    bool duplicate;     /* an earlier receipt for the same publisher id */
    bool best_effort;
    struct log_id log;
    uint64_t sequence;
    struct digest hash;
};
_Static_assert(OBSERVE_ITEMS_MAX <= APPEND_ENTRIES_MAX, "a reply holds a receipt for each item");

struct record_field {
    struct bytes name;
    enum packed_kind kind; /* NIL, BOOL, UINT, INT or TEXT */
    bool boolean;
    uint64_t natural;
    int64_t integer;
    struct bytes text;
};

struct control_reply {
    enum control_reply_kind kind;
    size_t receipt_count;
    struct receipt receipts[APPEND_ENTRIES_MAX];
    size_t field_count;
    struct record_field fields[RECORD_FIELDS_MAX];
    uint64_t done, total; /* PROGRESS */
    struct bytes unit;
    struct bytes raw;
    enum status status; /* END */
    struct bytes message;
};

/* Why an entry was not accepted, as its publisher would say it; a clause without full stop. */
const char *receipt_words(enum status status);

void receipts_reply_begin(struct buf *out, uint32_t count);
void receipts_reply_item(struct buf *out, const struct receipt *receipt);

/* A record is written field by field: begin with the number of fields, then exactly that many. */
void record_reply_begin(struct buf *out, uint32_t field_count);
void record_text(struct buf *out, const char *name, struct bytes value);
void record_words(struct buf *out, const char *name, const char *value);
void record_hex(struct buf *out, const char *name, struct bytes value);
void record_uint(struct buf *out, const char *name, uint64_t value);
void record_int(struct buf *out, const char *name, int64_t value);
void record_bool(struct buf *out, const char *name, bool value);
void record_nil(struct buf *out, const char *name);
/* UTC, RFC 3339 with milliseconds: "2026-11-22T16:20:48.123Z"; a number of milliseconds when the
 * year does not lie within 0..9999. */
void record_time(struct buf *out, const char *name, int64_t wall_ms);

void progress_reply_encode(struct buf *out, uint64_t done, uint64_t total, const char *unit);
void raw_reply_encode(struct buf *out, struct bytes raw);
void end_reply_encode(struct buf *out, enum status status, struct bytes message);
MUST_USE enum status control_reply_decode(struct unpacker *unpacker, struct bytes message,
                                          struct control_reply *out);

#endif
