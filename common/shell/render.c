/* render.c - tables, lines and objects. */
#include "common/shell/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE_MAX = 4096, NUMBER_SIZE_MAX = 32, BAR_WIDTH = 30, COLUMN_GAP = 2 };

struct cell {
    char *text;
    bool is_number; /* numbers are aligned to the right */
};

struct render {
    struct render_options options;
    size_t column_count;
    char *names[RECORD_FIELDS_MAX];
    size_t widths[RECORD_FIELDS_MAX];
    struct cell (*rows)[RECORD_FIELDS_MAX];
    size_t row_count;
    bool streaming; /* the header has been printed */
    bool bar_shown;
    enum status worst;
    uint64_t receipt_number;
    uint64_t progress_per_mille; /* shown last */
};

enum status render_open(const struct render_options *options, struct render **out)
{
    struct render *render = calloc(1, sizeof *render);
    *out = NULL;
    if (render == NULL) return ST_NO_MEMORY;
    render->options = *options;
    render->worst = ST_OK;
    render->rows = calloc(RENDER_TABLE_ROWS, sizeof *render->rows);
    if (render->rows == NULL) {
        render_close(render);
        return ST_NO_MEMORY;
    }
    *out = render;
    return ST_OK;
}

static void rows_clear(struct render *render)
{
    for (size_t i = 0; i < render->row_count; i++) {
        for (size_t c = 0; c < render->column_count; c++) {
            free(render->rows[i][c].text);
            render->rows[i][c].text = NULL;
        }
    }
    render->row_count = 0;
}

static void table_clear(struct render *render)
{
    if (render->rows != NULL) rows_clear(render);
    for (size_t c = 0; c < render->column_count; c++)
        free(render->names[c]);
    render->column_count = 0;
    render->streaming = false;
}

void render_close(struct render *render)
{
    if (render == NULL) return;
    table_clear(render);
    free(render->rows);
    free(render);
}

/* Control characters of untrusted text must not reach a terminal. */
static void text_put(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = text.data[i];
        buf_put_u8(out, c < 0x20 || c == 0x7f ? '?' : c);
    }
}

static char *cell_text(const struct record_field *field)
{
    const size_t capacity = field->kind == PACKED_TEXT ? field->text.size : NUMBER_SIZE_MAX;
    char *const memory = malloc(capacity + 1);
    if (memory == NULL) return NULL;
    struct buf text = buf_of(memory, capacity);
    switch (field->kind) {
    case PACKED_NIL:
        buf_put_text(&text, "-");
        break;
    case PACKED_BOOL:
        buf_put_text(&text, field->boolean ? "yes" : "no");
        break;
    case PACKED_UINT:
        buf_put_format(&text, "%" PRIu64, field->natural);
        break;
    case PACKED_INT:
        buf_put_format(&text, "%" PRId64, field->integer);
        break;
    default:
        text_put(&text, field->text);
        break;
    }
    memory[text.size] = '\0';
    return memory;
}

/* Columns are counted in characters, not in bytes of UTF-8. */
static size_t shown_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void pad(FILE *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fputc(' ', out);
}

static void row_print(const struct render *render, const struct cell *row)
{
    FILE *out = render->options.out;
    for (size_t c = 0; c < render->column_count; c++) {
        const size_t width = shown_width(row[c].text);
        const size_t gap = width < render->widths[c] ? render->widths[c] - width : 0;
        const bool last = c + 1 == render->column_count;
        if (row[c].is_number) pad(out, gap);
        fputs(row[c].text, out);
        if (!row[c].is_number && !last) pad(out, gap);
        if (!last) pad(out, COLUMN_GAP);
    }
    fputc('\n', out);
}

static void header_print(struct render *render)
{
    struct cell header[RECORD_FIELDS_MAX];
    for (size_t c = 0; c < render->column_count; c++) {
        render->widths[c] = shown_width(render->names[c]);
        for (size_t i = 0; i < render->row_count; i++) {
            const size_t width = shown_width(render->rows[i][c].text);
            if (width > render->widths[c]) render->widths[c] = width;
        }
        header[c] =
            (struct cell){.text = render->names[c],
                          .is_number = render->row_count > 0 && render->rows[0][c].is_number};
    }
    row_print(render, header);
    render->streaming = true;
}

static void single_print(const struct render *render)
{
    size_t widest = 0;
    for (size_t c = 0; c < render->column_count; c++) {
        const size_t width = shown_width(render->names[c]);
        if (width > widest) widest = width;
    }
    for (size_t c = 0; c < render->column_count; c++) {
        fprintf(render->options.out, "%s: ", render->names[c]);
        pad(render->options.out, widest - shown_width(render->names[c]));
        fprintf(render->options.out, "%s\n", render->rows[0][c].text);
    }
}

static void table_flush(struct render *render)
{
    if (render->row_count == 1 && !render->streaming) {
        single_print(render);
    } else if (render->row_count > 0) {
        if (!render->streaming) header_print(render);
        for (size_t i = 0; i < render->row_count; i++)
            row_print(render, render->rows[i]);
    }
    rows_clear(render);
}

static bool same_columns(const struct render *render, const struct control_reply *reply)
{
    if (render->column_count != reply->field_count) return false;
    for (size_t c = 0; c < reply->field_count; c++) {
        if (!bytes_equal(bytes_of_text(render->names[c]), reply->fields[c].name)) return false;
    }
    return true;
}

static enum status columns_set(struct render *render, const struct control_reply *reply)
{
    table_clear(render);
    for (size_t c = 0; c < reply->field_count; c++) {
        uint8_t memory[NAME_SIZE_MAX + 1];
        struct buf name = buf_of(memory, NAME_SIZE_MAX);
        text_put(&name, reply->fields[c].name);
        memory[name.size] = 0;
        render->names[c] = strdup((const char *)memory);
        if (render->names[c] == NULL) return ST_NO_MEMORY;
        render->column_count = c + 1;
    }
    return ST_OK;
}

static enum status record_text_put(struct render *render, const struct control_reply *reply)
{
    if (!same_columns(render, reply)) {
        if (render->column_count > 0) {
            table_flush(render);
            fputc('\n', render->options.out);
        }
        TRY(columns_set(render, reply));
    }
    if (render->row_count == RENDER_TABLE_ROWS) table_flush(render);
    struct cell *row = render->rows[render->row_count];
    bool complete = true;
    for (size_t c = 0; c < reply->field_count; c++) {
        const enum packed_kind kind = reply->fields[c].kind;
        row[c].is_number = kind == PACKED_UINT || kind == PACKED_INT;
        row[c].text = cell_text(&reply->fields[c]);
        complete = complete && row[c].text != NULL;
    }
    render->row_count++;
    return complete ? ST_OK : ST_NO_MEMORY;
}

static void field_json(const struct record_field *field, struct buf *line)
{
    buf_put_json_text(line, field->name);
    buf_put_u8(line, ':');
    switch (field->kind) {
    case PACKED_NIL:
        buf_put_text(line, "null");
        return;
    case PACKED_BOOL:
        buf_put_text(line, field->boolean ? "true" : "false");
        return;
    case PACKED_UINT:
        buf_put_format(line, "%" PRIu64, field->natural);
        return;
    case PACKED_INT:
        buf_put_format(line, "%" PRId64, field->integer);
        return;
    default:
        buf_put_json_text(line, field->text);
        return;
    }
}

/* Each byte of a text may become six of JSON; 32 are for a number and what stands around. */
static size_t record_json_size_max(const struct control_reply *reply)
{
    size_t size = 8;
    for (size_t i = 0; i < reply->field_count; i++)
        size += 6 * (reply->fields[i].name.size + reply->fields[i].text.size) + 32;
    return size;
}

static enum status record_json_put(const struct render *render, const struct control_reply *reply)
{
    const size_t capacity = record_json_size_max(reply);
    uint8_t *memory = malloc(capacity);
    if (memory == NULL) return ST_NO_MEMORY;
    struct buf line = buf_of(memory, capacity);
    buf_put_u8(&line, '{');
    for (size_t i = 0; i < reply->field_count; i++) {
        if (i > 0) buf_put_u8(&line, ',');
        field_json(&reply->fields[i], &line);
    }
    buf_put_text(&line, "}\n");
    INVARIANT(buf_ok(&line));
    fwrite(line.data, 1, line.size, render->options.out);
    free(memory);
    return ST_OK;
}

static void receipt_put(struct render *render, const struct receipt *receipt)
{
    char log[2 * LOG_ID_SIZE + 1], hash[2 * DIGEST_SIZE + 1];
    render->receipt_number++;
    if (receipt->status != ST_OK) {
        if (render->worst == ST_OK) render->worst = receipt->status;
        fprintf(render->options.errors, "entry %" PRIu64 " not accepted: %s\n",
                render->receipt_number, receipt_words(receipt->status));
        return;
    }
    if (render->options.quiet) return;
    hex_encode(bytes_of(receipt->log.bytes, LOG_ID_SIZE), log);
    hex_encode(bytes_of(receipt->hash.bytes, DIGEST_SIZE), hash);
    if (!render->options.json) {
        fprintf(render->options.out, "%s %" PRIu64 " %s%s\n", log, receipt->sequence, hash,
                receipt->duplicate ? " duplicate" : "");
        return;
    }
    fprintf(render->options.out,
            "{\"log\":\"%s\",\"sequence\":%" PRIu64
            ",\"hash\":\"%s\",\"duplicate\":%s,\"best_effort\":%s}\n",
            log, receipt->sequence, hash, receipt->duplicate ? "true" : "false",
            receipt->best_effort ? "true" : "false");
}

static void progress_put(struct render *render, const struct control_reply *reply)
{
    char bar[BAR_WIDTH + 1];
    if (!render->options.progress || reply->total == 0) return;
    const double share = (double)reply->done / (double)reply->total;
    const uint64_t per_mille = (uint64_t)(share * 1000);
    if (render->bar_shown && per_mille == render->progress_per_mille) return;
    const size_t full = share >= 1 ? BAR_WIDTH : (size_t)(share * BAR_WIDTH);
    memset(bar, '#', full);
    memset(bar + full, '.', BAR_WIDTH - full);
    bar[BAR_WIDTH] = '\0';
    fprintf(render->options.errors, "\r[%s] %3d%% %" PRIu64 " of %" PRIu64 " %.*s\033[K", bar,
            (int)(share * 100), reply->done, reply->total, (int)reply->unit.size,
            (const char *)reply->unit.data);
    fflush(render->options.errors);
    render->bar_shown = true;
    render->progress_per_mille = per_mille;
}

static void bar_clear(struct render *render)
{
    if (render->bar_shown) fputs("\r\033[K", render->options.errors);
    render->bar_shown = false;
}

enum status render_reply(struct render *render, const struct control_reply *reply)
{
    if (reply->kind != REPLY_PROGRESS) bar_clear(render);
    switch (reply->kind) {
    case REPLY_RECEIPTS:
        for (size_t i = 0; i < reply->receipt_count; i++)
            receipt_put(render, &reply->receipts[i]);
        return ST_OK;
    case REPLY_RECORD:
        return render->options.json ? record_json_put(render, reply)
                                    : record_text_put(render, reply);
    case REPLY_PROGRESS:
        progress_put(render, reply);
        return ST_OK;
    case REPLY_RAW:
        fwrite(reply->raw.data, 1, reply->raw.size, render->options.out);
        return ST_OK;
    case REPLY_END:
        break;
    }
    UNREACHABLE();
}

void render_note(struct render *render, struct bytes words)
{
    bar_clear(render);
    fprintf(render->options.errors, "%.*s\n", (int)words.size, (const char *)words.data);
}

enum status render_end(struct render *render)
{
    bar_clear(render);
    table_flush(render);
    if (fflush(render->options.out) != 0 || ferror(render->options.out)) return ST_DISK;
    return ST_OK;
}

enum status render_worst(const struct render *render)
{
    return render->worst;
}
