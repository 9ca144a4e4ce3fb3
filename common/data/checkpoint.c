/* checkpoint.c - builds, signs and verifies checkpoint texts. */
#include "common/data/checkpoint.h"

#include <inttypes.h>

size_t checkpoint_text(const struct node_name *node, const struct log_id *log, uint64_t size,
                       const struct digest *root, char out[CHECKPOINT_TEXT_SIZE_MAX])
{
    char root_text[48];
    base64_encode(bytes_of(root->bytes, DIGEST_SIZE), root_text, sizeof root_text);
    struct buf buf = buf_of(out, CHECKPOINT_TEXT_SIZE_MAX);
    buf_put_text(&buf, "holdfast/");
    buf_put_text(&buf, node->text);
    buf_put_u8(&buf, '/');
    buf_put_hex(&buf, bytes_of(log->bytes, LOG_ID_SIZE));
    buf_put_format(&buf, "\n%" PRIu64 "\n%s\n", size, root_text);
    buf_put_u8(&buf, '\0');
    INVARIANT(buf_ok(&buf));
    return buf.size - 1;
}

struct checkpoint checkpoint_sign(const struct secret_key *key, const struct node_name *node,
                                  const struct log_id *log, uint64_t size,
                                  const struct digest *root)
{
    char text[CHECKPOINT_TEXT_SIZE_MAX];
    const size_t text_size = checkpoint_text(node, log, size, root, text);
    return (struct checkpoint){
        .size = size,
        .root = *root,
        .signature = sign_bytes(key, bytes_of(text, text_size)),
    };
}

bool checkpoint_ok(const struct public_key *key, const struct node_name *node,
                   const struct log_id *log, const struct checkpoint *checkpoint)
{
    char text[CHECKPOINT_TEXT_SIZE_MAX];
    const size_t text_size = checkpoint_text(node, log, checkpoint->size, &checkpoint->root, text);
    return sign_verify(key, bytes_of(text, text_size), &checkpoint->signature);
}
