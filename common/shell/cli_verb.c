/* cli_verb.c - arguments of a request, and asking an engine. */
#include "common/shell/cli_verb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/shell/time_text.h"
#include "common/shell/verb.h"

enum { COUNT_MAX = 1000000000, HOLDER_SIZE_MAX = 64 };

void cli_pass_text(struct cli_arguments *arguments, const char *name, const char *value)
{
    if (value == NULL) return;
    INVARIANT(arguments->count < COUNT_OF(arguments->items));
    arguments->items[arguments->count++] =
        (struct verb_argument){.name = bytes_of_text(name), .value = bytes_of_text(value)};
}

void cli_pass(struct cli_arguments *arguments, const struct cli_call *call, const char *option)
{
    cli_pass_text(arguments, option, cli_value(call, option));
}

void cli_pass_flag(struct cli_arguments *arguments, const struct cli_call *call, const char *option)
{
    if (cli_flag(call, option)) cli_pass_text(arguments, option, "1");
}

static void pass_number(struct cli_arguments *arguments, const char *name, int64_t number)
{
    INVARIANT(arguments->number_count < CLI_NUMBERS_MAX);
    char *text = arguments->numbers[arguments->number_count++];
    snprintf(text, CLI_NUMBER_SIZE, "%" PRId64, number);
    cli_pass_text(arguments, name, text);
}

static bool is_among(const char *word, const char *allowed)
{
    const size_t size = strlen(word);
    while (*allowed != '\0') {
        const size_t next = strcspn(allowed, " ");
        if (next == size && strncmp(word, allowed, size) == 0) return true;
        allowed += next + (allowed[next] == ' ');
    }
    return false;
}

enum status cli_pass_word(struct cli_arguments *arguments, const struct cli_call *call,
                          const char *option, const char *allowed)
{
    const char *word = cli_value(call, option);
    if (word == NULL || is_among(word, allowed)) {
        cli_pass_text(arguments, option, word);
        return ST_OK;
    }
    buf_put_format(call->message, "--%s must be one of %s, not \"%.100s\"", option, allowed, word);
    return ST_USAGE;
}

enum status cli_pass_count(struct cli_arguments *arguments, const struct cli_call *call,
                           const char *option)
{
    uint64_t count;
    TRY(cli_number(call, option, 1, COUNT_MAX, 0, &count));
    if (count > 0) pass_number(arguments, option, (int64_t)count);
    return ST_OK;
}

enum status cli_pass_time(struct cli_arguments *arguments, const struct cli_call *call,
                          const char *option)
{
    int64_t time_ms;
    if (cli_value(call, option) == NULL) return ST_OK;
    TRY(time_text_read(cli_value(call, option), &time_ms, call->message));
    pass_number(arguments, option, time_ms);
    return ST_OK;
}

bool cli_join_words(const struct cli_call *call, struct buf *out)
{
    for (int i = 0; i < call->argument_count; i++) {
        if (i > 0) buf_put_u8(out, ' ');
        buf_put_text(out, call->arguments[i]);
    }
    return buf_ok(out);
}

enum status cli_session_open(const struct cli_call *call, const struct state_dir *directory,
                             const struct session_engine *engine, struct control_session **out)
{
    char holder[HOLDER_SIZE_MAX];
    snprintf(holder, sizeof holder, "%s %s", call->program->name, call->verb->words);
    return control_session_open(directory, holder, engine, out, call->message);
}

enum status cli_ask(const struct cli_call *call, const struct state_dir *directory,
                    const struct session_engine *engine, const char *verb,
                    const struct cli_arguments *arguments)
{
    struct control_session *session = NULL;
    const struct verb_request request = {.verb = verb,
                                         .arguments = arguments->items,
                                         .argument_count = arguments->count,
                                         .json = cli_flag(call, "json")};
    TRY(cli_session_open(call, directory, engine, &session));
    const enum status status = verb_run(session, &request, call->message);
    control_session_close(session);
    return status;
}
