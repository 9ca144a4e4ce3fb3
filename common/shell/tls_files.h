/* tls_files.h - the files of our own certificate: when it expires, and whether it was renewed.
 *
 * A connection reads the files when it is made, so a renewal needs only a new connection. Files
 * count as renewed once they differ from those of the last tls_files_used and are whole: the
 * certificate parses and the key fits it, since one is written after the other. */
#ifndef HOLDFAST_COMMON_SHELL_TLS_FILES_H
#define HOLDFAST_COMMON_SHELL_TLS_FILES_H

#include <stdbool.h>
#include <stdint.h>

enum { TLS_FILES_COUNT = 3 };

/* What stat says of one file; all zero: it is not there. */
struct tls_file_mark {
    uint64_t device, inode, size;
    int64_t changed_s, changed_ns;
};

struct tls_files {
    const char *paths[TLS_FILES_COUNT]; /* authority, certificate, key; borrowed; NULL: not set */
    struct tls_file_mark used[TLS_FILES_COUNT];
    int64_t expires_s; /* unix seconds, of the certificate last read; 0: none */
};

struct tls_files tls_files_of(const char *ca, const char *certificate, const char *private_key);

/* A connection is about to be made with them as they are now. */
void tls_files_used(struct tls_files *files);
bool tls_files_renewed(const struct tls_files *files);

#endif
