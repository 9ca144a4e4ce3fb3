/* golden.h - golden vectors: files of hex with a gloss that pin every byte which is stored or sent.
 *
 * A test builds a file's text anew and golden_close() compares it with the one in tests/vectors
 * (HOLDFAST_VECTORS names another folder). With HOLDFAST_ACCEPT_VECTORS=1 it writes the file
 * instead: read the diff before it is committed.
 *
 *   # comment
 *   [section]
 *   field: hex            a value of at most 32 bytes stands on the field's own line
 *     hex  ; gloss        otherwise, or when its parts are explained, on indented lines below
 *
 * Every fault is a failure of the running cmocka test. */
#ifndef HOLDFAST_TESTS_SUPPORT_GOLDEN_H
#define HOLDFAST_TESTS_SUPPORT_GOLDEN_H

#include "common/base/bytes.h"

enum { GOLDEN_SIZE_MAX = 64 * 1024 };

struct golden {
    const char *file_name; /* "evidence.txt" */
    struct buf text;
    uint8_t memory[GOLDEN_SIZE_MAX];
};

void golden_open(struct golden *golden, const char *file_name);
/* One or more comment lines, parted by line feeds. */
void golden_comment(struct golden *golden, const char *text);
void golden_section(struct golden *golden, const char *name);
/* A whole field. */
void golden_field(struct golden *golden, const char *name, struct bytes value);
/* A field in explained parts: its name, then each part. */
void golden_field_of_parts(struct golden *golden, const char *name);
void golden_part(struct golden *golden, struct bytes value, const char *gloss);
void golden_close(struct golden *golden);

/* The value of a field of a stored file; returns its size. */
size_t golden_read(const char *file_name, const char *section, const char *field, uint8_t *out,
                   size_t capacity);

#endif
