/* test_status.c - the status table is complete and fit for a shell. */
#include "common/base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_status_has_a_name_and_words(void **state)
{
    (void)state;
    for (int status = ST_OK; status < STATUS_COUNT; status++) {
        assert_int_equal(strncmp(status_name((enum status)status), "ST_", 3), 0);
        const char *const words = status_words((enum status)status);
        assert_true(strlen(words) > 0);
        assert_int_not_equal(words[strlen(words) - 1], '.');
    }
    assert_string_equal(status_name(ST_FORGED), "ST_FORGED");
}

/* Scripts tell outcomes apart by the exit code: 0 for what is fine, one code for each other. */
static void test_exit_codes_tell_outcomes_apart(void **state)
{
    (void)state;
    for (int status = ST_OK; status < STATUS_COUNT; status++) {
        const int exit_code = status_exit_code((enum status)status);
        const bool fine = status_class_of((enum status)status) == STATUS_CLASS_FINE;
        assert_int_equal(exit_code == 0, fine);
        /* 126 and up mean something else to a shell. */
        assert_in_range(exit_code, 0, 125);
        for (int other = ST_OK; !fine && other < status; other++) {
            assert_int_not_equal(exit_code, status_exit_code((enum status)other));
        }
    }
}

static void test_classes_say_what_to_do(void **state)
{
    (void)state;
    assert_int_equal(status_class_of(ST_OK), STATUS_CLASS_FINE);
    assert_int_equal(status_class_of(ST_DUPLICATE), STATUS_CLASS_FINE);
    assert_int_equal(status_class_of(ST_AGAIN), STATUS_CLASS_RETRY);
    assert_int_equal(status_class_of(ST_FORGED), STATUS_CLASS_REFUSE);
    assert_int_equal(status_class_of(ST_CORRUPT), STATUS_CLASS_STOP);
    assert_int_equal(status_class_of(ST_BUG), STATUS_CLASS_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_name_and_words),
        cmocka_unit_test(test_exit_codes_tell_outcomes_apart),
        cmocka_unit_test(test_classes_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
