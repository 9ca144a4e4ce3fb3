/* topics_main.c - prints the documents made from the topic table: topics acl|asyncapi [ROOT]. */
#include <stdio.h>
#include <string.h>

#include "topics/topics.h"

#define ROOT_DEFAULT "hf/v1"

static int usage(FILE *where, int exit_code)
{
    fputs("usage: topics acl [ROOT]       the Mosquitto ACL of the broker between edges and cloud\n"
          "       topics asyncapi [ROOT]  the AsyncAPI 2.6 document of all topics\n"
          "ROOT stands in front of every topic; " ROOT_DEFAULT " when not given.\n",
          where);
    return exit_code;
}

int main(int argument_count, char **arguments)
{
    static uint8_t memory[TOPICS_DOCUMENT_SIZE_MAX];
    struct buf document = buf_of(memory, sizeof memory);

    if (argument_count == 2 && strcmp(arguments[1], "--help") == 0) return usage(stdout, 0);
    if (argument_count < 2 || argument_count > 3) return usage(stderr, status_exit_code(ST_USAGE));
    const char *root = argument_count == 3 ? arguments[2] : ROOT_DEFAULT;
    if (!topic_root_ok(root)) {
        fprintf(stderr,
                "topics: \"%s\" cannot be a root: 1 to %d characters, levels of A-Z a-z 0-9 . _ - "
                "parted by \"/\", the first of them not \"local\"\n",
                root, TOPIC_ROOT_SIZE_MAX);
        return status_exit_code(ST_USAGE);
    }

    if (strcmp(arguments[1], "acl") == 0) {
        topics_print_acl(root, &document);
    } else if (strcmp(arguments[1], "asyncapi") == 0) {
        topics_print_asyncapi(root, &document);
    } else {
        return usage(stderr, status_exit_code(ST_USAGE));
    }
    INVARIANT(buf_ok(&document));

    const bool written = fwrite(document.data, 1, document.size, stdout) == document.size;
    if (!written || fflush(stdout) != 0) {
        fputs("topics: the output could not be written\n", stderr);
        return status_exit_code(ST_DISK);
    }
    return 0;
}
