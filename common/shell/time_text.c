/* time_text.c - parsing a moment. */
#include "common/shell/time_text.h"

#include <string.h>
#include <time.h>

/* Exactly count digits at *at, which moves behind them. */
static bool digits(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool letter(const char **at, char expected)
{
    if (**at != expected) return false;
    (*at)++;
    return true;
}

static bool unix_read(const char *text, int64_t *out_ms)
{
    const size_t size = strlen(text);
    int64_t seconds = 0;
    if (size == 0 || size > 11) return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        seconds = seconds * 10 + (text[i] - '0');
    }
    *out_ms = seconds * 1000;
    return true;
}

static bool offset_read(const char **at, int *minutes)
{
    int hours, rest;
    *minutes = 0;
    if (letter(at, 'Z') || letter(at, 'z')) return true;
    const int sign = **at == '-' ? -1 : 1;
    if (!letter(at, '+') && !letter(at, '-')) return false;
    if (!digits(at, 2, &hours) || !letter(at, ':') || !digits(at, 2, &rest)) return false;
    *minutes = sign * (hours * 60 + rest);
    return hours < 24 && rest < 60;
}

static bool rfc3339_read(const char *text, int64_t *out_ms)
{
    struct tm utc = {0};
    int offset_minutes = 0, ms = 0;
    const char *at = text;
    if (!digits(&at, 4, &utc.tm_year) || !letter(&at, '-') || !digits(&at, 2, &utc.tm_mon) ||
        !letter(&at, '-') || !digits(&at, 2, &utc.tm_mday))
        return false;
    if (*at != '\0') {
        if (*at != 'T' && *at != 't' && *at != ' ') return false;
        at++;
        if (!digits(&at, 2, &utc.tm_hour) || !letter(&at, ':') || !digits(&at, 2, &utc.tm_min) ||
            !letter(&at, ':') || !digits(&at, 2, &utc.tm_sec))
            return false;
        if (letter(&at, '.')) {
            int scale = 100;
            if (*at < '0' || *at > '9') return false;
            for (; *at >= '0' && *at <= '9'; at++, scale /= 10)
                ms += (*at - '0') * scale;
        }
        if (!offset_read(&at, &offset_minutes)) return false;
    }
    if (*at != '\0' || utc.tm_mon < 1 || utc.tm_mon > 12 || utc.tm_hour > 23 || utc.tm_min > 59 ||
        utc.tm_sec > 60)
        return false;
    const int day = utc.tm_mday, month = utc.tm_mon;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    const time_t seconds = timegm(&utc);
    /* timegm makes 1 March of 29 February in a common year: such a date is a mistake. Only the time
     * of day may carry (the second 60). */
    if (utc.tm_mon != month - 1 || (utc.tm_mday != day && utc.tm_sec != 0)) return false;
    *out_ms = ((int64_t)seconds - (int64_t)offset_minutes * 60) * 1000 + ms;
    return true;
}

enum status time_text_read(const char *text, int64_t *out_ms, struct buf *message)
{
    if (unix_read(text, out_ms) || rfc3339_read(text, out_ms)) return ST_OK;
    buf_put_format(message,
                   "\"%.100s\" is no time: give RFC 3339 (2026-11-22T16:20:48Z, or a date) or unix "
                   "seconds",
                   text);
    return ST_USAGE;
}
