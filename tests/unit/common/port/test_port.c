/* test_port.c - engines reach randomness and signatures through the port, whoever is behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/port/port.h"

enum { JOB_COUNT = 3 };

struct seen {
    size_t random_size;
    size_t job_count;
    const struct secret_key *key;
};

static struct secret_key *key;
static struct header_bytes headers[JOB_COUNT];

static int open_key(void **state)
{
    (void)state;
    const uint8_t seed[SECRET_SEED_SIZE] = {1, 2, 3};
    if (crypto_start() != ST_OK) return -1;
    if (secret_key_open(seed, &key) != ST_OK) return -1;
    for (int i = 0; i < JOB_COUNT; i++)
        memset(headers[i].bytes, i + 1, sizeof headers[i].bytes);
    return 0;
}

static int close_key(void **state)
{
    (void)state;
    secret_key_close(key);
    return 0;
}

static void random_of_a_kind(void *context, void *out, size_t size)
{
    struct seen *seen = context;
    seen->random_size = size;
    memset(out, 0xA5, size);
}

static void sign_backwards(void *context, const struct secret_key *with, struct sign_job *jobs,
                           size_t count)
{
    struct seen *seen = context;
    seen->job_count = count;
    seen->key = with;
    for (size_t i = count; i-- > 0;)
        jobs[i].signature = evidence_sign(with, jobs[i].header);
}

static void jobs_of_headers(struct sign_job *jobs)
{
    for (int i = 0; i < JOB_COUNT; i++)
        jobs[i] = (struct sign_job){.header = &headers[i]};
}

static void test_random_bytes_come_from_the_ports_source(void **state)
{
    (void)state;
    struct seen seen = {0};
    const struct port port = {.random = random_of_a_kind, .context = &seen};
    struct nonce nonce = {{0}};
    port_random(&port, &nonce, sizeof nonce);
    assert_int_equal(seen.random_size, sizeof nonce);
    assert_int_equal(nonce.bytes[0], 0xA5);
    assert_int_equal(nonce.bytes[NONCE_SIZE - 1], 0xA5);
}

static void test_without_a_signer_each_job_gets_its_own_good_signature(void **state)
{
    (void)state;
    const struct port port = {0};
    const struct public_key public = secret_key_public(key);
    struct sign_job jobs[JOB_COUNT];
    jobs_of_headers(jobs);
    port_sign_many(&port, key, jobs, JOB_COUNT);
    for (int i = 0; i < JOB_COUNT; i++)
        assert_true(evidence_signature_ok(&public, &headers[i], &jobs[i].signature));
    assert_false(signature_equal(&jobs[0].signature, &jobs[1].signature));
}

/* The simulator signs alone and the daemon on threads: the bytes must not tell which. */
static void test_a_signer_of_the_port_gives_the_same_signatures(void **state)
{
    (void)state;
    struct seen seen = {0};
    const struct port alone = {0};
    const struct port threaded = {.sign_many = sign_backwards, .context = &seen};
    struct sign_job jobs[JOB_COUNT], same[JOB_COUNT];
    jobs_of_headers(jobs);
    jobs_of_headers(same);
    port_sign_many(&alone, key, jobs, JOB_COUNT);
    port_sign_many(&threaded, key, same, JOB_COUNT);
    assert_int_equal(seen.job_count, JOB_COUNT);
    assert_ptr_equal(seen.key, key);
    for (int i = 0; i < JOB_COUNT; i++)
        assert_true(signature_equal(&jobs[i].signature, &same[i].signature));
}

static void test_no_jobs_are_no_work(void **state)
{
    (void)state;
    const struct port port = {0};
    port_sign_many(&port, key, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_bytes_come_from_the_ports_source),
        cmocka_unit_test(test_without_a_signer_each_job_gets_its_own_good_signature),
        cmocka_unit_test(test_a_signer_of_the_port_gives_the_same_signatures),
        cmocka_unit_test(test_no_jobs_are_no_work),
    };
    return cmocka_run_group_tests(tests, open_key, close_key);
}
