/* status_msg.c - online or offline, and why. */
#include "common/wire/status_msg.h"

#include "common/wire/fields.h"

enum { STATUS_FIELD_COUNT = 4 };

void status_msg_encode(const struct status_report *report, struct buf *out)
{
    pack_array(out, STATUS_FIELD_COUNT);
    pack_bool(out, report->online);
    pack_text(out, report->reason);
    pack_int(out, report->wall_ms);
    pack_text(out, report->software);
}

enum status status_msg_decode(struct unpacker *unpacker, struct bytes body,
                              struct status_report *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, STATUS_FIELD_COUNT, &fields));
    TRY(packed_bool(packed_item(fields, 0), &out->online));
    TRY(packed_text(packed_item(fields, 1), STATUS_REASON_SIZE_MAX, &out->reason));
    TRY(packed_int(packed_item(fields, 2), &out->wall_ms));
    return packed_text(packed_item(fields, 3), STATUS_SOFTWARE_SIZE_MAX, &out->software);
}
