/* sim_net.c - one connection's two directions: delay, jitter, bandwidth, and how it can fail. */
#include "tests/sim/sim_net.h"

void sim_net_cut(struct sim_net *net, uint64_t until_ns)
{
    if (until_ns > net->cut_until_ns) net->cut_until_ns = until_ns;
}

bool sim_net_is_cut(const struct sim_net *net, uint64_t now_ns)
{
    return now_ns < net->cut_until_ns;
}

static uint64_t flight_ns(const struct sim_net_settings *settings, struct rng *rng)
{
    const uint64_t jitter = settings->jitter_ns > 0 ? rng_below(rng, settings->jitter_ns + 1) : 0;
    return settings->delay_ns + jitter;
}

enum sim_fate sim_net_send(const struct sim_net *net, struct sim_pipe *pipe, struct rng *rng,
                           uint64_t now_ns, size_t size, uint64_t *at_ns)
{
    const struct sim_net_settings *settings = &net->settings;
    if (settings->loss_per_million > 0 && rng_below(rng, 1000000) < settings->loss_per_million) {
        *at_ns = now_ns + flight_ns(settings, rng);
        return FATE_BROKEN;
    }
    uint64_t leaves = now_ns > pipe->busy_until_ns ? now_ns : pipe->busy_until_ns;
    if (settings->bytes_per_s > 0) leaves += size * 1000000000u / settings->bytes_per_s;
    pipe->busy_until_ns = leaves;
    if (sim_net_is_cut(net, leaves)) {
        if (net->cut_until_ns - leaves > settings->patience_ns) return FATE_DOOMED;
        leaves = net->cut_until_ns;
    }
    uint64_t arrival = leaves + flight_ns(settings, rng);
    if (arrival <= pipe->last_arrival_ns) arrival = pipe->last_arrival_ns + 1;
    pipe->last_arrival_ns = arrival;
    *at_ns = arrival;
    return FATE_ARRIVES;
}

uint64_t sim_net_notice(const struct sim_net *net, struct rng *rng, uint64_t now_ns)
{
    const uint64_t keepalive = net->settings.keepalive_ns;
    return now_ns + keepalive + rng_below(rng, keepalive / 2 + 1);
}
