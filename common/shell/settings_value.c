/* settings_value.c - the kinds of values, and the texts that are made from the table. */
#include "common/shell/settings_value.h"

#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit byte_units[] = {{"", 1}, {"K", 1024}, {"M", 1048576}, {"G", 1073741824}};
static const struct unit ms_units[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                                       {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

static bool number_parse(const char *text, const struct unit *units, size_t unit_count,
                         uint64_t *out)
{
    uint64_t number = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        const uint64_t digit = (uint64_t)(text[digits] - '0');
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    if (digits == 0) return false;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(text + digits, units[i].name) == 0)
            return !__builtin_mul_overflow(number, units[i].factor, out);
    }
    return false;
}

static bool bool_parse(const char *text, uint64_t *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *out = i % 2;
        return true;
    }
    return false;
}

static bool word_parse(const char *allowed, const char *text, uint64_t *out)
{
    const size_t size = strlen(text);
    uint64_t place = 0;
    for (const char *at = allowed; *at != '\0'; place++) {
        const size_t word_size = strcspn(at, " ");
        if (word_size == size && strncmp(at, text, size) == 0) {
            *out = place;
            return true;
        }
        at += word_size;
        at += strspn(at, " ");
    }
    return false;
}

bool setting_value_parse(const struct setting_row *row, const char *text, struct setting_value *out)
{
    const size_t size = strlen(text);
    uint64_t number = 0;
    bool good = size < sizeof out->text;
    switch (row->type) {
    case SETTING_INT:
        good = good && number_parse(text, byte_units, 1, &number);
        break;
    case SETTING_BYTES:
        good = good && number_parse(text, byte_units, COUNT_OF(byte_units), &number);
        break;
    case SETTING_MS:
        good = good && number_parse(text, ms_units, COUNT_OF(ms_units), &number);
        break;
    case SETTING_BOOL:
        good = good && bool_parse(text, &number);
        break;
    case SETTING_WORD:
        good = good && word_parse(row->allowed, text, &number);
        break;
    case SETTING_TEXT:
        good = good && size >= row->min && size <= row->max;
        break;
    }
    if (row->type == SETTING_INT || row->type == SETTING_BYTES || row->type == SETTING_MS)
        good = good && number >= row->min && number <= row->max;
    if (!good) return false;
    out->number = number;
    memcpy(out->text, text, size + 1);
    return true;
}

static void allowed_put(const struct setting_row *row, struct buf *out)
{
    switch (row->type) {
    case SETTING_INT:
        buf_put_format(out, "a whole number from %llu to %llu", (unsigned long long)row->min,
                       (unsigned long long)row->max);
        return;
    case SETTING_BYTES:
        buf_put_format(out, "bytes from %llu to %llu, with or without K, M or G",
                       (unsigned long long)row->min, (unsigned long long)row->max);
        return;
    case SETTING_MS:
        buf_put_format(out, "a time from %llu to %llu ms, with or without ms, s, m, h or d",
                       (unsigned long long)row->min, (unsigned long long)row->max);
        return;
    case SETTING_BOOL:
        buf_put_text(out, "true or false");
        return;
    case SETTING_WORD:
        buf_put_format(out, "one of: %s", row->allowed);
        return;
    case SETTING_TEXT:
        buf_put_format(out, "a text of %llu to %llu characters", (unsigned long long)row->min,
                       (unsigned long long)row->max);
        return;
    }
}

void setting_value_refuse(const struct setting_row *row, const char *key, const char *text,
                          struct buf *message)
{
    buf_put_format(message, "%s must be ", key);
    allowed_put(row, message);
    buf_put_format(message, ", not \"%.100s\"", text);
}

void settings_write_template(const struct setting_row *rows, size_t row_count, struct buf *out)
{
    const char *section = "";
    buf_put_text(out, "; Every key with its default. Take the semicolon away to change one.\n");
    for (size_t i = 0; i < row_count; i++) {
        if (strcmp(section, rows[i].section) != 0) buf_put_format(out, "\n[%s]\n", rows[i].section);
        section = rows[i].section;
        buf_put_format(out, "; %s; ", rows[i].help);
        allowed_put(&rows[i], out);
        buf_put_format(out, "\n;%s = %s\n", rows[i].key, rows[i].default_text);
    }
}

void settings_print_help(const struct setting_row *rows, size_t row_count, const char *prefix,
                         FILE *out)
{
    const char *section = "";
    fprintf(out,
            "Settings, in the file of the directory or as environment variables named\n"
            "%s_SECTION_KEY:\n",
            prefix);
    for (size_t i = 0; i < row_count; i++) {
        char allowed[256];
        struct buf text = buf_of(allowed, sizeof allowed - 1);
        allowed_put(&rows[i], &text);
        allowed[text.size] = '\0';
        if (strcmp(section, rows[i].section) != 0) fprintf(out, "  [%s]\n", rows[i].section);
        section = rows[i].section;
        fprintf(out, "    %s = %s\n        %s; %s\n", rows[i].key, rows[i].default_text,
                rows[i].help, allowed);
    }
}
