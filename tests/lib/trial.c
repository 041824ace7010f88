#include "tests/lib/trial.h"

#include <check.h>

const struct rmg_sought_list *trial_sought;

void trial_init(struct trial *t, struct jit_heap *heap, const struct rmg_rule *rule,
                const struct jit_id *ids)
{
    struct jit_id digest;
    memset(t, 0, sizeof *t);
    jit_buf_init(&t->values, heap, 1 << 20);
    t->effect.values = &t->values;
    memcpy(t->ids, ids, rule->element_count * sizeof *ids);
    t->match = (struct rmg_match){.rule = rule,
                                  .instance = kit_id('I', 0),
                                  .ids = t->ids,
                                  .id_count = rule->element_count,
                                  .sought = trial_sought};
    ck_assert_int_eq(rmg_params_check(rule, NULL, 0, &digest), JIT_OK);
    rmg_match_key(rule, &t->match.instance, t->ids, t->match.id_count, &digest, &t->match.key);
    rmg_request_key(&t->match.key, 0, &t->match.request_key);
}

void trial_release(struct trial *t)
{
    jit_buf_release(&t->values);
}

enum rmg_result trial_run(struct trial *t, const struct kit_graph *graph,
                          const struct rmg_draw *draw, uint32_t budget)
{
    struct rmg_graph now = kit_graph_of(graph, NULL);
    enum jit_err err;
    jit_buf_reset(&t->values);
    enum rmg_result result =
        rmg_match_verify(&now, &t->match, draw, budget, &t->effect, &t->slots, &err);
    ck_assert_int_eq(err, JIT_OK);
    ck_assert_uint_le(t->slots, budget);
    if (result != RMG_APPLIED) {
        ck_assert_uint_eq(t->values.size, 0);
    }
    return result;
}

static bool keep_use(void *user, const struct rmg_use *use)
{
    struct uses *uses = user;
    ck_assert_uint_lt(uses->count, USES_MAX);
    for (unsigned i = 0; i < uses->count; i++) { /* each slot once */
        ck_assert_int_ne(rmg_slot_compare(&uses->items[i].slot, &use->slot), 0);
    }
    ck_assert_int_eq(use->access == RMG_ACCESS_BLIND, use->join != RMG_JOIN_NONE);
    ck_assert(use->access != RMG_ACCESS_READ || use->read);
    uses->items[uses->count++] = *use;
    return true;
}

void trial_uses(const struct trial *t, struct uses *uses)
{
    uses->count = 0;
    ck_assert(rmg_match_footprint(&t->match, &t->effect, keep_use, uses));
}

bool uses_slot(const struct uses *uses, const struct rmg_slot *slot)
{
    for (unsigned i = 0; i < uses->count; i++) {
        if (rmg_slot_compare(&uses->items[i].slot, slot) == 0) {
            return true;
        }
    }
    return false;
}

bool uses_conflict(const struct uses *a, const struct uses *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        for (unsigned k = 0; k < b->count; k++) {
            const struct rmg_use *x = &a->items[i];
            const struct rmg_use *y = &b->items[k];
            bool both_read = x->access == RMG_ACCESS_READ && y->access == RMG_ACCESS_READ;
            bool both_blind = x->access == RMG_ACCESS_BLIND && y->access == RMG_ACCESS_BLIND &&
                              x->join == y->join;
            if (rmg_slot_compare(&x->slot, &y->slot) == 0 && !both_read && !both_blind) {
                return true;
            }
        }
    }
    return false;
}

static bool keep_emit(void *user, const struct rmg_emit *emit)
{
    struct script *script = user;
    ck_assert_uint_lt(script->count, SCRIPT_MAX);
    script->items[script->count++] = *emit;
    return true;
}

void trial_script(const struct trial *t, struct script *script)
{
    script->count = 0;
    ck_assert(rmg_match_execute(&t->match, &t->effect, keep_emit, script));
}

/* One element into a list that ascends. */
static uint32_t list_insert(uint8_t *list, uint32_t size, const uint8_t *bytes, uint32_t count)
{
    uint32_t at = 8;
    while (at < size) {
        uint32_t other = (uint32_t)jit_le64(list + at);
        uint32_t both = other < count ? other : count;
        int order = memcmp(list + at + 8, bytes, both);
        order = order != 0 ? order : other < count ? -1 : other > count;
        if (order == 0) {
            return size;
        }
        if (order > 0) {
            break;
        }
        at += 8 + other;
    }
    ck_assert_uint_le(size + 8 + count, JOINED_MAX);
    memmove(list + at + 8 + count, list + at, size - at);
    jit_put_le64(list + at, count);
    memcpy(list + at + 8, bytes, count);
    jit_put_le64(list, jit_le64(list) + 1);
    return size + 8 + count;
}

uint32_t naive_join(const struct rmg_emit *emit, const uint8_t *now, uint32_t now_size,
                    uint8_t out[JOINED_MAX])
{
    const uint8_t *bytes = emit->op.attachment.value.bytes;
    int64_t here = (int64_t)jit_le64(now);
    int64_t there = (int64_t)jit_le64(bytes);
    if (emit->join == RMG_JOIN_UNION) {
        const uint8_t *const lists[2] = {now, bytes};
        const uint32_t sizes[2] = {now_size, emit->op.attachment.value.size};
        uint32_t size = 8;
        memset(out, 0, 8);
        for (unsigned i = 0; i < 2; i++) {
            for (uint32_t at = 8; at < sizes[i]; at += 8 + (uint32_t)jit_le64(lists[i] + at)) {
                size = list_insert(out, size, lists[i] + at + 8, (uint32_t)jit_le64(lists[i] + at));
            }
        }
        return size;
    }
    ck_assert_uint_eq(now_size, 8);
    if (emit->join == RMG_JOIN_SUM && __builtin_add_overflow(here, emit->delta, &here)) {
        return 0;
    }
    if ((emit->join == RMG_JOIN_MAX && there > here) ||
        (emit->join == RMG_JOIN_MIN && there < here)) {
        here = there;
    }
    jit_put_le64(out, (uint64_t)here);
    return 8;
}
