/* pace.h - how fast the way to the cloud's store is, measured end to end, and what follows for
 * the size of frames and the window.
 *
 * Bytes that are in a socket cannot be pre-empted, so a slow link gets small frames and few of
 * them: frame = clamp(rate * 0.25 s, 1 KiB, the setting), window = clamp(rate * (least round trip
 * + 0.5 s), 2 frames, the setting). The rate is sampled as BBR does (Cardwell et al. 2016): bytes
 * acknowledged between a frame's sending and its acknowledgement, over that time. Samples of a
 * sender that had nothing more to send say nothing about the link and only ever raise the
 * estimate. */
#ifndef HOLDFAST_EDGE_BRIDGE_PACE_H
#define HOLDFAST_EDGE_BRIDGE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t rate_bytes_s;
    uint64_t round_trip_ns; /* the least seen on this connection; 0: none yet */
    uint64_t acked_bytes;   /* on this connection */
};

/* What a frame remembers until it is acknowledged. */
struct pace_mark {
    uint64_t sent_mono_ns;
    uint64_t acked_bytes;
    bool idle_sender; /* nothing more was waiting when it was sent */
};

/* A new connection: the rate is unknown, so it starts low and doubles by what it sees. */
void pace_init(struct pace *pace);
struct pace_mark pace_mark_of(const struct pace *pace, uint64_t mono_ns, bool idle_sender);
/* Several frames acknowledged at once: first pace_acked for each one's bytes, then pace_sample with
 * the newest frame's mark. */
void pace_acked(struct pace *pace, uint64_t bytes);
void pace_sample(struct pace *pace, const struct pace_mark *mark, uint64_t mono_ns);

uint32_t pace_frame_bytes(const struct pace *pace, uint32_t max);
uint32_t pace_window_bytes(const struct pace *pace, uint32_t frame_max, uint32_t window_max);

#endif
