#include "rmg/schema/schema_infer.h"

#include "base/check.h"
#include "rmg/store/scratch.h"

/* How often one atom type (zero: a portal) occurs under a name. */
struct kind {
    struct jit_id type;
    uint64_t count;
};

#define KINDS_MAX 8u /* more under one name: those that come later are only counted */

struct field {
    const char *name; /* terminated */
    uint32_t name_size;
    uint32_t kind_count;
    uint64_t beyond; /* of kinds that did not fit */
    struct kind kinds[KINDS_MAX];
};

struct type {
    struct rmg_infer_type pub;
    struct field *fields; /* by name */
    size_t capacity;
};

struct rmg_infer {
    struct jit_heap *heap;
    struct rmg_scratch names;
    struct type **types; /* by id, nodes before edges */
    uint32_t count;
    size_t capacity;
};

/* ---- life ---- */

enum jit_err rmg_infer_new(struct jit_heap *heap, struct rmg_infer **out)
{
    *out = jit_heap_zalloc(heap, 1, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    (*out)->heap = heap;
    rmg_scratch_init(&(*out)->names, heap);
    return JIT_OK;
}

void rmg_infer_free(struct rmg_infer *infer)
{
    if (infer == NULL) {
        return;
    }
    struct jit_heap *heap = infer->heap;
    for (uint32_t i = 0; i < infer->count; i++) {
        heap->free(heap, infer->types[i]->fields);
        heap->free(heap, infer->types[i]);
    }
    heap->free(heap, infer->types);
    rmg_scratch_release(&infer->names);
    heap->free(heap, infer);
}

/* ---- one type ---- */

static int compare_type(const struct type *a, const struct jit_id *id, bool is_edge)
{
    int order = jit_id_compare(&a->pub.id, id);
    return order != 0 ? order : (int)a->pub.is_edge - (int)is_edge;
}

/* The type, new where it was not seen yet. */
static enum jit_err type_of(struct rmg_infer *infer, const struct jit_id *id, bool is_edge,
                            struct type **out)
{
    uint32_t low = 0;
    uint32_t high = infer->count;
    void *data = infer->types;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_type(infer->types[middle], id, is_edge) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < infer->count && compare_type(infer->types[low], id, is_edge) == 0) {
        *out = infer->types[low];
        return JIT_OK;
    }
    if (infer->count == RMG_SCHEMA_TYPES_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(infer->heap, &data, &infer->capacity, infer->count + 1u,
                      sizeof *infer->types) != 0) {
        return JIT_ENOMEM;
    }
    infer->types = data;
    struct type *fresh = jit_heap_zalloc(infer->heap, 1, sizeof *fresh);
    if (fresh == NULL) {
        return JIT_ENOMEM;
    }
    fresh->pub.id = *id;
    fresh->pub.is_edge = is_edge;
    memmove(&infer->types[low + 1], &infer->types[low],
            (infer->count - low) * sizeof *infer->types);
    infer->types[low] = fresh;
    infer->count++;
    *out = fresh;
    return JIT_OK;
}

static int compare_name(const struct field *field, const char *name, uint32_t size)
{
    uint32_t both = field->name_size < size ? field->name_size : size;
    int order = both == 0 ? 0 : memcmp(field->name, name, both);
    return order != 0 ? order : (field->name_size > size) - (field->name_size < size);
}

/* The field, new where it was not seen yet; NULL: there are too many. */
static enum jit_err field_of(struct rmg_infer *infer, struct type *type, const char *name,
                             uint32_t size, struct field **out)
{
    uint32_t low = 0;
    uint32_t high = type->pub.field_count;
    void *data = type->fields;
    *out = NULL;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_name(&type->fields[middle], name, size) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < type->pub.field_count && compare_name(&type->fields[low], name, size) == 0) {
        *out = &type->fields[low];
        return JIT_OK;
    }
    if (type->pub.field_count == JIT_ATTACHMENTS_MAX) {
        type->pub.cut = true;
        return JIT_OK;
    }
    char *copy = rmg_scratch_alloc(&infer->names, size + 1u);
    if (copy == NULL || jit_heap_grow(infer->heap, &data, &type->capacity,
                                      type->pub.field_count + 1u, sizeof *type->fields) != 0) {
        return JIT_ENOMEM;
    }
    type->fields = data;
    memcpy(copy, name, size);
    copy[size] = '\0';
    memmove(&type->fields[low + 1], &type->fields[low],
            (type->pub.field_count - low) * sizeof *type->fields);
    type->fields[low] = (struct field){.name = copy, .name_size = size};
    type->pub.field_count++;
    *out = &type->fields[low];
    return JIT_OK;
}

static void count_kind(struct field *field, const struct jit_id *type)
{
    uint32_t i = 0;
    while (i < field->kind_count && !jit_id_equal(&field->kinds[i].type, type)) {
        i++;
    }
    if (i == KINDS_MAX) {
        field->beyond++;
        return;
    }
    if (i == field->kind_count) {
        field->kinds[field->kind_count++] = (struct kind){.type = *type};
    }
    field->kinds[i].count++;
}

static enum jit_err look_at(struct rmg_infer *infer, const struct rmg_graph *graph,
                            struct type *type, const struct jit_id *id)
{
    static const struct jit_id portal;
    enum rmg_plane plane = type->pub.is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    enum jit_err err = JIT_OK;
    type->pub.count++;
    for (uint32_t i = 0; err == JIT_OK; i++) {
        struct rmg_attachment at;
        struct field *field = NULL;
        err = rmg_attachment_at(graph, plane, id, i, &at);
        if (err == JIT_OK && !rmg_utf8_valid((const uint8_t *)at.name, at.name_size)) {
            err = JIT_ECORRUPT;
        }
        if (err == JIT_OK) {
            err = field_of(infer, type, at.name, at.name_size, &field);
        }
        if (err == JIT_OK && field != NULL) {
            count_kind(field, at.value.kind == RMG_VALUE_ATOM ? &at.value.type : &portal);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- graphs ---- */

enum jit_err rmg_infer_add(struct rmg_infer *infer, const struct rmg_graph *graph, bool edges,
                           const struct jit_id *type)
{
    struct rmg_iter iter;
    struct type *current = NULL;
    enum jit_err err;
    if (type != NULL) {
        rmg_iter_extent(graph, edges, type, &iter);
    } else {
        rmg_iter_all(graph, edges ? RMG_EDGE_TYPES : RMG_NODE_TYPES, &iter);
    }
    for (;;) {
        struct rmg_edge edge;
        err = edges ? rmg_iter_edge(&iter, &edge) : rmg_iter_node(&iter, &edge.id, &edge.type);
        /* The index has equal types beside each other. */
        if (err == JIT_OK && (current == NULL || !jit_id_equal(&current->pub.id, &edge.type))) {
            err = type_of(infer, &edge.type, edges, &current);
        }
        if (err == JIT_OK) {
            err = look_at(infer, graph, current, &edge.id);
        }
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_OK : err;
        }
    }
}

enum jit_err rmg_infer_add_version(struct rmg_infer *infer, const struct rmg_store *store,
                                   const struct rmg_version *version)
{
    const struct jit_id *after = NULL;
    struct rmg_instance in;
    struct jit_id last;
    enum jit_err err;
    while ((err = rmg_store_next(store, version, after, &in)) == JIT_OK) {
        struct rmg_graph view;
        last = in.id;
        after = &last;
        rmg_store_graph(store, &in, &view);
        err = rmg_infer_add(infer, &view, false, NULL);
        if (err == JIT_OK) {
            err = rmg_infer_add(infer, &view, true, NULL);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- asking ---- */

uint32_t rmg_infer_count(const struct rmg_infer *infer)
{
    return infer->count;
}

const struct rmg_infer_type *rmg_infer_at(const struct rmg_infer *infer, uint32_t index)
{
    assert(index < infer->count);
    return &infer->types[index]->pub;
}

struct rmg_infer_field rmg_infer_field_at(const struct rmg_infer *infer, uint32_t index,
                                          uint32_t field)
{
    assert(index < infer->count);
    assert(field < infer->types[index]->pub.field_count);
    const struct field *from = &infer->types[index]->fields[field];
    const struct kind *best = NULL;
    uint64_t all = from->beyond;
    for (uint32_t i = 0; i < from->kind_count; i++) {
        const struct kind *kind = &from->kinds[i];
        all += kind->count;
        if (!jit_id_is_zero(&kind->type) &&
            (best == NULL || kind->count > best->count ||
             (kind->count == best->count && jit_id_compare(&kind->type, &best->type) < 0))) {
            best = kind;
        }
    }
    struct rmg_infer_field out = {.name = from->name, .others = all};
    if (best != NULL) {
        out.type = best->type;
        out.count = best->count;
        out.others -= best->count;
    }
    return out;
}

/* ---- declaring ---- */

static bool used_for_both(const struct rmg_infer *infer, uint32_t index)
{
    const struct jit_id *id = &infer->types[index]->pub.id;
    return (index > 0 && jit_id_equal(&infer->types[index - 1]->pub.id, id)) ||
           (index + 1 < infer->count && jit_id_equal(&infer->types[index + 1]->pub.id, id));
}

static enum jit_err declare(const struct rmg_infer *infer, uint32_t index, const char *name,
                            struct rmg_schema_field *fields, struct rmg_schema *schema,
                            uint64_t *left_out)
{
    const struct rmg_infer_type *seen = &infer->types[index]->pub;
    struct rmg_schema_type type = {
        .name = name, .kind = seen->is_edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE, .fields = fields};
    for (uint32_t i = 0; i < seen->field_count; i++) {
        struct rmg_infer_field field = rmg_infer_field_at(infer, index, i);
        if (field.others > 0) {
            *left_out += 1;
            continue;
        }
        fields[type.field_count++] =
            (struct rmg_schema_field){.name = field.name, .type = field.type};
    }
    return rmg_schema_add(schema, &type, NULL);
}

enum jit_err rmg_infer_declare(const struct rmg_infer *infer,
                               const char *(*name_of)(void *user, const struct jit_id *type),
                               void *user, struct rmg_schema *schema, uint64_t *left_out)
{
    enum jit_err err = JIT_OK;
    *left_out = 0;
    struct rmg_schema_field *fields =
        jit_heap_zalloc(infer->heap, JIT_ATTACHMENTS_MAX, sizeof *fields);
    if (fields == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; err == JIT_OK && i < infer->count; i++) {
        const struct jit_id *id = &infer->types[i]->pub.id;
        if (rmg_schema_find(schema, id) != NULL) {
            continue;
        }
        const char *name = used_for_both(infer, i) ? NULL : name_of(user, id);
        *left_out += name == NULL;
        if (name != NULL) {
            err = declare(infer, i, name, fields, schema, left_out);
        }
    }
    infer->heap->free(infer->heap, fields);
    return err;
}
