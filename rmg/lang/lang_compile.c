/* From the checked tree to struct rmg_rule, its program and its canonical text. */
#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"
#include "base/hash.h"

/* Code is written into one buffer while its end is not known; expressions are offsets until it lies
 * still. */
struct span {
    size_t at;
    size_t size;
};

static bool add_constant(struct lang_scope *scope, const struct rmg_datum *datum, uint32_t *index)
{
    void *constants = scope->constants;
    if (jit_heap_grow(scope->p->arena->heap, &constants, &scope->constant_capacity,
                      scope->constant_count + 1u, sizeof *scope->constants) != 0) {
        return lang_no_memory(scope->p);
    }
    scope->constants = constants;
    *index = scope->constant_count;
    scope->constants[scope->constant_count++] = *datum;
    return true;
}

static bool emit(struct lang_scope *scope, const struct lang_expr *expr, struct jit_buf *code)
{
    uint32_t index = 0;
    for (const struct lang_expr *child = expr->child; child != NULL; child = child->next) {
        if (!emit(scope, child, code)) {
            return false;
        }
        if (expr->kind == LANG_EXPR_CHAIN && child != expr->child) {
            jit_buf_put_u8(code, (uint8_t)child->join);
        }
    }
    switch (expr->kind) {
    case LANG_EXPR_CONST:
        if (!add_constant(scope, &expr->datum, &index)) {
            return false;
        }
        jit_buf_put_u8(code, RMG_EXPR_CONST);
        jit_buf_put_u16(code, (uint16_t)index); /* too many of them do not fit into a program */
        break;
    case LANG_EXPR_PARAM:
        jit_buf_put_u8(code, RMG_EXPR_PARAM);
        jit_buf_put_u8(code, (uint8_t)expr->index);
        break;
    case LANG_EXPR_FIELD:
        jit_buf_put_u8(code, RMG_EXPR_FIELD);
        jit_buf_put_u16(code, (uint16_t)expr->index);
        break;
    case LANG_EXPR_CHAIN:
        break;
    case LANG_EXPR_NOT:
        jit_buf_put_u8(code, RMG_EXPR_NOT);
        break;
    case LANG_EXPR_NEG:
        jit_buf_put_u8(code, RMG_EXPR_NEG);
        break;
    case LANG_EXPR_COMPARE:
    case LANG_EXPR_CALL:
        jit_buf_put_u8(code, (uint8_t)expr->op);
        if (expr->op == RMG_EXPR_CHANCE || expr->op == RMG_EXPR_RANDOM) {
            jit_buf_put_u32(code, expr->index);
        }
        break;
    case LANG_EXPR_AGGREGATE:
        jit_buf_put_u8(code, RMG_EXPR_AGGREGATE);
        jit_buf_put_u8(code, (uint8_t)expr->index);
        break;
    case LANG_EXPR_PATTERN:
    case LANG_EXPR_NEGATIVE:
        assert(false); /* conditions on what is beside the match are no code */
    }
    return true;
}

/* The values that a match asks for: conditions before those of `where`. */
static bool emit_values(struct lang_scope *scope, struct jit_buf *code, size_t begin)
{
    for (const struct lang_path *path = scope->rule->match; path != NULL; path = path->next) {
        for (const struct lang_element *element = path->first; element != NULL;
             element = element->next) {
            for (const struct lang_assign *assign = element->assigns; assign != NULL;
                 assign = assign->next) {
                bool first = code->size == begin;
                jit_buf_put_u8(code, RMG_EXPR_FIELD);
                jit_buf_put_u16(code, (uint16_t)assign->index);
                if (!emit(scope, assign->value, code)) {
                    return false;
                }
                jit_buf_put_u8(code, RMG_EXPR_EQ);
                if (!first) {
                    jit_buf_put_u8(code, RMG_EXPR_AND);
                }
            }
        }
    }
    return true;
}

/* The conjuncts of `where` that draw, or those that do not, joined by and. */
static bool emit_where(struct lang_scope *scope, bool draws, struct jit_buf *code,
                       struct span *span)
{
    const struct lang_expr *where = scope->rule->where;
    bool several =
        where != NULL && where->kind == LANG_EXPR_CHAIN && where->level == LANG_LEVEL_AND;
    span->at = code->size;
    if (!draws && !emit_values(scope, code, span->at)) {
        return false;
    }
    for (const struct lang_expr *expr = several ? where->child : where; expr != NULL;
         expr = several ? expr->next : NULL) {
        if (expr->kind == LANG_EXPR_NEGATIVE || expr->kind == LANG_EXPR_PATTERN ||
            expr->draws != draws) {
            continue;
        }
        bool first = code->size == span->at;
        if (!emit(scope, expr, code)) {
            return false;
        }
        if (!first) {
            jit_buf_put_u8(code, RMG_EXPR_AND);
        }
    }
    span->size = code->size - span->at;
    return true;
}

static const struct lang_near_value *near_value(const struct lang_scope *scope, uint32_t index)
{
    return index < scope->negative_value_count
               ? &scope->negative_values[index]
               : &scope->aggregate_values[index - scope->negative_value_count];
}

/* Those of conditions come first, so those of aggregates lie further behind. */
static void copy_values(const struct lang_scope *scope, struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->value_count; i++) {
        const struct lang_near_value *value = near_value(scope, i);
        const struct lang_field *field = &value->field->pub;
        rule->values[i] = (struct rmg_rule_value){.of_edge = value->of_edge,
                                                  .codec = field->codec,
                                                  .name_size = (uint8_t)field->name_size};
        memcpy(rule->values[i].name, field->name, field->name_size);
    }
    for (uint32_t i = 0; i < rule->aggregate_count; i++) {
        rule->aggregates[i].value_at =
            (uint16_t)(rule->aggregates[i].value_at + scope->negative_value_count);
    }
}

/* Arrays of the program, in the parse's memory. */
static bool copy_tables(struct lang_scope *scope, struct rmg_rule *rule)
{
    struct lang_arena *arena = scope->p->arena;
    rule->param_count = scope->rule->param_count;
    rule->element_count = scope->element_count;
    rule->portal_count = scope->portal_count;
    rule->equal_count = scope->equal_count;
    rule->negative_count = scope->negative_count;
    rule->aggregate_count = scope->aggregate_count;
    rule->value_count = scope->negative_value_count + scope->aggregate_value_count;
    rule->create_count = scope->created_count;
    rule->field_count = scope->field_count;
    rule->constant_count = scope->constant_count;
    rule->update_count = scope->update_count;
    rule->params = lang_alloc(arena, rule->param_count, sizeof *rule->params);
    rule->elements = lang_alloc(arena, rule->element_count, sizeof *rule->elements);
    rule->portals = (struct rmg_rule_portal *)(void *)lang_copy(
        arena, scope->portals, rule->portal_count * sizeof *rule->portals);
    rule->equals = (struct rmg_rule_equal *)(void *)lang_copy(
        arena, scope->equals, rule->equal_count * sizeof *rule->equals);
    rule->negatives = (struct rmg_rule_near *)(void *)lang_copy(
        arena, scope->negatives, rule->negative_count * sizeof *rule->negatives);
    rule->aggregates = (struct rmg_rule_near *)(void *)lang_copy(
        arena, scope->aggregates, rule->aggregate_count * sizeof *rule->aggregates);
    rule->values = lang_alloc(arena, rule->value_count, sizeof *rule->values);
    rule->creates = lang_alloc(arena, rule->create_count, sizeof *rule->creates);
    rule->fields = (struct rmg_rule_field *)(void *)lang_copy(
        arena, scope->fields, rule->field_count * sizeof *rule->fields);
    rule->constants = (struct rmg_datum *)(void *)lang_copy(
        arena, scope->constants, rule->constant_count * sizeof *rule->constants);
    rule->updates = (struct rmg_rule_update *)(void *)lang_copy(
        arena, scope->updates, rule->update_count * sizeof *rule->updates);
    if (rule->params == NULL || rule->elements == NULL || rule->portals == NULL ||
        rule->equals == NULL || rule->negatives == NULL || rule->aggregates == NULL ||
        rule->values == NULL || rule->creates == NULL || rule->fields == NULL ||
        rule->constants == NULL || rule->updates == NULL) {
        return lang_no_memory(scope->p);
    }
    uint32_t index = 0;
    for (const struct lang_param *param = scope->rule->params; param != NULL; param = param->next) {
        memcpy(rule->params[index].name, param->name.text, param->name.size);
        rule->params[index++].codec = param->codec;
    }
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct lang_scope_entry *entry = &scope->elements[i];
        rule->elements[i] = (struct rmg_rule_element){.is_edge = entry->is_edge,
                                                      .deleted = entry->deleted,
                                                      .detached = entry->detached,
                                                      .typed = entry->type != NULL,
                                                      .from = entry->from,
                                                      .to = entry->to,
                                                      .place = entry->place};
        if (entry->type != NULL) {
            rule->elements[i].type = entry->type->pub.id;
        }
    }
    copy_values(scope, rule);
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct lang_scope_entry *entry = &scope->created[i];
        rule->creates[i] = (struct rmg_rule_create){.is_edge = entry->is_edge,
                                                    .type = entry->type->pub.id,
                                                    .from = entry->from,
                                                    .to = entry->to,
                                                    .place = entry->place};
    }
    return true;
}

static bool keep_names(struct lang_scope *scope, const struct lang_scope_entry *entries,
                       uint32_t count, const char *const **out)
{
    const char **names = lang_alloc(scope->p->arena, count, sizeof *names);
    if (names == NULL) {
        return lang_no_memory(scope->p);
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i] = entries[i].name.text;
    }
    *out = names;
    return true;
}

static struct rmg_expr expr_at(const char *code, struct span span)
{
    return (struct rmg_expr){.code = span.size == 0 ? NULL : (const uint8_t *)code + span.at,
                             .size = (uint32_t)span.size};
}

static bool too_large(struct lang_scope *scope, const char *what, uint32_t most)
{
    return lang_fail(scope->p, scope->rule->name.at, scope->rule->name.span,
                     "the %s of this rule is larger than %u bytes", what, most);
}

static bool compile_code(struct lang_scope *scope, struct rmg_rule *rule, struct jit_buf *code,
                         struct span *updates, struct span *values)
{
    struct span guard = {0};
    struct span draw = {0};
    if (!emit_where(scope, false, code, &guard) || !emit_where(scope, true, code, &draw)) {
        return false;
    }
    for (uint32_t i = 0; i < scope->update_count; i++) {
        updates[i].at = code->size;
        if (!emit(scope, scope->update_values[i], code)) {
            return false;
        }
        updates[i].size = code->size - updates[i].at;
    }
    for (uint32_t i = 0; i < scope->negative_value_count + scope->aggregate_value_count; i++) {
        values[i].at = code->size;
        if (!emit(scope, near_value(scope, i)->value, code)) {
            return false;
        }
        values[i].size = code->size - values[i].at;
    }
    if (code->err != JIT_OK) {
        return code->err == JIT_ENOMEM ? lang_no_memory(scope->p)
                                       : too_large(scope, "program", JIT_PROGRAM_BYTES_MAX);
    }
    if (!copy_tables(scope, rule) ||
        !keep_names(scope, scope->elements, scope->element_count,
                    &scope->rule->pub.element_names) ||
        !keep_names(scope, scope->created, scope->created_count, &scope->rule->pub.created_names)) {
        return false;
    }
    const char *bytes = lang_copy(scope->p->arena, code->data, code->size);
    if (bytes == NULL) {
        return lang_no_memory(scope->p);
    }
    rule->guard = expr_at(bytes, guard);
    rule->draw = expr_at(bytes, draw);
    for (uint32_t i = 0; i < rule->update_count; i++) {
        rule->updates[i].expr = expr_at(bytes, updates[i]);
    }
    for (uint32_t i = 0; i < rule->value_count; i++) {
        rule->values[i].expr = expr_at(bytes, values[i]);
    }
    return true;
}

/* Keep what lies in a buffer, or say why it cannot be. */
static bool keep(struct lang_scope *scope, struct jit_buf *buf, enum jit_err err, const char *what,
                 const uint8_t **bytes, uint32_t *size)
{
    if (err == JIT_ELIMIT) {
        return too_large(scope, what, (uint32_t)buf->size_max);
    }
    assert(err == JIT_OK || err == JIT_ENOMEM);
    *bytes = err == JIT_OK ? (uint8_t *)lang_copy(scope->p->arena, buf->data, buf->size) : NULL;
    *size = (uint32_t)buf->size;
    return *bytes != NULL || lang_no_memory(scope->p);
}

bool lang_compile_rule(struct lang_scope *scope)
{
    struct lang_rule *out = &scope->rule->pub;
    struct jit_heap *heap = scope->p->arena->heap;
    struct rmg_rule *rule = &out->rule;
    struct span updates[RMG_RULE_UPDATES_MAX];
    struct span values[RMG_RULE_VALUES_MAX];
    struct jit_buf buf;
    const uint8_t *text = NULL;

    memcpy(rule->name, scope->rule->name.text, scope->rule->name.size);
    jit_hash_named("rule:", rule->name, scope->rule->name.size, &rule->id);
    jit_buf_init(&buf, heap, JIT_PROGRAM_BYTES_MAX);
    bool good = compile_code(scope, rule, &buf, updates, values);
    if (good) {
        jit_buf_reset(&buf);
        good = keep(scope, &buf, rmg_rule_encode(rule, &buf), "program", &out->program,
                    &out->program_size);
    }
    jit_buf_release(&buf);
    if (!good) {
        return false;
    }
    jit_hash(out->program, out->program_size, &rule->hash);
    jit_buf_init(&buf, heap, JIT_RULE_TEXT_BYTES_MAX);
    lang_format_rule(scope->rule, &buf);
    good = keep(scope, &buf, buf.err, "canonical text", &text, &out->text_size);
    out->text = (const char *)text;
    jit_buf_release(&buf);
    return good;
}
