/* Types in memory: what may be one, adding, finding. */
#include "rmg/schema/schema.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "rmg/schema/schema_priv.h"

const char *const schema_atom_names[SCHEMA_ATOMS] = {
#define X(name, text) [name] = text,
    SCHEMA_ATOM_MAP(X)
#undef X
};

static const char *const joins[] = {
    [RMG_JOIN_NONE] = "",   [RMG_JOIN_SUM] = "sum",     [RMG_JOIN_MAX] = "max",
    [RMG_JOIN_MIN] = "min", [RMG_JOIN_UNION] = "union", [RMG_JOIN_LAST] = "last"};
#define JOIN_COUNT (sizeof joins / sizeof *joins)

/* Beside the codecs: atoms and nodes of the root graph's own. */
static const char *const own_atoms[] = {"u64", "u32"};
static const char *const own_nodes[] = {"instance", "type", "rule", "process", "capability"};
#define OWN_ATOMS (sizeof own_atoms / sizeof *own_atoms)
#define OWN_NODES (sizeof own_nodes / sizeof *own_nodes)

/* ---- words ---- */

const char *rmg_join_name(enum rmg_join join)
{
    assert((unsigned)join < JOIN_COUNT);
    return joins[join];
}

bool rmg_join_of_name(const char *name, size_t size, enum rmg_join *out)
{
    for (size_t i = 0; i < JOIN_COUNT; i++) {
        if (strlen(joins[i]) == size && (size == 0 || memcmp(joins[i], name, size) == 0)) {
            *out = (enum rmg_join)i;
            return true;
        }
    }
    return false;
}

bool rmg_join_fits(enum rmg_join join, enum rmg_codec codec)
{
    switch (join) {
    case RMG_JOIN_SUM:
        return codec == RMG_CODEC_I64;
    case RMG_JOIN_MAX:
    case RMG_JOIN_MIN:
        return codec == RMG_CODEC_I64 || codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32;
    case RMG_JOIN_UNION:
        return codec == RMG_CODEC_LIST;
    case RMG_JOIN_NONE:
    case RMG_JOIN_LAST:
        return true;
    case RMG_JOIN_MEMBERS:
        break;
    }
    return false;
}

const char *rmg_type_kind_name(enum rmg_type_kind kind)
{
    static const char *const names[] = {
        [RMG_TYPE_NODE] = "node", [RMG_TYPE_EDGE] = "edge", [RMG_TYPE_ATOM] = "atom"};
    assert(kind >= RMG_TYPE_NODE && kind <= RMG_TYPE_ATOM);
    return names[kind];
}

void schema_type_id(const char *name, struct jit_id *out)
{
    jit_hash_named("type:", name, strlen(name), out);
}

enum schema_atom schema_atom_of_name(const char *name, size_t size)
{
    for (int i = 0; i < SCHEMA_ATOMS; i++) {
        if (strlen(schema_atom_names[i]) == size && memcmp(schema_atom_names[i], name, size) == 0) {
            return (enum schema_atom)i;
        }
    }
    return SCHEMA_ATOMS;
}

/* ---- life ---- */

enum jit_err rmg_schema_new(struct jit_heap *heap, struct rmg_schema **out)
{
    assert(heap != NULL);
    *out = NULL;
    struct rmg_schema *schema = jit_heap_zalloc(heap, 1, sizeof *schema);
    struct rmg_scratch *scratch = jit_heap_zalloc(heap, 1, sizeof *scratch);
    if (schema == NULL || scratch == NULL) {
        heap->free(heap, schema);
        heap->free(heap, scratch);
        return JIT_ENOMEM;
    }
    rmg_scratch_init(scratch, heap);
    schema->heap = heap;
    schema->scratch = scratch;
    *out = schema;
    return JIT_OK;
}

void rmg_schema_free(struct rmg_schema *schema)
{
    if (schema != NULL) {
        struct jit_heap *heap = schema->heap;
        rmg_scratch_release(schema->scratch);
        heap->free(heap, schema->scratch);
        heap->free(heap, schema->types);
        heap->free(heap, schema);
    }
}

/* ---- finding ---- */

/* The place of an id, or where it belongs. */
static uint32_t place_of(const struct rmg_schema *schema, const struct jit_id *id)
{
    uint32_t low = 0;
    uint32_t high = schema->type_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (jit_id_compare(&schema->types[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct rmg_schema_type *rmg_schema_find(const struct rmg_schema *schema,
                                              const struct jit_id *id)
{
    if (schema == NULL) {
        return NULL;
    }
    uint32_t at = place_of(schema, id);
    bool found = at < schema->type_count && jit_id_equal(&schema->types[at]->id, id);
    return found ? schema->types[at] : NULL;
}

const struct rmg_schema_field *rmg_schema_field_of(const struct rmg_schema_type *type,
                                                   const char *name, size_t name_size)
{
    for (uint32_t i = 0; type != NULL && i < type->field_count; i++) {
        if (strlen(type->fields[i].name) == name_size &&
            memcmp(type->fields[i].name, name, name_size) == 0) {
            return &type->fields[i];
        }
    }
    return NULL;
}

bool rmg_schema_value_fits(const struct rmg_schema_field *field, const struct rmg_value *value)
{
    return value->kind == RMG_VALUE_ATOM && jit_id_equal(&value->type, &field->type) &&
           (field->codec == RMG_CODEC_NONE ||
            rmg_codec_check(field->codec, field->element, value->bytes, value->size) == JIT_OK);
}

bool rmg_schema_is_builtin(const char *name, size_t size)
{
    for (size_t i = 0; i < OWN_ATOMS + OWN_NODES; i++) {
        const char *own = i < OWN_ATOMS ? own_atoms[i] : own_nodes[i - OWN_ATOMS];
        if (strlen(own) == size && memcmp(own, name, size) == 0) {
            return true;
        }
    }
    return rmg_codec_of_name(name, size) != RMG_CODEC_NONE;
}

/* ---- what may be a type ---- */

static bool text_valid(const char *text, size_t size_min, size_t size_max)
{
    size_t size = strlen(text);
    return size >= size_min && size <= size_max && rmg_utf8_valid((const uint8_t *)text, size);
}

/* A field that names only its atom type may mean a built-in codec all the same. */
static struct rmg_schema_field resolved(const struct rmg_schema_field *from)
{
    struct rmg_schema_field field = *from;
    if (field.codec == RMG_CODEC_NONE) {
        field.codec = rmg_codec_of_atom(&field.type, &field.element);
    }
    if (field.codec != RMG_CODEC_LIST) {
        field.element = RMG_CODEC_NONE;
    }
    if (field.codec != RMG_CODEC_NONE) {
        field.type = field.codec == RMG_CODEC_LIST ? *rmg_codec_list_type(field.element)
                                                   : *rmg_codec_type(field.codec);
    }
    return field;
}

static const char *judge_field(const struct rmg_schema_field *field)
{
    if (!text_valid(field->name, 0, JIT_NAME_BYTES_MAX)) {
        return "a field's name is longer than 255 bytes or no UTF-8";
    }
    if (field->codec == RMG_CODEC_NONE && jit_id_is_zero(&field->type)) {
        return "a field's codec is zero";
    }
    if (!rmg_join_fits(field->join, field->codec)) {
        return "a field's join does not fit its codec";
    }
    if (!field->has_default) {
        return field->value_size > 0 ? "a field without a default has one" : NULL;
    }
    if (field->value_size > JIT_ATOM_BYTES_MAX) {
        return "a field's default is longer than 1 MiB";
    }
    if (field->codec != RMG_CODEC_NONE &&
        rmg_codec_check(field->codec, field->element, field->value, field->value_size) != JIT_OK) {
        return "a field's default is no canonical value of its codec";
    }
    return NULL;
}

static bool ascending(const struct jit_id *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (jit_id_is_zero(&ids[i]) || (i > 0 && jit_id_compare(&ids[i - 1], &ids[i]) >= 0)) {
            return false;
        }
    }
    return true;
}

/* What is wrong with it, or NULL. */
static const char *judge(const struct rmg_schema_type *type)
{
    if (!text_valid(type->name, 1, JIT_LABEL_BYTES_MAX)) {
        return "a type's name is empty, longer than 1,024 bytes or no UTF-8";
    }
    if (type->kind < RMG_TYPE_NODE || type->kind > RMG_TYPE_ATOM) {
        return "a type's kind is not node, edge or atom";
    }
    if (type->kind == RMG_TYPE_ATOM && type->field_count > 0) {
        return "a type of atoms has fields";
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct rmg_schema_field field = resolved(&type->fields[i]);
        const char *what = judge_field(&field);
        for (uint32_t k = 0; what == NULL && k < i; k++) {
            if (strcmp(type->fields[i].name, type->fields[k].name) == 0) {
                what = "a type has two fields of one name";
            }
        }
        if (what != NULL) {
            return what;
        }
    }
    if (type->kind != RMG_TYPE_EDGE && (type->from_count > 0 || type->to_count > 0)) {
        return "a type has ends and is none of edges";
    }
    if (!ascending(type->from, type->from_count) || !ascending(type->to, type->to_count)) {
        return "the ends of an edge type do not ascend";
    }
    return NULL;
}

/* ---- adding ---- */

/* A copy that may be empty: then anything that is not NULL. */
static void *copy(struct rmg_schema *schema, const void *bytes, size_t size)
{
    void *at = rmg_scratch_alloc(schema->scratch, size == 0 ? 1 : size);
    if (at != NULL && size > 0) {
        memcpy(at, bytes, size);
    }
    return at;
}

static char *copy_text(struct rmg_schema *schema, const char *text)
{
    return copy(schema, text, strlen(text) + 1);
}

static enum jit_err copy_fields(struct rmg_schema *schema, struct rmg_schema_type *to)
{
    struct rmg_schema_field *fields = copy(schema, to->fields, to->field_count * sizeof *fields);
    if (fields == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < to->field_count; i++) {
        struct rmg_schema_field *field = &fields[i];
        *field = resolved(field);
        field->name = copy_text(schema, field->name);
        field->value = copy(schema, field->value, field->value_size);
        if (field->name == NULL || field->value == NULL) {
            return JIT_ENOMEM;
        }
    }
    to->fields = fields;
    return JIT_OK;
}

static enum jit_err copy_others(struct rmg_schema *schema, struct rmg_schema_type *to)
{
    struct rmg_attachment *others = copy(schema, to->others, to->other_count * sizeof *others);
    if (others == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < to->other_count; i++) {
        others[i].name = copy(schema, others[i].name, others[i].name_size);
        others[i].value.bytes = copy(schema, others[i].value.bytes, others[i].value.size);
        if (others[i].name == NULL || others[i].value.bytes == NULL) {
            return JIT_ENOMEM;
        }
    }
    to->others = others;
    return JIT_OK;
}

static enum jit_err deep_copy(struct rmg_schema *schema, const struct rmg_schema_type *from,
                              struct rmg_schema_type **out)
{
    struct rmg_schema_type *to = copy(schema, from, sizeof *to);
    if (to == NULL) {
        return JIT_ENOMEM;
    }
    to->name = copy_text(schema, from->name);
    to->from = copy(schema, from->from, from->from_count * sizeof *to->from);
    to->to = copy(schema, from->to, from->to_count * sizeof *to->to);
    if (to->name == NULL || to->from == NULL || to->to == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = copy_fields(schema, to);
    if (err == JIT_OK) {
        err = copy_others(schema, to);
    }
    *out = to;
    return err;
}

enum jit_err rmg_schema_add(struct rmg_schema *schema, const struct rmg_schema_type *type,
                            struct rmg_schema_fault *fault)
{
    struct rmg_schema_fault unused;
    struct rmg_schema_type *fresh = NULL;
    void *data = schema->types;
    struct jit_id id;
    fault = fault == NULL ? &unused : fault;
    schema_type_id(type->name, &id);
    *fault = (struct rmg_schema_fault){.type = id};
    if (type->field_count > JIT_ATTACHMENTS_MAX || type->other_count > SCHEMA_OTHERS_MAX ||
        schema->type_count == RMG_SCHEMA_TYPES_MAX) {
        fault->what = "a type has more than 256 fields, or a schema more than 65,536 types";
        return JIT_ELIMIT;
    }
    fault->what = judge(type);
    if (fault->what != NULL) {
        return JIT_EINVALID;
    }
    uint32_t at = place_of(schema, &id);
    if (at < schema->type_count && jit_id_equal(&schema->types[at]->id, &id)) {
        fault->what = "there is a type of this name already";
        return JIT_EEXIST;
    }
    if (jit_heap_grow(schema->heap, &data, &schema->capacity, schema->type_count + 1u,
                      sizeof *schema->types) != 0) {
        return JIT_ENOMEM;
    }
    schema->types = data;
    enum jit_err err = deep_copy(schema, type, &fresh);
    if (err != JIT_OK) {
        return err;
    }
    fresh->id = id;
    memmove(&schema->types[at + 1], &schema->types[at],
            (schema->type_count - at) * sizeof *schema->types);
    schema->types[at] = fresh;
    schema->type_count++;
    return JIT_OK;
}

enum jit_err rmg_schema_add_builtin(struct rmg_schema *schema)
{
    enum jit_err err = JIT_OK;
    struct rmg_schema_type type = {.kind = RMG_TYPE_ATOM};
    for (int codec = RMG_CODEC_BOOL; err == JIT_OK && codec <= RMG_CODEC_LIST; codec++) {
        type.name = rmg_codec_name((enum rmg_codec)codec);
        err = rmg_schema_add(schema, &type, NULL);
    }
    for (size_t i = 0; err == JIT_OK && i < OWN_ATOMS; i++) {
        type.name = own_atoms[i];
        err = rmg_schema_add(schema, &type, NULL);
    }
    type.kind = RMG_TYPE_NODE;
    for (size_t i = 0; err == JIT_OK && i < OWN_NODES; i++) {
        type.name = own_nodes[i];
        err = rmg_schema_add(schema, &type, NULL);
    }
    return err;
}
