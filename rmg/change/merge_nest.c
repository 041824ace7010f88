#include "rmg/change/merge_priv.h"

/* Parents form one tree of depth at most 64 (DESIGN 4.2). Each side's do; together they may not. */

enum jit_err merge_parent(struct merge *m, const struct jit_id *instance, struct jit_id *parent,
                          bool *end)
{
    union rmg_content space;
    const union rmg_content *content = NULL;
    bool open = false;
    const struct rmg_place place = merge_place_of_instance(instance);
    enum jit_err err = merge_get(m, &place, &space, &content, &open);
    *end = err != JIT_OK || content == NULL || !content->instance.parent.present;
    if (!*end) {
        *parent = content->instance.parent.instance;
    }
    return err;
}

/* The instance's parent is another one than in `onto`, or the instance is new. */
static bool moved(const struct merge *m, const struct merge_slot *slot)
{
    const union rmg_content *before = slot->at[m->onto_side];
    if (slot->place.part != RMG_PART_INSTANCE || slot->take == MERGE_OPEN ||
        slot->at[slot->take] == NULL) {
        return false;
    }
    const struct rmg_parent *now = &slot->at[slot->take]->instance.parent;
    return now->present && (before == NULL || !before->instance.parent.present ||
                            !jit_id_equal(&before->instance.parent.instance, &now->instance));
}

static struct merge_slot *slot_of(const struct merge *m, const struct jit_id *instance)
{
    const struct rmg_place place = merge_place_of_instance(instance);
    return merge_find(m, &place);
}

/* One way up. In a circle, *round is an instance of it; else the way ends at a top, at something
 * that is not decided, or in a circle that is known. */
static enum jit_err walk_up(struct merge *m, const struct jit_id *instance, uint32_t *depth,
                            bool *circle, struct jit_id *round)
{
    struct jit_id at = *instance;
    struct jit_id mark = *instance;
    uint32_t next_mark = 1;
    bool end = false;
    *depth = 0;
    *circle = false;
    for (;;) {
        const struct merge_slot *slot = slot_of(m, &at);
        enum jit_err err = merge_parent(m, &at, &at, &end);
        if (slot != NULL && slot->circle) {
            *depth = 0;
            return err;
        }
        if (err != JIT_OK || end) {
            return err;
        }
        if (jit_id_equal(&at, &mark)) {
            *circle = true;
            *round = at;
            return JIT_OK;
        }
        if (++*depth == next_mark) {
            mark = at;
            next_mark *= 2;
        }
    }
}

/* Names every instance that was moved: round a circle once, or on the way up to the top. */
static enum jit_err blame(struct merge *m, enum rmg_conflict_kind kind,
                          const struct jit_id *instance)
{
    struct jit_id at = *instance;
    bool end = false;
    enum jit_err err = JIT_OK;
    do {
        struct merge_slot *slot = slot_of(m, &at);
        if (slot != NULL && moved(m, slot)) {
            const struct rmg_place above =
                merge_place_of_instance(&slot->at[slot->take]->instance.parent.instance);
            err = merge_conflict(m, kind, &slot->place, slot, &above);
        }
        if (slot != NULL) {
            slot->circle = kind == RMG_CONFLICT_CYCLE;
        }
        if (err == JIT_OK) {
            err = merge_parent(m, &at, &at, &end);
        }
    } while (err == JIT_OK && !end && !jit_id_equal(&at, instance));
    return err;
}

static enum jit_err check_moved(struct merge *m, const struct jit_id *instance)
{
    struct jit_id round;
    uint32_t depth = 0;
    bool circle = false;
    enum jit_err err = walk_up(m, instance, &depth, &circle, &round);
    if (err != JIT_OK || (!circle && depth <= JIT_DEPTH_MAX)) {
        return err;
    }
    return circle ? blame(m, RMG_CONFLICT_CYCLE, &round) : blame(m, RMG_CONFLICT_DEPTH, instance);
}

/* Both sides moved instances: what hangs below them was not changed, but may be too deep now. */
static enum jit_err check_all_depths(struct merge *m)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK &&
           (err = rmg_store_next(m->onto->store, &m->onto->version, after, &in)) == JIT_OK) {
        last = in.id;
        after = &last;
        const struct merge_slot *slot = slot_of(m, &in.id);
        if (slot == NULL || (slot->take != MERGE_OPEN && slot->at[slot->take] != NULL)) {
            err = check_moved(m, &in.id);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The number of tops, by what changed. */
static enum jit_err check_tops(struct merge *m, int64_t instances)
{
    const int64_t wanted = instances > 0 ? 1 : 0;
    int64_t tops = m->onto->version.instance_count > 0 ? 1 : 0;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; i < m->range_count; i++) {
        const struct merge_slot *slot = &m->slots[m->ranges[i].begin];
        if (slot->place.part != RMG_PART_INSTANCE) {
            continue;
        }
        if (slot->take == MERGE_OPEN) {
            return JIT_OK; /* first that must be decided */
        }
        const union rmg_content *now = slot->at[slot->take];
        const union rmg_content *before = slot->at[m->onto_side];
        tops += now != NULL && !now->instance.parent.present;
        tops -= before != NULL && !before->instance.parent.present;
    }
    for (size_t i = 0; err == JIT_OK && tops != wanted && i < m->range_count; i++) {
        const struct merge_slot *slot = &m->slots[m->ranges[i].begin];
        /* Those that are one too many, or that was the only one. */
        const union rmg_content *top = slot->place.part != RMG_PART_INSTANCE ? NULL
                                       : tops > wanted                       ? slot->at[slot->take]
                                                       : slot->at[m->onto_side];
        if (top != NULL && !top->instance.parent.present) {
            err = merge_conflict(m, RMG_CONFLICT_TOP, &slot->place, slot, NULL);
        }
    }
    return err;
}

enum jit_err merge_check_nesting(struct merge *m)
{
    unsigned by = 0; /* who moved instances that were there before */
    int64_t instances = (int64_t)m->onto->version.instance_count;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; i < m->range_count; i++) {
        m->slots[m->ranges[i].begin].circle = 0;
    }
    for (size_t i = 0; err == JIT_OK && i < m->range_count; i++) {
        const struct merge_slot *slot = &m->slots[m->ranges[i].begin];
        if (slot->place.part != RMG_PART_INSTANCE || slot->take == MERGE_OPEN) {
            continue;
        }
        instances += (slot->at[slot->take] != NULL) - (slot->at[m->onto_side] != NULL);
        if (moved(m, slot)) {
            by |= slot->at[m->onto_side] == NULL ? 0
                  : slot->take == RMG_SIDE_OURS  ? slot->changed
                                                 : MERGE_BY_THEIRS;
            err = check_moved(m, &slot->place.instance);
        }
    }
    if (err == JIT_OK && instances > (int64_t)JIT_INSTANCES_MAX) {
        err = JIT_ELIMIT;
    }
    if (err == JIT_OK && (m->rebase ? by != 0 : by == (MERGE_BY_OURS | MERGE_BY_THEIRS))) {
        err = check_all_depths(m);
    }
    return err == JIT_OK ? check_tops(m, instances) : err;
}
