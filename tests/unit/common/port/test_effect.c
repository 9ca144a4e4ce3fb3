/* test_effect.c - the list of effects keeps what it is given and says in time when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/port/effect.h"

static int open_effects(void **state)
{
    struct effects *effects;
    if (effects_open(&effects) != ST_OK) return -1;
    *state = effects;
    return 0;
}

static int close_effects(void **state)
{
    effects_close(*state);
    return 0;
}

/* True when the call ends its process by a broken invariant. */
static bool aborts(void (*call)(struct effects *effects), struct effects *effects)
{
    const pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        call(effects);
        _exit(0);
    }
    int wait_status = 0;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGABRT;
}

static void test_a_new_list_is_empty_and_has_room(void **state)
{
    const struct effects *effects = *state;
    assert_int_equal(effects->count, 0);
    assert_int_equal(effects->arena.size, 0);
    assert_true(effects_has_room(effects));
}

static void test_closing_nothing_is_allowed(void **state)
{
    (void)state;
    effects_close(NULL);
}

/* An engine sets only the fields its kind has; the rest must not be left from the batch before. */
static void test_an_added_effect_has_its_kind_and_nothing_of_an_earlier_one(void **state)
{
    struct effects *effects = *state;
    struct effect *first = effects_add(effects, EFFECT_PUBLISH);
    first->retain = true;
    first->token = 7;
    first->topic = BYTES_LITERAL("hf/v1/n/up/sync");
    effects_clear(effects);
    const struct effect *again = effects_add(effects, EFFECT_SUBSCRIBE);
    assert_ptr_equal(again, &effects->items[0]);
    assert_int_equal(again->kind, EFFECT_SUBSCRIBE);
    assert_false(again->retain);
    assert_int_equal(again->token, 0);
    assert_int_equal(again->topic.size, 0);
}

static void test_a_copy_survives_a_change_of_the_original(void **state)
{
    struct effects *effects = *state;
    char original[] = "payload";
    const struct bytes copy = effects_copy(effects, bytes_of(original, 7));
    memset(original, 'x', sizeof original);
    assert_true(bytes_equal(copy, BYTES_LITERAL("payload")));
}

static void test_a_copy_of_nothing_is_empty(void **state)
{
    struct effects *effects = *state;
    assert_int_equal(effects_copy(effects, BYTES_EMPTY).size, 0);
    assert_int_equal(effects->arena.size, 0);
}

/* A payload is written into more space than it needs; only what was written may be used up. */
static void test_space_that_was_not_written_to_is_free_again(void **state)
{
    struct effects *effects = *state;
    struct buf space = effects_space(effects, 1000);
    assert_int_equal(space.capacity, 1000);
    assert_int_equal(space.size, 0);
    buf_put_text(&space, "one");
    const struct bytes one = effects_take(effects, &space);
    const struct bytes two = effects_copy(effects, BYTES_LITERAL("two"));
    assert_ptr_equal(two.data, one.data + 3);
    assert_true(bytes_equal(one, BYTES_LITERAL("one")));
    assert_int_equal(effects->arena.size, 6);
}

/* What was asked for and never taken is no part of any effect. */
static void test_space_that_was_not_taken_is_given_again(void **state)
{
    struct effects *effects = *state;
    const struct buf refused = effects_space(effects, 10);
    const struct buf next = effects_space(effects, 10);
    assert_ptr_equal(refused.data, next.data);
}

static void test_there_is_no_room_when_the_list_cannot_take_a_whole_step(void **state)
{
    struct effects *effects = *state;
    for (int i = 0; i < EFFECTS_MAX - EFFECTS_STEP_ITEMS_MAX; i++)
        effects_add(effects, EFFECT_PUBLISH);
    assert_true(effects_has_room(effects));
    effects_add(effects, EFFECT_PUBLISH);
    assert_false(effects_has_room(effects));
    effects_clear(effects);
    assert_true(effects_has_room(effects));
}

static void test_there_is_no_room_when_the_arena_cannot_take_a_whole_step(void **state)
{
    struct effects *effects = *state;
    const size_t size = EFFECTS_ARENA_SIZE - EFFECTS_STEP_ARENA_MAX;
    struct buf space = effects_space(effects, size);
    memset(space.data, 0, size);
    space.size = size;
    effects_take(effects, &space);
    assert_true(effects_has_room(effects));
    effects_copy(effects, BYTES_LITERAL("1"));
    assert_false(effects_has_room(effects));
    effects_clear(effects);
    assert_true(effects_has_room(effects));
}

static void take_older_space(struct effects *effects)
{
    struct buf older = effects_space(effects, 10);
    effects_copy(effects, BYTES_LITERAL("newer"));
    buf_put_text(&older, "older");
    effects_take(effects, &older);
}

static void take_overflown_space(struct effects *effects)
{
    struct buf space = effects_space(effects, 2);
    buf_put_text(&space, "longer");
    effects_take(effects, &space);
}

static void ask_more_space_than_there_is(struct effects *effects)
{
    effects_space(effects, EFFECTS_ARENA_SIZE + 1);
}

static void add_one_more_than_fits(struct effects *effects)
{
    for (int i = 0; i <= EFFECTS_MAX; i++)
        effects_add(effects, EFFECT_PUBLISH);
}

/* Each of these would let two effects share bytes, or send half a frame. */
static void test_misuse_of_the_arena_ends_the_process(void **state)
{
    assert_true(aborts(take_older_space, *state));
    assert_true(aborts(take_overflown_space, *state));
    assert_true(aborts(ask_more_space_than_there_is, *state));
    assert_true(aborts(add_one_more_than_fits, *state));
}

int main(void)
{
#define WITH_EFFECTS(test) cmocka_unit_test_setup_teardown(test, open_effects, close_effects)
    const struct CMUnitTest tests[] = {
        WITH_EFFECTS(test_a_new_list_is_empty_and_has_room),
        cmocka_unit_test(test_closing_nothing_is_allowed),
        WITH_EFFECTS(test_an_added_effect_has_its_kind_and_nothing_of_an_earlier_one),
        WITH_EFFECTS(test_a_copy_survives_a_change_of_the_original),
        WITH_EFFECTS(test_a_copy_of_nothing_is_empty),
        WITH_EFFECTS(test_space_that_was_not_written_to_is_free_again),
        WITH_EFFECTS(test_space_that_was_not_taken_is_given_again),
        WITH_EFFECTS(test_there_is_no_room_when_the_list_cannot_take_a_whole_step),
        WITH_EFFECTS(test_there_is_no_room_when_the_arena_cannot_take_a_whole_step),
        WITH_EFFECTS(test_misuse_of_the_arena_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
