/* recode_values.h - recode.h for tracks and config: what is stored of them and what is sent, and
 * all messages that keep two replicas alike. */
#ifndef HOLDFAST_TESTS_SUPPORT_RECODE_VALUES_H
#define HOLDFAST_TESTS_SUPPORT_RECODE_VALUES_H

#include "tests/support/recode.h"

/* Canonical bytes (common/data). */
enum status recode_track_state(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_config_register(struct recoder *recoder, struct bytes in, struct buf *out);
/* Messages (common/wire). */
enum status recode_track_msg(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_config_msg(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_config_writes(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_state(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_nack(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_roster(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_track_digests(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_track_differs(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_track_ids(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_track_want(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_config_have(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_config_held(struct recoder *recoder, struct bytes in, struct buf *out);

#endif
