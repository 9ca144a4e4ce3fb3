/* test_signer_pool.c - many threads sign exactly what one would. */
#include "common/shell/signer_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { JOBS_MAX = 1000 };

static struct header_bytes headers[JOBS_MAX];
static struct sign_job jobs[JOBS_MAX];
static struct secret_key *key;

static int setup(void **state)
{
    (void)state;
    const uint8_t seed[SECRET_SEED_SIZE] = {1, 2, 3};
    for (size_t i = 0; i < JOBS_MAX; i++)
        put_u64(headers[i].bytes, i);
    if (crypto_start() != ST_OK) return -1;
    return secret_key_open(seed, &key) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    secret_key_close(key);
    return 0;
}

static void assert_same_as_serial(struct signer_pool *pool, size_t count)
{
    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct sign_job){.header = &headers[i]};
    signer_pool_sign(pool, key, jobs, count);
    for (size_t i = 0; i < count; i++) {
        const struct signature expected = evidence_sign(key, &headers[i]);
        assert_true(signature_equal(&jobs[i].signature, &expected));
    }
}

static void test_every_thread_count_and_batch_size_signs_as_one_thread_does(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, SIGNER_INLINE_COUNT - 1, SIGNER_INLINE_COUNT, 9, 63, 500};
    for (unsigned threads = 1; threads <= SIGNER_THREADS_MAX; threads++) {
        struct signer_pool *pool;
        assert_int_equal(signer_pool_open(threads, &pool), ST_OK);
        for (size_t i = 0; i < COUNT_OF(counts); i++)
            assert_same_as_serial(pool, counts[i]);
        signer_pool_close(pool);
    }
}

/* A worker that is still looking at the last batch must not touch the next one's jobs. */
static void test_batches_in_quick_succession_do_not_mix(void **state)
{
    (void)state;
    struct signer_pool *pool;
    assert_int_equal(signer_pool_open(4, &pool), ST_OK);
    for (size_t i = 0; i < 200; i++)
        assert_same_as_serial(pool, SIGNER_INLINE_COUNT + i % 5);
    signer_pool_close(pool);
}

static void test_closing_without_work_ends_the_threads(void **state)
{
    (void)state;
    struct signer_pool *pool;
    assert_int_equal(signer_pool_open(0, &pool), ST_OK);
    signer_pool_close(pool);
    signer_pool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_thread_count_and_batch_size_signs_as_one_thread_does),
        cmocka_unit_test(test_batches_in_quick_succession_do_not_mix),
        cmocka_unit_test(test_closing_without_work_ends_the_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
