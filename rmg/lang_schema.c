/* The types of a system as a schema: what its /schema will hold beside the built-in ones. */
#include "rmg/lang_priv.h"

static void to_field(const struct lang_field *from, struct rmg_schema_field *to)
{
    *to = (struct rmg_schema_field){.name = from->name,
                                    .codec = from->codec,
                                    .join = from->join,
                                    .has_default = from->has_default,
                                    .value = from->value,
                                    .value_size = from->value_size};
}

enum jit_err lang_schema(const struct lang_system *system, struct rmg_schema *schema,
                         const struct lang_type **at)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < system->type_count; i++) {
        const struct lang_type *type = &system->types[i];
        struct rmg_schema_field *fields =
            jit_heap_zalloc(schema->heap, type->field_count + 1u, sizeof *fields);
        if (fields == NULL) {
            return JIT_ENOMEM;
        }
        for (uint32_t f = 0; f < type->field_count; f++) {
            to_field(&type->fields[f], &fields[f]);
        }
        struct rmg_schema_type made = {.name = type->name,
                                       .kind = type->is_edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE,
                                       .fields = fields,
                                       .field_count = type->field_count};
        *at = type;
        err = rmg_schema_add(schema, &made, NULL);
        schema->heap->free(schema->heap, fields);
    }
    return err;
}
