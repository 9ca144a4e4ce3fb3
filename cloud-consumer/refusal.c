/* refusal.c - the words of refusal.h's two tables. */
#include "cloud-consumer/refusal.h"

#include "common/base/check.h"

struct refusal_row {
    const char *field, *words;
};

#define REFUSAL_AS_ROW(name_, field_, words_) [name_] = {field_, words_},
static const struct refusal_row refusal_rows[REFUSAL_COUNT] = {REFUSAL_MAP(REFUSAL_AS_ROW)};
#undef REFUSAL_AS_ROW

#define POISON_AS_ROW(name_, words_) [name_] = words_,
static const char *const poison_rows[POISON_COUNT] = {POISON_MAP(POISON_AS_ROW)};
#undef POISON_AS_ROW

const char *refusal_field(enum refusal refusal)
{
    INVARIANT(refusal < REFUSAL_COUNT);
    return refusal_rows[refusal].field;
}

const char *refusal_words(enum refusal refusal)
{
    INVARIANT(refusal < REFUSAL_COUNT);
    return refusal_rows[refusal].words;
}

const char *poison_words(enum poison poison)
{
    return poison < POISON_COUNT ? poison_rows[poison] : "for a reason unknown here";
}
