#include "rmg/file/foreign_root.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/store/id_table.h"

/* ---- both ---- */

/* The edges that leave one node, by edge id: the index has them by type. */
struct edges {
    struct rmg_edge *list;
    size_t count;
    size_t room;
};

static int by_id(const void *a, const void *b)
{
    return jit_id_compare(&((const struct rmg_edge *)a)->id, &((const struct rmg_edge *)b)->id);
}

static enum jit_err edges_of(struct jit_heap *heap, const struct rmg_graph *graph,
                             const struct jit_id *node, struct edges *edges)
{
    struct rmg_iter iter;
    enum jit_err err = JIT_OK;
    edges->count = 0;
    rmg_iter_edges_of(graph, node, RMG_DIR_OUT, NULL, &iter);
    while (err == JIT_OK) {
        void *data = edges->list;
        if (jit_heap_grow(heap, &data, &edges->room, edges->count + 1, sizeof *edges->list) != 0) {
            return JIT_ENOMEM;
        }
        edges->list = data;
        err = rmg_iter_edge(&iter, &edges->list[edges->count]);
        edges->count += err == JIT_OK ? 1 : 0;
    }
    if (edges->count > 1) {
        qsort(edges->list, edges->count, sizeof *edges->list, by_id);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static void put_u8(struct jit_hasher *hasher, uint8_t value)
{
    jit_hasher_update(hasher, &value, 1);
}

static void put_u64(struct jit_hasher *hasher, uint64_t value)
{
    uint8_t bytes[8];
    jit_put_le64(bytes, value);
    jit_hasher_update(hasher, bytes, sizeof bytes);
}

static void put_id(struct jit_hasher *hasher, const struct jit_id *id)
{
    jit_hasher_update(hasher, id->bytes, JIT_ID_BYTES);
}

/* ---- linear ---- */

struct linear {
    struct jit_heap *heap;
    struct jit_hasher hasher;
    struct rmg_graph graph;
    struct edges edges;
};

static enum jit_err linear_attachments(struct linear *l, enum rmg_plane plane,
                                       const struct jit_id *owner)
{
    static const struct jit_id portal;
    struct rmg_attachment a;
    enum jit_err err;
    for (uint32_t i = 0; (err = rmg_attachment_at(&l->graph, plane, owner, i, &a)) == JIT_OK; i++) {
        bool atom = a.value.kind == RMG_VALUE_ATOM;
        put_u64(&l->hasher, a.name_size);
        jit_hasher_update(&l->hasher, a.name, a.name_size);
        put_id(&l->hasher, atom ? &a.value.type : &portal);
        put_u64(&l->hasher, atom ? a.value.size : JIT_ID_BYTES);
        jit_hasher_update(&l->hasher, atom ? a.value.bytes : a.value.type.bytes,
                          atom ? a.value.size : JIT_ID_BYTES);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err linear_node(struct linear *l, const struct jit_id *id,
                                const struct jit_id *type)
{
    put_id(&l->hasher, id);
    put_id(&l->hasher, type);
    enum jit_err err = edges_of(l->heap, &l->graph, id, &l->edges);
    for (size_t i = 0; err == JIT_OK && i < l->edges.count; i++) {
        const struct rmg_edge *edge = &l->edges.list[i];
        put_id(&l->hasher, &edge->id);
        put_id(&l->hasher, &edge->type);
        put_id(&l->hasher, &edge->to);
        err = linear_attachments(l, RMG_PLANE_BETA, &edge->id);
    }
    return err == JIT_OK ? linear_attachments(l, RMG_PLANE_ALPHA, id) : err;
}

static enum jit_err linear_instance(struct linear *l, const struct rmg_instance *in)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    put_u64(&l->hasher, JIT_ID_BYTES);
    put_id(&l->hasher, &in->id);
    put_u64(&l->hasher, in->roots.node_count);
    rmg_iter_all(&l->graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        err = linear_node(l, &id, &type);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err rmg_linear_root(struct jit_heap *heap, const struct rmg_store *store,
                             const struct rmg_version *version, struct jit_id *out)
{
    struct linear l = {.heap = heap};
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    if (version->instance_count == 0) {
        return JIT_EINVALID;
    }
    enum jit_err err = rmg_store_top(store, version, &in);
    jit_hasher_init(&l.hasher);
    put_id(&l.hasher, &in.root_node);
    put_u64(&l.hasher, version->instance_count);
    while (err == JIT_OK && (err = rmg_store_next(store, version, after, &in)) == JIT_OK) {
        last = in.id;
        after = &last;
        rmg_store_graph(store, &in, &l.graph);
        err = linear_instance(&l, &in);
    }
    if (err == JIT_ENOENT) {
        jit_hasher_final(&l.hasher, out);
        err = JIT_OK;
    }
    heap->free(heap, l.edges.list);
    return err;
}

/* ---- Echo's ---- */

/* An instance, and which of its nodes are reached. */
struct part {
    struct rmg_instance in;
    struct jit_id *nodes; /* NULL until it is entered */
    uint8_t *reached;     /* a byte a node */
    struct rmg_id_table table;
};

struct step {
    uint32_t part;
    uint32_t node;
};

struct echo {
    struct jit_heap *heap;
    const struct rmg_store *store;
    struct jit_hasher hasher;
    struct part *parts; /* by id */
    size_t part_count;
    struct step *queue; /* a stack: the order does not matter */
    size_t queue_count;
    size_t queue_room;
    struct edges edges;
};

static enum jit_err part_enter(struct echo *e, struct part *part)
{
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct jit_id type;
    size_t count = 0;
    enum jit_err err = JIT_OK;
    if (part->nodes != NULL) {
        return JIT_OK;
    }
    if (part->in.roots.node_count > UINT32_MAX) {
        return JIT_ELIMIT;
    }
    part->nodes = jit_heap_zalloc(e->heap, part->in.roots.node_count, sizeof *part->nodes);
    part->reached = jit_heap_zalloc(e->heap, part->in.roots.node_count, 1);
    if (part->nodes == NULL || part->reached == NULL) {
        return JIT_ENOMEM;
    }
    rmg_store_graph(e->store, &part->in, &graph);
    rmg_iter_all(&graph, RMG_NODES, &iter);
    while (err == JIT_OK && count < part->in.roots.node_count) {
        err = rmg_iter_node(&iter, &part->nodes[count], &type);
        count += err == JIT_OK ? 1 : 0;
    }
    return err == JIT_OK
               ? rmg_id_table_set(&part->table, e->heap, part->nodes, sizeof *part->nodes, count)
               : JIT_ECORRUPT;
}

static enum jit_err reach(struct echo *e, struct part *part, const struct jit_id *node)
{
    size_t index = 0;
    void *data = e->queue;
    enum jit_err err = part_enter(e, part);
    if (err != JIT_OK) {
        return err;
    }
    if (!rmg_id_table_find(&part->table, node, &index)) {
        return JIT_ECORRUPT; /* a sealed version has no edge to nowhere */
    }
    if (part->reached[index] != 0) {
        return JIT_OK;
    }
    part->reached[index] = 1;
    if (jit_heap_grow(e->heap, &data, &e->queue_room, e->queue_count + 1, sizeof *e->queue) != 0) {
        return JIT_ENOMEM;
    }
    e->queue = data;
    e->queue[e->queue_count++] =
        (struct step){.part = (uint32_t)(part - e->parts), .node = (uint32_t)index};
    return JIT_OK;
}

static struct part *find_part(const struct echo *e, const struct jit_id *id)
{
    size_t low = 0;
    size_t high = e->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&e->parts[middle].in.id, id);
        if (order == 0) {
            return &e->parts[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static enum jit_err descend(struct echo *e, const struct rmg_graph *graph, enum rmg_plane plane,
                            const struct jit_id *owner)
{
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(graph, plane, owner, "", 0, &value);
    if (err != JIT_OK || value.kind != RMG_VALUE_PORTAL) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    struct part *child = find_part(e, &value.type);
    return child == NULL ? JIT_ECORRUPT : reach(e, child, &child->in.root_node);
}

static enum jit_err reach_from(struct echo *e, struct step step)
{
    struct part *part = &e->parts[step.part];
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct rmg_edge edge;
    rmg_store_graph(e->store, &part->in, &graph);
    rmg_iter_edges_of(&graph, &part->nodes[step.node], RMG_DIR_OUT, NULL, &iter);
    enum jit_err err;
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = reach(e, part, &edge.to);
        err = err == JIT_OK ? descend(e, &graph, RMG_PLANE_BETA, &edge.id) : err;
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? descend(e, &graph, RMG_PLANE_ALPHA, &part->nodes[step.node]) : err;
}

/* attopt */
static enum jit_err echo_attachment(struct echo *e, const struct rmg_graph *graph,
                                    enum rmg_plane plane, const struct jit_id *owner)
{
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(graph, plane, owner, "", 0, &value);
    if (err != JIT_OK) {
        put_u8(&e->hasher, 0);
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    put_u8(&e->hasher, 1);
    put_u8(&e->hasher, (uint8_t)value.kind);
    put_id(&e->hasher, &value.type);
    if (value.kind == RMG_VALUE_ATOM) {
        put_u64(&e->hasher, value.size);
        jit_hasher_update(&e->hasher, value.bytes, value.size);
    }
    return JIT_OK;
}

static enum jit_err echo_edges(struct echo *e, const struct rmg_graph *graph,
                               const struct jit_id *from)
{
    enum jit_err err = edges_of(e->heap, graph, from, &e->edges);
    if (err != JIT_OK || e->edges.count == 0) {
        return err;
    }
    put_id(&e->hasher, from);
    put_u64(&e->hasher, e->edges.count);
    for (size_t i = 0; err == JIT_OK && i < e->edges.count; i++) {
        const struct rmg_edge *edge = &e->edges.list[i];
        put_id(&e->hasher, &edge->id);
        put_id(&e->hasher, &edge->type);
        put_id(&e->hasher, &edge->to);
        err = echo_attachment(e, graph, RMG_PLANE_BETA, &edge->id);
    }
    return err;
}

static void echo_parent(struct echo *e, const struct rmg_parent *parent)
{
    put_u8(&e->hasher, parent->present ? 1 : 0);
    if (parent->present) {
        put_u8(&e->hasher, parent->plane == RMG_PLANE_ALPHA ? 1 : 2); /* owner: node, edge */
        put_u8(&e->hasher, (uint8_t)parent->plane);
        put_id(&e->hasher, &parent->instance);
        put_id(&e->hasher, &parent->owner);
    }
}

static enum jit_err echo_part(struct echo *e, const struct part *part)
{
    struct rmg_graph graph;
    enum jit_err err = JIT_OK;
    rmg_store_graph(e->store, &part->in, &graph);
    put_id(&e->hasher, &part->in.id);
    put_id(&e->hasher, &part->in.root_node);
    echo_parent(e, &part->in.parent);
    for (size_t i = 0; err == JIT_OK && i < part->table.count; i++) {
        struct jit_id type;
        if (part->reached[i] == 0) {
            continue;
        }
        err = rmg_node_type(&graph, &part->nodes[i], &type);
        put_id(&e->hasher, &part->nodes[i]);
        put_id(&e->hasher, &type);
        err = err == JIT_OK ? echo_attachment(e, &graph, RMG_PLANE_ALPHA, &part->nodes[i]) : err;
    }
    for (size_t i = 0; err == JIT_OK && i < part->table.count; i++) {
        err = part->reached[i] != 0 ? echo_edges(e, &graph, &part->nodes[i]) : JIT_OK;
    }
    return err;
}

static enum jit_err echo_root(struct echo *e, const struct rmg_version *version, struct jit_id *out)
{
    static const char domain[] = "echo:state_root:v1"; /* with its zero */
    const struct jit_id *after = NULL;
    struct part *top = NULL;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && e->part_count < version->instance_count) {
        struct part *part = &e->parts[e->part_count];
        err = rmg_store_next(e->store, version, after, &part->in);
        e->part_count += err == JIT_OK ? 1 : 0;
        after = &part->in.id;
        top = err == JIT_OK && !part->in.parent.present ? part : top;
    }
    if (err != JIT_OK || top == NULL) {
        return err == JIT_OK || err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    err = reach(e, top, &top->in.root_node);
    while (err == JIT_OK && e->queue_count > 0) {
        err = reach_from(e, e->queue[--e->queue_count]);
    }
    jit_hasher_init(&e->hasher);
    jit_hasher_update(&e->hasher, domain, sizeof domain);
    put_id(&e->hasher, &top->in.id);
    put_id(&e->hasher, &top->in.root_node);
    for (size_t i = 0; err == JIT_OK && i < e->part_count; i++) {
        err = e->parts[i].nodes != NULL ? echo_part(e, &e->parts[i]) : JIT_OK;
    }
    if (err == JIT_OK) {
        jit_hasher_final(&e->hasher, out);
    }
    return err;
}

enum jit_err rmg_echo_root(struct jit_heap *heap, const struct rmg_store *store,
                           const struct rmg_version *version, struct jit_id *out,
                           struct rmg_wsc_owner *owner)
{
    struct echo e = {.heap = heap, .store = store};
    if (version->instance_count == 0) {
        return JIT_EINVALID;
    }
    enum jit_err err = rmg_wsc_fits(store, version, owner, NULL);
    if (err == JIT_OK) {
        e.parts = jit_heap_zalloc(heap, version->instance_count, sizeof *e.parts);
        err = e.parts == NULL ? JIT_ENOMEM : echo_root(&e, version, out);
    }
    for (size_t i = 0; e.parts != NULL && i < version->instance_count; i++) {
        heap->free(heap, e.parts[i].nodes);
        heap->free(heap, e.parts[i].reached);
        rmg_id_table_release(&e.parts[i].table, heap);
    }
    heap->free(heap, e.parts);
    heap->free(heap, e.queue);
    heap->free(heap, e.edges.list);
    return err;
}
