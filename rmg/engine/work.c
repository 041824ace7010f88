#include "rmg/engine/work.h"

#include "rmg/engine/work_priv.h"
#include "rmg/store/id_table.h"

#define HANDLES_MAX (UINT32_MAX - 1u)

/* ---- types ---- */

static uint32_t type_slot(const struct rmg_work *work, const struct jit_id *id)
{
    uint32_t mask = work->type_table_size - 1;
    uint32_t at = (uint32_t)rmg_id_mix(0, id) & mask;
    while (work->type_table[at] != RMG_WORK_NONE &&
           !jit_id_equal(&work->types[work->type_table[at]].id, id)) {
        at = (at + 1) & mask;
    }
    return at;
}

static enum jit_err type_table_grow(struct rmg_work *work)
{
    uint32_t size = work->type_table_size == 0 ? 64 : work->type_table_size * 2;
    uint32_t *table = work->heap->alloc(work->heap, size * sizeof *table);
    if (table == NULL) {
        return JIT_ENOMEM;
    }
    memset(table, 0xff, size * sizeof *table);
    work->heap->free(work->heap, work->type_table);
    work->type_table = table;
    work->type_table_size = size;
    for (uint32_t i = 0; i < work->type_count; i++) {
        table[type_slot(work, &work->types[i].id)] = i;
    }
    return JIT_OK;
}

uint32_t work_type_find(const struct rmg_work *work, const struct jit_id *id)
{
    return work->type_table_size == 0 ? RMG_WORK_NONE : work->type_table[type_slot(work, id)];
}

enum jit_err work_type_of(struct rmg_work *work, const struct jit_id *id, uint32_t *type)
{
    *type = work_type_find(work, id);
    if (*type != RMG_WORK_NONE) {
        return JIT_OK;
    }
    if (work->type_count * 2 >= work->type_table_size && type_table_grow(work) != JIT_OK) {
        return JIT_ENOMEM;
    }
    if (jit_heap_grow(work->heap, (void **)&work->types, &work->type_room, work->type_count + 1u,
                      sizeof *work->types) != 0) {
        return JIT_ENOMEM;
    }
    *type = work->type_count++;
    work->types[*type] =
        (struct work_type){.id = *id, .head = RMG_WORK_NONE, .tail = RMG_WORK_NONE};
    work->type_table[type_slot(work, id)] = *type;
    return JIT_OK;
}

/* ---- lists of edges ---- */

/* The list of this key; a new one is the last of its node. NULL: no memory. */
static struct work_bundle *bundle_of(struct rmg_work *work, uint32_t node, uint32_t key)
{
    struct work_bundle *bundle = work_bundle_find(work, node, key);
    if (bundle != NULL) {
        return bundle;
    }
    if (jit_heap_grow(work->heap, (void **)&work->bundles, &work->bundle_room,
                      work->bundle_count + 1ul, sizeof *work->bundles) != 0) {
        return NULL;
    }
    bundle = &work->bundles[work->bundle_count];
    *bundle = (struct work_bundle){.key = key,
                                   .next = work->nodes[node].bundles,
                                   .head = RMG_WORK_NONE,
                                   .tail = RMG_WORK_NONE};
    work->nodes[node].bundles = work->bundle_count++;
    return bundle;
}

static void list_append(struct rmg_work *work, struct work_bundle *bundle, uint32_t edge,
                        unsigned side)
{
    work->edges[edge].next[side] = RMG_WORK_NONE;
    work->edges[edge].prev[side] = bundle->tail;
    if (bundle->tail == RMG_WORK_NONE) {
        bundle->head = edge;
    } else {
        work->edges[bundle->tail].next[side] = edge;
    }
    bundle->tail = edge;
    bundle->count++;
}

static void list_remove(struct rmg_work *work, uint32_t edge, unsigned side)
{
    const struct work_edge *at = &work->edges[edge];
    struct work_bundle *bundle = work_bundle_find(work, at->end[side], at->type << 1 | side);
    assert(bundle != NULL);
    if (at->prev[side] == RMG_WORK_NONE) {
        bundle->head = at->next[side];
    } else {
        work->edges[at->prev[side]].next[side] = at->next[side];
    }
    if (at->next[side] == RMG_WORK_NONE) {
        bundle->tail = at->prev[side];
    } else {
        work->edges[at->next[side]].prev[side] = at->prev[side];
    }
    bundle->count--;
    work->nodes[at->end[side]].degree[side]--;
}

/* ---- elements ---- */

enum jit_err work_node_make(struct rmg_work *work, uint32_t type, uint64_t birth, uint32_t *node)
{
    if (work->node_count >= HANDLES_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(work->heap, (void **)&work->nodes, &work->node_room, work->node_count + 1ul,
                      sizeof *work->nodes) != 0) {
        return JIT_ENOMEM;
    }
    struct work_type *of = &work->types[type];
    *node = work->node_count++;
    work->nodes[*node] = (struct work_node){.type = type,
                                            .bundles = RMG_WORK_NONE,
                                            .next = RMG_WORK_NONE,
                                            .prev = of->tail,
                                            .birth = birth};
    if (of->tail == RMG_WORK_NONE) {
        of->head = *node;
    } else {
        work->nodes[of->tail].next = *node;
    }
    of->tail = *node;
    of->nodes++;
    work->nodes_live++;
    return JIT_OK;
}

enum jit_err work_edge_make(struct rmg_work *work, uint32_t from, uint32_t type, uint32_t to,
                            uint64_t birth, uint32_t *edge)
{
    if (work->edge_count >= HANDLES_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(work->heap, (void **)&work->edges, &work->edge_room, work->edge_count + 1ul,
                      sizeof *work->edges) != 0) {
        return JIT_ENOMEM;
    }
    struct work_bundle *out = bundle_of(work, from, type << 1 | WORK_OUT);
    struct work_bundle *in = out == NULL ? NULL : bundle_of(work, to, type << 1 | WORK_IN);
    if (in == NULL) {
        return JIT_ENOMEM; /* an empty list stays and means nothing */
    }
    *edge = work->edge_count++;
    struct work_edge *at = &work->edges[*edge];
    at->type = type;
    at->end[WORK_OUT] = from;
    at->end[WORK_IN] = to;
    at->atoms = 0;
    at->flags = 0;
    at->birth = birth;
    list_append(work, work_bundle_find(work, from, type << 1 | WORK_OUT), *edge, WORK_OUT);
    list_append(work, in, *edge, WORK_IN);
    work->nodes[from].degree[WORK_OUT]++;
    work->nodes[to].degree[WORK_IN]++;
    work->types[type].edges++;
    work->edges_live++;
    return JIT_OK;
}

void work_edge_drop(struct rmg_work *work, uint32_t edge)
{
    struct work_edge *at = &work->edges[edge];
    list_remove(work, edge, WORK_OUT);
    list_remove(work, edge, WORK_IN);
    work->types[at->type].edges--;
    work->edges_live--;
    at->type = RMG_WORK_NONE;
}

void work_node_drop(struct rmg_work *work, uint32_t node)
{
    struct work_node *at = &work->nodes[node];
    struct work_type *of = &work->types[at->type];
    assert(at->degree[WORK_OUT] == 0);
    assert(at->degree[WORK_IN] == 0);
    if (at->prev == RMG_WORK_NONE) {
        of->head = at->next;
    } else {
        work->nodes[at->prev].next = at->next;
    }
    if (at->next == RMG_WORK_NONE) {
        of->tail = at->prev;
    } else {
        work->nodes[at->next].prev = at->prev;
    }
    of->nodes--;
    work->nodes_live--;
    at->type = RMG_WORK_NONE;
}

void work_birth_id(const struct rmg_work *work, uint64_t birth, struct jit_id *id)
{
    if ((birth & WORK_MADE) == 0) {
        *id = work->ids[birth];
        return;
    }
    const struct rmg_draw draw = {.seed = work->base.seed,
                                  .tick = work->base.tick,
                                  .round = (uint32_t)((birth & ~WORK_MADE) >> 16)};
    rmg_created_id(&draw, &work->base.key, (uint32_t)(birth & 0xffff), id);
}

/* ---- reading ---- */

void rmg_work_count(const struct rmg_work *work, struct rmg_work_counts *out)
{
    *out = (struct rmg_work_counts){.nodes = work->nodes_live,
                                    .edges = work->edges_live,
                                    .nodes_made = work->node_count - work->base_nodes,
                                    .edges_made = work->edge_count - work->base_edges,
                                    .rewrites = work->rewrite};
}

static uint32_t find_id(const struct jit_id *ids, uint32_t count, const struct jit_id *id)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (jit_id_compare(&ids[mid], id) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < count && jit_id_equal(&ids[low], id) ? low : RMG_WORK_NONE;
}

uint32_t rmg_work_find_node(const struct rmg_work *work, const struct jit_id *id)
{
    uint32_t node = find_id(work->ids, work->base_nodes, id);
    return node != RMG_WORK_NONE && work_node_live(work, node) ? node : RMG_WORK_NONE;
}

uint32_t rmg_work_find_edge(const struct rmg_work *work, const struct jit_id *id)
{
    if (work->base_edges == 0) {
        return RMG_WORK_NONE;
    }
    uint32_t edge = find_id(work->ids + work->base_nodes, work->base_edges, id);
    return edge != RMG_WORK_NONE && work_edge_live(work, edge) ? edge : RMG_WORK_NONE;
}

enum jit_err rmg_work_node_type(const struct rmg_work *work, uint32_t node, struct jit_id *type)
{
    if (!work_node_live(work, node)) {
        return JIT_ENOENT;
    }
    *type = work->types[work->nodes[node].type].id;
    return JIT_OK;
}

enum jit_err rmg_work_node_id(const struct rmg_work *work, uint32_t node, struct jit_id *id)
{
    if (!work_node_live(work, node)) {
        return JIT_ENOENT;
    }
    work_birth_id(work, work->nodes[node].birth, id);
    return JIT_OK;
}

enum jit_err rmg_work_edge_id(const struct rmg_work *work, uint32_t edge, struct jit_id *id)
{
    if (!work_edge_live(work, edge)) {
        return JIT_ENOENT;
    }
    work_birth_id(work, work->edges[edge].birth, id);
    return JIT_OK;
}

enum jit_err rmg_work_edge_get(const struct rmg_work *work, uint32_t edge,
                               struct rmg_work_ends *out)
{
    if (!work_edge_live(work, edge)) {
        return JIT_ENOENT;
    }
    const struct work_edge *at = &work->edges[edge];
    *out = (struct rmg_work_ends){
        .from = at->end[WORK_OUT], .to = at->end[WORK_IN], .type = work->types[at->type].id};
    return JIT_OK;
}

static unsigned side_of(enum rmg_direction direction)
{
    return direction == RMG_DIR_OUT ? WORK_OUT : WORK_IN;
}

enum jit_err rmg_work_edge_next(const struct rmg_work *work, uint32_t node,
                                enum rmg_direction direction, const struct jit_id *type,
                                uint32_t after, uint32_t *edge)
{
    const unsigned side = side_of(direction);
    *edge = RMG_WORK_NONE;
    if (!work_node_live(work, node)) {
        return JIT_ENOENT;
    }
    if (after == RMG_WORK_NONE) {
        uint32_t number = work_type_find(work, type);
        *edge =
            number == RMG_WORK_NONE ? RMG_WORK_NONE : work_first(work, node, number << 1 | side);
    } else if (work_edge_live(work, after) && work->edges[after].end[side] == node) {
        *edge = work->edges[after].next[side];
    }
    return *edge == RMG_WORK_NONE ? JIT_ENOENT : JIT_OK;
}

enum jit_err rmg_work_degree(const struct rmg_work *work, uint32_t node,
                             enum rmg_direction direction, const struct jit_id *type,
                             uint64_t *count)
{
    const unsigned side = side_of(direction);
    if (!work_node_live(work, node)) {
        return JIT_ENOENT;
    }
    if (type == NULL) {
        *count = work->nodes[node].degree[side];
        return JIT_OK;
    }
    uint32_t number = work_type_find(work, type);
    const struct work_bundle *bundle =
        number == RMG_WORK_NONE ? NULL : work_bundle_find(work, node, number << 1 | side);
    *count = bundle == NULL ? 0 : bundle->count;
    return JIT_OK;
}

enum jit_err rmg_work_node_next(const struct rmg_work *work, const struct jit_id *type,
                                uint32_t after, uint32_t *node)
{
    *node = RMG_WORK_NONE;
    if (after != RMG_WORK_NONE && !work_node_live(work, after)) {
        return JIT_ENOENT;
    }
    if (type == NULL) {
        for (uint32_t i = after == RMG_WORK_NONE ? 0 : after + 1; i < work->node_count; i++) {
            if (work_node_live(work, i)) {
                *node = i;
                return JIT_OK;
            }
        }
        return JIT_ENOENT;
    }
    uint32_t number = work_type_find(work, type);
    if (number != RMG_WORK_NONE && after == RMG_WORK_NONE) {
        *node = work->types[number].head;
    } else if (number != RMG_WORK_NONE && work->nodes[after].type == number) {
        *node = work->nodes[after].next;
    }
    return *node == RMG_WORK_NONE ? JIT_ENOENT : JIT_OK;
}

/* ---- changing ---- */

enum jit_err rmg_work_step(struct rmg_work *work)
{
    if (work->rewrite >= UINT32_MAX) {
        return JIT_ELIMIT;
    }
    work->rewrite++;
    work->position = 0;
    return JIT_OK;
}

/* Where the next one comes from. */
static enum jit_err next_birth(struct rmg_work *work, const struct jit_id *id, uint64_t *birth)
{
    if (id == NULL) {
        if (work->position > UINT16_MAX) {
            return JIT_ELIMIT;
        }
        *birth = work_made(work->rewrite, work->position++);
        return JIT_OK;
    }
    if (jit_heap_grow(work->heap, (void **)&work->ids, &work->id_room, work->id_count + 1ul,
                      sizeof *work->ids) != 0) {
        return JIT_ENOMEM;
    }
    work->ids[work->id_count] = *id;
    *birth = work->id_count++;
    return JIT_OK;
}

enum jit_err rmg_work_add_node(struct rmg_work *work, const struct jit_id *type,
                               const struct jit_id *id, uint32_t *node)
{
    uint32_t number = 0;
    uint64_t birth = 0;
    if (jit_id_is_zero(type)) {
        return JIT_EINVALID;
    }
    enum jit_err err = work_type_of(work, type, &number);
    if (err == JIT_OK) {
        err = next_birth(work, id, &birth);
    }
    return err == JIT_OK ? work_node_make(work, number, birth, node) : err;
}

enum jit_err rmg_work_add_edge(struct rmg_work *work, uint32_t from, const struct jit_id *type,
                               uint32_t to, const struct jit_id *id, uint32_t *edge)
{
    uint32_t number = 0;
    uint64_t birth = 0;
    if (jit_id_is_zero(type)) {
        return JIT_EINVALID;
    }
    if (!work_node_live(work, from) || !work_node_live(work, to)) {
        return JIT_ENOENT;
    }
    enum jit_err err = work_type_of(work, type, &number);
    if (err == JIT_OK) {
        err = next_birth(work, id, &birth);
    }
    return err == JIT_OK ? work_edge_make(work, from, number, to, birth, edge) : err;
}

enum jit_err rmg_work_delete_node(struct rmg_work *work, uint32_t node)
{
    if (!work_node_live(work, node)) {
        return JIT_ENOENT;
    }
    enum jit_err err = work_owners(work);
    if (err != JIT_OK) {
        return err;
    }
    const struct work_node *at = &work->nodes[node];
    if (at->flags != 0 || at->degree[WORK_OUT] != 0 || at->degree[WORK_IN] != 0) {
        return JIT_EDANGLING;
    }
    work_node_drop(work, node);
    return JIT_OK;
}

enum jit_err rmg_work_delete_edge(struct rmg_work *work, uint32_t edge)
{
    if (!work_edge_live(work, edge)) {
        return JIT_ENOENT;
    }
    enum jit_err err = work_owners(work);
    if (err != JIT_OK) {
        return err;
    }
    if (work->edges[edge].flags != 0) {
        return JIT_EDANGLING;
    }
    work_edge_drop(work, edge);
    return JIT_OK;
}
