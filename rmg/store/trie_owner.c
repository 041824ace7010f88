#include "rmg/store/trie_priv.h"

enum jit_err owner_walk_begin(const struct rmg_mem *mem, const uint8_t *leaf,
                              struct owner_walk *walk)
{
    uint64_t at = (uint64_t)(leaf - mem->base) + sizeof(struct leaf_owner);
    uint32_t size = trie_load32(leaf + offsetof(struct leaf_owner, size));
    uint32_t count = trie_load32(leaf + offsetof(struct leaf_owner, count));
    if (at > mem->size || size > mem->size - at || count > JIT_ATTACHMENTS_MAX) {
        return JIT_ECORRUPT;
    }
    *walk = (struct owner_walk){
        .mem = mem, .at = leaf + sizeof(struct leaf_owner), .left = size, .count = count};
    return JIT_OK;
}

static enum jit_err walk_cell(struct owner_walk *walk, uint32_t atom_size, struct owner_entry *out)
{
    const uint8_t *at = out->at + sizeof(struct leaf_entry);
    uint64_t cell = (uint64_t)trie_load32(at) * RMG_GRANULE;
    if (cell == 0 || cell > walk->mem->size ||
        sizeof(struct atom_cell) + atom_size > walk->mem->size - cell) {
        return JIT_ECORRUPT;
    }
    out->cell = trie_load32(at);
    out->hash = (const struct jit_id *)(const void *)(at + offsetof(struct leaf_cell, hash));
    out->attachment.value.bytes = walk->mem->base + cell + sizeof(struct atom_cell);
    return JIT_OK;
}

enum jit_err owner_walk_next(struct owner_walk *walk, struct owner_entry *out)
{
    struct leaf_entry head;
    if (walk->count == 0) {
        return walk->left == 0 ? JIT_ENOENT : JIT_ECORRUPT;
    }
    if (walk->left < sizeof head) {
        return JIT_ECORRUPT;
    }
    memcpy(&head, walk->at, sizeof head);
    bool atom = head.kind == RMG_VALUE_ATOM;
    if ((!atom && (head.kind != RMG_VALUE_PORTAL || head.size != 0 || head.cell != 0)) ||
        head.cell > 1 || head.size > JIT_ATOM_BYTES_MAX) {
        return JIT_ECORRUPT;
    }
    uint32_t name_at = (uint32_t)(sizeof head + (head.cell ? sizeof(struct leaf_cell) : 0));
    uint32_t size = name_at + head.name_size + (head.cell ? 0 : head.size);
    size = (size + 3u) & ~3u;
    if (size > walk->left) {
        return JIT_ECORRUPT;
    }
    out->at = walk->at;
    out->size = size;
    out->cell = 0;
    out->hash = NULL;
    out->attachment.name = (const char *)walk->at + name_at;
    out->attachment.name_size = head.name_size;
    out->attachment.value.kind = (enum rmg_value_kind)head.kind;
    out->attachment.value.type = head.type;
    out->attachment.value.size = head.size;
    out->attachment.value.bytes = atom ? walk->at + name_at + head.name_size : NULL;
    walk->at += size;
    walk->left -= size;
    walk->count--;
    return head.cell ? walk_cell(walk, head.size, out) : JIT_OK;
}

int owner_name_compare(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
    uint32_t both = a_size < b_size ? a_size : b_size;
    int order = both == 0 ? 0 : memcmp(a, b, both);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}
