/* process.c - umask and core dumps. */
#include "common/shell/process.h"

#include <sys/resource.h>
#include <sys/stat.h>

static struct rlimit started_with;

void process_harden(void)
{
    umask(S_IRWXG | S_IRWXO);
    if (getrlimit(RLIMIT_CORE, &started_with) != 0) return;
    struct rlimit limit = started_with;
    /* One byte, not none: a limit of 0 means nothing to a core_pattern that is a pipe, while for 1
     * the kernel writes no dump anywhere. PR_SET_DUMPABLE would take /proc/self/fd from us. */
    limit.rlim_cur = limit.rlim_max > 1 ? 1 : limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
}

void process_allow_core_dumps(void)
{
    setrlimit(RLIMIT_CORE, &started_with);
}
