/* verify.c - the ingest rule: one function, and no switch to weaken it.
 *
 * The decoder has rebuilt every header and computed the chain of hashes. Here each new entry must
 * continue the log's head, go into the tree, and be acceptable in itself; then the root must be the
 * one that the log's own key has signed for exactly this size. The checkpoint commits to every byte
 * of every header and signature, so no other signature needs checking now: GENESIS aside, which
 * makes the key known. An entry that is proved but cannot be accepted is poison: it is told apart,
 * and the chain goes on over it. */
#include <string.h>

#include "cloud-consumer/engine.h"

/* The types that must be understood before the log may go on past them in good faith. */
static bool is_critical(uint16_t type)
{
    return type <= EVIDENCE_CRITICAL_MAX;
}

static enum poison judge_type_entry(struct cloud *cloud, const struct evidence_entry *entry,
                                    struct log_row *state, struct named_type *type)
{
    struct type_entry named;
    if (type_entry_decode(cloud->control_unpacker, entry->payload, &named) != ST_OK)
        return POISON_CONTROL;
    if (!ids_level_name_ok(named.name)) return POISON_CONTROL;
    const uint32_t next = EVIDENCE_FIRST_NAMED + state->type_count;
    const uint32_t last = EVIDENCE_FIRST_NAMED + LOG_TYPES_MAX - 1;
    /* Over a lost range the numbers may have gone on without us, but never back. */
    if (named.number > last || named.number < next) return POISON_TYPE_NUMBER;
    if (named.number != next && !state->lossy) return POISON_TYPE_NUMBER;
    state->type_count = named.number - EVIDENCE_FIRST_NAMED + 1u;
    *type = (struct named_type){named.number, named.name};
    return POISON_NONE;
}

static enum poison judge_loss(struct cloud *cloud, const struct evidence_header *header,
                              const struct evidence_entry *entry)
{
    struct loss *const loss = cloud->loss;
    if (loss_decode(cloud->control_unpacker, entry->payload, loss) != ST_OK) return POISON_CONTROL;
    return loss->to < header->sequence ? POISON_NONE : POISON_CONTROL;
}

/* Control entries that only inform: their form is all there is to judge. */
static enum poison judge_note(struct cloud *cloud, uint16_t type, struct bytes payload)
{
    struct unpacker *const unpacker = cloud->control_unpacker;
    struct boot_entry boot;
    struct clock_entry clock;
    struct heartbeat heartbeat;
    enum status status = ST_OK; /* other control types are none of our business */
    if (type == EVIDENCE_BOOT) status = boot_entry_decode(unpacker, payload, &boot);
    if (type == EVIDENCE_CLOCK) status = clock_entry_decode(unpacker, payload, &clock);
    if (type == EVIDENCE_HEARTBEAT) status = heartbeat_decode(unpacker, payload, &heartbeat);
    return status == ST_OK ? POISON_NONE : POISON_CONTROL;
}

static enum poison judge_control(struct cloud *cloud, const struct evidence_header *header,
                                 const struct evidence_entry *entry, struct log_row *state,
                                 struct named_type *type)
{
    struct bytes reason;
    if (entry->form != PAYLOAD_INLINE)
        return is_critical(header->type) ? POISON_CONTROL : POISON_NONE;
    switch (header->type) {
    case EVIDENCE_GENESIS:
        return header->sequence == 1 ? POISON_NONE : POISON_GENESIS;
    case EVIDENCE_TYPE:
        return judge_type_entry(cloud, entry, state, type);
    case EVIDENCE_LOSS:
        return judge_loss(cloud, header, entry);
    case EVIDENCE_CLOSE:
        if (close_decode(cloud->control_unpacker, entry->payload, &reason) != ST_OK)
            return POISON_CONTROL;
        state->closed = true;
        return POISON_NONE;
    default:
        /* Rotations and prunings change what later entries mean; until their rules are built here
         * they are kept as poison, for a later readmission. */
        if (is_critical(header->type)) return POISON_TYPE_UNKNOWN;
        return judge_note(cloud, header->type, entry->payload);
    }
}

enum poison cloud_judge_entry(struct cloud *cloud, const struct evidence_header *header,
                              const struct evidence_entry *entry, struct log_row *state,
                              struct named_type *type)
{
    type->number = 0;
    if (state->closed) return POISON_CLOSED;
    if (!evidence_understood(header)) return POISON_TYPE_UNKNOWN;
    if (header->hlc <= state->head.hlc) return POISON_CLOCK;
    if (evidence_is_control(header->type)) return judge_control(cloud, header, entry, state, type);
    const uint32_t named = EVIDENCE_FIRST_NAMED + state->type_count;
    return header->type < named || state->lossy ? POISON_NONE : POISON_TYPE_UNNAMED;
}

bool cloud_loss_of(struct cloud *cloud, const struct evidence_header *header,
                   const struct evidence_entry *entry, struct loss_row *out)
{
    if (header->type != EVIDENCE_LOSS || entry->form != PAYLOAD_INLINE) return false;
    if (judge_loss(cloud, header, entry) != POISON_NONE) return false;
    const struct loss *const loss = cloud->loss;
    if (loss->payload_only) return false;
    uint8_t levels[LOSS_NODES_MAX];
    if (loss->node_count != tree_range_levels(loss->from - 1, loss->to, levels)) return false;
    *out = (struct loss_row){
        .from = loss->from,
        .to = loss->to,
        .loss_sequence = header->sequence,
        .last_hash = loss->last_hash,
        .node_count = loss->node_count,
    };
    for (size_t i = 0; i < loss->node_count; i++)
        out->nodes[i] = loss->nodes[i];
    return true;
}

/* The log begins: the entry must say which key it is, and that key must have signed it. */
static bool genesis_ok(struct cloud *cloud, const struct evidence_header *header,
                       const struct evidence_entry *entry, struct log_row *log)
{
    struct genesis genesis;
    if (header->type != EVIDENCE_GENESIS || entry->form != PAYLOAD_INLINE) return false;
    if (genesis_decode(cloud->control_unpacker, entry->payload, &genesis) != ST_OK) return false;
    if (!public_key_equal(&genesis.key, &log->key)) return false;
    if (!evidence_signature_ok(&log->key, &entry->header, &entry->signature)) return false;
    log->has_previous = genesis.has_previous;
    if (genesis.has_previous) log->previous = genesis.previous_log;
    return true;
}

static void check_announced(struct cloud *cloud, struct verdict *verdict)
{
    const struct log_row *const after = &verdict->after;
    if (after->announced.size != after->tree.size) return;
    const struct digest root = tree_root(&after->tree, cloud->hasher);
    if (!digest_equal(&root, &after->announced.root)) verdict->announced_forked = true;
}

static void cross_loss(struct cloud *cloud, const struct loss_row *loss, struct log_row *log)
{
    uint8_t levels[LOSS_NODES_MAX];
    const size_t count = tree_range_levels(loss->from - 1, loss->to, levels);
    INVARIANT(count == loss->node_count);
    for (size_t i = 0; i < count; i++)
        tree_append_subtree(&log->tree, cloud->hasher, levels[i], &loss->nodes[i], NULL);
    log->head.sequence = loss->to;
    log->head.hash = loss->last_hash;
    log->lossy = true;
}

static enum refusal take_entry(struct cloud *cloud, const struct run_claim *claim, size_t index,
                               struct verdict *out)
{
    const struct evidence_entry *const entry = &claim->run->entries[index];
    struct log_row *const after = &out->after;
    struct evidence_header header;
    if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) != ST_OK)
        return REFUSAL_BODY;
    const enum status follows = evidence_follows(&after->head, &header);
    if (follows != ST_OK && follows != ST_FORGED) return REFUSAL_CHECKPOINT;
    if (header.sequence == 1 && !genesis_ok(cloud, &header, entry, after)) return REFUSAL_GENESIS;
    struct named_type type;
    enum poison poison = cloud_judge_entry(cloud, &header, entry, after, &type);
    if (poison == POISON_NONE && index == claim->parts_poison) poison = POISON_PARTS;
    if (poison != POISON_NONE)
        out->poison[out->poison_count++] = (struct poison_entry){(uint16_t)index, poison};
    else if (type.number != 0)
        out->types[out->type_count++] = type;
    const struct digest leaf = evidence_leaf(cloud->hasher, &entry->header, &entry->signature);
    tree_append(&after->tree, cloud->hasher, &leaf, NULL);
    after->head.sequence = header.sequence;
    after->head.hash = claim->run->hashes[index];
    if (poison == POISON_NONE) after->head.hlc = header.hlc;
    check_announced(cloud, out);
    return REFUSAL_COUNT;
}

enum refusal cloud_verify(struct cloud *cloud, const struct run_claim *claim, struct verdict *out)
{
    const struct evidence_run *const run = claim->run;
    out->after = *claim->log;
    out->announced_forked = false;
    out->poison_count = 0;
    out->type_count = 0;
    const struct key_id epoch = key_id_of(&claim->log->key);
    if (memcmp(run->key_id.bytes, epoch.bytes, KEY_ID_SIZE) != 0 ||
        memcmp(run->checkpoint_key_id.bytes, epoch.bytes, KEY_ID_SIZE) != 0)
        return REFUSAL_KEY;
    if (claim->loss != NULL) cross_loss(cloud, claim->loss, &out->after);
    for (size_t i = claim->first; i < run->count; i++) {
        const enum refusal refusal = take_entry(cloud, claim, i, out);
        if (refusal != REFUSAL_COUNT) return refusal;
    }
    const struct digest root = tree_root(&out->after.tree, cloud->hasher);
    if (run->checkpoint.size != out->after.tree.size || !digest_equal(&root, &run->checkpoint.root))
        return REFUSAL_CHECKPOINT;
    if (!checkpoint_ok(&claim->log->key, &claim->node->name, &claim->log->log, &run->checkpoint))
        return REFUSAL_CHECKPOINT;
    if (run->checkpoint.size >= out->after.announced.size) out->after.announced = run->checkpoint;
    return REFUSAL_COUNT;
}
