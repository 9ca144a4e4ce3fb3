/* budget.h - a token bucket over the bytes that go on the wire.
 *
 * A frame is never cut, so it may overdraw the bucket; the next one waits until the debt is paid.
 * The bucket holds at most BUDGET_BURST_MS of its rate, so that a pause is not followed by a flood.
 * What counts is an estimate of all bytes that the frame costs on the link, in both directions:
 * payload, MQTT headers and acknowledgement, TLS records, TCP and IP headers. */
#ifndef HOLDFAST_EDGE_BRIDGE_BUDGET_H
#define HOLDFAST_EDGE_BRIDGE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUDGET_BURST_MS = 1000 };

struct budget {
    uint64_t rate_bytes_s; /* 0: without limit */
    int64_t balance_bytes; /* below 0: overdrawn */
    uint64_t paid_mono_ns; /* up to here the rate was paid in */
    uint64_t spent_bytes;  /* ever, also without limit */
};

/* Begins with a full bucket; also changes the rate of a running one, which keeps its debt. */
void budget_set(struct budget *budget, uint64_t rate_bytes_s, uint64_t mono_ns);
/* May a frame go now? */
bool budget_allows(struct budget *budget, uint64_t mono_ns);
/* Critical frames go whatever the balance: they overdraw it. */
void budget_spend(struct budget *budget, uint64_t bytes);
/* When a frame may go; 0: now. */
uint64_t budget_ready_ns(const struct budget *budget);

/* Bytes on the wire of a QoS 1 PUBLISH and its PUBACK; tls: in TLS 1.3 records. */
uint64_t budget_wire_bytes(size_t payload_size, size_t topic_size, bool tls);

#endif
