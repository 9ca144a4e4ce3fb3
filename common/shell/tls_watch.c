/* tls_watch.c - when to speak of certificates that expire. */
#include "common/shell/tls_watch.h"

#define NS_PER_S UINT64_C(1000000000)

enum { DAY_S = 24 * 3600 };

static void say(const struct trace *trace, enum tls_watched which, int64_t left_s)
{
    static const char *const names[TLS_WATCHED_COUNT] = {
        [TLS_OURS] = "our certificate",
        [TLS_BROKERS] = "the broker's certificate or that of its authority",
    };
    if (left_s < 0)
        trace_line(trace, TRACE_ALARM, "%s expired %lld days ago; renew it", names[which],
                   (long long)(-left_s / DAY_S));
    else
        trace_line(trace, TRACE_WARNING, "%s expires in %lld days; renew it", names[which],
                   (long long)(left_s / DAY_S));
}

void tls_watch_tick(struct tls_watch *watch, const struct trace *trace, uint64_t mono_ns,
                    int64_t now_s, const int64_t expires_s[TLS_WATCHED_COUNT])
{
    if (mono_ns < watch->next_mono_ns) return;
    watch->next_mono_ns = mono_ns + TLS_WATCH_CHECK_S * NS_PER_S;
    for (enum tls_watched which = 0; which < TLS_WATCHED_COUNT; which++) {
        const int64_t left_s = expires_s[which] - now_s;
        if (expires_s[which] == 0 || left_s >= (int64_t)TLS_WATCH_DAYS * DAY_S) continue;
        if (mono_ns < watch->silent_until_mono_ns[which]) continue;
        watch->silent_until_mono_ns[which] = mono_ns + DAY_S * NS_PER_S;
        say(trace, which, left_s);
    }
}
