/* loop.h - the daemon's one loop: events in, one transaction, effects out.
 *
 * Each turn gathers what has come (MQTT notes from the inbox, requests of control clients, the
 * engine's own wake-up) into one batch: begin, steps, commit, and only then the effects, in order.
 * While one batch is synced to the disk the next one gathers: that is the group commit. When
 * nothing is to do the loop sleeps in epoll until a descriptor is ready or the next deadline comes
 * (a timerfd on the boot clock, so that a suspended machine is on time again when it wakes).
 *
 * When a begin, step or commit fails: its effects are thrown away, every client whose request has
 * no END yet gets one with that status (nothing in it was accepted), both links are dropped, and
 * the engine is reopened from its store, exactly as after a crash. A full disk is said once and
 * tried again each second. When reopening fails for good, or RETRIES_MAX batches in a row fail with
 * a status of class STOP, the loop ends with that status.
 *
 * A service manager is told when the loop runs, that it lives, and that it stops (notify.h).
 * SIGHUP: certificates that were renewed are used now, not within a minute. */
#ifndef HOLDFAST_COMMON_SHELL_LOOP_H
#define HOLDFAST_COMMON_SHELL_LOOP_H

#include "common/base/trace.h"
#include "common/shell/clock_os.h"
#include "common/shell/engine_calls.h"
#include "common/shell/inbox.h"
#include "common/shell/link_mqtt.h"
#include "common/shell/state_dir.h"

enum {
    LOOP_PAUSE_MS = 1000,    /* after a failed batch */
    LOOP_RETRIES_MAX = 5,    /* failed batches in a row */
    LOOP_STOP_MS_MAX = 3000, /* for the goodbye */
    LOOP_CONGESTED_MS = 250, /* long verbs run no faster while a client does not take replies */
};

struct loop_options {
    struct engine_calls engine;
    const struct state_dir *directory;
    struct inbox *inbox;
    struct link_mqtt *links[LINK_COUNT]; /* NULL: there is no such link */
    struct trace trace;
};

/* Blocks SIGTERM, SIGINT and SIGHUP in this thread and those it starts, and ignores SIGPIPE: to be
 * called before any thread is started. */
void loop_block_signals(void);

/* Runs until SIGTERM or SIGINT (ST_OK: EVENT_STOP was stepped, the links closed in good order; a
 * second signal does not wait for that), or until nothing but ending is left: message gets one
 * sentence then. */
MUST_USE enum status loop_run(const struct loop_options *options, struct buf *message);

#endif
