/* ids.c - rules of names, and equality of identifiers. */
#include "common/base/ids.h"

#include <string.h>

static bool is_lower_or_digit(uint8_t character)
{
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
}

static bool is_letter_or_digit(uint8_t character)
{
    return is_lower_or_digit(character) || (character >= 'A' && character <= 'Z');
}

/* Words that stand where a node's name stands in some topic, directory or key line. */
static bool is_reserved(struct bytes text)
{
    /* Sizes ahead of time: every decoded entry header passes here. */
    static const struct {
        size_t size;
        const char *word;
    } reserved[] = {
        {5, "cloud"}, {6, "config"}, {6, "models"}, {5, "local"},
        {5, "fleet"}, {5, "group"},  {4, "node"},
    };
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        if (bytes_equal(text, bytes_of(reserved[i].word, reserved[i].size))) return true;
    }
    return false;
}

bool ids_node_name_ok(struct bytes text)
{
    if (text.size == 0 || text.size >= NODE_NAME_SIZE) return false;
    if (!is_lower_or_digit(text.data[0])) return false;
    for (size_t i = 1; i < text.size; i++) {
        if (!is_lower_or_digit(text.data[i]) && text.data[i] != '-') return false;
    }
    return !is_reserved(text);
}

bool ids_level_name_ok(struct bytes text)
{
    if (text.size == 0 || text.size > LEVEL_NAME_SIZE_MAX) return false;
    if (!is_letter_or_digit(text.data[0])) return false;
    for (size_t i = 1; i < text.size; i++) {
        const uint8_t character = text.data[i];
        const bool punctuation = character == '.' || character == '_' || character == '-';
        if (!is_letter_or_digit(character) && !punctuation) return false;
    }
    return true;
}

enum status node_name_from(struct bytes text, struct node_name *out)
{
    if (!ids_node_name_ok(text)) return ST_MALFORMED;
    struct node_name name = {0};
    memcpy(name.text, text.data, text.size);
    *out = name;
    return ST_OK;
}

enum status level_name_from(struct bytes text, struct level_name *out)
{
    if (!ids_level_name_ok(text)) return ST_MALFORMED;
    struct level_name name = {0};
    memcpy(name.text, text.data, text.size);
    *out = name;
    return ST_OK;
}

bool node_name_equal(const struct node_name *a, const struct node_name *b)
{
    return memcmp(a->text, b->text, NODE_NAME_SIZE) == 0;
}

bool log_id_equal(const struct log_id *a, const struct log_id *b)
{
    return memcmp(a->bytes, b->bytes, LOG_ID_SIZE) == 0;
}

bool store_id_equal(const struct store_id *a, const struct store_id *b)
{
    return memcmp(a->bytes, b->bytes, STORE_ID_SIZE) == 0;
}

bool nonce_equal(const struct nonce *a, const struct nonce *b)
{
    return memcmp(a->bytes, b->bytes, NONCE_SIZE) == 0;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
    return bytes_all_zero(bytes_of(digest->bytes, DIGEST_SIZE));
}
