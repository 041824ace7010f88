/* rmg/engine/work_commit.c - the working form into a transaction: each map is written in one pass
 * by ascending ids. */
#include "rmg/engine/work_batch.h"
#include "rmg/store/tx_hands.h"

#define AHEAD 16u /* elements that are asked for before they are looked at */

/* Where nearly all is new, what little there was is deleted and the whole is built in bulk. */
#define BULK_FACTOR  4u
#define BULK_COLUMNS 64u /* every name of the version becomes a column then */
/* Where more than one in so many edges came or went, all edges are built anew. */
#define EDGES_FACTOR 4u

struct commit {
    struct rmg_work *work;
    struct rmg_tx *tx;
    struct rmg_load *load; /* of what is built in bulk; NULL: nothing */
    bool all;              /* everything is */
    bool all_edges;        /* the map of edges is, whatever the others are */
    uint32_t node_first;   /* those before it are as they were, but for what is gone */
    uint32_t edge_first;
    struct work_batch nodes; /* the others */
    struct work_batch edges;
    struct work_numbers numbers;
    struct jit_buf bytes; /* a value */
};

/* ---- what is gone ---- */

static enum jit_err clear_all(const struct commit *c, enum rmg_plane plane, const struct jit_id *id)
{
    const struct rmg_graph *graph = &c->work->graph;
    struct rmg_attachment attachment;
    enum jit_err err = JIT_OK;
    if (graph->roots.ref[plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA] == 0) {
        return JIT_OK;
    }
    for (uint32_t i = 0; err == JIT_OK; i++) {
        err = rmg_attachment_at(graph, plane, id, i, &attachment);
        if (err == JIT_OK) {
            err = rmg_tx_clear_attachment(c->tx, &c->work->base.instance, plane, id,
                                          attachment.name, attachment.name_size);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Where the map is built anew a deleted edge just does not come again, but no node is deleted that
 * has one. */
static bool goes_alone(const struct commit *c, const struct work_edge *edge)
{
    return c->all || !c->all_edges || !work_node_live(c->work, edge->end[WORK_OUT]) ||
           !work_node_live(c->work, edge->end[WORK_IN]);
}

static enum jit_err write_deletions(const struct commit *c)
{
    const struct rmg_work *work = c->work;
    const bool all = c->all;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < work->base_edges && err == JIT_OK; i++) {
        const struct jit_id *id = &work->ids[work->base_nodes + i];
        if (all || !work_edge_live(work, i)) {
            err = clear_all(c, RMG_PLANE_BETA, id);
            if (err == JIT_OK && goes_alone(c, &work->edges[i])) {
                err = rmg_tx_delete_edge(c->tx, &work->base.instance, id);
            }
        }
    }
    for (uint32_t i = 0; i < work->base_nodes && err == JIT_OK; i++) {
        if (all || !work_node_live(work, i)) {
            err = clear_all(c, RMG_PLANE_ALPHA, &work->ids[i]);
            if (err == JIT_OK) {
                err = rmg_tx_delete_node(c->tx, &work->base.instance, &work->ids[i]);
            }
        }
    }
    return err;
}

/* ---- what there is ---- */

static enum jit_err write_nodes(const struct commit *c)
{
    const struct rmg_work *work = c->work;
    const struct work_batch *nodes = &c->nodes;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < nodes->count && err == JIT_OK; i++) {
        __builtin_prefetch(&work->nodes[nodes->handles[i + AHEAD < nodes->count ? i + AHEAD : i]]);
        const struct jit_id *id = &nodes->ids[i];
        const struct jit_id *type = &work->types[work->nodes[nodes->handles[i]].type].id;
        err = rmg_tx_upsert_node(c->tx, &work->base.instance, id, type);
    }
    return err;
}

static enum jit_err write_edges(const struct commit *c)
{
    const struct rmg_work *work = c->work;
    const struct work_batch *edges = &c->edges;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < edges->count && err == JIT_OK; i++) {
        const struct work_edge *at = &work->edges[edges->handles[i]];
        const struct rmg_edge edge = {.id = edges->ids[i],
                                      .from =
                                          c->numbers.nodes[c->numbers.of_node[at->end[WORK_OUT]]],
                                      .to = c->numbers.nodes[c->numbers.of_node[at->end[WORK_IN]]],
                                      .type = work->types[at->type].id};
        err = rmg_tx_upsert_edge(c->tx, &work->base.instance, &edge);
    }
    return err;
}

/* All of a map, as numbers. */
static enum jit_err load_dense(const struct commit *c, enum rmg_map map)
{
    const struct work_numbers *numbers = &c->numbers;
    const struct rmg_dense dense = {.nodes = numbers->nodes,
                                    .node_types = c->nodes.types,
                                    .node_count = (uint32_t)c->work->nodes_live,
                                    .types = numbers->types,
                                    .type_count = c->work->type_count,
                                    .ids = c->edges.ids,
                                    .ends = c->edges.ends,
                                    .edge_count = c->edges.count};
    return map == RMG_NODES ? rmg_load_nodes(c->load, &dense) : rmg_load_edges(c->load, &dense);
}

static enum jit_err write_slot(struct commit *c, const struct work_column *column, uint32_t owner,
                               const struct jit_id *id)
{
    const struct work_slot *slot = work_slot_at(column, owner);
    const struct jit_id *instance = &c->work->base.instance;
    struct rmg_attachment attachment = {.name = column->name, .name_size = column->name_size};
    if (slot == NULL || slot->state == WORK_ABSENT || (slot->state == WORK_SAME && !c->all)) {
        return JIT_OK;
    }
    if (slot->state == WORK_CLEARED) {
        return c->all ? JIT_OK
                      : rmg_tx_clear_attachment(c->tx, instance, column->plane, id, column->name,
                                                column->name_size);
    }
    work_slot_value(slot, &c->bytes, &attachment.value);
    if (c->bytes.err != JIT_OK) {
        return c->bytes.err;
    }
    return c->all ? rmg_load_attachment(c->load, id, &attachment)
                  : rmg_tx_set_attachment(c->tx, instance, column->plane, id, &attachment);
}

static int compare_names(const struct work_column *a, const struct work_column *b)
{
    uint32_t common = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = common == 0 ? 0 : memcmp(a->name, b->name, common);
    return order != 0 ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

/* The columns of a plane by name. */
static uint32_t sort_columns(struct commit *c, enum rmg_plane plane, uint32_t *out)
{
    const struct rmg_work *work = c->work;
    uint32_t count = 0;
    for (uint32_t i = 0; i < work->column_count; i++) {
        uint32_t k = count;
        if (work->columns[i].plane != plane) {
            continue;
        }
        for (; k > 0 && compare_names(&work->columns[out[k - 1]], &work->columns[i]) > 0; k--) {
            out[k] = out[k - 1];
        }
        out[k] = i;
        count++;
    }
    return count;
}

static enum jit_err write_owner(struct commit *c, const uint32_t *columns, uint32_t count,
                                uint32_t owner, const struct jit_id *id)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        err = write_slot(c, &c->work->columns[columns[i]], owner, id);
    }
    return err;
}

static enum jit_err write_attachments(struct commit *c, enum rmg_plane plane)
{
    struct rmg_work *work = c->work;
    const bool is_edge = plane == RMG_PLANE_BETA;
    const struct work_batch *batch = is_edge ? &c->edges : &c->nodes;
    uint32_t first = is_edge ? c->edge_first : c->node_first;
    uint32_t *columns = work->heap->alloc(work->heap, (work->column_count + 1ul) * sizeof *columns);
    enum jit_err err = columns == NULL ? JIT_ENOMEM : JIT_OK;
    uint32_t count = columns == NULL ? 0 : sort_columns(c, plane, columns);
    if (count == 0) {
        goto out;
    }
    for (uint32_t i = 0; i < first && err == JIT_OK; i++) {
        if (is_edge ? work_edge_live(work, i) : work_node_live(work, i)) {
            err = write_owner(c, columns, count, i, &work->ids[is_edge ? work->base_nodes + i : i]);
        }
    }
    for (uint32_t i = 0; i < batch->count && err == JIT_OK; i++) {
        err = write_owner(c, columns, count, batch->handles[i], &batch->ids[i]);
    }
out:
    work->heap->free(work->heap, columns);
    return err;
}

static enum jit_err write_map(struct commit *c, enum rmg_map map)
{
    const struct jit_id *instance = &c->work->base.instance;
    const bool replaces = map == RMG_EDGES && c->all_edges && !c->all;
    enum jit_err err = JIT_OK;
    if (c->all) {
        err = rmg_load_open(c->load, instance, map);
    } else if (replaces) {
        err = rmg_load_begin(c->tx, &c->load);
        err = err == JIT_OK ? rmg_load_replace(c->load, instance, map) : err;
    }
    if (err != JIT_OK) {
        return err;
    }
    switch (map) {
    case RMG_NODES:
        return c->all ? load_dense(c, map) : write_nodes(c);
    case RMG_EDGES:
        err = c->all_edges ? load_dense(c, map) : write_edges(c);
        break;
    case RMG_ALPHA:
        return write_attachments(c, RMG_PLANE_ALPHA);
    default:
        return write_attachments(c, RMG_PLANE_BETA);
    }
    if (replaces && err == JIT_OK) {
        err = rmg_load_end(c->load);
        c->load = NULL;
    }
    return err;
}

/* ---- which way ---- */

/* Make a column of every name of the version. */
static enum jit_err know_names(struct rmg_work *work, enum rmg_map map, enum rmg_plane plane)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(&work->graph, map, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        for (uint32_t i = 0; i < count; i++) {
            struct rmg_attachment attachment;
            uint32_t column = 0;
            err = rmg_iter_attachment(&iter, i, &attachment);
            if (err == JIT_OK && attachment.value.kind == RMG_VALUE_PORTAL) {
                err = JIT_ELIMIT;
            }
            if (err == JIT_OK) {
                err = work_column_of(work, plane, attachment.name, attachment.name_size, &column);
            }
            if (err == JIT_OK && work->column_count > BULK_COLUMNS) {
                err = JIT_ELIMIT;
            }
            if (err != JIT_OK) {
                return err;
            }
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static uint64_t edges_changed(const struct rmg_work *work)
{
    uint64_t gone = 0;
    for (uint32_t i = 0; i < work->base_edges; i++) {
        gone += !work_edge_live(work, i);
    }
    return gone + work->edges_live - (work->base_edges - gone);
}

/* Is the whole to be built anew, or all edges? For the whole every attachment lies in a column. */
static enum jit_err choose(struct commit *c)
{
    struct rmg_work *work = c->work;
    uint64_t base = (uint64_t)work->base_nodes + work->base_edges;
    enum jit_err err = JIT_ELIMIT;
    if (work->nodes_live + work->edges_live >= (base + 1) * BULK_FACTOR) {
        err = know_names(work, RMG_ALPHA, RMG_PLANE_ALPHA);
        err = err == JIT_OK ? know_names(work, RMG_BETA, RMG_PLANE_BETA) : err;
    }
    c->all = err == JIT_OK;
    c->all_edges = c->all || edges_changed(work) * EDGES_FACTOR >
                                 work->base_edges + work->base_nodes / EDGES_FACTOR;
    c->node_first = c->all ? 0 : work->base_nodes;
    c->edge_first = c->all_edges ? 0 : work->base_edges;
    return err == JIT_ELIMIT ? JIT_OK : err; /* a portal, too many names */
}

enum jit_err rmg_work_commit(struct rmg_work *work, struct rmg_tx *tx)
{
    static const enum rmg_map maps[] = {RMG_NODES, RMG_EDGES, RMG_ALPHA, RMG_BETA};
    struct commit c = {.work = work, .tx = tx};
    struct jit_exec *exec = rmg_tx_exec_of(tx);
    jit_buf_init(&c.bytes, work->heap, JIT_ATOM_BYTES_MAX);
    enum jit_err err = choose(&c);
    if (err == JIT_OK && c.all) {
        err = rmg_load_begin(tx, &c.load);
    }
    if (err == JIT_OK) {
        err = work_numbers_types(work, &c.numbers);
    }
    if (err == JIT_OK) {
        err = work_batch_fill(work, false, c.node_first, c.all ? &c.numbers : NULL, exec, &c.nodes);
    }
    if (err == JIT_OK && !c.all) {
        err = work_batch_fresh(work, false, &c.nodes);
    }
    if (err == JIT_OK) {
        err = work_numbers_nodes(work, c.node_first, &c.nodes, &c.numbers);
    }
    if (err == JIT_OK) {
        err = work_batch_fill(work, true, c.edge_first, c.all_edges ? &c.numbers : NULL, exec,
                              &c.edges);
    }
    if (err == JIT_OK && !c.all_edges) {
        err = work_batch_fresh(work, true, &c.edges);
    }
    if (err == JIT_OK) {
        err = write_deletions(&c);
    }
    for (size_t i = 0; i < sizeof maps / sizeof maps[0] && err == JIT_OK; i++) {
        err = write_map(&c, maps[i]);
    }
    if (c.load != NULL && err == JIT_OK) {
        err = rmg_load_end(c.load);
    } else {
        rmg_load_abort(c.load);
    }
    work_batch_release(work, &c.nodes);
    work_batch_release(work, &c.edges);
    work_numbers_release(work, &c.numbers);
    jit_buf_release(&c.bytes);
    return err;
}
