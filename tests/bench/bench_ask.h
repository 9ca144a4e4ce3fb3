/* bench_ask.h - one verb over a daemon's control socket, without a process of its own. */
#ifndef HOLDFAST_TESTS_BENCH_BENCH_ASK_H
#define HOLDFAST_TESTS_BENCH_BENCH_ASK_H

#include "common/wire/control_msg.h"

struct bench_asker;

/* NULL: out of memory. */
struct bench_asker *bench_asker_open(void);
void bench_asker_close(struct bench_asker *asker);
/* True when the daemon answered to the END; bench_ask_status is its status then. */
bool bench_ask(struct bench_asker *asker, const char *directory, const char *verb,
               const struct verb_argument *arguments, size_t count);
/* The same with a request that is packed already. */
bool bench_ask_raw(struct bench_asker *asker, const char *directory, struct bytes request);
enum status bench_ask_status(const struct bench_asker *asker);
/* Of the last question: the message with its last record, empty when there was none, and its last
 * receipt. Valid until the next one. */
struct bytes bench_ask_record(const struct bench_asker *asker);
const struct receipt *bench_ask_receipt(const struct bench_asker *asker);

#endif
