/* test_topics_print.c - the documents made from the topic table are whole, valid, and pinned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "tests/support/golden.h"
#include "topics/topics.h"

#define ROOT "hf/v1"

static uint8_t memory[TOPICS_DOCUMENT_SIZE_MAX];

typedef void printer(const char *root, struct buf *out);

static struct bytes print(printer *write, const char *root)
{
    struct buf out = buf_of(memory, sizeof memory);
    write(root, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static bool has_line(struct bytes document, const char *line)
{
    const size_t size = strlen(line);
    for (size_t at = 0; at + size < document.size; at++) {
        const bool starts = at == 0 || document.data[at - 1] == '\n';
        if (starts && memcmp(document.data + at, line, size) == 0 &&
            document.data[at + size] == '\n')
            return true;
    }
    return false;
}

/* An operator diffs this file when an upgrade changes who may do what. */
static void test_the_acl_is_the_stored_one(void **state)
{
    (void)state;
    struct golden *golden = malloc(sizeof *golden);
    assert_non_null(golden);
    golden_open(golden, "topics_acl.txt");
    buf_put(&golden->text, print(topics_print_acl, ROOT));
    golden_close(golden);
    free(golden);
}

static void test_the_asyncapi_document_is_the_stored_one(void **state)
{
    (void)state;
    struct golden *golden = malloc(sizeof *golden);
    assert_non_null(golden);
    golden_open(golden, "topics_asyncapi.txt");
    buf_put(&golden->text, print(topics_print_asyncapi, ROOT));
    golden_close(golden);
    free(golden);
}

static void test_a_node_writes_its_own_topics_and_reads_those_meant_for_it(void **state)
{
    (void)state;
    const struct bytes acl = print(topics_print_acl, "a/b");
    assert_true(has_line(acl, "pattern write a/b/%u/up/evidence"));
    assert_true(has_line(acl, "pattern read a/b/%u/down/ack"));
    assert_true(has_line(acl, "pattern read a/b/config/node/%u/+"));
    assert_true(has_line(acl, "pattern read a/b/config/fleet/+"));
    assert_true(has_line(acl, "pattern read a/b/cloud/roster"));
}

/* The rule that keeps one edge from speaking for another: a pattern that grants writing names the
 * user in its first level below the root. */
static void test_every_write_of_a_node_is_below_its_own_name(void **state)
{
    (void)state;
    static const char write[] = "\npattern write ", own[] = "\npattern write " ROOT "/%u/";
    struct bytes rest = print(topics_print_acl, ROOT);
    size_t write_count = 0;
    for (; rest.size >= sizeof own; rest = bytes_from(rest, 1)) {
        if (memcmp(rest.data, write, sizeof write - 1) != 0) continue;
        write_count++;
        assert_memory_equal(rest.data, own, sizeof own - 1);
    }
    assert_int_equal(write_count, 6);
}

/* Every row of the cloud's side has a rule for its writer, or a daemon would be denied at run time.
 */
static void test_every_row_grants_its_writer(void **state)
{
    (void)state;
    const struct bytes acl = print(topics_print_acl, ROOT);
    for (int i = 0; i < TOPIC_ID_COUNT; i++) {
        const enum topic_id id = (enum topic_id)i;
        const struct topic_row *row = topic_row_of(id);
        if (row->side != TOPIC_SIDE_CLOUD || strstr(row->template_text, "{scope}")) continue;
        if (strstr(row->template_text, "{hash}")) continue;
        struct topic_text topic;
        uint8_t line_memory[TOPIC_SIZE_MAX + 32];
        struct buf line = buf_of(line_memory, sizeof line_memory);
        assert_int_equal(topic_build(ROOT, id, "+", "+", &topic), ST_OK);
        if (row->writer == TOPIC_WRITER_CLOUD)
            buf_put_format(&line, "topic write %s", topic.text);
        else
            buf_put_format(&line, "pattern write " ROOT "/%%u%s", strchr(topic.text, '+') + 1);
        buf_put_u8(&line, '\0');
        assert_true(buf_ok(&line));
        if (!has_line(acl, (const char *)line.data)) fail_msg("no rule: %s", line.data);
    }
}

static void test_the_local_side_is_not_in_the_cloud_brokers_acl(void **state)
{
    (void)state;
    struct bytes rest = print(topics_print_acl, ROOT);
    for (; rest.size >= 6; rest = bytes_from(rest, 1))
        assert_false(memcmp(rest.data, "local/", 6) == 0);
}

static void test_the_asyncapi_document_is_json_with_a_channel_for_every_form(void **state)
{
    (void)state;
    const struct bytes document = print(topics_print_asyncapi, ROOT);
    json_error_t error;
    json_t *root =
        json_loadb((const char *)document.data, document.size, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("line %d: %s", error.line, error.text);
    assert_string_equal(json_string_value(json_object_get(root, "asyncapi")), "2.6.0");
    json_t *channels = json_object_get(root, "channels");
    /* Two templates have a scope, which is three forms each. */
    assert_int_equal(json_object_size(channels), TOPIC_ID_COUNT + 2 * 2);
    json_t *evidence = json_object_get(channels, "local/evidence/{type}");
    assert_non_null(json_object_get(evidence, "publish"));
    assert_null(json_object_get(evidence, "subscribe"));
    assert_non_null(
        json_object_get(json_object_get(channels, ROOT "/{node}/up/evidence"), "subscribe"));
    json_decref(root);
}

/* A parameter without definition makes the document useless for generators. */
static void test_every_parameter_of_a_channel_is_defined(void **state)
{
    (void)state;
    const struct bytes document = print(topics_print_asyncapi, ROOT);
    json_t *root = json_loadb((const char *)document.data, document.size, 0, NULL);
    json_t *defined = json_object_get(json_object_get(root, "components"), "parameters");
    const char *channel_name, *parameter;
    json_t *channel, *reference;
    size_t parameter_count = 0;
    json_object_foreach(json_object_get(root, "channels"), channel_name, channel)
    {
        json_object_foreach(json_object_get(channel, "parameters"), parameter, reference)
        {
            if (!json_object_get(defined, parameter))
                fail_msg("%s: %s is not defined", channel_name, parameter);
            parameter_count++;
        }
        const bool wants_some = strchr(channel_name, '{');
        assert_int_equal(wants_some, json_object_size(json_object_get(channel, "parameters")) > 0);
    }
    assert_true(parameter_count > 0);
    json_decref(root);
}

static void test_a_document_that_does_not_fit_says_so(void **state)
{
    (void)state;
    uint8_t small[100];
    struct buf out = buf_of(small, sizeof small);
    topics_print_acl(ROOT, &out);
    assert_false(buf_ok(&out));
    out = buf_of(small, sizeof small);
    topics_print_asyncapi(ROOT, &out);
    assert_false(buf_ok(&out));
}

static void test_the_longest_root_still_fits_the_promised_size(void **state)
{
    (void)state;
    char root[TOPIC_ROOT_SIZE_MAX + 1];
    memset(root, 'r', TOPIC_ROOT_SIZE_MAX);
    root[TOPIC_ROOT_SIZE_MAX] = '\0';
    print(topics_print_acl, root);
    print(topics_print_asyncapi, root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_acl_is_the_stored_one),
        cmocka_unit_test(test_the_asyncapi_document_is_the_stored_one),
        cmocka_unit_test(test_a_node_writes_its_own_topics_and_reads_those_meant_for_it),
        cmocka_unit_test(test_every_write_of_a_node_is_below_its_own_name),
        cmocka_unit_test(test_every_row_grants_its_writer),
        cmocka_unit_test(test_the_local_side_is_not_in_the_cloud_brokers_acl),
        cmocka_unit_test(test_the_asyncapi_document_is_json_with_a_channel_for_every_form),
        cmocka_unit_test(test_every_parameter_of_a_channel_is_defined),
        cmocka_unit_test(test_a_document_that_does_not_fit_says_so),
        cmocka_unit_test(test_the_longest_root_still_fits_the_promised_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
