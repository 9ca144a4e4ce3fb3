/* edge_config.h - config and clocks of an edge by hand: an edge_rig whose wall clock may be wrong,
 * and what a cloud says of config, made frame by frame.
 *
 * The true time is the rig's monotonic clock plus a constant; the edge's wall clock differs from it
 * by wall_error_ms. The hand-made cloud always has the true time. */
#ifndef HOLDFAST_TESTS_SUPPORT_EDGE_CONFIG_H
#define HOLDFAST_TESTS_SUPPORT_EDGE_CONFIG_H

#include "common/wire/config_msg.h"
#include "common/wire/nack_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/roster_msg.h"
#include "common/wire/state_msg.h"
#include "tests/support/edge_rig.h"

struct edge_config {
    struct edge_rig rig;
    struct nonce nonce;         /* of the connection */
    int64_t wall_error_ms;      /* the edge's wall clock is ahead by so much */
    uint64_t admitted;          /* what the cloud says in its replies */
    uint64_t roster;            /* likewise */
    struct config_summary told; /* likewise */
    uint64_t ack_counter;
    struct ack *ack;
    struct hello_reply *reply;
    struct config_writes *writes;
    struct config_have *have;
    struct roster *roster_scratch;
    uint8_t *body;  /* BODY_SIZE_MAX */
    uint8_t *value; /* BODY_SIZE_MAX: the field last read */
};

/* "edge-1" with a local link that is wanted, not yet up. wall_error_ms as above, from the start. */
void edge_config_open(struct edge_config *config, int64_t wall_error_ms);
/* With a dead battery: the wall clock reads 1970. never_known: since the first start, so that the
 * node's first stamps are 1, 2, 3 ...; else it had the right time before. */
void edge_config_open_unset(struct edge_config *config, bool never_known);
void edge_config_close(struct edge_config *config);
void edge_config_set_wall_error(struct edge_config *config, int64_t wall_error_ms);
int64_t edge_config_true_ms(const struct edge_config *config);
/* A stamp of the true time, ms from now. */
uint64_t edge_config_stamp(const struct edge_config *config, int64_t ms);

/* ---- Links ----------------------------------------------------------------------------------- */

/* Link up and hello; the reply is not there yet. */
void edge_config_connect(struct edge_config *config);
/* The reply to the hello, after no time at all; what the edge sends then is in rig.effects. */
void edge_config_reply(struct edge_config *config);
/* The same of a cloud whose clock reads cloud_ms, to a hello said at sent_mono_ms. */
void edge_config_reply_at(struct edge_config *config, int64_t cloud_ms, uint64_t sent_mono_ms);
/* Both. */
void edge_config_online(struct edge_config *config);
void edge_config_local_up(struct edge_config *config);

/* ---- The cloud speaks ------------------------------------------------------------------------ */

struct config_entry edge_config_entry(const char *scope, const char *key, uint64_t hlc,
                                      const char *node, const char *value);
/* A register on its own topic. */
void edge_config_publish(struct edge_config *config, const struct config_entry *entry);
/* A register on the topic of another scope or key, or signed by another key. */
void edge_config_publish_on(struct edge_config *config, const struct config_entry *entry,
                            const char *scope, const char *key, const struct secret_key *signer);
/* The body and the whole frame that edge_config_publish sends, in rig.frame. */
struct bytes edge_config_frame(struct edge_config *config, const struct config_entry *entry);
/* Groups of "edge-1": names parted by blanks, in order; "": none. */
void edge_config_roster(struct edge_config *config, uint64_t version, const char *groups);
void edge_config_ack(struct edge_config *config, uint32_t incarnation, uint64_t judged,
                     const struct ack_refusal *refusals, size_t count);
void edge_config_nack(struct edge_config *config, enum nack_reason reason, uint64_t from,
                      uint64_t to);

/* ---- The edge speaks ------------------------------------------------------------------------- */

/* Decodes the n-th frame of writes of the last batch into config->writes. */
bool edge_config_sent_writes(struct edge_config *config, size_t n);
/* The write of this key in the last batch, the last one; NULL when there is none. */
const struct config_write *edge_config_sent_write(struct edge_config *config, const char *key);
/* The milliseconds of that write's stamp; fails when there is none. */
int64_t edge_config_sent_ms(struct edge_config *config, const char *key);
/* Fails unless the two are at most 2 ms apart. */
void edge_config_near_ms(int64_t actual, int64_t expected);
/* The n-th list of keys of the last batch, into config->have. */
bool edge_config_sent_have(struct edge_config *config, size_t n);
/* The newest state report of the last batch. */
bool edge_config_sent_state(struct edge_config *config, struct state_report *out);

/* ---- Applications and operators -------------------------------------------------------------- */

/* A message on local/config/{key}/set with a response topic. */
void edge_config_set(struct edge_config *config, const char *key, const char *json);
/* What went to the response topic in the last batch, NUL terminated; fails when nothing did. */
const char *edge_config_response(struct edge_config *config);
/* The last retained payload for local/config/{key} of the last batch, NUL terminated; NULL: none.
 * "" is an empty payload. */
const char *edge_config_local(struct edge_config *config, const char *key);
size_t edge_config_local_count(struct edge_config *config);
/* A verb with one to three arguments; NULL ends the list early. */
enum status edge_config_verb(struct edge_config *config, const char *verb, const char *name,
                             const char *value, const char *name_two, const char *value_two);
/* A field of the last record, as text ("true", "12", "" for nil); fails when it is not there. */
const char *edge_config_field(struct edge_config *config, const char *name);
/* The value that counts for a key; NULL: none. */
const char *edge_config_value(struct edge_config *config, const char *key);

#endif
