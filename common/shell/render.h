/* render.h - control replies as text for people or as JSON for programs.
 *
 * Text: a single record is "name: value" lines; several records with the same fields are a table
 * with aligned columns (widths from the first RENDER_TABLE_ROWS rows, after which rows stream).
 * Receipts are "log sequence hash" lines. JSON: one object a line, always. RAW bytes are written
 * as they are. Progress is a bar on stderr, only when stderr is a terminal and progress is asked
 * for. Receipts that refuse are sentences on stderr, in the order of the entries. */
#ifndef HOLDFAST_COMMON_SHELL_RENDER_H
#define HOLDFAST_COMMON_SHELL_RENDER_H

#include <stdio.h>

#include "common/wire/control_msg.h"

enum { RENDER_TABLE_ROWS = 200 };

struct render_options {
    FILE *out;
    FILE *errors;
    bool json;
    bool quiet;    /* no receipts */
    bool progress; /* errors is a terminal */
};

struct render;

/* The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status render_open(const struct render_options *options, struct render **out);
void render_close(struct render *render); /* accepts NULL; shows nothing more: render_end does */

/* Any reply but END. Errors: ST_NO_MEMORY. */
MUST_USE enum status render_reply(struct render *render, const struct control_reply *reply);
/* A sentence beside the records, on stderr: how to get the rest of a list. */
void render_note(struct render *render, struct bytes words);
/* Shows what is still held back; ST_DISK when the output could not be written. */
MUST_USE enum status render_end(struct render *render);

/* The first status other than ST_OK among the receipts so far. */
enum status render_worst(const struct render *render);

#endif
