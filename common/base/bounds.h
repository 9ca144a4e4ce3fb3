/* bounds.h - every limit of the system, in one place, related to each other at compile time. */
#ifndef HOLDFAST_COMMON_BASE_BOUNDS_H
#define HOLDFAST_COMMON_BASE_BOUNDS_H

enum {
    /* Frames: one MQTT payload. Above the socket buffer Paho stalls for about a second. */
    FRAME_SIZE_MAX = 64 * 1024,
    FRAME_SIZE_DEFAULT = 60 * 1024, /* a slow link gets smaller ones: edge-bridge/pace.h */
    FRAME_OVERHEAD_MAX = 512,       /* envelope around a body, signature included */
    BODY_SIZE_MAX = FRAME_SIZE_MAX - FRAME_OVERHEAD_MAX,
    BODY_UNPACKED_SIZE_MAX = 512 * 1024, /* a compressed body may not grow beyond this */
    TOPIC_SIZE_MAX = 256,

    /* Evidence. */
    ENTRY_HEADER_SIZE = 192,
    ENTRY_SIGNATURE_SIZE = 64,
    ENTRY_WIRE_OVERHEAD_MAX = 192,       /* a packed entry beyond its payload */
    INLINE_PAYLOAD_SIZE_MAX = 63 * 1024, /* travels and is stored in one piece */
    PAYLOAD_SIZE_MAX = 16 * 1024 * 1024, /* by socket or file, in parts */
    PART_SIZE = 60 * 1024,               /* a part of a larger payload: one frame each */
    RUN_ENTRIES_MAX = 256,               /* entries in one evidence frame */
    AHEAD_ENTRIES_MAX = 64,              /* entries in one frame of critical entries sent ahead */
    CHECKPOINT_INTERVAL_ENTRIES = 256,
    TREE_HEIGHT_MAX = 64,
    LOSS_NODES_MAX = 128, /* subtree hashes that describe a lost range */
    PRIORITY_COUNT = 6,   /* P0 … P5 */
    LOG_TYPES_MAX = 4096, /* publishers' type names in one log */

    /* Acknowledgement. */
    ACK_LOGS_MAX = 64,
    ACK_RANGES_MAX = 256,  /* over all logs of one acknowledgement */
    ACK_TIPS_MAX = 64,     /* likewise: ends of forked branches */
    ACK_REFUSALS_MAX = 32, /* ranges of local config writes that were not admitted */
    HELLO_LOGS_MAX = 64,

    /* One step and one batch of steps. */
    BATCH_EVENTS_MAX = 256,
    BATCH_ENTRIES_MAX = 2048,  /* entries in one group commit */
    APPEND_ENTRIES_MAX = 1024, /* entries in one append request */
    PUBLISHER_ID_SIZE_MAX = 256,

    /* The control socket. */
    CONTROL_MESSAGE_SIZE_MAX = 1024 * 1024,
    CONTROL_CLIENTS_MAX = 256,

    /* Tracks. */
    TRACK_WRITERS_MAX = 64, /* newest writers kept of one track */
    TRACK_SENSORS_MAX = 64, /* newest sensors kept of one track */
    TRACK_LABEL_SIZE_MAX = 64,
    TRACK_BATCH_WRITERS_MAX = 1024, /* different ones in one frame */
    TRACK_BATCH_LABELS_MAX = 1024,
    TRACK_BUCKETS = 256,      /* of a digest, by the first byte of the name's SHA-256 */
    TRACK_IDS_MAX = 1024,     /* names in one frame of a repair */
    OBSERVE_ITEMS_MAX = 1024, /* observations in one control request */
    OBSERVATION_SIZE_MAX = 4096,

    /* Config. */
    CONFIG_VALUE_SIZE_MAX = 32 * 1024,
    CONFIG_JSON_DEPTH_MAX = 32,
    CONFIG_WRITES_MAX = 256,                 /* in one frame */
    CONFIG_KEYS_MAX = 8192,                  /* in one scope */
    CONFIG_HAVE_MAX = 512,                   /* keys named in one frame of a repair */
    NODE_GROUPS_MAX = 16,                    /* that one node is in */
    CONFIG_SCOPES_MAX = NODE_GROUPS_MAX + 2, /* that hold for one node */
    ROSTER_NODES_MAX = 1024,
    ROSTER_GROUPS_MAX = 256,

    /* Models. */
    CHUNK_SIZE_MIN = 8 * 1024,           /* the last chunk of a file may be smaller */
    CHUNK_SIZE_MAX = 60 * 1024,          /* one frame each */
    MODEL_SIZE_MAX = 1024 * 1024 * 1024, /* of one version's file */
    MODEL_CHUNKS_MAX = MODEL_SIZE_MAX / CHUNK_SIZE_MIN,
    MODEL_LIST_ENTRY_SIZE = 34,  /* a chunk's hash and its size */
    MODEL_LIST_ENTRIES_MIN = 72, /* in one block of the list, the last one apart */
    MODEL_LIST_ENTRIES_MAX = CHUNK_SIZE_MAX / MODEL_LIST_ENTRY_SIZE,
    MODEL_LISTS_MAX = MODEL_CHUNKS_MAX / MODEL_LIST_ENTRIES_MIN + 1,
    MODEL_WANT_MAX = 256,  /* hashes in one request */
    MODEL_STATES_MAX = 64, /* models of one node */
    MODEL_REASON_SIZE_MAX = 128,
};

_Static_assert(INLINE_PAYLOAD_SIZE_MAX + ENTRY_WIRE_OVERHEAD_MAX + 256 <= BODY_SIZE_MAX,
               "an entry of the largest inline payload always fits one frame");
_Static_assert(PART_SIZE + 256 <= BODY_SIZE_MAX, "a part always fits one frame");
_Static_assert(PAYLOAD_SIZE_MAX / PART_SIZE < 65536, "part numbers fit 16 bits");
_Static_assert(BATCH_ENTRIES_MAX >= APPEND_ENTRIES_MAX + BATCH_EVENTS_MAX + 64,
               "a full append request still leaves room for the batch's other entries");
_Static_assert(INLINE_PAYLOAD_SIZE_MAX < CONTROL_MESSAGE_SIZE_MAX,
               "any inline payload fits one control message");
_Static_assert(CONFIG_VALUE_SIZE_MAX + 512 <= BODY_SIZE_MAX,
               "a config value of the largest size always fits one frame");
_Static_assert(CHUNK_SIZE_MAX + 256 <= BODY_SIZE_MAX, "a chunk always fits one frame");
_Static_assert(MODEL_LISTS_MAX * 32 + 512 <= BODY_SIZE_MAX,
               "the manifest of the largest model always fits one frame");

#endif
