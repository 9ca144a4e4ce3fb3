/* cli_admin.c - the verbs that ask the engine something: status, verify, trust, evidence. */
#include <stdio.h>
#include <string.h>

#include "common/shell/time_text.h"
#include "common/shell/verb.h"
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_verbs.h"

enum { ARGUMENTS_MAX = 4, NUMBER_SIZE = 24, CLOUD_KEY_SIZE_MAX = KEY_LINE_SIZE_MAX + 1 };

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
    struct edge_host host;
    struct control_session *session = NULL;
    const struct verb_request request = {.verb = verb,
                                         .arguments = arguments->items,
                                         .argument_count = arguments->count,
                                         .json = json};
    enum status status = edge_host_open(&host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) {
        const struct session_engine engine = edge_host_session_engine(&host);
        char holder[64];
        snprintf(holder, sizeof holder, "edge-bridge %s", call->verb->words);
        status = control_session_open(&host.directory, holder, &engine, &session, call->message);
    }
    if (status == ST_OK) status = verb_run(session, &request, call->message);
    control_session_close(session);
    edge_host_close(&host);
    return status;
}

enum status cli_status(const struct cli_call *call)
{
    const struct arguments none = {0};
    return ask(call, "status", &none, cli_flag(call, "json"));
}

enum status cli_verify(const struct cli_call *call)
{
    const struct arguments none = {0};
    return ask(call, "verify", &none, cli_flag(call, "json"));
}

enum status cli_evidence_list(const struct cli_call *call)
{
    struct arguments arguments = {0};
    char since[NUMBER_SIZE], limit[NUMBER_SIZE];
    uint64_t limit_count;
    TRY(cli_number(call, "limit", 1, 1000000000, 0, &limit_count));
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
    add(&arguments, "log", cli_value(call, "log"));
    return ask(call, "list", &arguments, cli_flag(call, "json"));
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
    add(&arguments, "sequence", call->arguments[0]);
    add(&arguments, "log", cli_value(call, "log"));
    add(&arguments, "raw", raw);
    return ask(call, "show", &arguments, cli_flag(call, "json"));
}

/* A key line has four words, and a shell hands them over one by one unless they are quoted. */
static bool words_join(const struct cli_call *call, struct buf *out)
{
    for (int i = 0; i < call->argument_count; i++) {
        if (i > 0) buf_put_u8(out, ' ');
        buf_put_text(out, call->arguments[i]);
    }
    return buf_ok(out);
}

static enum status tell_daemon(const struct cli_call *call, struct edge_host *host,
                               struct bytes text)
{
    struct control_session *session = NULL;
    const struct verb_argument key = {.name = BYTES_LITERAL("key"), .value = text};
    const struct verb_request request = {
        .verb = "trust", .arguments = &key, .argument_count = 1, .quiet = true};
    const struct session_engine engine = edge_host_session_engine(host);
    TRY(control_session_open(&host->directory, "edge-bridge trust", &engine, &session,
                             call->message));
    enum status status = ST_OK;
    /* Without a daemon the file is all: the next start reads it. */
    if (control_session_is_remote(session)) status = verb_run(session, &request, call->message);
    control_session_close(session);
    return status;
}

enum status cli_trust(const struct cli_call *call)
{
    struct edge_host host;
    struct public_key key;
    uint8_t memory[CLOUD_KEY_SIZE_MAX];
    struct buf text = buf_of(memory, sizeof memory);
    enum status status = edge_host_open(&host, cli_value(call, "dir"), call->message);
    if (status == ST_OK &&
        (!words_join(call, &text) || cloud_key_parse(buf_bytes(&text), &key) != ST_OK)) {
        buf_put_text(call->message, "this is not a cloud's key: give the line that cloud-consumer "
                                    "init prints (holdfast-cloud-1 cloud ...)");
        status = ST_USAGE;
    }
    if (status == ST_OK) {
        const struct bytes line = buf_bytes(&text);
        buf_put_u8(&text, '\n');
        status = state_dir_write(&host.directory, EDGE_CLOUD_KEY_FILE, 0644, true, buf_bytes(&text),
                                 call->message);
        if (status == ST_OK) status = tell_daemon(call, &host, line);
    }
    edge_host_close(&host);
    return status;
}
