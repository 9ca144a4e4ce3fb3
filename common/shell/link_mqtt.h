/* link_mqtt.h - one MQTT link as the engines know it: effects in, events out.
 *
 *   IDLE --connect--> RESOLVING --> CONNECTING --up--> UP --disconnect--> DRAINING --> CLOSING
 *     ^                   |             |              |                     |            |
 *     +---- down ---------+-------------+--------------+---------------------+--- closed--+
 *
 * The link never reconnects by itself: the engine's session decides when (its jittered backoff runs
 * on the boot clock; Paho's own stops when the wall clock steps back). LINK_DOWN ends all tokens of
 * its connection: no SENT or SEND_FAILED follows it. After an asked disconnect no LINK_DOWN comes;
 * a connect asked for meanwhile starts when the old connection has ended.
 *
 * The broker's Receive Maximum is never exceeded (Paho 1.3.12 would stall a second at a time):
 * publishes beyond it wait here and go out as PUBACKs come in. A queue beyond its bound means a
 * broker that takes nothing: the link goes down.
 *
 * Names are resolved on a thread of their own (resolver.h) within RESOLVE_TIMEOUT_MS, and Paho is
 * given the addresses, one after the other. With TLS and verification Paho must be given the name
 * itself, because it checks the certificate against what it is given: the resolver has had an
 * answer a moment before, so that the library's second question is answered at once; use a numeric
 * host (and a certificate for it) where even that must not wait.
 *
 * TLS asks of every connection what tls_policy.h says. Certificates are renewed without a restart.
 *
 * Loop thread only. */
#ifndef HOLDFAST_COMMON_SHELL_LINK_MQTT_H
#define HOLDFAST_COMMON_SHELL_LINK_MQTT_H

#include "common/base/trace.h"
#include "common/shell/inbox.h"
#include "common/shell/resolver.h"

enum {
    RESOLVE_TIMEOUT_MS = 5000,
    DRAIN_TIMEOUT_MS = 1000, /* for publishes in flight before an asked disconnect */
    CLOSE_TIMEOUT_MS = 1500, /* for the disconnect itself */
    LINK_QUEUE_BYTES_MAX = 4 * 1024 * 1024,
    RENEWAL_CHECK_MS = 60 * 1000,
};

/* Texts are borrowed until link_mqtt_close. */
struct link_settings {
    enum link link;
    const char *name; /* for sentences: "cloud broker" */
    const char *host;
    uint16_t port;
    const char *client_id;
    const char *user; /* NULL: none, and so below */
    struct bytes password;
    bool tls;
    bool tls_verify;
    const char *ca;
    const char *certificate;
    const char *private_key;
    uint32_t keepalive_s;
    uint32_t session_expiry_s;
};

struct link_mqtt;

/* The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status link_mqtt_open(const struct link_settings *settings, struct inbox *inbox,
                                    const struct trace *trace, struct link_mqtt **out);
void link_mqtt_close(struct link_mqtt *link); /* accepts NULL */

/* The effects. */
void link_mqtt_connect(struct link_mqtt *link, struct bytes will_topic, struct bytes will_payload,
                       bool will_retain);
void link_mqtt_disconnect(struct link_mqtt *link);
void link_mqtt_subscribe(struct link_mqtt *link, struct bytes filter, bool no_local);
void link_mqtt_publish(struct link_mqtt *link, struct bytes topic, struct bytes payload,
                       struct bytes correlation, bool retain, uint32_t token);

/* Takes notice of a note of this link; true when it is an event for the engine: then *event is
 * filled, but for its time. */
bool link_mqtt_note(struct link_mqtt *link, const struct inbox_note *note, struct event *event);

/* When link_mqtt_tick wants to be called, in mono ns; UINT64_MAX: not at all. */
uint64_t link_mqtt_deadline_ns(const struct link_mqtt *link);
void link_mqtt_tick(struct link_mqtt *link, uint64_t mono_ns);

/* The files of its certificate are looked at now, as they are every RENEWAL_CHECK_MS while the link
 * is up: when they were renewed, the link goes down, so that the engine connects with them. */
void link_mqtt_check_renewal(struct link_mqtt *link);
/* Unix seconds at which our certificate expires, as last read; 0: there is none. */
int64_t link_mqtt_certificate_expires_s(const struct link_mqtt *link);

/* Drops the connection and all that is under way, silently, for an engine that was reopened. */
void link_mqtt_reset(struct link_mqtt *link);
bool link_mqtt_is_idle(const struct link_mqtt *link);
uint32_t link_mqtt_in_flight(const struct link_mqtt *link);

#endif
