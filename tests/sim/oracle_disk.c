/* oracle_disk.c - what must be true of a disk when a process starts on it: all that was promised is
 * there. The oracle looks at a copy, so that it changes nothing and meets no planned fault. */
#include <stdio.h>

#include "cloud-consumer/store_sqlite.h"
#include "edge-bridge/schema.h"
#include "tests/sim/oracle_state.h"

/* As store_sqlite.c and schema.h give them: whose database it is. */
enum { CLOUD_DATABASE = 0x48464331, EDGE_DATABASE = EDGE_APPLICATION_ID };

enum status oracle_open_copy(const struct sim_node *node, struct sim_disk **disk, struct db **db)
{
    *db = NULL;
    char name[32];
    snprintf(name, sizeof(name), "copy of %s", node->label);
    *disk = sim_disk_open(name, 1);
    sim_disk_copy(*disk, node->disk);
    const struct db_options options = {
        .path = SIM_DATABASE_PATH,
        .vfs = sim_disk_vfs(*disk),
        .application_id = node->is_cloud ? CLOUD_DATABASE : EDGE_DATABASE,
    };
    return node->is_cloud ? db_open(&options, cloud_migrations, CLOUD_MIGRATION_COUNT, NULL, db)
                          : db_open(&options, edge_migrations, edge_migration_count, NULL, db);
}

void oracle_close_copy(struct sim_disk *disk, struct db *db)
{
    db_close(db);
    sim_disk_close(disk);
}

static void check_receipt(struct oracle *oracle, struct statement *find,
                          const struct kept_receipt *kept)
{
    struct header_bytes header;
    bool row = false;
    bind_u64(find, 1, kept->sequence);
    bind_blob(find, 2, bytes_of(kept->log.bytes, sizeof(kept->log.bytes)));
    const enum status status = statement_step(find, &row);
    const char *what = NULL;
    if (status != ST_OK || !row) {
        what = "is not on the disk";
    } else if (column_fixed(find, 0, header.bytes, sizeof(header.bytes)) != ST_OK) {
        what = "is not whole";
    } else {
        const struct digest hash = evidence_hash(oracle->hasher, &header);
        if (!digest_equal(&hash, &kept->hash)) what = "is another entry";
    }
    statement_reset(find);
    if (what == NULL) return;
    world_fail(oracle->world, "a receipt is durable", "%s record %zu: sequence %llu %s",
               kept->publisher->label, kept->record, (unsigned long long)kept->sequence, what);
}

static void check_receipts(struct oracle *oracle, const struct sim_node *node, struct db *db)
{
    struct statement *find = NULL;
    const enum status status = statement_open(
        db,
        "SELECT e.header FROM log l, evidence e WHERE e.position = l.base + ?1 AND l.log_id = ?2",
        &find);
    INVARIANT(status == ST_OK);
    for (size_t i = 0; i < oracle->receipt_count; i++) {
        const struct kept_receipt *kept = &oracle->receipts[i];
        if (kept->publisher->edge != node || kept->forgiven) continue;
        check_receipt(oracle, find, kept);
    }
    statement_close(find);
}

static void check_promise(struct oracle *oracle, struct statement *find,
                          const struct promise *promise)
{
    struct digest hash;
    bool row = false;
    bind_blob(find, 1, bytes_of(promise->log.bytes, sizeof(promise->log.bytes)));
    const enum status status = statement_step(find, &row);
    const uint64_t head = status == ST_OK && row ? column_u64(find, 0) : 0;
    const bool whole = head == 0 || column_fixed(find, 1, hash.bytes, sizeof(hash.bytes)) == ST_OK;
    const bool other = head == promise->size && head > 0 && !digest_equal(&hash, &promise->hash);
    statement_reset(find);
    if (whole && !other && head >= promise->size) return;
    world_fail(oracle->world, "an ack is durable",
               "%llu entries were acknowledged, %llu are there%s",
               (unsigned long long)promise->size, (unsigned long long)head,
               other ? " with another hash" : "");
}

static void check_promises(struct oracle *oracle, struct db *db)
{
    struct statement *find = NULL;
    const enum status status =
        statement_open(db, "SELECT head_seq, head_hash FROM evidence_log WHERE log_id = ?1", &find);
    INVARIANT(status == ST_OK);
    for (size_t i = 0; i < oracle->promise_count; i++) {
        check_promise(oracle, find, &oracle->promises[i]);
    }
    statement_close(find);
}

void oracle_disk(struct oracle *oracle, struct sim_node *node)
{
    struct sim_disk *disk = NULL;
    struct db *db = NULL;
    /* Looked at with the same promises, and nothing happened to the disk: a process that dies again
     * and again, as on a full disk, would cost most of the time. */
    if (!node->disk_changed && node->said == node->said_seen) return;
    node->disk_changed = false;
    node->said_seen = node->said;
    const enum status status = oracle_open_copy(node, &disk, &db);
    if (status != ST_OK) {
        world_fail(oracle->world, "no crash damages a disk", "%s: %s", node->label,
                   status_name(status));
    } else if (node->is_cloud) {
        check_promises(oracle, db);
    } else {
        check_receipts(oracle, node, db);
    }
    oracle_close_copy(disk, db);
}
