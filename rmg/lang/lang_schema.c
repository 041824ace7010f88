/* The types of a system as a schema: what its /schema will hold beside the built-in ones. */
#include "rmg/lang/lang_priv.h"

static void to_field(const struct lang_field *from, struct rmg_schema_field *to)
{
    *to = (struct rmg_schema_field){.name = from->name,
                                    .codec = from->codec,
                                    .element = from->element,
                                    .join = from->join,
                                    .has_default = from->has_default,
                                    .value = from->value,
                                    .value_size = from->value_size};
}

static void to_ids(const struct lang_end *ends, uint32_t count, struct jit_id *ids)
{
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = ends[i].id;
    }
}

enum jit_err lang_schema(const struct lang_system *system, struct rmg_schema *schema,
                         const struct lang_type **at)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < system->type_count; i++) {
        const struct lang_type *type = &system->types[i];
        struct rmg_schema_field *fields =
            jit_heap_zalloc(schema->heap, type->field_count + 1u, sizeof *fields);
        struct jit_id *ends =
            jit_heap_zalloc(schema->heap, type->from_count + type->to_count + 1u, sizeof *ends);
        if (fields == NULL || ends == NULL) {
            schema->heap->free(schema->heap, fields);
            schema->heap->free(schema->heap, ends);
            return JIT_ENOMEM;
        }
        to_ids(type->from, type->from_count, ends);
        to_ids(type->to, type->to_count, ends + type->from_count);
        for (uint32_t f = 0; f < type->field_count; f++) {
            to_field(&type->fields[f], &fields[f]);
        }
        struct rmg_schema_type made = {.name = type->name,
                                       .kind = type->is_edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE,
                                       .fields = fields,
                                       .field_count = type->field_count,
                                       .from = ends,
                                       .from_count = type->from_count,
                                       .to = ends + type->from_count,
                                       .to_count = type->to_count};
        *at = type;
        err = rmg_schema_add(schema, &made, NULL);
        schema->heap->free(schema->heap, fields);
        schema->heap->free(schema->heap, ends);
    }
    return err;
}
