/* audit.c - the ingest rule binds every entry to a signed root; the auditor verifies each entry's
 * own signature afterwards, when nothing else is to do. Its cursor is kept with each log, so that
 * no entry is forgotten and none is verified twice. What it finds is the node's own doing, proved
 * by the root that the node signed: it is recorded and alarmed, never repaired. */
#include "cloud-consumer/engine.h"

enum status cloud_alarm(struct cloud *cloud, const struct node_row *node, const struct log_row *log,
                        uint64_t sequence, const char *what)
{
    const struct alarm_row row = {
        .log = log->id,
        .sequence = sequence,
        .what = what,
        .at_ms = cloud_wall_ms(cloud),
    };
    const enum status status = STORE(cloud, alarm_add, &row);
    if (status == ST_DUPLICATE) return ST_OK;
    if (status == ST_OK) {
        trace_line(&cloud->port->trace, TRACE_ALARM, "audit %s/%llu: %s", node->name.text,
                   (unsigned long long)sequence, what);
    }
    return status;
}

static void leave_log(struct cloud_audit *audit)
{
    audit->after = audit->log;
    audit->log = 0;
}

/* The log to go on with; its row is read anew in each slice, for it may have grown. */
static enum status current_log(struct cloud *cloud, struct log_row *out)
{
    struct cloud_audit *const audit = &cloud->audit;
    if (audit->log != 0) return STORE(cloud, log_next, 0, audit->log - 1, out);
    TRY(STORE(cloud, log_audit_next, audit->after, out));
    audit->log = out->id;
    audit->verified = out->audited;
    return ST_OK;
}

static enum status verify_some(struct cloud *cloud, const struct node_row *node,
                               struct log_row *log, const struct stored_run *stored)
{
    struct cloud_audit *const audit = &cloud->audit;
    const uint64_t first = stored->row.first_sequence;
    if (first > audit->verified + 1) audit->verified = first - 1; /* a lost range */
    for (int i = 0; i < AUDIT_SLICE_SIGNATURES; i++) {
        if (audit->verified == stored->row.last_sequence) break;
        const uint64_t sequence = ++audit->verified;
        const struct evidence_entry *const entry = &stored->run->entries[sequence - first];
        if (evidence_signature_ok(&log->key, &entry->header, &entry->signature)) continue;
        TRY(cloud_alarm(cloud, node, log, sequence, "the entry's own signature does not verify"));
    }
    if (audit->verified != stored->row.last_sequence) return ST_OK;
    /* The cursor moves run by run: a crash costs a few signatures, not an fsync for each slice. */
    log->audited = audit->verified;
    if (log->audited >= log->head.sequence) leave_log(audit);
    return STORE(cloud, log_save, log, &log->head);
}

enum status cloud_audit_slice(struct cloud *cloud)
{
    struct cloud_audit *const audit = &cloud->audit;
    struct log_row log;
    struct node_row node;
    const struct stored_run *stored = NULL;
    enum status status = current_log(cloud, &log);
    if (status == ST_NOT_FOUND) {
        /* A whole round without finding anything ends the work until new entries come. */
        audit->due = audit->found;
        audit->found = false;
        audit->after = 0;
        audit->log = 0;
        return ST_OK;
    }
    if (status == ST_TAMPERED) {
        /* A damaged row: evidence-verify names it; the logs behind it are audited all the same. */
        audit->after = audit->log != 0 ? audit->log : audit->after + 1;
        audit->log = 0;
        return ST_OK;
    }
    if (status != ST_OK) return status;
    status = STORE(cloud, node_next, log.node - 1, &node);
    if (status == ST_OK && node.id != log.node) status = ST_TAMPERED;
    if (status == ST_OK) {
        status =
            cloud_stored_run(cloud, log.id, &log.log, &node.name, audit->verified + 1, &stored);
    }
    if (status == ST_OK) {
        audit->found = true;
        status = verify_some(cloud, &node, &log, stored);
        return status == ST_CONFLICT ? ST_OK : status;
    }
    if (status != ST_TAMPERED && status != ST_NOT_FOUND) return status;
    leave_log(audit);
    return cloud_alarm(cloud, &node, &log, audit->verified + 1,
                       "the stored entries cannot be read");
}
