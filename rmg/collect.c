#include "rmg/collect.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"

#define CHUNK_BYTES (1u << 20)

/* Copied bytes lie in chunks that never move, so that attachments can point to them. */
struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    uint8_t bytes[];
};

/* An open-addressing table from a key's hash to an index of a vector, plus one; 0 is free. */
struct table {
    uint32_t *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

struct triple {
    struct jit_id from;
    struct jit_id to;
    struct jit_id type;
    uint32_t count; /* edges seen with it */
};

struct part { /* one instance */
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
    struct rmg_bulk_node *nodes;
    size_t node_count;
    size_t node_capacity;
    struct rmg_edge *edges;
    size_t edge_count;
    size_t edge_capacity;
    struct rmg_bulk_attachment *attachments;
    size_t attachment_count;
    size_t attachment_capacity;
    struct triple *triples;
    size_t triple_count;
    size_t triple_capacity;
    struct table node_table;
    struct table triple_table;
};

struct rmg_collect {
    struct jit_heap *heap;
    struct chunk *chunks;
    struct part *parts;
    size_t part_count;
    size_t part_capacity;
    struct part *last; /* of the previous call: calls come in runs */
};

/* ---- memory ---- */

static void *pool_copy(struct rmg_collect *collect, const void *bytes, size_t size)
{
    struct chunk *chunk = collect->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t want = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = collect->heap->alloc(collect->heap, sizeof *chunk + want);
        if (chunk == NULL) {
            return NULL;
        }
        *chunk = (struct chunk){.next = collect->chunks, .size = want};
        collect->chunks = chunk;
    }
    uint8_t *at = chunk->bytes + chunk->used;
    chunk->used += size;
    if (size > 0) {
        memcpy(at, bytes, size);
    }
    return at;
}

/* A place for one more element of a vector; NULL when the heap refuses. */
static void *vector_add(struct rmg_collect *collect, void **data, size_t *count, size_t *capacity,
                        size_t element_size)
{
    if (jit_heap_grow(collect->heap, data, capacity, *count + 1, element_size) != 0) {
        return NULL;
    }
    return (uint8_t *)*data + element_size * (*count)++;
}

/* ---- tables ---- */

static uint64_t mix(uint64_t hash, const struct jit_id *id)
{
    for (size_t i = 0; i < JIT_ID_BYTES; i += 8) {
        hash = (hash ^ jit_le64(id->bytes + i)) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    return hash;
}

static uint64_t hash_node(const struct part *part, size_t index)
{
    return mix(0, &part->nodes[index].id);
}

static uint64_t hash_triple(const struct part *part, size_t index)
{
    const struct triple *t = &part->triples[index];
    return mix(mix(mix(0, &t->from), &t->to), &t->type);
}

static int table_grow(struct rmg_collect *collect, struct part *part, struct table *table,
                      uint64_t (*hash)(const struct part *, size_t))
{
    if ((table->count + 1) * 2 <= table->capacity) {
        return 0;
    }
    size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    uint32_t *slots = jit_heap_zalloc(collect->heap, capacity, sizeof *slots);
    if (slots == NULL) {
        return -1;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] == 0) {
            continue;
        }
        size_t at = hash(part, table->slots[i] - 1) & (capacity - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (capacity - 1);
        }
        slots[at] = table->slots[i];
    }
    collect->heap->free(collect->heap, table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return 0;
}

/* The slot of the node with this id, or the free one where it belongs; NULL when there is no table.
 */
static uint32_t *node_slot(const struct part *part, const struct jit_id *id)
{
    const struct table *table = &part->node_table;
    if (table->capacity == 0) {
        return NULL;
    }
    size_t at = mix(0, id) & (table->capacity - 1);
    while (table->slots[at] != 0 && !jit_id_equal(&part->nodes[table->slots[at] - 1].id, id)) {
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->slots[at];
}

static uint32_t *triple_slot(const struct part *part, const struct triple *key)
{
    const struct table *table = &part->triple_table;
    size_t at = mix(mix(mix(0, &key->from), &key->to), &key->type) & (table->capacity - 1);
    for (; table->slots[at] != 0; at = (at + 1) & (table->capacity - 1)) {
        const struct triple *t = &part->triples[table->slots[at] - 1];
        if (jit_id_equal(&t->from, &key->from) && jit_id_equal(&t->to, &key->to) &&
            jit_id_equal(&t->type, &key->type)) {
            break;
        }
    }
    return &table->slots[at];
}

/* ---- life ---- */

enum jit_err rmg_collect_new(struct jit_heap *heap, struct rmg_collect **out)
{
    assert(heap != NULL);
    *out = jit_heap_zalloc(heap, 1, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    (*out)->heap = heap;
    return JIT_OK;
}

void rmg_collect_free(struct rmg_collect *collect)
{
    if (collect == NULL) {
        return;
    }
    struct jit_heap *heap = collect->heap;
    for (size_t i = 0; i < collect->part_count; i++) {
        struct part *part = &collect->parts[i];
        heap->free(heap, part->nodes);
        heap->free(heap, part->edges);
        heap->free(heap, part->attachments);
        heap->free(heap, part->triples);
        heap->free(heap, part->node_table.slots);
        heap->free(heap, part->triple_table.slots);
    }
    heap->free(heap, collect->parts);
    while (collect->chunks != NULL) {
        struct chunk *next = collect->chunks->next;
        heap->free(heap, collect->chunks);
        collect->chunks = next;
    }
    heap->free(heap, collect);
}

struct jit_heap *rmg_collect_heap(const struct rmg_collect *collect)
{
    return collect->heap;
}

static struct part *find_part(const struct rmg_collect *collect, const struct jit_id *id)
{
    if (collect->last != NULL && jit_id_equal(&collect->last->id, id)) {
        return collect->last;
    }
    for (size_t i = 0; i < collect->part_count; i++) {
        if (jit_id_equal(&collect->parts[i].id, id)) {
            return &collect->parts[i];
        }
    }
    return NULL;
}

/* ---- adding ---- */

enum jit_err rmg_collect_instance(struct rmg_collect *collect, const struct jit_id *id,
                                  const struct jit_id *root_node, const struct rmg_parent *parent)
{
    if (find_part(collect, id) != NULL) {
        return JIT_EEXIST;
    }
    if (collect->part_count == JIT_INSTANCES_MAX) {
        return JIT_ELIMIT;
    }
    void *data = collect->parts;
    struct part *part =
        vector_add(collect, &data, &collect->part_count, &collect->part_capacity, sizeof *part);
    if (part == NULL) {
        return JIT_ENOMEM;
    }
    collect->parts = data;
    collect->last = part;
    *part = (struct part){.id = *id, .root_node = *root_node};
    if (parent != NULL) {
        part->parent = *parent;
    }
    return JIT_OK;
}

enum jit_err rmg_collect_node(struct rmg_collect *collect, const struct jit_id *instance,
                              const struct jit_id *id, const struct jit_id *type)
{
    struct part *part = find_part(collect, instance);
    if (part == NULL) {
        return JIT_ENOENT;
    }
    collect->last = part;
    if (part->node_count >= UINT32_MAX - 1) {
        return JIT_ELIMIT;
    }
    if (table_grow(collect, part, &part->node_table, hash_node) != 0) {
        return JIT_ENOMEM;
    }
    uint32_t *slot = node_slot(part, id);
    if (*slot != 0) {
        return JIT_EEXIST;
    }
    void *data = part->nodes;
    struct rmg_bulk_node *node =
        vector_add(collect, &data, &part->node_count, &part->node_capacity, sizeof *node);
    if (node == NULL) {
        return JIT_ENOMEM;
    }
    part->nodes = data;
    node->id = *id;
    node->type = *type;
    *slot = (uint32_t)part->node_count;
    part->node_table.count++;
    return JIT_OK;
}

bool rmg_collect_has_node(const struct rmg_collect *collect, const struct jit_id *instance,
                          const struct jit_id *id)
{
    const struct part *part = find_part(collect, instance);
    const uint32_t *slot = part == NULL ? NULL : node_slot(part, id);
    return slot != NULL && *slot != 0;
}

enum jit_err rmg_collect_edge(struct rmg_collect *collect, const struct jit_id *instance,
                              const struct rmg_edge *edge)
{
    struct part *part = find_part(collect, instance);
    if (part == NULL) {
        return JIT_ENOENT;
    }
    collect->last = part;
    void *data = part->edges;
    struct rmg_edge *place =
        vector_add(collect, &data, &part->edge_count, &part->edge_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    part->edges = data;
    *place = *edge;
    return JIT_OK;
}

enum jit_err rmg_collect_edge_numbered(struct rmg_collect *collect, const struct jit_id *instance,
                                       const struct jit_id *from, const struct jit_id *to,
                                       const struct jit_id *type, struct jit_id *edge_id)
{
    struct part *part = find_part(collect, instance);
    if (part == NULL) {
        return JIT_ENOENT;
    }
    if (table_grow(collect, part, &part->triple_table, hash_triple) != 0) {
        return JIT_ENOMEM;
    }
    struct triple key = {.from = *from, .to = *to, .type = *type};
    uint32_t *slot = triple_slot(part, &key);
    if (*slot == 0) {
        void *data = part->triples;
        struct triple *fresh =
            vector_add(collect, &data, &part->triple_count, &part->triple_capacity, sizeof *fresh);
        if (fresh == NULL) {
            return JIT_ENOMEM;
        }
        part->triples = data;
        *fresh = key;
        *slot = (uint32_t)part->triple_count;
        part->triple_table.count++;
    }
    struct triple *triple = &part->triples[*slot - 1];
    uint8_t input[3 * JIT_ID_BYTES + 4];
    memcpy(input, from->bytes, JIT_ID_BYTES);
    memcpy(input + JIT_ID_BYTES, to->bytes, JIT_ID_BYTES);
    memcpy(input + 2 * JIT_ID_BYTES, type->bytes, JIT_ID_BYTES);
    jit_put_le32(input + 3 * JIT_ID_BYTES, triple->count);
    struct rmg_edge edge = {.from = *from, .to = *to, .type = *type};
    jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, &edge.id);
    enum jit_err err = rmg_collect_edge(collect, instance, &edge);
    if (err == JIT_OK) {
        triple->count++;
        *edge_id = edge.id;
    }
    return err;
}

enum jit_err rmg_collect_attachment(struct rmg_collect *collect, const struct jit_id *instance,
                                    enum rmg_plane plane, const struct jit_id *owner,
                                    const struct rmg_attachment *attachment)
{
    struct part *part = find_part(collect, instance);
    if (part == NULL) {
        return JIT_ENOENT;
    }
    collect->last = part;
    if (attachment->name_size > JIT_NAME_BYTES_MAX || attachment->value.size > JIT_ATOM_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    const char *name = pool_copy(collect, attachment->name, attachment->name_size);
    const uint8_t *bytes = pool_copy(collect, attachment->value.bytes, attachment->value.size);
    if (name == NULL || bytes == NULL) {
        return JIT_ENOMEM;
    }
    void *data = part->attachments;
    struct rmg_bulk_attachment *place = vector_add(collect, &data, &part->attachment_count,
                                                   &part->attachment_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    part->attachments = data;
    *place =
        (struct rmg_bulk_attachment){.owner = *owner, .plane = plane, .attachment = *attachment};
    place->attachment.name = name;
    place->attachment.value.bytes = bytes;
    return JIT_OK;
}

enum jit_err rmg_collect_datum(struct rmg_collect *collect, const struct jit_id *instance,
                               enum rmg_plane plane, const struct jit_id *owner, const char *name,
                               const struct rmg_datum *datum)
{
    struct jit_buf buf;
    jit_buf_init(&buf, collect->heap, JIT_ATOM_BYTES_MAX);
    rmg_codec_encode(datum, &buf);
    enum jit_err err = buf.err;
    if (err == JIT_OK) {
        struct rmg_attachment attachment = {
            .name = name,
            .name_size = (uint32_t)strlen(name),
            .value = {.kind = RMG_VALUE_ATOM,
                      .type = *rmg_codec_type(datum->codec),
                      .bytes = buf.data,
                      .size = (uint32_t)buf.size},
        };
        err = rmg_collect_attachment(collect, instance, plane, owner, &attachment);
    }
    jit_buf_release(&buf);
    return err;
}

enum jit_err rmg_collect_path(struct rmg_collect *collect, const char *path,
                              struct jit_id *instance)
{
    size_t size = strlen(path);
    assert(size > 0 && path[0] == '/');
    struct jit_id root_node;
    struct jit_id type;
    jit_hash_named("warp:", path, size, instance);
    jit_hash_named("node:", path, size, &root_node);
    jit_hash_named("type:", "instance", 8, &type);
    struct rmg_parent parent = {.present = size > 1, .plane = RMG_PLANE_ALPHA};
    if (parent.present) {
        const char *last = strrchr(path, '/');
        size_t up = last == path ? 1 : (size_t)(last - path);
        parent.name_size = (uint32_t)(size - (size_t)(last + 1 - path));
        if (parent.name_size == 0 || parent.name_size > JIT_NAME_BYTES_MAX) {
            return JIT_ELIMIT;
        }
        memcpy(parent.name, last + 1, parent.name_size);
        jit_hash_named("warp:", path, up, &parent.instance);
        jit_hash_named("node:", path, up, &parent.owner);
    }
    enum jit_err err =
        rmg_collect_instance(collect, instance, &root_node, parent.present ? &parent : NULL);
    if (err == JIT_OK) {
        err = rmg_collect_node(collect, instance, &root_node, &type);
    }
    if (err == JIT_OK && parent.present) {
        struct rmg_attachment portal = {
            .name = parent.name,
            .name_size = parent.name_size,
            .value = {.kind = RMG_VALUE_PORTAL, .type = *instance},
        };
        err = rmg_collect_attachment(collect, &parent.instance, RMG_PLANE_ALPHA, &parent.owner,
                                     &portal);
    }
    return err;
}

uint64_t rmg_collect_nodes(const struct rmg_collect *collect)
{
    uint64_t total = 0;
    for (size_t i = 0; i < collect->part_count; i++) {
        total += collect->parts[i].node_count;
    }
    return total;
}

uint64_t rmg_collect_edges(const struct rmg_collect *collect)
{
    uint64_t total = 0;
    for (size_t i = 0; i < collect->part_count; i++) {
        total += collect->parts[i].edge_count;
    }
    return total;
}

/* ---- canonical order ---- */

static int compare_parts(const void *a, const void *b)
{
    return jit_id_compare(&((const struct part *)a)->id, &((const struct part *)b)->id);
}

static int compare_nodes(const void *a, const void *b)
{
    return jit_id_compare(&((const struct rmg_bulk_node *)a)->id,
                          &((const struct rmg_bulk_node *)b)->id);
}

static int compare_edges(const void *a, const void *b)
{
    return jit_id_compare(&((const struct rmg_edge *)a)->id, &((const struct rmg_edge *)b)->id);
}

static int compare_attachments(const void *a, const void *b)
{
    const struct rmg_bulk_attachment *x = a;
    const struct rmg_bulk_attachment *y = b;
    if (x->plane != y->plane) {
        return x->plane < y->plane ? -1 : 1;
    }
    int order = jit_id_compare(&x->owner, &y->owner);
    if (order != 0) {
        return order;
    }
    uint32_t m = x->attachment.name_size;
    uint32_t n = y->attachment.name_size;
    order = memcmp(x->attachment.name, y->attachment.name, m < n ? m : n);
    return order != 0 ? order : m < n ? -1 : m > n;
}

/* qsort takes no null pointer, not even for nothing. */
static void sort(void *data, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count > 1) {
        qsort(data, count, size, compare);
    }
}

/* Sort everything; JIT_EEXIST with `at` when something is there twice. The node tables go stale. */
static enum jit_err settle(struct rmg_collect *collect, struct jit_id *at)
{
    collect->last = NULL;
    sort(collect->parts, collect->part_count, sizeof *collect->parts, compare_parts);
    for (size_t p = 0; p < collect->part_count; p++) {
        struct part *part = &collect->parts[p];
        sort(part->nodes, part->node_count, sizeof *part->nodes, compare_nodes);
        sort(part->edges, part->edge_count, sizeof *part->edges, compare_edges);
        sort(part->attachments, part->attachment_count, sizeof *part->attachments,
             compare_attachments);
        for (size_t i = 1; i < part->edge_count; i++) {
            if (compare_edges(&part->edges[i - 1], &part->edges[i]) == 0) {
                *at = part->edges[i].id;
                return JIT_EEXIST;
            }
        }
        for (size_t i = 1; i < part->attachment_count; i++) {
            if (compare_attachments(&part->attachments[i - 1], &part->attachments[i]) == 0) {
                *at = part->attachments[i].owner;
                return JIT_EEXIST;
            }
        }
        collect->heap->free(collect->heap, part->node_table.slots);
        part->node_table = (struct table){0};
        for (size_t i = 0; i < part->node_count; i++) {
            if (table_grow(collect, part, &part->node_table, hash_node) != 0) {
                return JIT_ENOMEM;
            }
            *node_slot(part, &part->nodes[i].id) = (uint32_t)(i + 1);
            part->node_table.count++;
        }
    }
    return JIT_OK;
}

enum jit_err rmg_collect_load(struct rmg_collect *collect, struct rmg_tx *tx, struct jit_id *at)
{
    enum jit_err err = settle(collect, at);
    for (size_t p = 0; err == JIT_OK && p < collect->part_count; p++) {
        struct part *part = &collect->parts[p];
        err = rmg_tx_upsert_instance(tx, &part->id, &part->root_node, &part->parent);
    }
    for (size_t p = 0; err == JIT_OK && p < collect->part_count; p++) {
        struct part *part = &collect->parts[p];
        struct rmg_bulk bulk = {
            .nodes = part->nodes,
            .node_count = part->node_count,
            .edges = part->edges,
            .edge_count = part->edge_count,
            .attachments = part->attachments,
            .attachment_count = part->attachment_count,
        };
        err = rmg_tx_load(tx, &part->id, &bulk);
    }
    return err;
}

/* ---- writing a genesis ---- */

#define PIECE_BYTES (1u << 20)

struct writer {
    struct jit_buf buf;
    uint32_t next; /* operation */
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
};

static enum jit_err writer_flush(struct writer *w)
{
    enum jit_err err = w->buf.err;
    if (err == JIT_OK && w->buf.size > 0) {
        err = w->write(w->user, w->buf.data, w->buf.size);
    }
    jit_buf_reset(&w->buf);
    return err;
}

static enum jit_err writer_op(struct writer *w, struct rmg_op *op)
{
    struct rmg_origin origin = {.request = 0, .operation = w->next++};
    op->origins = &origin;
    op->origin_count = 1;
    rmg_op_encode(op, &w->buf);
    return w->buf.size >= PIECE_BYTES || w->buf.err != JIT_OK ? writer_flush(w) : JIT_OK;
}

static enum jit_err write_nodes(struct writer *w, const struct part *part)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < part->node_count; i++) {
        struct rmg_op op = {.kind = RMG_OP_UPSERT_NODE,
                            .instance = part->id,
                            .id = part->nodes[i].id,
                            .type = part->nodes[i].type};
        err = writer_op(w, &op);
    }
    return err;
}

static enum jit_err write_edges(struct writer *w, const struct part *part)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < part->edge_count; i++) {
        struct rmg_op op = {.kind = RMG_OP_UPSERT_EDGE,
                            .instance = part->id,
                            .id = part->edges[i].id,
                            .from = part->edges[i].from,
                            .to = part->edges[i].to,
                            .type = part->edges[i].type};
        err = writer_op(w, &op);
    }
    return err;
}

static enum jit_err write_attachments(struct writer *w, const struct part *part)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < part->attachment_count; i++) {
        struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT,
                            .plane = part->attachments[i].plane,
                            .instance = part->id,
                            .id = part->attachments[i].owner,
                            .attachment = part->attachments[i].attachment};
        err = writer_op(w, &op);
    }
    return err;
}

enum jit_err rmg_collect_patch(struct rmg_collect *collect,
                               enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                               void *user, struct jit_id *at)
{
    struct writer w = {.write = write, .user = user};
    jit_buf_init(&w.buf, collect->heap, 2 * (size_t)PIECE_BYTES + JIT_ATOM_BYTES_MAX);
    enum jit_err err = settle(collect, at);
    uint64_t operations = collect->part_count;
    for (size_t p = 0; p < collect->part_count; p++) {
        const struct part *part = &collect->parts[p];
        operations += part->node_count + part->edge_count + part->attachment_count;
    }
    if (err == JIT_OK && operations > UINT32_MAX) {
        err = JIT_ELIMIT;
    }
    static const struct jit_id zero;
    jit_buf_put_id(&w.buf, &zero); /* no base */
    jit_buf_put_u64(&w.buf, 0);    /* in-slots */
    jit_buf_put_u64(&w.buf, 0);    /* out-slots */
    jit_buf_put_u64(&w.buf, operations);
    for (size_t p = 0; err == JIT_OK && p < collect->part_count; p++) {
        const struct part *part = &collect->parts[p];
        struct rmg_op op = {.kind = RMG_OP_UPSERT_INSTANCE,
                            .instance = part->id,
                            .from = part->root_node,
                            .parent = &part->parent};
        err = writer_op(&w, &op);
    }
    enum jit_err (*const writers[])(struct writer *, const struct part *) = {
        write_nodes, write_edges, write_attachments};
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++) {
        for (size_t p = 0; err == JIT_OK && p < collect->part_count; p++) {
            err = writers[k](&w, &collect->parts[p]);
        }
    }
    if (err == JIT_OK) {
        err = writer_flush(&w);
    }
    jit_buf_release(&w.buf);
    return err;
}
