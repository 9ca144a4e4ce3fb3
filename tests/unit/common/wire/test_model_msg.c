/* test_model_msg.c - do cloud and edges understand each other about models? */
#include "common/wire/model_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/recode_model.h"
#include "tests/support/wire_check.h"

static struct model_manifest manifest, manifest_back;
static struct model_want want, want_back;
static struct model_report report, report_back;

static struct bytes done(const struct buf *out)
{
    assert_true(buf_ok(out));
    return buf_bytes(out);
}

/* --------------------------------------------------------------- manifest */

static struct bytes encode_manifest(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    model_manifest_encode(&manifest, &out);
    return done(&out);
}

static void random_manifest(struct rng *rng)
{
    struct model_head *const head = &manifest.head;
    memset(&manifest, 0, sizeof manifest);
    snprintf(head->model.text, sizeof head->model.text, "Model_%u.x",
             (unsigned)rng_below(rng, 1000));
    head->scope.kind = (enum config_scope_kind)rng_below(rng, CONFIG_SCOPE_KIND_COUNT);
    if (head->scope.kind != CONFIG_SCOPE_FLEET) head->scope.name = (struct level_name){"edge-17"};
    head->version = random_sequence(rng);
    head->min_version = 1 + rng_below(rng, head->version);
    head->hlc = 1 + random_uint(rng) % HLC_STAMP_MAX;
    head->retired = rng_chance(rng, 200);
    if (head->retired) return;
    manifest.list_count = 1 + (size_t)rng_below(rng, 30);
    head->content.chunk_count =
        (uint32_t)(manifest.list_count + rng_below(rng, 100 * manifest.list_count));
    head->content.size =
        head->content.chunk_count * (1 + rng_below(rng, MODEL_SIZE_MAX / (101 * 30)));
    if (head->content.size > (uint64_t)head->content.chunk_count * CHUNK_SIZE_MAX)
        head->content.size = (uint64_t)head->content.chunk_count * CHUNK_SIZE_MAX;
    if (head->content.size > MODEL_SIZE_MAX) head->content.size = MODEL_SIZE_MAX;
    head->content.chunking = 1 + (uint32_t)rng_below(rng, UINT32_MAX);
    rng_fill(rng, head->content.sha256.bytes, DIGEST_SIZE);
    rng_fill(rng, manifest.lists, manifest.list_count * sizeof manifest.lists[0]);
}

static void expect_same_manifest(void)
{
    const struct model_head *const a = &manifest_back.head, *const b = &manifest.head;
    assert_string_equal(a->model.text, b->model.text);
    assert_int_equal(a->scope.kind, b->scope.kind);
    assert_string_equal(a->scope.name.text, b->scope.name.text);
    assert_int_equal(model_head_compare(a, b), 0);
    assert_int_equal(manifest_back.list_count, manifest.list_count);
    assert_memory_equal(manifest_back.lists, manifest.lists,
                        manifest.list_count * sizeof manifest.lists[0]);
}

static void test_a_manifest_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        random_manifest(&wire->rng);
        const struct bytes body = encode_manifest(wire);
        memset(&manifest_back, 0xEE, sizeof manifest_back);
        assert_int_equal(model_manifest_decode(wire->unpacker, body, &manifest_back), ST_OK);
        expect_same_manifest();
        assert_true(recode_holds(wire->recoder, recode_model_manifest, body));
    }
}

static void test_the_manifest_of_the_largest_model_fits_one_frame(void **state)
{
    struct wire *const wire = *state;
    struct model_head *const head = &manifest.head;
    memset(&manifest, 0, sizeof manifest);
    memset(head->model.text, 'm', LEVEL_NAME_SIZE_MAX);
    head->scope.kind = CONFIG_SCOPE_GROUP;
    memset(head->scope.name.text, 'g', LEVEL_NAME_SIZE_MAX);
    head->version = head->min_version = MODEL_VERSION_MAX;
    head->hlc = HLC_STAMP_MAX;
    head->content.size = MODEL_SIZE_MAX;
    head->content.chunking = UINT32_MAX;
    head->content.chunk_count = MODEL_CHUNKS_MAX;
    manifest.list_count = MODEL_LISTS_MAX;
    const struct bytes body = encode_manifest(wire);
    assert_true(body.size <= BODY_SIZE_MAX);
    assert_int_equal(model_manifest_decode(wire->unpacker, body, &manifest_back), ST_OK);
    expect_same_manifest();
}

/* What a manifest of another program may say, field by field. */
struct raw_manifest {
    const char *model, *scope_name;
    uint64_t scope, version, min_version, hlc, size, chunking, chunk_count;
    size_t fields, content_fields, lists_size;
    bool retired;
};

static enum status raw_verdict(struct wire *wire, const struct raw_manifest *raw)
{
    static const uint8_t zeroes[(MODEL_LISTS_MAX + 1) * DIGEST_SIZE];
    struct buf out = wire_buf(wire);
    pack_array(&out, (uint32_t)raw->fields);
    pack_text(&out, bytes_of_text(raw->model));
    pack_uint(&out, raw->scope);
    pack_text(&out, bytes_of_text(raw->scope_name));
    pack_uint(&out, raw->version);
    pack_uint(&out, raw->min_version);
    pack_uint(&out, raw->hlc);
    if (raw->retired) {
        pack_nil(&out);
    } else {
        pack_array(&out, (uint32_t)raw->content_fields);
        pack_uint(&out, raw->size);
        pack_bin(&out, bytes_of(zeroes, DIGEST_SIZE));
        pack_uint(&out, raw->chunking);
        pack_uint(&out, raw->chunk_count);
        pack_bin(&out, bytes_of(zeroes, raw->lists_size));
    }
    return model_manifest_decode(wire->unpacker, done(&out), &manifest_back);
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        struct raw_manifest m = {.model = "fusion",                                                \
                                 .scope = CONFIG_SCOPE_NODE,                                       \
                                 .scope_name = "edge-1",                                           \
                                 .version = 7,                                                     \
                                 .min_version = 3,                                                 \
                                 .hlc = 1,                                                         \
                                 .size = 1000,                                                     \
                                 .chunking = 1,                                                    \
                                 .chunk_count = 2,                                                 \
                                 .fields = 7,                                                      \
                                 .content_fields = 5,                                              \
                                 .lists_size = 2 * DIGEST_SIZE};                                   \
        change;                                                                                    \
        if (raw_verdict(*state, &m) != (expected)) fail_msg("wrong verdict on: " #change);         \
    } while (0)

static void test_an_unlawful_manifest_is_refused(void **state)
{
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_OK, m.retired = true);
    EXPECT(ST_MALFORMED, m.fields = 6);
    EXPECT(ST_MALFORMED, m.content_fields = 4);
    EXPECT(ST_MALFORMED, m.model = "");
    EXPECT(ST_MALFORMED, m.model = "a/b");
    EXPECT(ST_MALFORMED, m.scope = CONFIG_SCOPE_FLEET);
    EXPECT(ST_OK, m.scope = CONFIG_SCOPE_FLEET; m.scope_name = "");
    EXPECT(ST_MALFORMED, m.scope_name = "");
    EXPECT(ST_MALFORMED, m.scope_name = "Edge");
    EXPECT(ST_MALFORMED, m.scope_name = "cloud");
    EXPECT(ST_MALFORMED, m.scope = CONFIG_SCOPE_KIND_COUNT);
    EXPECT(ST_MALFORMED, m.version = 0);
    EXPECT(ST_MALFORMED, m.version = MODEL_VERSION_MAX + 1);
    EXPECT(ST_MALFORMED, m.min_version = 0);
    EXPECT(ST_MALFORMED, m.min_version = 8);
    EXPECT(ST_MALFORMED, m.hlc = 0);
    EXPECT(ST_MALFORMED, m.hlc = HLC_STAMP_MAX + 1);
    EXPECT(ST_MALFORMED, m.size = 0);
    EXPECT(ST_MALFORMED, m.size = (uint64_t)MODEL_SIZE_MAX + 1; m.chunk_count = 100000;
           m.lists_size = 1000 * DIGEST_SIZE);
    EXPECT(ST_MALFORMED, m.chunking = 0);
    EXPECT(ST_MALFORMED, m.chunking = (uint64_t)UINT32_MAX + 1);
    EXPECT(ST_MALFORMED, m.chunk_count = 0);
    EXPECT(ST_MALFORMED, m.chunk_count = 1);
    EXPECT(ST_MALFORMED, m.size = MODEL_SIZE_MAX; m.chunk_count = MODEL_CHUNKS_MAX + 1;
           m.lists_size = MODEL_LISTS_MAX * DIGEST_SIZE);
    EXPECT(ST_MALFORMED, m.lists_size = 0);
    EXPECT(ST_MALFORMED, m.lists_size = DIGEST_SIZE + 1);
    EXPECT(ST_MALFORMED, m.size = MODEL_SIZE_MAX; m.chunk_count = MODEL_CHUNKS_MAX;
           m.lists_size = (MODEL_LISTS_MAX + 1) * DIGEST_SIZE);
}

#undef EXPECT

/* ------------------------------------------------------------------ chunk */

static void test_a_chunk_is_taken_only_under_its_own_hash(void **state)
{
    static uint8_t chunk[CHUNK_SIZE_MAX];
    static const size_t sizes[] = {1, 2, 255, 256, 65535 - CHUNK_SIZE_MIN, CHUNK_SIZE_MAX};
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const size_t size = sizes[i] < CHUNK_SIZE_MAX ? sizes[i] : CHUNK_SIZE_MAX;
        struct buf out = wire_buf(wire);
        struct bytes back;
        rng_fill(&wire->rng, chunk, size);
        model_chunk_encode(bytes_of(chunk, size), &out);
        const struct bytes body = done(&out);
        struct digest hash = hasher_of(wire->hasher, bytes_of(chunk, size));
        assert_true(body.size <= BODY_SIZE_MAX);
        assert_int_equal(model_chunk_decode(wire->unpacker, wire->hasher, &hash, body, &back),
                         ST_OK);
        assert_true(bytes_equal(back, bytes_of(chunk, size)));
        /* A chunk that was swapped with another one. */
        hash.bytes[rng_below(&wire->rng, DIGEST_SIZE)] ^= 0x10;
        assert_int_equal(model_chunk_decode(wire->unpacker, wire->hasher, &hash, body, &back),
                         ST_FORGED);
    }
}

static void test_a_chunk_of_no_bytes_or_too_many_is_refused(void **state)
{
    static uint8_t chunk[CHUNK_SIZE_MAX + 1];
    static const size_t sizes[] = {0, CHUNK_SIZE_MAX + 1};
    struct wire *const wire = *state;
    struct bytes back;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf out = wire_buf(wire);
        pack_bin(&out, bytes_of(chunk, sizes[i]));
        const struct digest hash = hasher_of(wire->hasher, bytes_of(chunk, sizes[i]));
        assert_int_equal(model_chunk_decode(wire->unpacker, wire->hasher, &hash, done(&out), &back),
                         ST_MALFORMED);
    }
    struct buf out = wire_buf(wire);
    pack_text(&out, BYTES_LITERAL("text"));
    const struct digest hash = hasher_of(wire->hasher, BYTES_LITERAL("text"));
    assert_int_equal(model_chunk_decode(wire->unpacker, wire->hasher, &hash, done(&out), &back),
                     ST_MALFORMED);
}

/* ------------------------------------------------------------------- want */

static struct bytes encode_want(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    model_want_encode(&want, &out);
    return done(&out);
}

static void random_want(struct rng *rng, size_t count)
{
    memset(&want, 0, sizeof want);
    rng_fill(rng, want.nonce.bytes, NONCE_SIZE);
    memset(want.model.text, 'w', LEVEL_NAME_SIZE_MAX);
    while (want.count < count) {
        struct digest hash;
        rng_fill(rng, hash.bytes, DIGEST_SIZE);
        if (rng_chance(rng, 500)) hash.bytes[0] = 0;
        assert_int_equal(model_want_add(&want, &hash), ST_OK);
    }
}

static void test_hashes_are_wanted_once_each_and_in_order(void **state)
{
    struct wire *const wire = *state;
    random_want(&wire->rng, MODEL_WANT_MAX);
    for (size_t i = 1; i < want.count; i++)
        assert_true(memcmp(want.hashes[i - 1].bytes, want.hashes[i].bytes, DIGEST_SIZE) < 0);
    for (size_t i = 0; i < want.count; i++) {
        const struct digest again = want.hashes[i];
        assert_int_equal(model_want_add(&want, &again), ST_DUPLICATE);
    }
    struct digest one_more = want.hashes[5];
    one_more.bytes[31] ^= 1;
    assert_int_equal(model_want_add(&want, &one_more), ST_FULL);
    assert_int_equal(want.count, MODEL_WANT_MAX);
}

static void test_a_request_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 50; round++) {
        random_want(&wire->rng, round == 0 ? MODEL_WANT_MAX : 1 + rng_below(&wire->rng, 20));
        const struct bytes body = encode_want(wire);
        memset(&want_back, 0xEE, sizeof want_back);
        assert_true(body.size <= BODY_SIZE_MAX);
        assert_int_equal(model_want_decode(wire->unpacker, body, &want_back), ST_OK);
        assert_true(nonce_equal(&want_back.nonce, &want.nonce));
        assert_string_equal(want_back.model.text, want.model.text);
        assert_int_equal(want_back.count, want.count);
        assert_memory_equal(want_back.hashes, want.hashes, want.count * DIGEST_SIZE);
        assert_true(recode_holds(wire->recoder, recode_model_want, body));
    }
}

static void test_a_request_for_nothing_too_much_or_out_of_order_is_refused(void **state)
{
    static uint8_t hashes[(MODEL_WANT_MAX + 1) * DIGEST_SIZE];
    static const struct {
        size_t size;
        enum status expected;
    } cases[] = {
        {0, ST_MALFORMED},
        {1, ST_MALFORMED},
        {DIGEST_SIZE - 1, ST_MALFORMED},
        {DIGEST_SIZE, ST_OK},
        {DIGEST_SIZE + 1, ST_MALFORMED},
        {MODEL_WANT_MAX * DIGEST_SIZE, ST_OK},
        {(MODEL_WANT_MAX + 1) * DIGEST_SIZE, ST_MALFORMED},
    };
    struct wire *const wire = *state;
    for (size_t i = 0; i <= MODEL_WANT_MAX; i++)
        put_u16(hashes + i * DIGEST_SIZE, (uint16_t)i);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = wire_buf(wire);
        pack_array(&out, 3);
        pack_bin(&out, bytes_of(hashes, NONCE_SIZE));
        pack_text(&out, BYTES_LITERAL("fusion"));
        pack_bin(&out, bytes_of(hashes, cases[i].size));
        assert_int_equal(model_want_decode(wire->unpacker, done(&out), &want_back),
                         cases[i].expected);
    }
    random_want(&wire->rng, 3);
    const struct digest middle = want.hashes[1];
    want.hashes[1] = want.hashes[0];
    assert_int_equal(model_want_decode(wire->unpacker, encode_want(wire), &want_back),
                     ST_MALFORMED);
    want.hashes[1] = want.hashes[2];
    want.hashes[2] = middle;
    assert_int_equal(model_want_decode(wire->unpacker, encode_want(wire), &want_back),
                     ST_MALFORMED);
}

/* ------------------------------------------------------------------ state */

static struct bytes encode_report(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    model_report_encode(&report, &out);
    return done(&out);
}

static enum status decode_report(struct wire *wire)
{
    return model_report_decode(wire->unpacker, encode_report(wire), &report_back);
}

static void good_report(size_t count)
{
    memset(&report, 0, sizeof report);
    report.count = count;
    for (size_t i = 0; i < count; i++) {
        struct model_state *const model = &report.models[i];
        snprintf(model->model.text, sizeof model->model.text, "m-%02zu", i);
        *model = (struct model_state){.model = model->model,
                                      .active = 4,
                                      .wanted = 5,
                                      .chunks_done = 17,
                                      .chunks_total = 40,
                                      .phase = MODEL_FETCHING};
    }
}

static void test_a_report_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    uint8_t reason[MODEL_REASON_SIZE_MAX];
    for (unsigned round = 0; round < 300; round++) {
        good_report((size_t)rng_below(&wire->rng, MODEL_STATES_MAX + 1));
        rng_fill(&wire->rng, report.nonce.bytes, NONCE_SIZE);
        for (size_t i = 0; i < report.count; i++) {
            struct model_state *const model = &report.models[i];
            model->active = random_uint(&wire->rng) & MODEL_VERSION_MAX;
            model->wanted = random_uint(&wire->rng) & MODEL_VERSION_MAX;
            model->chunks_total = (uint32_t)rng_below(&wire->rng, MODEL_CHUNKS_MAX + 1);
            model->chunks_done = (uint32_t)rng_below(&wire->rng, model->chunks_total + 1);
            model->phase = (enum model_phase)rng_below(&wire->rng, MODEL_PHASE_COUNT);
            model->reason = random_text(&wire->rng, reason, 0, sizeof reason);
        }
        const struct bytes body = encode_report(wire);
        memset(&report_back, 0xEE, sizeof report_back);
        assert_int_equal(model_report_decode(wire->unpacker, body, &report_back), ST_OK);
        assert_int_equal(report_back.count, report.count);
        assert_true(nonce_equal(&report_back.nonce, &report.nonce));
        for (size_t i = 0; i < report.count; i++) {
            const struct model_state *const a = &report_back.models[i], *const b =
                                                                            &report.models[i];
            assert_string_equal(a->model.text, b->model.text);
            assert_true(a->active == b->active && a->wanted == b->wanted);
            assert_true(a->chunks_done == b->chunks_done && a->chunks_total == b->chunks_total);
            assert_int_equal(a->phase, b->phase);
        }
        assert_true(recode_holds(wire->recoder, recode_model_state, body));
    }
}

static void test_the_largest_report_fits_one_frame(void **state)
{
    struct wire *const wire = *state;
    char reason[MODEL_REASON_SIZE_MAX];
    memset(reason, 'r', sizeof reason);
    good_report(MODEL_STATES_MAX);
    for (size_t i = 0; i < report.count; i++) {
        struct model_state *const model = &report.models[i];
        memset(model->model.text + 4, 'm', LEVEL_NAME_SIZE_MAX - 4);
        model->active = model->wanted = MODEL_VERSION_MAX;
        model->chunks_done = model->chunks_total = MODEL_CHUNKS_MAX;
        model->reason = bytes_of(reason, sizeof reason);
    }
    assert_true(encode_report(wire).size <= BODY_SIZE_MAX);
    assert_int_equal(decode_report(wire), ST_OK);
    assert_true(bytes_equal(report_back.models[MODEL_STATES_MAX - 1].reason,
                            bytes_of(reason, sizeof reason)));
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        good_report(3);                                                                            \
        change;                                                                                    \
        if (decode_report(*state) != (expected)) fail_msg("wrong verdict on: " #change);           \
    } while (0)

static void test_an_unlawful_report_is_refused(void **state)
{
    char reason[MODEL_REASON_SIZE_MAX + 1];
    struct model_state *const models = report.models;
    memset(reason, 'r', sizeof reason);
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_OK, report.count = 0);
    EXPECT(ST_MALFORMED, models[1].model = models[0].model);
    EXPECT(ST_MALFORMED, models[0].model.text[0] = 'n');
    EXPECT(ST_MALFORMED, models[2].model.text[0] = '/');
    EXPECT(ST_MALFORMED, models[2].model.text[0] = '\0');
    EXPECT(ST_OK, models[0].active = MODEL_VERSION_MAX);
    EXPECT(ST_MALFORMED, models[0].active = MODEL_VERSION_MAX + 1);
    EXPECT(ST_MALFORMED, models[0].wanted = MODEL_VERSION_MAX + 1);
    EXPECT(ST_OK, models[0].active = 0; models[0].wanted = 0);
    EXPECT(ST_OK, models[0].chunks_done = 40);
    EXPECT(ST_MALFORMED, models[0].chunks_done = 41);
    EXPECT(ST_OK, models[0].chunks_done = 0; models[0].chunks_total = 0);
    EXPECT(ST_OK, models[0].chunks_total = MODEL_CHUNKS_MAX);
    EXPECT(ST_MALFORMED, models[0].chunks_total = MODEL_CHUNKS_MAX + 1);
    EXPECT(ST_OK, models[0].phase = MODEL_FULL);
    EXPECT(ST_MALFORMED, models[0].phase = MODEL_PHASE_COUNT);
    EXPECT(ST_OK, models[0].reason = bytes_of(reason, sizeof reason - 1));
    EXPECT(ST_MALFORMED, models[0].reason = bytes_of(reason, sizeof reason));
}

#undef EXPECT

static void test_more_models_than_a_report_holds_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t count = MODEL_STATES_MAX; count <= MODEL_STATES_MAX + 1; count++) {
        struct buf out = wire_buf(wire);
        pack_array(&out, 2);
        pack_bin(&out, bytes_of("0123456789abcdef", NONCE_SIZE));
        pack_array(&out, count);
        for (uint32_t i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof name, "m-%02u", (unsigned)i);
            pack_array(&out, 7);
            pack_text(&out, bytes_of_text(name));
            for (unsigned field = 1; field <= 5; field++)
                pack_uint(&out, 0);
            pack_text(&out, BYTES_EMPTY);
        }
        assert_int_equal(model_report_decode(wire->unpacker, done(&out), &report_back),
                         count <= MODEL_STATES_MAX ? ST_OK : ST_MALFORMED);
    }
}

static void test_each_phase_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < MODEL_PHASE_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(model_phase_name((enum model_phase)a),
                                    model_phase_name((enum model_phase)b));
    assert_string_equal(model_phase_name(MODEL_SETTLED), "settled");
    assert_string_equal(model_phase_name(MODEL_FULL), "full");
}

/* ---------------------------------------------------------------- vectors */

static void test_golden_manifests_and_chunks(void **state)
{
    static const char *const labels[] = {"model",       "scope", "scope name", "version",
                                         "min_version", "hlc",   "content"};
    struct wire *const wire = *state;
    struct buf out;
    golden_open(&wire->golden, "wire_model_manifest.txt");
    golden_comment(&wire->golden, "Bodies of manifests and chunks of models "
                                  "(common/wire/model_msg.h).");
    memset(&manifest, 0, sizeof manifest);
    manifest.head = (struct model_head){
        .model = {"fusion"},
        .version = 300,
        .min_version = 7,
        .hlc = UINT64_C(0x0123456789AB0001),
        .content = {.size = 70000, .chunking = 1, .chunk_count = 2},
    };
    memset(manifest.head.content.sha256.bytes, 0x5A, DIGEST_SIZE);
    manifest.list_count = 1;
    memset(manifest.lists[0].bytes, 0xA5, DIGEST_SIZE);
    golden_message(wire, "two_chunks", encode_manifest(wire), labels, recode_model_manifest,
                   "model_manifest");
    manifest.head.scope = (struct config_scope){.kind = CONFIG_SCOPE_NODE, .name = {"edge-1"}};
    manifest.head.content.chunk_count = 100;
    manifest.list_count = 2;
    memset(manifest.lists[1].bytes, 0xB6, DIGEST_SIZE);
    golden_message(wire, "two_blocks", encode_manifest(wire), labels, recode_model_manifest,
                   "model_manifest");
    manifest.head.retired = true;
    manifest.head.content = (struct model_content){0};
    manifest.list_count = 0;
    golden_message(wire, "retired", encode_manifest(wire), labels, recode_model_manifest,
                   "model_manifest");
    out = wire_buf(wire);
    model_chunk_encode(BYTES_LITERAL("a chunk of some file"), &out);
    golden_message(wire, "chunk", done(&out), NULL, recode_model_chunk, "model_chunk");
    golden_close(&wire->golden);
}

static void test_golden_requests_and_reports(void **state)
{
    static const char *const want_labels[] = {"nonce", "model", "hashes"};
    static const char *const report_labels[] = {"nonce", "models"};
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_model_state.txt");
    golden_comment(&wire->golden, "Bodies of requests for chunks and of reports on models "
                                  "(common/wire/model_msg.h).");
    memset(&want, 0, sizeof want);
    memset(want.nonce.bytes, 0x0E, NONCE_SIZE);
    want.model = (struct level_name){"fusion"};
    want.count = 2;
    memset(want.hashes[0].bytes, 0x11, DIGEST_SIZE);
    memset(want.hashes[1].bytes, 0x22, DIGEST_SIZE);
    golden_message(wire, "want", encode_want(wire), want_labels, recode_model_want, "model_want");
    good_report(3);
    memset(report.nonce.bytes, 0x0E, NONCE_SIZE);
    report.models[1].phase = MODEL_REFUSED;
    report.models[1].reason = BYTES_LITERAL("version 3 is below 4");
    report.models[2] = (struct model_state){.model = report.models[2].model, .active = 1000000};
    golden_message(wire, "report", encode_report(wire), report_labels, recode_model_state,
                   "model_state");
    report.count = 0;
    golden_message(wire, "no_models", encode_report(wire), report_labels, recode_model_state,
                   "model_state");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_manifest_is_read_as_it_was_written),
        TEST(test_the_manifest_of_the_largest_model_fits_one_frame),
        TEST(test_an_unlawful_manifest_is_refused),
        TEST(test_a_chunk_is_taken_only_under_its_own_hash),
        TEST(test_a_chunk_of_no_bytes_or_too_many_is_refused),
        TEST(test_hashes_are_wanted_once_each_and_in_order),
        TEST(test_a_request_is_read_as_it_was_written),
        TEST(test_a_request_for_nothing_too_much_or_out_of_order_is_refused),
        TEST(test_a_report_is_read_as_it_was_written),
        TEST(test_the_largest_report_fits_one_frame),
        TEST(test_an_unlawful_report_is_refused),
        TEST(test_more_models_than_a_report_holds_are_refused),
        TEST(test_each_phase_has_a_word_of_its_own),
        TEST(test_golden_manifests_and_chunks),
        TEST(test_golden_requests_and_reports),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
