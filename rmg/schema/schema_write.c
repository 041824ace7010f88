/* Types as nodes of /schema: their atoms, into a collect or a transaction, and the hashes of them.
 */
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/schema/schema_priv.h"
#include "rmg/store/trie_priv.h"

/* The atoms of one type's node, by name. */
struct atoms {
    struct rmg_attachment items[JIT_ATTACHMENTS_MAX];
    uint32_t count;
    struct jit_buf buf; /* what the encoded ones point to; room is made first, so it never moves */
};

void rmg_schema_place(struct jit_id *instance, struct jit_id *root_node)
{
    jit_hash_named("warp:", "/schema", 7, instance);
    jit_hash_named("node:", "/schema", 7, root_node);
}

/* ---- bytes ---- */

static void encode_fields(const struct rmg_schema_type *type, struct jit_buf *buf)
{
    jit_buf_put_u64(buf, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct rmg_schema_field *f = &type->fields[i];
        const char *join = rmg_join_name(f->join);
        uint8_t has_default = f->has_default;
        size_t length_at = buf->size;
        jit_buf_put_u64(buf, 0);
        jit_buf_put_u64(buf, SCHEMA_FIELD_ITEMS);
        rmg_list_put(buf, f->name, strlen(f->name));
        rmg_list_put(buf, f->type.bytes, JIT_ID_BYTES);
        rmg_list_put(buf, join, strlen(join));
        rmg_list_put(buf, &has_default, 1);
        rmg_list_put(buf, f->value, f->has_default ? f->value_size : 0);
        if (buf->err == JIT_OK) {
            jit_buf_patch_u64(buf, length_at, buf->size - length_at - 8);
        }
    }
}

static void encode_ids(const struct jit_id *ids, uint32_t count, struct jit_buf *buf)
{
    jit_buf_put_u64(buf, count);
    for (uint32_t i = 0; i < count; i++) {
        rmg_list_put(buf, ids[i].bytes, JIT_ID_BYTES);
    }
}

static void add_atom(struct atoms *atoms, const char *name, uint32_t name_size,
                     const struct rmg_value *value)
{
    uint32_t at = atoms->count++;
    while (at > 0 && owner_name_compare(atoms->items[at - 1].name, atoms->items[at - 1].name_size,
                                        name, name_size) > 0) {
        atoms->items[at] = atoms->items[at - 1];
        at--;
    }
    atoms->items[at] =
        (struct rmg_attachment){.name = name, .name_size = name_size, .value = *value};
}

static void add_known(struct atoms *atoms, enum schema_atom which, const struct jit_id *type,
                      const void *bytes, size_t size)
{
    struct rmg_value value = {.kind = RMG_VALUE_ATOM,
                              .type = *type,
                              .bytes = (const uint8_t *)bytes,
                              .size = (uint32_t)size};
    const char *name = schema_atom_names[which];
    add_atom(atoms, name, (uint32_t)strlen(name), &value);
}

/* Offsets first, since a buffer that grows moves. */
static enum jit_err atoms_of(const struct rmg_schema_type *type, struct jit_heap *heap,
                             struct atoms *atoms)
{
    const char *kind = rmg_type_kind_name(type->kind);
    struct jit_buf *buf = &atoms->buf;
    atoms->count = 0;
    jit_buf_init(buf, heap, 3 * (size_t)JIT_ATOM_BYTES_MAX);
    encode_fields(type, buf);
    size_t fields_end = buf->size;
    encode_ids(type->from, type->from_count, buf);
    size_t from_end = buf->size;
    encode_ids(type->to, type->to_count, buf);
    if (buf->err != JIT_OK) {
        return buf->err;
    }
    add_known(atoms, SCHEMA_ATOM_NAME, rmg_codec_type(RMG_CODEC_TEXT), type->name,
              strlen(type->name));
    add_known(atoms, SCHEMA_ATOM_KIND, rmg_codec_type(RMG_CODEC_TEXT), kind, strlen(kind));
    add_known(atoms, SCHEMA_ATOM_FIELDS, rmg_codec_type(RMG_CODEC_LIST), buf->data, fields_end);
    if (type->from_count > 0) {
        add_known(atoms, SCHEMA_ATOM_FROM, rmg_codec_type(RMG_CODEC_LIST), buf->data + fields_end,
                  from_end - fields_end);
    }
    if (type->to_count > 0) {
        add_known(atoms, SCHEMA_ATOM_TO, rmg_codec_type(RMG_CODEC_LIST), buf->data + from_end,
                  buf->size - from_end);
    }
    for (uint32_t i = 0; i < type->other_count; i++) {
        add_atom(atoms, type->others[i].name, type->others[i].name_size, &type->others[i].value);
    }
    for (uint32_t i = 0; i < atoms->count; i++) {
        if (atoms->items[i].value.size > JIT_ATOM_BYTES_MAX) {
            return JIT_ELIMIT;
        }
    }
    return JIT_OK;
}

/* ---- into a graph ---- */

/* Where a type goes: a collect, or else a transaction. */
struct target {
    struct rmg_collect *collect;
    struct rmg_tx *tx;
    struct jit_heap *heap;
    struct jit_id instance;
    struct jit_id type_type; /* type:type */
};

static enum jit_err write_type(const struct target *target, const struct rmg_schema_type *type)
{
    struct atoms atoms;
    struct jit_id id;
    schema_type_id(type->name, &id);
    enum jit_err err = atoms_of(type, target->heap, &atoms);
    if (err == JIT_OK) {
        err = target->collect != NULL
                  ? rmg_collect_node(target->collect, &target->instance, &id, &target->type_type)
                  : rmg_tx_upsert_node(target->tx, &target->instance, &id, &target->type_type);
    }
    for (uint32_t i = 0; err == JIT_OK && i < atoms.count; i++) {
        err = target->collect != NULL
                  ? rmg_collect_attachment(target->collect, &target->instance, RMG_PLANE_ALPHA, &id,
                                           &atoms.items[i])
                  : rmg_tx_set_attachment(target->tx, &target->instance, RMG_PLANE_ALPHA, &id,
                                          &atoms.items[i]);
    }
    jit_buf_release(&atoms.buf);
    return err;
}

static struct target target_of(struct rmg_collect *collect, struct rmg_tx *tx,
                               struct jit_heap *heap)
{
    struct target target = {.collect = collect, .tx = tx, .heap = heap};
    struct jit_id root_node;
    rmg_schema_place(&target.instance, &root_node);
    schema_type_id("type", &target.type_type);
    return target;
}

enum jit_err rmg_schema_collect(const struct rmg_schema *schema, struct rmg_collect *collect)
{
    struct target target = target_of(collect, NULL, schema->heap);
    struct jit_id instance;
    struct jit_id root_node;
    enum jit_err err = JIT_OK;
    rmg_schema_place(&instance, &root_node);
    if (!rmg_collect_has_node(collect, &instance, &root_node)) {
        err = rmg_collect_path(collect, "/schema", &instance);
    }
    for (uint32_t i = 0; err == JIT_OK && i < schema->type_count; i++) {
        err = write_type(&target, schema->types[i]);
    }
    return err;
}

/* /schema as an instance of its own below another one. */
static enum jit_err make_place(struct rmg_tx *tx, const struct jit_id *above,
                               const struct target *target)
{
    struct rmg_instance there;
    struct rmg_instance top;
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id type;
    enum jit_err err = rmg_tx_instance(tx, &target->instance, &there);
    if (err != JIT_ENOENT) {
        return err;
    }
    err = rmg_tx_instance(tx, above, &top);
    if (err != JIT_OK) {
        return err;
    }
    rmg_schema_place(&instance, &root_node);
    schema_type_id("instance", &type);
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = *above,
                                .owner = top.root_node,
                                .name_size = 6,
                                .name = "schema"};
    struct rmg_attachment portal = {
        .name = "schema", .name_size = 6, .value = {.kind = RMG_VALUE_PORTAL, .type = instance}};
    err = rmg_tx_upsert_instance(tx, &instance, &root_node, &parent);
    if (err == JIT_OK) {
        err = rmg_tx_upsert_node(tx, &instance, &root_node, &type);
    }
    return err == JIT_OK
               ? rmg_tx_set_attachment(tx, above, RMG_PLANE_ALPHA, &top.root_node, &portal)
               : err;
}

enum jit_err rmg_schema_put(const struct rmg_schema *schema, struct rmg_tx *tx,
                            const struct jit_id *above)
{
    struct target target = target_of(NULL, tx, schema->heap);
    enum jit_err err = make_place(tx, above, &target);
    for (uint32_t i = 0; err == JIT_OK && i < schema->type_count; i++) {
        err = write_type(&target, schema->types[i]);
    }
    return err;
}

/* ---- hashes ---- */

enum jit_err rmg_schema_type_content(const struct rmg_schema *schema,
                                     const struct rmg_schema_type *type, struct jit_id *out)
{
    struct atoms atoms;
    struct jit_id type_type;
    schema_type_id("type", &type_type);
    enum jit_err err = atoms_of(type, schema->heap, &atoms);
    if (err == JIT_OK) {
        err = rmg_content_id(&type_type, atoms.items, atoms.count, out);
    }
    jit_buf_release(&atoms.buf);
    return err;
}

enum jit_err rmg_schema_hash(const struct rmg_schema *schema, struct jit_id *out)
{
    struct jit_hasher hasher;
    uint8_t count[8];
    enum jit_err err = JIT_OK;
    jit_put_le64(count, schema->type_count);
    jit_hasher_init_key(&hasher, JIT_K_SCHEMA);
    jit_hasher_update(&hasher, count, sizeof count);
    for (uint32_t i = 0; err == JIT_OK && i < schema->type_count; i++) {
        struct jit_id content;
        err = rmg_schema_type_content(schema, schema->types[i], &content);
        jit_hasher_update(&hasher, schema->types[i]->id.bytes, JIT_ID_BYTES);
        jit_hasher_update(&hasher, content.bytes, JIT_ID_BYTES);
    }
    jit_hasher_final(&hasher, out);
    return err;
}
