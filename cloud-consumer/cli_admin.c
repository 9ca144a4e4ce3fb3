/* cli_admin.c - the verbs that ask the engine something: status, nodes, evidence. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/line_reader.h"
#include "common/shell/time_text.h"
#include "common/shell/verb.h"

enum { ARGUMENTS_MAX = 4, NUMBER_SIZE = 24 };

struct arguments {
    size_t count;
    struct verb_argument items[ARGUMENTS_MAX];
};

static void add(struct arguments *arguments, const char *name, const char *value)
{
    if (value == NULL) return;
    INVARIANT(arguments->count < ARGUMENTS_MAX);
    arguments->items[arguments->count++] =
        (struct verb_argument){.name = bytes_of_text(name), .value = bytes_of_text(value)};
}

static enum status ask(const struct cli_call *call, const char *verb,
                       const struct arguments *arguments, bool json)
{
    struct cloud_host host;
    struct control_session *session = NULL;
    const struct verb_request request = {.verb = verb,
                                         .arguments = arguments->items,
                                         .argument_count = arguments->count,
                                         .json = json};
    enum status status = cloud_host_open(&host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) {
        const struct session_engine engine = cloud_host_session_engine(&host);
        char holder[64];
        snprintf(holder, sizeof holder, "cloud-consumer %s", call->verb->words);
        status = control_session_open(&host.directory, holder, &engine, &session, call->message);
    }
    if (status == ST_OK) status = verb_run(session, &request, call->message);
    control_session_close(session);
    cloud_host_close(&host);
    return status;
}

enum status cli_status(const struct cli_call *call)
{
    const struct arguments none = {0};
    return ask(call, "status", &none, cli_flag(call, "json"));
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
    for (int i = 0; i < call->argument_count; i++) {
        if (i > 0) buf_put_u8(out, ' ');
        buf_put_text(out, call->arguments[i]);
    }
    return ST_OK;
}

enum status cli_node_add(const struct cli_call *call)
{
    char memory[KEY_LINE_SIZE_MAX + 1];
    struct buf text = buf_of(memory, KEY_LINE_SIZE_MAX);
    struct key_line line;
    struct arguments arguments = {0};
    TRY(crypto_start());
    TRY(enrolment_line(call, &text));
    if (!buf_ok(&text) || key_line_read(buf_bytes(&text), &line) != ST_OK ||
        line.kind != KEY_LINE_NODE) {
        buf_put_text(call->message, "this is not an enrolment line: give the whole line that "
                                    "edge-bridge init prints (holdfast-node-1 NAME ...)");
        return ST_USAGE;
    }
    memory[text.size] = '\0';
    add(&arguments, "line", memory);
    return ask(call, "node-add", &arguments, cli_flag(call, "json"));
}

enum status cli_node_list(const struct cli_call *call)
{
    const struct arguments none = {0};
    return ask(call, "node-list", &none, cli_flag(call, "json"));
}

enum status cli_node_revoke(const struct cli_call *call)
{
    struct arguments arguments = {0};
    add(&arguments, "node", call->arguments[0]);
    return ask(call, "node-revoke", &arguments, cli_flag(call, "json"));
}

enum status cli_evidence_list(const struct cli_call *call)
{
    struct arguments arguments = {0};
    char since[NUMBER_SIZE], limit[NUMBER_SIZE];
    uint64_t limit_count;
    TRY(cli_number(call, "limit", 1, 1000000000, 0, &limit_count));
    add(&arguments, "node", cli_value(call, "node"));
    if (cli_value(call, "since") != NULL) {
        int64_t since_ms;
        TRY(time_text_read(cli_value(call, "since"), &since_ms, call->message));
        snprintf(since, sizeof since, "%lld", (long long)since_ms);
        add(&arguments, "since", since);
    }
    if (limit_count > 0) {
        snprintf(limit, sizeof limit, "%llu", (unsigned long long)limit_count);
        add(&arguments, "limit", limit);
    }
    return ask(call, "evidence-list", &arguments, cli_flag(call, "json"));
}

enum status cli_evidence_verify(const struct cli_call *call)
{
    struct arguments arguments = {0};
    add(&arguments, "node", cli_value(call, "node"));
    return ask(call, "evidence-verify", &arguments, cli_flag(call, "json"));
}

enum status cli_evidence_show(const struct cli_call *call)
{
    struct arguments arguments = {0};
    const char *raw = cli_value(call, "raw");
    if (raw != NULL && strcmp(raw, "header") != 0 && strcmp(raw, "signature") != 0 &&
        strcmp(raw, "payload") != 0) {
        buf_put_format(call->message, "--raw must be header, signature or payload, not \"%.100s\"",
                       raw);
        return ST_USAGE;
    }
    add(&arguments, "node", call->arguments[0]);
    add(&arguments, "sequence", call->arguments[1]);
    add(&arguments, "log", cli_value(call, "log"));
    add(&arguments, "raw", raw);
    return ask(call, "evidence-show", &arguments, cli_flag(call, "json"));
}

enum status cli_evidence_readmit(const struct cli_call *call)
{
    const struct arguments none = {0};
    return ask(call, "evidence-readmit", &none, cli_flag(call, "json"));
}
