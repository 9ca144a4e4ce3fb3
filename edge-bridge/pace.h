/* pace.h - how fast the way to the cloud's store is, measured end to end, and what follows for
 * the size of frames and the window.
 *
 * Bytes that are in a socket cannot be pre-empted, so a slow link gets small frames and few of
 * them: frame = clamp(rate * 0.25 s, 1 KiB, the setting), window = clamp(rate * (least round trip
 * + 0.5 s), 2 frames, the setting). The rate is sampled as BBR does (Cardwell et al. 2016): bytes
 * acknowledged since the last acknowledgement before a frame was sent, over the time since then, so
 * that acknowledgements that come in lumps do not look like a fast link. A sender that could have
 * sent more says nothing about the link: its samples only ever raise the estimate.
 *
 * The half second more than the round trip is what waits at the narrowest point: it keeps the link
 * full, and it lets the estimate grow when the link gets faster. When a round trip gets longer (a
 * modem changes to another cell), the window is too small to fill the link, and each sample would
 * be lower than the one before, without an end; so when all of PACE_BLOCK_SAMPLES were longer than
 * what is told by a queue of our own, the least of them becomes the round trip. */
#ifndef HOLDFAST_EDGE_BRIDGE_PACE_H
#define HOLDFAST_EDGE_BRIDGE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_BLOCK_SAMPLES = 32 };

struct pace {
    uint64_t rate_bytes_s;
    uint64_t round_trip_ns; /* the least seen on this connection; 0: none yet */
    uint64_t acked_bytes;   /* on this connection */
    uint64_t acked_mono_ns; /* the last acknowledgement, or when sending began after a pause */
    uint32_t block_samples; /* of a full window, since the block began */
    uint64_t block_least_ns;
};

/* What a frame remembers until it is acknowledged. */
struct pace_mark {
    uint64_t sent_mono_ns; /* 0: no mark */
    uint64_t acked_mono_ns;
    uint64_t acked_bytes;
    bool idle_sender; /* the window was not full when it was sent */
};

/* A new connection: the rate is unknown. It starts so low that the first frames do not clog a link
 * of 50 kbit/s for longer than a second, and grows by what it sees, on a fast one within a few
 * round trips. */
void pace_init(struct pace *pace);
/* A frame is sent while none is under way: the time before says nothing. */
void pace_begin(struct pace *pace, uint64_t mono_ns);
struct pace_mark pace_mark_of(const struct pace *pace, uint64_t mono_ns, bool idle_sender);
/* Which of two acknowledged frames tells more: the later, but rather one of a full window. */
struct pace_mark pace_better_mark(const struct pace_mark *a, const struct pace_mark *b);
/* Several frames acknowledged at once: first pace_acked for each one's bytes, then pace_sample with
 * the best mark. */
void pace_acked(struct pace *pace, uint64_t bytes);
void pace_sample(struct pace *pace, const struct pace_mark *mark, uint64_t mono_ns);
/* A round trip that was measured otherwise: by a small message that nothing stood before. */
void pace_round_trip(struct pace *pace, uint64_t elapsed_ns);

uint32_t pace_frame_bytes(const struct pace *pace, uint32_t max);
uint32_t pace_window_bytes(const struct pace *pace, uint32_t frame_max, uint32_t window_max);

#endif
