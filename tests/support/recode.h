/* recode.h - one property for every decoder of common/wire: whatever it accepts, encoding gives the
 * same bytes again. It holds only if the format has one form for each value and nothing is lost.
 *
 * Unit tests use it on damaged golden messages, fuzz targets on arbitrary bytes. */
#ifndef HOLDFAST_TESTS_SUPPORT_RECODE_H
#define HOLDFAST_TESTS_SUPPORT_RECODE_H

#include "common/base/bytes.h"

/* Everything that decoding needs, opened once. */
struct recoder;
struct recoder *recoder_open(void); /* aborts when that fails */
void recoder_close(struct recoder *recoder);

/* Decodes in and encodes what came out to *out. Not ST_OK: the decoder refused, *out is unused. */
typedef enum status (*recode_function)(struct recoder *recoder, struct bytes in, struct buf *out);

enum status recode_pack(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_envelope(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_evidence(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_ahead(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_part(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_ack(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_hello(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_hello_reply(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_range_request(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_status(struct recoder *recoder, struct bytes in, struct buf *out);
/* The payloads of control entries. */
enum status recode_genesis(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_type(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_boot(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_clock(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_heartbeat(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_loss(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_close(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_control_request(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_control_reply(struct recoder *recoder, struct bytes in, struct buf *out);

/* Refused, or the same bytes again: anything else aborts. Returns whether it was accepted. The
 * bytes are first copied to a block of exactly their size, so that a sanitizer sees each read
 * beyond the end. */
bool recode_holds(struct recoder *recoder, recode_function recode, struct bytes in);
/* recode_holds for every truncation, every flip of one bit, and one byte more; all must be refused
 * or recoded, and every truncation and the longer one must be refused. */
void recode_damage(struct recoder *recoder, recode_function recode, struct bytes good);

/* The body of a fuzz target; always 0. */
int recode_fuzz(recode_function recode, const uint8_t *data, size_t size);
/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
