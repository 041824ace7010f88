#include "rmg/change/merge_priv.h"

/* The type of an element on one side. */
static enum jit_err type_on(struct merge *m, const struct rmg_place *owner, enum rmg_side side,
                            struct jit_id *type, bool *known)
{
    union rmg_content space;
    const union rmg_content *content = NULL;
    const struct merge_slot *slot = merge_find(m, owner);
    enum jit_err err = JIT_OK;
    if (slot != NULL) {
        content = slot->at[side];
    } else {
        err = merge_look(m, owner, &space, &content);
    }
    *known = content != NULL;
    if (content != NULL) {
        *type = owner->part == RMG_PART_NODE ? content->node : content->edge.type;
    }
    return err;
}

/* A field has a join when its element is of one type on both sides. */
static enum jit_err join_of(struct merge *m, const struct rmg_place *place, enum rmg_join *join)
{
    const struct rmg_merge_options *options = m->options;
    const struct rmg_place owner = merge_place_of_owner(place);
    struct jit_id type[2];
    bool known[2] = {false, false};
    *join = RMG_JOIN_NONE;
    if (options->join_of == NULL) {
        return JIT_OK;
    }
    enum jit_err err = type_on(m, &owner, RMG_SIDE_OURS, &type[0], &known[0]);
    if (err == JIT_OK) {
        err = type_on(m, &owner, RMG_SIDE_THEIRS, &type[1], &known[1]);
    }
    if (err == JIT_OK && known[0] && known[1] && jit_id_equal(&type[0], &type[1])) {
        *join = options->join_of(options->user, &type[0], place->name, place->name_size);
    }
    return err;
}

static enum jit_err decide_join(struct merge *m, struct merge_slot *slot)
{
    const union rmg_content *base = slot->at[RMG_SIDE_BASE];
    const union rmg_content *ours = slot->at[RMG_SIDE_OURS];
    const union rmg_content *theirs = slot->at[RMG_SIDE_THEIRS];
    union rmg_content joined;
    enum rmg_join join = RMG_JOIN_NONE;
    if (slot->place.part < RMG_PART_ALPHA || ours == NULL || theirs == NULL) {
        return JIT_OK;
    }
    enum jit_err err = join_of(m, &slot->place, &join);
    if (err != JIT_OK || join == RMG_JOIN_NONE) {
        return err;
    }
    err = rmg_join_values(join, base == NULL ? NULL : &base->value, &ours->value, &theirs->value,
                          &m->result->scratch, &joined.value);
    if (err == JIT_OK) {
        slot->at[MERGE_JOINED] = merge_copy(m, slot->place.part, &joined);
        slot->take = MERGE_JOINED;
        return slot->at[MERGE_JOINED] == NULL ? JIT_ENOMEM : JIT_OK;
    }
    slot->overflow = err == JIT_ELIMIT;
    return err == JIT_ENOMEM ? err : JIT_OK;
}

static enum jit_err decide_slot(struct merge *m, struct merge_slot *slot)
{
    slot->reason = MERGE_AUTOMATIC;
    slot->take = MERGE_OPEN;
    if (slot->changed == MERGE_BY_OURS || slot->changed == MERGE_BY_THEIRS) {
        slot->take = slot->changed == MERGE_BY_OURS ? RMG_SIDE_OURS : RMG_SIDE_THEIRS;
        return JIT_OK;
    }
    if (rmg_content_equal(slot->place.part, slot->at[RMG_SIDE_OURS], slot->at[RMG_SIDE_THEIRS])) {
        slot->take = RMG_SIDE_OURS;
        return JIT_OK;
    }
    return decide_join(m, slot);
}

/* An instance that one side deleted: it is gone if the other side left it alone. Else it is one
 * conflict as a whole, and its content stays meanwhile as the other side has it. */
static void decide_range(struct merge *m, struct merge_range *range)
{
    struct merge_slot *first = &m->slots[range->begin];
    bool ours = first->at[RMG_SIDE_OURS] != NULL;
    bool theirs = first->at[RMG_SIDE_THEIRS] != NULL;
    bool base = first->at[RMG_SIDE_BASE] != NULL || first->base_hash != NULL;
    if (first->place.part != RMG_PART_INSTANCE || !base || ours == theirs) {
        return;
    }
    const enum rmg_side keeper = ours ? RMG_SIDE_OURS : RMG_SIDE_THEIRS;
    const unsigned by = ours ? MERGE_BY_OURS : MERGE_BY_THEIRS;
    for (size_t i = range->begin; i < range->end && !range->open; i++) {
        range->open = (m->slots[i].changed & by) != 0 && m->slots[i].at[keeper] != NULL;
    }
    if (!range->open) {
        return;
    }
    first->take = MERGE_OPEN;
    for (size_t i = range->begin + 1; i < range->end; i++) {
        m->slots[i].take = (uint8_t)keeper;
    }
}

enum jit_err merge_decide(struct merge *m)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < m->count; i++) {
        err = decide_slot(m, &m->slots[i]);
    }
    for (size_t i = 0; err == JIT_OK && i < m->range_count; i++) {
        decide_range(m, &m->ranges[i]);
    }
    return err;
}
