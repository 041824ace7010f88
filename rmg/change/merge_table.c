#include <stdlib.h>

#include "rmg/change/merge_priv.h"

void merge_release(struct merge *m)
{
    m->heap->free(m->heap, m->slots);
    m->heap->free(m->heap, m->ranges);
    m->heap->free(m->heap, m->stack);
}

const union rmg_content *merge_copy(struct merge *m, enum rmg_part part,
                                    const union rmg_content *content)
{
    size_t size = part == RMG_PART_INSTANCE ? sizeof content->instance
                  : part == RMG_PART_NODE   ? sizeof content->node
                  : part == RMG_PART_EDGE   ? sizeof content->edge
                                            : sizeof content->value;
    return rmg_scratch_copy(&m->result->scratch, content, size);
}

struct merge_slot *merge_append(struct merge *m, const struct rmg_place *place)
{
    void *data = m->slots;
    if (jit_heap_grow(m->heap, &data, &m->capacity, m->count + 1, sizeof *m->slots) != 0) {
        return NULL;
    }
    m->slots = data;
    struct merge_slot *slot = &m->slots[m->count++];
    *slot = (struct merge_slot){.place = *place, .take = MERGE_OPEN};
    return slot;
}

/* ---- filling ---- */

struct gather {
    struct merge *m;
    enum rmg_side side;
    enum jit_err err;
};

static bool gather_visit(void *user, const struct rmg_difference *diff)
{
    struct gather *g = user;
    struct merge_slot *slot = merge_append(g->m, &diff->place);
    const enum rmg_part part = diff->place.part;
    g->err = slot == NULL ? JIT_ENOMEM : JIT_OK;
    if (slot == NULL) {
        return false;
    }
    if (diff->before != NULL) {
        slot->at[RMG_SIDE_BASE] = merge_copy(g->m, part, diff->before);
        g->err = slot->at[RMG_SIDE_BASE] == NULL ? JIT_ENOMEM : g->err;
    }
    if (diff->after != NULL) {
        slot->at[g->side] = merge_copy(g->m, part, diff->after);
        g->err = slot->at[g->side] == NULL ? JIT_ENOMEM : g->err;
    }
    slot->at[RMG_SIDE_OURS + RMG_SIDE_THEIRS - g->side] = slot->at[RMG_SIDE_BASE];
    slot->changed = g->side == RMG_SIDE_OURS ? MERGE_BY_OURS : MERGE_BY_THEIRS;
    return g->err == JIT_OK;
}

static enum jit_err gather(struct merge *m, enum rmg_side side, const struct rmg_state *base,
                           const struct rmg_state *state)
{
    struct gather g = {.m = m, .side = side};
    enum jit_err err = rmg_diff(base, state, gather_visit, &g, &m->result->cost);
    return g.err == JIT_OK ? err : g.err;
}

/* Two lists that ascend, one behind the other, become one. */
static enum jit_err merge_lists(struct merge *m, size_t middle)
{
    size_t from = 0;
    size_t a = 0;
    size_t b = middle;
    const size_t end = m->count;
    if (middle == 0 || middle == end) {
        return JIT_OK;
    }
    struct merge_slot *both = jit_heap_zalloc(m->heap, end, sizeof *both);
    if (both == NULL) {
        return JIT_ENOMEM;
    }
    while (a < middle || b < end) {
        int order = a == middle ? 1
                    : b == end  ? -1
                                : rmg_place_compare(&m->slots[a].place, &m->slots[b].place);
        struct merge_slot *slot = &both[from++];
        *slot = m->slots[order <= 0 ? a : b];
        if (order == 0) {
            slot->at[RMG_SIDE_THEIRS] = m->slots[b].at[RMG_SIDE_THEIRS];
            slot->changed = MERGE_BY_OURS | MERGE_BY_THEIRS;
        }
        a += order <= 0;
        b += order >= 0;
    }
    m->heap->free(m->heap, m->slots);
    m->slots = both;
    m->capacity = end;
    m->count = from;
    return JIT_OK;
}

static enum jit_err find_ranges(struct merge *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct jit_id *id = &m->slots[i].place.instance;
        struct merge_range *last = m->range_count == 0 ? NULL : &m->ranges[m->range_count - 1];
        if (last != NULL && jit_id_equal(&last->id, id)) {
            last->end = i + 1;
            continue;
        }
        void *data = m->ranges;
        if (jit_heap_grow(m->heap, &data, &m->range_capacity, m->range_count + 1,
                          sizeof *m->ranges) != 0) {
            return JIT_ENOMEM;
        }
        m->ranges = data;
        m->ranges[m->range_count++] = (struct merge_range){.id = *id, .begin = i, .end = i + 1};
    }
    return JIT_OK;
}

enum jit_err merge_fill(struct merge *m, const struct rmg_state *base, const struct rmg_state *ours,
                        const struct rmg_state *theirs)
{
    m->onto = base;
    m->onto_side = RMG_SIDE_BASE;
    enum jit_err err = gather(m, RMG_SIDE_OURS, base, ours);
    size_t middle = m->count;
    if (err == JIT_OK && theirs != NULL) {
        err = gather(m, RMG_SIDE_THEIRS, base, theirs);
    }
    if (err == JIT_OK) {
        err = merge_lists(m, middle);
    }
    return err == JIT_OK ? find_ranges(m) : err;
}

static int by_place(const void *a, const void *b)
{
    const struct merge_slot *x = a;
    const struct merge_slot *y = b;
    int order = rmg_place_compare(&x->place, &y->place);
    /* What the patch says comes before what was found beside it. */
    return order != 0 ? order
                      : (int)(y->changed & MERGE_BY_OURS) - (int)(x->changed & MERGE_BY_OURS);
}

enum jit_err merge_arrange(struct merge *m)
{
    size_t kept = 0;
    if (m->count > 1) {
        qsort(m->slots, m->count, sizeof *m->slots, by_place);
    }
    for (size_t i = 0; i < m->count; i++) {
        if (kept == 0 || rmg_place_compare(&m->slots[kept - 1].place, &m->slots[i].place) != 0) {
            m->slots[kept++] = m->slots[i];
        }
    }
    m->count = kept;
    m->range_count = 0;
    return find_ranges(m);
}

/* ---- finding ---- */

static size_t lower(const struct merge *m, const struct rmg_place *place)
{
    size_t low = 0;
    size_t high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rmg_place_compare(&m->slots[middle].place, place) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct merge_slot *merge_find(const struct merge *m, const struct rmg_place *place)
{
    size_t at = lower(m, place);
    return at < m->count && rmg_place_compare(&m->slots[at].place, place) == 0 ? &m->slots[at]
                                                                               : NULL;
}

struct merge_range *merge_range_of(const struct merge *m, const struct jit_id *instance)
{
    size_t low = 0;
    size_t high = m->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&m->ranges[middle].id, instance);
        if (order == 0) {
            return &m->ranges[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

struct rmg_place merge_place_of_instance(const struct jit_id *instance)
{
    return (struct rmg_place){.part = RMG_PART_INSTANCE, .instance = *instance};
}

struct rmg_place merge_place_of_node(const struct jit_id *instance, const struct jit_id *id)
{
    return (struct rmg_place){.part = RMG_PART_NODE, .instance = *instance, .id = *id};
}

struct rmg_place merge_place_of_owner(const struct rmg_place *attachment)
{
    return (struct rmg_place){.part = attachment->part == RMG_PART_ALPHA ? RMG_PART_NODE
                                                                         : RMG_PART_EDGE,
                              .instance = attachment->instance,
                              .id = attachment->id};
}

struct rmg_place merge_place_of_portal(const struct rmg_parent *parent)
{
    return (struct rmg_place){.part =
                                  parent->plane == RMG_PLANE_ALPHA ? RMG_PART_ALPHA : RMG_PART_BETA,
                              .instance = parent->instance,
                              .id = parent->owner,
                              .name = parent->name,
                              .name_size = parent->name_size};
}

void merge_values_of(const struct merge *m, const struct rmg_place *owner, size_t *begin,
                     size_t *end)
{
    struct rmg_place first = *owner;
    first.part = owner->part == RMG_PART_NODE ? RMG_PART_ALPHA : RMG_PART_BETA;
    first.name = NULL;
    first.name_size = 0;
    *begin = lower(m, &first);
    for (*end = *begin; *end < m->count; ++*end) {
        const struct rmg_place *place = &m->slots[*end].place;
        if (place->part != first.part || !jit_id_equal(&place->id, &first.id) ||
            !jit_id_equal(&place->instance, &first.instance)) {
            break;
        }
    }
}

/* ---- looking into the state ---- */

static enum jit_err look_near(struct merge *m, const struct jit_id *instance)
{
    if (m->near_valid && jit_id_equal(&m->near.id, instance)) {
        return JIT_OK;
    }
    enum jit_err err = rmg_store_instance(m->onto->store, &m->onto->version, instance, &m->near);
    m->near.id = *instance;
    m->near_there = err == JIT_OK;
    m->near_valid = err == JIT_OK || err == JIT_ENOENT;
    if (err == JIT_OK) {
        rmg_store_graph(m->onto->store, &m->near, &m->near_graph);
        m->near_graph.slots = &m->result->cost.slots;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err merge_look(struct merge *m, const struct rmg_place *place, union rmg_content *space,
                        const union rmg_content **out)
{
    *out = NULL;
    enum jit_err err = look_near(m, &place->instance);
    if (err != JIT_OK || !m->near_there) {
        return err;
    }
    switch (place->part) {
    case RMG_PART_INSTANCE:
        space->instance.root_node = m->near.root_node;
        space->instance.parent = m->near.parent;
        break;
    case RMG_PART_NODE:
        err = rmg_node_type(&m->near_graph, &place->id, &space->node);
        break;
    case RMG_PART_EDGE:
        err = rmg_edge_get(&m->near_graph, &place->id, &space->edge);
        break;
    case RMG_PART_ALPHA:
    case RMG_PART_BETA:
        err = rmg_attachment_get(&m->near_graph,
                                 place->part == RMG_PART_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA,
                                 &place->id, place->name, place->name_size, &space->value);
        break;
    case RMG_PARTS:
        assert(false);
    }
    *out = err == JIT_OK ? space : NULL;
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err merge_get(struct merge *m, const struct rmg_place *place, union rmg_content *space,
                       const union rmg_content **out, bool *open)
{
    const struct merge_slot *slot = merge_find(m, place);
    *open = slot != NULL && slot->take == MERGE_OPEN;
    *out = NULL;
    if (slot == NULL) {
        return merge_look(m, place, space, out);
    }
    if (!*open) {
        *out = slot->at[slot->take];
    }
    return JIT_OK;
}

enum jit_err merge_there(struct merge *m, const struct rmg_place *place, enum merge_there *out)
{
    union rmg_content space;
    const union rmg_content *content = NULL;
    const struct merge_slot *slot = merge_find(m, place);
    if (slot != NULL && slot->take == MERGE_OPEN) {
        bool both = slot->at[RMG_SIDE_OURS] != NULL && slot->at[RMG_SIDE_THEIRS] != NULL;
        *out = both ? MERGE_PRESENT : MERGE_DOUBTFUL;
        return JIT_OK;
    }
    enum jit_err err = JIT_OK;
    if (slot != NULL) {
        content = slot->at[slot->take];
    } else {
        err = merge_look(m, place, &space, &content);
    }
    *out = content != NULL ? MERGE_PRESENT : MERGE_ABSENT;
    return err;
}
