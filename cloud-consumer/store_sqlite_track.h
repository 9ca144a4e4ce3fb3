/* store_sqlite_track.h - tables and statements of tracks; part of store_sqlite.h's and schema.c's
 * tables. */
#ifndef HOLDFAST_CLOUD_CONSUMER_STORE_SQLITE_TRACK_H
#define HOLDFAST_CLOUD_CONSUMER_STORE_SQLITE_TRACK_H

/* SQL is read line by line. */
/* clang-format off */

/* The indexes by name and bucket do not change with a state; those by change and stamp are narrow
 * and grow at their ends. */
#define TRACK_TABLES                                                                               \
    "CREATE TABLE track_meta (id INTEGER PRIMARY KEY CHECK (id = 1), counter INTEGER NOT NULL,"    \
    " horizon INTEGER NOT NULL, count INTEGER NOT NULL, archived INTEGER NOT NULL,"                \
    " archive_last INTEGER NOT NULL, archive_from_ms INTEGER NOT NULL, digests BLOB NOT NULL);"    \
    "INSERT INTO track_meta VALUES (1, 0, 0, 0, 0, 0, 0, zeroblob(2048));"                         \
    "CREATE TABLE track (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"                       \
    " bucket INTEGER NOT NULL, change INTEGER NOT NULL, newest INTEGER NOT NULL,"                  \
    " oldest INTEGER NOT NULL, taught_by INTEGER NOT NULL, hash INTEGER NOT NULL,"                 \
    " archived INTEGER NOT NULL, state BLOB NOT NULL);"                                            \
    "CREATE UNIQUE INDEX track_change ON track (change) WHERE change > 0;"                         \
    "CREATE INDEX track_newest ON track (newest) WHERE change > 0;"                                \
    "CREATE UNIQUE INDEX track_bucket ON track (bucket, name);"                                    \
    "CREATE TABLE track_archive (id INTEGER PRIMARY KEY, track INTEGER NOT NULL,"                  \
    " previous INTEGER NOT NULL, node INTEGER NOT NULL, received_ms INTEGER NOT NULL,"             \
    " newest INTEGER NOT NULL, latitude_e7 INTEGER, longitude_e7 INTEGER, state BLOB NOT NULL);"   \
    "CREATE INDEX track_archive_time ON track_archive (newest);"                                   \
    "CREATE TABLE track_served (node INTEGER PRIMARY KEY, interest INTEGER NOT NULL,"              \
    " mates INTEGER NOT NULL);"

#define TRACK_COLUMNS                                                                              \
    "id, name, bucket, change, newest, oldest, taught_by, hash, archived, state"
#define TRACK_ARCHIVE_COLUMNS                                                                      \
    "id, track, previous, node, received_ms, newest, latitude_e7, longitude_e7, state"

/* The scans stand in the order of enum track_order. */
#define TRACK_STATEMENT_MAP(X)                                                                     \
    X(SQL_TRACK_META,                                                                              \
      "SELECT counter, horizon, count, archived, archive_last, archive_from_ms, digests"           \
      " FROM track_meta")                                                                          \
    X(SQL_TRACK_META_SAVE,                                                                         \
      "UPDATE track_meta SET counter = ?1, horizon = ?2, count = ?3, archived = ?4,"               \
      " archive_last = ?5, archive_from_ms = ?6, digests = ?7")                                    \
    X(SQL_TRACK_FIND, "SELECT " TRACK_COLUMNS " FROM track WHERE name = ?1")                       \
    X(SQL_TRACK_GET, "SELECT " TRACK_COLUMNS " FROM track WHERE id = ?1")                          \
    X(SQL_TRACK_ADD, "INSERT INTO track VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")        \
    X(SQL_TRACK_SAVE,                                                                              \
      "UPDATE track SET change = ?3, newest = ?4, oldest = ?5, taught_by = ?6, hash = ?7,"         \
      " archived = ?8, state = ?9 WHERE id = ?1")                                                  \
    X(SQL_TRACK_SAVE_ARCHIVED, "UPDATE track SET archived = ?2 WHERE id = ?1")                     \
    X(SQL_TRACK_DROP, "DELETE FROM track WHERE id = ?1")                                           \
    X(SQL_TRACK_SCAN,                                                                              \
      "SELECT " TRACK_COLUMNS " FROM track WHERE change > 0 AND change > ?1"                       \
      " ORDER BY change LIMIT ?6")                                                                 \
    X(SQL_TRACK_SCAN_NEWEST,                                                                       \
      "SELECT " TRACK_COLUMNS " FROM track WHERE change > 0 AND newest <= ?2"                      \
      " AND (newest < ?2 OR id < ?3) ORDER BY newest DESC, id DESC LIMIT ?6")                      \
    X(SQL_TRACK_SCAN_ID,                                                                           \
      "SELECT " TRACK_COLUMNS " FROM track WHERE id > ?3 ORDER BY id LIMIT ?6")                    \
    X(SQL_TRACK_SCAN_NAME,                                                                         \
      "SELECT " TRACK_COLUMNS " FROM track WHERE change > 0 AND name > ?4"                         \
      " ORDER BY name LIMIT ?6")                                                                   \
    X(SQL_TRACK_SCAN_BUCKET,                                                                       \
      "SELECT " TRACK_COLUMNS " FROM track WHERE change > 0 AND bucket = ?5 AND name > ?4"         \
      " ORDER BY name LIMIT ?6")                                                                   \
    X(SQL_TRACK_ARCHIVE_ADD,                                                                       \
      "INSERT INTO track_archive VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                     \
    X(SQL_TRACK_ARCHIVE_GET,                                                                       \
      "SELECT " TRACK_ARCHIVE_COLUMNS " FROM track_archive WHERE id = ?1")                         \
    X(SQL_TRACK_ARCHIVE_SCAN,                                                                      \
      "SELECT " TRACK_ARCHIVE_COLUMNS " FROM track_archive WHERE newest >= ?1"                     \
      " AND (newest > ?1 OR id > ?2) ORDER BY newest, id LIMIT ?3")                                \
    X(SQL_TRACK_ARCHIVE_OLDEST,                                                                    \
      "SELECT id, track, received_ms FROM track_archive ORDER BY id LIMIT 1")                      \
    X(SQL_TRACK_ARCHIVE_DROP, "DELETE FROM track_archive WHERE id = ?1")                           \
    X(SQL_TRACK_SERVED, "SELECT interest, mates FROM track_served WHERE node = ?1")                \
    X(SQL_TRACK_SERVED_PUT, "INSERT OR REPLACE INTO track_served VALUES (?1, ?2, ?3)")             \
    X(SQL_TRACK_DROP_DEAD,                                                                         \
      "DELETE FROM track WHERE id = ?1 AND change = 0 AND archived = ?2")

/* clang-format on */

#endif
