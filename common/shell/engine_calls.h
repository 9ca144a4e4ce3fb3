/* engine_calls.h - how the shell calls an engine, whichever it is: exactly the batch of edge.h and
 * cloud.h behind function pointers. context belongs to the program, which opens and closes the
 * engine itself; reopen closes it and opens it again from its store, as after a crash. */
#ifndef HOLDFAST_COMMON_SHELL_ENGINE_CALLS_H
#define HOLDFAST_COMMON_SHELL_ENGINE_CALLS_H

#include "common/port/effect.h"
#include "common/port/event.h"

struct engine_calls {
    void *context;
    enum status (*begin)(void *context);
    enum status (*step)(void *context, const struct event *event, struct effects *effects);
    enum status (*commit)(void *context, const struct moment *now, struct effects *effects);
    uint64_t (*next_wakeup)(const void *context);
    bool (*has_jobs)(const void *context);
    /* message gets one sentence on failure. */
    enum status (*reopen)(void *context, struct buf *message);
    /* Unix seconds, 0 while no time is certain; NULL: the wall clock is certain. */
    int64_t (*certain_time_s)(const void *context);
};

#endif
