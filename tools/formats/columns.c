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

enum jit_err columns_add(struct columns *columns, const struct export_words *words,
                         enum column_domain domain, const struct jit_id *owner,
                         const struct rmg_attachment *attachment, const char *const *taken,
                         size_t *index)
{
    struct rmg_datum datum;
    struct jit_hasher hasher;
    struct jit_id key;
    uint64_t before = 0;
    const uint8_t lead[2] = {(uint8_t)domain, (uint8_t)xml_codec(&attachment->value, &datum)};
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
    if (!xml_fits(attachment->name, attachment->name_size)) {
        return export_fail_owner(words, domain == COLUMN_EDGE ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                                 owner, JIT_ENOTSUP,
                                 "has a value whose name XML has no characters for");
    }
    if (columns->count == COLUMNS_COUNT_MAX) {
        return export_fail(words->job, JIT_ELIMIT, "", "more than %u kinds of values",
                           COLUMNS_COUNT_MAX);
    }
    void *data = columns->list;
    if (jit_heap_grow(columns->heap, &data, &columns->capacity, columns->count + 1,
                      sizeof *columns->list) != 0) {
        return JIT_ENOMEM;
    }
    columns->list = data;
    *index = columns->count++;
    struct column *column = &columns->list[*index];
    *column = (struct column){
        .domain = domain, .codec = (enum rmg_codec)lead[1], .type = attachment->value.type};
    column->name_size = (uint32_t)export_name(attachment, taken, column->name);
    return JIT_OK;
}
