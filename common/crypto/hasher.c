/* hasher.c - SHA-256 with one fetched algorithm and one reused context. */
#include "common/crypto/hasher.h"

#include <stdlib.h>

#include <openssl/evp.h>

struct hasher {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
};

enum status hasher_open(struct hasher **out)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);
    if (hasher == NULL) return ST_NO_MEMORY;
    hasher->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();
    if (hasher->algorithm == NULL || hasher->context == NULL ||
        EVP_DigestInit_ex2(hasher->context, hasher->algorithm, NULL) != 1) {
        hasher_close(hasher);
        return ST_NO_MEMORY;
    }
    *out = hasher;
    return ST_OK;
}

void hasher_close(struct hasher *hasher)
{
    if (hasher == NULL) return;
    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->algorithm);
    free(hasher);
}

void hasher_begin(struct hasher *hasher)
{
    /* No algorithm given: the context starts again with the one it has. */
    INVARIANT(EVP_DigestInit_ex2(hasher->context, NULL, NULL) == 1);
}

void hasher_add(struct hasher *hasher, struct bytes bytes)
{
    INVARIANT(EVP_DigestUpdate(hasher->context, bytes.data, bytes.size) == 1);
}

struct digest hasher_end(struct hasher *hasher)
{
    struct digest digest;
    INVARIANT(EVP_DigestFinal_ex(hasher->context, digest.bytes, NULL) == 1);
    return digest;
}

struct digest hasher_of(struct hasher *hasher, struct bytes bytes)
{
    hasher_begin(hasher);
    hasher_add(hasher, bytes);
    return hasher_end(hasher);
}
