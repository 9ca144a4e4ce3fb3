/* store_sqlite_config.c - registers, their scopes and history, rules, and what is due. */
#include <string.h>

#include "cloud-consumer/config_store.h"
#include "cloud-consumer/store_sqlite.h"

static struct bytes level_text(const struct level_name *name)
{
    return bytes_of(name->text, strnlen(name->text, sizeof name->text));
}

static enum status read_level(struct statement *row, int column, struct level_name *out)
{
    *out = (struct level_name){0};
    return level_name_from(column_bytes(row, column), out) == ST_OK ? ST_OK : ST_TAMPERED;
}

static void bind_scope(struct statement *statement, const struct config_scope *scope)
{
    bind_i64(statement, 1, scope->kind);
    bind_text(statement, 2, level_text(&scope->name));
}

static enum status sums(struct evidence_store *store, struct config_sums *out)
{
    struct statement *const row = sqlite_statement(store, SQL_CONFIG_SUMS);
    TRY(sqlite_first(row));
    *out = (struct config_sums){column_u64(row, 0), column_u64(row, 1)};
    return sqlite_done(row, ST_OK);
}

static enum status number_get(struct evidence_store *store, enum config_number which, uint64_t *out)
{
    struct statement *const row = sqlite_statement(store, SQL_NUMBER_GET);
    *out = 0;
    bind_i64(row, 1, which);
    const enum status found = sqlite_first(row);
    if (found == ST_OK) *out = (uint64_t)column_i64(row, 0);
    return sqlite_done(row, found == ST_NOT_FOUND ? ST_OK : found);
}

static enum status number_set(struct evidence_store *store, enum config_number which,
                              uint64_t value)
{
    struct statement *const set = sqlite_statement(store, SQL_NUMBER_SET);
    bind_i64(set, 1, which);
    bind_i64(set, 2, (int64_t)value);
    return statement_run(set);
}

/* -------------------------------------------------------------- registers */

/* Column 1 of the row is the canonical bytes. */
static enum status read_register(struct statement *row, int column, struct buf *memory,
                                 struct config_entry *out)
{
    memory->size = 0;
    memory->overflow = false;
    TRY(sqlite_copy(row, column, memory));
    if (config_decode(buf_bytes(memory), &out->key, &out->reg) != ST_OK) return ST_TAMPERED;
    return ST_OK;
}

static enum status register_get(struct evidence_store *store, const struct config_key *key,
                                struct buf *memory, struct config_register *out)
{
    struct statement *const row = sqlite_statement(store, SQL_REGISTER_GET);
    struct config_entry entry;
    bind_scope(row, &key->scope);
    bind_text(row, 3, level_text(&key->name));
    TRY(sqlite_first(row));
    TRY(sqlite_done(row, read_register(row, 1, memory, &entry)));
    if (!config_key_equal(&entry.key, key)) return ST_TAMPERED;
    *out = entry.reg;
    return ST_OK;
}

static enum status register_at(struct evidence_store *store, int64_t id, struct buf *memory,
                               struct config_entry *out)
{
    struct statement *const row = sqlite_statement(store, SQL_REGISTER_AT);
    bind_i64(row, 1, id);
    TRY(sqlite_first(row));
    return sqlite_done(row, read_register(row, 1, memory, out));
}

static enum status register_next(struct evidence_store *store, const struct config_key *after,
                                 struct buf *memory, int64_t *id, struct config_entry *out)
{
    struct statement *const row = sqlite_statement(store, SQL_REGISTER_NEXT);
    bind_scope(row, &after->scope);
    bind_text(row, 3, level_text(&after->name));
    TRY(sqlite_first(row));
    *id = column_i64(row, 0);
    return sqlite_done(row, read_register(row, 1, memory, out));
}

static enum status register_peek(struct evidence_store *store, const struct config_scope *scope,
                                 const struct level_name *after, int64_t *id,
                                 struct level_name *key, struct config_digest *hash)
{
    struct statement *const row = sqlite_statement(store, SQL_REGISTER_PEEK);
    bind_scope(row, scope);
    bind_text(row, 3, level_text(after));
    TRY(sqlite_first(row));
    *id = column_i64(row, 0);
    enum status status = read_level(row, 1, key);
    if (status == ST_OK) status = sqlite_fixed(row, 2, hash->bytes, CONFIG_DIGEST_SIZE);
    return sqlite_done(row, status);
}

static enum status scope_get(struct evidence_store *store, const struct config_scope *scope,
                             struct config_scope_digest *out)
{
    struct statement *const row = sqlite_statement(store, SQL_SCOPE_GET);
    *out = (struct config_scope_digest){.scope = *scope};
    bind_scope(row, scope);
    const enum status found = sqlite_first(row);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    out->count = column_u64(row, 0);
    return sqlite_done(row, sqlite_fixed(row, 1, out->digest.bytes, CONFIG_DIGEST_SIZE));
}

static enum status scope_put(struct evidence_store *store, const struct config_scope_digest *row)
{
    struct statement *const put = sqlite_statement(store, SQL_SCOPE_PUT);
    bind_scope(put, &row->scope);
    bind_i64(put, 3, (int64_t)row->count);
    bind_blob(put, 4, bytes_of(row->digest.bytes, CONFIG_DIGEST_SIZE));
    return statement_run(put);
}

static enum status register_hash(struct evidence_store *store, const struct config_key *key,
                                 int64_t *id, struct config_digest *hash)
{
    struct statement *const row = sqlite_statement(store, SQL_REGISTER_HASH);
    bind_scope(row, &key->scope);
    bind_text(row, 3, level_text(&key->name));
    TRY(sqlite_first(row));
    *id = column_i64(row, 0);
    return sqlite_done(row, sqlite_fixed(row, 1, hash->bytes, CONFIG_DIGEST_SIZE));
}

static enum status register_put(struct evidence_store *store, const struct config_entry *entry,
                                struct bytes encoded, const struct config_digest *hash, int64_t *id)
{
    struct config_scope_digest scope;
    struct config_digest old;
    TRY(scope_get(store, &entry->key.scope, &scope));
    const enum status found = register_hash(store, &entry->key, id, &old);
    if (found == ST_OK) {
        struct statement *const set = sqlite_statement(store, SQL_REGISTER_SET);
        bind_i64(set, 1, *id);
        bind_blob(set, 2, bytes_of(hash->bytes, CONFIG_DIGEST_SIZE));
        bind_blob(set, 3, encoded);
        TRY(statement_run(set));
        config_digest_toggle(&scope.digest, &old);
    } else if (found == ST_NOT_FOUND) {
        struct statement *const add = sqlite_statement(store, SQL_REGISTER_ADD);
        bind_scope(add, &entry->key.scope);
        bind_text(add, 3, level_text(&entry->key.name));
        bind_blob(add, 4, bytes_of(hash->bytes, CONFIG_DIGEST_SIZE));
        bind_blob(add, 5, encoded);
        TRY(statement_run(add));
        *id = db_last_rowid(sqlite_store_of(store)->db);
        scope.count++;
    } else {
        return found;
    }
    config_digest_toggle(&scope.digest, hash);
    return scope_put(store, &scope);
}

/* -------------------------------------------------- what is to be published */

static enum status due_add(struct evidence_store *store, int64_t id, bool urgent)
{
    struct statement *const add = sqlite_statement(store, SQL_DUE_ADD);
    bind_i64(add, 1, id);
    bind_i64(add, 2, !urgent);
    return statement_run(add);
}

static enum status due_all(struct evidence_store *store)
{
    return statement_run(sqlite_statement(store, SQL_DUE_ALL));
}

static enum status due_first(struct evidence_store *store, int64_t *id)
{
    struct statement *const row = sqlite_statement(store, SQL_DUE_FIRST);
    TRY(sqlite_first(row));
    *id = column_i64(row, 0);
    return sqlite_done(row, ST_OK);
}

static enum status due_drop(struct evidence_store *store, int64_t id)
{
    struct statement *const drop = sqlite_statement(store, SQL_DUE_DROP);
    bind_i64(drop, 1, id);
    return statement_run(drop);
}

/* ---------------------------------------------------------------- history */

static enum status history_add(struct evidence_store *store, const struct config_history_row *row,
                               struct bytes encoded)
{
    struct statement *const add = sqlite_statement(store, SQL_HISTORY_ADD);
    bind_i64(add, 1, row->at_ms);
    bind_text(add, 2, level_text(&row->entry.key.name));
    bind_text(add, 3, bytes_of_text(row->from.text));
    bind_i64(add, 4, (int64_t)row->operation);
    bind_i64(add, 5, row->outcome);
    bind_blob(add, 6, encoded);
    return statement_run(add);
}

static enum status read_history(struct statement *row, struct buf *memory,
                                struct config_history_row *out)
{
    const struct bytes sender = column_bytes(row, 2);
    *out = (struct config_history_row){
        .id = column_i64(row, 0),
        .at_ms = column_i64(row, 1),
        .operation = (uint64_t)column_i64(row, 3),
        .outcome = column_i64(row, 4) == CONFIG_WON ? CONFIG_WON : CONFIG_LOST,
    };
    if (sender.size >= sizeof out->from.text) return ST_TAMPERED;
    if (sender.size > 0) memcpy(out->from.text, sender.data, sender.size);
    return read_register(row, 5, memory, &out->entry);
}

static enum status history_before(struct evidence_store *store, int64_t before,
                                  const struct level_name *key, struct buf *memory,
                                  struct config_history_row *out)
{
    struct statement *const row =
        sqlite_statement(store, key == NULL ? SQL_HISTORY_BEFORE : SQL_HISTORY_OF_KEY);
    bind_i64(row, 1, before);
    if (key != NULL) bind_text(row, 2, level_text(key));
    TRY(sqlite_first(row));
    return sqlite_done(row, read_history(row, memory, out));
}

/* ------------------------------------------------------------------ rules */

static enum status read_rule(struct statement *row, struct config_rule *out)
{
    const int64_t writer = column_i64(row, 1), type = column_i64(row, 2);
    TRY(read_level(row, 0, &out->key));
    if (writer < CONFIG_WRITER_CLOUD || writer > CONFIG_WRITER_ANY) return ST_TAMPERED;
    if (type < 0 || type >= CONFIG_TYPE_COUNT) return ST_TAMPERED;
    out->writer = (enum config_writer)writer;
    out->type = (enum config_type)type;
    return ST_OK;
}

static enum status find_rule(struct evidence_store *store, enum sqlite_statement which,
                             const struct level_name *name, struct config_rule *out)
{
    struct statement *const row = sqlite_statement(store, which);
    bind_text(row, 1, level_text(name));
    TRY(sqlite_first(row));
    return sqlite_done(row, read_rule(row, out));
}

static enum status rule_get(struct evidence_store *store, const struct level_name *key,
                            struct config_rule *out)
{
    return find_rule(store, SQL_RULE_GET, key, out);
}

static enum status rule_next(struct evidence_store *store, const struct level_name *after,
                             struct config_rule *out)
{
    return find_rule(store, SQL_RULE_NEXT, after, out);
}

static enum status rule_put(struct evidence_store *store, const struct config_rule *rule)
{
    struct statement *const put = sqlite_statement(store, SQL_RULE_PUT);
    bind_text(put, 1, level_text(&rule->key));
    bind_i64(put, 2, rule->writer);
    bind_i64(put, 3, rule->type);
    return statement_run(put);
}

static enum status rule_remove(struct evidence_store *store, const struct level_name *key)
{
    struct statement *const remove = sqlite_statement(store, SQL_RULE_REMOVE);
    bind_text(remove, 1, level_text(key));
    TRY(statement_run(remove));
    return db_changes(sqlite_store_of(store)->db) > 0 ? ST_OK : ST_NOT_FOUND;
}

void sqlite_config_verbs(struct config_store_verbs *verbs)
{
    verbs->sums = sums;
    verbs->number_get = number_get;
    verbs->number_set = number_set;
    verbs->register_get = register_get;
    verbs->register_at = register_at;
    verbs->register_put = register_put;
    verbs->register_next = register_next;
    verbs->register_peek = register_peek;
    verbs->scope_get = scope_get;
    verbs->due_add = due_add;
    verbs->due_all = due_all;
    verbs->due_first = due_first;
    verbs->due_drop = due_drop;
    verbs->history_add = history_add;
    verbs->history_before = history_before;
    verbs->rule_get = rule_get;
    verbs->rule_put = rule_put;
    verbs->rule_remove = rule_remove;
    verbs->rule_next = rule_next;
}
