/* budget.c - a token bucket; see budget.h. */
#include "edge-bridge/budget.h"

#define NS_PER_S UINT64_C(1000000000)

enum {
    MQTT_PUBLISH_BYTES =
        12, /* fixed header, topic length, packet id, empty properties, rounded up */
    MQTT_PUBACK_BYTES = 6,
    TLS_RECORD_MAX = 16 * 1024,
    TLS_RECORD_BYTES = 22, /* header, content type, tag */
    SEGMENT_MAX = 1448,
    SEGMENT_BYTES = 52, /* IPv4 and TCP with time stamps */
};

static int64_t burst(const struct budget *budget)
{
    return (int64_t)(budget->rate_bytes_s * BUDGET_BURST_MS / 1000);
}

static void pay(struct budget *budget, uint64_t mono_ns)
{
    if (mono_ns <= budget->paid_mono_ns || budget->rate_bytes_s == 0) return;
    const uint64_t passed_ns = mono_ns - budget->paid_mono_ns;
    /* Whole seconds apart from the rest, so that weeks of silence do not overflow. */
    const uint64_t whole_s = passed_ns / NS_PER_S;
    const int64_t most = burst(budget) - budget->balance_bytes;
    if (whole_s > (uint64_t)most / budget->rate_bytes_s) {
        budget->balance_bytes = burst(budget);
        budget->paid_mono_ns = mono_ns;
        return;
    }
    const uint64_t part = passed_ns % NS_PER_S * budget->rate_bytes_s / NS_PER_S;
    const uint64_t bytes = whole_s * budget->rate_bytes_s + part;
    if (bytes == 0) return; /* the fraction stays for the next time */
    budget->balance_bytes += (int64_t)bytes;
    if (budget->balance_bytes > burst(budget)) budget->balance_bytes = burst(budget);
    budget->paid_mono_ns += whole_s * NS_PER_S + part * NS_PER_S / budget->rate_bytes_s;
}

void budget_set(struct budget *budget, uint64_t rate_bytes_s, uint64_t mono_ns)
{
    const bool was_limited = budget->rate_bytes_s != 0;
    pay(budget, mono_ns);
    budget->rate_bytes_s = rate_bytes_s;
    budget->paid_mono_ns = mono_ns;
    if (!was_limited || budget->balance_bytes > burst(budget))
        budget->balance_bytes = burst(budget);
}

bool budget_allows(struct budget *budget, uint64_t mono_ns)
{
    pay(budget, mono_ns);
    return budget->rate_bytes_s == 0 || budget->balance_bytes > 0;
}

void budget_spend(struct budget *budget, uint64_t bytes)
{
    budget->spent_bytes += bytes;
    if (budget->rate_bytes_s != 0) budget->balance_bytes -= (int64_t)bytes;
}

uint64_t budget_ready_ns(const struct budget *budget)
{
    if (budget->rate_bytes_s == 0 || budget->balance_bytes > 0) return 0;
    const uint64_t debt = (uint64_t)(1 - budget->balance_bytes);
    const uint64_t whole_s = debt / budget->rate_bytes_s;
    const uint64_t rest = debt % budget->rate_bytes_s;
    return budget->paid_mono_ns + whole_s * NS_PER_S +
           (rest * NS_PER_S + budget->rate_bytes_s - 1) / budget->rate_bytes_s;
}

static uint64_t in_tls(uint64_t bytes)
{
    return bytes + (bytes + TLS_RECORD_MAX - 1) / TLS_RECORD_MAX * TLS_RECORD_BYTES;
}

uint64_t budget_wire_bytes(size_t payload_size, size_t topic_size, bool tls)
{
    uint64_t there = MQTT_PUBLISH_BYTES + topic_size + payload_size;
    uint64_t back = MQTT_PUBACK_BYTES;
    if (tls) {
        there = in_tls(there);
        back = in_tls(back);
    }
    /* Data one way, its TCP acknowledgements and the PUBACK the other. */
    const uint64_t segments = (there + SEGMENT_MAX - 1) / SEGMENT_MAX;
    return there + segments * SEGMENT_BYTES + (segments + 1) / 2 * SEGMENT_BYTES + back;
}
