/* cloud_rig_config.h - config and synchronisation frames of a hand-made node, and what the cloud
 * publishes of them; on top of cloud_rig.h. */
#ifndef HOLDFAST_TESTS_SUPPORT_CLOUD_RIG_CONFIG_H
#define HOLDFAST_TESTS_SUPPORT_CLOUD_RIG_CONFIG_H

#include "common/wire/config_msg.h"
#include "common/wire/nack_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/roster_msg.h"
#include "common/wire/state_msg.h"
#include "tests/support/cloud_rig.h"

/* Milliseconds since 1970 of the rig's time. */
int64_t rig_ms(const struct cloud_rig *rig);

/* A write of a float, stamped at `ms`. */
struct config_write rig_write(const char *node, uint64_t operation, const char *scope,
                              const char *key, int64_t ms, double value);
void rig_send_writes(struct cloud_rig *rig, const struct rig_log *log, uint32_t incarnation,
                     const struct config_write *writes, size_t count);
void rig_send_write(struct cloud_rig *rig, const struct rig_log *log, uint32_t incarnation,
                    struct config_write write);

/* The register that the last batch published for this key, retained; its content lives in the
 * batch's effects. False: it published none. */
bool rig_published(struct cloud_rig *rig, const char *scope, const char *key,
                   struct config_entry *out);
size_t rig_published_count(struct cloud_rig *rig);
/* The whole frame of it. */
struct bytes rig_published_frame(struct cloud_rig *rig, const char *scope, const char *key);

bool rig_nack(struct cloud_rig *rig, struct nack *out);
/* The ack among the last batch's effects; fails the test when there is none. */
const struct ack *rig_ack(struct cloud_rig *rig);
/* A hello whose nonce is this byte over and over; the reply is in *out when it is not NULL. */
void rig_hello(struct cloud_rig *rig, const struct rig_log *log, uint8_t nonce,
               struct hello_reply *out);

/* A state report under the nonce of the last hello. */
struct state_report rig_state(const struct cloud_rig *rig);
void rig_send_state(struct cloud_rig *rig, const struct rig_log *log,
                    const struct state_report *report);
void rig_send_have(struct cloud_rig *rig, const struct rig_log *log,
                   const struct config_have *have);
void rig_send_held(struct cloud_rig *rig, const struct rig_log *log, struct bytes frame);
/* The roster among the last batch's effects. */
bool rig_roster(struct cloud_rig *rig, struct roster *out);

/* The link goes down and comes up again. */
void rig_relink(struct cloud_rig *rig, bool session_present, uint16_t receive_maximum);
/* The node's scope as the cloud tells it: count and digest; from a fresh hello. */
struct config_scope_digest rig_told(struct cloud_rig *rig, const struct rig_log *log,
                                    const char *scope);

#endif
