/* check.h - assertions about our own code, and results that cannot be ignored.
 *
 * INVARIANT states what this program's own logic guarantees; it is always on, and it ends the
 * process, because going on with a broken invariant could spoil evidence. Bytes from a peer or from
 * the disk are never asserted: they are checked and answered with a status. */
#ifndef HOLDFAST_COMMON_BASE_CHECK_H
#define HOLDFAST_COMMON_BASE_CHECK_H

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))

/* Says where the broken invariant is on stderr and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#define INVARIANT(condition)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) check_failed(#condition, __FILE__, __LINE__);       \
    } while (0)

#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

/* Leave the function with the status of a call that did not end in ST_OK. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        const enum status try_status_ = (call);                                                    \
        if (try_status_ != ST_OK) return try_status_;                                              \
    } while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
