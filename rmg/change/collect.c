#include "rmg/change/collect_priv.h"

#include <stdlib.h>

#include "base/check.h"

struct trie_pen collect_pen(struct rmg_collect *collect, const struct collect_part *part)
{
    return (struct trie_pen){.heap = collect->heap,
                             .arena = collect->store->options.arenas[part->arena],
                             .arena_index = part->arena,
                             .epoch = collect->epoch,
                             .counters = &collect->counters};
}

struct rmg_arena *collect_arena_of(const struct rmg_collect *collect,
                                   const struct collect_part *part)
{
    return collect->store->options.arenas[part->arena];
}

void collect_table_release(struct rmg_collect *collect, struct collect_table *table)
{
    collect->heap->free(collect->heap, table->slots);
    *table = (struct collect_table){.slots = NULL};
}

/* ---- life ---- */

enum jit_err rmg_collect_new(struct jit_heap *heap, struct rmg_store *store,
                             struct rmg_collect **out)
{
    assert(heap != NULL && store != NULL && store->newest.instance_count == 0);
    struct rmg_collect *collect = jit_heap_zalloc(heap, 1, sizeof *collect);
    *out = collect;
    if (collect == NULL) {
        return JIT_ENOMEM;
    }
    collect->heap = heap;
    collect->store = store;
    collect->epoch = store->epoch + 1;
    load_owner_init(&collect->owner, heap);
    return JIT_OK;
}

size_t collect_parent_size(const struct rmg_parent *parent)
{
    return offsetof(struct rmg_parent, name) + parent->name_size;
}

void collect_parent(const struct rmg_collect *collect, const struct collect_part *part,
                    struct rmg_parent *out)
{
    memset(out, 0, sizeof *out);
    if (part->parent != 0) {
        const struct rmg_parent *kept =
            rmg_arena_at(collect->store->options.arenas[0], part->parent);
        memcpy(out, kept, collect_parent_size(kept));
    }
}

void collect_parent_release(struct rmg_collect *collect, struct collect_part *part)
{
    struct rmg_arena *arena = collect->store->options.arenas[0];
    if (part->parent != 0) {
        rmg_arena_release(arena, part->parent,
                          collect_parent_size(rmg_arena_at(arena, part->parent)));
        part->parent = 0;
    }
}

void collect_clear(struct rmg_collect *collect)
{
    for (size_t i = 0; i < collect->part_count; i++) {
        struct collect_part *part = &collect->parts[i];
        struct trie_pen pen = collect_pen(collect, part);
        if (collect->owner.count > 0 && collect->owner_part == i) {
            load_owner_drop(&pen, &collect->owner);
        }
        for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
            load_list_free(&pen, (enum rmg_map)map, &part->lists[map]);
        }
        collect_parent_release(collect, part);
        collect_table_release(collect, &part->nodes);
        collect_table_release(collect, &part->triples);
    }
    collect->part_count = 0;
    collect->last = 0;
    collect->has_twin = false;
    collect->written = false;
    collect_table_release(collect, &collect->places);
}

void rmg_collect_free(struct rmg_collect *collect)
{
    if (collect == NULL) {
        return;
    }
    struct jit_heap *heap = collect->heap;
    collect_clear(collect);
    jit_buf_release(&collect->owner.entries);
    heap->free(heap, collect->parts);
    heap->free(heap, collect);
}

struct jit_heap *rmg_collect_heap(const struct rmg_collect *collect)
{
    return collect->heap;
}

struct collect_part *collect_find_part(const struct rmg_collect *collect, const struct jit_id *id)
{
    if (collect->part_count == 0) {
        return NULL;
    }
    if (jit_id_equal(&collect->parts[collect->last].id, id)) {
        return &collect->parts[collect->last];
    }
    uint32_t found = *collect_place_slot(collect, id);
    return found == 0 ? NULL : &collect->parts[found - 1];
}

struct collect_part *collect_enter_part(struct rmg_collect *collect, const struct jit_id *id)
{
    struct collect_part *part = collect_find_part(collect, id);
    assert(!collect->written);
    collect->last = part == NULL ? collect->last : (size_t)(part - collect->parts);
    return part;
}

static int compare_parts(const void *a, const void *b)
{
    return jit_id_compare(&((const struct collect_part *)a)->id,
                          &((const struct collect_part *)b)->id);
}

void collect_sort_parts(struct rmg_collect *collect)
{
    assert(collect->owner.count == 0);
    if (collect->part_count > 1) {
        qsort(collect->parts, collect->part_count, sizeof *collect->parts, compare_parts);
        memset(collect->places.slots, 0, collect->places.capacity * sizeof *collect->places.slots);
    }
    for (size_t i = 0; collect->part_count > 1 && i < collect->part_count; i++) {
        *collect_place_slot(collect, &collect->parts[i].id) = (uint32_t)(i + 1);
    }
}

/* ---- from one to another ---- */

static bool is_within(const struct rmg_collect *collect, const struct collect_part *part,
                      const struct jit_id *instance)
{
    for (unsigned depth = 0; part != NULL && depth <= JIT_DEPTH_MAX; depth++) {
        if (jit_id_equal(&part->id, instance)) {
            return true;
        }
        struct rmg_parent parent;
        collect_parent(collect, part, &parent);
        part = parent.present ? collect_find_part(collect, &parent.instance) : NULL;
    }
    return false;
}

static enum jit_err take_part(struct rmg_collect *to, struct rmg_collect *from,
                              struct collect_part *part)
{
    struct rmg_parent parent;
    enum jit_err err = JIT_OK;
    if (collect_find_part(to, &part->id) == NULL) {
        collect_parent(from, part, &parent);
        err = rmg_collect_instance(to, &part->id, &part->root_node, &parent);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct collect_part *here = collect_find_part(to, &part->id);
    assert(here != NULL);
    struct trie_pen pen = collect_pen(to, here);
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        load_list_free(&pen, (enum rmg_map)map, &here->lists[map]);
        here->lists[map] = part->lists[map];
        part->lists[map] = (struct load_list){.first = 0};
    }
    here->attachments = part->attachments;
    part->attachments = 0;
    collect_table_release(to, &here->nodes);
    collect_table_release(to, &here->triples);
    here->nodes = part->nodes;
    part->nodes = (struct collect_table){.slots = NULL};
    return JIT_OK;
}

enum jit_err rmg_collect_take(struct rmg_collect *to, struct rmg_collect *from,
                              const struct jit_id *instance)
{
    assert(to->store == from->store && to->epoch == from->epoch && to->heap == from->heap);
    enum jit_err err =
        collect_find_part(from, instance) == NULL ? JIT_ENOENT : collect_owner_end(to);
    if (err == JIT_OK) {
        err = collect_owner_end(from);
    }
    for (size_t i = 0; err == JIT_OK && i < from->part_count; i++) {
        if (is_within(from, &from->parts[i], instance)) {
            err = take_part(to, from, &from->parts[i]);
        }
    }
    if (from->has_twin && !to->has_twin) {
        to->has_twin = true;
        to->twin = from->twin;
    }
    return err;
}

/* ---- counts ---- */

static uint64_t count_all(const struct rmg_collect *collect, enum rmg_map map)
{
    uint64_t total = 0;
    for (size_t i = 0; i < collect->part_count; i++) {
        total += collect->parts[i].lists[map].count;
    }
    return total;
}

uint64_t rmg_collect_nodes(const struct rmg_collect *collect)
{
    return count_all(collect, RMG_NODES);
}

uint64_t rmg_collect_edges(const struct rmg_collect *collect)
{
    return count_all(collect, RMG_EDGES);
}
