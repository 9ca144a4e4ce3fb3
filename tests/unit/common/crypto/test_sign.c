/* test_sign.c - Ed25519 as RFC 8032 has it, strict where the RFC leaves room; base64; key ids. */
#include "common/crypto/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/hasher.h"

static int start(void **state)
{
    (void)state;
    return crypto_start() == ST_OK ? 0 : -1;
}

static void from_hex(const char *hex, uint8_t *out, size_t size)
{
    assert_int_equal(hex_decode(bytes_of_text(hex), out, size), ST_OK);
}

static struct public_key key_from_hex(const char *hex)
{
    struct public_key key;
    from_hex(hex, key.bytes, PUBLIC_KEY_SIZE);
    return key;
}

static struct secret_key *open_key(uint8_t seed_byte)
{
    uint8_t seed[SECRET_SEED_SIZE];
    memset(seed, seed_byte, sizeof seed);
    struct secret_key *key = NULL;
    assert_int_equal(secret_key_open(seed, &key), ST_OK);
    return key;
}

struct rfc8032_case {
    const char *seed, *public_key, *message, *signature;
};

/* RFC 8032, 7.1, tests 1 to 3 and SHA(abc). */
static const struct rfc8032_case rfc8032_cases[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe"
     "ebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
     "e0303dca179c138ac17ad9bef1177331a704"},
};

static void test_known_answers_of_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rfc8032_cases); i++) {
        const struct rfc8032_case *const row = &rfc8032_cases[i];
        uint8_t seed[SECRET_SEED_SIZE], message[64];
        struct signature expected;
        from_hex(row->seed, seed, sizeof seed);
        from_hex(row->signature, expected.bytes, SIGNATURE_SIZE);
        const size_t size = strlen(row->message) / 2;
        from_hex(row->message, message, size);
        struct secret_key *key = NULL;
        assert_int_equal(secret_key_open(seed, &key), ST_OK);
        const struct public_key public = secret_key_public(key);
        const struct public_key expected_public = key_from_hex(row->public_key);
        assert_true(public_key_equal(&public, &expected_public));
        assert_true(public_key_ok(&public));
        const struct signature signature = sign_bytes(key, bytes_of(message, size));
        assert_true(signature_equal(&signature, &expected));
        assert_true(sign_verify(&public, bytes_of(message, size), &signature));
        secret_key_close(key);
    }
}

static void test_a_flipped_bit_anywhere_is_refused(void **state)
{
    (void)state;
    struct secret_key *const key = open_key(1);
    struct {
        uint8_t message[24];
        struct public_key key;
        struct signature signature;
    } all = {.message = "a statement of this node", .key = secret_key_public(key)};
    all.signature = sign_bytes(key, bytes_of(all.message, sizeof all.message));
    uint8_t *const bytes = (uint8_t *)&all;
    for (size_t bit = 0; bit < 8 * sizeof all; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(
            sign_verify(&all.key, bytes_of(all.message, sizeof all.message), &all.signature));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(sign_verify(&all.key, bytes_of(all.message, sizeof all.message), &all.signature));
    secret_key_close(key);
}

/* S and S + L satisfy the same equation: accepting both would let anybody make a second, different
 * signature of the same entry, and so a second leaf. */
static void test_a_signature_with_s_beyond_the_group_order_is_refused(void **state)
{
    (void)state;
    uint8_t group_order[32];
    from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", group_order, 32);
    struct secret_key *const key = open_key(2);
    const struct public_key public = secret_key_public(key);
    struct signature signature = sign_bytes(key, BYTES_LITERAL("message"));
    assert_true(sign_verify(&public, BYTES_LITERAL("message"), &signature));
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += signature.bytes[32 + i] + group_order[i];
        signature.bytes[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_false(sign_verify(&public, BYTES_LITERAL("message"), &signature));
    secret_key_close(key);
}

/* The eight points of small order and their non-canonical spellings. */
static const char *const small_order_keys[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/* Under the neutral point as key, the signature (neutral point, 0) fits every message. */
static void test_keys_of_small_order_are_refused(void **state)
{
    (void)state;
    struct signature fits_everything = {{1}};
    for (size_t i = 0; i < COUNT_OF(small_order_keys); i++) {
        const struct public_key key = key_from_hex(small_order_keys[i]);
        assert_false(public_key_ok(&key));
        assert_false(sign_verify(&key, BYTES_LITERAL("message"), &fits_everything));
    }
}

/* The base point plus a point of order 2, 4, 8: verdicts on signatures under such keys differ
 * between libraries. The first is the one that CVE-2025-69277 let through. */
static void test_keys_of_mixed_order_are_refused(void **state)
{
    (void)state;
    static const char *const mixed_keys[] = {
        "9599999999999999999999999999999999999999999999999999999999999999",
        "5252cc0a7f208133b620acbd4537eba2a4123bf0a8c2e4f980c3b31bb69765ea",
        "98519eadf35b995233b51b5cd23e9cc5a28b639b5a4af0ec903cb960d81b7819",
    };
    for (size_t i = 0; i < COUNT_OF(mixed_keys); i++) {
        const struct public_key key = key_from_hex(mixed_keys[i]);
        assert_false(public_key_ok(&key));
    }
    const struct public_key base_point =
        key_from_hex("5866666666666666666666666666666666666666666666666666666666666666");
    assert_true(public_key_ok(&base_point));
}

/* y = 2 is no point's; y = p + 4 spells the y of a point a second way. */
static void test_keys_off_the_curve_or_not_canonical_are_refused(void **state)
{
    (void)state;
    static const char *const wrong_keys[] = {
        "0200000000000000000000000000000000000000000000000000000000000000",
        "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    for (size_t i = 0; i < COUNT_OF(wrong_keys); i++) {
        const struct public_key key = key_from_hex(wrong_keys[i]);
        assert_false(public_key_ok(&key));
    }
}

static void test_a_key_id_is_the_start_of_a_domain_hash(void **state)
{
    (void)state;
    struct secret_key *const key = open_key(3);
    const struct public_key public = secret_key_public(key);
    const struct key_id key_id = key_id_of(&public);
    struct hasher *hasher = NULL;
    assert_int_equal(hasher_open(&hasher), ST_OK);
    hasher_begin(hasher);
    hasher_add(hasher, BYTES_LITERAL("HOLDFAST-KEY-ID-1\0"));
    hasher_add(hasher, bytes_of(public.bytes, PUBLIC_KEY_SIZE));
    const struct digest digest = hasher_end(hasher);
    assert_memory_equal(key_id.bytes, digest.bytes, KEY_ID_SIZE);
    hasher_close(hasher);
    secret_key_close(key);
}

/* RFC 4648, 10. */
static void test_base64_known_answers(void **state)
{
    (void)state;
    static const char *const texts[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t size = 0; size < COUNT_OF(texts); size++) {
        char text[16];
        uint8_t bytes[8];
        assert_int_equal(base64_size(size), strlen(texts[size]) + 1);
        base64_encode(bytes_of("foobar", size), text, base64_size(size));
        assert_string_equal(text, texts[size]);
        assert_int_equal(base64_decode(bytes_of_text(text), bytes, size), ST_OK);
        assert_memory_equal(bytes, "foobar", size);
    }
}

/* Each would be a second text for the same bytes, or is no base64 at all. */
static void test_base64_has_one_spelling(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Zm8",  "Zm8==", "Zm9=", "Zm8= ", " Zm8=", "Zm 8=", "Zm8=\n",
        "Zm-=", "Z===",  "Zm9v", "Zg==",  "=Zm8",  "",      "Zm8=Zm8="};
    uint8_t bytes[2];
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(base64_decode(bytes_of_text(wrong[i]), bytes, 2), ST_MALFORMED);
    }
}

/* libsodium 1.0.18 on its own takes 0xAF for "/". */
static void test_base64_knows_64_characters_and_the_padding(void **state)
{
    (void)state;
    unsigned accepted_count = 0;
    for (unsigned character = 0; character < 256; character++) {
        const uint8_t text[4] = {'A', (uint8_t)character, 'A', 'A'};
        uint8_t bytes[3];
        char again[5];
        if (base64_decode(bytes_of(text, sizeof text), bytes, sizeof bytes) != ST_OK) continue;
        accepted_count++;
        base64_encode(bytes_of(bytes, sizeof bytes), again, sizeof again);
        assert_memory_equal(again, text, sizeof text);
    }
    assert_int_equal(accepted_count, 64);
}

static void test_wiping_leaves_zeros(void **state)
{
    (void)state;
    uint8_t secret[40];
    memset(secret, 0xAA, sizeof secret);
    secret_wipe(secret, 32);
    assert_true(bytes_all_zero(bytes_of(secret, 32)));
    assert_int_equal(secret[32], 0xAA);
}

static void test_closing_no_key_is_allowed(void **state)
{
    (void)state;
    secret_key_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers_of_rfc_8032),
        cmocka_unit_test(test_a_flipped_bit_anywhere_is_refused),
        cmocka_unit_test(test_a_signature_with_s_beyond_the_group_order_is_refused),
        cmocka_unit_test(test_keys_of_small_order_are_refused),
        cmocka_unit_test(test_keys_of_mixed_order_are_refused),
        cmocka_unit_test(test_keys_off_the_curve_or_not_canonical_are_refused),
        cmocka_unit_test(test_a_key_id_is_the_start_of_a_domain_hash),
        cmocka_unit_test(test_base64_known_answers),
        cmocka_unit_test(test_base64_has_one_spelling),
        cmocka_unit_test(test_base64_knows_64_characters_and_the_padding),
        cmocka_unit_test(test_wiping_leaves_zeros),
        cmocka_unit_test(test_closing_no_key_is_allowed),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
