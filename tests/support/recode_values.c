/* recode_values.c - decode and encode again: tracks and config. */
#include "tests/support/recode_values.h"

#include "common/data/config.h"
#include "common/data/track_codec.h"
#include "common/wire/config_msg.h"
#include "common/wire/nack_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/roster_msg.h"
#include "common/wire/state_msg.h"
#include "common/wire/track_msg.h"

/* The recoder's own unpacker is its own; this one lives as long as the process. */
static struct unpacker *unpacker(void)
{
    static struct unpacker *opened;
    if (opened == NULL) INVARIANT(unpacker_open(&opened) == ST_OK);
    return opened;
}

enum status recode_track_state(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct track track;
    (void)recoder;
    TRY(track_decode(in, &track));
    track_encode(&track, out);
    return ST_OK;
}

enum status recode_config_register(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct config_key key;
    struct config_register reg;
    (void)recoder;
    TRY(config_decode(in, &key, &reg));
    config_encode(&key, &reg, out);
    return ST_OK;
}

enum status recode_track_msg(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct track_batch batch;
    static struct track_batch_writer writer;
    static struct track track;
    static uint8_t scratch[BODY_UNPACKED_SIZE_MAX];
    (void)recoder;
    TRY(track_msg_decode(unpacker(), in, &track, &batch));
    track_batch_begin(&writer, batch.head.base_ms, scratch, sizeof scratch);
    struct level_name name;
    size_t offset = 0;
    while (track_batch_next(&batch, &offset, &name, &track))
        INVARIANT(track_batch_add(&writer, &name, &track, SIZE_MAX) == ST_OK);
    INVARIANT(writer.track_count == batch.track_count);
    track_msg_encode(&batch.head, &writer, out);
    return ST_OK;
}

enum status recode_config_msg(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct config_entry entry;
    (void)recoder;
    TRY(config_msg_decode(unpacker(), in, &entry));
    config_msg_pack(&entry, out);
    return ST_OK;
}

enum status recode_config_writes(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct config_writes writes;
    static uint8_t scratch[BODY_UNPACKED_SIZE_MAX];
    struct config_writes_writer writer;
    (void)recoder;
    TRY(config_writes_decode(unpacker(), in, &writes));
    config_writes_begin(&writer, scratch, sizeof scratch);
    for (size_t i = 0; i < writes.count; i++)
        INVARIANT(config_writes_add(&writer, &writes.writes[i], SIZE_MAX));
    config_writes_encode(writes.incarnation, &writer, out);
    return ST_OK;
}

/* ------------------------------------------------- state, refusals, repair */

enum status recode_state(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct state_report decoded;
    (void)recoder;
    TRY(state_msg_decode(unpacker(), in, &decoded));
    state_msg_encode(&decoded, out);
    return ST_OK;
}

enum status recode_nack(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct nack decoded;
    (void)recoder;
    TRY(nack_msg_decode(unpacker(), in, &decoded));
    nack_msg_encode(&decoded, out);
    return ST_OK;
}

enum status recode_roster(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct roster decoded;
    (void)recoder;
    TRY(roster_msg_decode(unpacker(), in, &decoded));
    roster_msg_encode(&decoded, out);
    return ST_OK;
}

enum status recode_track_digests(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct track_digests_msg decoded;
    (void)recoder;
    TRY(track_digests_decode(unpacker(), in, &decoded));
    track_digests_encode(&decoded, out);
    return ST_OK;
}

enum status recode_track_differs(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct track_differs decoded;
    (void)recoder;
    TRY(track_differs_decode(unpacker(), in, &decoded));
    track_differs_encode(&decoded, out);
    return ST_OK;
}

enum status recode_track_ids(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct track_ids decoded;
    (void)recoder;
    TRY(track_ids_decode(unpacker(), in, &decoded));
    track_ids_encode(&decoded, out);
    return ST_OK;
}

enum status recode_track_want(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct track_want decoded;
    (void)recoder;
    TRY(track_want_decode(unpacker(), in, &decoded));
    track_want_encode(&decoded, out);
    return ST_OK;
}

enum status recode_config_have(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct config_have decoded;
    (void)recoder;
    TRY(config_have_decode(unpacker(), in, &decoded));
    config_have_encode(&decoded, out);
    return ST_OK;
}

enum status recode_config_held(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct config_held decoded;
    (void)recoder;
    TRY(config_held_decode(unpacker(), in, &decoded));
    config_held_encode(&decoded, out);
    return ST_OK;
}
