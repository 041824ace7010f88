#include "base/check.h"
#include "base/le.h"
#include "rmg/store/codec.h"
#include "rmg/file/file_priv.h"
#include "rmg/store/id_table.h"

/* One look at the whole file, in the order of its bytes as far as that can be. */
struct checker {
    struct jit_heap *heap;
    const struct rmg_file *file;
    struct rmg_file_fault *fault;
    uint64_t *blocks; /* offset of each block, so ascending by instance id */
    uint64_t *degree; /* edges seen to leave each node */
    uint64_t next;    /* where the next payload must begin */
    uint64_t portals; /* seen */
    /* the instance being looked at, and the payload */
    struct rmg_file_instance in;
    struct rmg_id_table nodes; /* of its edges' ends */
};

static enum jit_err bad(struct checker *c, const char *section, uint64_t index, uint64_t offset,
                        const char *what)
{
    if (c->fault != NULL) {
        *c->fault = (struct rmg_file_fault){
            .offset = offset, .section = section, .index = index, .what = what};
    }
    return JIT_ECORRUPT;
}

static uint64_t node_offset(uint64_t index)
{
    return RMG_FILE_HEADER_SIZE + index * RMG_FILE_NODE_SIZE;
}

static uint64_t edge_offset(const struct rmg_file *file, uint64_t index)
{
    return file->edges_at + index * RMG_FILE_EDGE_SIZE;
}

/* Nodes, edges and blocks were found readable before these are called. */
static void node_id(const struct rmg_file *file, uint64_t index, struct jit_id *id)
{
    assert(index < file->node_count);
    memcpy(id->bytes, file->bytes + node_offset(index), JIT_ID_BYTES);
}

static void edge_id(const struct rmg_file *file, uint64_t index, struct jit_id *id)
{
    assert(index < file->edge_count);
    memcpy(id->bytes, file->bytes + edge_offset(file, index), JIT_ID_BYTES);
}

static bool find(const struct rmg_file *file,
                 void (*id_at)(const struct rmg_file *, uint64_t, struct jit_id *), uint64_t first,
                 uint64_t count, const struct jit_id *id, uint64_t *index)
{
    uint64_t low = first;
    uint64_t high = first + count;
    while (low < high) {
        struct jit_id here;
        uint64_t middle = low + (high - low) / 2;
        id_at(file, middle, &here);
        int order = jit_id_compare(&here, id);
        if (order == 0) {
            *index = middle;
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static bool find_node(const struct checker *c, const struct rmg_file_instance *in,
                      const struct jit_id *id, uint64_t *index)
{
    return find(c->file, node_id, in->first_node, in->node_count, id, index);
}

static void block_id(const struct checker *c, uint64_t index, struct jit_id *id)
{
    memcpy(id->bytes, c->file->bytes + c->blocks[index], JIT_ID_BYTES);
}

static bool find_block(const struct checker *c, const struct jit_id *id,
                       struct rmg_file_instance *out)
{
    uint64_t low = 0;
    uint64_t high = c->file->instance_count;
    while (low < high) {
        struct jit_id here;
        uint64_t middle = low + (high - low) / 2;
        block_id(c, middle, &here);
        int order = jit_id_compare(&here, id);
        if (order == 0) {
            return rmg_file_instance_at(c->file, c->blocks[middle], out) == JIT_OK;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* ---- the list of instances ---- */

static enum jit_err check_block(struct checker *c, uint64_t i, const struct rmg_file_instance *in,
                                uint64_t first_node, uint64_t first_edge)
{
    struct jit_id before;
    if (i > 0) {
        block_id(c, i - 1, &before);
        if (jit_id_compare(&before, &in->id) >= 0) {
            return bad(c, "instance", i, in->offset, "instances do not ascend by id");
        }
    }
    if (jit_id_is_zero(&in->id)) {
        return bad(c, "instance", i, in->offset, "an instance id of zeros");
    }
    if (in->parent.present &&
        !rmg_utf8_valid((const uint8_t *)in->parent.name, in->parent.name_size)) {
        return bad(c, "instance", i, in->offset + 2 * JIT_ID_BYTES,
                   "the parent's name is no UTF-8 without NUL");
    }
    uint64_t numbers = in->next - 32;
    if (in->first_node != first_node || in->node_count > c->file->node_count - first_node) {
        return bad(c, "instance", i, numbers, "its nodes are not the next ones of the table");
    }
    if (in->first_edge != first_edge || in->edge_count > c->file->edge_count - first_edge) {
        return bad(c, "instance", i, numbers + 16, "its edges are not the next ones of the table");
    }
    return JIT_OK;
}

static enum jit_err check_blocks(struct checker *c)
{
    const struct rmg_file *file = c->file;
    uint64_t at = rmg_file_blocks(file);
    uint64_t nodes = 0;
    uint64_t edges = 0;
    uint64_t tops = 0;
    for (uint64_t i = 0; i < file->instance_count; i++) {
        struct rmg_file_instance in;
        if (rmg_file_instance_at(file, at, &in) != JIT_OK) {
            return bad(c, "instance", i, at, "the block does not follow the specification");
        }
        enum jit_err err = check_block(c, i, &in, nodes, edges);
        if (err != JIT_OK) {
            return err;
        }
        nodes += in.node_count;
        edges += in.edge_count;
        tops += in.parent.present ? 0 : 1;
        if (tops > 1) {
            return bad(c, "instance", i, at + 2 * JIT_ID_BYTES, "a second instance without parent");
        }
        c->blocks[i] = at;
        at = in.next;
    }
    if (tops == 0) {
        return bad(c, "instance", 0, c->blocks[0] + 2 * JIT_ID_BYTES, "no instance is the top");
    }
    if (nodes != file->node_count || edges != file->edge_count) {
        return bad(c, "instance list", 0, file->payload_at, "records that belong to no instance");
    }
    c->next = at;
    return JIT_OK;
}

/* Up to the top in at most 64 steps, for each. */
static enum jit_err check_parents(struct checker *c)
{
    for (uint64_t i = 0; i < c->file->instance_count; i++) {
        struct rmg_file_instance in;
        uint64_t depth = 0; /* of the top */
        bool there = rmg_file_instance_at(c->file, c->blocks[i], &in) == JIT_OK;
        while (there && in.parent.present && depth <= JIT_DEPTH_MAX) {
            struct jit_id up = in.parent.instance;
            there = find_block(c, &up, &in);
            depth++;
        }
        if (!there) {
            return bad(c, "instance", i, c->blocks[i] + 2 * JIT_ID_BYTES,
                       "a parent that is not in the file");
        }
        if (depth > JIT_DEPTH_MAX) {
            return bad(c, "instance", i, c->blocks[i] + 2 * JIT_ID_BYTES,
                       "nested in a circle or deeper than 64");
        }
    }
    return JIT_OK;
}

/* ---- payloads ---- */

struct owner {
    enum rmg_plane plane;
    const char *section;
    uint64_t index;
    struct jit_id id;
    uint64_t offset; /* of its payload */
    uint64_t size;
    uint64_t numbers; /* where its record says so */
};

static enum jit_err check_portal(struct checker *c, const struct owner *owner,
                                 const struct rmg_attachment *attachment, uint64_t at,
                                 struct rmg_file_instance *target)
{
    const struct rmg_parent *parent = &target->parent;
    if (!find_block(c, &attachment->value.type, target)) {
        return bad(c, owner->section, owner->index, at, "a portal to no instance of the file");
    }
    if (!parent->present || parent->plane != owner->plane ||
        !jit_id_equal(&parent->instance, &c->in.id) || !jit_id_equal(&parent->owner, &owner->id) ||
        parent->name_size != attachment->name_size ||
        memcmp(parent->name, attachment->name, attachment->name_size) != 0) {
        return bad(c, owner->section, owner->index, at,
                   "a portal to an instance whose parent is another slot");
    }
    c->portals++;
    return JIT_OK;
}

static const char *attachment_wrong(const struct rmg_attachment *last, bool first,
                                    const struct rmg_attachment *now)
{
    if (!rmg_utf8_valid((const uint8_t *)now->name, now->name_size)) {
        return "a name that is no UTF-8 without NUL";
    }
    if (jit_id_is_zero(&now->value.type)) {
        return "an atom type or instance of zeros";
    }
    if (!first) {
        uint32_t least = last->name_size < now->name_size ? last->name_size : now->name_size;
        int order = memcmp(last->name, now->name, least);
        if (order > 0 || (order == 0 && last->name_size >= now->name_size)) {
            return "names do not ascend";
        }
    }
    return NULL;
}

/* One payload, which must lie right behind the one before; counts its portals, names the block of
 * the first. */
static enum jit_err check_payload(struct checker *c, const struct owner *owner, uint64_t *portals,
                                  uint64_t *subgraph)
{
    struct rmg_file_payload payload;
    struct rmg_attachment last = {0};
    struct rmg_attachment now;
    bool first = true;
    *portals = 0;
    *subgraph = 0;
    if (owner->size == 0) {
        return owner->offset == 0 ? JIT_OK
                                  : bad(c, owner->section, owner->index, owner->numbers,
                                        "an offset of a payload that is not there");
    }
    if (owner->offset != c->next ||
        rmg_file_payload_at(c->file, owner->offset, owner->size, &payload) != JIT_OK) {
        return bad(c, owner->section, owner->index, owner->numbers,
                   "its payload is not where it must be");
    }
    uint64_t at = payload.at;
    enum jit_err err;
    while ((err = rmg_file_payload_next(&payload, &now)) == JIT_OK) {
        const char *what = attachment_wrong(&last, first, &now);
        if (what != NULL) {
            return bad(c, owner->section, owner->index, at, what);
        }
        if (now.value.kind == RMG_VALUE_PORTAL) {
            struct rmg_file_instance target;
            err = check_portal(c, owner, &now, at, &target);
            if (err != JIT_OK) {
                return err;
            }
            *subgraph = (*portals)++ == 0 ? target.offset : *subgraph;
        }
        last = now;
        first = false;
        at = payload.at;
    }
    if (err != JIT_ENOENT) {
        return bad(c, owner->section, owner->index, at, "an attachment does not fit its payload");
    }
    c->next = owner->offset + rmg_file_pad(owner->size);
    if (c->next > c->file->size) {
        return bad(c, owner->section, owner->index, at, "the file ends in the padding");
    }
    for (at = owner->offset + owner->size; at < c->next; at++) {
        if (c->file->bytes[at] != 0) {
            return bad(c, owner->section, owner->index, at, "padding that is not zero");
        }
    }
    return JIT_OK;
}

/* ---- records ---- */

static enum jit_err check_node(struct checker *c, uint64_t i)
{
    struct rmg_file_node node;
    struct jit_id before;
    uint64_t at = node_offset(i);
    uint64_t portals = 0;
    uint64_t subgraph = 0;
    if (rmg_file_node_at(c->file, i, &node) != JIT_OK) {
        return bad(c, "node", i, at, "past the table");
    }
    if (i > c->in.first_node) {
        node_id(c->file, i - 1, &before);
        if (jit_id_compare(&before, &node.id) >= 0) {
            return bad(c, "node", i, at, "nodes do not ascend by id");
        }
    }
    if (jit_id_is_zero(&node.type)) {
        return bad(c, "node", i, at + RMG_FILE_NODE_TYPE, "a type of zeros");
    }
    struct owner owner = {.plane = RMG_PLANE_ALPHA,
                          .section = "node",
                          .index = i,
                          .id = node.id,
                          .offset = node.payload_offset,
                          .size = node.payload_size,
                          .numbers = at + RMG_FILE_NODE_PAYLOAD};
    enum jit_err err = check_payload(c, &owner, &portals, &subgraph);
    if (err != JIT_OK) {
        return err;
    }
    if (node.child_count != portals) {
        return bad(c, "node", i, at + RMG_FILE_NODE_CHILDREN, "the number of its portals is wrong");
    }
    if (node.subgraph_offset != subgraph) {
        return bad(c, "node", i, at + RMG_FILE_NODE_SUBGRAPH,
                   "the offset of its first portal's instance is wrong");
    }
    return JIT_OK;
}

/* from, to: places of its ends among the nodes of the instance, or SIZE_MAX. */
static enum jit_err check_edge(struct checker *c, uint64_t i, size_t from, size_t to)
{
    struct rmg_file_edge edge;
    struct jit_id before;
    uint64_t at = edge_offset(c->file, i);
    uint64_t unused = 0;
    if (rmg_file_edge_at(c->file, i, &edge) != JIT_OK) {
        return bad(c, "edge", i, at, "past the table");
    }
    if (i > c->in.first_edge) {
        edge_id(c->file, i - 1, &before);
        if (jit_id_compare(&before, &edge.edge.id) >= 0) {
            return bad(c, "edge", i, at, "edges do not ascend by id");
        }
    }
    if (from == SIZE_MAX) {
        return bad(c, "edge", i, at + RMG_FILE_EDGE_FROM, "it leaves no node of its instance");
    }
    if (to == SIZE_MAX) {
        return bad(c, "edge", i, at + RMG_FILE_EDGE_TO, "it enters no node of its instance");
    }
    if (jit_id_is_zero(&edge.edge.type)) {
        return bad(c, "edge", i, at + RMG_FILE_EDGE_TYPE, "a type of zeros");
    }
    c->degree[c->in.first_node + from]++;
    struct owner owner = {.plane = RMG_PLANE_BETA,
                          .section = "edge",
                          .index = i,
                          .id = edge.edge.id,
                          .offset = edge.data_offset,
                          .size = edge.data_size,
                          .numbers = at + RMG_FILE_EDGE_DATA};
    return check_payload(c, &owner, &unused, &unused);
}

static enum jit_err check_nodes(struct checker *c)
{
    enum jit_err err = JIT_OK;
    for (uint64_t b = 0; err == JIT_OK && b < c->file->instance_count; b++) {
        uint64_t root = 0;
        err = rmg_file_instance_at(c->file, c->blocks[b], &c->in);
        assert(err == JIT_OK); /* check_blocks() read it */
        for (uint64_t i = 0; err == JIT_OK && i < c->in.node_count; i++) {
            err = check_node(c, c->in.first_node + i);
        }
        if (err == JIT_OK && !find_node(c, &c->in, &c->in.root_node, &root)) {
            err = bad(c, "instance", b, c->blocks[b] + JIT_ID_BYTES,
                      "its root node is no node of it");
        }
    }
    return err;
}

/* The ends of several edges are looked up side by side, the edges judged one by one. */
static enum jit_err check_batch(struct checker *c, uint64_t first, size_t count)
{
    const struct jit_id *ends[RMG_ID_BATCH];
    size_t places[RMG_ID_BATCH];
    enum jit_err err = JIT_OK;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *edge = c->file->bytes + edge_offset(c->file, first + i);
        ends[2 * i] = (const struct jit_id *)(const void *)(edge + RMG_FILE_EDGE_FROM);
        ends[2 * i + 1] = (const struct jit_id *)(const void *)(edge + RMG_FILE_EDGE_TO);
    }
    rmg_id_table_find_many(&c->nodes, ends, 2 * count, false, places);
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        err = check_edge(c, first + i, places[2 * i], places[2 * i + 1]);
    }
    return err;
}

/* After all nodes: they ascend, and that is the order of the payloads. */
static enum jit_err check_edges(struct checker *c)
{
    enum jit_err err = JIT_OK;
    for (uint64_t b = 0; err == JIT_OK && b < c->file->instance_count; b++) {
        err = rmg_file_instance_at(c->file, c->blocks[b], &c->in);
        assert(err == JIT_OK); /* check_blocks() read it */
        if (c->in.edge_count == 0) {
            continue;
        }
        err = rmg_id_table_set(&c->nodes, c->heap, c->file->bytes + node_offset(c->in.first_node),
                               RMG_FILE_NODE_SIZE, c->in.node_count);
        for (uint64_t i = 0; err == JIT_OK && i < c->in.edge_count; i += RMG_ID_BATCH / 2) {
            uint64_t left = c->in.edge_count - i;
            err = check_batch(c, c->in.first_edge + i,
                              left < RMG_ID_BATCH / 2 ? (size_t)left : RMG_ID_BATCH / 2);
        }
    }
    return err;
}

static enum jit_err check_degrees(struct checker *c)
{
    for (uint64_t i = 0; i < c->file->node_count; i++) {
        uint64_t at = node_offset(i) + RMG_FILE_NODE_EDGES;
        if (jit_le64(c->file->bytes + at) != c->degree[i]) {
            return bad(c, "node", i, at, "the number of edges that leave it is wrong");
        }
    }
    return JIT_OK;
}

enum jit_err rmg_file_check(struct jit_heap *heap, const struct rmg_file *file,
                            struct rmg_file_fault *fault)
{
    struct checker c = {.heap = heap, .file = file, .fault = fault};
    enum jit_err err = JIT_ENOMEM;
    /* open() has found the bytes behind both counts. */
    c.blocks = jit_heap_zalloc(heap, file->instance_count, sizeof *c.blocks);
    c.degree = jit_heap_zalloc(heap, file->node_count + 1, sizeof *c.degree);
    if (c.blocks == NULL || c.degree == NULL) {
        goto out;
    }
    err = check_blocks(&c);
    err = err == JIT_OK ? check_parents(&c) : err;
    err = err == JIT_OK ? check_nodes(&c) : err;
    err = err == JIT_OK ? check_edges(&c) : err;
    err = err == JIT_OK ? check_degrees(&c) : err;
    if (err == JIT_OK && c.portals != file->instance_count - 1) {
        err = bad(&c, "instance list", 0, file->payload_at, "an instance that no portal leads to");
    }
    if (err == JIT_OK && c.next != file->size) {
        err = bad(&c, "header", 0, RMG_FILE_AT_PAYLOAD, "bytes behind the last payload");
    }
out:
    rmg_id_table_release(&c.nodes, heap);
    heap->free(heap, c.blocks);
    heap->free(heap, c.degree);
    return err;
}
