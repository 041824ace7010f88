#include <string.h>

#include "base/check.h"
#include "rmg/rules/expr.h"
#include "rmg/rules/rule_priv.h"

static bool name_valid(const char *name, size_t size, size_t size_min)
{
    return size >= size_min && size <= JIT_NAME_BYTES_MAX &&
           rmg_utf8_valid((const uint8_t *)name, size);
}

static bool is_node(const struct rmg_rule *rule, uint8_t element)
{
    return element < rule->element_count && !rule->elements[element].is_edge;
}

static bool elements_valid(const struct rmg_rule *rule)
{
    if (!is_node(rule, 0)) {
        return false;
    }
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        if ((element->typed && jit_id_is_zero(&element->type)) ||
            element->place > rule->portal_count ||
            (element->detached && (element->is_edge || !element->deleted))) {
            return false;
        }
        if (!element->is_edge) {
            continue;
        }
        if (!is_node(rule, element->from) || !is_node(rule, element->to) ||
            rule->elements[element->from].place != element->place ||
            rule->elements[element->to].place != element->place) {
            return false;
        }
        if (!element->deleted &&
            (rule->elements[element->from].deleted || rule->elements[element->to].deleted)) {
            return false;
        }
    }
    return true;
}

/* Each hangs on something that is reached before it, and no two are one slot. Nothing behind a
 * portal is detached. */
static bool portals_valid(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        const struct rmg_rule_portal *portal = &rule->portals[i];
        if (portal->owner >= rule->element_count || rule->elements[portal->owner].place > i ||
            rule->elements[portal->owner].deleted ||
            !name_valid(portal->name, portal->name_size, 0)) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            const struct rmg_rule_portal *other = &rule->portals[k];
            if (other->owner == portal->owner && other->name_size == portal->name_size &&
                memcmp(other->name, portal->name, portal->name_size) == 0) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < rule->element_count; i++) {
        if (rule->elements[i].detached && rule->elements[i].place != 0) {
            return false;
        }
    }
    return rule->elements[0].place == 0;
}

bool rmg_rule_may_equal(const struct rmg_rule *rule, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < rule->equal_count; i++) {
        if ((rule->equals[i].a == a && rule->equals[i].b == b) ||
            (rule->equals[i].a == b && rule->equals[i].b == a)) {
            return true;
        }
    }
    return false;
}

static bool equals_valid(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->equal_count; i++) {
        uint8_t a = rule->equals[i].a;
        uint8_t b = rule->equals[i].b;
        if (a >= b || b >= rule->element_count ||
            rule->elements[a].is_edge != rule->elements[b].is_edge ||
            rule->elements[a].place != rule->elements[b].place || rule->elements[a].deleted ||
            rule->elements[b].deleted) {
            return false;
        }
        const struct rmg_rule_equal *before = i == 0 ? NULL : &rule->equals[i - 1];
        if (before != NULL && (before->a > a || (before->a == a && before->b >= b))) {
            return false;
        }
    }
    return true;
}

/* What a condition or aggregate looks for. */
static bool near_valid(const struct rmg_rule *rule, const struct rmg_rule_near *near)
{
    if ((near->edge_typed && jit_id_is_zero(&near->edge_type)) ||
        (near->other_typed && jit_id_is_zero(&near->other_type))) {
        return false;
    }
    if (near->alone) {
        return near->other_typed && !near->edge_typed && !near->other_matched &&
               near->element == 0 && near->direction == 0;
    }
    return is_node(rule, near->element) &&
           (near->direction == RMG_DIR_OUT || near->direction == RMG_DIR_IN) &&
           (!near->other_matched ||
            (is_node(rule, near->other) && !near->other_typed &&
             rule->elements[near->other].place == rule->elements[near->element].place));
}

static bool aggregate_valid(const struct rmg_rule_near *near)
{
    if (near->kind == RMG_NEAR_COUNT) {
        return true;
    }
    return !near->alone && (near->of_edge || !near->other_matched) &&
           name_valid(near->name, near->name_size, 0) &&
           (near->codec == RMG_CODEC_I64 || near->codec == RMG_CODEC_F64 ||
            near->codec == RMG_CODEC_F32);
}

static bool nears_valid(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->negative_count; i++) {
        if (!near_valid(rule, &rule->negatives[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < rule->aggregate_count; i++) {
        if (!near_valid(rule, &rule->aggregates[i]) || !aggregate_valid(&rule->aggregates[i])) {
            return false;
        }
    }
    return true;
}

/* The end of an edge that is created: a node that stays, or a created one. Created elements lie in
 * the order of the text, where (a)-[:T]->(n:U) has the edge before its end. */
static bool end_valid(const struct rmg_rule *rule, uint8_t operand)
{
    if ((operand & RMG_RULE_CREATED) != 0) {
        uint32_t index = operand & (RMG_RULE_CREATED - 1u);
        return index < rule->create_count && !rule->creates[index].is_edge;
    }
    return is_node(rule, operand) && !rule->elements[operand].deleted;
}

static bool creates_valid(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct rmg_rule_create *create = &rule->creates[i];
        if (jit_id_is_zero(&create->type) || create->place > rule->portal_count) {
            return false;
        }
        if (create->is_edge && (!end_valid(rule, create->from) || !end_valid(rule, create->to) ||
                                rmg_rule_place(rule, create->from) != create->place ||
                                rmg_rule_place(rule, create->to) != create->place)) {
            return false;
        }
    }
    return true;
}

static bool params_valid(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->param_count; i++) {
        const struct rmg_rule_param *param = &rule->params[i];
        if (!name_valid(param->name, strlen(param->name), 1)) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(rule->params[k].name, param->name) == 0) {
                return false;
            }
        }
    }
    return true;
}

static bool fields_valid(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->field_count; i++) {
        const struct rmg_rule_field *field = &rule->fields[i];
        if (field->element >= rule->element_count ||
            !name_valid(field->name, field->name_size, 0)) {
            return false;
        }
    }
    return true;
}

static bool same_slot(const struct rmg_rule_update *a, uint8_t target, const char *name,
                      uint8_t name_size)
{
    return a->target == target && a->name_size == name_size &&
           memcmp(a->name, name, name_size) == 0;
}

static bool target_valid(const struct rmg_rule *rule, const struct rmg_rule_update *update)
{
    if ((update->target & RMG_RULE_CREATED) != 0) {
        return (update->target & (RMG_RULE_CREATED - 1u)) < rule->create_count &&
               update->kind == RMG_UPDATE_SET;
    }
    return update->target < rule->element_count && !rule->elements[update->target].deleted;
}

enum rmg_join rmg_update_join(enum rmg_update_kind kind)
{
    switch (kind) {
    case RMG_UPDATE_ADD:
        return RMG_JOIN_SUM;
    case RMG_UPDATE_RAISE:
        return RMG_JOIN_MAX;
    case RMG_UPDATE_LOWER:
        return RMG_JOIN_MIN;
    case RMG_UPDATE_PUT:
        return RMG_JOIN_UNION;
    case RMG_UPDATE_SET:
        break;
    }
    return RMG_JOIN_NONE;
}

static bool kind_valid(const struct rmg_rule_update *update)
{
    switch (update->kind) {
    case RMG_UPDATE_SET:
    case RMG_UPDATE_PUT:
        return true;
    case RMG_UPDATE_ADD:
        return update->codec == RMG_CODEC_I64;
    case RMG_UPDATE_RAISE:
    case RMG_UPDATE_LOWER:
        return update->codec == RMG_CODEC_I64 || update->codec == RMG_CODEC_F64 ||
               update->codec == RMG_CODEC_F32;
    }
    return false;
}

static enum jit_err check_updates(const struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->update_count; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        enum rmg_codec codec = RMG_CODEC_NONE;
        if (!kind_valid(update) || !target_valid(rule, update) ||
            !name_valid(update->name, update->name_size, 0)) {
            return JIT_EFORMAT;
        }
        enum jit_err err = rmg_expr_check(rule, &update->expr, &codec);
        if (err != JIT_OK) {
            return err;
        }
        if (codec != update->codec) {
            return JIT_EFORMAT;
        }
        for (uint32_t k = 0; k < i; k++) {
            const struct rmg_rule_update *other = &rule->updates[k];
            if (same_slot(other, update->target, update->name, update->name_size) ||
                (same_slot(other, other->target, update->name, update->name_size) &&
                 rmg_rule_may_equal(rule, other->target, update->target))) {
                return JIT_EFORMAT;
            }
        }
    }
    return JIT_OK;
}

/* Which near a value belongs to: its element says what may be asked. */
static bool value_place_valid(const struct rmg_rule_near *near, const struct rmg_rule_value *value)
{
    return value->of_edge ? !near->alone : !near->other_matched;
}

static bool has_aggregate(const struct rmg_expr *expr)
{
    struct jit_cursor cur = jit_cursor_of(expr->code, expr->size);
    struct rmg_expr_inst inst;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op == RMG_EXPR_AGGREGATE) {
            return true;
        }
    }
    return false;
}

static enum jit_err check_value(const struct rmg_rule *rule, const struct rmg_rule_near *near,
                                const struct rmg_rule_value *value)
{
    enum rmg_codec codec = RMG_CODEC_NONE;
    if (!value_place_valid(near, value) || !name_valid(value->name, value->name_size, 0)) {
        return JIT_EFORMAT;
    }
    enum jit_err err = rmg_expr_check(rule, &value->expr, &codec);
    if (err != JIT_OK) {
        return err;
    }
    return codec == value->codec && !rmg_expr_draws(value->expr, NULL) &&
                   !has_aggregate(&value->expr)
               ? JIT_OK
               : JIT_EFORMAT;
}

static enum jit_err check_values(const struct rmg_rule *rule)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count && err == JIT_OK; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        for (uint32_t k = 0; k < near->value_count && err == JIT_OK; k++) {
            err = check_value(rule, near, &rule->values[near->value_at + k]);
        }
    }
    return err;
}

static enum jit_err check_condition(const struct rmg_rule *rule, const struct rmg_expr *expr,
                                    bool may_draw)
{
    enum rmg_codec codec = RMG_CODEC_NONE;
    if (expr->size == 0) {
        return JIT_OK;
    }
    enum jit_err err = rmg_expr_check(rule, expr, &codec);
    if (err != JIT_OK) {
        return err;
    }
    return codec == RMG_CODEC_BOOL && (may_draw || !rmg_expr_draws(*expr, NULL)) ? JIT_OK
                                                                                 : JIT_EFORMAT;
}

const char *rmg_rule_name(const struct rmg_rule *rule, uint16_t number, uint8_t *size)
{
    const struct rmg_rule_near *near =
        number < rule->value_count ? NULL : &rule->aggregates[number - rule->value_count];
    *size = near == NULL ? rule->values[number].name_size : near->name_size;
    return near == NULL ? rule->values[number].name : near->name;
}

/* The first number under which this name is known. */
static uint16_t number_of_name(const struct rmg_rule *rule, uint16_t number)
{
    uint8_t size = 0;
    const char *name = rmg_rule_name(rule, number, &size);
    for (uint16_t i = 0; i < number; i++) {
        uint8_t other_size = 0;
        const char *other = rmg_rule_name(rule, i, &other_size);
        if (size == other_size && memcmp(name, other, size) == 0) {
            return i;
        }
    }
    return number;
}

/* Fields that some expression reads: one of the table that nobody reads is in no footprint. */
static void mark_read(struct rmg_rule *rule, const struct rmg_expr *expr)
{
    struct jit_cursor cur = jit_cursor_of(expr->code, expr->size);
    struct rmg_expr_inst inst;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op == RMG_EXPR_FIELD) {
            rule->fields[inst.arg].read = true;
        }
    }
}

/* Which use speaks for a slot that several parts of the rule name. */
static void derive(struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->value_count; i++) {
        rule->values[i].seen_name = number_of_name(rule, (uint16_t)i);
    }
    for (uint32_t i = 0; i < rule->aggregate_count; i++) {
        rule->aggregates[i].seen_name = number_of_name(rule, (uint16_t)(rule->value_count + i));
    }
    for (uint32_t i = 0; i < rule->field_count; i++) {
        rule->fields[i].read = false;
    }
    mark_read(rule, &rule->guard);
    mark_read(rule, &rule->draw);
    for (uint32_t i = 0; i < rule->value_count; i++) {
        mark_read(rule, &rule->values[i].expr);
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        mark_read(rule, &rule->updates[i].expr);
    }
    for (uint32_t i = 0; i < rule->field_count; i++) {
        rule->fields[i].covered = !rule->fields[i].read;
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        struct rmg_rule_update *update = &rule->updates[i];
        update->field = RMG_NO_FIELD;
        for (uint32_t k = 0; k < rule->field_count; k++) {
            struct rmg_rule_field *field = &rule->fields[k];
            if (!field->covered &&
                same_slot(update, field->element, field->name, field->name_size)) {
                update->field = (uint16_t)k;
                field->covered = true;
            }
        }
    }
    for (uint32_t i = 0; i < rule->field_count; i++) {
        struct rmg_rule_field *field = &rule->fields[i];
        field->covered = field->covered || rule->elements[field->element].deleted;
        for (uint32_t k = 0; k < i && !field->covered; k++) {
            const struct rmg_rule_field *other = &rule->fields[k];
            field->covered = !other->covered && other->element == field->element &&
                             other->name_size == field->name_size &&
                             memcmp(other->name, field->name, field->name_size) == 0;
        }
    }
}

enum jit_err rmg_rule_check(struct rmg_rule *rule)
{
    if (!name_valid(rule->name, strlen(rule->name), 1) || !params_valid(rule) ||
        !elements_valid(rule) || !portals_valid(rule) || !equals_valid(rule) ||
        !nears_valid(rule) || !creates_valid(rule) || !fields_valid(rule)) {
        return JIT_EFORMAT;
    }
    enum jit_err err = check_condition(rule, &rule->guard, false);
    if (err == JIT_OK) {
        err = check_condition(rule, &rule->draw, true);
    }
    if (err == JIT_OK) {
        err = check_values(rule);
    }
    if (err == JIT_OK) {
        err = check_updates(rule);
    }
    if (err == JIT_OK && (rule->retry > JIT_RETRY_MAX || rule->delay > JIT_DELAY_MAX)) {
        err = JIT_ELIMIT;
    }
    if (err == JIT_OK) {
        derive(rule);
    }
    return err;
}
