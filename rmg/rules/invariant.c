#include "rmg/rules/invariant.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/change/merge.h"

/* ---- what may be one ---- */

/* Every element can be reached from the first one. */
static bool hangs_together(const struct rmg_rule *rule)
{
    assert(rule->element_count > 0); /* rmg_rule_check */
    uint32_t reached = 1;
    for (uint32_t round = 0; round < rule->element_count; round++) {
        for (uint32_t i = 0; i < rule->element_count; i++) {
            const struct rmg_rule_element *element = &rule->elements[i];
            uint32_t mask = 1u << element->from | 1u << element->to;
            if (element->is_edge && ((reached & mask) != 0)) {
                reached |= mask | 1u << i;
            }
        }
    }
    return reached == ~0u >> (32u - rule->element_count);
}

const char *rmg_invariant_wrong(const struct rmg_rule *program)
{
    if (program->param_count > 0 || program->priority != 0 || program->retry != 0 ||
        program->delay != 0) {
        return "an invariant has no parameters, no priority, no conflicts and no delay";
    }
    if (program->portal_count > 0) {
        return "an invariant is about one instance";
    }
    if (program->create_count > 0 || program->update_count > 0) {
        return "an invariant changes nothing";
    }
    for (uint32_t i = 0; i < program->element_count; i++) {
        if (program->elements[i].deleted) {
            return "an invariant changes nothing";
        }
    }
    if (program->draw.size > 0) {
        return "an invariant does not depend on chance";
    }
    for (uint32_t i = 0; i < program->negative_count + program->aggregate_count; i++) {
        if (rmg_rule_near_at(program, i)->alone) {
            return "an invariant asks nothing of all nodes of a type";
        }
    }
    return hangs_together(program) ? NULL : "the pattern of an invariant hangs together";
}

/* ---- which rules it concerns ---- */

static bool fits(bool typed, const struct jit_id *want, bool known, const struct jit_id *type)
{
    return !typed || !known || jit_id_equal(want, type);
}

/* Does it ask how many edges of a type there are, or whether there is one? */
static bool counts_edges(const struct rmg_rule *invariant, bool known, const struct jit_id *type)
{
    for (uint32_t i = 0; i < invariant->negative_count + invariant->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(invariant, i);
        if (fits(near->edge_typed, &near->edge_type, known, type)) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct rmg_rule *invariant, bool is_edge, const struct jit_id *type)
{
    for (uint32_t i = 0; i < invariant->element_count; i++) {
        const struct rmg_rule_element *element = &invariant->elements[i];
        if (element->is_edge == is_edge && fits(element->typed, &element->type, true, type)) {
            return true;
        }
    }
    return false;
}

static bool same_name(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
    return a_size == b_size && memcmp(a, b, a_size) == 0;
}

static bool reads(const struct rmg_rule *invariant, const char *name, uint32_t size)
{
    for (uint32_t i = 0; i < invariant->field_count; i++) {
        const struct rmg_rule_field *field = &invariant->fields[i];
        if (field->read && same_name(field->name, field->name_size, name, size)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < invariant->value_count; i++) {
        const struct rmg_rule_value *value = &invariant->values[i];
        if (same_name(value->name, value->name_size, name, size)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < invariant->aggregate_count; i++) {
        const struct rmg_rule_near *near = &invariant->aggregates[i];
        if (near->kind > RMG_NEAR_COUNT && same_name(near->name, near->name_size, name, size)) {
            return true;
        }
    }
    return false;
}

bool rmg_invariant_concerns(const struct rmg_rule *invariant, const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct rmg_rule_create *create = &rule->creates[i];
        if (matches(invariant, create->is_edge, &create->type) ||
            (create->is_edge && counts_edges(invariant, true, &create->type))) {
            return true;
        }
    }
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        if ((element->is_edge && element->deleted &&
             counts_edges(invariant, element->typed, &element->type)) ||
            (element->detached && counts_edges(invariant, false, NULL))) {
            return true;
        }
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        if (reads(invariant, rule->updates[i].name, rule->updates[i].name_size)) {
            return true;
        }
    }
    return false;
}

/* ---- asking of a whole graph ---- */

static enum jit_err search_of(struct jit_heap *heap, const struct rmg_rule *invariant,
                              struct rmg_search **out)
{
    static const struct jit_id nowhere; /* only keys of matches depend on it, and nobody asks */
    return rmg_search_new(heap, invariant, NULL, 0, &nowhere, (struct rmg_shard){0, 1}, out);
}

static bool found_one(void *user, const struct jit_id *ids, uint32_t id_count)
{
    bool *holds = user;
    (void)ids;
    (void)id_count;
    *holds = false;
    return false;
}

enum jit_err rmg_invariant_holds(struct jit_heap *heap, const struct rmg_rule *invariant,
                                 const struct rmg_graph *graph, bool *holds)
{
    struct rmg_search *search = NULL;
    uint64_t looks = 0;
    *holds = true;
    enum jit_err err = search_of(heap, invariant, &search);
    if (err == JIT_OK) {
        err = rmg_search_visit(search, graph, UINT64_MAX, found_one, holds, &looks);
    }
    rmg_search_free(search);
    return err;
}

/* ---- asking of one rewrite ---- */

/* With what is there; verification has found a value that the join is for. */
static enum jit_err join(const struct rmg_after *after, const struct rmg_emit *emit,
                         struct rmg_scratch *scratch, struct rmg_value *value)
{
    const struct rmg_op *op = &emit->op;
    struct rmg_value values[2] = {[1] = *value};
    uint8_t bytes[8];
    int64_t sum = 0;
    enum jit_err err = rmg_attachment_get(&after->before, op->plane, &op->id, op->attachment.name,
                                          op->attachment.name_size, &values[0]);
    if (err == JIT_OK && emit->join != RMG_JOIN_SUM) {
        err = rmg_join_all(emit->join, values, 2, scratch, value);
    } else if (err == JIT_OK) {
        if (values[0].kind != RMG_VALUE_ATOM || values[0].size != sizeof bytes) {
            return JIT_ECORRUPT;
        }
        if (__builtin_add_overflow((int64_t)jit_le64(values[0].bytes), emit->delta, &sum)) {
            return JIT_ELIMIT;
        }
        jit_put_le64(bytes, (uint64_t)sum);
        *value = values[0];
        value->bytes = rmg_scratch_copy(scratch, bytes, sizeof bytes);
        err = value->bytes == NULL ? JIT_ENOMEM : JIT_OK;
    }
    return err == JIT_ENOENT || err == JIT_ENOTSUP ? JIT_ECORRUPT : err;
}

enum jit_err rmg_emit_after(struct rmg_after *after, const struct rmg_emit *emit,
                            struct rmg_scratch *scratch)
{
    const struct rmg_op *op = &emit->op;
    const struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
    struct rmg_attachment attachment = op->attachment;
    enum jit_err err = JIT_OK;
    switch (op->kind) {
    case RMG_OP_DELETE_NODE:
    case RMG_OP_UPSERT_NODE:
        return rmg_after_node(after, &op->id, &op->type, op->kind == RMG_OP_DELETE_NODE);
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_EDGE:
        return rmg_after_edge(after, &edge, op->kind == RMG_OP_DELETE_EDGE);
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        if (emit->join != RMG_JOIN_NONE) {
            err = join(after, emit, scratch, &attachment.value);
        }
        return err != JIT_OK ? err
                             : rmg_after_field(after, op->plane, &op->id, &attachment,
                                               op->kind == RMG_OP_CLEAR_ATTACHMENT);
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_UPSERT_INSTANCE:
        break; /* of another graph */
    }
    return JIT_OK;
}

enum jit_err rmg_watch_new(struct jit_heap *heap, const struct rmg_rule *const *invariants,
                           uint32_t count, struct rmg_watch **out)
{
    *out = NULL;
    struct rmg_watch *watch = jit_heap_zalloc(heap, 1, sizeof *watch);
    struct rmg_search **searches = jit_heap_zalloc(heap, count + 1u, sizeof *searches);
    if (watch == NULL || searches == NULL) {
        heap->free(heap, watch);
        heap->free(heap, searches);
        return JIT_ENOMEM;
    }
    watch->heap = heap;
    watch->invariants = invariants;
    watch->count = count;
    watch->searches = searches;
    rmg_after_init(&watch->after, heap);
    *out = watch;
    return JIT_OK;
}

void rmg_watch_free(struct rmg_watch *watch)
{
    if (watch != NULL) {
        for (uint32_t i = 0; i < watch->count; i++) {
            rmg_search_free(watch->searches[i]);
        }
        rmg_after_release(&watch->after);
        watch->heap->free(watch->heap, watch->searches);
        watch->heap->free(watch->heap, watch);
    }
}

bool rmg_watch_concerns(const struct rmg_watch *watch, const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        if (rmg_invariant_concerns(watch->invariants[i], rule)) {
            return true;
        }
    }
    return false;
}

enum jit_err rmg_watch_ask(struct rmg_watch *watch, const struct rmg_rule *rule,
                           enum rmg_result *result, uint32_t *broken)
{
    struct rmg_graph after;
    bool found = false;
    enum jit_err err = rmg_after_end(&watch->after, &after);
    *result = RMG_APPLIED;
    for (uint32_t i = 0; i < watch->count && err == JIT_OK && !found; i++) {
        if (rule != NULL && !rmg_invariant_concerns(watch->invariants[i], rule)) {
            continue;
        }
        if (watch->searches[i] == NULL) {
            err = search_of(watch->heap, watch->invariants[i], &watch->searches[i]);
        }
        if (err == JIT_OK) {
            err = rmg_search_appears(watch->searches[i], &watch->after.before, &after, &found);
        }
        if (err == JIT_OK && found) {
            *result = RMG_INVARIANT;
            *broken = i;
        }
    }
    if (err == JIT_EBUDGET) {
        *result = RMG_OVER_BUDGET;
        return JIT_OK;
    }
    rmg_after_reads(&watch->after);
    return err;
}
