/* topics.h - the one topic table; building, parsing, ACL and AsyncAPI document are derived from it.
 *
 * A topic is "{root}/" and a template whose placeholders each stand for one level ({node}, {type},
 * {key}, {model}, {hash}, {track}), or for one to two levels ({scope}: "fleet", "group/G",
 * "node/N"). The root is a setting, one or more levels; the local side has no root. */
#ifndef HOLDFAST_TOPICS_TOPICS_H
#define HOLDFAST_TOPICS_TOPICS_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

enum { TOPIC_ROOT_SIZE_MAX = 64 };

enum topic_side { TOPIC_SIDE_CLOUD, TOPIC_SIDE_LOCAL };
enum topic_writer { TOPIC_WRITER_EDGE, TOPIC_WRITER_CLOUD, TOPIC_WRITER_PUBLISHER };

/* id, side, template below the root, writer, retained, greatest payload in bytes, what it carries
 */
#define TOPIC_MAP(X)                                                                               \
    X(TOPIC_EVIDENCE, CLOUD, "{node}/up/evidence", EDGE, false, FRAME_SIZE_MAX,                    \
      "checkpoint and evidence entries")                                                           \
    X(TOPIC_TRACKS_UP, CLOUD, "{node}/up/tracks", EDGE, false, FRAME_SIZE_MAX, "track batch")      \
    X(TOPIC_CONFIG_UP, CLOUD, "{node}/up/config", EDGE, false, FRAME_SIZE_MAX,                     \
      "local config writes")                                                                       \
    X(TOPIC_SYNC_UP, CLOUD, "{node}/up/sync", EDGE, false, FRAME_SIZE_MAX,                         \
      "hello, digests, cursors, reports")                                                          \
    X(TOPIC_STATUS, CLOUD, "{node}/status", EDGE, true, 1024, "online or offline, and why")        \
    X(TOPIC_ACK, CLOUD, "{node}/down/ack", CLOUD, true, FRAME_SIZE_MAX,                            \
      "signed acknowledgement of evidence, tracks and config")                                     \
    X(TOPIC_SYNC_DOWN, CLOUD, "{node}/down/sync", CLOUD, false, FRAME_SIZE_MAX,                    \
      "hello replies, range requests, refusals, digests, horizon")                                 \
    X(TOPIC_TRACKS_DOWN, CLOUD, "{node}/down/tracks", CLOUD, false, FRAME_SIZE_MAX, "track batch") \
    X(TOPIC_CONFIG, CLOUD, "config/{scope}/{key}", CLOUD, true, FRAME_SIZE_MAX,                    \
      "one config register")                                                                       \
    X(TOPIC_MODEL_MANIFEST, CLOUD, "models/{model}/manifest/{scope}", CLOUD, true, FRAME_SIZE_MAX, \
      "signed model manifest")                                                                     \
    X(TOPIC_MODEL_CHUNK, CLOUD, "models/{model}/chunk/{hash}", CLOUD, true, FRAME_SIZE_MAX,        \
      "one chunk of a model")                                                                      \
    X(TOPIC_CLOUD_STATUS, CLOUD, "cloud/status", CLOUD, true, 1024, "is a consumer there?")        \
    X(TOPIC_ROSTER, CLOUD, "cloud/roster", CLOUD, true, FRAME_SIZE_MAX,                            \
      "signed: nodes, public keys, groups, revoked")                                               \
    X(TOPIC_MESH_TRACKS, CLOUD, "{node}/mesh/tracks", EDGE, false, FRAME_SIZE_MAX,                 \
      "track batch between edges")                                                                 \
    X(TOPIC_LOCAL_EVIDENCE, LOCAL, "local/evidence/{type}", PUBLISHER, false,                      \
      INLINE_PAYLOAD_SIZE_MAX,                                                                     \
      "any bytes; user properties priority and id; receipt to the "                                \
      "response topic")                                                                            \
    X(TOPIC_LOCAL_TRACK, LOCAL, "local/track/{track}", PUBLISHER, false, 4096, "an observation")   \
    X(TOPIC_LOCAL_CONFIG_SET, LOCAL, "local/config/{key}/set", PUBLISHER, false,                   \
      INLINE_PAYLOAD_SIZE_MAX, "a config write")                                                   \
    X(TOPIC_LOCAL_CONFIG, LOCAL, "local/config/{key}", EDGE, true,                                 \
      6 * CONFIG_VALUE_SIZE_MAX + 1024, "effective value")                                         \
    X(TOPIC_LOCAL_MODEL, LOCAL, "local/model/{model}", EDGE, true, 4096,                           \
      "version, path, sha256 of the active model")                                                 \
    X(TOPIC_LOCAL_STATUS, LOCAL, "local/status", EDGE, true, 4096, "the bridge's state")

#define TOPIC_AS_ENUM(id, side, template_, writer, retained, size_max, carries) id,
enum topic_id { TOPIC_MAP(TOPIC_AS_ENUM) TOPIC_ID_COUNT };
#undef TOPIC_AS_ENUM

struct topic_row {
    enum topic_side side;
    const char *template_text;
    enum topic_writer writer;
    bool retained;
    size_t size_max;
    const char *carries;
};
const struct topic_row *topic_row_of(enum topic_id id);

/* What the placeholders of a parsed topic stood for; empty where the template has none. Borrowed
 * from the topic. */
struct topic_parts {
    enum topic_id id;
    struct bytes below_root; /* the topic without "{root}/": what a frame's signature covers */
    struct bytes node;       /* a valid node name */
    struct bytes name;       /* {type}, {key}, {model} or {track}: a valid level name */
    struct bytes hash;       /* {hash}: 64 lower-case hex digits */
    struct bytes scope;      /* {scope} */
};

/* Strict: whole topic, known template, valid names. Both sides' topics are known whatever link they
 * came by: compare topic_row_of(id)->side with the link. Errors: ST_MALFORMED. */
MUST_USE enum status topic_parse(const char *root, struct bytes topic, struct topic_parts *out);

/* NUL terminated. node, name may be NULL where the template has no such placeholder; "+" gives a
 * filter. Only for templates without {scope} and {hash}. Errors: ST_MALFORMED (not a valid name),
 * ST_TOO_LARGE. */
struct topic_text {
    char text[TOPIC_SIZE_MAX];
    size_t size;
    size_t below_root; /* offset */
};
MUST_USE enum status topic_build(const char *root, enum topic_id id, const char *node,
                                 const char *name, struct topic_text *out);
/* Templates with {scope}: "fleet", "group/G" or "node/N"; name: the key or model, "+" gives a
 * filter. Errors: as above. */
MUST_USE enum status topic_build_scoped(const char *root, enum topic_id id, const char *scope,
                                        const char *name, struct topic_text *out);
/* TOPIC_MODEL_CHUNK. Errors: as above. */
MUST_USE enum status topic_build_chunk(const char *root, const char *model,
                                       const struct digest *hash, struct topic_text *out);
struct bytes topic_text_bytes(const struct topic_text *topic);
struct bytes topic_text_below_root(const struct topic_text *topic);

/* 1..64 characters, levels of [A-Za-z0-9._-] parted by "/", the first of them not "local": that
 * level is the local side's, and one topic must never have two meanings. */
bool topic_root_ok(const char *root);

/* {scope} stands for one of these; a template without it has one form, its own text. */
enum topic_scope { TOPIC_SCOPE_FLEET, TOPIC_SCOPE_GROUP, TOPIC_SCOPE_NODE, TOPIC_SCOPE_COUNT };
/* The template with {scope} replaced by "fleet", "group/{group}" or "node/{node}"; false when this
 * row has no such form. */
bool topic_template_form(const struct topic_row *row, enum topic_scope scope, struct buf *out);

/* The Mosquitto ACL: user "cloud" writes the cloud's topics and reads the edges', a node (its user
 * name is its node name) writes and reads only its own, and reads what is for all nodes; and an
 * AsyncAPI 2.6 document in JSON, told from the edge bridge's side. The root must be topic_root_ok.
 * Ask buf_ok; TOPICS_DOCUMENT_SIZE_MAX bytes always suffice. */
enum { TOPICS_DOCUMENT_SIZE_MAX = 64 * 1024 };
void topics_print_acl(const char *root, struct buf *out);
void topics_print_asyncapi(const char *root, struct buf *out);

#endif
