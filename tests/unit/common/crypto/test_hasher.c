/* test_hasher.c - SHA-256 gives the published values, in one piece and in many. */
#include "common/crypto/hasher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_digest(struct digest digest, const char *hex)
{
    char text[2 * DIGEST_SIZE + 1];
    hex_encode(bytes_of(digest.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, hex);
}

static int open_hasher(void **state)
{
    struct hasher *hasher = NULL;
    if (hasher_open(&hasher) != ST_OK) return -1;
    *state = hasher;
    return 0;
}

static int close_hasher(void **state)
{
    hasher_close(*state);
    return 0;
}

/* FIPS 180-4 examples. */
static void test_known_answers(void **state)
{
    assert_digest(hasher_of(*state, BYTES_EMPTY),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(hasher_of(*state, BYTES_LITERAL("abc")),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(
        hasher_of(*state,
                  BYTES_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_a_million_letters_in_pieces(void **state)
{
    char thousand[1000];
    memset(thousand, 'a', sizeof thousand);
    hasher_begin(*state);
    for (unsigned i = 0; i < 1000; i++) {
        hasher_add(*state, bytes_of(thousand, sizeof thousand));
    }
    assert_digest(hasher_end(*state),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_pieces_of_any_size_hash_as_the_whole(void **state)
{
    uint8_t input[257];
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)(i * 7);
    }
    const struct digest whole = hasher_of(*state, bytes_of(input, sizeof input));
    for (size_t at = 0; at <= sizeof input; at++) {
        hasher_begin(*state);
        hasher_add(*state, bytes_of(input, at));
        hasher_add(*state, bytes_from(bytes_of(input, sizeof input), at));
        const struct digest pieces = hasher_end(*state);
        assert_true(digest_equal(&pieces, &whole));
    }
}

/* The context is reused: what an unfinished hash took in must not leak into the next. */
static void test_a_new_hash_forgets_an_unfinished_one(void **state)
{
    hasher_begin(*state);
    hasher_add(*state, BYTES_LITERAL("left over"));
    assert_digest(hasher_of(*state, BYTES_LITERAL("abc")),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_closing_nothing_is_allowed(void **state)
{
    (void)state;
    hasher_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_a_million_letters_in_pieces),
        cmocka_unit_test(test_pieces_of_any_size_hash_as_the_whole),
        cmocka_unit_test(test_a_new_hash_forgets_an_unfinished_one),
        cmocka_unit_test(test_closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, open_hasher, close_hasher);
}
