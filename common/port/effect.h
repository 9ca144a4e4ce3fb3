/* effect.h - all that an engine may ask for. Effects are real only after the commit of the batch of
 * steps that produced them; the shell performs them in order.
 *
 * struct effects is a list and an arena for the bytes the list points to, both of fixed capacity,
 * opened once. Before a step the caller makes sure of room with effects_has_room; an engine that
 * could say more (a window to refill) stops when the list is full and goes on in the next step. */
#ifndef HOLDFAST_COMMON_PORT_EFFECT_H
#define HOLDFAST_COMMON_PORT_EFFECT_H

#include "common/base/bytes.h"
#include "common/port/event.h"

enum effect_kind {
    EFFECT_CONNECT,    /* connect this link, with will_topic and payload as its last will */
    EFFECT_DISCONNECT, /* end the connection; LINK_DOWN follows only for unasked ends */
    EFFECT_SUBSCRIBE,  /* topic filter, QoS 1 */
    EFFECT_PUBLISH,    /* QoS 1 */
    EFFECT_REPLY,      /* a control reply for a client */
};

struct effect {
    enum effect_kind kind;
    enum link link;
    struct bytes topic;       /* whole topic or filter, root included; CONNECT: of the will */
    struct bytes payload;     /* PUBLISH, CONNECT (will), REPLY: in the arena */
    struct bytes correlation; /* PUBLISH: MQTT 5 correlation data, may be empty */
    bool retain;
    bool no_local;   /* SUBSCRIBE */
    uint32_t token;  /* PUBLISH: comes back in SENT or SEND_FAILED */
    uint32_t client; /* REPLY */
};

enum {
    EFFECTS_MAX = 2048,
    EFFECTS_ARENA_SIZE = 3 * 1024 * 1024,
    EFFECTS_STEP_ITEMS_MAX = 512, /* what one step may add at most */
    EFFECTS_STEP_ARENA_MAX = 1024 * 1024,
};

struct effects {
    size_t count;
    struct effect items[EFFECTS_MAX];
    struct buf arena;
};

/* The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status effects_open(struct effects **out);
void effects_close(struct effects *effects);
void effects_clear(struct effects *effects);

/* True while one more step surely fits. */
bool effects_has_room(const struct effects *effects);

/* A free stretch of the arena of at least size bytes to write a payload in; then effects_take it.
 * The buf's capacity is size. INVARIANT: within the step's allowance. */
struct buf effects_space(struct effects *effects, size_t size);
/* Keeps what was written to the last effects_space and returns it as a view. */
struct bytes effects_take(struct effects *effects, const struct buf *written);
/* A copy in the arena. */
struct bytes effects_copy(struct effects *effects, struct bytes bytes);
struct effect *effects_add(struct effects *effects, enum effect_kind kind);

#endif
