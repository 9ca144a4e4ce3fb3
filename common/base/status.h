/* status.h - the one error enum, its classes, its words.
 *
 * Every function that can fail returns enum status and nothing else; nobody logs on the way up.
 * The class says what the caller should do, so that a new code never needs new handling:
 *   STATUS_CLASS_FINE    go on
 *   STATUS_CLASS_RETRY   nothing is wrong: try later, or read more
 *   STATUS_CLASS_REFUSE  this message or request is not acceptable: drop it, count it, tell its
 *                        sender
 *   STATUS_CLASS_STOP    this process cannot go on with this store or these settings
 * The exit code is what a command-line verb that ends with this status returns to its shell. */
#ifndef HOLDFAST_COMMON_BASE_STATUS_H
#define HOLDFAST_COMMON_BASE_STATUS_H

enum status_class {
    STATUS_CLASS_FINE,
    STATUS_CLASS_RETRY,
    STATUS_CLASS_REFUSE,
    STATUS_CLASS_STOP,
};

/* name, class, exit code, words */
#define STATUS_MAP(X)                                                                              \
    X(ST_OK, FINE, 0, "ok")                                                                        \
    X(ST_DUPLICATE, FINE, 0, "already known, nothing changed")                                     \
    X(ST_AGAIN, RETRY, 75, "not now, try again later")                                             \
    X(ST_NOT_FOUND, REFUSE, 3, "no such thing")                                                    \
    X(ST_USAGE, REFUSE, 2, "the command or request is not understood")                             \
    X(ST_MALFORMED, REFUSE, 65, "the bytes are not a valid message")                               \
    X(ST_TOO_LARGE, REFUSE, 66, "over the size limit")                                             \
    X(ST_FORGED, REFUSE, 67, "a signature or a hash does not verify")                              \
    X(ST_UNKNOWN_SENDER, REFUSE, 68, "the sender is not enrolled, or its key was revoked")         \
    X(ST_GAP, REFUSE, 69, "entries before this one are missing")                                   \
    X(ST_FORK, REFUSE, 70, "two different entries were signed for one sequence")                   \
    X(ST_STALE, REFUSE, 71, "older than what is already known")                                    \
    X(ST_FUTURE, REFUSE, 72, "the time stamp is too far in the future")                            \
    X(ST_DENIED, REFUSE, 77, "not allowed")                                                        \
    X(ST_FULL, REFUSE, 28, "no room left on the disk or in the quota")                             \
    X(ST_TAMPERED, REFUSE, 1, "stored evidence was altered")                                       \
    X(ST_CONFLICT, REFUSE, 73, "somebody else changed it first")                                   \
    X(ST_BUSY, STOP, 16, "another process holds the directory")                                    \
    X(ST_SETTINGS, STOP, 78, "a setting is wrong")                                                 \
    X(ST_NEWER, STOP, 79, "the database was written by a newer version")                           \
    X(ST_CORRUPT, STOP, 80, "the database is damaged")                                             \
    X(ST_DISK, STOP, 74, "the disk or the file system failed")                                     \
    X(ST_NO_MEMORY, STOP, 12, "out of memory")                                                     \
    X(ST_NETWORK, STOP, 81, "the network or the broker cannot be used")                            \
    X(ST_BUG, STOP, 82, "a fault in this program")

#define STATUS_AS_ENUM(name, class_, exit_, words_) name,
enum status { STATUS_MAP(STATUS_AS_ENUM) STATUS_COUNT };
#undef STATUS_AS_ENUM

enum status_class status_class_of(enum status status);

/* The process exit code of a verb that ends so; 0..255. */
int status_exit_code(enum status status);

/* A clause for people, without full stop; never NULL. */
const char *status_words(enum status status);

/* "ST_FORGED"; never NULL. */
const char *status_name(enum status status);

#endif
