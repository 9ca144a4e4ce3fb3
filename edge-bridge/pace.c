/* pace.c - the measured rate of the link, see pace.h. */
#include "edge-bridge/pace.h"

enum {
    RATE_START_BYTES_S = 32 * 1024,
    FRAME_MIN_BYTES = 1024,
    RATE_DECAY = 8, /* a lower sample moves the estimate by an eighth of the difference */
};

#define NS_PER_S UINT64_C(1000000000)

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.rate_bytes_s = RATE_START_BYTES_S};
}

struct pace_mark pace_mark_of(const struct pace *pace, uint64_t mono_ns, bool idle_sender)
{
    return (struct pace_mark){mono_ns, pace->acked_bytes, idle_sender};
}

void pace_acked(struct pace *pace, uint64_t bytes)
{
    pace->acked_bytes += bytes;
}

void pace_sample(struct pace *pace, const struct pace_mark *mark, uint64_t mono_ns)
{
    if (mono_ns <= mark->sent_mono_ns) return;
    const uint64_t elapsed_ns = mono_ns - mark->sent_mono_ns;
    if (pace->round_trip_ns == 0 || elapsed_ns < pace->round_trip_ns)
        pace->round_trip_ns = elapsed_ns;
    const double bytes = (double)(pace->acked_bytes - mark->acked_bytes);
    const uint64_t sample = (uint64_t)(bytes * (double)NS_PER_S / (double)elapsed_ns);
    if (sample >= pace->rate_bytes_s)
        pace->rate_bytes_s = sample;
    else if (!mark->idle_sender)
        pace->rate_bytes_s -= (pace->rate_bytes_s - sample) / RATE_DECAY;
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
    const double horizon_s = (double)pace->round_trip_ns / (double)NS_PER_S + 0.5;
    const uint64_t window = (uint64_t)((double)pace->rate_bytes_s * horizon_s);
    return clamp_u64(window, 2 * pace_frame_bytes(pace, frame_max), window_max);
}
