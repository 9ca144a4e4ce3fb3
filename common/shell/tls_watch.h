/* tls_watch.h - says in the log, once a day, that a certificate expires soon or has expired. */
#ifndef HOLDFAST_COMMON_SHELL_TLS_WATCH_H
#define HOLDFAST_COMMON_SHELL_TLS_WATCH_H

#include <stdint.h>

#include "common/base/trace.h"

enum { TLS_WATCH_DAYS = 30, TLS_WATCH_CHECK_S = 60 };

enum tls_watched { TLS_OURS, TLS_BROKERS, TLS_WATCHED_COUNT };

/* All zero: nothing was looked at or said yet. */
struct tls_watch {
    uint64_t next_mono_ns;
    uint64_t silent_until_mono_ns[TLS_WATCHED_COUNT];
};

/* To be called often; looks each TLS_WATCH_CHECK_S. Times are unix seconds, 0: no certificate. */
void tls_watch_tick(struct tls_watch *watch, const struct trace *trace, uint64_t mono_ns,
                    int64_t now_s, const int64_t expires_s[TLS_WATCHED_COUNT]);

#endif
