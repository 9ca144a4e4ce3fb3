/* feeder.h - an MQTT 5 publisher of evidence as an application on the edge hardware would be
 * one: it repeats every payload, with the same id, until a receipt for it has come.
 *
 * Each payload goes to local/evidence/{type} with the user properties id ("{id prefix}{line number
 * from 1}") and priority, a response topic of its own and correlation data. At most `window`
 * payloads are without receipt. A connection that ends is made again; what had no receipt then is
 * published again. Several of them share one thread: feeders_run. */
#ifndef HOLDFAST_TESTS_DEMO_FEEDER_H
#define HOLDFAST_TESTS_DEMO_FEEDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/bytes.h"

struct payload {
    struct bytes bytes; /* borrowed */
    unsigned priority;  /* 0..5 */
};

struct feeder_settings {
    const char *host;
    int port;
    const char *client_id;          /* at most 23 characters, unique at the broker */
    const char *topic;              /* whole topic */
    const char *id_prefix;          /* NULL: no user property id, a repeat may be stored twice */
    size_t window;                  /* 1..FEEDER_WINDOW_MAX */
    bool receipts;                  /* false: the broker's PUBACK is enough, nothing is repeated */
    int receipt_qos;                /* of the subscription to the response topic */
    double per_second;              /* first publishes a second; 0: as fast as receipts come */
    uint32_t repeat_ms;             /* publish again when no receipt came for so long */
    const struct payload *payloads; /* borrowed */
    size_t payload_count;
    FILE *receipt_file; /* NULL, or a line "id log sequence hash" for each first receipt */
};

enum { FEEDER_WINDOW_MAX = 4096 };

struct feeder_counts {
    size_t accepted;   /* payloads with a receipt (or a PUBACK without receipts) */
    size_t duplicates; /* receipts that said: this id was here before */
    size_t refused;    /* receipts that said no; the payload is tried again */
    size_t repeated;   /* publishes beyond the first of a payload */
    size_t connects;
    char refusal[256]; /* the last refusal's whole text */
};

struct feeder;

/* The caller closes the result; NULL when there is no memory or the settings are wrong. */
struct feeder *feeder_open(const struct feeder_settings *settings);
void feeder_close(struct feeder *feeder); /* accepts NULL */
bool feeder_done(const struct feeder *feeder);
const struct feeder_counts *feeder_counts_of(const struct feeder *feeder);
/* Milliseconds from the first publish of a payload to its receipt, per thousand of the payloads
 * (500: the median). */
double feeder_latency_ms(const struct feeder *feeder, unsigned per_mille);

/* Runs all of them until each is done or the time is over; true when all are done. */
bool feeders_run(struct feeder **feeders, size_t count, double seconds_max);

#endif
