#include "tools/formats/columns.h"

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/xml.h"

void columns_init(struct columns *columns, struct jit_heap *heap)
{
    *columns = (struct columns){.heap = heap, .index.heap = heap};
}

void columns_release(struct columns *columns)
{
    columns->heap->free(columns->heap, columns->list);
    import_seen_release(&columns->index);
}

enum rmg_codec columns_codec(const struct rmg_value *value, struct rmg_datum *datum)
{
    enum rmg_codec codec = export_readable(value, datum);
    if (codec == RMG_CODEC_BYTES || codec == RMG_CODEC_ID ||
        (codec == RMG_CODEC_TEXT && !xml_fits((const char *)datum->bytes, datum->size))) {
        return RMG_CODEC_NONE;
    }
    return codec;
}

enum jit_err columns_add(struct columns *columns, enum column_domain domain,
                         const struct rmg_attachment *attachment, size_t *index)
{
    struct rmg_datum datum;
    struct jit_hasher hasher;
    struct jit_id key;
    uint64_t before = 0;
    const uint8_t lead[2] = {(uint8_t)domain, (uint8_t)columns_codec(&attachment->value, &datum)};
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, lead, sizeof lead);
    jit_hasher_update(&hasher, attachment->value.type.bytes, JIT_ID_BYTES);
    if (attachment->name_size > 0) {
        jit_hasher_update(&hasher, attachment->name, attachment->name_size);
    }
    jit_hasher_final(&hasher, &key);
    enum jit_err err = import_seen_add(&columns->index, &key, columns->count + 1, &before);
    if (err != JIT_OK || before != 0) {
        *index = (size_t)before - 1;
        return err;
    }
    void *data = columns->list;
    if (columns->count == COLUMNS_COUNT_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(columns->heap, &data, &columns->capacity, columns->count + 1,
                      sizeof *columns->list) != 0) {
        return JIT_ENOMEM;
    }
    columns->list = data;
    *index = columns->count++;
    struct column *column = &columns->list[*index];
    *column = (struct column){
        .domain = domain, .codec = (enum rmg_codec)lead[1], .type = attachment->value.type};
    column->name_size = (uint32_t)export_name(attachment, NULL, column->name);
    return JIT_OK;
}

/* What the ID of an owner says already. */
static enum jit_err folded(const struct export_words *words, enum rmg_plane plane,
                           const struct jit_id *owner, const char **name)
{
    struct export_id id = {.fold = NULL};
    struct rmg_edge edge;
    enum jit_err err = JIT_OK;
    if (plane == RMG_PLANE_ALPHA) {
        err = export_node_id(words, owner, &id);
    } else {
        err = rmg_edge_get(&words->view, owner, &edge);
        err = err == JIT_OK ? export_edge_id(words, &edge, &id) : err;
    }
    *name = id.number ? NULL : id.fold;
    return err;
}

static enum jit_err columns_of_plane(struct columns *columns, const struct export_words *words,
                                     enum rmg_plane plane, bool root_plain, const char *root_flag)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(&words->view, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        bool root = plane == RMG_PLANE_ALPHA && jit_id_equal(&owner, &words->in.root_node);
        enum column_domain domain = plane == RMG_PLANE_BETA ? COLUMN_EDGE
                                    : root && root_plain    ? COLUMN_GRAPH
                                                            : COLUMN_NODE;
        const char *fold = NULL;
        err = folded(words, plane, &owner, &fold);
        for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
            struct rmg_attachment attachment;
            size_t index;
            err = rmg_attachment_at(&words->view, plane, &owner, i, &attachment);
            if (err == JIT_OK && !xml_fits(attachment.name, attachment.name_size)) {
                return export_fail_owner(words, plane, &owner, JIT_ENOTSUP,
                                         "has a value whose name XML has no characters for");
            }
            if (err == JIT_OK && attachment.value.kind == RMG_VALUE_ATOM &&
                !export_is_named(&attachment, domain == COLUMN_GRAPH ? root_flag : fold)) {
                err = columns_add(columns, domain, &attachment, &index);
            }
        }
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err columns_of(struct columns *columns, const struct export_words *words, bool root_plain,
                        const char *root_flag)
{
    enum jit_err err = columns_of_plane(columns, words, RMG_PLANE_ALPHA, root_plain, root_flag);
    return err == JIT_OK ? columns_of_plane(columns, words, RMG_PLANE_BETA, root_plain, root_flag)
                         : err;
}
