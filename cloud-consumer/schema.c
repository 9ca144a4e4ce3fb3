/* schema.c - the cloud database: tables, and the triggers that keep evidence immutable.
 *
 * A run of entries is one row: its body is the body of the frame that brought it, byte for byte as
 * the node signed it. One row an entry would cost more than all hashing together. Rows come in the
 * order of arrival under an integer key; the one index is narrow, so that many nodes interleaved
 * cost no more than one. */
#include "cloud-consumer/store_sqlite.h"

/* SQL is read line by line. */
/* clang-format off */

/* What struct kept_entry holds. */
#define KEPT_COLUMNS                                                                               \
    "sequence INTEGER NOT NULL, hash BLOB NOT NULL, reason INTEGER NOT NULL,"                      \
    "header BLOB NOT NULL, signature BLOB NOT NULL, form INTEGER NOT NULL, payload BLOB NOT NULL"

static const char node_tables[] =
    "CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1), store_id BLOB NOT NULL,"
    " previous BLOB, hlc_limit INTEGER NOT NULL, created_ms INTEGER NOT NULL);"
    "CREATE TABLE store_previous (store_id BLOB PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE node (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key BLOB NOT NULL,"
    " revoked INTEGER NOT NULL, added_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,"
    " nonce BLOB, ack_counter INTEGER NOT NULL, staged_bytes INTEGER NOT NULL,"
    " online INTEGER NOT NULL, software TEXT NOT NULL);"
    "CREATE TABLE refused_count (reason INTEGER PRIMARY KEY, count INTEGER NOT NULL);"
    "CREATE TABLE refused_frame (id INTEGER PRIMARY KEY, reason INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, topic TEXT NOT NULL, frame_size INTEGER NOT NULL,"
    " frame BLOB NOT NULL);"
    "CREATE TABLE alarm (id INTEGER PRIMARY KEY, log INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " what TEXT NOT NULL, at_ms INTEGER NOT NULL, UNIQUE (log, sequence, what));";

static const char log_tables[] =
    "CREATE TABLE evidence_log (id INTEGER PRIMARY KEY, node INTEGER NOT NULL,"
    " log_id BLOB NOT NULL, key BLOB NOT NULL, frozen INTEGER NOT NULL, closed INTEGER NOT NULL,"
    " lossy INTEGER NOT NULL, head_seq INTEGER NOT NULL, head_hash BLOB NOT NULL,"
    " head_hlc INTEGER NOT NULL, tree BLOB NOT NULL, type_count INTEGER NOT NULL,"
    " announced_size INTEGER NOT NULL, announced_root BLOB, announced_signature BLOB,"
    " audited_seq INTEGER NOT NULL, staged_seq INTEGER NOT NULL, staged_parts INTEGER NOT NULL,"
    " staged_len INTEGER NOT NULL, parts_failed INTEGER NOT NULL, entry_count INTEGER NOT NULL,"
    " byte_count INTEGER NOT NULL, pending_count INTEGER NOT NULL,"
    " rejected_count INTEGER NOT NULL, fork_count INTEGER NOT NULL, previous BLOB,"
    " created_ms INTEGER NOT NULL, UNIQUE (node, log_id));"
    "CREATE TABLE evidence_run (id INTEGER PRIMARY KEY, log INTEGER NOT NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, first_hlc INTEGER NOT NULL,"
    " last_hlc INTEGER NOT NULL, last_hash BLOB NOT NULL, form INTEGER NOT NULL,"
    " body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX evidence_run_place ON evidence_run (log, first_seq);"
    "CREATE TABLE evidence_loss (log INTEGER NOT NULL, from_seq INTEGER NOT NULL,"
    " to_seq INTEGER NOT NULL, loss_seq INTEGER NOT NULL, last_hash BLOB NOT NULL,"
    " nodes BLOB NOT NULL, PRIMARY KEY (log, from_seq));"
    "CREATE TABLE evidence_type (log INTEGER NOT NULL, number INTEGER NOT NULL,"
    " name TEXT NOT NULL, PRIMARY KEY (log, number)) WITHOUT ROWID;";

static const char side_tables[] =
    "CREATE TABLE evidence_pending (id INTEGER PRIMARY KEY, log INTEGER NOT NULL,"
    " loss_from INTEGER NOT NULL, loss_to INTEGER NOT NULL, " KEPT_COLUMNS ");"
    "CREATE UNIQUE INDEX evidence_pending_place ON evidence_pending (log, sequence);"
    "CREATE TABLE evidence_fork (id INTEGER PRIMARY KEY, log INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, " KEPT_COLUMNS ");"
    "CREATE UNIQUE INDEX evidence_fork_place ON evidence_fork (log, sequence, hash);"
    "CREATE TABLE evidence_rejected (id INTEGER PRIMARY KEY, log INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, " KEPT_COLUMNS ");"
    "CREATE UNIQUE INDEX evidence_rejected_place ON evidence_rejected (log, sequence, hash);"
    "CREATE TABLE evidence_readmitted (rejected INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL);"
    "CREATE TABLE evidence_range (log INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
    " PRIMARY KEY (log, kind, first_seq)) WITHOUT ROWID;"
    "CREATE TABLE evidence_fork_part (id INTEGER PRIMARY KEY, fork INTEGER NOT NULL,"
    " part INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX evidence_fork_part_place ON evidence_fork_part (fork, part);"
    "CREATE TABLE evidence_tip (id INTEGER PRIMARY KEY, log INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, hash BLOB NOT NULL);"
    "CREATE UNIQUE INDEX evidence_tip_place ON evidence_tip (log, sequence, hash);"
    "CREATE TABLE evidence_payload (log INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " parts INTEGER NOT NULL, PRIMARY KEY (log, sequence)) WITHOUT ROWID;"
    "CREATE TABLE evidence_part (id INTEGER PRIMARY KEY, log INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX evidence_part_place ON evidence_part (log, sequence, part);";

#define REFUSE(name, when, words)                                                                  \
    "CREATE TRIGGER " name " " when " BEGIN SELECT RAISE(ABORT, '" words "'); END;"
#define IMMUTABLE(table)                                                                           \
    REFUSE(table "_no_update", "BEFORE UPDATE ON " table, table " is immutable")                   \
    REFUSE(table "_no_delete", "BEFORE DELETE ON " table, table " is immutable")

static const char guards[] =
    IMMUTABLE("alarm")
    IMMUTABLE("evidence_run")
    IMMUTABLE("evidence_loss")
    IMMUTABLE("evidence_type")
    IMMUTABLE("evidence_fork")
    IMMUTABLE("evidence_fork_part")
    IMMUTABLE("evidence_rejected")
    IMMUTABLE("evidence_readmitted")
    IMMUTABLE("evidence_payload")
    REFUSE("evidence_log_forward", "BEFORE UPDATE ON evidence_log"
           " WHEN NEW.head_seq < OLD.head_seq OR NEW.id <> OLD.id OR NEW.node <> OLD.node"
           " OR NEW.log_id <> OLD.log_id OR NEW.key <> OLD.key OR NEW.frozen < OLD.frozen"
           " OR NEW.entry_count < OLD.entry_count",
           "a log only grows")
    REFUSE("evidence_log_no_delete", "BEFORE DELETE ON evidence_log", "a log is never deleted")
    REFUSE("evidence_pending_no_update", "BEFORE UPDATE ON evidence_pending",
           "evidence_pending is immutable")
    REFUSE("evidence_pending_kept", "BEFORE DELETE ON evidence_pending WHEN NOT EXISTS"
           " (SELECT 1 FROM evidence_log WHERE id = OLD.log AND head_seq >= OLD.sequence)",
           "the chain has not reached this entry")
    REFUSE("evidence_part_no_update", "BEFORE UPDATE ON evidence_part",
           "evidence_part is immutable")
    REFUSE("evidence_part_kept", "BEFORE DELETE ON evidence_part WHEN EXISTS"
           " (SELECT 1 FROM evidence_payload WHERE log = OLD.log AND sequence = OLD.sequence)",
           "the parts of an accepted payload are immutable");

static const char config_tables[] =
    CONFIG_TABLES
    IMMUTABLE("config_history");

static const char track_tables[] =
    TRACK_TABLES
    REFUSE("track_archive_no_update", "BEFORE UPDATE ON track_archive",
           "track_archive is immutable")
    REFUSE("track_archive_kept", "BEFORE DELETE ON track_archive"
           " WHEN OLD.received_ms >= (SELECT archive_from_ms FROM track_meta)",
           "an archived state goes only by its age");

/* clang-format on */

/* One migration is one transaction; each later one goes to the end and is never changed. */
const struct db_migration cloud_migrations[CLOUD_MIGRATION_COUNT] = {
    {node_tables}, {log_tables}, {side_tables}, {guards}, {config_tables}, {track_tables},
};
