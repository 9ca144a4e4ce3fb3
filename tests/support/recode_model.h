/* recode_model.h - recode.h for models: blocks of chunk lists, and what is sent of models. */
#ifndef HOLDFAST_TESTS_SUPPORT_RECODE_MODEL_H
#define HOLDFAST_TESTS_SUPPORT_RECODE_MODEL_H

#include "tests/support/recode.h"

enum status recode_model_list(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_model_manifest(struct recoder *recoder, struct bytes in, struct buf *out);
/* Under the hash that the bytes have. */
enum status recode_model_chunk(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_model_want(struct recoder *recoder, struct bytes in, struct buf *out);
enum status recode_model_state(struct recoder *recoder, struct bytes in, struct buf *out);

#endif
