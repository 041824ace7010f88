#include "rmg/schema/schema_check.h"

#include <stdlib.h>

#include "base/check.h"

#define PROGRESS_STEPS 65536u

struct checker {
    const struct rmg_check *check;
    struct rmg_check_counts *counts;
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct rmg_instance in; /* at hand */
    struct rmg_graph view;
    bool quiet; /* visit wants no more */
    uint64_t done;
    uint64_t total;
    /* The ids that atoms hold, and which of them name a node. */
    struct jit_id *ids;
    uint8_t *hits;
    size_t id_count;
    size_t id_capacity;
    bool any_hit;
    bool second_pass; /* over the attachments: only ids that hit are told */
};

const char *rmg_breach_word(enum rmg_breach_kind kind)
{
    static const char *const words[] = {
#define X(name, word, sentence) [name] = word,
        RMG_BREACH_MAP(X)
#undef X
    };
    assert((unsigned)kind < RMG_BREACH_KINDS);
    return words[kind];
}

const char *rmg_breach_sentence(enum rmg_breach_kind kind)
{
    static const char *const sentences[] = {
#define X(name, word, sentence) [name] = sentence,
        RMG_BREACH_MAP(X)
#undef X
    };
    assert((unsigned)kind < RMG_BREACH_KINDS);
    return sentences[kind];
}

/* ---- telling ---- */

struct element {
    bool is_edge;
    struct jit_id id;
    struct jit_id type;
    const struct rmg_schema_type *wanted; /* NULL: undeclared, or declared for something else */
    bool is_own; /* a node of the engine's: no field says what it holds, the specification does */
};

static struct rmg_breach breach_of(const struct checker *c, const struct element *element,
                                   enum rmg_breach_kind kind)
{
    return (struct rmg_breach){.kind = kind,
                               .instance = c->in.id,
                               .is_edge = element->is_edge,
                               .id = element->id,
                               .type = element->type,
                               .wanted = element->wanted};
}

static void tell(struct checker *c, const struct rmg_breach *breach)
{
    c->counts->breaches++;
    c->counts->of_kind[breach->kind]++;
    if (!c->quiet && c->check->visit != NULL) {
        c->quiet = !c->check->visit(c->check->user, breach);
    }
}

static void step(struct checker *c)
{
    if (++c->done % PROGRESS_STEPS == 0 && c->check->progress != NULL) {
        c->check->progress(c->check->user, c->done, c->total);
    }
}

/* ---- ids in atoms ---- */

static enum jit_err note_id(struct checker *c, const uint8_t *bytes)
{
    void *data = c->ids;
    if (jit_heap_grow(c->heap, &data, &c->id_capacity, c->id_count + 1, sizeof *c->ids) != 0) {
        return JIT_ENOMEM;
    }
    c->ids = data;
    memcpy(c->ids[c->id_count++].bytes, bytes, JIT_ID_BYTES);
    return JIT_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

static size_t find_id(const struct checker *c, const struct jit_id *id)
{
    const struct jit_id *found =
        c->id_count == 0 ? NULL : bsearch(id, c->ids, c->id_count, sizeof *id, compare_ids);
    return found == NULL ? SIZE_MAX : (size_t)(found - c->ids);
}

static enum jit_err sort_ids(struct checker *c)
{
    size_t kept = 0;
    if (c->id_count == 0) {
        return JIT_OK;
    }
    qsort(c->ids, c->id_count, sizeof *c->ids, compare_ids);
    for (size_t i = 1; i < c->id_count; i++) {
        if (!jit_id_equal(&c->ids[kept], &c->ids[i])) {
            c->ids[++kept] = c->ids[i];
        }
    }
    c->id_count = kept + 1;
    c->hits = jit_heap_zalloc(c->heap, c->id_count, 1);
    return c->hits == NULL ? JIT_ENOMEM : JIT_OK;
}

static enum jit_err judge_id(struct checker *c, struct rmg_breach *breach, const uint8_t *bytes)
{
    struct jit_id id;
    if (!c->second_pass) {
        return note_id(c, bytes);
    }
    memcpy(id.bytes, bytes, sizeof id.bytes);
    size_t at = find_id(c, &id);
    if (at != SIZE_MAX && c->hits[at] != 0) {
        breach->found = id;
        tell(c, breach);
    }
    return JIT_OK;
}

/* The ids in one atom with canonical bytes. */
static enum jit_err judge_ids(struct checker *c, const struct rmg_breach *like,
                              enum rmg_codec codec, enum rmg_codec element,
                              const struct rmg_value *value)
{
    struct rmg_breach breach = *like;
    const uint8_t *item = NULL;
    uint32_t size = 0;
    struct rmg_list list;
    enum jit_err err = JIT_OK;
    breach.kind = RMG_BREACH_HIDDEN_EDGE;
    if (codec == RMG_CODEC_ID) {
        return judge_id(c, &breach, value->bytes);
    }
    if (codec != RMG_CODEC_LIST || element != RMG_CODEC_ID) {
        return JIT_OK;
    }
    rmg_list_begin(value->bytes, value->size, &list);
    while (err == JIT_OK && rmg_list_next(&list, &item, &size)) {
        err = judge_id(c, &breach, item);
    }
    return err;
}

/* ---- attachments ---- */

static enum jit_err judge_atom(struct checker *c, struct rmg_breach *breach, bool is_own,
                               const struct rmg_value *value)
{
    enum rmg_codec element = RMG_CODEC_NONE;
    enum rmg_codec codec = rmg_codec_of_atom(&value->type, &element);
    bool canonical = codec == RMG_CODEC_NONE ||
                     rmg_codec_check(codec, element, value->bytes, value->size) == JIT_OK;
    breach->found = value->type;
    if (!c->second_pass) {
        c->counts->atoms++;
        c->counts->atoms_undeclared += breach->field == NULL && !is_own;
        c->counts->atoms_opaque += codec == RMG_CODEC_NONE;
        if (breach->field != NULL && !jit_id_equal(&value->type, &breach->field->type)) {
            breach->kind = RMG_BREACH_CODEC;
            tell(c, breach);
        }
        if (!canonical) {
            breach->kind = RMG_BREACH_CANONICAL;
            tell(c, breach);
        }
    }
    return canonical ? judge_ids(c, breach, codec, element, value) : JIT_OK;
}

static void judge_missing(struct checker *c, const struct element *element, const bool *seen)
{
    for (uint32_t i = 0; element->wanted != NULL && i < element->wanted->field_count; i++) {
        const struct rmg_schema_field *field = &element->wanted->fields[i];
        if (seen[i] || !field->has_default) {
            continue;
        }
        struct rmg_breach breach = breach_of(c, element, RMG_BREACH_MISSING);
        breach.field = field;
        breach.name = field->name;
        breach.name_size = (uint32_t)strlen(field->name);
        tell(c, &breach);
    }
}

static enum jit_err judge_attachments(struct checker *c, const struct element *element,
                                      uint32_t count)
{
    bool seen[JIT_ATTACHMENTS_MAX] = {false};
    enum rmg_plane plane = element->is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    for (uint32_t i = 0; i < count; i++) {
        struct rmg_attachment at;
        struct rmg_breach breach = breach_of(c, element, RMG_BREACH_PORTAL);
        enum jit_err err = rmg_attachment_at(&c->view, plane, &element->id, i, &at);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        breach.name = at.name;
        breach.name_size = at.name_size;
        breach.field = rmg_schema_field_of(element->wanted, at.name, at.name_size);
        if (breach.field != NULL) {
            seen[breach.field - element->wanted->fields] = true;
        }
        if (at.value.kind == RMG_VALUE_ATOM) {
            err = judge_atom(c, &breach, element->is_own, &at.value);
        } else if (breach.field != NULL && !c->second_pass) {
            tell(c, &breach);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
    if (!c->second_pass) {
        judge_missing(c, element, seen);
    }
    return JIT_OK;
}

/* Owners come in the order of elements; the next one and how much it has. */
struct owners {
    struct rmg_iter iter;
    struct jit_id id;
    uint32_t count; /* 0: no more */
};

static enum jit_err owners_next(struct owners *owners)
{
    enum jit_err err = rmg_iter_owner(&owners->iter, &owners->id, &owners->count);
    owners->count = err == JIT_OK ? owners->count : 0;
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- elements ---- */

static void judge_ends(struct checker *c, const struct element *element,
                       const struct rmg_schema_type *type, const struct jit_id *from,
                       const struct jit_id *to)
{
    for (int side = 0; side < 2; side++) {
        const struct jit_id *allowed = side == 0 ? type->from : type->to;
        uint32_t count = side == 0 ? type->from_count : type->to_count;
        struct rmg_breach breach =
            breach_of(c, element, side == 0 ? RMG_BREACH_FROM : RMG_BREACH_TO);
        if (count == 0) {
            continue;
        }
        /* A state is valid, so an edge has its ends. */
        enum jit_err err = rmg_node_type(&c->view, side == 0 ? from : to, &breach.found);
        if (err == JIT_OK &&
            bsearch(&breach.found, allowed, count, sizeof *allowed, compare_ids) == NULL) {
            tell(c, &breach);
        }
    }
}

static enum jit_err judge_element(struct checker *c, struct element *element,
                                  const struct rmg_edge *edge, struct owners *owners)
{
    const struct rmg_schema_type *type = rmg_schema_find(c->check->schema, &element->type);
    enum rmg_type_kind kind = element->is_edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE;
    element->wanted = type != NULL && type->kind == kind ? type : NULL;
    element->is_own =
        element->wanted != NULL && rmg_schema_is_builtin(type->name, strlen(type->name));
    if (!c->second_pass) {
        *(element->is_edge ? &c->counts->edges : &c->counts->nodes) += 1;
        *(element->is_edge ? &c->counts->edges_undeclared : &c->counts->nodes_undeclared) +=
            type == NULL;
        step(c);
        if (type != NULL && type->kind != kind) {
            struct rmg_breach breach = breach_of(c, element, RMG_BREACH_KIND);
            breach.wanted = type;
            tell(c, &breach);
        }
        if (element->wanted != NULL && edge != NULL) {
            judge_ends(c, element, type, &edge->from, &edge->to);
        }
    }
    if (owners->count == 0 || !jit_id_equal(&owners->id, &element->id)) {
        return judge_attachments(c, element, 0);
    }
    enum jit_err err = judge_attachments(c, element, owners->count);
    return err == JIT_OK ? owners_next(owners) : err;
}

static enum jit_err judge_map(struct checker *c, bool is_edge)
{
    struct rmg_iter iter;
    struct owners owners;
    struct rmg_edge edge;
    struct element element = {.is_edge = is_edge};
    rmg_iter_all(&c->view, is_edge ? RMG_EDGES : RMG_NODES, &iter);
    rmg_iter_all(&c->view, is_edge ? RMG_BETA : RMG_ALPHA, &owners.iter);
    enum jit_err err = owners_next(&owners);
    while (err == JIT_OK) {
        err = is_edge ? rmg_iter_edge(&iter, &edge)
                      : rmg_iter_node(&iter, &element.id, &element.type);
        if (err == JIT_OK && is_edge) {
            element.id = edge.id;
            element.type = edge.type;
        }
        if (err == JIT_OK) {
            err = judge_element(c, &element, is_edge ? &edge : NULL, &owners);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- passes ---- */

static enum jit_err mark_nodes(struct checker *c)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(&c->view, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        size_t at = find_id(c, &id);
        if (at != SIZE_MAX) {
            c->hits[at] = 1;
            c->any_hit = true;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err judge_instance(struct checker *c)
{
    enum jit_err err = judge_map(c, false);
    return err == JIT_OK ? judge_map(c, true) : err;
}

static enum jit_err count_instance(struct checker *c)
{
    c->total += c->in.roots.node_count + c->in.roots.edge_count;
    return JIT_OK;
}

static enum jit_err each_instance(struct checker *c, enum jit_err (*visit)(struct checker *))
{
    const struct jit_id *after = NULL;
    struct jit_id last;
    enum jit_err err;
    while ((err = rmg_store_next(c->store, c->version, after, &c->in)) == JIT_OK) {
        last = c->in.id;
        after = &last;
        rmg_store_graph(c->store, &c->in, &c->view);
        err = visit(c);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err rmg_check(struct jit_heap *heap, const struct rmg_store *store,
                       const struct rmg_version *version, const struct rmg_check *check,
                       struct rmg_check_counts *counts)
{
    struct checker c = {
        .check = check, .counts = counts, .heap = heap, .store = store, .version = version};
    *counts = (struct rmg_check_counts){.nodes = 0};
    enum jit_err err = each_instance(&c, count_instance);
    if (err == JIT_OK) {
        err = each_instance(&c, judge_instance);
    }
    if (err == JIT_OK) {
        err = sort_ids(&c);
    }
    if (err == JIT_OK && c.id_count > 0) {
        err = each_instance(&c, mark_nodes);
    }
    if (err == JIT_OK && c.any_hit) {
        c.second_pass = true;
        err = each_instance(&c, judge_instance);
    }
    heap->free(heap, c.ids);
    heap->free(heap, c.hits);
    return err;
}
