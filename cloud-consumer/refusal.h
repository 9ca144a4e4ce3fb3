/* refusal.h - why a frame was refused, and why an entry of an authentic frame is poison.
 *
 * The numbers are stored: new ones go to the end. */
#ifndef HOLDFAST_CLOUD_CONSUMER_REFUSAL_H
#define HOLDFAST_CLOUD_CONSUMER_REFUSAL_H

/* name, field of the status record, words */
#define REFUSAL_MAP(X)                                                                             \
    X(REFUSAL_TOPIC, "topic", "not a topic a node may publish on")                                 \
    X(REFUSAL_FRAME, "frame", "not a frame")                                                       \
    X(REFUSAL_SENDER, "sender", "the sender is not the node of the topic")                         \
    X(REFUSAL_UNKNOWN_NODE, "unknown_node", "the node is not enrolled")                            \
    X(REFUSAL_REVOKED, "revoked", "the node's key was revoked")                                    \
    X(REFUSAL_SIGNATURE, "signature", "the frame's signature does not verify")                     \
    X(REFUSAL_KIND, "kind", "this kind of frame does not belong on this topic")                    \
    X(REFUSAL_BODY, "body", "the body cannot be read")                                             \
    X(REFUSAL_KEY, "key", "signed with a key that is not the log's")                               \
    X(REFUSAL_GENESIS, "genesis", "the log does not begin with a GENESIS of its key")              \
    X(REFUSAL_CHECKPOINT, "checkpoint", "the checkpoint does not prove the entries")               \
    X(REFUSAL_ENTRY, "entry", "an entry's own signature does not verify")                          \
    X(REFUSAL_LOGS, "logs", "the node has too many logs without entries")                          \
    X(REFUSAL_PENDING, "pending", "too many entries ahead of the chain")                           \
    X(REFUSAL_PARTS, "parts", "no room for parts of a large payload, or they do not match")        \
    X(REFUSAL_HELD_ACK, "held_ack", "the acknowledgement in a hello is not ours")                  \
    X(REFUSAL_DAMAGED, "damaged", "what is stored of this log is damaged")                         \
    X(REFUSAL_CONFLICT, "conflict", "another consumer kept moving the log's head")                 \
    X(REFUSAL_FUTURE, "future", "a time stamp in it is too far in the future")                     \
    X(REFUSAL_WRITE, "write", "the node may not write this config")                                \
    X(REFUSAL_HELD_CONFIG, "held_config", "the register that was given back is not ours")

#define REFUSAL_AS_ENUM(name, field, words) name,
enum refusal { REFUSAL_MAP(REFUSAL_AS_ENUM) REFUSAL_COUNT };
#undef REFUSAL_AS_ENUM

/* name, words */
#define POISON_MAP(X)                                                                              \
    X(POISON_NONE, "acceptable")                                                                   \
    X(POISON_TYPE_UNKNOWN, "its critical type, its codec or a flag is not known here")             \
    X(POISON_TYPE_UNNAMED, "its type was never named in this log")                                 \
    X(POISON_TYPE_NUMBER, "it names a type out of turn")                                           \
    X(POISON_GENESIS, "a GENESIS that is not the first entry")                                     \
    X(POISON_CONTROL, "its control payload cannot be read")                                        \
    X(POISON_CLOCK, "its hybrid time stamp does not increase")                                     \
    X(POISON_CLOSED, "it follows a CLOSE")                                                         \
    X(POISON_PARTS, "its payload parts do not match its header")

#define POISON_AS_ENUM(name, words) name,
enum poison { POISON_MAP(POISON_AS_ENUM) POISON_COUNT };
#undef POISON_AS_ENUM

/* Never NULL. */
const char *refusal_field(enum refusal refusal);
const char *refusal_words(enum refusal refusal);
const char *poison_words(enum poison poison);

#endif
