#include "rmg/rules/sought.h"

#include "base/check.h"

static int compare(const struct rmg_sought *sought, const struct jit_id *type, const char *name,
                   uint32_t name_size)
{
    int order = jit_id_compare(&sought->type, type);
    if (order != 0) {
        return order;
    }
    if (sought->name_size != name_size) {
        return sought->name_size < name_size ? -1 : 1;
    }
    return name_size == 0 ? 0 : memcmp(sought->name, name, name_size);
}

/* The first that is not less. */
static uint32_t place_of(const struct rmg_sought_list *list, const struct jit_id *type,
                         const char *name, uint32_t name_size)
{
    uint32_t from = 0;
    uint32_t to = list->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare(&list->at[middle], type, name, name_size) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

uint32_t rmg_sought_find(const struct rmg_sought_list *list, const struct jit_id *type,
                         const char *name, uint32_t name_size)
{
    uint32_t at = place_of(list, type, name, name_size);
    return at < list->count && compare(&list->at[at], type, name, name_size) == 0 ? at
                                                                                  : list->count;
}

uint32_t rmg_sought_of_type(const struct rmg_sought_list *list, const struct jit_id *type)
{
    return place_of(list, type, "", 0);
}

static enum jit_err add(struct jit_heap *heap, struct rmg_sought_list *list,
                        const struct jit_id *type, const struct rmg_rule_value *value)
{
    uint32_t at = place_of(list, type, value->name, value->name_size);
    if (at < list->count && compare(&list->at[at], type, value->name, value->name_size) == 0) {
        return JIT_OK;
    }
    if (list->count == RMG_SOUGHT_MAX) {
        return JIT_ELIMIT;
    }
    if (list->at == NULL) {
        list->at = heap->alloc(heap, RMG_SOUGHT_MAX * sizeof *list->at);
        if (list->at == NULL) {
            return JIT_ENOMEM;
        }
    }
    memmove(list->at + at + 1, list->at + at, (list->count - at) * sizeof *list->at);
    list->at[at] =
        (struct rmg_sought){.type = *type, .name = value->name, .name_size = value->name_size};
    list->count++;
    return JIT_OK;
}

static enum jit_err add_rule(struct jit_heap *heap, struct rmg_sought_list *list,
                             const struct rmg_rule *rule)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        for (uint32_t k = 0; k < near->value_count && near->alone && err == JIT_OK; k++) {
            err = add(heap, list, &near->other_type, &rule->values[near->value_at + k]);
        }
    }
    return err;
}

enum jit_err rmg_sought_add(struct jit_heap *heap, struct rmg_sought_list *list,
                            struct rmg_rule *const *rules, uint32_t count)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        err = add_rule(heap, list, rules[i]);
    }
    return err;
}

void rmg_sought_release(struct jit_heap *heap, struct rmg_sought_list *list)
{
    heap->free(heap, list->at);
    *list = (struct rmg_sought_list){0};
}
