/* cli_admin.c - the verbs that ask the engine something: status, nodes, evidence. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/line_reader.h"

enum status cli_status(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return cloud_host_ask(call, "status", &none);
}

/* An enrolment line has four words, and a shell hands them over one by one unless they are quoted.
 */
static enum status enrolment_line(const struct cli_call *call, struct buf *out)
{
    if (call->argument_count == 1 && strcmp(call->arguments[0], "-") == 0) {
        struct line_reader reader = {.fd = STDIN_FILENO};
        struct bytes line;
        const enum status status = line_read(&reader, KEY_LINE_SIZE_MAX, &line);
        if (status == ST_OK) buf_put(out, line);
        line_reader_close(&reader);
        if (status == ST_OK) return ST_OK;
        buf_put_text(call->message, "standard input does not hold an enrolment line");
        return ST_USAGE;
    }
    cli_join_words(call, out);
    return ST_OK;
}

enum status cli_node_add(const struct cli_call *call)
{
    char memory[KEY_LINE_SIZE_MAX + 1];
    struct buf text = buf_of(memory, KEY_LINE_SIZE_MAX);
    struct key_line line;
    struct cli_arguments arguments = {0};
    TRY(crypto_start());
    TRY(enrolment_line(call, &text));
    if (!buf_ok(&text) || key_line_read(buf_bytes(&text), &line) != ST_OK ||
        line.kind != KEY_LINE_NODE) {
        buf_put_text(call->message, "this is not an enrolment line: give the whole line that "
                                    "edge-bridge init prints (holdfast-node-1 NAME ...)");
        return ST_USAGE;
    }
    memory[text.size] = '\0';
    cli_pass_text(&arguments, "line", memory);
    cli_pass(&arguments, call, "group");
    return cloud_host_ask(call, "node-add", &arguments);
}

enum status cli_node_list(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return cloud_host_ask(call, "node-list", &none);
}

enum status cli_node_revoke(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass_text(&arguments, "node", call->arguments[0]);
    return cloud_host_ask(call, "node-revoke", &arguments);
}

enum status cli_evidence_list(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass(&arguments, call, "node");
    TRY(cli_pass_time(&arguments, call, "since"));
    TRY(cli_pass_count(&arguments, call, "limit"));
    return cloud_host_ask(call, "evidence-list", &arguments);
}

enum status cli_evidence_verify(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass(&arguments, call, "node");
    return cloud_host_ask(call, "evidence-verify", &arguments);
}

enum status cli_evidence_show(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass_text(&arguments, "node", call->arguments[0]);
    cli_pass_text(&arguments, "sequence", call->arguments[1]);
    cli_pass(&arguments, call, "log");
    TRY(cli_pass_word(&arguments, call, "raw", "header signature payload"));
    return cloud_host_ask(call, "evidence-show", &arguments);
}

enum status cli_evidence_readmit(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return cloud_host_ask(call, "evidence-readmit", &none);
}
