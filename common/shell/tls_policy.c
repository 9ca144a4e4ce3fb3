/* tls_policy.c - OpenSSL's callbacks for every connection of the process. */
#include "common/shell/tls_policy.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/bytes.h"

enum { SECURITY_LEVEL = 2, HOST_SIZE = 256, NAMES_SIZE_MAX = 64, DATE_SIZE = 32 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* All below are under the lock. */
static int64_t judged_at_s = TLS_TIME_UNKNOWN;
static int64_t broker_expires_s;
static char failed_host[HOST_SIZE];
static char failed_sentence[TLS_SENTENCE_SIZE_MAX];

static void failure_keep(const SSL *ssl, const char *sentence)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    pthread_mutex_lock(&lock);
    snprintf(failed_host, sizeof failed_host, "%s", host != NULL ? host : "");
    snprintf(failed_sentence, sizeof failed_sentence, "%s", sentence);
    pthread_mutex_unlock(&lock);
}

/* What is said of a certificate. */

static void date_write(const ASN1_TIME *when, char out[DATE_SIZE])
{
    struct tm utc;
    if (ASN1_TIME_to_tm(when, &utc) != 1 || strftime(out, DATE_SIZE, "%Y-%m-%d %H:%MZ", &utc) == 0)
        snprintf(out, DATE_SIZE, "a date that cannot be read");
}

static void name_put(struct buf *names, const GENERAL_NAME *name)
{
    if (name->type == GEN_DNS) {
        const int size = ASN1_STRING_length(name->d.dNSName);
        buf_put_format(names, "%s%.*s", names->size > 0 ? ", " : "", size,
                       (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
        const unsigned char *ip = ASN1_STRING_get0_data(name->d.iPAddress);
        buf_put_format(names, "%s%u.%u.%u.%u", names->size > 0 ? ", " : "", ip[0], ip[1], ip[2],
                       ip[3]);
    }
}

/* As many of the names as there is room for, from the first on. */
static void names_write(const X509 *certificate, char out[NAMES_SIZE_MAX + 1])
{
    struct buf names = buf_of(out, NAMES_SIZE_MAX);
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
        name_put(&names, sk_GENERAL_NAME_value(all, i));
    GENERAL_NAMES_free(all);
    out[names.size] = '\0';
}

static void judgement_say(const SSL *ssl, const X509 *certificate, int error)
{
    char sentence[TLS_SENTENCE_SIZE_MAX], date[DATE_SIZE], names[NAMES_SIZE_MAX + 1];
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        snprintf(sentence, sizeof sentence,
                 "the broker's certificate is not from an authority in the file of setting ca");
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        date_write(X509_get0_notAfter(certificate), date);
        snprintf(sentence, sizeof sentence,
                 "the broker's certificate, or its authority's, expired at %s; renew it", date);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        date_write(X509_get0_notBefore(certificate), date);
        snprintf(sentence, sizeof sentence,
                 "the broker's certificate, or its authority's, begins only at %s; is a clock "
                 "wrong?",
                 date);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        names_write(certificate, names);
        snprintf(sentence, sizeof sentence,
                 "the broker's certificate does not name %.64s, but %s; one of both is wrong",
                 host != NULL ? host : "it", names[0] != '\0' ? names : "nothing");
        break;
    default:
        snprintf(sentence, sizeof sentence, "the broker's certificate is refused: %s",
                 X509_verify_cert_error_string(error));
        break;
    }
    failure_keep(ssl, sentence);
}

/* The alerts by which the broker says what it thinks of us; others tell people nothing. */
static void alert_say(const SSL *ssl, int alert)
{
    static const struct {
        int alert;
        const char *words;
    } sentences[] = {
        {SSL3_AD_NO_CERTIFICATE, "the broker wants a certificate of ours: set cert and key"},
        {TLS13_AD_CERTIFICATE_REQUIRED, "the broker wants a certificate of ours: set cert and key"},
        {TLS1_AD_UNKNOWN_CA, "the broker does not know the authority of our certificate"},
        {SSL3_AD_CERTIFICATE_EXPIRED, "the broker says that our certificate has expired; renew it"},
        {SSL3_AD_CERTIFICATE_REVOKED, "the broker says that our certificate was revoked"},
        {SSL3_AD_BAD_CERTIFICATE, "the broker refuses our certificate as bad"},
        {SSL3_AD_UNSUPPORTED_CERTIFICATE, "the broker refuses our certificate's kind"},
        {SSL3_AD_CERTIFICATE_UNKNOWN, "the broker refuses our certificate"},
        {TLS1_AD_ACCESS_DENIED, "the broker denies our certificate access"},
        {TLS1_AD_PROTOCOL_VERSION, "the broker does not speak TLS 1.3, which is demanded"},
        {SSL3_AD_HANDSHAKE_FAILURE, "the broker and we have no TLS parameters in common"},
    };
    for (size_t i = 0; i < COUNT_OF(sentences); i++) {
        if (sentences[i].alert == alert) failure_keep(ssl, sentences[i].words);
    }
}

/* Callbacks. */

/* Zero when the name or address asked for is in the certificate. */
static int name_judge(const SSL *ssl, X509 *certificate)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (host == NULL) return X509_V_ERR_HOSTNAME_MISMATCH;
    if (X509_check_ip_asc(certificate, host, 0) == 1) return X509_V_OK;
    return X509_check_host(certificate, host, 0, 0, NULL) == 1 ? X509_V_OK
                                                               : X509_V_ERR_HOSTNAME_MISMATCH;
}

static void expiry_note(const X509 *certificate, bool first)
{
    struct tm utc;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) != 1) return;
    const int64_t expires_s = (int64_t)timegm(&utc);
    pthread_mutex_lock(&lock);
    if (first || expires_s < broker_expires_s) broker_expires_s = expires_s;
    pthread_mutex_unlock(&lock);
}

/* Called for each certificate of the chain, the authority's first and the broker's (depth 0) last;
 * and for each that fails. */
static int on_verify(int good, X509_STORE_CTX *context)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    const int depth = X509_STORE_CTX_get_error_depth(context);
    int error = X509_STORE_CTX_get_error(context);
    if (good != 0 && depth == 0) {
        error = name_judge(ssl, certificate);
        X509_STORE_CTX_set_error(context, error);
    }
    if (error == X509_V_OK) {
        expiry_note(certificate, depth + 1 == sk_X509_num(chain));
        return 1;
    }
    judgement_say(ssl, certificate, error);
    return 0;
}

static void on_state(const SSL *ssl, int where, int code)
{
    if (where == SSL_CB_READ_ALERT) alert_say(ssl, code & 0xff);
}

static void on_connection(void *parent, void *item, CRYPTO_EX_DATA *data, int index, long number,
                          void *pointer)
{
    (void)item, (void)data, (void)index, (void)number, (void)pointer;
    SSL *ssl = parent;
    SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
    SSL_set_security_level(ssl, SECURITY_LEVEL);
    SSL_set_info_callback(ssl, on_state);
    if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
        SSL_set_verify(ssl, SSL_get_verify_mode(ssl), on_verify);
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    pthread_mutex_lock(&lock);
    if (judged_at_s == TLS_TIME_UNKNOWN)
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
    else
        X509_VERIFY_PARAM_set_time(parameters, (time_t)judged_at_s);
    pthread_mutex_unlock(&lock);
}

/* Calls. */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool started;

static void start(void)
{
    started = SSL_get_ex_new_index(0, NULL, on_connection, NULL, NULL) >= 0;
}

bool tls_policy_start(void)
{
    pthread_once(&once, start);
    return started;
}

void tls_policy_time(int64_t unix_s)
{
    pthread_mutex_lock(&lock);
    judged_at_s = unix_s;
    pthread_mutex_unlock(&lock);
}

bool tls_policy_take(const char *host, char out[TLS_SENTENCE_SIZE_MAX])
{
    pthread_mutex_lock(&lock);
    const bool there = failed_sentence[0] != '\0' && strcmp(failed_host, host) == 0;
    if (there && out != NULL) snprintf(out, TLS_SENTENCE_SIZE_MAX, "%s", failed_sentence);
    if (there) failed_sentence[0] = '\0';
    pthread_mutex_unlock(&lock);
    return there;
}

int64_t tls_policy_broker_expires_s(void)
{
    pthread_mutex_lock(&lock);
    const int64_t expires_s = broker_expires_s;
    pthread_mutex_unlock(&lock);
    return expires_s;
}
