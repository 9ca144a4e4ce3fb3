/* event.h - all that can happen to an engine. Time, disk space and chance are part of it, so that
 * the same store and the same events always give the same bytes.
 *
 * Everything an event points to is borrowed until the batch of steps it belongs to is committed or
 * abandoned. */
#ifndef HOLDFAST_COMMON_PORT_EVENT_H
#define HOLDFAST_COMMON_PORT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/bytes.h"

/* The two MQTT connections of an edge; a cloud has only LINK_CLOUD. */
enum link { LINK_CLOUD = 0, LINK_LOCAL = 1, LINK_COUNT = 2 };

/* One reading of the clocks and the disk. Intervals use mono_ns only; stamps use wall_ns only. */
struct moment {
    int64_t wall_ns;               /* UTC since 1970 */
    uint64_t mono_ns;              /* CLOCK_BOOTTIME */
    uint32_t clock_uncertainty_ms; /* 0xFFFFFFFF: never synchronised */
    uint64_t disk_free_bytes;      /* of the file system of the directory */
    int64_t certificate_expires_s; /* unix seconds, of our TLS certificate; 0: there is none */
};

enum event_kind {
    EVENT_WAKEUP,      /* the time that engine_next_wakeup asked for has come, or earlier */
    EVENT_LINK_UP,     /* a connect effect succeeded */
    EVENT_LINK_DOWN,   /* it failed, or the connection ended; reason says why */
    EVENT_MESSAGE,     /* an MQTT message of one of our subscriptions */
    EVENT_SENT,        /* a publish effect's PUBACK came; its token is free again */
    EVENT_SEND_FAILED, /* a publish effect will not be acknowledged */
    EVENT_REQUEST,     /* a control message of a client */
    EVENT_CLIENT_GONE, /* that client's connection ended: forget its jobs and staged parts */
    EVENT_STOP,        /* the daemon is going down: say goodbye in this step's effects */
};

struct mqtt_message {
    struct bytes topic;
    struct bytes payload;
    struct bytes response_topic; /* MQTT 5 properties; empty when not there */
    struct bytes correlation;
    struct bytes user_priority; /* user property "priority" */
    struct bytes user_id;       /* user property "id" */
    bool retained;
};

struct event {
    enum event_kind kind;
    struct moment now;
    enum link link;              /* LINK_*, MESSAGE, SENT, SEND_FAILED */
    bool session_present;        /* LINK_UP */
    uint16_t receive_maximum;    /* LINK_UP: the broker's, at least 1 */
    struct bytes reason;         /* LINK_DOWN: a clause for people */
    struct mqtt_message message; /* MESSAGE */
    uint32_t token;              /* SENT, SEND_FAILED */
    uint8_t reason_code;         /* SENT: MQTT 5 reason code */
    uint32_t client;             /* REQUEST, CLIENT_GONE */
    struct bytes request;        /* REQUEST: control_msg.h */
};

#endif
