/* edge_rig.c - driving an edge engine by hand; see edge_rig.h. */
#include "tests/support/edge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/test_log.h"

enum { SCRATCH_SIZE = 1024 * 1024, START_WALL_S = 1800000000 };

static void rig_random(void *context, void *out, size_t size)
{
    struct edge_rig *rig = context;
    rng_fill(&rig->rng, out, size);
}

void edge_rig_open(struct edge_rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    static unsigned number;
    char name[32];
    snprintf(name, sizeof(name), "edge-rig-%u", number++);
    rig->cloud_stamp = 1;
    rng_seed(&rig->rng, 1);
    rig->disk = sim_disk_open(name, 1);
    rig->node_key = test_key_open(1);
    rig->cloud_key = test_key_open(2);
    rig->port = (struct port){.random = rig_random, .context = rig};
    rig->now = (struct moment){
        .wall_ns = INT64_C(1000000000) * START_WALL_S,
        .mono_ns = UINT64_C(1000000000) * 1000,
        .clock_uncertainty_ms = 10,
        .disk_free_bytes = UINT64_C(1) << 40,
    };
    memset(rig->store.bytes, 0x51, STORE_ID_SIZE);
    rig->options = (struct edge_options){
        .database_path = "edge.db",
        .vfs = sim_disk_vfs(rig->disk),
        .key = rig->node_key,
        .has_cloud_key = true,
        .cloud_key = secret_key_public(rig->cloud_key),
        .settings = edge_settings_default(),
        .port = &rig->port,
        .daemon = true,
        .software = "edge-bridge test",
        .now = rig->now,
    };
    rig->options.settings.compress = 0;
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-1"), &rig->options.node), ST_OK);
    assert_int_equal(effects_open(&rig->effects), ST_OK);
    assert_int_equal(hasher_open(&rig->hasher), ST_OK);
    assert_int_equal(unpacker_open(&rig->unpacker), ST_OK);
    assert_int_equal(compressor_open(&rig->compressor), ST_OK);
    rig->reply = malloc(sizeof(*rig->reply));
    rig->scratch = malloc(SCRATCH_SIZE);
    rig->frame = malloc(FRAME_SIZE_MAX);
    assert_non_null(rig->reply);
    assert_non_null(rig->scratch);
    assert_non_null(rig->frame);
    assert_int_equal(edge_create(&rig->options, NULL), ST_OK);
    edge_rig_reopen(rig);
}

void edge_rig_reopen(struct edge_rig *rig)
{
    char words[256];
    struct buf message = buf_of(words, sizeof(words) - 1);
    edge_close(rig->edge);
    rig->edge = NULL;
    effects_clear(rig->effects);
    rig->options.now = rig->now;
    const enum status status = edge_open(&rig->options, &message, &rig->edge);
    words[message.size] = '\0';
    if (status != ST_OK) fail_msg("edge_open: %s: %s", status_name(status), words);
}

void edge_rig_power_cut(struct edge_rig *rig)
{
    sim_disk_freeze(rig->disk);
    edge_close(rig->edge);
    rig->edge = NULL;
    sim_disk_thaw(rig->disk, true);
    edge_rig_reopen(rig);
}

void edge_rig_close(struct edge_rig *rig)
{
    edge_close(rig->edge);
    effects_close(rig->effects);
    hasher_close(rig->hasher);
    unpacker_close(rig->unpacker);
    compressor_close(rig->compressor);
    secret_key_close(rig->node_key);
    secret_key_close(rig->cloud_key);
    sim_disk_close(rig->disk);
    free(rig->reply);
    free(rig->scratch);
    free(rig->frame);
}

void edge_rig_pass_ms(struct edge_rig *rig, uint64_t ms)
{
    rig->now.mono_ns += ms * 1000000;
    rig->now.wall_ns += (int64_t)ms * 1000000;
}

void edge_rig_run(struct edge_rig *rig, struct event event)
{
    event.now = rig->now;
    effects_clear(rig->effects);
    assert_int_equal(edge_begin(rig->edge), ST_OK);
    assert_int_equal(edge_step(rig->edge, &event, rig->effects), ST_OK);
    assert_int_equal(edge_commit(rig->edge, &rig->now, rig->effects), ST_OK);
}

void edge_rig_wakeup(struct edge_rig *rig)
{
    edge_rig_run(rig, (struct event){.kind = EVENT_WAKEUP});
}

static void link_up(struct edge_rig *rig, enum link link)
{
    edge_rig_run(rig, (struct event){.kind = EVENT_LINK_UP, .link = link, .receive_maximum = 20});
}

void edge_rig_connect(struct edge_rig *rig)
{
    edge_rig_pass_ms(rig, 2000);
    edge_rig_wakeup(rig);
    link_up(rig, LINK_CLOUD);
}

void edge_rig_disconnect(struct edge_rig *rig)
{
    edge_rig_run(rig, (struct event){.kind = EVENT_LINK_DOWN,
                                     .link = LINK_CLOUD,
                                     .reason = BYTES_LITERAL("the test cut it")});
}

/* Hands the request in and reads the replies to it up to END; returns END's status. Receipts and
 * records stay in rig->reply (the last one that is not END). */
static enum status request(struct edge_rig *rig, struct bytes message, struct receipt *receipt)
{
    edge_rig_run(rig, (struct event){.kind = EVENT_REQUEST, .client = 7, .request = message});
    static struct control_reply last;
    for (int round = 0; round < 100000; round++) {
        for (size_t i = 0; i < rig->effects->count; i++) {
            const struct effect *effect = &rig->effects->items[i];
            if (effect->kind != EFFECT_REPLY) continue;
            assert_int_equal(control_reply_decode(rig->unpacker, effect->payload, &last), ST_OK);
            if (last.kind == REPLY_END) return last.status;
            if (last.kind == REPLY_RECEIPTS && receipt != NULL)
                *receipt = last.receipts[last.receipt_count - 1];
            if (last.kind == REPLY_RECORD) *rig->reply = last;
        }
        edge_rig_wakeup(rig);
    }
    fail_msg("the request never ended");
    return ST_BUG;
}

struct receipt edge_rig_append(struct edge_rig *rig, unsigned priority, const char *prefix,
                               size_t count)
{
    struct receipt receipt = {.status = ST_BUG};
    for (size_t done = 0; done < count;) {
        const size_t some = count - done < 500 ? count - done : 500;
        struct buf out = buf_of(rig->scratch, SCRATCH_SIZE);
        append_request_begin(&out, BYTES_LITERAL("log"), priority, (uint32_t)some);
        for (size_t i = 0; i < some; i++) {
            char text[64];
            snprintf(text, sizeof(text), "%s-%zu", prefix, ++done);
            const struct append_item item = {.payload = bytes_of_text(text)};
            append_request_item(&out, &item);
        }
        assert_int_equal(request(rig, buf_bytes(&out), &receipt), ST_OK);
        assert_int_equal(receipt.status, ST_OK);
    }
    return receipt;
}

struct receipt edge_rig_append_one(struct edge_rig *rig, const char *type, unsigned priority,
                                   const char *id, struct bytes payload)
{
    struct receipt receipt = {.status = ST_BUG};
    struct buf out = buf_of(rig->scratch, SCRATCH_SIZE);
    append_request_begin(&out, bytes_of_text(type), priority, 1);
    const struct append_item item = {
        .has_id = id != NULL,
        .id = id != NULL ? bytes_of_text(id) : BYTES_EMPTY,
        .payload = payload,
    };
    append_request_item(&out, &item);
    assert_int_equal(request(rig, buf_bytes(&out), &receipt), ST_OK);
    return receipt;
}

enum status edge_rig_verb(struct edge_rig *rig, const char *verb)
{
    return edge_rig_ask(rig, verb, NULL, 0);
}

enum status edge_rig_ask(struct edge_rig *rig, const char *verb,
                         const struct verb_argument *arguments, size_t count)
{
    struct buf out = buf_of(rig->scratch, SCRATCH_SIZE);
    verb_request_encode(&out, bytes_of_text(verb), arguments, count);
    return request(rig, buf_bytes(&out), NULL);
}

static const struct record_field *status_field(struct edge_rig *rig, const char *field)
{
    assert_int_equal(edge_rig_verb(rig, "status"), ST_OK);
    for (size_t i = 0; i < rig->reply->field_count; i++)
        if (bytes_equal(rig->reply->fields[i].name, bytes_of_text(field)))
            return &rig->reply->fields[i];
    fail_msg("the status has no field %s", field);
    return NULL;
}

uint64_t edge_rig_status(struct edge_rig *rig, const char *field)
{
    return status_field(rig, field)->natural;
}

void edge_rig_status_text(struct edge_rig *rig, const char *field, char *out, size_t size)
{
    const struct bytes text = status_field(rig, field)->text;
    assert_true(text.size < size);
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
}

static bool open_frame(struct edge_rig *rig, const struct effect *effect, enum frame_kind kind,
                       struct bytes *body)
{
    struct envelope envelope;
    if (effect->kind != EFFECT_PUBLISH || effect->link != LINK_CLOUD) return false;
    assert_int_equal(envelope_read(rig->unpacker, effect->payload, &envelope), ST_OK);
    const struct public_key key = secret_key_public(rig->node_key);
    struct topic_parts parts;
    assert_int_equal(topic_parse("hf/v1", effect->topic, &parts), ST_OK);
    assert_int_equal(envelope_verify(&envelope, &key, parts.below_root, rig->hasher), ST_OK);
    if (envelope.kind != kind) return false;
    *body = envelope.body;
    return true;
}

bool edge_rig_frame(struct edge_rig *rig, enum frame_kind kind, size_t n, struct bytes *body)
{
    for (size_t i = 0; i < rig->effects->count; i++)
        if (open_frame(rig, &rig->effects->items[i], kind, body) && n-- == 0) return true;
    return false;
}

size_t edge_rig_frame_count(struct edge_rig *rig, enum frame_kind kind)
{
    struct bytes body;
    size_t count = 0;
    while (edge_rig_frame(rig, kind, count, &body))
        count++;
    return count;
}

void edge_rig_puback_all(struct edge_rig *rig)
{
    uint32_t tokens[EFFECTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < rig->effects->count; i++)
        if (rig->effects->items[i].kind == EFFECT_PUBLISH)
            tokens[count++] = rig->effects->items[i].token;
    for (size_t i = 0; i < count; i++)
        edge_rig_run(rig,
                     (struct event){.kind = EVENT_SENT, .link = LINK_CLOUD, .token = tokens[i]});
}

void edge_rig_hear(struct edge_rig *rig, enum topic_id topic, enum frame_kind kind,
                   struct bytes body)
{
    edge_rig_hear_retained(rig, topic, kind, body, false);
}

void edge_rig_hear_retained(struct edge_rig *rig, enum topic_id topic, enum frame_kind kind,
                            struct bytes body, bool retained)
{
    struct topic_text text;
    assert_int_equal(topic_build("hf/v1", topic, "edge-1", NULL, &text), ST_OK);
    edge_rig_hear_on(rig, &text, kind, body, rig->cloud_key, retained);
}

void edge_rig_hear_on(struct edge_rig *rig, const struct topic_text *topic, enum frame_kind kind,
                      struct bytes body, const struct secret_key *signer, bool retained)
{
    struct node_name cloud = {"cloud"};
    const struct envelope_spec spec = {
        .kind = kind,
        .sender = &cloud,
        .key = signer,
        .hlc = rig->cloud_stamp,
        .topic_below_root = topic_text_below_root(topic),
    };
    struct buf frame = buf_of(rig->frame, FRAME_SIZE_MAX);
    assert_int_equal(envelope_write(&spec, body, NULL, rig->hasher, &frame), ST_OK);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_CLOUD};
    event.message.topic = topic_text_bytes(topic);
    event.message.payload = buf_bytes(&frame);
    event.message.retained = retained;
    edge_rig_run(rig, event);
}

void edge_rig_hear_ack(struct edge_rig *rig, const struct ack *ack)
{
    struct buf body = buf_of(rig->scratch, BODY_SIZE_MAX);
    ack_pack(ack, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(rig, TOPIC_ACK, FRAME_ACK, buf_bytes(&body));
}

void edge_rig_ack(struct edge_rig *rig, const struct log_id *log, uint64_t size,
                  const struct digest *head_hash)
{
    static struct ack ack;
    memset(&ack, 0, sizeof(ack));
    ack.store = rig->store;
    ack.counter = ++rig->ack_counter;
    ack.cloud_ms = rig->now.wall_ns / 1000000;
    ack.log_count = 1;
    ack.logs[0].log = *log;
    ack.logs[0].size = size;
    ack.logs[0].head_hash = *head_hash;
    edge_rig_hear_ack(rig, &ack);
}

struct nonce edge_rig_nonce(struct edge_rig *rig)
{
    static struct hello hello;
    struct bytes body;
    assert_true(edge_rig_frame(rig, FRAME_HELLO, 0, &body));
    assert_int_equal(hello_decode(rig->unpacker, body, &hello), ST_OK);
    return hello.nonce;
}
