/* cli.h - the command line of a program: a table of verbs, each with its options; --help and
 * --version everywhere; exit codes from the one status table.
 *
 * A verb is one or two words ("run", "evidence list"). Options may stand anywhere after them, as
 * "--option value" or "--option=value"; what follows "--" is arguments, and so is a negative
 * number. What a verb's function leaves in message is printed on stderr as "program: sentence" when
 * its status is not ST_OK; its status gives the exit code. */
#ifndef HOLDFAST_COMMON_SHELL_CLI_H
#define HOLDFAST_COMMON_SHELL_CLI_H

#include "common/base/bytes.h"
#include "common/shell/settings.h"

enum { CLI_OPTIONS_MAX = 16, CLI_MESSAGE_SIZE_MAX = 4096 };

struct cli_option {
    const char *name;       /* long, without the dashes */
    const char *value_name; /* NULL: a flag */
    const char *help;
    bool required;
};

struct cli_program;

struct cli_call {
    const struct cli_program *program;
    const struct cli_verb *verb;
    const char *values[CLI_OPTIONS_MAX]; /* by option; "" for a given flag, NULL: not given */
    int argument_count;
    char **arguments;
    struct buf *message; /* NUL is not needed */
};

struct cli_verb {
    const char *words;     /* "evidence list" */
    const char *arguments; /* "NODE SEQUENCE", or "" */
    int arguments_min, arguments_max;
    const char *summary;
    const struct cli_option *options;
    size_t option_count;
    enum status (*run)(const struct cli_call *call);
};

struct cli_program {
    const char *name;
    const char *summary;
    const char *version;
    const struct cli_verb *verbs;
    size_t verb_count;
    const struct settings_table *settings;
};

/* Rows of the tables: one verb; an option that most verbs have. */
#define CLI_VERB(words, arguments, min, max, summary, options, run)                                \
    {                                                                                              \
        words, arguments, min, max, summary, options, COUNT_OF(options), run                       \
    }
#define CLI_OPTION_JSON                                                                            \
    {                                                                                              \
        "json", NULL, "JSON, one object a line", false                                             \
    }

/* Returns the exit code. */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* INVARIANT: the verb has such an option. NULL when it was not given. */
const char *cli_value(const struct cli_call *call, const char *option);
bool cli_flag(const struct cli_call *call, const char *option);
/* A decimal number from min to max; fallback when not given. Errors: ST_USAGE with a sentence. */
MUST_USE enum status cli_number(const struct cli_call *call, const char *option, uint64_t min,
                                uint64_t max, uint64_t fallback, uint64_t *out);

#endif
