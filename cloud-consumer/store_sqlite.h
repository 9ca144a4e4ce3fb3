/* store_sqlite.h - what the files of the SQLite store share; nobody else includes this.
 *
 * All statements are prepared once, at open, from the one table below; each file of the store uses
 * its own. Parameters and columns are counted where they are used, next to nothing in between. */
#ifndef HOLDFAST_CLOUD_CONSUMER_STORE_SQLITE_H
#define HOLDFAST_CLOUD_CONSUMER_STORE_SQLITE_H

#include "cloud-consumer/evidence_store.h"
#include "cloud-consumer/store_sqlite_config.h"
#include "cloud-consumer/store_sqlite_track.h"
#include "common/store/db.h"

enum {
    CLOUD_MIGRATION_COUNT = 6,
    CLOUD_APPLICATION_ID = 0x48464331, /* "HFC1" */
};
extern const struct db_migration cloud_migrations[CLOUD_MIGRATION_COUNT];

#define NODE_COLUMNS                                                                               \
    "id, name, key, revoked, added_ms, last_seen_ms, nonce, ack_counter, staged_bytes, online,"    \
    " software"
#define LOG_COLUMNS                                                                                \
    "id, node, log_id, key, frozen, closed, lossy, head_seq, head_hash, head_hlc, tree,"           \
    " type_count, announced_size, announced_root, announced_signature, audited_seq, staged_seq,"   \
    " staged_parts, staged_len, parts_failed, entry_count, byte_count, pending_count,"             \
    " rejected_count, fork_count, previous, created_ms"
#define RUN_COLUMNS "log, first_seq, last_seq, first_hlc, last_hlc, last_hash, form"
#define KEPT "sequence, hash, reason, header, signature, form, payload"

#define STATEMENT_MAP(X)                                                                           \
    X(SQL_IDENTITY, "SELECT store_id, previous, hlc_limit, created_ms FROM store")                 \
    X(SQL_IDENTITY_ADD, "INSERT INTO store VALUES (1, ?1, NULL, 0, ?2)")                           \
    X(SQL_IDENTITY_REPLACE, "UPDATE store SET store_id = ?1, previous = ?2")                       \
    X(SQL_PREVIOUS_ADD, "INSERT OR IGNORE INTO store_previous VALUES (?1)")                        \
    X(SQL_PREVIOUS_HAS, "SELECT 1 FROM store_previous WHERE store_id = ?1")                        \
    X(SQL_HLC_LIMIT, "UPDATE store SET hlc_limit = ?1")                                            \
    X(SQL_SUMS,                                                                                    \
      "SELECT (SELECT COUNT(*) FROM node), COUNT(*), IFNULL(SUM(entry_count), 0),"                 \
      " IFNULL(SUM(byte_count), 0), IFNULL(SUM(pending_count), 0),"                                \
      " IFNULL(SUM(rejected_count), 0), IFNULL(SUM(fork_count), 0), IFNULL(SUM(frozen), 0),"       \
      " IFNULL(SUM(audited_seq), 0), (SELECT COUNT(*) FROM alarm) FROM evidence_log")              \
    X(SQL_NODE_FIND, "SELECT " NODE_COLUMNS " FROM node WHERE name = ?1")                          \
    X(SQL_NODE_NEXT, "SELECT " NODE_COLUMNS " FROM node WHERE id > ?1 ORDER BY id LIMIT 1")        \
    X(SQL_NODE_ADD, "INSERT INTO node VALUES (NULL, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")    \
    X(SQL_NODE_SAVE,                                                                               \
      "UPDATE node SET name = ?2, key = ?3, revoked = ?4, added_ms = ?5, last_seen_ms = ?6,"       \
      " nonce = ?7, ack_counter = ?8, staged_bytes = ?9, online = ?10, software = ?11"             \
      " WHERE id = ?1")                                                                            \
    X(SQL_NODE_SUMS,                                                                               \
      "SELECT COUNT(*), IFNULL(SUM(head_seq), 0), IFNULL(SUM(CASE frozen WHEN 0 THEN"              \
      " MAX(announced_size - head_seq, 0) ELSE 0 END), 0) FROM evidence_log WHERE node = ?1")      \
    X(SQL_LOG_FIND, "SELECT " LOG_COLUMNS " FROM evidence_log WHERE node = ?1 AND log_id = ?2")    \
    X(SQL_LOG_NEXT, "SELECT " LOG_COLUMNS " FROM evidence_log WHERE id > ?1 ORDER BY id LIMIT 1")  \
    X(SQL_LOG_NEXT_OF_NODE,                                                                        \
      "SELECT " LOG_COLUMNS " FROM evidence_log WHERE node = ?2 AND id > ?1 ORDER BY id LIMIT 1")  \
    X(SQL_LOG_BEFORE, "SELECT " LOG_COLUMNS                                                        \
                      " FROM evidence_log WHERE node = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1")   \
    X(SQL_LOG_EMPTY, "SELECT COUNT(*) FROM evidence_log WHERE node = ?1 AND head_seq = 0")         \
    X(SQL_LOG_AUDIT,                                                                               \
      "SELECT " LOG_COLUMNS                                                                        \
      " FROM evidence_log WHERE id > ?1 AND audited_seq < head_seq ORDER BY id LIMIT 1")           \
    X(SQL_LOG_ADD,                                                                                 \
      "INSERT INTO evidence_log VALUES (NULL, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"      \
      " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)")               \
    X(SQL_LOG_SAVE,                                                                                \
      "UPDATE evidence_log SET frozen = ?5, closed = ?6, lossy = ?7, head_seq = ?8,"               \
      " head_hash = ?9, head_hlc = ?10, tree = ?11, type_count = ?12, announced_size = ?13,"       \
      " announced_root = ?14, announced_signature = ?15, audited_seq = ?16, staged_seq = ?17,"     \
      " staged_parts = ?18, staged_len = ?19, parts_failed = ?20, entry_count = ?21,"              \
      " byte_count = ?22, pending_count = ?23, rejected_count = ?24, fork_count = ?25,"            \
      " previous = ?26 WHERE id = ?1 AND head_seq = ?28 AND head_hash = ?29")                      \
    X(SQL_RUN_ADD, "INSERT INTO evidence_run VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")       \
    X(SQL_RUN_AT, "SELECT " RUN_COLUMNS ", body FROM evidence_run"                                 \
                  " WHERE log = ?1 AND first_seq <= ?2 ORDER BY first_seq DESC LIMIT 1")           \
    X(SQL_RUN_AFTER, "SELECT " RUN_COLUMNS ", body FROM evidence_run"                              \
                     " WHERE log = ?1 AND first_seq > ?2 ORDER BY first_seq LIMIT 1")              \
    X(SQL_LOSS_ADD, "INSERT INTO evidence_loss VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                   \
    X(SQL_LOSS_AT, "SELECT from_seq, to_seq, loss_seq, last_hash, nodes FROM evidence_loss"        \
                   " WHERE log = ?1 AND from_seq = ?2")                                            \
    X(SQL_TYPE_ADD, "INSERT INTO evidence_type VALUES (?1, ?2, ?3)")                               \
    X(SQL_TYPE_NAME, "SELECT name FROM evidence_type WHERE log = ?1 AND number = ?2")              \
    X(SQL_PENDING_ADD,                                                                             \
      "INSERT INTO evidence_pending VALUES (NULL, ?1, ?9, ?10, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")       \
    X(SQL_PENDING_NEXT,                                                                            \
      "SELECT " KEPT                                                                               \
      " FROM evidence_pending WHERE log = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT 1")        \
    X(SQL_PENDING_LOSS,                                                                            \
      "SELECT " KEPT " FROM evidence_pending WHERE log = ?1 AND loss_from = ?2 AND loss_to = ?3"   \
      " LIMIT 1")                                                                                  \
    X(SQL_PENDING_DROP,                                                                            \
      "DELETE FROM evidence_pending WHERE log = ?1 AND sequence BETWEEN ?2 AND ?3")                \
    X(SQL_FORK_ADD,                                                                                \
      "INSERT OR IGNORE INTO evidence_fork VALUES (NULL, ?1, ?9, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")     \
    X(SQL_FORK_HAS, "SELECT 1 FROM evidence_fork WHERE log = ?1 AND sequence = ?2 AND hash = ?3")  \
    X(SQL_FORK_PARTS,                                                                              \
      "INSERT INTO evidence_fork_part SELECT NULL, f.id, p.part, p.bytes FROM evidence_fork f"     \
      " JOIN evidence_part p ON p.log = ?4 AND p.sequence = ?2"                                    \
      " WHERE f.log = ?1 AND f.sequence = ?2 AND f.hash = ?3")                                     \
    X(SQL_REJECTED_ADD,                                                                            \
      "INSERT OR IGNORE INTO evidence_rejected VALUES (NULL, ?1, ?9, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") \
    X(SQL_REJECTED_HAS, "SELECT 1 FROM evidence_rejected WHERE log = ?1 AND sequence = ?2"         \
                        " AND id NOT IN (SELECT rejected FROM evidence_readmitted)")               \
    X(SQL_REJECTED_NEXT,                                                                           \
      "SELECT " KEPT ", id, log FROM evidence_rejected WHERE id > ?1"                              \
      " AND id NOT IN (SELECT rejected FROM evidence_readmitted) ORDER BY id LIMIT 1")             \
    X(SQL_READMIT, "INSERT INTO evidence_readmitted VALUES (?1, ?2)")                              \
    X(SQL_RANGE_UPTO,                                                                              \
      "SELECT first_seq, last_seq FROM evidence_range WHERE log = ?1 AND kind = ?2"                \
      " AND first_seq <= ?3 ORDER BY first_seq DESC LIMIT 1")                                      \
    X(SQL_RANGE_NEXT,                                                                              \
      "SELECT first_seq, last_seq FROM evidence_range WHERE log = ?1 AND kind = ?2"                \
      " AND first_seq >= ?3 ORDER BY first_seq LIMIT 1")                                           \
    X(SQL_RANGE_PUT, "INSERT OR REPLACE INTO evidence_range VALUES (?1, ?2, ?3, ?4)")              \
    X(SQL_RANGE_DROP,                                                                              \
      "DELETE FROM evidence_range WHERE log = ?1 AND kind = ?2 AND first_seq = ?3")                \
    X(SQL_TIP_ADD, "INSERT OR IGNORE INTO evidence_tip VALUES (NULL, ?1, ?2, ?3)")                 \
    X(SQL_TIP_DROP, "DELETE FROM evidence_tip WHERE log = ?1 AND sequence = ?2 AND hash = ?3")     \
    X(SQL_TIP_BEFORE, "SELECT id, sequence, hash FROM evidence_tip WHERE log = ?1 AND id < ?2"     \
                      " ORDER BY id DESC LIMIT 1")                                                 \
    X(SQL_PART_ADD, "INSERT INTO evidence_part VALUES (NULL, ?1, ?2, ?3, ?4)")                     \
    X(SQL_PART_GET,                                                                                \
      "SELECT bytes FROM evidence_part WHERE log = ?1 AND sequence = ?2 AND part = ?3")            \
    X(SQL_PARTS_DISCARD, "DELETE FROM evidence_part WHERE log = ?1 AND sequence = ?2")             \
    X(SQL_PAYLOAD_ADD, "INSERT INTO evidence_payload VALUES (?1, ?2, ?3)")                         \
    X(SQL_PAYLOAD_PARTS, "SELECT parts FROM evidence_payload WHERE log = ?1 AND sequence = ?2")    \
    X(SQL_REFUSED_ADD,                                                                             \
      "INSERT INTO refused_count VALUES (?1, ?2) ON CONFLICT DO UPDATE SET count = count + ?2")    \
    X(SQL_REFUSED_COUNTS, "SELECT reason, count FROM refused_count")                               \
    X(SQL_SAMPLE_ADD, "INSERT INTO refused_frame VALUES (NULL, ?1, ?2, ?3, ?4, ?5)")               \
    X(SQL_SAMPLE_DROP,                                                                             \
      "DELETE FROM refused_frame WHERE id <= (SELECT MAX(id) FROM refused_frame) - ?1")            \
    X(SQL_ALARM_ADD, "INSERT OR IGNORE INTO alarm VALUES (NULL, ?1, ?2, ?3, ?4)")

#define STATEMENT_AS_ENUM(name, sql) name,
enum sqlite_statement {
    STATEMENT_MAP(STATEMENT_AS_ENUM) CONFIG_STATEMENT_MAP(STATEMENT_AS_ENUM)
        TRACK_STATEMENT_MAP(STATEMENT_AS_ENUM) SQL_COUNT
};
#undef STATEMENT_AS_ENUM

struct sqlite_store {
    struct evidence_store base; /* first: a store is converted by its address */
    struct db *db;
    struct statement *statements[SQL_COUNT];
};

static inline struct sqlite_store *sqlite_store_of(struct evidence_store *store)
{
    return (struct sqlite_store *)(void *)store;
}

static inline struct statement *sqlite_statement(struct evidence_store *store,
                                                 enum sqlite_statement name)
{
    return sqlite_store_of(store)->statements[name];
}

/* The two halves of reading one row: sqlite_first leaves the statement on the row (ST_OK) or reset
 * (anything else; ST_NOT_FOUND without a row); sqlite_done resets it and returns the status of
 * reading. */
MUST_USE enum status sqlite_first(struct statement *statement);
MUST_USE enum status sqlite_done(struct statement *statement, enum status status);
/* Runs an INSERT OR IGNORE: ST_DUPLICATE when nothing was inserted. */
MUST_USE enum status sqlite_insert(struct evidence_store *store, struct statement *statement);
/* A blob column of exactly size bytes. Errors: ST_TAMPERED. */
MUST_USE enum status sqlite_fixed(struct statement *statement, int column, void *out, size_t size);
/* Copies a blob column into out. Errors: ST_TOO_LARGE. */
MUST_USE enum status sqlite_copy(struct statement *statement, int column, struct buf *out);

/* Each file of the store fills in its own verbs. */
void sqlite_node_verbs(struct evidence_store_verbs *verbs);
void sqlite_log_verbs(struct evidence_store_verbs *verbs);
void sqlite_run_verbs(struct evidence_store_verbs *verbs);
void sqlite_side_verbs(struct evidence_store_verbs *verbs);
void sqlite_part_verbs(struct evidence_store_verbs *verbs);
struct config_store_verbs;
void sqlite_config_verbs(struct config_store_verbs *verbs);
void sqlite_sync_verbs(struct config_store_verbs *verbs);
struct track_store_verbs;
void sqlite_track_verbs(struct track_store_verbs *verbs);

#endif
