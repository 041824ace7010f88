/* Which of the matches that are known take place in a tick: their draws. */
#include "rmg/rules/search.h"

#include "base/check.h"
#include "rmg/rules/search_priv.h"

struct drawing {
    const struct rmg_search *search;
    uint32_t member;
};

static enum rmg_result field_of_member(void *user, uint32_t field, struct rmg_datum *out)
{
    const struct drawing *drawing = user;
    const struct rmg_search *search = drawing->search;
    uint32_t i = 0;
    while (search->program.draw_fields[i] != field) {
        i++;
        assert(i < search->program.draw_field_count);
    }
    *out = search->table.data[(size_t)drawing->member * search->table.data_width + i];
    return out->codec == RMG_CODEC_NONE ? RMG_GUARD_FALSE : RMG_APPLIED;
}

static enum rmg_result aggregate_of_member(void *user, uint32_t aggregate, struct rmg_datum *out)
{
    const struct drawing *drawing = user;
    const struct rmg_search *search = drawing->search;
    uint32_t i = 0;
    while (search->program.draw_aggregates[i] != aggregate) {
        i++;
        assert(i < search->program.draw_aggregate_count);
    }
    i += search->program.draw_field_count;
    *out = search->table.data[(size_t)drawing->member * search->table.data_width + i];
    return out->codec == RMG_CODEC_NONE ? RMG_GUARD_FALSE : RMG_APPLIED;
}

/* Members whose first draws are made side by side. */
struct draw_batch {
    uint32_t count;
    uint32_t members[RMG_KEYS_MAX];
    double values[RMG_KEYS_MAX];
};

/* The next members from *at on; none at the end. */
static void batch_fill(const struct search_table *table, uint32_t *at, struct draw_batch *batch)
{
    for (batch->count = 0; *at < table->used && batch->count < RMG_KEYS_MAX; ++*at) {
        if (table->live[*at] == SEARCH_OPEN) {
            batch->members[batch->count++] = *at;
        }
    }
}

static void batch_draw(const struct search_table *table, const struct rmg_draw *draw, uint32_t call,
                       struct draw_batch *batch)
{
    const struct jit_id *keys[RMG_KEYS_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        keys[i] = &table->keys[batch->members[i]];
    }
    rmg_draw_randoms(draw, keys, batch->count, call, batch->values);
}

enum jit_err rmg_search_each(struct rmg_search *search, const struct rmg_draw *draw,
                             bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count),
                             void *user)
{
    const struct search_table *table = &search->table;
    struct rmg_expr expr = search->rule->draw;
    struct drawing drawing = {.search = search};
    struct rmg_expr_env env = {.rule = search->rule,
                               .params = search->probe.params,
                               .draw = draw,
                               .field = field_of_member,
                               .aggregate = aggregate_of_member,
                               .user = &drawing};
    struct draw_batch batch;
    uint32_t at = 0;
    env.drawn = rmg_expr_draws(expr, &env.drawn_call);
    for (batch_fill(table, &at, &batch); batch.count > 0; batch_fill(table, &at, &batch)) {
        if (env.drawn) {
            batch_draw(table, draw, env.drawn_call, &batch);
        }
        for (uint32_t i = 0; i < batch.count; i++) {
            struct rmg_datum datum;
            drawing.member = batch.members[i];
            env.ids = &table->ids[(size_t)drawing.member * table->width];
            env.key = &table->keys[drawing.member];
            env.drawn_value = env.drawn ? batch.values[i] : 0;
            if (expr.size > 0 &&
                (rmg_expr_eval(&env, expr, &datum) != RMG_APPLIED || !datum.as.boolean)) {
                continue;
            }
            if (!visit(user, env.ids, table->width)) {
                return JIT_OK;
            }
        }
    }
    return JIT_OK;
}

uint64_t rmg_search_count(const struct rmg_search *search)
{
    return search->table.count - search->table.closed;
}
