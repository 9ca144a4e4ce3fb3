/* test_time_text.c - which texts are a moment, and which. */
#include "common/shell/time_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct example {
    const char *text;
    int64_t ms;
};

static void test_rfc_3339_and_unix_seconds_are_read(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"0", 0},
        {"1276214400", 1276214400000},
        {"1970-01-01T00:00:00Z", 0},
        {"2010-06-11", 1276214400000},
        {"2010-06-11T00:00:00Z", 1276214400000},
        {"2010-06-11t00:00:00.5z", 1276214400500},
        {"2010-06-11 02:00:00.123456+02:00", 1276214400123},
        {"2010-06-10T19:30:00-04:30", 1276214400000},
        {"2024-02-29T12:00:00Z", 1709208000000},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        char memory[256];
        struct buf message = buf_of(memory, sizeof memory);
        int64_t ms = -1;
        assert_int_equal(time_text_read(examples[i].text, &ms, &message), ST_OK);
        assert_int_equal(ms, examples[i].ms);
    }
}

static void test_other_texts_are_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "yesterday",
        "-1",
        "1.5",
        "2010-6-11",
        "2010-06-11T00:00:00",
        "2010-13-01",
        "2010-02-30",
        "2023-02-29",
        "2010-06-11T24:00:00Z",
        "2010-06-11T00:00Z",
        "2010-06-11T00:00:00Zx",
        "2010-06-11T00:00:00.Z",
        "2010-06-11T00:00:00+2:00",
        "2010-00-10",
        "123456789012",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char memory[256];
        struct buf message = buf_of(memory, sizeof memory);
        int64_t ms = -1;
        assert_int_equal(time_text_read(texts[i], &ms, &message), ST_USAGE);
        assert_true(message.size > 0 && buf_ok(&message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_3339_and_unix_seconds_are_read),
        cmocka_unit_test(test_other_texts_are_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
