#include "base/hash.h"
#include "base/le.h"
#include "rmg/store/store_priv.h"
#include "rmg/store/trie_priv.h"

enum jit_err rmg_content_id(const struct jit_id *type, const struct rmg_attachment *attachments,
                            uint32_t count, struct jit_id *out)
{
    struct jit_hasher hasher;
    uint8_t entry[OWNER_ENTRY_MAX > 8 ? OWNER_ENTRY_MAX : 8];
    if (count > JIT_ATTACHMENTS_MAX) {
        return JIT_ELIMIT;
    }
    jit_hasher_init_key(&hasher, JIT_K_CONTENT);
    jit_hasher_update(&hasher, type->bytes, sizeof type->bytes);
    if (count > 0) {
        jit_put_le64(entry, count);
        jit_hasher_update(&hasher, entry, 8);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rmg_attachment *at = &attachments[i];
        struct jit_id atom;
        enum jit_err err = attachment_judge(at);
        if (err != JIT_OK) {
            return err;
        }
        if (i > 0 && owner_name_compare(attachments[i - 1].name, attachments[i - 1].name_size,
                                        at->name, at->name_size) >= 0) {
            return JIT_EINVALID;
        }
        if (at->value.kind == RMG_VALUE_ATOM) {
            jit_hash_key(JIT_K_ATOM, at->value.bytes, at->value.size, &atom);
        }
        uint32_t size = owner_entry_encode(at, &atom, entry);
        jit_hasher_update(&hasher, entry, size);
    }
    jit_hasher_final(&hasher, out);
    return JIT_OK;
}
