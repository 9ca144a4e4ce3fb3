/* oracle_rest.c - what must be true at rest: the verbs find everything whole, and the databases of
 * edges and cloud, read side by side, hold the same evidence once. */
#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/refusal.h"
#include "tests/sim/oracle_config.h"
#include "tests/sim/oracle_state.h"
#include "tests/sim/oracle_tracks.h"

/* One entry that the cloud holds in a chain. */
struct held {
    struct log_id log;
    uint64_t sequence;
    struct header_bytes header;
    struct signature signature;
    bool matched; /* an edge has it too */
};

struct comparison {
    struct oracle *oracle;
    struct world *world;
    struct db *cloud;
    struct statement *part, *branch_part, *branch;
    struct held *held;
    size_t count, capacity;
    unsigned **seen; /* by publisher, by record: how often the cloud has it */
};

static bool lawful(const struct comparison *comparison, enum trouble trouble)
{
    return (comparison->oracle->troubles & trouble) != 0;
}

/* ---- the cloud's side --------------------------------------------------------------------- */

static void count_record(struct comparison *comparison, struct bytes payload, uint64_t payload_len)
{
    struct sim_publisher *publisher = NULL;
    size_t record = 0;
    if (!publisher_find(comparison->world, payload, &publisher, &record)) {
        world_fail(comparison->world, "the cloud holds each chain",
                   "an entry that no publisher handed in");
        return;
    }
    uint8_t *memory = sim_allocate(RECORD_PAYLOAD_MAX);
    const struct bytes whole = publisher_payload(publisher, record, memory);
    if (payload_len != whole.size || payload.size > whole.size ||
        memcmp(payload.data, whole.data, payload.size) != 0) {
        world_fail(comparison->world, "the cloud holds each chain", "%s record %zu: other payload",
                   publisher->label, record);
    }
    free(memory);
    comparison->seen[publisher - comparison->world->publishers][record]++;
}

/* The first part says which record it is; the header's hash, over all parts, that it is whole. part
 * selects the parts and is bound. */
static void count_parts(struct comparison *comparison, struct statement *part,
                        const struct evidence_header *header)
{
    struct bytes first = BYTES_EMPTY;
    bool row = false;
    uint8_t *copy = sim_allocate(PART_SIZE);
    hasher_begin(comparison->oracle->hasher);
    while (statement_step(part, &row) == ST_OK && row) {
        const struct bytes bytes = column_bytes(part, 0);
        hasher_add(comparison->oracle->hasher, bytes);
        if (first.size > 0 || bytes.size > PART_SIZE) continue;
        memcpy(copy, bytes.data, bytes.size);
        first = bytes_of(copy, bytes.size);
    }
    statement_reset(part);
    const struct digest hash = hasher_end(comparison->oracle->hasher);
    if (!digest_equal(&hash, &header->payload_hash)) {
        world_fail(comparison->world, "the cloud holds each chain",
                   "the parts of entry %llu are not what was signed",
                   (unsigned long long)header->sequence);
    } else {
        count_record(comparison, first, header->payload_len);
    }
    free(copy);
}

static void hold_run(struct comparison *comparison, int64_t log)
{
    const struct evidence_run *run = comparison->oracle->run;
    for (size_t i = 0; i < run->count && !comparison->world->failed; i++) {
        const struct evidence_entry *entry = &run->entries[i];
        struct evidence_header header;
        if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) !=
            ST_OK) {
            world_fail(comparison->world, "the cloud holds each chain", "a header is malformed");
            return;
        }
        comparison->held = sim_grow(comparison->held, comparison->count, &comparison->capacity,
                                    sizeof(*comparison->held));
        comparison->held[comparison->count++] = (struct held){.log = run->log,
                                                              .sequence = header.sequence,
                                                              .header = entry->header,
                                                              .signature = entry->signature};
        if (evidence_is_control(header.type)) continue;
        if (entry->form == PAYLOAD_INLINE) {
            count_record(comparison, entry->payload, header.payload_len);
        } else if (entry->form == PAYLOAD_PARTS) {
            bind_i64(comparison->part, 1, log);
            bind_u64(comparison->part, 2, header.sequence);
            count_parts(comparison, comparison->part, &header);
        }
    }
}

static void read_run(struct comparison *comparison, struct statement *runs)
{
    struct oracle *oracle = comparison->oracle;
    struct node_name node;
    struct bytes body = column_bytes(runs, 2);
    struct buf plain = buf_of(oracle->scratch, BODY_UNPACKED_SIZE_MAX);
    const struct envelope envelope = {.flags = column_i64(runs, 1) == 0 ? 0 : ENVELOPE_FLAG_ZSTD,
                                      .body = body};
    enum status status = node_name_from(column_bytes(runs, 0), &node);
    if (status == ST_OK) status = envelope_body(&envelope, oracle->compressor, &plain, &body);
    if (status == ST_OK) {
        status = evidence_msg_decode(oracle->unpacker, oracle->hasher, &node, body, oracle->run);
    }
    if (status != ST_OK) {
        world_fail(comparison->world, "the cloud holds each chain", "a run cannot be read: %s",
                   status_name(status));
        return;
    }
    hold_run(comparison, column_i64(runs, 3));
}

static void read_cloud(struct comparison *comparison)
{
    struct statement *runs = NULL;
    bool row = false;
    INVARIANT(statement_open(comparison->cloud,
                             "SELECT n.name, r.form, r.body, r.log FROM evidence_run r"
                             " JOIN evidence_log l ON l.id = r.log JOIN node n ON n.id = l.node"
                             " ORDER BY r.log, r.first_seq",
                             &runs) == ST_OK);
    while (!comparison->world->failed && statement_step(runs, &row) == ST_OK && row) {
        read_run(comparison, runs);
    }
    statement_close(runs);
}

/* Other branches and refused entries lie in full, each with its own hash. */
static void read_branches(struct comparison *comparison)
{
    struct statement *rows = NULL;
    bool row = false;
    INVARIANT(statement_open(comparison->cloud,
                             "SELECT header, payload, form, id FROM evidence_fork"
                             " UNION ALL SELECT header, payload, form, 0 FROM evidence_rejected",
                             &rows) == ST_OK);
    while (statement_step(rows, &row) == ST_OK && row) {
        struct evidence_header header;
        if (evidence_header_decode(column_bytes(rows, 0), &header) != ST_OK) continue;
        if (evidence_is_control(header.type)) continue;
        if (column_i64(rows, 2) == PAYLOAD_INLINE) {
            count_record(comparison, column_bytes(rows, 1), header.payload_len);
        } else if (column_i64(rows, 2) == PAYLOAD_PARTS) {
            bind_i64(comparison->branch_part, 1, column_i64(rows, 3));
            count_parts(comparison, comparison->branch_part, &header);
        }
    }
    statement_close(rows);
}

/* ---- the edges' side ---------------------------------------------------------------------- */

static struct held *find_held(struct comparison *comparison, const struct log_id *log,
                              uint64_t sequence)
{
    for (size_t i = 0; i < comparison->count; i++) {
        struct held *held = &comparison->held[i];
        if (held->sequence == sequence && log_id_equal(&held->log, log)) return held;
    }
    return NULL;
}

static bool is_on_a_branch(struct comparison *comparison, const struct digest *hash)
{
    bool row = false;
    bind_blob(comparison->branch, 1, bytes_of(hash->bytes, sizeof(hash->bytes)));
    const bool found = statement_step(comparison->branch, &row) == ST_OK && row;
    statement_reset(comparison->branch);
    return found;
}

static void compare_entry(struct comparison *comparison, const struct sim_node *edge,
                          struct statement *rows)
{
    struct header_bytes header;
    struct signature signature;
    struct log_id log;
    const uint64_t sequence = column_u64(rows, 1);
    if (column_fixed(rows, 0, log.bytes, sizeof(log.bytes)) != ST_OK ||
        column_fixed(rows, 2, header.bytes, sizeof(header.bytes)) != ST_OK ||
        column_fixed(rows, 3, signature.bytes, sizeof(signature.bytes)) != ST_OK) {
        world_fail(comparison->world, "the cloud holds each chain", "%s: row %llu is not whole",
                   edge->label, (unsigned long long)sequence);
        return;
    }
    struct held *held = find_held(comparison, &log, sequence);
    if (held != NULL && memcmp(&held->header, &header, sizeof(header)) == 0 &&
        signature_equal(&held->signature, &signature)) {
        held->matched = true;
        return;
    }
    const struct digest hash = evidence_hash(comparison->oracle->hasher, &header);
    if (lawful(comparison, TROUBLE_BRANCH) && is_on_a_branch(comparison, &hash)) return;
    world_fail(comparison->world, "the cloud holds each chain", "%s: entry %llu is %s", edge->label,
               (unsigned long long)sequence, held == NULL ? "missing" : "another one");
}

static void compare_edge(struct comparison *comparison, struct sim_node *edge)
{
    struct sim_disk *disk = NULL;
    struct db *db = NULL;
    struct statement *rows = NULL;
    bool row = false;
    const enum status status = oracle_open_copy(edge, &disk, &db);
    if (status != ST_OK) {
        world_fail(comparison->world, "no crash damages a disk", "%s: %s", edge->label,
                   status_name(status));
        oracle_close_copy(disk, db);
        return;
    }
    /* What a farewell writes (CLOSE, a last heartbeat) comes after the rest: no ack, no promise. */
    INVARIANT(statement_open(db,
                             "SELECT l.log_id, e.position - l.base, e.header, e.signature"
                             " FROM log l JOIN evidence e ON e.position > l.base"
                             " AND e.position <= l.base + l.delivered ORDER BY e.position",
                             &rows) == ST_OK);
    while (!comparison->world->failed && statement_step(rows, &row) == ST_OK && row) {
        compare_entry(comparison, edge, rows);
    }
    statement_close(rows);
    oracle_close_copy(disk, db);
}

/* ---- both --------------------------------------------------------------------------------- */

static bool may_be_lost(const struct oracle *oracle, const struct sim_publisher *publisher,
                        size_t record)
{
    for (size_t i = 0; i < oracle->receipt_count; i++) {
        const struct kept_receipt *kept = &oracle->receipts[i];
        if (kept->publisher == publisher && kept->record == record) return kept->forgiven;
    }
    return true;
}

/* On a full disk an edge lets payloads go that the cloud has; a cloud that is restored then gets
 * the entries again, but not those. */
static bool may_have_let_go(const struct comparison *comparison)
{
    return comparison->oracle->cloud_restores > 0 &&
           comparison->world->options.faults.weights[FAULT_FULL_EDGE] > 0;
}

static void check_counts(struct comparison *comparison)
{
    struct world *world = comparison->world;
    for (unsigned i = 0; i < world->publisher_count; i++) {
        const struct sim_publisher *publisher = &world->publishers[i];
        for (size_t record = 0; record < publisher->record_count; record++) {
            const unsigned times = comparison->seen[i][record];
            world->counts.entries += times;
            const bool restored = lawful(comparison, TROUBLE_AGAIN);
            if (times == 1 || (times > 1 && restored)) continue;
            if (times == 0 && restored && may_be_lost(comparison->oracle, publisher, record))
                continue;
            if (times == 0 && may_have_let_go(comparison)) continue;
            world_fail(world, times == 0 ? "nothing accepted is lost" : "exactly once",
                       "%s record %zu is in the cloud %u times", publisher->label, record, times);
        }
    }
}

static void check_held(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->count && !lawful(comparison, TROUBLE_AGAIN); i++) {
        const struct held *held = &comparison->held[i];
        if (held->matched) continue;
        world_fail(comparison->world, "the cloud holds each chain",
                   "entry %llu of some log is at no edge", (unsigned long long)held->sequence);
    }
}

static uint64_t count_rows(struct comparison *comparison, const char *sql)
{
    struct statement *rows = NULL;
    bool row = false;
    INVARIANT(statement_open(comparison->cloud, sql, &rows) == ST_OK);
    const uint64_t count = statement_step(rows, &row) == ST_OK && row ? column_u64(rows, 0) : 0;
    statement_close(rows);
    return count;
}

static void check_troubles(struct comparison *comparison)
{
    static const struct {
        const char *sql, *what;
        enum trouble trouble;
    } troubles[] = {
        {"SELECT COUNT(*) FROM evidence_fork", "entries of another branch", TROUBLE_BRANCH},
        {"SELECT COUNT(*) FROM evidence_log WHERE frozen = 1", "frozen logs", TROUBLE_BRANCH},
        {"SELECT COUNT(*) FROM evidence_rejected", "rejected entries", TROUBLE_BRANCH},
        {"SELECT COUNT(*) FROM evidence_loss", "losses", TROUBLE_BRANCH},
    };
    for (size_t i = 0; i < COUNT_OF(troubles); i++) {
        if (lawful(comparison, troubles[i].trouble)) continue;
        const uint64_t count = count_rows(comparison, troubles[i].sql);
        if (count == 0) continue;
        world_fail(comparison->world, "no fork, nothing rejected", "%llu %s",
                   (unsigned long long)count, troubles[i].what);
    }
}

/* Why, not only how many: the reason is what one looks for. */
static void check_refused(struct comparison *comparison)
{
    const bool clocks = comparison->world->options.faults.clocks;
    struct statement *rows = NULL;
    bool row = false;
    INVARIANT(statement_open(comparison->cloud,
                             "SELECT reason, count FROM refused_count WHERE count > 0"
                             " AND reason <> ?1 AND reason <> ?2",
                             &rows) == ST_OK);
    /* Some writes must be refused, and wrong clocks make stamps that must. */
    bind_i64(rows, 1, REFUSAL_WRITE);
    bind_i64(rows, 2, clocks ? REFUSAL_FUTURE : REFUSAL_WRITE);
    if (statement_step(rows, &row) == ST_OK && row) {
        world_fail(comparison->world, "no fork, nothing rejected", "%llu frames refused: %s",
                   (unsigned long long)column_u64(rows, 1),
                   refusal_words((enum refusal)column_i64(rows, 0)));
    }
    statement_close(rows);
}

static void compare_all(struct comparison *comparison)
{
    struct world *world = comparison->world;
    INVARIANT(statement_open(comparison->cloud,
                             "SELECT bytes FROM evidence_part WHERE log = ?1 AND sequence = ?2"
                             " ORDER BY part",
                             &comparison->part) == ST_OK);
    INVARIANT(statement_open(comparison->cloud,
                             "SELECT bytes FROM evidence_fork_part WHERE fork = ?1 ORDER BY part",
                             &comparison->branch_part) == ST_OK);
    INVARIANT(statement_open(comparison->cloud,
                             "SELECT 1 FROM evidence_fork WHERE hash = ?1"
                             " UNION ALL SELECT 1 FROM evidence_rejected WHERE hash = ?1",
                             &comparison->branch) == ST_OK);
    read_cloud(comparison);
    if (lawful(comparison, TROUBLE_BRANCH)) read_branches(comparison);
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        if (world->edges[i].life > 0 || world->edges[i].up) {
            compare_edge(comparison, &world->edges[i]);
        }
    }
    check_held(comparison);
    check_troubles(comparison);
    if (!lawful(comparison, TROUBLE_REFUSED)) check_refused(comparison);
    check_counts(comparison);
    statement_close(comparison->part);
    statement_close(comparison->branch_part);
    statement_close(comparison->branch);
}

static void compare(struct oracle *oracle)
{
    struct world *world = oracle->world;
    struct comparison comparison = {.oracle = oracle, .world = world};
    struct sim_disk *disk = NULL;
    if (oracle_open_copy(&world->cloud, &disk, &comparison.cloud) != ST_OK) {
        world_fail(world, "no crash damages a disk", "cloud");
        oracle_close_copy(disk, comparison.cloud);
        return;
    }
    comparison.seen = sim_allocate(world->publisher_count * sizeof(*comparison.seen));
    for (unsigned i = 0; i < world->publisher_count; i++) {
        comparison.seen[i] = sim_allocate(world->publishers[i].record_count * sizeof(unsigned));
    }
    compare_all(&comparison);
    for (unsigned i = 0; i < world->publisher_count; i++)
        free(comparison.seen[i]);
    free(comparison.seen);
    free(comparison.held);
    oracle_close_copy(disk, comparison.cloud);
}

void oracle_replicas(struct oracle *oracle)
{
    struct world *world = oracle->world;
    struct sim_disk *disk = NULL;
    struct db *cloud = NULL;
    if (oracle_open_copy(&world->cloud, &disk, &cloud) == ST_OK) {
        oracle->cloud_copy = cloud;
        oracle_tracks_final(oracle, cloud);
        if (!world->failed) oracle_config_final(oracle, cloud);
        if (!world->failed) oracle_clocks_final(oracle);
        oracle->cloud_copy = NULL;
    } else {
        world_fail(world, "no crash damages a disk", "cloud");
    }
    oracle_close_copy(disk, cloud);
}

static void check_verbs(struct oracle *oracle)
{
    struct world *world = oracle->world;
    enum status status = world_verb(world, &world->cloud, "evidence-verify", NULL, 0);
    if (status != ST_OK) {
        world_fail(world, "verify", "cloud: %s", status_name(status));
    }
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        if (world->edges[i].stopped) continue;
        status = world_verb(world, &world->edges[i], "verify", NULL, 0);
        if (status == ST_OK) continue;
        world_fail(world, "verify", "%s: %s", world->edges[i].label, status_name(status));
    }
}

void oracle_final(struct oracle *oracle)
{
    struct world *world = oracle->world;
    if (!world->options.skip_verify) check_verbs(oracle);
    if (!world->failed) compare(oracle);
    if (!world->failed) oracle_replicas(oracle);
}
