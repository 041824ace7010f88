/* rmg/engine/script_apply.c - one rewrite, and which anchors it makes candidates again. */
#include "rmg/engine/script_priv.h"
#include "rmg/rules/mutant.h"

/* ---- what is gone ---- */

static void unlink_edge(struct script_run *run, uint32_t edge)
{
    const struct work_edge *at = &run->work->edges[edge];
    if (jit_heap_grow(run->heap, (void **)&run->unlinked, &run->unlinked_room,
                      run->unlinked_count + 1ul, sizeof *run->unlinked) != 0) {
        run->err = JIT_ENOMEM;
        return;
    }
    run->unlinked[run->unlinked_count++] =
        (struct script_ends){.type = at->type, .end = {at->end[0], at->end[1]}};
    work_edge_drop(run->work, edge);
}

/* Matched edges first, in the order of the elements: triggers count on it. */
static void delete_elements(struct script_run *run, const struct script_rule *r)
{
    const struct rmg_work *work = run->work;
    run->unlinked_count = 0;
    for (uint32_t rest = r->deleted_mask & r->edge_mask; rest != 0; rest &= rest - 1) {
        unlink_edge(run, run->match.at[__builtin_ctz(rest)]);
    }
    for (uint32_t rest = r->deleted_mask & r->node_mask; rest != 0; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        for (unsigned side = 0; side < 2 && r->rule->elements[i].detached; side++) {
            struct script_edges edges = script_edges_of(work, run->match.at[i], SCRIPT_ANY, side);
            while (edges.at != RMG_WORK_NONE && run->err == JIT_OK) {
                uint32_t edge = edges.at;
                script_edges_step(work, &edges);
                unlink_edge(run, edge);
            }
        }
        if (run->err == JIT_OK) {
            work_node_drop(run->work, run->match.at[i]);
        }
    }
}

/* ---- what is new ---- */

static uint32_t operand(const struct script_run *run, const uint32_t *created, uint8_t number)
{
    return (number & RMG_RULE_CREATED) != 0 ? created[number & (RMG_RULE_CREATED - 1u)]
                                            : run->match.at[number];
}

/* An edge may stand before a node that it ends in, so nodes come first; places are the text's. */
static enum jit_err create_elements(struct script_run *run, const struct script_rule *r,
                                    uint32_t *created)
{
    const struct rmg_rule *rule = r->rule;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->create_count && err == JIT_OK; i++) {
        if (!rule->creates[i].is_edge) {
            err = work_node_make(run->work, r->create_types[i], work_made(run->work->rewrite, i),
                                 &created[i]);
        }
    }
    for (uint32_t i = 0; i < rule->create_count && err == JIT_OK; i++) {
        if (rule->creates[i].is_edge) {
            err = work_edge_make(run->work, operand(run, created, rule->creates[i].from),
                                 r->create_types[i], operand(run, created, rule->creates[i].to),
                                 work_made(run->work->rewrite, i), &created[i]);
        }
    }
    return err;
}

static enum jit_err write_values(struct script_run *run, const struct script_rule *r,
                                 const uint32_t *created)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < r->rule->update_count && err == JIT_OK; i++) {
        err = work_slot_set(run->work, r->update_columns[i],
                            operand(run, created, r->rule->updates[i].target), &run->values[i]);
    }
    return err;
}

/* ---- what that enables ---- */

/* Edges that went with a node: any condition at their ends may hold now. */
static void touch_unlinked(struct script_run *run, uint32_t from)
{
    for (uint32_t c = 0; c < run->script->call_count; c++) {
        struct script_rule *r = &run->rules[c];
        for (uint32_t k = from; r->active && k < run->unlinked_count; k++) {
            const struct script_ends *ends = &run->unlinked[k];
            for (uint32_t n = 0; n < r->rule->negative_count; n++) {
                const struct rmg_rule_near *negative = &r->rule->negatives[n];
                unsigned side = negative->direction == RMG_DIR_OUT ? WORK_OUT : WORK_IN;
                if (script_type_is(r->negative_types[n][0], ends->type) &&
                    !RMG_MUTANT(RMG_MUTANT_DETACHED)) {
                    script_touch(run, r, negative->element, ends->end[side]);
                }
            }
            for (uint32_t rest = r->deleted_mask & r->node_mask; rest != 0; rest &= rest - 1) {
                uint8_t node = (uint8_t)__builtin_ctz(rest);
                if (RMG_MUTANT(RMG_MUTANT_DETACHED_FREED)) {
                    continue;
                }
                script_touch(run, r, node, ends->end[WORK_OUT]);
                script_touch(run, r, node, ends->end[WORK_IN]);
            }
        }
    }
}

static void touch_stuck(struct script_run *run, struct script_rule *r)
{
    if (!r->stuck_any) {
        return;
    }
    uint32_t anchor = script_bits_next(&r->stuck, 0);
    for (; anchor != RMG_WORK_NONE; anchor = script_bits_next(&r->stuck, anchor + 1)) {
        script_touch(run, r, r->anchor, anchor);
    }
    script_bits_empty(&r->stuck);
    r->stuck_any = false;
}

static void pull(struct script_run *run, const struct script_rule *by, const uint32_t *created)
{
    for (uint32_t i = 0; i < by->trigger_count && run->err == JIT_OK; i++) {
        const struct script_trigger *trigger = &by->triggers[i];
        struct script_rule *r = &run->rules[trigger->rule];
        unsigned side = trigger->side;
        if (RMG_MUTANT(RMG_MUTANT_LINKED_SIDE) || RMG_MUTANT(RMG_MUTANT_UNLINKED_SIDE)) {
            side ^= trigger->event ==
                    (RMG_MUTANT(RMG_MUTANT_LINKED_SIDE) ? SCRIPT_LINKED : SCRIPT_UNLINKED);
        }
        if (!r->active) {
            continue;
        }
        switch (trigger->event) {
        case SCRIPT_CREATED:
            script_touch(run, r, trigger->element, created[trigger->source]);
            break;
        case SCRIPT_LINKED:
            script_touch(run, r, trigger->element,
                         run->work->edges[created[trigger->source]].end[side]);
            break;
        case SCRIPT_UNLINKED: {
            uint32_t deleted = by->deleted_mask & by->edge_mask;
            uint32_t place = (uint32_t)__builtin_popcount(deleted & ((1u << trigger->source) - 1));
            script_touch(run, r, trigger->element, run->unlinked[place].end[side]);
            break;
        }
        case SCRIPT_SET:
            script_touch(run, r, trigger->element,
                         run->match.at[by->rule->updates[trigger->source].target]);
            break;
        default:
            touch_stuck(run, r);
            break;
        }
    }
    if (by->unlinks) {
        touch_unlinked(run, (uint32_t)__builtin_popcount(by->deleted_mask & by->edge_mask));
    }
}

enum jit_err script_apply(struct script_run *run, uint32_t call)
{
    struct script_rule *r = &run->rules[call];
    uint32_t created[JIT_PATTERN_ELEMENTS_MAX];
    enum jit_err err = run->err;
    if (err == JIT_OK && run->report->rewrites >= run->options->rewrites_max) {
        err = JIT_EBUDGET;
    }
    if (err == JIT_OK) {
        err = rmg_work_step(run->work);
    }
    if (err != JIT_OK) {
        return err;
    }
    if ((r->deleted_mask >> r->anchor & 1) != 0) {
        script_bits_drop(&r->todo, run->match.at[r->anchor]);
    }
    delete_elements(run, r);
    err = run->err;
    if (err == JIT_OK) {
        err = create_elements(run, r, created);
    }
    if (err == JIT_OK) {
        err = write_values(run, r, created);
    }
    if (err == JIT_OK) {
        pull(run, r, created);
        err = run->err;
    }
    run->report->rewrites++;
    if (run->report->by_call != NULL) {
        run->report->by_call[call]++;
    }
    return err;
}
