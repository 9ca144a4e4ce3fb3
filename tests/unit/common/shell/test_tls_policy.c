/* test_tls_policy.c - what OpenSSL demands of a connection that anybody in the process makes. */
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/shell/tls_policy.h"

/* As Paho makes it. */
static SSL *connection_new(SSL_CTX **context)
{
    assert_true(tls_policy_start());
    *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(*context);
    SSL_CTX_set_verify(*context, SSL_VERIFY_PEER, NULL);
    SSL *connection = SSL_new(*context);
    assert_non_null(connection);
    return connection;
}

static void connection_free(SSL *connection, SSL_CTX *context)
{
    SSL_free(connection);
    SSL_CTX_free(context);
}

static void test_nothing_older_than_1_3_and_no_weak_key_is_taken(void **state)
{
    (void)state;
    SSL_CTX *context;
    SSL *connection = connection_new(&context);
    assert_int_equal(SSL_get_min_proto_version(connection), TLS1_3_VERSION);
    assert_int_equal(SSL_get_security_level(connection), 2);
    connection_free(connection, context);
}

static void test_a_broker_without_1_3_is_told_apart(void **state)
{
    (void)state;
    char why[TLS_SENTENCE_SIZE_MAX];
    SSL_CTX *context, *server_context = SSL_CTX_new(TLS_server_method());
    SSL *connection = connection_new(&context);
    BIO *ours, *theirs;
    assert_int_equal(SSL_CTX_set_max_proto_version(server_context, TLS1_2_VERSION), 1);
    SSL *server = SSL_new(server_context);
    /* The server is a connection of this process too, and would demand 1.3 itself. */
    assert_int_equal(SSL_set_min_proto_version(server, TLS1_2_VERSION), 1);
    assert_int_equal(BIO_new_bio_pair(&ours, 0, &theirs, 0), 1);
    SSL_set_bio(connection, ours, ours);
    SSL_set_bio(server, theirs, theirs);
    SSL_set_tlsext_host_name(connection, "broker.example");
    assert_int_not_equal(SSL_connect(connection), 1);
    assert_int_not_equal(SSL_accept(server), 1);
    assert_int_not_equal(SSL_connect(connection), 1);
    assert_false(tls_policy_take("other.example", why));
    assert_true(tls_policy_take("broker.example", why));
    assert_string_equal(why, "the broker does not speak TLS 1.3, which is demanded");
    assert_false(tls_policy_take("broker.example", why));
    connection_free(connection, context);
    connection_free(server, server_context);
}

/* A node whose clock is wrong must reach the cloud. */
static void test_dates_are_not_judged_before_a_time_is_certain(void **state)
{
    (void)state;
    SSL_CTX *context;
    tls_policy_time(TLS_TIME_UNKNOWN);
    SSL *connection = connection_new(&context);
    const unsigned long flags = X509_VERIFY_PARAM_get_flags(SSL_get0_param(connection));
    assert_true((flags & X509_V_FLAG_NO_CHECK_TIME) != 0);
    assert_true((flags & X509_V_FLAG_USE_CHECK_TIME) == 0);
    connection_free(connection, context);
}

static void test_dates_are_judged_at_the_certain_time_not_by_the_wall_clock(void **state)
{
    (void)state;
    SSL_CTX *context;
    tls_policy_time(1800000000);
    SSL *connection = connection_new(&context);
    const X509_VERIFY_PARAM *parameters = SSL_get0_param(connection);
    const unsigned long flags = X509_VERIFY_PARAM_get_flags(SSL_get0_param(connection));
    assert_true((flags & X509_V_FLAG_NO_CHECK_TIME) == 0);
    assert_true((flags & X509_V_FLAG_USE_CHECK_TIME) != 0);
    assert_int_equal(X509_VERIFY_PARAM_get_time(parameters), 1800000000);
    connection_free(connection, context);
    tls_policy_time(TLS_TIME_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_older_than_1_3_and_no_weak_key_is_taken),
        cmocka_unit_test(test_a_broker_without_1_3_is_told_apart),
        cmocka_unit_test(test_dates_are_not_judged_before_a_time_is_certain),
        cmocka_unit_test(test_dates_are_judged_at_the_certain_time_not_by_the_wall_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
