/* cli.c - finding the verb, reading its options with getopt_long, printing help. */
#include "common/shell/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_FIRST = 1000, OPTION_HELP = 'h', OPTION_VERSION = 'V' };

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
    settings_print_help(program->settings, program->setting_count, program->settings_prefix, out);
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

static enum status options_read(struct cli_call *call, int argc, char **argv, bool *done)
{
    const struct cli_verb *verb = call->verb;
    struct option table[CLI_OPTIONS_MAX + 3] = {0};
    INVARIANT(verb->option_count <= CLI_OPTIONS_MAX);
    size_t count = 0;
    for (; count < verb->option_count; count++) {
        table[count].name = verb->options[count].name;
        table[count].has_arg =
            verb->options[count].value_name != NULL ? required_argument : no_argument;
        table[count].val = OPTION_FIRST + (int)count;
    }
    table[count++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    table[count++] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    opterr = 0;
    optind = 1;
    for (int got; (got = getopt_long(argc, argv, ":hV", table, NULL)) != -1;) {
        if (got == OPTION_HELP || got == OPTION_VERSION) {
            if (got == OPTION_HELP)
                verb_help(call->program, verb, stdout);
            else
                version_print(call->program);
            *done = true;
            return ST_OK;
        }
        if (got < OPTION_FIRST) {
            buf_put_format(call->message, "%s: %s; %s %s --help tells the options",
                           argv[optind - 1],
                           got == ':' ? "this option needs a value" : "there is no such option",
                           call->program->name, verb->words);
            return ST_USAGE;
        }
        call->values[got - OPTION_FIRST] = optarg != NULL ? optarg : "";
    }
    call->argument_count = argc - optind;
    call->arguments = argv + optind;
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
