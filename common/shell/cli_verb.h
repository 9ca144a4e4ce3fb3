/* cli_verb.h - from a command line to a verb's request: the arguments that an engine gets, and
 * asking it.
 *
 * Most verbs of both programs are a list of cli_pass lines and one ask. Texts are borrowed and must
 * outlive the request; numbers and times are kept here, in the form engines read them: decimal, and
 * milliseconds since 1970. */
#ifndef HOLDFAST_COMMON_SHELL_CLI_VERB_H
#define HOLDFAST_COMMON_SHELL_CLI_VERB_H

#include "common/shell/cli.h"
#include "common/shell/control_session.h"
#include "common/wire/control_msg.h"

enum { CLI_NUMBERS_MAX = 4, CLI_NUMBER_SIZE = 24 };

/* Begin with {0}; not to be moved. */
struct cli_arguments {
    size_t count;
    struct verb_argument items[VERB_ARGUMENTS_MAX];
    size_t number_count;
    char numbers[CLI_NUMBERS_MAX][CLI_NUMBER_SIZE];
};

/* One argument; nothing when the value is NULL. */
void cli_pass_text(struct cli_arguments *arguments, const char *name, const char *value);

/* The option of this name as the argument of this name; nothing when it was not given. INVARIANT:
 * the verb has such an option. */
void cli_pass(struct cli_arguments *arguments, const struct cli_call *call, const char *option);
/* A flag: "1". */
void cli_pass_flag(struct cli_arguments *arguments, const struct cli_call *call,
                   const char *option);
/* One of these words, parted by blanks. Errors: ST_USAGE with a sentence. */
MUST_USE enum status cli_pass_word(struct cli_arguments *arguments, const struct cli_call *call,
                                   const char *option, const char *allowed);
/* A whole number of at least 1; a moment (time_text.h). Errors: ST_USAGE with a sentence. */
MUST_USE enum status cli_pass_count(struct cli_arguments *arguments, const struct cli_call *call,
                                    const char *option);
MUST_USE enum status cli_pass_time(struct cli_arguments *arguments, const struct cli_call *call,
                                   const char *option);

/* All arguments as one line: a shell hands its words over one by one unless they were quoted.
 * False: they do not fit. */
bool cli_join_words(const struct cli_call *call, struct buf *out);

/* A session with the daemon of this directory, or with an engine opened here; the caller closes
 * *out. Errors: as control_session_open. */
MUST_USE enum status cli_session_open(const struct cli_call *call,
                                      const struct state_dir *directory,
                                      const struct session_engine *engine,
                                      struct control_session **out);

/* One request, its replies shown as the verb's option --json says. The END's status. */
MUST_USE enum status cli_ask(const struct cli_call *call, const struct state_dir *directory,
                             const struct session_engine *engine, const char *verb,
                             const struct cli_arguments *arguments);

#endif
