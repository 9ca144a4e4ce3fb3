/* oracle_config.c - what must be true of config and clocks: all registers are equal everywhere, and
 * no honest later write was lost.
 *
 * A write is recognised by the number in its value. What counts is when it was really made, in the
 * world's own time: of two writes of one key that the cloud could admit, the one made later must
 * win, whatever the clocks of their nodes said meanwhile. Allowed for are
 *   - MARGIN_MS, since no clock is exact: eps, and half a round trip of the slowest hello
 *   - a clock that is ahead by less than the greatest eps: its stamps are taken as they are, so its
 *     writes count for as late as they say
 *   - a clock that was set, but is behind: its writes count for as early as they say
 *   - a wrong clock over a reboot: nobody knows how long ago a write of the boot before was made,
 *     so it counts as made when the machine came up
 * A key whose epoch was raised follows the epochs. A restored node or cloud may lose what came
 * after the copy; that all agree, and that all that comes later is kept, holds then too. */
#include "tests/sim/oracle_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/data/hlc.h"
#include "edge-bridge/edge_state.h"
#include "tests/sim/oracle_state.h"

enum { MARGIN_MS = 20 * 1000, SCOPES_MAX = 32, CLOCK_WRONG_MS = 10 * 1000 };

struct config_oracle {
    struct config_deed *deeds;
    size_t count, capacity;
    size_t raised_count;
    char raised_keys[ACTOR_KEYS][16];
};

void config_oracle_open(struct oracle *oracle)
{
    oracle->config = sim_allocate(sizeof(*oracle->config));
}

void config_oracle_close(struct oracle *oracle)
{
    free(oracle->config->deeds);
    free(oracle->config);
}

/* ---- what was written --------------------------------------------------------------------- */

static int64_t true_ms(const struct world *world)
{
    return SIM_EPOCH_MS + (int64_t)(world->now_ns / SIM_MS);
}

void oracle_writes(struct oracle *oracle, const struct config_deed *deed)
{
    struct config_oracle *config = oracle->config;
    config->deeds =
        sim_grow(config->deeds, config->count, &config->capacity, sizeof(*config->deeds));
    struct config_deed *mine = &config->deeds[config->count++];
    *mine = *deed;
    mine->least_ms = mine->latest_ms = true_ms(oracle->world);
}

static struct config_deed *deed_of(struct oracle *oracle, unsigned number)
{
    struct config_oracle *config = oracle->config;
    for (size_t i = 0; i < config->count; i++) {
        if (config->deeds[i].number == number) return &config->deeds[i];
    }
    return NULL;
}

/* The clock's newest stamp is the write's, or a little above it. */
static void judge_clock(struct oracle *oracle, struct config_deed *deed)
{
    const struct edge *edge = deed->node->edge;
    if (deed->node->is_cloud || edge == NULL) return;
    const int64_t ahead_ms = hlc_ms(edge->hlc.last) - true_ms(oracle->world);
    if (ahead_ms > 0 && ahead_ms <= HLC_EPS_MAX_MS) deed->latest_ms += ahead_ms;
    if (ahead_ms < 0 && edge->clock.known) deed->least_ms += ahead_ms;
    deed->wrong = !edge->clock.known || ahead_ms > HLC_EPS_MIN_MS || ahead_ms < -HLC_EPS_MIN_MS;
}

void oracle_wrote(struct oracle *oracle, unsigned number, enum status status)
{
    struct config_deed *deed = deed_of(oracle, number);
    deed->sure = status == ST_OK;
    if (status == ST_OK) {
        judge_clock(oracle, deed);
    } else if (status != ST_AGAIN && status != ST_DENIED && status != ST_FULL &&
               !(deed->deleted && status == ST_NOT_FOUND)) {
        world_fail(oracle->world, "honest writes are accepted", "%s number %u: %s",
                   deed->node->label, number, status_name(status));
    }
}

void oracle_epoch(struct oracle *oracle, const char *key)
{
    struct config_oracle *config = oracle->config;
    for (size_t i = 0; i < config->raised_count; i++) {
        if (strcmp(config->raised_keys[i], key) == 0) return;
    }
    INVARIANT(config->raised_count < ACTOR_KEYS);
    snprintf(config->raised_keys[config->raised_count++], sizeof(config->raised_keys[0]), "%s",
             key);
}

void oracle_booted(struct oracle *oracle, const struct sim_node *node)
{
    struct config_oracle *config = oracle->config;
    for (size_t i = 0; i < config->count; i++) {
        struct config_deed *deed = &config->deeds[i];
        if (deed->node != node || !deed->wrong) continue;
        if (deed->latest_ms < true_ms(oracle->world)) deed->latest_ms = true_ms(oracle->world);
    }
}

void config_oracle_backed_up(struct oracle *oracle, const struct sim_node *node)
{
    struct config_oracle *config = oracle->config;
    for (size_t i = 0; i < config->count; i++) {
        if (config->deeds[i].node == node) config->deeds[i].in_backup = true;
    }
}

/* A cloud that goes back takes with it what no edge can give back. */
void config_oracle_restored(struct oracle *oracle, const struct sim_node *node)
{
    struct config_oracle *config = oracle->config;
    for (size_t i = 0; i < config->count; i++) {
        struct config_deed *deed = &config->deeds[i];
        if (node->is_cloud || (deed->node == node && !deed->in_backup)) deed->forgiven = true;
    }
}

/* ---- registers ---------------------------------------------------------------------------- */

struct registers {
    struct oracle *oracle;
    struct world *world;
    struct db *cloud;
    struct statement *find; /* one of the cloud's, by scope and key */
};

static enum status read_register(struct statement *rows, int column, struct config_key *key,
                                 struct config_register *reg)
{
    return config_decode(column_bytes(rows, column), key, reg);
}

static struct bytes name_bytes(const struct level_name *name)
{
    return bytes_of_text(name->text);
}

/* The cloud's register of this key, as its canonical bytes; empty: it has none. Borrowed until the
 * next call. */
static struct bytes find_register(struct registers *all, const struct config_key *key)
{
    bool row = false;
    statement_reset(all->find);
    bind_i64(all->find, 1, key->scope.kind);
    bind_text(all->find, 2, name_bytes(&key->scope.name));
    bind_text(all->find, 3, name_bytes(&key->name));
    if (statement_step(all->find, &row) != ST_OK || !row) return BYTES_EMPTY;
    return column_bytes(all->find, 0);
}

static bool was_raised(const struct config_oracle *config, const struct config_key *key)
{
    for (size_t i = 0; i < config->raised_count; i++) {
        if (strcmp(config->raised_keys[i], key->name.text) == 0) return true;
    }
    return false;
}

/* The latest that the winner may count as made; INT64_MIN: nobody of ours wrote it. A deleted
 * register has no number: it may be any deletion by its node. */
static int64_t made_ms(const struct config_oracle *config, const struct config_key *key,
                       const struct config_register *reg)
{
    int64_t latest_ms = INT64_MIN;
    const unsigned number = reg->deleted ? 0 : value_number(&reg->value);
    for (size_t i = 0; i < config->count; i++) {
        const struct config_deed *deed = &config->deeds[i];
        const bool same = reg->deleted ? deed->deleted : deed->number == number && !deed->deleted;
        if (!same || !config_key_equal(&deed->key, key)) continue;
        if (!node_name_equal(&deed->node->name, &reg->node)) continue;
        if (deed->latest_ms > latest_ms) latest_ms = deed->latest_ms;
    }
    return latest_ms;
}

static void describe(const struct config_key *key, char out[160])
{
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    config_scope_text(&key->scope, scope);
    snprintf(out, 160, "%s of %s", key->name.text, scope);
}

/* No write that the cloud could admit was made later than the winner. */
static void check_winner(struct registers *all, const struct config_key *key,
                         const struct config_register *reg)
{
    const struct config_oracle *config = all->oracle->config;
    char what[160];
    describe(key, what);
    if (was_raised(config, key)) return;
    const int64_t winner_ms = made_ms(config, key, reg);
    if (winner_ms == INT64_MIN) {
        world_fail(all->world, "nothing comes from nowhere", "%s holds what nobody wrote", what);
        return;
    }
    for (size_t i = 0; i < config->count; i++) {
        const struct config_deed *deed = &config->deeds[i];
        if (!deed->sure || deed->refused || deed->doubtful || deed->forgiven) continue;
        if (!config_key_equal(&deed->key, key) || deed->least_ms <= winner_ms + MARGIN_MS) continue;
        world_fail(all->world, "no honest later write is lost",
                   "%s: %s wrote number %u, %lld ms after %s's number %u, which won", what,
                   deed->node->label, deed->number, (long long)(deed->least_ms - winner_ms),
                   reg->node.text, value_number(&reg->value));
    }
}

/* The greatest that was ever admitted is what stands. */
static void check_history(struct registers *all, const struct config_key *key,
                          const struct config_register *reg)
{
    struct statement *rows = NULL;
    bool row = false;
    char what[160];
    describe(key, what);
    INVARIANT(statement_open(all->cloud, "SELECT bytes FROM config_history WHERE name = ?1",
                             &rows) == ST_OK);
    bind_text(rows, 1, name_bytes(&key->name));
    bool found = false;
    while (!all->world->failed && statement_step(rows, &row) == ST_OK && row) {
        struct config_key other_key;
        struct config_register other;
        if (read_register(rows, 0, &other_key, &other) != ST_OK) continue;
        if (!config_key_equal(&other_key, key)) continue;
        const int order = config_compare(&other, reg);
        found = found || order == 0;
        if (order > 0)
            world_fail(all->world, "the greatest admitted write stands", "%s does not", what);
    }
    if (!found && !all->world->failed) {
        world_fail(all->world, "the greatest admitted write stands", "%s was never admitted", what);
    }
    statement_close(rows);
}

static void check_cloud(struct registers *all)
{
    struct statement *rows = NULL;
    bool row = false;
    uint8_t *copy = sim_allocate(CONFIG_BYTES_MAX);
    INVARIANT(statement_open(all->cloud, "SELECT bytes FROM config_register", &rows) == ST_OK);
    while (!all->world->failed && statement_step(rows, &row) == ST_OK && row) {
        struct config_key key;
        struct config_register reg;
        const struct bytes bytes = column_bytes(rows, 0);
        INVARIANT(bytes.size <= CONFIG_BYTES_MAX);
        memcpy(copy, bytes.data, bytes.size);
        if (config_decode(bytes_of(copy, bytes.size), &key, &reg) != ST_OK) {
            world_fail(all->world, "a register can be read", "at the cloud");
            break;
        }
        check_winner(all, &key, &reg);
        check_history(all, &key, &reg);
    }
    statement_close(rows);
    free(copy);
}

/* Every accepted write left a register. */
static void check_deeds(struct registers *all)
{
    const struct config_oracle *config = all->oracle->config;
    for (size_t i = 0; i < config->count && !all->world->failed; i++) {
        const struct config_deed *deed = &config->deeds[i];
        char what[160];
        if (!deed->sure || deed->refused || deed->doubtful || deed->forgiven) continue;
        if (find_register(all, &deed->key).size > 0) continue;
        describe(&deed->key, what);
        world_fail(all->world, "nothing accepted is lost", "%s: number %u of %s", what,
                   deed->number, deed->node->label);
    }
}

/* ---- edges -------------------------------------------------------------------------------- */

struct scopes {
    size_t count;
    struct config_scope scopes[SCOPES_MAX];
};

/* What holds for a node: the fleet, its groups, itself. */
static void scopes_of(struct registers *all, const struct sim_node *edge, struct scopes *out)
{
    struct statement *rows = NULL;
    bool row = false;
    *out = (struct scopes){.count = 1};
    INVARIANT(statement_open(all->cloud,
                             "SELECT g.name FROM node_group g JOIN node n ON n.id = g.node"
                             " WHERE n.name = ?1 ORDER BY g.name",
                             &rows) == ST_OK);
    bind_text(rows, 1, bytes_of_text(edge->name.text));
    while (statement_step(rows, &row) == ST_OK && row && out->count < SCOPES_MAX - 1) {
        const struct bytes name = column_bytes(rows, 0);
        struct config_scope *scope = &out->scopes[out->count++];
        *scope = (struct config_scope){.kind = CONFIG_SCOPE_GROUP};
        memcpy(scope->name.text, name.data, name.size);
    }
    statement_close(rows);
    struct config_scope *own = &out->scopes[out->count++];
    *own = (struct config_scope){.kind = CONFIG_SCOPE_NODE};
    snprintf(own->name.text, sizeof(own->name.text), "%s", edge->name.text);
}

static bool scope_is(const struct config_scope *a, const struct config_scope *b)
{
    return config_scope_compare(a, b) == 0;
}

bool oracle_share_a_group(struct oracle *oracle, const struct sim_node *a, const struct sim_node *b)
{
    struct registers all = {.oracle = oracle, .world = oracle->world, .cloud = oracle->cloud_copy};
    struct scopes of_a, of_b;
    scopes_of(&all, a, &of_a);
    scopes_of(&all, b, &of_b);
    for (size_t i = 0; i < of_a.count; i++) {
        for (size_t k = 0; k < of_b.count; k++) {
            if (of_a.scopes[i].kind == CONFIG_SCOPE_GROUP &&
                scope_is(&of_a.scopes[i], &of_b.scopes[k]))
                return true;
        }
    }
    return false;
}

static void say_difference(struct registers *all, const struct sim_node *edge, const char *what,
                           const struct config_register *mine, struct bytes cloud)
{
    struct config_key key;
    struct config_register other = {0};
    if (cloud.size > 0) INVARIANT(config_decode(cloud, &key, &other) == ST_OK);
    world_fail(all->world, "registers are equal everywhere",
               "%s: %s is number %u by %s, %lld ms %s the cloud's %u by %s", edge->label, what,
               mine->deleted ? 0 : value_number(&mine->value), mine->node.text,
               (long long)(hlc_ms(mine->hlc) - hlc_ms(other.hlc)),
               cloud.size > 0 ? "after" : "since 1970, not", value_number(&other.value),
               other.node.text);
}

/* Each register that the edge holds of a scope that holds for it is the cloud's. Returns how many
 * there are. */
static size_t compare_registers(struct registers *all, const struct sim_node *edge, struct db *db,
                                const struct scopes *scopes)
{
    struct statement *rows = NULL;
    bool row = false;
    size_t count = 0;
    INVARIANT(statement_open(db, "SELECT bytes FROM config_register", &rows) == ST_OK);
    while (!all->world->failed && statement_step(rows, &row) == ST_OK && row) {
        struct config_key key;
        struct config_register reg;
        char what[160];
        bool holds = false;
        const struct bytes bytes = column_bytes(rows, 0);
        if (config_decode(bytes, &key, &reg) != ST_OK) {
            world_fail(all->world, "a register can be read", "at %s", edge->label);
            break;
        }
        for (size_t i = 0; i < scopes->count; i++)
            holds = holds || scope_is(&scopes->scopes[i], &key.scope);
        if (!holds) continue;
        count++;
        if (bytes_equal(find_register(all, &key), bytes)) continue;
        describe(&key, what);
        say_difference(all, edge, what, &reg, find_register(all, &key));
    }
    statement_close(rows);
    return count;
}

static size_t count_registers(struct registers *all, const struct scopes *scopes)
{
    struct statement *rows = NULL;
    bool row = false;
    size_t count = 0;
    INVARIANT(statement_open(all->cloud,
                             "SELECT COUNT(*) FROM config_register WHERE kind = ?1 AND scope = ?2",
                             &rows) == ST_OK);
    for (size_t i = 0; i < scopes->count; i++) {
        bind_i64(rows, 1, scopes->scopes[i].kind);
        bind_text(rows, 2, name_bytes(&scopes->scopes[i].name));
        if (statement_step(rows, &row) == ST_OK && row) count += column_u64(rows, 0);
        statement_reset(rows);
    }
    statement_close(rows);
    return count;
}

static void check_pending(struct registers *all, const struct sim_node *edge, struct db *db)
{
    struct statement *rows = NULL;
    bool row = false;
    INVARIANT(statement_open(db, "SELECT COUNT(*) FROM config_write WHERE reason IN (0, 1)",
                             &rows) == ST_OK);
    if (statement_step(rows, &row) == ST_OK && row && column_u64(rows, 0) > 0) {
        world_fail(all->world, "everything is judged", "%s: %llu writes wait", edge->label,
                   (unsigned long long)column_u64(rows, 0));
    }
    statement_close(rows);
}

/* The retained value on the node's own broker is that of the narrowest scope that has one. */
static void check_effective(struct registers *all, const struct sim_node *edge,
                            const struct scopes *scopes, const char *key_name)
{
    struct config_candidate candidates[SCOPES_MAX];
    struct config_register found[SCOPES_MAX];
    uint8_t *bytes = sim_allocate(SCOPES_MAX * 256);
    char topic[TOPIC_SIZE_MAX], wanted[64];
    size_t count = 0;
    for (size_t i = 0; i < scopes->count; i++) {
        struct config_key key = {.scope = scopes->scopes[i]};
        snprintf(key.name.text, sizeof(key.name.text), "%s", key_name);
        const struct bytes reg = find_register(all, &key);
        if (reg.size == 0 || reg.size > 256) continue;
        memcpy(bytes + 256 * count, reg.data, reg.size);
        INVARIANT(config_decode(bytes_of(bytes + 256 * count, reg.size), &key, &found[count]) ==
                  ST_OK);
        candidates[count] = (struct config_candidate){key.scope.kind, &found[count]};
        count++;
    }
    const struct config_register *effective = config_effective(candidates, count);
    snprintf(topic, sizeof(topic), "local/config/%s", key_name);
    const struct world_broker *local = edge->links[LINK_LOCAL].broker;
    const struct sim_message *said = sim_broker_retained(local->broker, bytes_of_text(topic));
    if (effective != NULL) {
        const unsigned number = value_number(&effective->value);
        snprintf(wanted, sizeof(wanted),
                 effective->value.type == CONFIG_INT ? "\"value\":%u," : "\"value\":\"w-%u\"",
                 number);
    }
    const bool good = effective == NULL
                          ? said == NULL
                          : said != NULL && memmem(said->payload.data, said->payload.size, wanted,
                                                   strlen(wanted)) != NULL;
    if (!good) {
        world_fail(all->world, "the effective value is right", "%s: %s is %.*s instead of %s",
                   edge->label, key_name, said == NULL ? 7 : (int)said->payload.size,
                   said == NULL ? "nothing" : (const char *)said->payload.data,
                   effective == NULL ? "nothing" : wanted);
    }
    free(bytes);
}

static void check_edge(struct registers *all, struct sim_node *edge)
{
    static const char *const names[] = {"any-0", "any-1", "own-0", "own-1", "locked", "typed"};
    struct scopes scopes;
    struct sim_disk *disk = NULL;
    struct db *db = NULL;
    scopes_of(all, edge, &scopes);
    if (oracle_open_copy(edge, &disk, &db) == ST_OK) {
        const size_t held = compare_registers(all, edge, db, &scopes);
        const size_t wanted = count_registers(all, &scopes);
        if (held != wanted && !all->world->failed) {
            world_fail(all->world, "registers are equal everywhere", "%s holds %zu of %zu",
                       edge->label, held, wanted);
        }
        check_pending(all, edge, db);
    } else {
        world_fail(all->world, "no crash damages a disk", "%s", edge->label);
    }
    oracle_close_copy(disk, db);
    for (size_t i = 0; i < COUNT_OF(names) && !all->world->failed; i++) {
        check_effective(all, edge, &scopes, names[i]);
    }
}

/* What an operator sees: all nodes have reported, and none differs. */
static void check_reports(struct registers *all)
{
    struct statement *rows = NULL;
    bool row = false;
    INVARIANT(statement_open(all->cloud,
                             "SELECT n.name, s.config_differs FROM node n LEFT JOIN node_sync s"
                             " ON s.node = n.id WHERE n.revoked = 0 AND"
                             " (s.reported_ms IS NULL OR s.reported_ms = 0 OR s.config_differs)",
                             &rows) == ST_OK);
    if (statement_step(rows, &row) == ST_OK && row) {
        const struct bytes name = column_bytes(rows, 0);
        world_fail(all->world, "desired and reported agree", "%.*s has not %s", (int)name.size,
                   (const char *)name.data, column_is_null(rows, 1) ? "reported" : "applied all");
    }
    statement_close(rows);
}

void oracle_config_final(struct oracle *oracle, struct db *cloud)
{
    struct registers all = {.oracle = oracle, .world = oracle->world, .cloud = cloud};
    if (oracle->config->count == 0) return;
    INVARIANT(statement_open(cloud,
                             "SELECT bytes FROM config_register WHERE kind = ?1 AND scope = ?2"
                             " AND name = ?3",
                             &all.find) == ST_OK);
    check_cloud(&all);
    check_deeds(&all);
    for (unsigned i = 0; i < oracle->world->edge_count && !oracle->world->failed; i++) {
        if (oracle->world->edges[i].up) check_edge(&all, &oracle->world->edges[i]);
    }
    if (!oracle->world->failed) check_reports(&all);
    statement_close(all.find);
}

/* ---- clocks ------------------------------------------------------------------------------- */

void oracle_clocks_final(struct oracle *oracle)
{
    struct world *world = oracle->world;
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        const struct sim_node *node = &world->edges[i];
        if (!node->up || !node->edge->daemon) continue;
        const int64_t wall_ms = sim_clock_wall_ns(&node->clock, world->now_ns) / 1000000;
        const int64_t corrected_ms = wall_ms + node->edge->clock.offset_ms;
        const int64_t off_ms = corrected_ms - true_ms(world);
        if (node->edge->clock.known && off_ms < CLOCK_WRONG_MS && off_ms > -CLOCK_WRONG_MS)
            continue;
        world_fail(world, "clocks heal", "%s is off by %lld ms%s", node->label, (long long)off_ms,
                   node->edge->clock.known ? "" : ", and knows no time");
    }
}
