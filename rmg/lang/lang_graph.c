/* The types of one instance for a query: declared ones, else what is there. */
#include <stdlib.h>

#include "base/check.h"
#include "rmg/lang/lang_query.h"
#include "rmg/schema/schema_infer.h"
#include "rmg/store/scratch.h"

/* A type made of what was seen; kept until the parse has ended. */
struct seen {
    struct seen *next;
    struct rmg_infer *infer; /* holds the names */
    struct rmg_schema_type type;
    struct rmg_schema_field fields[];
};

struct lang_graph_types {
    struct jit_heap *heap;
    const struct rmg_graph *graph;
    const struct rmg_schema *schema;
    struct seen *seen;
};

enum jit_err lang_graph_types_new(struct jit_heap *heap, const struct rmg_graph *graph,
                                  const struct rmg_schema *schema, struct lang_graph_types **out)
{
    *out = jit_heap_zalloc(heap, 1, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    **out = (struct lang_graph_types){.heap = heap, .graph = graph, .schema = schema};
    return JIT_OK;
}

void lang_graph_types_free(struct lang_graph_types *types)
{
    if (types == NULL) {
        return;
    }
    struct jit_heap *heap = types->heap;
    while (types->seen != NULL) {
        struct seen *next = types->seen->next;
        rmg_infer_free(types->seen->infer);
        heap->free(heap, types->seen);
        types->seen = next;
    }
    heap->free(heap, types);
}

/* ---- what is there ---- */

struct sighting {
    const char *name;
    struct jit_id type;
    uint64_t count;
};

/* By name, then by type. */
static int compare_sightings(const void *a, const void *b)
{
    const struct sighting *x = a;
    const struct sighting *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : jit_id_compare(&x->type, &y->type);
}

/* The most frequent atom type of each name, lower ids first. */
static uint32_t choose(struct sighting *sightings, size_t count, struct rmg_schema_field *fields)
{
    uint32_t chosen = 0;
    uint64_t best = 0;
    if (count > 1) {
        qsort(sightings, count, sizeof *sightings, compare_sightings);
    }
    for (size_t i = 0; i < count;) {
        const struct sighting *first = &sightings[i];
        uint64_t sum = 0;
        for (; i < count && compare_sightings(first, &sightings[i]) == 0; i++) {
            sum += sightings[i].count;
        }
        bool fresh = chosen == 0 || strcmp(fields[chosen - 1].name, first->name) != 0;
        if (fresh) {
            chosen++;
            best = 0;
        }
        if (sum > best) {
            struct rmg_schema_field *field = &fields[chosen - 1];
            *field = (struct rmg_schema_field){.name = first->name, .type = first->type};
            field->codec = rmg_codec_of_atom(&field->type, &field->element);
            best = sum;
        }
    }
    return chosen;
}

/* All names of all types that were looked at, as the fields of one. */
static enum jit_err gather(struct lang_graph_types *types, struct rmg_infer *infer, bool is_edge,
                           struct seen **out)
{
    struct jit_heap *heap = types->heap;
    size_t count = 0;
    for (uint32_t i = 0; i < rmg_infer_count(infer); i++) {
        count += rmg_infer_at(infer, i)->field_count;
    }
    struct sighting *sightings = jit_heap_zalloc(heap, count + 1, sizeof *sightings);
    struct seen *seen =
        heap->alloc(heap, sizeof *seen + (count + 1) * sizeof(struct rmg_schema_field));
    if (sightings == NULL || seen == NULL) {
        heap->free(heap, sightings);
        heap->free(heap, seen);
        return JIT_ENOMEM;
    }
    *seen = (struct seen){.infer = infer, .next = types->seen};
    count = 0;
    for (uint32_t i = 0; i < rmg_infer_count(infer); i++) {
        for (uint32_t f = 0; f < rmg_infer_at(infer, i)->field_count; f++) {
            struct rmg_infer_field field = rmg_infer_field_at(infer, i, f);
            if (field.count > 0) { /* else portals alone */
                sightings[count++] = (struct sighting){field.name, field.type, field.count};
            }
        }
    }
    seen->type.kind = is_edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE;
    seen->type.name = "";
    seen->type.fields = seen->fields;
    seen->type.field_count = choose(sightings, count, seen->fields);
    heap->free(heap, sightings);
    types->seen = seen;
    *out = seen;
    return JIT_OK;
}

static enum jit_err look_at_graph(struct lang_graph_types *types, bool is_edge,
                                  const struct jit_id *id, const struct rmg_schema_type **out)
{
    struct rmg_infer *infer = NULL;
    struct seen *seen = NULL;
    enum jit_err err = rmg_infer_new(types->heap, &infer);
    if (err == JIT_OK) {
        err = rmg_infer_add(infer, types->graph, is_edge, id);
    }
    if (err == JIT_OK && rmg_infer_count(infer) > 0) {
        err = gather(types, infer, is_edge, &seen);
    }
    if (seen == NULL) {
        rmg_infer_free(infer);
    } else {
        *out = &seen->type;
    }
    return err;
}

static enum jit_err look(void *user, bool is_edge, const struct jit_id *id, bool deep,
                         const struct rmg_schema_type **out)
{
    struct lang_graph_types *types = user;
    const struct rmg_schema_type *declared = id == NULL ? NULL : rmg_schema_find(types->schema, id);
    bool fits = declared != NULL && declared->kind == (is_edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE);
    *out = fits ? declared : NULL;
    return fits && !deep ? JIT_OK : look_at_graph(types, is_edge, id, out);
}

struct lang_types lang_graph_types_of(struct lang_graph_types *types)
{
    return (struct lang_types){.look = look, .user = types};
}
