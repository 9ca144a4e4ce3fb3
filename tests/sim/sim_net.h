/* sim_net.h - one connection's two directions: delay, jitter, bandwidth, and how it can fail.
 *
 * A direction delivers in order, as TCP does. While the link is cut nothing passes; a packet sent
 * then is late when the cut ends soon enough for TCP to repeat it, and otherwise the connection is
 * doomed: it looks connected, nothing passes any more, and each end notices on its own after its
 * keepalive time. */
#ifndef HOLDFAST_TESTS_SIM_SIM_NET_H
#define HOLDFAST_TESTS_SIM_SIM_NET_H

#include "common/base/rng.h"

struct sim_net_settings {
    uint64_t delay_ns;
    uint64_t jitter_ns;
    uint64_t bytes_per_s;      /* 0: without limit */
    uint64_t patience_ns;      /* a cut that ends within this is only a delay */
    uint64_t keepalive_ns;     /* an end notices a dead connection after this, up to 1.5 times */
    unsigned loss_per_million; /* of packets: the connection breaks with this one */
};

/* One link of a node to its broker; it outlives connections. */
struct sim_net {
    struct sim_net_settings settings;
    uint64_t cut_until_ns; /* 0: not cut */
};

/* One direction of one connection. */
struct sim_pipe {
    uint64_t last_arrival_ns;
    uint64_t busy_until_ns;
};

enum sim_fate {
    FATE_ARRIVES, /* at *at_ns */
    FATE_DOOMED,  /* never, and nothing after it on this connection */
    FATE_BROKEN,  /* never; both ends notice at *at_ns, as after a reset */
};

void sim_net_cut(struct sim_net *net, uint64_t until_ns); /* the later of two cuts counts */
bool sim_net_is_cut(const struct sim_net *net, uint64_t now_ns);

enum sim_fate sim_net_send(const struct sim_net *net, struct sim_pipe *pipe, struct rng *rng,
                           uint64_t now_ns, size_t size, uint64_t *at_ns);

/* When an end of a dead connection notices it. */
uint64_t sim_net_notice(const struct sim_net *net, struct rng *rng, uint64_t now_ns);

#endif
