/* cli_admin.c - the verbs that ask the engine something: status, verify, trust, pause,
 * resume, budget, evidence. */
#include "common/shell/verb.h"
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_verbs.h"

enum { CLOUD_KEY_SIZE_MAX = KEY_LINE_SIZE_MAX + 1 };

enum status cli_status(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return edge_host_ask(call, "status", &none);
}

enum status cli_verify(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return edge_host_ask(call, "verify", &none);
}

enum status cli_pause(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return edge_host_ask(call, "link-pause", &none);
}

enum status cli_resume(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return edge_host_ask(call, "link-resume", &none);
}

enum status cli_sync(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (cli_flag(call, "report")) return edge_host_ask(call, "link-report", &arguments);
    if (cli_flag(call, "full") && cli_flag(call, "incremental")) {
        buf_put_text(call->message, "--full and --incremental exclude each other");
        return ST_USAGE;
    }
    cli_pass_text(&arguments, "mode", cli_flag(call, "incremental") ? "incremental" : "full");
    if (cli_flag(call, "wait")) cli_pass_text(&arguments, "wait", "1");
    TRY(cli_pass_count(&arguments, call, "seconds"));
    return edge_host_ask(call, "link-sync", &arguments);
}

enum status cli_budget(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (call->argument_count > 0) cli_pass_text(&arguments, "rate", call->arguments[0]);
    return edge_host_ask(call, "link-budget", &arguments);
}

enum status cli_evidence_list(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass(&arguments, call, "log");
    TRY(cli_pass_time(&arguments, call, "since"));
    TRY(cli_pass_count(&arguments, call, "limit"));
    return edge_host_ask(call, "list", &arguments);
}

enum status cli_evidence_show(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass_text(&arguments, "sequence", call->arguments[0]);
    cli_pass(&arguments, call, "log");
    TRY(cli_pass_word(&arguments, call, "raw", "header signature payload"));
    return edge_host_ask(call, "show", &arguments);
}

static enum status tell_daemon(const struct cli_call *call, struct edge_host *host,
                               struct bytes text)
{
    struct control_session *session = NULL;
    const struct verb_argument key = {.name = BYTES_LITERAL("key"), .value = text};
    const struct verb_request request = {
        .verb = "trust", .arguments = &key, .argument_count = 1, .quiet = true};
    const struct session_engine engine = edge_host_session_engine(host);
    TRY(cli_session_open(call, &host->directory, &engine, &session));
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
        (!cli_join_words(call, &text) || cloud_key_parse(buf_bytes(&text), &key) != ST_OK)) {
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
