/* Reading /schema: every byte of it may be somebody else's. Atoms are copied before they are
 * judged.
 */
#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "rmg/schema/schema_priv.h"

struct reader {
    struct rmg_schema *schema;
    struct rmg_scratch scratch; /* of the type at hand */
    struct rmg_graph view;
    struct rmg_schema_fault *fault;
    struct rmg_attachment known[SCHEMA_ATOMS]; /* name NULL: not there */
    struct rmg_attachment others[SCHEMA_OTHERS_MAX];
    struct rmg_schema_type type;
};

static enum jit_err wrong(struct reader *r, const char *what)
{
    r->fault->what = what;
    return JIT_EINVALID;
}

static void *copy(struct reader *r, const void *bytes, size_t size)
{
    uint8_t *at = rmg_scratch_alloc(&r->scratch, size + 1); /* terminated, so it may be a text */
    if (at != NULL) {
        if (size > 0) {
            memcpy(at, bytes, size);
        }
        at[size] = 0;
    }
    return at;
}

/* ---- atoms ---- */

static enum jit_err keep(struct reader *r, const struct rmg_attachment *attachment)
{
    struct rmg_attachment kept = *attachment;
    if (attachment->value.kind != RMG_VALUE_ATOM) {
        return wrong(r, "a portal hangs on the node of a type");
    }
    kept.name = copy(r, attachment->name, attachment->name_size);
    kept.value.bytes = copy(r, attachment->value.bytes, attachment->value.size);
    if (kept.name == NULL || kept.value.bytes == NULL) {
        return JIT_ENOMEM;
    }
    enum schema_atom which = schema_atom_of_name(kept.name, kept.name_size);
    if (which != SCHEMA_ATOMS) {
        r->known[which] = kept;
        return JIT_OK;
    }
    if (r->type.other_count == SCHEMA_OTHERS_MAX) {
        return wrong(r, "a type has more atoms than a node can");
    }
    r->others[r->type.other_count++] = kept;
    return JIT_OK;
}

static enum jit_err load_atoms(struct reader *r, const struct jit_id *node)
{
    enum jit_err err = JIT_OK;
    memset(r->known, 0, sizeof r->known);
    r->type = (struct rmg_schema_type){.id = *node, .others = r->others};
    for (uint32_t i = 0; err == JIT_OK; i++) {
        struct rmg_attachment attachment;
        err = rmg_attachment_at(&r->view, RMG_PLANE_ALPHA, node, i, &attachment);
        if (err == JIT_OK) {
            err = keep(r, &attachment);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* A known atom with the type it must have and canonical bytes. */
static const struct rmg_value *known_atom(struct reader *r, enum schema_atom which,
                                          enum rmg_codec codec, enum rmg_codec element)
{
    const struct rmg_attachment *at = &r->known[which];
    const struct jit_id *type =
        codec == RMG_CODEC_LIST ? rmg_codec_list_type(element) : rmg_codec_type(codec);
    if (at->name == NULL || !jit_id_equal(&at->value.type, type) ||
        rmg_codec_check(codec, element, at->value.bytes, at->value.size) != JIT_OK) {
        return NULL;
    }
    return &at->value;
}

/* ---- fields ---- */

/* The five items of a field; each must be there, and no more. */
static bool decode_field(struct reader *r, const uint8_t *bytes, uint32_t size,
                         struct rmg_schema_field *out, bool *no_memory)
{
    const uint8_t *items[SCHEMA_FIELD_ITEMS];
    uint32_t sizes[SCHEMA_FIELD_ITEMS];
    struct rmg_list list;
    rmg_list_begin(bytes, size, &list);
    if (list.left != SCHEMA_FIELD_ITEMS) {
        return false;
    }
    for (uint32_t i = 0; i < SCHEMA_FIELD_ITEMS; i++) {
        if (!rmg_list_next(&list, &items[i], &sizes[i])) {
            return false;
        }
    }
    if (!rmg_list_done(&list) || sizes[0] > JIT_NAME_BYTES_MAX ||
        !rmg_utf8_valid(items[0], sizes[0]) || sizes[1] != JIT_ID_BYTES ||
        !rmg_join_of_name((const char *)items[2], sizes[2], &out->join) || sizes[3] != 1 ||
        items[3][0] > 1) {
        return false;
    }
    out->name = copy(r, items[0], sizes[0]);
    *no_memory = out->name == NULL;
    memcpy(out->type.bytes, items[1], JIT_ID_BYTES);
    out->has_default = items[3][0] == 1;
    out->value = items[4];
    out->value_size = sizes[4];
    return !*no_memory;
}

static enum jit_err read_fields(struct reader *r)
{
    static const char broken[] = "the fields of a type do not follow the specification";
    const struct rmg_value *value =
        known_atom(r, SCHEMA_ATOM_FIELDS, RMG_CODEC_LIST, RMG_CODEC_NONE);
    const uint8_t *item = NULL;
    uint32_t size = 0;
    struct rmg_list list;
    if (value == NULL) {
        return wrong(r, "a type has no list `fields`");
    }
    rmg_list_begin(value->bytes, value->size, &list);
    if (list.left > JIT_ATTACHMENTS_MAX) {
        return wrong(r, "a type has more than 256 fields");
    }
    uint32_t count = (uint32_t)list.left;
    struct rmg_schema_field *fields = rmg_scratch_alloc(&r->scratch, (count + 1u) * sizeof *fields);
    if (fields == NULL) {
        return JIT_ENOMEM;
    }
    memset(fields, 0, (count + 1u) * sizeof *fields);
    for (uint32_t i = 0; rmg_list_next(&list, &item, &size); i++) {
        bool no_memory = false;
        if (!decode_field(r, item, size, &fields[i], &no_memory)) {
            return no_memory ? JIT_ENOMEM : wrong(r, broken);
        }
    }
    r->type.fields = fields;
    r->type.field_count = count;
    return JIT_OK;
}

/* ---- the rest ---- */

static enum jit_err read_kind(struct reader *r)
{
    const struct rmg_value *value = known_atom(r, SCHEMA_ATOM_KIND, RMG_CODEC_TEXT, RMG_CODEC_NONE);
    for (int kind = RMG_TYPE_NODE; value != NULL && kind <= RMG_TYPE_ATOM; kind++) {
        const char *name = rmg_type_kind_name((enum rmg_type_kind)kind);
        if (strlen(name) == value->size && memcmp(name, value->bytes, value->size) == 0) {
            r->type.kind = (enum rmg_type_kind)kind;
            return JIT_OK;
        }
    }
    return wrong(r, "a type has no text `kind` that is node, edge or atom");
}

static enum jit_err read_name(struct reader *r)
{
    const struct rmg_value *value = known_atom(r, SCHEMA_ATOM_NAME, RMG_CODEC_TEXT, RMG_CODEC_NONE);
    struct jit_id id;
    if (value == NULL || value->size == 0 || value->size > JIT_LABEL_BYTES_MAX) {
        return wrong(r, "a type has no text `name` of 1 to 1,024 bytes");
    }
    r->type.name = (const char *)value->bytes;
    schema_type_id(r->type.name, &id);
    return jit_id_equal(&id, &r->type.id) ? JIT_OK
                                          : wrong(r, "a type lies under another type's id");
}

/* No list means any node; an empty one would mean the same, so it must not be there. */
static enum jit_err read_ends(struct reader *r, enum schema_atom which, const struct jit_id **ids,
                              uint32_t *count)
{
    static const char broken[] = "an end of an edge type is not an ascending list of ids";
    const uint8_t *item = NULL;
    uint32_t size = 0;
    struct rmg_list list;
    if (r->known[which].name == NULL) {
        return JIT_OK;
    }
    const struct rmg_value *value = known_atom(r, which, RMG_CODEC_LIST, RMG_CODEC_NONE);
    if (value == NULL || value->size <= 8) {
        return wrong(r, broken);
    }
    struct jit_id *out = rmg_scratch_alloc(&r->scratch, value->size);
    if (out == NULL) {
        return JIT_ENOMEM;
    }
    rmg_list_begin(value->bytes, value->size, &list);
    while (rmg_list_next(&list, &item, &size)) {
        if (size != JIT_ID_BYTES) {
            return wrong(r, broken);
        }
        memcpy(out[(*count)++].bytes, item, JIT_ID_BYTES);
    }
    *ids = out;
    return JIT_OK;
}

static enum jit_err read_type(struct reader *r, const struct jit_id *node)
{
    rmg_scratch_reset(&r->scratch);
    *r->fault = (struct rmg_schema_fault){.type = *node};
    enum jit_err err = load_atoms(r, node);
    if (err == JIT_OK) {
        err = read_name(r);
    }
    if (err == JIT_OK) {
        err = read_kind(r);
    }
    if (err == JIT_OK) {
        err = read_fields(r);
    }
    if (err == JIT_OK) {
        err = read_ends(r, SCHEMA_ATOM_FROM, &r->type.from, &r->type.from_count);
    }
    if (err == JIT_OK) {
        err = read_ends(r, SCHEMA_ATOM_TO, &r->type.to, &r->type.to_count);
    }
    return err == JIT_OK ? rmg_schema_add(r->schema, &r->type, r->fault) : err;
}

/* Nodes of other types in /schema are nobody's business here. */
static enum jit_err read_all(struct reader *r)
{
    struct rmg_iter iter;
    struct jit_id type_type;
    struct jit_id node;
    struct jit_id type;
    enum jit_err err;
    schema_type_id("type", &type_type);
    rmg_iter_extent(&r->view, false, &type_type, &iter);
    while ((err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        err = read_type(r, &node);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
    }
    *r->fault = (struct rmg_schema_fault){.what = NULL};
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err rmg_schema_read(struct jit_heap *heap, const struct rmg_store *store,
                             const struct rmg_version *version, struct rmg_schema **out,
                             struct rmg_schema_fault *fault)
{
    struct rmg_instance in;
    struct jit_id instance;
    struct jit_id root_node;
    *out = NULL;
    *fault = (struct rmg_schema_fault){.what = NULL};
    rmg_schema_place(&instance, &root_node);
    enum jit_err err = rmg_store_instance(store, version, &instance, &in);
    if (err != JIT_OK) {
        return err;
    }
    struct reader *r = jit_heap_zalloc(heap, 1, sizeof *r);
    if (r == NULL) {
        return JIT_ENOMEM;
    }
    rmg_scratch_init(&r->scratch, heap);
    r->fault = fault;
    rmg_store_graph(store, &in, &r->view);
    err = rmg_schema_new(heap, &r->schema);
    if (err == JIT_OK) {
        err = read_all(r);
    }
    if (err == JIT_OK) {
        *out = r->schema;
    } else {
        rmg_schema_free(r->schema);
    }
    rmg_scratch_release(&r->scratch);
    heap->free(heap, r);
    return err;
}
