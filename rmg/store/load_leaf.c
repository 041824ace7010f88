#include "rmg/store/load_priv.h"

#include "base/check.h"

#define AHEAD 12u /* leaves that are asked for before they are looked at */

/* Entries of 256 attachments, each with the longest name and the longest atom without a cell. */
#define ENTRIES_BYTES_MAX                                                                          \
    (JIT_ATTACHMENTS_MAX * (sizeof(struct leaf_entry) + JIT_NAME_BYTES_MAX + ATOM_INLINE_MAX +     \
                            sizeof(struct leaf_cell)))

static const struct jit_id *leaf_id(const uint8_t *leaf)
{
    return (const struct jit_id *)(const void *)(leaf + offsetof(struct leaf_node, id));
}

static void link_set(uint8_t *leaf, uint32_t next, uint32_t ahead)
{
    const struct load_link link = {.next = next, .ahead = ahead};
    memcpy(leaf, &link, sizeof link);
}

static void append(const struct rmg_arena *arena, struct load_list *list, uint32_t ref)
{
    uint8_t *leaf = rmg_arena_at(arena, ref);
    link_set(leaf, 0, 0);
    if (list->count == 0) {
        list->first = ref;
    } else {
        uint8_t *last = rmg_arena_at(arena, list->last);
        link_set(last, ref, load_link_of(last).ahead);
        list->mixed = list->mixed || jit_id_compare(leaf_id(last), leaf_id(leaf)) >= 0;
    }
    list->last = ref;
    list->count++;
}

static enum jit_err record_new(struct trie_pen *pen, struct load_list *list, enum rmg_map map,
                               const void *body, uint32_t body_size)
{
    uint32_t ref = 0;
    enum jit_err err = list->count == UINT32_MAX
                           ? JIT_ELIMIT
                           : rmg_arena_alloc(pen->arena, trie_specs[map].leaf_size, &ref);
    if (err == JIT_OK) {
        memcpy((uint8_t *)rmg_arena_at(pen->arena, ref) + sizeof(uint64_t), body, body_size);
        append(pen->arena, list, ref);
        pen->counters->leaves_made++;
    }
    return err;
}

enum jit_err load_node(struct trie_pen *pen, struct load_list *list, const struct jit_id *id,
                       const struct jit_id *type)
{
    const struct rmg_bulk_node body = {.id = *id, .type = *type};
    return jit_id_is_zero(type) ? JIT_EINVALID
                                : record_new(pen, list, RMG_NODES, &body, sizeof body);
}

enum jit_err load_edge(struct trie_pen *pen, struct load_list *list, const struct rmg_edge *edge)
{
    return jit_id_is_zero(&edge->type) ? JIT_EINVALID
                                       : record_new(pen, list, RMG_EDGES, edge, sizeof *edge);
}

void load_list_free(struct trie_pen *pen, enum rmg_map map, struct load_list *list)
{
    bool owners = map == RMG_ALPHA || map == RMG_BETA;
    uint32_t ref = list->first;
    for (uint32_t left = list->count; left > 0; left--) {
        const uint8_t *leaf = rmg_arena_at(pen->arena, ref);
        uint32_t next = load_link_of(leaf).next;
        if (owners) {
            owner_leaf_free(pen, ref, owner_leaf_size(leaf));
        } else {
            rmg_arena_release(pen->arena, ref, trie_specs[map].leaf_size);
        }
        ref = next;
    }
    *list = (struct load_list){.first = 0};
}

/* Link leaves in this order and no other; what portals there were stays. */
static void link_list(const struct rmg_arena *arena, struct load_list *list,
                      const struct rmg_radix *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            __builtin_prefetch(rmg_arena_at(arena, leaves[i + AHEAD].index), 1);
        }
        link_set(rmg_arena_at(arena, leaves[i].index), i + 1 < count ? leaves[i + 1].index : 0,
                 i + AHEAD < count ? leaves[i + AHEAD].index : 0);
    }
    list->first = count == 0 ? 0 : leaves[0].index;
    list->last = count == 0 ? 0 : leaves[count - 1].index;
    list->count = (uint32_t)count;
}

/* ---- owners ---- */

void load_owner_init(struct load_owner *owner, struct jit_heap *heap)
{
    owner->count = 0;
    jit_buf_init(&owner->entries, heap, ENTRIES_BYTES_MAX);
}

static const struct leaf_entry *entry_at(const struct load_owner *owner, uint32_t index)
{
    return (const struct leaf_entry *)(const void *)(owner->entries.data + owner->at[index]);
}

static uint32_t entry_size(const struct load_owner *owner, uint32_t index)
{
    const struct leaf_entry *entry = entry_at(owner, index);
    uint32_t size = (uint32_t)sizeof *entry + entry->name_size +
                    (entry->cell != 0 ? (uint32_t)sizeof(struct leaf_cell) : entry->size);
    return (size + 3u) & ~3u;
}

static int names_compare(const struct load_owner *owner, uint32_t a, uint32_t b)
{
    const struct leaf_entry *x = entry_at(owner, a);
    const struct leaf_entry *y = entry_at(owner, b);
    const char *x_name = (const char *)(x + 1) + (x->cell != 0 ? sizeof(struct leaf_cell) : 0);
    const char *y_name = (const char *)(y + 1) + (y->cell != 0 ? sizeof(struct leaf_cell) : 0);
    return owner_name_compare(x_name, x->name_size, y_name, y->name_size);
}

static void entry_cell(const struct load_owner *owner, uint32_t index, struct leaf_cell *out)
{
    *out = (struct leaf_cell){.ref = 0};
    if (entry_at(owner, index)->cell != 0) {
        memcpy(out, entry_at(owner, index) + 1, sizeof *out);
    }
}

static void owner_close(struct load_owner *owner)
{
    owner->count = 0;
    jit_buf_reset(&owner->entries);
}

void load_owner_drop(struct trie_pen *pen, struct load_owner *owner)
{
    for (uint32_t i = 0; i < owner->count; i++) {
        struct leaf_cell cell;
        entry_cell(owner, i, &cell);
        if (cell.ref != 0) {
            rmg_arena_release(pen->arena, cell.ref,
                              sizeof(struct atom_cell) + entry_at(owner, i)->size);
        }
    }
    owner_close(owner);
}

void load_owner_release(struct trie_pen *pen, struct load_owner *owner)
{
    load_owner_drop(pen, owner);
    jit_buf_release(&owner->entries);
}

/* Room for one entry more of `id`. Errors: JIT_ELIMIT, JIT_ENOMEM. */
static enum jit_err entry_room(struct load_owner *owner, const struct jit_id *id, uint32_t size,
                               uint8_t **room)
{
    if (owner->count == JIT_ATTACHMENTS_MAX) {
        return JIT_ELIMIT;
    }
    size_t at = owner->entries.size;
    *room = jit_buf_extend(&owner->entries, size);
    if (*room == NULL) {
        enum jit_err err = owner->entries.err;
        owner->entries.err = JIT_OK; /* what is there stays */
        return err;
    }
    if (owner->count == 0) {
        owner->id = *id;
        owner->portals = 0;
        owner->mixed = false;
    }
    owner->at[owner->count] = (uint32_t)at;
    return JIT_OK;
}

static void entry_taken(struct load_owner *owner)
{
    uint32_t here = owner->count++;
    owner->portals += entry_at(owner, here)->kind == RMG_VALUE_PORTAL;
    owner->mixed = owner->mixed || (here > 0 && names_compare(owner, here - 1, here) >= 0);
}

enum jit_err load_owner_add(struct trie_pen *pen, struct load_owner *owner, const struct jit_id *id,
                            const struct rmg_attachment *attachment)
{
    struct leaf_cell cell;
    uint8_t *room = NULL;
    enum jit_err err = attachment_judge(attachment);
    if (err == JIT_OK) {
        err = entry_room(owner, id, owner_entry_size(attachment), &room);
    }
    if (err != JIT_OK) {
        return err;
    }
    err = owner_cell_new(pen, attachment, &cell);
    if (err != JIT_OK) {
        owner->entries.size = owner->at[owner->count];
        return err;
    }
    (void)owner_entry_write(room, attachment, &cell);
    entry_taken(owner);
    return JIT_OK;
}

/* Order the entries by name. Few as a rule, JIT_ATTACHMENTS_MAX at most. */
static enum jit_err owner_sort(struct load_owner *owner)
{
    for (uint32_t i = 1; owner->mixed && i < owner->count; i++) {
        for (uint32_t at = i; at > 0; at--) {
            int order = names_compare(owner, at - 1, at);
            if (order == 0) {
                return JIT_EEXIST;
            }
            if (order < 0) {
                break;
            }
            uint32_t swap = owner->at[at];
            owner->at[at] = owner->at[at - 1];
            owner->at[at - 1] = swap;
        }
    }
    owner->mixed = false;
    return JIT_OK;
}

/* The leaf of the open owner, in no list. */
static enum jit_err owner_make(struct trie_pen *pen, struct load_owner *owner, uint32_t *ref)
{
    uint32_t size = (uint32_t)owner->entries.size;
    enum jit_err err = owner_sort(owner);
    if (err == JIT_OK) {
        err = rmg_arena_alloc(pen->arena, sizeof(struct leaf_owner) + size, ref);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct leaf_owner *leaf = rmg_arena_at(pen->arena, *ref);
    uint8_t *at = (uint8_t *)(leaf + 1);
    leaf->id = owner->id;
    leaf->size = size;
    leaf->count = owner->count;
    for (uint32_t i = 0; i < owner->count; i++) {
        uint32_t entry = entry_size(owner, i);
        memcpy(at, owner->entries.data + owner->at[i], entry);
        at += entry;
    }
    return JIT_OK;
}

enum jit_err load_owner_end(struct trie_pen *pen, struct load_owner *owner, struct load_list *list)
{
    uint32_t ref = 0;
    if (owner->count == 0) {
        return JIT_OK;
    }
    enum jit_err err = list->count == UINT32_MAX ? JIT_ELIMIT : owner_make(pen, owner, &ref);
    if (err == JIT_OK) {
        append(pen->arena, list, ref);
        list->portals += owner->portals;
        pen->counters->leaves_made++;
        owner_close(owner);
    }
    return err;
}

/* ---- order ---- */

/* Copy the entries of a leaf to the open owner; their cells stay the leaf's. */
static enum jit_err owner_take(struct load_owner *owner, const uint8_t *leaf)
{
    const struct leaf_owner *from = (const struct leaf_owner *)(const void *)leaf;
    const uint8_t *entries = (const uint8_t *)(from + 1);
    uint32_t done = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct leaf_entry *entry = (const struct leaf_entry *)(const void *)(entries + done);
        uint32_t size = (uint32_t)sizeof *entry + entry->name_size +
                        (entry->cell != 0 ? (uint32_t)sizeof(struct leaf_cell) : entry->size);
        uint8_t *room = NULL;
        size = (size + 3u) & ~3u;
        enum jit_err err = entry_room(owner, &from->id, size, &room);
        if (err != JIT_OK) {
            return err;
        }
        memcpy(room, entry, size);
        entry_taken(owner);
        done += size;
    }
    return JIT_OK;
}

/* One leaf of several of the same owner, in place of the first. */
static enum jit_err owner_merge(struct trie_pen *pen, struct rmg_radix *leaves, size_t count,
                                struct load_owner *owner)
{
    enum jit_err err = JIT_OK;
    uint32_t ref = 0;
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        err = owner_take(owner, rmg_arena_at(pen->arena, leaves[i].index));
    }
    if (err == JIT_OK) {
        err = owner_make(pen, owner, &ref);
    }
    owner_close(owner);
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        rmg_arena_release(pen->arena, leaves[i].index,
                          owner_leaf_size(rmg_arena_at(pen->arena, leaves[i].index)));
    }
    leaves[0].index = err == JIT_OK ? ref : leaves[0].index;
    return err;
}

/* Leaves of one id come together: of records there may be one only. */
static enum jit_err unite(struct trie_pen *pen, enum rmg_map map, struct rmg_radix *leaves,
                          size_t *count, struct load_owner *owner, struct jit_id *at)
{
    const struct rmg_arena *arena = pen->arena;
    enum jit_err err = JIT_OK;
    size_t kept = 0;
    size_t begin = 0;
    size_t end = 0;
    for (; err == JIT_OK && begin < *count; begin = err == JIT_OK ? end : begin) {
        const struct jit_id id = *leaf_id(rmg_arena_at(arena, leaves[begin].index));
        for (end = begin + 1; end < *count; end++) {
            if (end + AHEAD < *count) {
                __builtin_prefetch(rmg_arena_at(arena, leaves[end + AHEAD].index));
            }
            if (!jit_id_equal(&id, leaf_id(rmg_arena_at(arena, leaves[end].index)))) {
                break;
            }
        }
        if (end - begin > 1) {
            bool owners = map == RMG_ALPHA || map == RMG_BETA;
            err = owners ? owner_merge(pen, leaves + begin, end - begin, owner) : JIT_EEXIST;
            *at = id;
        }
        if (err == JIT_OK) {
            leaves[kept++] = leaves[begin];
        }
    }
    memmove(leaves + kept, leaves + begin, (*count - begin) * sizeof *leaves);
    *count = kept + (*count - begin);
    return err;
}

enum jit_err load_list_sort(struct trie_pen *pen, enum rmg_map map, struct load_list *list,
                            struct rmg_radix *scratch, struct load_owner *owner, struct jit_id *at)
{
    const struct trie_records records = {.base = pen->arena->base,
                                         .stride = RMG_GRANULE,
                                         .segments = 1,
                                         .at = {offsetof(struct leaf_node, id)}};
    size_t count = list->count;
    uint32_t ref = list->first;
    if (!list->mixed) {
        return JIT_OK;
    }
    for (size_t i = 0; i < count; i++) {
        scratch[i].index = ref;
        ref = load_link_of(rmg_arena_at(pen->arena, ref)).next;
    }
    trie_sort(&records, scratch, scratch + count, count, 0);
    enum jit_err err = unite(pen, map, scratch, &count, owner, at);
    link_list(pen->arena, list, scratch, count);
    list->mixed = err != JIT_OK;
    return err;
}
