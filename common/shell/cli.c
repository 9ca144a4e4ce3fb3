/* cli.c - finding the verb, reading its options, printing help. */
#include "common/shell/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/shell/process.h"

struct exit_row {
    int code;
    const char *words;
};

#define EXIT_ROW(name, class_, exit_, words) {exit_, words},
static const struct exit_row exit_rows[] = {STATUS_MAP(EXIT_ROW)};
#undef EXIT_ROW

static void exit_codes_print(FILE *out)
{
    fputs("\nExit codes:\n", out);
    for (int code = 0; code < 256; code++) {
        bool first = true;
        for (size_t i = 0; i < COUNT_OF(exit_rows); i++) {
            if (exit_rows[i].code != code) continue;
            if (first)
                fprintf(out, "  %3d  %s", code, exit_rows[i].words);
            else
                fprintf(out, "; %s", exit_rows[i].words);
            first = false;
        }
        if (!first) fputc('\n', out);
    }
}

static void version_print(const struct cli_program *program)
{
    printf("%s %s\n", program->name, program->version);
}

static void program_help(const struct cli_program *program, FILE *out)
{
    fprintf(out, "%s - %s\n\nUsage: %s VERB [options]\n\nVerbs:\n", program->name, program->summary,
            program->name);
    for (size_t i = 0; i < program->verb_count; i++) {
        const struct cli_verb *verb = &program->verbs[i];
        char usage[80];
        snprintf(usage, sizeof usage, "%s%s%s", verb->words, *verb->arguments ? " " : "",
                 verb->arguments);
        fprintf(out, "  %-34s %s\n", usage, verb->summary);
    }
    fprintf(out, "\n%s VERB --help tells a verb's options; --version the version.\n\n",
            program->name);
    settings_print_help(program->settings->rows, program->settings->row_count,
                        program->settings->prefix, out);
    exit_codes_print(out);
}

static void verb_help(const struct cli_program *program, const struct cli_verb *verb, FILE *out)
{
    fprintf(out, "Usage: %s %s", program->name, verb->words);
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct cli_option *option = &verb->options[i];
        fprintf(out, " %s--%s%s%s%s", option->required ? "" : "[", option->name,
                option->value_name != NULL ? " " : "",
                option->value_name != NULL ? option->value_name : "", option->required ? "" : "]");
    }
    fprintf(out, "%s%s\n\n%s\n\nOptions:\n", *verb->arguments ? " " : "", verb->arguments,
            verb->summary);
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct cli_option *option = &verb->options[i];
        char usage[64];
        snprintf(usage, sizeof usage, "--%s%s%s", option->name,
                 option->value_name != NULL ? " " : "",
                 option->value_name != NULL ? option->value_name : "");
        fprintf(out, "  %-26s %s\n", usage, option->help);
    }
    fprintf(out, "  %-26s %s\n  %-26s %s\n", "--help", "this text", "--version", "the version");
    exit_codes_print(out);
}

/* Does argv start with the verb's words? Returns how many words it has, or 0. */
static int words_match(const struct cli_verb *verb, int argc, char **argv)
{
    const char *at = verb->words;
    int count = 0;
    while (*at != '\0') {
        const size_t size = strcspn(at, " ");
        if (count == argc || strlen(argv[count]) != size || strncmp(argv[count], at, size) != 0)
            return 0;
        count++;
        at += size;
        at += strspn(at, " ");
    }
    return count;
}

/* "-5" and "-.5" are values of a config key, say; no option begins with a digit or a point. */
static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] != '\0' && text[1] != '.' &&
           !(text[1] >= '0' && text[1] <= '9');
}

static bool is_word(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && strncmp(text, word, size) == 0;
}

static enum status say_option(const struct cli_call *call, const char *text, const char *what)
{
    buf_put_format(call->message, "%.100s: %s; %s %s --help tells the options", text, what,
                   call->program->name, call->verb->words);
    return ST_USAGE;
}

/* The option at argv[*at]; *at moves on to its value when that is a word of its own. */
static enum status option_read(struct cli_call *call, int argc, char **argv, int *at)
{
    const struct cli_verb *verb = call->verb;
    const char *text = argv[*at];
    const char *name = text + 2;
    const size_t name_size = strcspn(name, "=");
    const char *value = name[name_size] == '=' ? name + name_size + 1 : NULL;
    size_t found = 0;
    while (found < verb->option_count && !is_word(name, name_size, verb->options[found].name))
        found++;
    if (strncmp(text, "--", 2) != 0 || found == verb->option_count)
        return say_option(call, text, "there is no such option");
    if (verb->options[found].value_name == NULL) {
        if (value != NULL) return say_option(call, text, "this option takes no value");
        call->values[found] = "";
        return ST_OK;
    }
    if (value == NULL && *at + 1 == argc)
        return say_option(call, text, "this option needs a value");
    call->values[found] = value != NULL ? value : argv[++*at];
    return ST_OK;
}

/* Arguments are gathered at the front of argv, behind the verb's last word. */
static enum status options_read(struct cli_call *call, int argc, char **argv, bool *done)
{
    bool arguments_only = false;
    INVARIANT(call->verb->option_count <= CLI_OPTIONS_MAX);
    call->arguments = argv + 1;
    for (int i = 1; i < argc; i++) {
        if (arguments_only || !is_option(argv[i])) {
            call->arguments[call->argument_count++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            arguments_only = true;
            continue;
        }
        *done = true;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            verb_help(call->program, call->verb, stdout);
            return ST_OK;
        }
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            version_print(call->program);
            return ST_OK;
        }
        *done = false;
        TRY(option_read(call, argc, argv, &i));
    }
    return ST_OK;
}

static enum status call_check(const struct cli_call *call)
{
    const struct cli_verb *verb = call->verb;
    for (size_t i = 0; i < verb->option_count; i++) {
        if (!verb->options[i].required || call->values[i] != NULL) continue;
        buf_put_format(call->message, "%s needs --%s %s: %s", verb->words, verb->options[i].name,
                       verb->options[i].value_name, verb->options[i].help);
        return ST_USAGE;
    }
    if (call->argument_count < verb->arguments_min) {
        buf_put_format(call->message, "%s needs %s; see %s %s --help", verb->words, verb->arguments,
                       call->program->name, verb->words);
        return ST_USAGE;
    }
    if (call->argument_count > verb->arguments_max) {
        buf_put_format(call->message, "%s: not understood; see %s %s --help",
                       call->arguments[verb->arguments_max], call->program->name, verb->words);
        return ST_USAGE;
    }
    return ST_OK;
}

static enum status call_run(struct cli_call *call, int argc, char **argv)
{
    bool done = false;
    TRY(options_read(call, argc, argv, &done));
    if (done) return ST_OK;
    TRY(call_check(call));
    return call->verb->run(call);
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
    uint8_t memory[CLI_MESSAGE_SIZE_MAX];
    struct buf message = buf_of(memory, sizeof memory);
    struct cli_call call = {.program = program, .message = &message};
    enum status status = ST_USAGE;
    process_harden();
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        program_help(program, stdout);
        return 0;
    }
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        version_print(program);
        return 0;
    }
    int words = 0;
    for (size_t i = 0; i < program->verb_count && words == 0; i++) {
        words = words_match(&program->verbs[i], argc - 1, argv + 1);
        call.verb = &program->verbs[i];
    }
    if (words == 0) {
        if (argc > 1) buf_put_format(&message, "%s: there is no such verb; ", argv[1]);
        buf_put_format(&message, "%s --help tells the verbs", program->name);
    } else {
        status = call_run(&call, argc - words, argv + words);
    }
    /* Output that cannot be written is an error too: a pipe closed early, a full disk. */
    if (status == ST_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        buf_put_text(&message, "the output cannot be written");
        status = ST_DISK;
    }
    if (status != ST_OK && status_exit_code(status) != 0) {
        if (message.size == 0) buf_put_text(&message, status_words(status));
        fprintf(stderr, "%s: %.*s\n", program->name, (int)message.size, (const char *)message.data);
    }
    return status_exit_code(status);
}

static size_t option_index(const struct cli_call *call, const char *option)
{
    for (size_t i = 0; i < call->verb->option_count; i++) {
        if (strcmp(call->verb->options[i].name, option) == 0) return i;
    }
    UNREACHABLE();
}

const char *cli_value(const struct cli_call *call, const char *option)
{
    return call->values[option_index(call, option)];
}

bool cli_flag(const struct cli_call *call, const char *option)
{
    return cli_value(call, option) != NULL;
}

enum status cli_number(const struct cli_call *call, const char *option, uint64_t min, uint64_t max,
                       uint64_t fallback, uint64_t *out)
{
    const char *text = cli_value(call, option);
    *out = fallback;
    if (text == NULL) return ST_OK;
    uint64_t number = 0;
    bool good = *text != '\0';
    for (const char *c = text; *c != '\0' && good; c++) {
        good = *c >= '0' && *c <= '9' && !__builtin_mul_overflow(number, 10, &number) &&
               !__builtin_add_overflow(number, (uint64_t)(*c - '0'), &number);
    }
    if (good && number >= min && number <= max) {
        *out = number;
        return ST_OK;
    }
    buf_put_format(call->message,
                   "--%s must be a whole number from %" PRIu64 " to %" PRIu64 ", not \"%.100s\"",
                   option, min, max, text);
    return ST_USAGE;
}
