/* test_tls_files.c - when the files of a certificate count as renewed. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/shell/tls_files.h"

enum { DAY_S = 24 * 3600, PATH_SIZE = 256 };

static char folder[PATH_SIZE], certificate_path[PATH_SIZE + 8], key_path[PATH_SIZE + 8];

/* Replaced as an installer does it, so that each version is a file of its own. */
static FILE *replacement_open(char temporary[PATH_SIZE + 16])
{
    snprintf(temporary, PATH_SIZE + 16, "%s/new", folder);
    FILE *file = fopen(temporary, "we");
    assert_non_null(file);
    return file;
}

static void replacement_close(FILE *file, const char *temporary, const char *path)
{
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(temporary, path), 0);
}

static void key_write(EVP_PKEY *key)
{
    char temporary[PATH_SIZE + 16];
    FILE *file = replacement_open(temporary);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    replacement_close(file, temporary, key_path);
}

static void certificate_write(EVP_PKEY *key, long days)
{
    char temporary[PATH_SIZE + 16];
    X509 *certificate = X509_new();
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY_S));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, NULL) > 0);
    FILE *file = replacement_open(temporary);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    replacement_close(file, temporary, certificate_path);
    X509_free(certificate);
}

static EVP_PKEY *key_new(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    return key;
}

static struct tls_files files_in_use(EVP_PKEY *key)
{
    key_write(key);
    certificate_write(key, 100);
    struct tls_files files = tls_files_of(NULL, certificate_path, key_path);
    tls_files_used(&files);
    return files;
}

static void test_the_expiry_is_that_of_the_certificate(void **state)
{
    (void)state;
    EVP_PKEY *key = key_new();
    const struct tls_files files = files_in_use(key);
    const int64_t left_s = files.expires_s - (int64_t)time(NULL);
    assert_true(left_s > 99 * DAY_S && left_s <= 100 * DAY_S);
    EVP_PKEY_free(key);
}

static void test_the_same_files_are_not_renewed(void **state)
{
    (void)state;
    EVP_PKEY *key = key_new();
    const struct tls_files files = files_in_use(key);
    assert_false(tls_files_renewed(&files));
    EVP_PKEY_free(key);
}

static void test_a_new_certificate_for_the_same_key_is_a_renewal_until_it_is_used(void **state)
{
    (void)state;
    EVP_PKEY *key = key_new();
    struct tls_files files = files_in_use(key);
    certificate_write(key, 200);
    assert_true(tls_files_renewed(&files));
    tls_files_used(&files);
    assert_false(tls_files_renewed(&files));
    EVP_PKEY_free(key);
}

/* One is written after the other: a connection made in between would fail. */
static void test_a_key_without_its_certificate_is_waited_for(void **state)
{
    (void)state;
    EVP_PKEY *old = key_new(), *renewed = key_new();
    const struct tls_files files = files_in_use(old);
    key_write(renewed);
    assert_false(tls_files_renewed(&files));
    certificate_write(renewed, 100);
    assert_true(tls_files_renewed(&files));
    EVP_PKEY_free(old);
    EVP_PKEY_free(renewed);
}

static void test_files_that_vanish_or_hold_no_certificate_are_no_renewal(void **state)
{
    (void)state;
    char temporary[PATH_SIZE + 16];
    EVP_PKEY *key = key_new();
    struct tls_files files = files_in_use(key);
    FILE *file = replacement_open(temporary);
    assert_true(fputs("-----BEGIN CERTIFICATE-----\nAAAA\n", file) >= 0);
    replacement_close(file, temporary, certificate_path);
    assert_false(tls_files_renewed(&files));
    assert_int_equal(unlink(certificate_path), 0);
    assert_false(tls_files_renewed(&files));
    tls_files_used(&files);
    assert_int_equal(files.expires_s, 0);
    EVP_PKEY_free(key);
}

static int folder_make(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tls-files.XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(certificate_path, sizeof certificate_path, "%s/crt", folder);
    snprintf(key_path, sizeof key_path, "%s/key", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(certificate_path);
    unlink(key_path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_expiry_is_that_of_the_certificate),
        cmocka_unit_test(test_the_same_files_are_not_renewed),
        cmocka_unit_test(test_a_new_certificate_for_the_same_key_is_a_renewal_until_it_is_used),
        cmocka_unit_test(test_a_key_without_its_certificate_is_waited_for),
        cmocka_unit_test(test_files_that_vanish_or_hold_no_certificate_are_no_renewal),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
