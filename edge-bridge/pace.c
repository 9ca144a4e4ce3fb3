/* pace.c - the measured rate of the link, see pace.h. */
#include "edge-bridge/pace.h"

enum {
    RATE_START_BYTES_S = 8 * 1024,
    FRAME_MIN_BYTES = 1024,
    RATE_DECAY = 8, /* a lower sample moves the estimate by an eighth of the difference, */
};

#define NS_PER_S UINT64_C(1000000000)
/* The queue of our own, and what more of it a frame's size or a rate judged too high can make. */
#define QUEUE_NS (NS_PER_S / 2)
#define QUEUE_MOST_NS (NS_PER_S * 3 / 4)

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.rate_bytes_s = RATE_START_BYTES_S};
}

void pace_begin(struct pace *pace, uint64_t mono_ns)
{
    pace->acked_mono_ns = mono_ns;
}

struct pace_mark pace_mark_of(const struct pace *pace, uint64_t mono_ns, bool idle_sender)
{
    return (struct pace_mark){mono_ns, pace->acked_mono_ns, pace->acked_bytes, idle_sender};
}

struct pace_mark pace_better_mark(const struct pace_mark *a, const struct pace_mark *b)
{
    if (a->sent_mono_ns == 0 || b->sent_mono_ns == 0) return a->sent_mono_ns == 0 ? *b : *a;
    if (a->idle_sender != b->idle_sender) return a->idle_sender ? *b : *a;
    return b->sent_mono_ns >= a->sent_mono_ns ? *b : *a;
}

void pace_acked(struct pace *pace, uint64_t bytes)
{
    pace->acked_bytes += bytes;
}

void pace_round_trip(struct pace *pace, uint64_t elapsed_ns)
{
    if (elapsed_ns == 0) return;
    if (pace->round_trip_ns == 0 || elapsed_ns < pace->round_trip_ns)
        pace->round_trip_ns = elapsed_ns;
}

/* Of a full window: has the way become longer? */
static void look_at_round_trip(struct pace *pace, uint64_t elapsed_ns)
{
    if (pace->block_samples == 0 || elapsed_ns < pace->block_least_ns)
        pace->block_least_ns = elapsed_ns;
    if (++pace->block_samples < PACE_BLOCK_SAMPLES) return;
    pace->block_samples = 0;
    if (pace->block_least_ns > pace->round_trip_ns + QUEUE_MOST_NS)
        pace->round_trip_ns = pace->block_least_ns;
}

void pace_sample(struct pace *pace, const struct pace_mark *mark, uint64_t mono_ns)
{
    const uint64_t since_ns =
        mark->acked_mono_ns < mark->sent_mono_ns ? mark->acked_mono_ns : mark->sent_mono_ns;
    pace->acked_mono_ns = mono_ns;
    if (mono_ns <= mark->sent_mono_ns) return;
    pace_round_trip(pace, mono_ns - mark->sent_mono_ns);
    const double bytes = (double)(pace->acked_bytes - mark->acked_bytes);
    const uint64_t sample = (uint64_t)(bytes * (double)NS_PER_S / (double)(mono_ns - since_ns));
    if (sample >= pace->rate_bytes_s)
        pace->rate_bytes_s = sample;
    else if (!mark->idle_sender)
        pace->rate_bytes_s -= (pace->rate_bytes_s - sample) / RATE_DECAY;
    if (!mark->idle_sender) look_at_round_trip(pace, mono_ns - mark->sent_mono_ns);
}

static uint32_t clamp_u64(uint64_t value, uint32_t low, uint32_t high)
{
    if (high < low) high = low;
    if (value < low) return low;
    return value > high ? high : (uint32_t)value;
}

uint32_t pace_frame_bytes(const struct pace *pace, uint32_t max)
{
    return clamp_u64(pace->rate_bytes_s / 4, FRAME_MIN_BYTES, max);
}

uint32_t pace_window_bytes(const struct pace *pace, uint32_t frame_max, uint32_t window_max)
{
    const double horizon_s = (double)(pace->round_trip_ns + QUEUE_NS) / (double)NS_PER_S;
    const uint64_t window = (uint64_t)((double)pace->rate_bytes_s * horizon_s);
    return clamp_u64(window, 2 * pace_frame_bytes(pace, frame_max), window_max);
}
