#include "rmg/store/after.h"

#include <stdlib.h>

#include "base/check.h"

void rmg_after_init(struct rmg_after *after, struct jit_heap *heap)
{
    *after = (struct rmg_after){.heap = heap};
}

void rmg_after_release(struct rmg_after *after)
{
    struct jit_heap *heap = after->heap;
    heap->free(heap, after->nodes);
    heap->free(heap, after->edges);
    heap->free(heap, after->fields);
    heap->free(heap, after->ends[0]);
    heap->free(heap, after->ends[1]);
    heap->free(heap, after->reads);
    *after = (struct rmg_after){.heap = heap};
}

void rmg_after_begin(struct rmg_after *after, const struct rmg_graph *before, uint32_t looks_max)
{
    assert(before->after == NULL);
    after->before = *before;
    after->node_count = 0;
    after->edge_count = 0;
    after->field_count = 0;
    after->end_count = 0;
    after->read_count = 0;
    after->looks = 0;
    after->looks_max = looks_max;
    after->quiet = false;
}

/* ---- what changes ---- */

static enum jit_err room(struct rmg_after *after, void **data, size_t *capacity, size_t count,
                         size_t size)
{
    return jit_heap_grow(after->heap, data, capacity, count, size) == 0 ? JIT_OK : JIT_ENOMEM;
}

enum jit_err rmg_after_node(struct rmg_after *after, const struct jit_id *id,
                            const struct jit_id *type, bool gone)
{
    struct rmg_after_nodes node = {.id = *id, .gone = gone};
    enum jit_err err = room(after, (void **)&after->nodes, &after->node_capacity,
                            after->node_count + 1, sizeof *after->nodes);
    if (err == JIT_OK && gone) {
        err = rmg_node_type(&after->before, id, &node.type);
    } else {
        node.type = *type;
    }
    if (err == JIT_OK) {
        after->nodes[after->node_count++] = node;
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err; /* it was matched */
}

enum jit_err rmg_after_edge(struct rmg_after *after, const struct rmg_edge *edge, bool gone)
{
    struct rmg_after_edges kept = {.edge = *edge, .gone = gone};
    enum jit_err err = room(after, (void **)&after->edges, &after->edge_capacity,
                            after->edge_count + 1, sizeof *after->edges);
    if (err == JIT_OK && gone) {
        err = rmg_edge_get(&after->before, &edge->id, &kept.edge);
    }
    if (err == JIT_OK) {
        after->edges[after->edge_count++] = kept;
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

enum jit_err rmg_after_field(struct rmg_after *after, enum rmg_plane plane,
                             const struct jit_id *owner, const struct rmg_attachment *attachment,
                             bool gone)
{
    enum jit_err err = room(after, (void **)&after->fields, &after->field_capacity,
                            after->field_count + 1, sizeof *after->fields);
    if (err == JIT_OK) {
        after->fields[after->field_count++] = (struct rmg_after_fields){
            .owner = *owner, .plane = plane, .gone = gone, .attachment = *attachment};
    }
    return err;
}

/* ---- in order ---- */

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct jit_id)); /* nodes and edges begin with it */
}
static_assert(offsetof(struct rmg_after_nodes, id) == 0, "by_id");
static_assert(offsetof(struct rmg_after_edges, edge) == 0, "by_id");
static_assert(offsetof(struct rmg_edge, id) == 0, "by_id");

static int compare_field(const struct rmg_after_fields *a, enum rmg_plane plane,
                         const struct jit_id *owner, const char *name, uint32_t name_size)
{
    if (a->plane != plane) {
        return a->plane < plane ? -1 : 1;
    }
    int order = jit_id_compare(&a->owner, owner);
    if (order != 0) {
        return order;
    }
    uint32_t both = a->attachment.name_size < name_size ? a->attachment.name_size : name_size;
    order = both == 0 ? 0 : memcmp(a->attachment.name, name, both);
    return order != 0
               ? order
               : (a->attachment.name_size > name_size) - (a->attachment.name_size < name_size);
}

static int by_field(const void *a, const void *b)
{
    const struct rmg_after_fields *y = b;
    return compare_field(a, y->plane, &y->owner, y->attachment.name, y->attachment.name_size);
}

static const struct jit_id *end_of(const struct rmg_edge *edge, enum rmg_direction direction)
{
    return direction == RMG_DIR_OUT ? &edge->from : &edge->to;
}

/* As edges of a node are listed: type, other end, id. */
static int compare_listed(const struct rmg_edge *a, const struct rmg_edge *b,
                          enum rmg_direction direction)
{
    enum rmg_direction other = direction == RMG_DIR_OUT ? RMG_DIR_IN : RMG_DIR_OUT;
    int order = jit_id_compare(end_of(a, direction), end_of(b, direction));
    order = order != 0 ? order : jit_id_compare(&a->type, &b->type);
    order = order != 0 ? order : jit_id_compare(end_of(a, other), end_of(b, other));
    return order != 0 ? order : jit_id_compare(&a->id, &b->id);
}

/* A rewrite makes at most JIT_PATTERN_ELEMENTS_MAX of them. */
static void sort_ends(const struct rmg_after *after, uint32_t *ends, enum rmg_direction direction)
{
    for (size_t i = 1; i < after->end_count; i++) {
        uint32_t at = ends[i];
        size_t k = i;
        for (; k > 0 && compare_listed(&after->edges[ends[k - 1]].edge, &after->edges[at].edge,
                                       direction) > 0;
             k--) {
            ends[k] = ends[k - 1];
        }
        ends[k] = at;
    }
}

enum jit_err rmg_after_end(struct rmg_after *after, struct rmg_graph *graph)
{
    if (after->node_count > 1) {
        qsort(after->nodes, after->node_count, sizeof *after->nodes, by_id);
    }
    if (after->edge_count > 1) {
        qsort(after->edges, after->edge_count, sizeof *after->edges, by_id);
    }
    if (after->field_count > 1) {
        qsort(after->fields, after->field_count, sizeof *after->fields, by_field);
    }
    for (uint32_t i = 0; i < after->edge_count; i++) {
        if (after->edges[i].gone) {
            continue;
        }
        for (unsigned d = 0; d < 2; d++) {
            enum jit_err err = room(after, (void **)&after->ends[d], &after->end_capacity[d],
                                    after->end_count + 1, sizeof *after->ends[d]);
            if (err != JIT_OK) {
                return err;
            }
            after->ends[d][after->end_count] = i;
        }
        after->end_count++;
    }
    sort_ends(after, after->ends[0], RMG_DIR_OUT);
    sort_ends(after, after->ends[1], RMG_DIR_IN);
    *graph = after->before;
    graph->after = after;
    graph->found = NULL;
    return JIT_OK;
}

/* ---- looking ---- */

static enum jit_err look(struct rmg_after *after)
{
    if (after->quiet) {
        return JIT_OK;
    }
    if (after->looks >= after->looks_max) {
        return JIT_EBUDGET;
    }
    after->looks++;
    return JIT_OK;
}

static enum jit_err note(struct rmg_after *after, const struct rmg_slot *slot)
{
    enum jit_err err = look(after);
    if (after->quiet) {
        return JIT_OK;
    }
    if (err == JIT_OK) {
        err = room(after, (void **)&after->reads, &after->read_capacity, after->read_count + 1,
                   sizeof *after->reads);
    }
    if (err == JIT_OK) {
        after->reads[after->read_count] = *slot;
        after->reads[after->read_count++].instance = after->before.instance;
    }
    return err;
}

static int by_slot(const void *a, const void *b)
{
    return rmg_slot_compare(a, b);
}

void rmg_after_reads(struct rmg_after *after)
{
    size_t kept = 0;
    if (after->read_count > 1) {
        qsort(after->reads, after->read_count, sizeof *after->reads, by_slot);
    }
    for (size_t i = 0; i < after->read_count; i++) {
        if (kept == 0 || rmg_slot_compare(&after->reads[kept - 1], &after->reads[i]) != 0) {
            after->reads[kept++] = after->reads[i];
        }
    }
    after->read_count = kept;
}

static const struct rmg_after_nodes *changed_node(const struct rmg_after *after,
                                                  const struct jit_id *node)
{
    return after->node_count == 0
               ? NULL
               : bsearch(node, after->nodes, after->node_count, sizeof *after->nodes, by_id);
}

enum jit_err rmg_after_node_type(struct rmg_after *after, const struct jit_id *node,
                                 struct jit_id *type)
{
    const struct rmg_after_nodes *known = changed_node(after, node);
    enum jit_err err = note(after, &(struct rmg_slot){.kind = RMG_SLOT_NODE, .id = *node});
    if (err != JIT_OK || known == NULL) {
        return err != JIT_OK ? err : rmg_node_type(&after->before, node, type);
    }
    *type = known->type;
    return known->gone ? JIT_ENOENT : JIT_OK;
}

static const struct rmg_after_edges *changed_edge(const struct rmg_after *after,
                                                  const struct jit_id *edge)
{
    return after->edge_count == 0
               ? NULL
               : bsearch(edge, after->edges, after->edge_count, sizeof *after->edges, by_id);
}

enum jit_err rmg_after_edge_get(struct rmg_after *after, const struct jit_id *edge,
                                struct rmg_edge *out)
{
    const struct rmg_after_edges *known = changed_edge(after, edge);
    enum jit_err err = note(after, &(struct rmg_slot){.kind = RMG_SLOT_EDGE, .id = *edge});
    if (err != JIT_OK || known == NULL) {
        return err != JIT_OK ? err : rmg_edge_get(&after->before, edge, out);
    }
    *out = known->edge;
    return known->gone ? JIT_ENOENT : JIT_OK;
}

enum jit_err rmg_after_attachment(struct rmg_after *after, enum rmg_plane plane,
                                  const struct jit_id *owner, const char *name, uint32_t name_size,
                                  struct rmg_value *out)
{
    enum jit_err err = note(
        after, &(struct rmg_slot){.kind = plane == RMG_PLANE_ALPHA ? RMG_SLOT_ALPHA : RMG_SLOT_BETA,
                                  .id = *owner,
                                  .name = name,
                                  .name_size = name_size});
    size_t from = 0;
    size_t to = after->field_count;
    while (err == JIT_OK && from < to) {
        size_t middle = from + (to - from) / 2;
        const struct rmg_after_fields *field = &after->fields[middle];
        int order = compare_field(field, plane, owner, name, name_size);
        if (order == 0) {
            *out = field->attachment.value;
            return field->gone ? JIT_ENOENT : JIT_OK;
        }
        from = order < 0 ? middle + 1 : from;
        to = order < 0 ? to : middle;
    }
    return err != JIT_OK ? err
                         : rmg_attachment_get(&after->before, plane, owner, name, name_size, out);
}

static bool is_listed(const struct rmg_edge *edge, const struct jit_id *node,
                      enum rmg_direction direction, const struct jit_id *type,
                      const struct jit_id *other)
{
    enum rmg_direction back = direction == RMG_DIR_OUT ? RMG_DIR_IN : RMG_DIR_OUT;
    return jit_id_equal(end_of(edge, direction), node) &&
           (type == NULL || jit_id_equal(&edge->type, type)) &&
           (other == NULL || jit_id_equal(end_of(edge, back), other));
}

static enum jit_err note_incidence(struct rmg_after *after, const struct jit_id *node,
                                   enum rmg_direction direction, const struct jit_id *type)
{
    struct rmg_slot slot = {.kind = RMG_SLOT_INCIDENCE, .direction = direction, .id = *node};
    if (type != NULL) {
        slot.type = *type;
    }
    return note(after, &slot);
}

enum jit_err rmg_after_degree(struct rmg_after *after, const struct jit_id *node,
                              enum rmg_direction direction, const struct jit_id *type,
                              const struct jit_id *other, uint64_t *count)
{
    enum jit_err err = note_incidence(after, node, direction, type);
    if (err == JIT_OK) {
        err = other == NULL
                  ? rmg_degree(&after->before, node, direction, type, count)
                  : rmg_degree_between(&after->before, node, direction, type, other, count);
    }
    for (size_t i = 0; i < after->edge_count && err == JIT_OK; i++) {
        const struct rmg_after_edges *edge = &after->edges[i];
        if (is_listed(&edge->edge, node, direction, type, other)) {
            *count += edge->gone ? UINT64_MAX : 1;
        }
    }
    return err;
}

enum jit_err rmg_after_extent(struct rmg_after *after, bool edges, const struct jit_id *type,
                              uint64_t *count)
{
    enum jit_err err = note(after, &(struct rmg_slot){.kind = RMG_SLOT_EXTENT, .id = *type});
    if (err == JIT_OK) {
        err = rmg_extent_count(&after->before, edges, type, count);
    }
    for (size_t i = 0; i < (edges ? after->edge_count : after->node_count) && err == JIT_OK; i++) {
        bool gone = edges ? after->edges[i].gone : after->nodes[i].gone;
        if (jit_id_equal(edges ? &after->edges[i].edge.type : &after->nodes[i].type, type)) {
            *count += gone ? UINT64_MAX : 1;
        }
    }
    return err;
}

/* What the rewrite makes of one node: it counts now, or no longer. */
static enum jit_err count_change(struct rmg_after *after, const struct rmg_index_key *key,
                                 const struct jit_id *node, uint64_t *count)
{
    struct rmg_graph now = after->before;
    now.after = after;
    now.found = NULL;
    for (unsigned side = 0; side < 2; side++) {
        const struct rmg_graph *graph = side == 0 ? &after->before : &now;
        struct jit_id type;
        bool fits = false;
        enum jit_err err = rmg_node_type(graph, node, &type);
        if (err == JIT_OK && jit_id_equal(&type, &key->type)) {
            err = rmg_index_fits(graph, node, key, &fits);
        }
        if (err != JIT_OK && err != JIT_ENOENT) {
            return err;
        }
        *count += !fits ? 0 : side == 0 ? UINT64_MAX : 1;
    }
    return JIT_OK;
}

/* Each node that comes, goes or has other fields, once. What they were and will be is of the slots
 * that are noted, so it is neither noted nor counted. */
enum jit_err rmg_after_values(struct rmg_after *after, const struct rmg_index_key *key,
                              uint64_t *count)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < key->count && err == JIT_OK; i++) {
        err = note(after, &(struct rmg_slot){.kind = RMG_SLOT_VALUES,
                                             .id = key->type,
                                             .name = key->fields[i].name,
                                             .name_size = key->fields[i].name_size});
    }
    if (err == JIT_OK) {
        err = rmg_index_count(&after->before, key, count);
    }
    after->quiet = true;
    for (size_t i = 0; i < after->node_count && err == JIT_OK; i++) {
        err = count_change(after, key, &after->nodes[i].id, count);
    }
    for (size_t i = 0; i < after->field_count && err == JIT_OK; i++) {
        const struct rmg_after_fields *field = &after->fields[i];
        if (field->plane == RMG_PLANE_ALPHA && changed_node(after, &field->owner) == NULL &&
            (i == 0 || field[-1].plane != field->plane ||
             !jit_id_equal(&field[-1].owner, &field->owner))) {
            err = count_change(after, key, &field->owner, count);
        }
    }
    after->quiet = false;
    return err;
}

/* ---- edges, those that are there and those that come, in one order ---- */

void rmg_after_iter(struct rmg_after *after, const struct jit_id *node,
                    enum rmg_direction direction, const struct jit_id *type,
                    const struct jit_id *other, struct rmg_iter *iter)
{
    const uint32_t *ends = after->ends[direction == RMG_DIR_OUT ? 0 : 1];
    size_t from = 0;
    while (from < after->end_count &&
           !is_listed(&after->edges[ends[from]].edge, node, direction, type, other)) {
        from++;
    }
    size_t to = from;
    while (to < after->end_count &&
           is_listed(&after->edges[ends[to]].edge, node, direction, type, other)) {
        to++;
    }
    iter->after = after;
    iter->after_at = (uint32_t)from;
    iter->after_end = (uint32_t)to;
    iter->ahead = false;
    enum jit_err err = note_incidence(after, node, direction, type);
    if (err != JIT_OK) {
        iter->err = err;
    }
}

/* The next that stays, of those that are there. */
static enum jit_err step(struct rmg_iter *iter, struct rmg_edge *out)
{
    struct rmg_after *after = iter->after;
    enum jit_err err;
    iter->after = NULL;
    do {
        err = rmg_iter_edge(iter, out);
    } while (err == JIT_OK && changed_edge(after, &out->id) != NULL);
    iter->after = after;
    return err;
}

enum jit_err rmg_after_iter_edge(struct rmg_iter *iter, struct rmg_edge *out)
{
    struct rmg_after *after = iter->after;
    enum rmg_direction direction = iter->map == RMG_OUT ? RMG_DIR_OUT : RMG_DIR_IN;
    const uint32_t *ends = after->ends[direction == RMG_DIR_OUT ? 0 : 1];
    enum jit_err err = look(after);
    if (err == JIT_OK && !iter->ahead) {
        err = step(iter, &iter->held);
        iter->ahead = err == JIT_OK;
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    const struct rmg_edge *comes =
        iter->after_at < iter->after_end ? &after->edges[ends[iter->after_at]].edge : NULL;
    if (comes != NULL && (!iter->ahead || compare_listed(comes, &iter->held, direction) < 0)) {
        *out = *comes;
        iter->after_at++;
        return JIT_OK;
    }
    if (!iter->ahead) {
        return JIT_ENOENT;
    }
    *out = iter->held;
    iter->ahead = false;
    return JIT_OK;
}

/* ---- what changes, told ---- */

enum jit_err rmg_after_diff(const struct rmg_after *after,
                            bool (*visit)(void *user, const struct rmg_change *change), void *user)
{
    bool more = true;
    for (size_t i = 0; i < after->node_count && more; i++) {
        const struct rmg_after_nodes *node = &after->nodes[i];
        more = visit(user, &(struct rmg_change){.map = RMG_NODES,
                                                .id = node->id,
                                                .before = node->gone,
                                                .after = !node->gone});
    }
    for (size_t i = 0; i < after->edge_count && more; i++) {
        const struct rmg_after_edges *edge = &after->edges[i];
        more = visit(user, &(struct rmg_change){.map = RMG_EDGES,
                                                .id = edge->edge.id,
                                                .before = edge->gone,
                                                .after = !edge->gone});
    }
    for (size_t i = 0; i < after->field_count && more; i++) {
        const struct rmg_after_fields *field = &after->fields[i];
        if (i > 0 && field->plane == after->fields[i - 1].plane &&
            jit_id_equal(&field->owner, &after->fields[i - 1].owner)) {
            continue;
        }
        more = visit(user, &(struct rmg_change){.map = field->plane == RMG_PLANE_ALPHA ? RMG_ALPHA
                                                                                       : RMG_BETA,
                                                .id = field->owner,
                                                .before = true,
                                                .after = true});
    }
    return JIT_OK;
}
