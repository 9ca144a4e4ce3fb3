/* cloud_rig_config.c - see cloud_rig_config.h. */
#include "tests/support/cloud_rig_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint8_t packed[FRAME_SIZE_MAX], body_memory[FRAME_SIZE_MAX];

int64_t rig_ms(const struct cloud_rig *rig)
{
    return rig->now.wall_ns / 1000000;
}

static struct config_key key_of(const char *scope, const char *key)
{
    struct config_key out = {0};
    assert_int_equal(config_scope_from(bytes_of_text(scope), &out.scope), ST_OK);
    assert_int_equal(level_name_from(bytes_of_text(key), &out.name), ST_OK);
    return out;
}

struct config_write rig_write(const char *node, uint64_t operation, const char *scope,
                              const char *key, int64_t ms, double value)
{
    struct config_write write = {
        .operation = operation,
        .entry = {.key = key_of(scope, key),
                  .reg = {.hlc = (uint64_t)ms << 16,
                          .value = {.type = CONFIG_FLOAT, .real = value}}},
    };
    snprintf(write.entry.reg.node.text, NODE_NAME_SIZE, "%s", node);
    return write;
}

static void send(struct cloud_rig *rig, const struct rig_log *log, enum topic_id topic,
                 enum frame_kind kind, const struct buf *body)
{
    assert_true(buf_ok(body));
    cloud_rig_send(rig, log, topic, kind, buf_bytes(body));
}

void rig_send_writes(struct cloud_rig *rig, const struct rig_log *log, uint32_t incarnation,
                     const struct config_write *writes, size_t count)
{
    struct config_writes_writer writer;
    struct buf body = buf_of(body_memory, sizeof body_memory);
    config_writes_begin(&writer, packed, BODY_SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        assert_true(config_writes_add(&writer, &writes[i], BODY_SIZE_MAX));
    config_writes_encode(incarnation, &writer, &body);
    send(rig, log, TOPIC_CONFIG_UP, FRAME_CONFIG, &body);
}

void rig_send_write(struct cloud_rig *rig, const struct rig_log *log, uint32_t incarnation,
                    struct config_write write)
{
    rig_send_writes(rig, log, incarnation, &write, 1);
}

static bool find_published(struct cloud_rig *rig, const char *scope, const char *key,
                           struct config_entry *out, struct bytes *frame)
{
    const struct config_key wanted = key_of(scope, key);
    struct bytes body;
    for (size_t i = 0; cloud_rig_sent(rig, FRAME_CONFIG, i, frame, &body); i++) {
        assert_int_equal(config_msg_decode(rig->unpacker, body, out), ST_OK);
        if (config_key_equal(&out->key, &wanted)) return true;
    }
    return false;
}

bool rig_published(struct cloud_rig *rig, const char *scope, const char *key,
                   struct config_entry *out)
{
    struct bytes frame;
    return find_published(rig, scope, key, out, &frame);
}

size_t rig_published_count(struct cloud_rig *rig)
{
    struct bytes frame, body;
    size_t count = 0;
    while (cloud_rig_sent(rig, FRAME_CONFIG, count, &frame, &body))
        count++;
    return count;
}

struct bytes rig_published_frame(struct cloud_rig *rig, const char *scope, const char *key)
{
    static uint8_t memory[FRAME_SIZE_MAX];
    struct config_entry entry;
    struct bytes frame;
    if (!find_published(rig, scope, key, &entry, &frame)) fail_msg("%s was not published", key);
    memcpy(memory, frame.data, frame.size);
    return bytes_of(memory, frame.size);
}

bool rig_nack(struct cloud_rig *rig, struct nack *out)
{
    struct bytes frame, body;
    if (!cloud_rig_sent(rig, FRAME_NACK, 0, &frame, &body)) return false;
    assert_int_equal(nack_msg_decode(rig->unpacker, body, out), ST_OK);
    return true;
}

const struct ack *rig_ack(struct cloud_rig *rig)
{
    if (!cloud_rig_has_ack(rig)) fail_msg("there is no acknowledgement");
    return rig->ack;
}

void rig_hello(struct cloud_rig *rig, const struct rig_log *log, uint8_t nonce,
               struct hello_reply *out)
{
    struct bytes frame, body;
    memset(rig->nonce.bytes, nonce, NONCE_SIZE);
    cloud_rig_hello(rig, log, BYTES_EMPTY);
    if (out == NULL) return;
    assert_true(cloud_rig_sent(rig, FRAME_HELLO_REPLY, 0, &frame, &body));
    assert_int_equal(hello_reply_decode(rig->unpacker, body, out), ST_OK);
}

struct state_report rig_state(const struct cloud_rig *rig)
{
    return (struct state_report){.nonce = rig->nonce, .interest = INTEREST_NONE, .numbering = 1};
}

void rig_send_state(struct cloud_rig *rig, const struct rig_log *log,
                    const struct state_report *report)
{
    struct buf body = buf_of(body_memory, sizeof body_memory);
    state_msg_encode(report, &body);
    send(rig, log, TOPIC_SYNC_UP, FRAME_STATE, &body);
}

void rig_send_have(struct cloud_rig *rig, const struct rig_log *log, const struct config_have *have)
{
    struct buf body = buf_of(body_memory, sizeof body_memory);
    config_have_encode(have, &body);
    send(rig, log, TOPIC_SYNC_UP, FRAME_CONFIG_HAVE, &body);
}

void rig_send_held(struct cloud_rig *rig, const struct rig_log *log, struct bytes frame)
{
    const struct config_held held = {rig->nonce, frame};
    struct buf body = buf_of(body_memory, sizeof body_memory);
    config_held_encode(&held, &body);
    send(rig, log, TOPIC_SYNC_UP, FRAME_CONFIG_HELD, &body);
}

bool rig_roster(struct cloud_rig *rig, struct roster *out)
{
    struct bytes frame, body;
    if (!cloud_rig_sent(rig, FRAME_ROSTER, 0, &frame, &body)) return false;
    assert_int_equal(roster_msg_decode(rig->unpacker, body, out), ST_OK);
    return true;
}

void rig_relink(struct cloud_rig *rig, bool session_present, uint16_t receive_maximum)
{
    cloud_rig_run(rig, (struct event){.kind = EVENT_LINK_DOWN, .reason = BYTES_LITERAL("test")});
    cloud_rig_pass_ms(rig, 60000);
    cloud_rig_run(rig, (struct event){.kind = EVENT_WAKEUP});
    cloud_rig_run(rig, (struct event){.kind = EVENT_LINK_UP,
                                      .session_present = session_present,
                                      .receive_maximum = receive_maximum});
}

struct config_scope_digest rig_told(struct cloud_rig *rig, const struct rig_log *log,
                                    const char *scope)
{
    static struct hello_reply reply;
    struct config_scope wanted = {0};
    assert_int_equal(config_scope_from(bytes_of_text(scope), &wanted), ST_OK);
    rig_hello(rig, log, rig->nonce.bytes[0], &reply);
    for (size_t i = 0; i < reply.config.count; i++) {
        if (config_scope_compare(&reply.config.scopes[i].scope, &wanted) == 0)
            return reply.config.scopes[i];
    }
    fail_msg("%s does not hold for the node", scope);
    return reply.config.scopes[0];
}
