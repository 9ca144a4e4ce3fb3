/* cloud_rig.c - driving a cloud engine by hand; see cloud_rig.h. */
#include "tests/support/cloud_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/store_sqlite.h"
#include "tests/support/test_log.h"

enum { SCRATCH_SIZE = 1024 * 1024, RAW_SIZE = 20 * 1024 * 1024, START_WALL_S = 1800000000 };

static void rig_random(void *context, void *out, size_t size)
{
    struct cloud_rig *rig = context;
    rng_fill(&rig->rng, out, size);
}

static void rig_trace(void *context, enum trace_level level, const char *line)
{
    struct cloud_rig *rig = context;
    if (level == TRACE_ALARM) rig->alarms++;
    if (getenv("RIG_TRACE") != NULL) fprintf(stderr, "  cloud: %s\n", line);
}

static void tools_open(struct cloud_rig *rig)
{
    assert_int_equal(effects_open(&rig->effects), ST_OK);
    assert_int_equal(hasher_open(&rig->hasher), ST_OK);
    assert_int_equal(unpacker_open(&rig->unpacker), ST_OK);
    assert_int_equal(compressor_open(&rig->compressor), ST_OK);
    rig->ack = calloc(1, sizeof *rig->ack);
    rig->reply = malloc(sizeof *rig->reply);
    rig->scratch = malloc(SCRATCH_SIZE);
    rig->frame = malloc(FRAME_SIZE_MAX);
    rig->writer_memory = malloc(SCRATCH_SIZE);
    rig->raw = malloc(RAW_SIZE);
    assert_true(rig->ack && rig->reply && rig->scratch && rig->frame && rig->writer_memory);
    assert_non_null(rig->raw);
}

void cloud_rig_open(struct cloud_rig *rig)
{
    static unsigned number;
    static struct rig_log node;
    char name[32];
    memset(rig, 0, sizeof *rig);
    snprintf(name, sizeof name, "cloud-rig-%u", number++);
    rng_seed(&rig->rng, 1);
    rig->disk = sim_disk_open(name, 1);
    rig->cloud_key = test_key_open(200);
    rig->port = (struct port){
        .random = rig_random,
        .context = rig,
        .trace = {.write = rig_trace, .context = rig, .level_min = TRACE_DEBUG},
    };
    rig->now = (struct moment){
        .wall_ns = INT64_C(1000000000) * START_WALL_S,
        .mono_ns = UINT64_C(1000000000) * 1000,
        .clock_uncertainty_ms = 10,
        .disk_free_bytes = UINT64_C(1) << 40,
    };
    memset(rig->nonce.bytes, 0x6e, NONCE_SIZE);
    rig->options = (struct cloud_options){
        .database_path = "cloud.db",
        .vfs = sim_disk_vfs(rig->disk),
        .key = rig->cloud_key,
        .settings = cloud_settings_default(),
        .port = &rig->port,
        .software = "cloud-consumer test",
        .now = rig->now,
    };
    tools_open(rig);
    assert_int_equal(cloud_create(&rig->options, NULL), ST_OK);
    cloud_rig_reopen(rig);
    rig_log_open_empty(&node, "edge-1", 1, 1);
    assert_int_equal(cloud_rig_enrol(rig, &node), ST_OK);
    rig_log_close(&node);
    cloud_rig_connect(rig);
}

void cloud_rig_close(struct cloud_rig *rig)
{
    cloud_close(rig->cloud);
    sim_disk_close(rig->disk);
    effects_close(rig->effects);
    hasher_close(rig->hasher);
    unpacker_close(rig->unpacker);
    compressor_close(rig->compressor);
    secret_key_close(rig->cloud_key);
    free(rig->ack);
    free(rig->reply);
    free(rig->scratch);
    free(rig->frame);
    free(rig->writer_memory);
    free(rig->raw);
}

static void open_cloud(struct cloud_rig *rig)
{
    char words[512];
    struct buf message = buf_of(words, sizeof words - 1);
    effects_clear(rig->effects);
    rig->options.now = rig->now;
    const enum status status = cloud_open(&rig->options, &message, &rig->cloud);
    words[message.size] = '\0';
    if (status != ST_OK) fail_msg("cloud_open: %s: %s", status_name(status), words);
    if (rig->online) cloud_rig_connect(rig);
}

void cloud_rig_reopen(struct cloud_rig *rig)
{
    cloud_close(rig->cloud);
    rig->cloud = NULL;
    open_cloud(rig);
}

void cloud_rig_power_cut(struct cloud_rig *rig)
{
    sim_disk_freeze(rig->disk);
    cloud_close(rig->cloud);
    rig->cloud = NULL;
    sim_disk_thaw(rig->disk, true);
    open_cloud(rig);
}

void cloud_rig_pass_ms(struct cloud_rig *rig, uint64_t ms)
{
    rig->now.mono_ns += ms * 1000000;
    rig->now.wall_ns += (int64_t)ms * 1000000;
}

/* PUBACKs for what the batch before has published. */
static enum status give_pubacks(struct cloud_rig *rig)
{
    static uint32_t tokens[EFFECTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < rig->effects->count; i++) {
        if (rig->effects->items[i].kind == EFFECT_PUBLISH)
            tokens[count++] = rig->effects->items[i].token;
    }
    effects_clear(rig->effects);
    for (size_t i = 0; i < count; i++) {
        const struct event sent = {
            .kind = EVENT_SENT, .now = rig->now, .link = LINK_CLOUD, .token = tokens[i]};
        TRY(cloud_step(rig->cloud, &sent, rig->effects));
    }
    return ST_OK;
}

enum status cloud_rig_try(struct cloud_rig *rig, struct event event)
{
    event.now = rig->now;
    TRY(cloud_begin(rig->cloud));
    TRY(give_pubacks(rig));
    TRY(cloud_step(rig->cloud, &event, rig->effects));
    return cloud_commit(rig->cloud, &rig->now, rig->effects);
}

void cloud_rig_run(struct cloud_rig *rig, struct event event)
{
    const enum status status = cloud_rig_try(rig, event);
    if (status != ST_OK) fail_msg("the batch ended in %s", status_name(status));
}

/* No PUBACKs in this batch: it holds a WAKEUP and nothing else. */
void cloud_rig_wakeup(struct cloud_rig *rig)
{
    const struct event event = {.kind = EVENT_WAKEUP, .now = rig->now};
    effects_clear(rig->effects);
    assert_int_equal(cloud_begin(rig->cloud), ST_OK);
    assert_int_equal(cloud_step(rig->cloud, &event, rig->effects), ST_OK);
    assert_int_equal(cloud_commit(rig->cloud, &rig->now, rig->effects), ST_OK);
}

void cloud_rig_idle(struct cloud_rig *rig)
{
    for (int i = 0; cloud_has_jobs(rig->cloud); i++) {
        if (i == 100000) fail_msg("the work never ends");
        const uint64_t wakeup = cloud_next_wakeup(rig->cloud);
        if (wakeup > rig->now.mono_ns)
            cloud_rig_pass_ms(rig, (wakeup - rig->now.mono_ns) / 1000000 + 1);
        cloud_rig_wakeup(rig);
    }
}

void cloud_rig_connect(struct cloud_rig *rig)
{
    rig->online = true;
    cloud_rig_pass_ms(rig, 60000);
    const uint64_t wakeup = cloud_next_wakeup(rig->cloud);
    assert_true(wakeup <= rig->now.mono_ns);
    cloud_rig_run(rig, (struct event){.kind = EVENT_WAKEUP});
    cloud_rig_run(rig, (struct event){.kind = EVENT_LINK_UP, .receive_maximum = 1000});
}

struct bytes cloud_rig_frame(struct cloud_rig *rig, const struct rig_log *log, enum topic_id topic,
                             enum frame_kind kind, struct bytes body)
{
    struct topic_text text;
    assert_int_equal(topic_build("hf/v1", topic, log->node.text, NULL, &text), ST_OK);
    const struct envelope_spec spec = {
        .kind = kind,
        .sender = &log->node,
        .key = log->key,
        .hlc = 1,
        .topic_below_root = topic_text_below_root(&text),
    };
    struct buf frame = buf_of(rig->frame, FRAME_SIZE_MAX);
    struct compressor *const compressor = rig->compress ? rig->compressor : NULL;
    assert_int_equal(envelope_write(&spec, body, compressor, rig->hasher, &frame), ST_OK);
    return buf_bytes(&frame);
}

void cloud_rig_hear(struct cloud_rig *rig, const char *node, enum topic_id topic,
                    struct bytes frame)
{
    struct topic_text text;
    assert_int_equal(topic_build("hf/v1", topic, node, NULL, &text), ST_OK);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_CLOUD};
    event.message.topic = topic_text_bytes(&text);
    event.message.payload = frame;
    cloud_rig_run(rig, event);
}

void cloud_rig_send(struct cloud_rig *rig, const struct rig_log *log, enum topic_id topic,
                    enum frame_kind kind, struct bytes body)
{
    const struct bytes frame = cloud_rig_frame(rig, log, topic, kind, body);
    cloud_rig_hear(rig, log->node.text, topic, frame);
}

struct bytes cloud_rig_run_body(struct cloud_rig *rig, const struct rig_log *log, uint64_t from,
                                uint64_t to, const struct checkpoint *checkpoint)
{
    const struct key_id key_id = key_id_of(&log->public_key);
    struct evidence_run_head head = {
        .log = log->log,
        .first_sequence = from,
        .key_id = key_id,
        .checkpoint = *checkpoint,
        .checkpoint_key_id = key_id,
    };
    struct evidence_writer writer;
    evidence_writer_begin(&writer, rig->writer_memory, SCRATCH_SIZE);
    for (uint64_t i = from; from > 0 && i <= to; i++) {
        const struct rig_entry *const entry = &log->entries[i - 1];
        assert_true(evidence_writer_add(&writer, &entry->fields, &entry->entry, SCRATCH_SIZE));
    }
    if (from > 1) head.prev_hash = log->entries[from - 2].hash;
    struct buf body = buf_of(rig->scratch, SCRATCH_SIZE);
    evidence_msg_encode(&head, from > 0 ? &writer : NULL, &body);
    assert_true(buf_ok(&body));
    return buf_bytes(&body);
}

void cloud_rig_send_run(struct cloud_rig *rig, const struct rig_log *log, uint64_t from,
                        uint64_t to)
{
    const struct checkpoint checkpoint = rig_log_checkpoint(log, to);
    cloud_rig_send(rig, log, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                   cloud_rig_run_body(rig, log, from, to, &checkpoint));
}

void cloud_rig_send_ahead(struct cloud_rig *rig, const struct rig_log *log, uint64_t sequence)
{
    struct buf body = buf_of(rig->scratch, SCRATCH_SIZE);
    ahead_msg_encode(&log->log, &log->entries[sequence - 1].entry, 1, &body);
    assert_true(buf_ok(&body));
    cloud_rig_send(rig, log, TOPIC_EVIDENCE, FRAME_EVIDENCE_AHEAD, buf_bytes(&body));
}

void cloud_rig_announce(struct cloud_rig *rig, const struct rig_log *log, uint64_t size)
{
    const struct checkpoint checkpoint = rig_log_checkpoint(log, size);
    cloud_rig_send(rig, log, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                   cloud_rig_run_body(rig, log, 0, 0, &checkpoint));
}

void cloud_rig_send_parts(struct cloud_rig *rig, const struct rig_log *log, uint64_t sequence,
                          struct bytes payload, uint32_t first, uint32_t last)
{
    for (uint32_t part = first; part < last; part++) {
        const size_t at = (size_t)part * PART_SIZE;
        struct bytes bytes = bytes_from(payload, at);
        if (bytes.size > PART_SIZE) bytes.size = PART_SIZE;
        const struct evidence_part message = {log->log, sequence, part, payload.size, bytes};
        struct buf body = buf_of(rig->scratch, SCRATCH_SIZE);
        part_msg_encode(&message, &body);
        assert_true(buf_ok(&body));
        cloud_rig_send(rig, log, TOPIC_EVIDENCE, FRAME_EVIDENCE_PART, buf_bytes(&body));
    }
}

void cloud_rig_hello(struct cloud_rig *rig, const struct rig_log *log, struct bytes held_ack)
{
    static struct hello hello;
    memset(&hello, 0, sizeof hello);
    hello.nonce = rig->nonce;
    hello.held_ack = held_ack;
    hello.mono_ms = 77;
    hello.log_count = 1;
    hello.logs[0].log = log->log;
    hello.logs[0].head_sequence = log->head.sequence;
    hello.logs[0].head_hash = log->head.hash;
    struct buf body = buf_of(rig->scratch, SCRATCH_SIZE);
    hello_encode(&hello, &body);
    assert_true(buf_ok(&body));
    cloud_rig_send(rig, log, TOPIC_SYNC_UP, FRAME_HELLO, buf_bytes(&body));
}

bool cloud_rig_sent(struct cloud_rig *rig, enum frame_kind kind, size_t n, struct bytes *frame,
                    struct bytes *body)
{
    const struct public_key key = secret_key_public(rig->cloud_key);
    for (size_t i = 0; i < rig->effects->count; i++) {
        const struct effect *const effect = &rig->effects->items[i];
        struct envelope envelope;
        struct topic_parts parts;
        if (effect->kind != EFFECT_PUBLISH) continue;
        assert_int_equal(envelope_read(rig->unpacker, effect->payload, &envelope), ST_OK);
        assert_int_equal(topic_parse("hf/v1", effect->topic, &parts), ST_OK);
        assert_int_equal(envelope_verify(&envelope, &key, parts.below_root, rig->hasher), ST_OK);
        assert_int_equal(effect->retain, topic_row_of(parts.id)->retained);
        if (envelope.kind != kind || n-- > 0) continue;
        *frame = effect->payload;
        *body = envelope.body;
        return true;
    }
    return false;
}

bool cloud_rig_has_ack(struct cloud_rig *rig)
{
    struct bytes frame, body;
    if (!cloud_rig_sent(rig, FRAME_ACK, 0, &frame, &body)) return false;
    assert_int_equal(ack_msg_decode(rig->unpacker, body, rig->ack), ST_OK);
    return true;
}

const struct ack_log *cloud_rig_ack(struct cloud_rig *rig, const struct rig_log *log)
{
    if (!cloud_rig_has_ack(rig)) fail_msg("there is no acknowledgement");
    for (size_t i = 0; i < rig->ack->log_count; i++) {
        if (log_id_equal(&rig->ack->logs[i].log, &log->log)) return &rig->ack->logs[i];
    }
    fail_msg("the acknowledgement does not name the log");
    return NULL;
}

bool cloud_rig_range(struct cloud_rig *rig, struct range_request *out)
{
    struct bytes frame, body;
    if (!cloud_rig_sent(rig, FRAME_RANGE_REQUEST, 0, &frame, &body)) return false;
    assert_int_equal(range_request_decode(rig->unpacker, body, out), ST_OK);
    return true;
}

/* Takes in the replies of the last batch; true when END was among them. */
static bool take_replies(struct cloud_rig *rig, enum status *status)
{
    static struct control_reply last;
    for (size_t i = 0; i < rig->effects->count; i++) {
        const struct effect *const effect = &rig->effects->items[i];
        if (effect->kind != EFFECT_REPLY) continue;
        assert_int_equal(control_reply_decode(rig->unpacker, effect->payload, &last), ST_OK);
        if (last.kind == REPLY_RECORD) {
            *rig->reply = last;
            rig->record_count++;
        }
        if (last.kind == REPLY_RAW) {
            assert_true(rig->raw_size + last.raw.size <= RAW_SIZE);
            memcpy(rig->raw + rig->raw_size, last.raw.data, last.raw.size);
            rig->raw_size += last.raw.size;
        }
        if (last.kind != REPLY_END) continue;
        snprintf(rig->message, sizeof rig->message, "%.*s", (int)last.message.size,
                 (const char *)last.message.data);
        *status = last.status;
        return true;
    }
    return false;
}

static enum status run_verb(struct cloud_rig *rig, const char *verb,
                            const struct verb_argument *arguments, size_t count)
{
    enum status status = ST_BUG;
    struct buf out = buf_of(rig->scratch, SCRATCH_SIZE);
    verb_request_encode(&out, bytes_of_text(verb), arguments, count);
    rig->record_count = 0;
    rig->raw_size = 0;
    struct event event = {.kind = EVENT_REQUEST, .client = 7, .request = buf_bytes(&out)};
    cloud_rig_run(rig, event);
    for (int i = 0; !take_replies(rig, &status); i++) {
        if (i == 100000) fail_msg("the verb never ended");
        cloud_rig_wakeup(rig);
    }
    return status;
}

enum status cloud_rig_verb(struct cloud_rig *rig, const char *verb, ...)
{
    struct verb_argument arguments[VERB_ARGUMENTS_MAX];
    size_t count = 0;
    va_list list;
    va_start(list, verb);
    for (const char *name; (name = va_arg(list, const char *)) != NULL; count++) {
        arguments[count].name = bytes_of_text(name);
        arguments[count].value = bytes_of_text(va_arg(list, const char *));
    }
    va_end(list);
    return run_verb(rig, verb, arguments, count);
}

static const struct record_field *find_field(struct cloud_rig *rig, const char *field)
{
    for (size_t i = 0; i < rig->reply->field_count; i++) {
        if (bytes_equal(rig->reply->fields[i].name, bytes_of_text(field)))
            return &rig->reply->fields[i];
    }
    fail_msg("the record has no field %s", field);
    return NULL;
}

uint64_t cloud_rig_field(struct cloud_rig *rig, const char *field)
{
    return find_field(rig, field)->natural;
}

bool cloud_rig_field_is(struct cloud_rig *rig, const char *field, const char *text)
{
    return bytes_equal(find_field(rig, field)->text, bytes_of_text(text));
}

uint64_t cloud_rig_status(struct cloud_rig *rig, const char *field)
{
    assert_int_equal(cloud_rig_verb(rig, "status", NULL), ST_OK);
    return cloud_rig_field(rig, field);
}

enum status cloud_rig_enrol(struct cloud_rig *rig, const struct rig_log *log)
{
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_NODE, &log->node, log->key, line);
    return cloud_rig_verb(rig, "node-add", "line", line, NULL);
}

static struct db *open_database(struct cloud_rig *rig)
{
    const struct db_options options = {
        .path = rig->options.database_path,
        .vfs = rig->options.vfs,
        .application_id = CLOUD_APPLICATION_ID,
    };
    struct db *db = NULL;
    cloud_close(rig->cloud);
    rig->cloud = NULL;
    assert_int_equal(db_open(&options, cloud_migrations, CLOUD_MIGRATION_COUNT, NULL, &db), ST_OK);
    return db;
}

enum status cloud_rig_sql(struct cloud_rig *rig, const char *sql)
{
    struct db *const db = open_database(rig);
    const enum status status = db_execute(db, sql);
    db_close(db);
    open_cloud(rig);
    return status;
}

int64_t cloud_rig_sql_number(struct cloud_rig *rig, const char *sql)
{
    struct db *const db = open_database(rig);
    struct statement *statement = NULL;
    bool row = false;
    assert_int_equal(statement_open(db, sql, &statement), ST_OK);
    assert_int_equal(statement_step(statement, &row), ST_OK);
    assert_true(row);
    const int64_t value = column_i64(statement, 0);
    statement_close(statement);
    db_close(db);
    open_cloud(rig);
    return value;
}
