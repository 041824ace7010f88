#include <stdlib.h>

#include "base/check.h"
#include "rmg/change/merge_priv.h"

/* Taking a place from one side is taking the whole of it: an element that one side deleted comes or
 * goes with its values, an instance with its content and its portal. What is kept needs what it
 * stands on, and that is kept from the same side, where it is there for sure. */

/* Give a slot to a side; *moved when that made a difference. Errors: JIT_ENOMEM. */
static enum jit_err give(struct merge *m, struct merge_slot *slot, enum rmg_side side,
                         enum merge_reason reason, bool *moved)
{
    void *data = m->stack;
    if (slot == NULL || slot->reason >= reason ||
        (side == RMG_SIDE_BASE && slot->base_hash != NULL)) {
        return JIT_OK;
    }
    if (jit_heap_grow(m->heap, &data, &m->stack_capacity, m->stack_count + 1, sizeof *m->stack) !=
        0) {
        return JIT_ENOMEM;
    }
    m->stack = data;
    m->stack[m->stack_count++] = slot;
    m->result->settled += slot->reason == MERGE_AUTOMATIC;
    *moved = *moved || slot->take != side;
    slot->take = (uint8_t)side;
    slot->reason = (uint8_t)reason;
    return JIT_OK;
}

static enum jit_err give_range(struct merge *m, size_t begin, size_t end, enum rmg_side side,
                               enum merge_reason reason, bool *moved)
{
    enum jit_err err = JIT_OK;
    for (size_t i = begin; err == JIT_OK && i < end; i++) {
        err = give(m, &m->slots[i], side, reason, moved);
    }
    return err;
}

/* A place that something kept cannot do without. */
static enum jit_err need(struct merge *m, const struct rmg_place *place, enum rmg_side side,
                         enum merge_reason reason, bool *moved)
{
    enum merge_there there = MERGE_PRESENT;
    enum jit_err err = merge_there(m, place, &there);
    return err == JIT_OK && there != MERGE_PRESENT
               ? give(m, merge_find(m, place), side, reason, moved)
               : err;
}

static bool whole(const struct merge_slot *slot)
{
    return slot->at[slot->take] == NULL ||
           (slot->at[RMG_SIDE_OURS] == NULL) != (slot->at[RMG_SIDE_THEIRS] == NULL);
}

static enum jit_err follow_instance(struct merge *m, const struct merge_slot *slot,
                                    enum rmg_side side, enum merge_reason reason, bool *moved)
{
    const union rmg_content *content = slot->at[slot->take];
    const struct merge_range *range = merge_range_of(m, &slot->place.instance);
    enum jit_err err = JIT_OK;
    if (whole(slot)) {
        err = give_range(m, range->begin + 1, range->end, side, reason, moved);
    }
    for (int i = 0; err == JIT_OK && i < RMG_SIDES; i++) {
        if (slot->at[i] != NULL && slot->at[i]->instance.parent.present) {
            const struct rmg_place portal = merge_place_of_portal(&slot->at[i]->instance.parent);
            err = give(m, merge_find(m, &portal), side, reason, moved);
        }
    }
    if (err == JIT_OK && content != NULL) {
        const struct rmg_place root =
            merge_place_of_node(&slot->place.instance, &content->instance.root_node);
        err = need(m, &root, side, reason, moved);
    }
    return err;
}

static enum jit_err follow_element(struct merge *m, const struct merge_slot *slot,
                                   enum rmg_side side, enum merge_reason reason, bool *moved)
{
    const union rmg_content *content = slot->at[slot->take];
    enum jit_err err = JIT_OK;
    if (whole(slot)) {
        size_t begin = 0;
        size_t end = 0;
        merge_values_of(m, &slot->place, &begin, &end);
        err = give_range(m, begin, end, side, reason, moved);
    }
    if (content != NULL && slot->place.part == RMG_PART_EDGE) {
        for (int i = 0; err == JIT_OK && i < 2; i++) {
            const struct rmg_place node = merge_place_of_node(
                &slot->place.instance, i == 0 ? &content->edge.from : &content->edge.to);
            err = need(m, &node, side, reason, moved);
        }
    }
    return err;
}

static enum jit_err follow_value(struct merge *m, const struct merge_slot *slot, enum rmg_side side,
                                 enum merge_reason reason, bool *moved)
{
    enum jit_err err = JIT_OK;
    for (int i = 0; err == JIT_OK && i < RMG_SIDES; i++) {
        if (slot->at[i] != NULL && slot->at[i]->value.kind == RMG_VALUE_PORTAL) {
            const struct rmg_place target = merge_place_of_instance(&slot->at[i]->value.type);
            err = give(m, merge_find(m, &target), side, reason, moved);
        }
    }
    if (err == JIT_OK && slot->at[slot->take] != NULL) {
        const struct rmg_place owner = merge_place_of_owner(&slot->place);
        err = need(m, &owner, side, reason, moved);
    }
    return err;
}

/* Whatever was given away lately draws along what belongs to it. */
static enum jit_err follow(struct merge *m, enum merge_reason reason, bool *moved)
{
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && m->stack_count > 0) {
        const struct merge_slot *slot = m->stack[--m->stack_count];
        const enum rmg_side side = (enum rmg_side)slot->take;
        switch (slot->place.part) {
        case RMG_PART_INSTANCE:
            err = follow_instance(m, slot, side, reason, moved);
            break;
        case RMG_PART_NODE:
        case RMG_PART_EDGE:
            err = follow_element(m, slot, side, reason, moved);
            break;
        default:
            err = follow_value(m, slot, side, reason, moved);
            break;
        }
        if (err == JIT_OK && slot->at[slot->take] != NULL &&
            slot->place.part != RMG_PART_INSTANCE) {
            const struct rmg_place in = merge_place_of_instance(&slot->place.instance);
            err = need(m, &in, side, reason, moved);
        }
    }
    return err;
}

/* ---- choices ---- */

static int by_place(const void *a, const void *b)
{
    const struct rmg_choice *const *x = a;
    const struct rmg_choice *const *y = b;
    int order = rmg_place_compare(&(*x)->place, &(*y)->place);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static enum jit_err choose(struct merge *m, const struct rmg_choice *choice, bool *moved)
{
    struct merge_slot *slot = merge_find(m, &choice->place);
    size_t begin = 0;
    size_t end = 0;
    if ((unsigned)choice->take >= RMG_SIDES || (m->rebase && choice->take == RMG_SIDE_BASE)) {
        return JIT_EINVALID;
    }
    if (slot != NULL) {
        return give(m, slot, choice->take, MERGE_CHOSEN, moved);
    }
    if (choice->place.part == RMG_PART_NODE || choice->place.part == RMG_PART_EDGE) {
        merge_values_of(m, &choice->place, &begin, &end);
    }
    return begin == end ? JIT_ENOENT : JIT_OK; /* an owner with too many values, perhaps */
}

/* All choices in the order of their places, so that the order of the file does not matter. */
static enum jit_err choose_all(struct merge *m, const struct rmg_choice **sorted)
{
    const struct rmg_merge_options *options = m->options;
    enum jit_err err = JIT_OK;
    bool moved = false;
    for (size_t i = 0; i < options->choice_count; i++) {
        sorted[i] = &options->choices[i];
    }
    qsort(sorted, options->choice_count, sizeof *sorted, by_place);
    for (size_t i = 0; err == JIT_OK && i < options->choice_count; i++) {
        m->result->choice_bad = (size_t)(sorted[i] - options->choices);
        if (i > 0 && rmg_place_compare(&sorted[i - 1]->place, &sorted[i]->place) == 0) {
            return JIT_EEXIST;
        }
        err = choose(m, sorted[i], &moved);
    }
    /* Only now what they imply: nothing that was chosen is drawn along by another choice. */
    return err == JIT_OK ? follow(m, MERGE_IMPLIED, &moved) : err;
}

static const struct rmg_choice *choice_of(const struct rmg_choice *const *sorted, size_t count,
                                          const struct rmg_place *place)
{
    size_t low = 0;
    size_t high = count;
    assert(sorted != NULL || count == 0);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rmg_place_compare(&sorted[middle]->place, place);
        if (order == 0) {
            return sorted[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

/* ---- what is left ---- */

/* Who is too deep or in a circle: everything that was moved on the way up. */
static enum jit_err give_path(struct merge *m, const struct rmg_place *place, enum rmg_side side,
                              enum merge_reason reason, bool *moved)
{
    struct jit_id at = place->instance;
    bool end = false;
    enum jit_err err = JIT_OK;
    for (uint64_t steps = 0; err == JIT_OK && !end && steps <= 2u * JIT_INSTANCES_MAX; steps++) {
        const struct rmg_place here = merge_place_of_instance(&at);
        struct merge_slot *slot = merge_find(m, &here);
        err = merge_parent(m, &at, &at, &end);
        if (err == JIT_OK && slot != NULL) {
            err = give(m, slot, side, reason, moved);
        }
        if (jit_id_equal(&at, &place->instance)) {
            break;
        }
    }
    return err;
}

static enum jit_err settle(struct merge *m, const struct rmg_conflict *conflict, enum rmg_side side,
                           enum merge_reason reason, bool *moved)
{
    size_t begin = 0;
    size_t end = 0;
    enum jit_err err = give(m, merge_find(m, &conflict->place), side, reason, moved);
    if (err != JIT_OK) {
        return err;
    }
    switch (conflict->kind) {
    case RMG_CONFLICT_LIMIT:
        merge_values_of(m, &conflict->place, &begin, &end);
        err = give_range(m, begin, end, side, reason, moved);
        break;
    case RMG_CONFLICT_CYCLE:
    case RMG_CONFLICT_DEPTH:
        err = give_path(m, &conflict->place, side, reason, moved);
        break;
    case RMG_CONFLICT_PORTAL:
    case RMG_CONFLICT_INSTANCE_DELETED:
    case RMG_CONFLICT_OWNER_DELETED:
    case RMG_CONFLICT_END_DELETED:
    case RMG_CONFLICT_ROOT_DELETED:
        if (conflict->has_other) {
            err = give(m, merge_find(m, &conflict->other), side, reason, moved);
        }
        break;
    default:
        break;
    }
    return err == JIT_OK ? follow(m, reason, moved) : err;
}

static enum jit_err settle_round(struct merge *m, const struct rmg_choice *const *sorted,
                                 bool *moved)
{
    const struct rmg_merge_options *options = m->options;
    enum jit_err err = JIT_OK;
    *moved = false;
    for (size_t i = 0; err == JIT_OK && i < m->conflict_count; i++) {
        const struct rmg_conflict *conflict = &m->conflicts[i];
        const struct rmg_choice *choice =
            choice_of(sorted, options->choice_count, &conflict->place);
        const bool several = conflict->kind == RMG_CONFLICT_LIMIT ||
                             conflict->kind == RMG_CONFLICT_CYCLE ||
                             conflict->kind == RMG_CONFLICT_DEPTH;
        if (choice != NULL && several) {
            err = settle(m, conflict, choice->take, MERGE_IMPLIED, moved);
        } else if (options->strategy != RMG_SIDE_NONE) {
            err = settle(m, conflict, options->strategy, MERGE_STRATEGY, moved);
        }
    }
    return err;
}

enum jit_err merge_settle(struct merge *m)
{
    const struct rmg_merge_options *options = m->options;
    const struct rmg_choice **sorted = NULL;
    enum jit_err err = JIT_OK;
    if (options->choice_count > 0) {
        sorted = jit_heap_zalloc(m->heap, options->choice_count, sizeof *sorted);
        err = sorted == NULL ? JIT_ENOMEM : choose_all(m, sorted);
    }
    for (bool moved = true; err == JIT_OK && moved;) {
        err = merge_check(m);
        moved = false;
        if (err == JIT_OK && m->conflict_count > 0) {
            err = settle_round(m, sorted, &moved);
        }
    }
    m->heap->free(m->heap, sorted);
    return err;
}
