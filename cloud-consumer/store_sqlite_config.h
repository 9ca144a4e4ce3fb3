/* store_sqlite_config.h - tables and statements of config, groups and what is known of nodes'
 * synchronisation; part of store_sqlite.h's and schema.c's tables. */
#ifndef HOLDFAST_CLOUD_CONSUMER_STORE_SQLITE_CONFIG_H
#define HOLDFAST_CLOUD_CONSUMER_STORE_SQLITE_CONFIG_H

/* SQL is read line by line. */
/* clang-format off */

/* Nodes that were enrolled before there was a roster make its first version. */
#define CONFIG_TABLES                                                                              \
    "CREATE TABLE config_number (which INTEGER PRIMARY KEY, value INTEGER NOT NULL);"              \
    "INSERT INTO config_number SELECT 1, 1 WHERE EXISTS (SELECT 1 FROM node);"                     \
    "CREATE TABLE node_sync (node INTEGER PRIMARY KEY, admitted INTEGER NOT NULL,"                 \
    " contact_ms INTEGER NOT NULL, contact_before_ms INTEGER NOT NULL,"                            \
    " track_numbering INTEGER NOT NULL, track_cursor INTEGER NOT NULL,"                            \
    " config_incarnation INTEGER NOT NULL, config_judged INTEGER NOT NULL,"                        \
    " roster INTEGER NOT NULL, reported_ms INTEGER NOT NULL, config_differs INTEGER NOT NULL);"    \
    "CREATE TABLE node_report (node INTEGER PRIMARY KEY, summary BLOB NOT NULL);"                  \
    "CREATE TABLE node_group (node INTEGER NOT NULL, name TEXT NOT NULL,"                          \
    " PRIMARY KEY (node, name)) WITHOUT ROWID;"                                                    \
    "CREATE INDEX node_group_name ON node_group (name);"                                           \
    "CREATE TABLE config_register (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"                 \
    " scope TEXT NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, bytes BLOB NOT NULL);"          \
    "CREATE UNIQUE INDEX config_register_place ON config_register (kind, scope, name);"            \
    "CREATE TABLE config_scope (kind INTEGER NOT NULL, scope TEXT NOT NULL,"                       \
    " count INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (kind, scope)) WITHOUT ROWID;"     \
    "CREATE TABLE config_due (register INTEGER PRIMARY KEY, late INTEGER NOT NULL);"               \
    "CREATE INDEX config_due_order ON config_due (late, register);"                                \
    "CREATE TABLE config_history (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"                 \
    " name TEXT NOT NULL, sender TEXT NOT NULL, operation INTEGER NOT NULL,"                       \
    " outcome INTEGER NOT NULL, bytes BLOB NOT NULL);"                                             \
    "CREATE INDEX config_history_name ON config_history (name);"                                   \
    "CREATE TABLE config_judged (id INTEGER PRIMARY KEY, node INTEGER NOT NULL,"                   \
    " incarnation INTEGER NOT NULL, judged INTEGER NOT NULL, UNIQUE (node, incarnation));"         \
    "CREATE TABLE config_refused (node INTEGER NOT NULL, incarnation INTEGER NOT NULL,"            \
    " first_op INTEGER NOT NULL, last_op INTEGER NOT NULL, reason INTEGER NOT NULL,"               \
    " PRIMARY KEY (node, incarnation, first_op)) WITHOUT ROWID;"                                   \
    "CREATE TABLE config_rule (name TEXT PRIMARY KEY, writer INTEGER NOT NULL,"                    \
    " type INTEGER NOT NULL) WITHOUT ROWID;"

#define SYNC_COLUMNS                                                                               \
    "node, admitted, contact_ms, contact_before_ms, track_numbering, track_cursor,"                \
    " config_incarnation, config_judged, roster, reported_ms, config_differs"

#define CONFIG_STATEMENT_MAP(X)                                                                    \
    X(SQL_CONFIG_SUMS,                                                                             \
      "SELECT (SELECT IFNULL(SUM(count), 0) FROM config_scope),"                                   \
      " (SELECT COUNT(*) FROM node_sync s JOIN node n ON n.id = s.node"                            \
      " WHERE s.config_differs <> 0 AND s.reported_ms <> 0 AND n.revoked = 0)")                    \
    X(SQL_NUMBER_GET, "SELECT value FROM config_number WHERE which = ?1")                          \
    X(SQL_NUMBER_SET, "INSERT OR REPLACE INTO config_number VALUES (?1, ?2)")                      \
    X(SQL_SYNC_GET, "SELECT " SYNC_COLUMNS " FROM node_sync WHERE node = ?1")                      \
    X(SQL_SYNC_PUT,                                                                                \
      "INSERT OR REPLACE INTO node_sync VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")    \
    X(SQL_REPORT_GET, "SELECT summary FROM node_report WHERE node = ?1")                           \
    X(SQL_REPORT_PUT, "INSERT OR REPLACE INTO node_report VALUES (?1, ?2)")                        \
    X(SQL_DIFFERS_FLEET,                                                                           \
      "UPDATE node_sync SET config_differs = 1 WHERE config_differs = 0 AND reported_ms <> 0")     \
    X(SQL_DIFFERS_GROUP,                                                                           \
      "UPDATE node_sync SET config_differs = 1 WHERE config_differs = 0 AND reported_ms <> 0"      \
      " AND node IN (SELECT node FROM node_group WHERE name = ?1)")                                \
    X(SQL_DIFFERS_NODE,                                                                            \
      "UPDATE node_sync SET config_differs = 1 WHERE config_differs = 0 AND reported_ms <> 0"      \
      " AND node IN (SELECT id FROM node WHERE name = ?1)")                                        \
    X(SQL_GROUPS_GET, "SELECT name FROM node_group WHERE node = ?1 ORDER BY name")                 \
    X(SQL_GROUPS_DROP, "DELETE FROM node_group WHERE node = ?1")                                   \
    X(SQL_GROUP_ADD, "INSERT OR IGNORE INTO node_group VALUES (?1, ?2)")                           \
    X(SQL_GROUP_NEXT, "SELECT name FROM node_group WHERE name > ?1 ORDER BY name LIMIT 1")         \
    X(SQL_ROSTER_NEXT,                                                                             \
      "SELECT id, name, key, revoked FROM node WHERE name > ?1 ORDER BY name LIMIT 1")             \
    X(SQL_REGISTER_GET,                                                                            \
      "SELECT id, bytes FROM config_register WHERE kind = ?1 AND scope = ?2 AND name = ?3")        \
    X(SQL_REGISTER_AT, "SELECT id, bytes FROM config_register WHERE id = ?1")                      \
    X(SQL_REGISTER_HASH,                                                                           \
      "SELECT id, hash FROM config_register WHERE kind = ?1 AND scope = ?2 AND name = ?3")         \
    X(SQL_REGISTER_ADD, "INSERT INTO config_register VALUES (NULL, ?1, ?2, ?3, ?4, ?5)")           \
    X(SQL_REGISTER_SET, "UPDATE config_register SET hash = ?2, bytes = ?3 WHERE id = ?1")          \
    X(SQL_REGISTER_NEXT,                                                                           \
      "SELECT id, bytes FROM config_register WHERE (kind, scope, name) > (?1, ?2, ?3)"             \
      " ORDER BY kind, scope, name LIMIT 1")                                                       \
    X(SQL_REGISTER_PEEK,                                                                           \
      "SELECT id, name, hash FROM config_register WHERE kind = ?1 AND scope = ?2 AND name > ?3"    \
      " ORDER BY name LIMIT 1")                                                                    \
    X(SQL_SCOPE_GET, "SELECT count, digest FROM config_scope WHERE kind = ?1 AND scope = ?2")      \
    X(SQL_SCOPE_PUT, "INSERT OR REPLACE INTO config_scope VALUES (?1, ?2, ?3, ?4)")                \
    X(SQL_DUE_ADD,                                                                                 \
      "INSERT INTO config_due VALUES (?1, ?2)"                                                     \
      " ON CONFLICT DO UPDATE SET late = MIN(late, excluded.late)")                                \
    X(SQL_DUE_ALL,                                                                                 \
      "INSERT OR IGNORE INTO config_due SELECT id, 1 FROM config_register WHERE TRUE")             \
    X(SQL_DUE_FIRST, "SELECT register FROM config_due ORDER BY late, register LIMIT 1")            \
    X(SQL_DUE_DROP, "DELETE FROM config_due WHERE register = ?1")                                  \
    X(SQL_HISTORY_ADD, "INSERT INTO config_history VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6)")         \
    X(SQL_HISTORY_BEFORE,                                                                          \
      "SELECT id, at_ms, sender, operation, outcome, bytes FROM config_history"                    \
      " WHERE id < ?1 ORDER BY id DESC LIMIT 1")                                                   \
    X(SQL_HISTORY_OF_KEY,                                                                          \
      "SELECT id, at_ms, sender, operation, outcome, bytes FROM config_history"                    \
      " WHERE name = ?2 AND id < ?1 ORDER BY id DESC LIMIT 1")                                     \
    X(SQL_JUDGED_GET, "SELECT judged FROM config_judged WHERE node = ?1 AND incarnation = ?2")     \
    X(SQL_JUDGED_SET,                                                                              \
      "UPDATE config_judged SET judged = ?3 WHERE node = ?1 AND incarnation = ?2")                 \
    X(SQL_JUDGED_ADD, "INSERT INTO config_judged VALUES (NULL, ?1, ?2, ?3)")                       \
    X(SQL_JUDGED_TRIM,                                                                             \
      "DELETE FROM config_judged WHERE node = ?1 AND id <= (SELECT id FROM config_judged"          \
      " WHERE node = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)")                                      \
    X(SQL_REFUSED_TRIM_OLD,                                                                        \
      "DELETE FROM config_refused WHERE node = ?1 AND incarnation NOT IN"                          \
      " (SELECT incarnation FROM config_judged WHERE node = ?1)")                                  \
    X(SQL_REFUSED_LAST,                                                                            \
      "SELECT first_op, last_op, reason FROM config_refused WHERE node = ?1 AND incarnation = ?2"  \
      " ORDER BY first_op DESC LIMIT 1")                                                           \
    X(SQL_REFUSED_PUT, "INSERT OR REPLACE INTO config_refused VALUES (?1, ?2, ?3, ?4, ?5)")        \
    X(SQL_REFUSED_TRIM,                                                                            \
      "DELETE FROM config_refused WHERE node = ?1 AND incarnation = ?2 AND first_op <="            \
      " (SELECT first_op FROM config_refused WHERE node = ?1 AND incarnation = ?2"                 \
      " ORDER BY first_op DESC LIMIT 1 OFFSET ?3)")                                                \
    X(SQL_REFUSED_GET,                                                                             \
      "SELECT first_op, last_op, reason FROM config_refused WHERE node = ?1 AND incarnation = ?2"  \
      " ORDER BY first_op")                                                                        \
    X(SQL_RULE_GET, "SELECT name, writer, type FROM config_rule WHERE name = ?1")                  \
    X(SQL_RULE_PUT, "INSERT OR REPLACE INTO config_rule VALUES (?1, ?2, ?3)")                      \
    X(SQL_RULE_REMOVE, "DELETE FROM config_rule WHERE name = ?1")                                  \
    X(SQL_RULE_NEXT,                                                                               \
      "SELECT name, writer, type FROM config_rule WHERE name > ?1 ORDER BY name LIMIT 1")

/* clang-format on */

#endif
