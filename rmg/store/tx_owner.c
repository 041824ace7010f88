#include "rmg/store/store_priv.h"

#include "base/hash.h"
#include "rmg/store/codec.h"

enum jit_err attachment_judge(const struct rmg_attachment *attachment)
{
    const struct rmg_value *value = &attachment->value;
    bool atom = value->kind == RMG_VALUE_ATOM;
    if (attachment->name_size > JIT_NAME_BYTES_MAX || (atom && value->size > JIT_ATOM_BYTES_MAX)) {
        return JIT_ELIMIT;
    }
    if ((!atom && value->kind != RMG_VALUE_PORTAL) || jit_id_is_zero(&value->type) ||
        !rmg_utf8_valid((const uint8_t *)attachment->name, attachment->name_size)) {
        return JIT_EINVALID;
    }
    return JIT_OK;
}

uint32_t owner_leaf_size(const uint8_t *leaf)
{
    return (uint32_t)sizeof(struct leaf_owner) +
           ((const struct leaf_owner *)(const void *)leaf)->size;
}

static bool in_cell(const struct rmg_attachment *attachment)
{
    return attachment->value.kind == RMG_VALUE_ATOM && attachment->value.size > ATOM_INLINE_MAX;
}

uint32_t owner_entry_size(const struct rmg_attachment *attachment)
{
    uint32_t size = (uint32_t)sizeof(struct leaf_entry) + attachment->name_size;
    if (in_cell(attachment)) {
        size += (uint32_t)sizeof(struct leaf_cell);
    } else if (attachment->value.kind == RMG_VALUE_ATOM) {
        size += attachment->value.size;
    }
    return (size + 3u) & ~3u;
}

enum jit_err owner_cell_new(struct trie_pen *pen, const struct rmg_attachment *attachment,
                            struct leaf_cell *out)
{
    const struct rmg_value *value = &attachment->value;
    *out = (struct leaf_cell){.ref = 0};
    if (!in_cell(attachment)) {
        return JIT_OK;
    }
    enum jit_err err =
        trie_cell_new(pen, (uint32_t)sizeof(struct atom_cell) + value->size, &out->ref);
    if (err == JIT_OK) {
        struct atom_cell *cell = rmg_arena_at(pen->arena, out->ref);
        cell->size = value->size;
        memcpy(cell->bytes, value->bytes, value->size);
        jit_hash_key(JIT_K_ATOM, cell->bytes, value->size, &out->hash);
        pen->counters->hashes++;
    }
    return err;
}

uint8_t *owner_entry_write(uint8_t *at, const struct rmg_attachment *attachment,
                           const struct leaf_cell *cell)
{
    const struct rmg_value *value = &attachment->value;
    uint8_t *end = at + owner_entry_size(attachment);
    struct leaf_entry head = {.kind = (uint8_t)value->kind,
                              .name_size = (uint8_t)attachment->name_size,
                              .cell = cell->ref != 0,
                              .size = value->kind == RMG_VALUE_ATOM ? value->size : 0,
                              .type = value->type};
    uint8_t *name = at + sizeof head + (head.cell ? sizeof *cell : 0);
    uint8_t *bytes = name + attachment->name_size;
    if (!head.cell) {
        /* The bytes may be borrowed from the entry that is written over. */
        if (head.size > 0) {
            memmove(bytes, value->bytes, head.size);
        }
        bytes += head.size;
    } else {
        memcpy(at + sizeof head, cell, sizeof *cell);
    }
    if (attachment->name_size > 0) {
        memmove(name, attachment->name, attachment->name_size);
    }
    memset(bytes, 0, (size_t)(end - bytes));
    memcpy(at, &head, sizeof head);
    return end;
}

void owner_leaf_release(struct trie_pen *pen, const struct owner_edit *edit, uint32_t leaf,
                        const struct leaf_cell *cell)
{
    if (leaf != 0) {
        rmg_arena_release(pen->arena, leaf, owner_leaf_size(rmg_arena_at(pen->arena, leaf)));
    }
    if (cell->ref != 0) {
        rmg_arena_release(pen->arena, cell->ref,
                          sizeof(struct atom_cell) + edit->attachment->value.size);
    }
}

void owner_leaf_free(struct trie_pen *pen, uint32_t ref, uint32_t size)
{
    const struct rmg_mem mem = {.base = pen->arena->base, .size = pen->arena->size};
    struct owner_walk walk;
    struct owner_entry entry;
    enum jit_err err = owner_walk_begin(&mem, rmg_arena_at(pen->arena, ref), &walk);
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        const struct atom_cell *cell =
            entry.cell == 0 ? NULL : rmg_arena_at(pen->arena, entry.cell);
        if (cell != NULL && cell->epoch >= pen->epoch) {
            rmg_arena_release(pen->arena, entry.cell, sizeof *cell + cell->size);
        }
    }
    assert(err == JIT_ENOENT);
    rmg_arena_release(pen->arena, ref, size);
}

enum jit_err owner_leaf_edit(struct trie_pen *pen, const struct owner_edit *edit, uint32_t *leaf,
                             struct leaf_cell *cell)
{
    const struct rmg_attachment *attachment = edit->attachment;
    const uint8_t *old = edit->old;
    const uint8_t *old_entries = old == NULL ? NULL : old + sizeof(struct leaf_owner);
    uint32_t old_size = old == NULL ? 0 : ((const struct leaf_owner *)(const void *)old)->size;
    uint32_t old_count = old == NULL ? 0 : ((const struct leaf_owner *)(const void *)old)->count;
    uint32_t gone = edit->replaces == NULL ? 0 : edit->replaces->size;
    uint32_t fresh = attachment == NULL ? 0 : owner_entry_size(attachment);
    uint32_t count = old_count - (gone > 0) + (fresh > 0);
    *leaf = 0;
    *cell = (struct leaf_cell){.ref = 0};
    assert(count <= JIT_ATTACHMENTS_MAX);
    enum jit_err err = attachment == NULL ? JIT_OK : owner_cell_new(pen, attachment, cell);
    if (err == JIT_OK) {
        err =
            trie_cell_new(pen, (uint32_t)sizeof(struct leaf_owner) + old_size - gone + fresh, leaf);
        if (err != JIT_OK) {
            owner_leaf_release(pen, edit, 0, cell);
        }
    }
    if (err != JIT_OK) {
        return err;
    }
    struct leaf_owner *to = rmg_arena_at(pen->arena, *leaf);
    uint8_t *at = (uint8_t *)to + sizeof *to;
    uint32_t before = old == NULL ? 0 : (uint32_t)(edit->at - old_entries);
    to->id = *edit->owner;
    to->size = old_size - gone + fresh;
    to->count = count;
    if (before > 0) {
        memcpy(at, old_entries, before);
        at += before;
    }
    if (attachment != NULL) {
        at = owner_entry_write(at, attachment, cell);
    }
    if (old_size > before + gone) {
        memcpy(at, old_entries + before + gone, old_size - before - gone);
    }
    pen->counters->leaves_made++;
    return JIT_OK;
}

bool owner_leaf_overwrite(const struct trie_pen *pen, const struct owner_edit *edit)
{
    uint64_t epoch = 0;
    if (edit->old == NULL || edit->replaces == NULL || edit->attachment == NULL ||
        edit->replaces->cell != 0 || in_cell(edit->attachment) ||
        edit->replaces->size != owner_entry_size(edit->attachment)) {
        return false;
    }
    memcpy(&epoch, edit->old, sizeof epoch);
    if (epoch != pen->epoch) {
        return false;
    }
    const struct leaf_cell none = {.ref = 0};
    (void)owner_entry_write((uint8_t *)(uintptr_t)edit->at, edit->attachment, &none);
    return true;
}
