/* golden.c - writes, compares and reads golden vector files. */
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEX_LINE_BYTES = 32, PATH_SIZE = 512 };

static void path_of(const char *file_name, char out[PATH_SIZE])
{
    const char *const folder = getenv("HOLDFAST_VECTORS");
    snprintf(out, PATH_SIZE, "%s/%s", folder != NULL ? folder : "tests/vectors", file_name);
}

/* The whole file with a NUL behind it; the caller frees it. */
static char *read_file(const char *file_name)
{
    char path[PATH_SIZE];
    path_of(file_name, path);
    FILE *const file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s (make vectors-accept writes it)", path);
    char *const text = calloc(1, GOLDEN_SIZE_MAX + 1);
    assert_non_null(text);
    const size_t size = fread(text, 1, GOLDEN_SIZE_MAX, file);
    assert_int_equal(ferror(file), 0);
    fclose(file);
    assert_in_range(size, 1, GOLDEN_SIZE_MAX - 1);
    return text;
}

static void write_file(const char *file_name, struct bytes text)
{
    char path[PATH_SIZE];
    path_of(file_name, path);
    FILE *const file = fopen(path, "wb");
    if (file == NULL) fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
}

void golden_open(struct golden *golden, const char *file_name)
{
    golden->file_name = file_name;
    golden->text = buf_of(golden->memory, sizeof golden->memory);
}

void golden_comment(struct golden *golden, const char *text)
{
    for (const char *line = text; line != NULL;) {
        const char *const end = strchr(line, '\n');
        const size_t size = end != NULL ? (size_t)(end - line) : strlen(line);
        buf_put_text(&golden->text, size == 0 ? "#" : "# ");
        buf_put(&golden->text, bytes_of(line, size));
        buf_put_u8(&golden->text, '\n');
        line = end != NULL ? end + 1 : NULL;
    }
}

void golden_section(struct golden *golden, const char *name)
{
    buf_put_format(&golden->text, "\n[%s]\n", name);
}

void golden_field(struct golden *golden, const char *name, struct bytes value)
{
    if (value.size > HEX_LINE_BYTES) {
        golden_field_of_parts(golden, name);
        golden_part(golden, value, NULL);
        return;
    }
    buf_put_format(&golden->text, "%s:%s", name, value.size > 0 ? " " : "");
    buf_put_hex(&golden->text, value);
    buf_put_u8(&golden->text, '\n');
}

void golden_field_of_parts(struct golden *golden, const char *name)
{
    buf_put_format(&golden->text, "%s:\n", name);
}

void golden_part(struct golden *golden, struct bytes value, const char *gloss)
{
    while (value.size > 0) {
        const size_t size = value.size < HEX_LINE_BYTES ? value.size : HEX_LINE_BYTES;
        buf_put_text(&golden->text, "  ");
        buf_put_hex(&golden->text, bytes_of(value.data, size));
        if (gloss != NULL) buf_put_format(&golden->text, "  ; %s", gloss);
        gloss = NULL;
        buf_put_u8(&golden->text, '\n');
        value = bytes_from(value, size);
    }
}

void golden_close(struct golden *golden)
{
    assert_true(buf_ok(&golden->text));
    const struct bytes text = buf_bytes(&golden->text);
    if (getenv("HOLDFAST_ACCEPT_VECTORS") != NULL) write_file(golden->file_name, text);
    char *const stored = read_file(golden->file_name);
    unsigned line = 1;
    size_t at = 0;
    while (at < text.size && stored[at] != '\0' && (uint8_t)stored[at] == text.data[at]) {
        line += text.data[at] == '\n';
        at++;
    }
    const bool equal = at == text.size && stored[at] == '\0';
    free(stored);
    if (!equal) fail_msg("%s differs from line %u on", golden->file_name, line);
}

/* Where the line begins that starts with exactly this text, from `from` on. */
static const char *find_line(const char *from, const char *start)
{
    while (from != NULL && strncmp(from, start, strlen(start)) != 0) {
        from = strchr(from, '\n');
        if (from != NULL) from++;
    }
    return from;
}

/* Decodes the hex at the start of text up to blank, gloss or line end; returns where it stopped. */
static const char *read_hex(const char *text, struct buf *out)
{
    text += strspn(text, " ");
    const size_t digit_count = strspn(text, "0123456789abcdef");
    for (size_t i = 0; i + 2 <= digit_count; i += 2) {
        uint8_t byte;
        assert_int_equal(hex_decode(bytes_of(text + i, 2), &byte, 1), ST_OK);
        buf_put_u8(out, byte);
    }
    assert_int_equal(digit_count % 2, 0);
    return text + digit_count;
}

size_t golden_read(const char *file_name, const char *section, const char *field, uint8_t *out,
                   size_t capacity)
{
    char start[128];
    char *const stored = read_file(file_name);
    snprintf(start, sizeof start, "[%s]\n", section);
    const char *at = find_line(stored, start);
    if (at == NULL) fail_msg("%s has no section %s", file_name, section);
    const char *const section_end = strstr(at, "\n[");
    snprintf(start, sizeof start, "%s:", field);
    at = find_line(at, start);
    if (at == NULL || (section_end != NULL && at > section_end)) {
        fail_msg("%s has no %s in %s", file_name, field, section);
    }
    struct buf buf = buf_of(out, capacity);
    at = read_hex(at + strlen(start), &buf);
    for (at = strchr(at, '\n'); at != NULL && at[1] == ' '; at = strchr(at + 1, '\n')) {
        read_hex(at + 1, &buf);
    }
    free(stored);
    assert_true(buf_ok(&buf));
    return buf.size;
}
