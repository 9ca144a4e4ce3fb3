/* utc_text.c - RFC 3339 in UTC, by counting days (Howard Hinnant, "chrono-compatible low-level date
 * algorithms": years that begin in March have the leap day at their end). */
#include "common/wire/utc_text.h"

enum { DAYS_TO_1970 = 719468, DAYS_OF_400_YEARS = 146097, MS_OF_DAY = 86400000 };

struct date {
    int64_t year, month, day;
};

static struct date date_of(int64_t days)
{
    const int64_t shifted = days + DAYS_TO_1970; /* since 1 March of the year 0 */
    const int64_t era = shifted / DAYS_OF_400_YEARS;
    const int64_t day_of_era = shifted % DAYS_OF_400_YEARS;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    const int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct date){
        .year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
    };
}

static int64_t days_of(struct date date)
{
    const int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    const int64_t year_of_era = year % 400;
    const int64_t march_month = date.month > 2 ? date.month - 3 : date.month + 9;
    const int64_t day_of_year = (153 * march_month + 2) / 5 + date.day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return year / 400 * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970;
}

void utc_text_put(int64_t wall_ms, struct buf *out)
{
    INVARIANT(wall_ms >= 0 && wall_ms <= UTC_TEXT_MS_MAX);
    const struct date date = date_of(wall_ms / MS_OF_DAY);
    const int in_day_ms = (int)(wall_ms % MS_OF_DAY);
    buf_put_format(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)date.year, (int)date.month,
                   (int)date.day, in_day_ms / 3600000, in_day_ms / 60000 % 60,
                   in_day_ms / 1000 % 60, in_day_ms % 1000);
}

/* Takes exactly count digits off the front. */
static bool take_digits(struct bytes *rest, size_t count, int64_t *out)
{
    *out = 0;
    if (rest->size < count) return false;
    for (size_t i = 0; i < count; i++) {
        if (rest->data[i] < '0' || rest->data[i] > '9') return false;
        *out = *out * 10 + (rest->data[i] - '0');
    }
    *rest = bytes_from(*rest, count);
    return true;
}

static bool take_byte(struct bytes *rest, char expected)
{
    if (rest->size == 0 || rest->data[0] != (uint8_t)expected) return false;
    *rest = bytes_from(*rest, 1);
    return true;
}

static bool take_date(struct bytes *rest, struct date *out)
{
    if (!take_digits(rest, 4, &out->year) || !take_byte(rest, '-') ||
        !take_digits(rest, 2, &out->month) || !take_byte(rest, '-') ||
        !take_digits(rest, 2, &out->day))
        return false;
    if (out->year < 1970 || out->month < 1 || out->month > 12 || out->day < 1 || out->day > 31)
        return false;
    /* 30 February is some day of March to the count, and so no date. */
    return date_of(days_of(*out)).month == out->month;
}

static bool take_time(struct bytes *rest, int64_t *in_day_ms)
{
    int64_t hour, minute, second, digit, ms = 0;
    if (!take_digits(rest, 2, &hour) || !take_byte(rest, ':') || !take_digits(rest, 2, &minute) ||
        !take_byte(rest, ':') || !take_digits(rest, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    if (take_byte(rest, '.')) {
        if (!take_digits(rest, 1, &digit)) return false;
        int64_t scale = 100;
        do {
            ms += digit * scale;
            scale /= 10;
        } while (take_digits(rest, 1, &digit));
    }
    *in_day_ms = (hour * 60 + minute) * 60000 + second * 1000 + ms;
    return true;
}

enum status utc_text_read(struct bytes text, int64_t *out_ms)
{
    struct date date;
    int64_t in_day_ms;
    if (!take_date(&text, &date)) return ST_MALFORMED;
    if (!take_byte(&text, 'T') && !take_byte(&text, 't')) return ST_MALFORMED;
    if (!take_time(&text, &in_day_ms)) return ST_MALFORMED;
    const bool is_utc = bytes_equal(text, BYTES_LITERAL("Z")) ||
                        bytes_equal(text, BYTES_LITERAL("z")) ||
                        bytes_equal(text, BYTES_LITERAL("+00:00"));
    const int64_t wall_ms = days_of(date) * MS_OF_DAY + in_day_ms;
    if (!is_utc || wall_ms > UTC_TEXT_MS_MAX) return ST_MALFORMED;
    *out_ms = wall_ms;
    return ST_OK;
}
