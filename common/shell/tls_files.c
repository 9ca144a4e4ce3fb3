/* tls_files.c - marks of files, and what OpenSSL reads in them. */
#include "common/shell/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILE_CA, FILE_CERTIFICATE, FILE_KEY };

struct tls_files tls_files_of(const char *ca, const char *certificate, const char *private_key)
{
    return (struct tls_files){
        .paths = {[FILE_CA] = ca, [FILE_CERTIFICATE] = certificate, [FILE_KEY] = private_key}};
}

static void marks_read(const struct tls_files *files, struct tls_file_mark out[TLS_FILES_COUNT])
{
    struct stat state;
    memset(out, 0, TLS_FILES_COUNT * sizeof *out);
    for (int i = 0; i < TLS_FILES_COUNT; i++) {
        if (files->paths[i] == NULL || stat(files->paths[i], &state) != 0) continue;
        out[i] = (struct tls_file_mark){.device = state.st_dev,
                                        .inode = state.st_ino,
                                        .size = (uint64_t)state.st_size,
                                        .changed_s = state.st_mtim.tv_sec,
                                        .changed_ns = state.st_mtim.tv_nsec};
    }
}

static X509 *certificate_read(const char *path)
{
    if (path == NULL) return NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) return NULL;
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    return certificate;
}

static EVP_PKEY *key_read(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return NULL;
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    return key;
}

/* The key may stand in the certificate's file. */
static bool pair_fits(const struct tls_files *files)
{
    const char *key_path = files->paths[FILE_KEY];
    if (key_path == NULL) key_path = files->paths[FILE_CERTIFICATE];
    X509 *certificate = certificate_read(files->paths[FILE_CERTIFICATE]);
    EVP_PKEY *key = certificate != NULL ? key_read(key_path) : NULL;
    const bool fits = key != NULL && X509_check_private_key(certificate, key) == 1;
    EVP_PKEY_free(key);
    X509_free(certificate);
    return fits;
}

static bool authorities_readable(const struct tls_files *files)
{
    X509 *certificate = certificate_read(files->paths[FILE_CA]);
    X509_free(certificate);
    return certificate != NULL;
}

void tls_files_used(struct tls_files *files)
{
    struct tm utc;
    marks_read(files, files->used);
    files->expires_s = 0;
    X509 *certificate = certificate_read(files->paths[FILE_CERTIFICATE]);
    if (certificate != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) == 1)
        files->expires_s = (int64_t)timegm(&utc);
    X509_free(certificate);
    ERR_clear_error();
}

bool tls_files_renewed(const struct tls_files *files)
{
    struct tls_file_mark marks[TLS_FILES_COUNT];
    marks_read(files, marks);
    if (memcmp(marks, files->used, sizeof marks) == 0) return false;
    const bool whole = (files->paths[FILE_CA] == NULL || authorities_readable(files)) &&
                       (files->paths[FILE_CERTIFICATE] == NULL || pair_fits(files));
    ERR_clear_error();
    return whole;
}
