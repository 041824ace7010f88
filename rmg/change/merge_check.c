#include "rmg/change/merge_priv.h"

/* Every rule for a valid state (DESIGN 4.2), asked of what the table takes. A rule can only be
 * broken at a place that some side changed, since each side by itself keeps them all; so the table
 * is looked through, and of the rest of the state only what its slots refer to. */

static const union rmg_content *any_content(const struct merge_slot *slot)
{
    if (slot->take != MERGE_OPEN) {
        return slot->at[slot->take];
    }
    return slot->at[RMG_SIDE_OURS] != NULL ? slot->at[RMG_SIDE_OURS] : slot->at[RMG_SIDE_THEIRS];
}

enum jit_err merge_conflict(struct merge *m, enum rmg_conflict_kind kind,
                            const struct rmg_place *place, const struct merge_slot *slot,
                            const struct rmg_place *other)
{
    void *data = m->conflicts;
    if (jit_heap_grow(m->heap, &data, &m->conflict_capacity, m->conflict_count + 1,
                      sizeof *m->conflicts) != 0) {
        return JIT_ENOMEM;
    }
    m->conflicts = data;
    struct rmg_conflict *c = &m->conflicts[m->conflict_count++];
    *c = (struct rmg_conflict){.kind = kind, .place = *place, .has_other = other != NULL};
    if (other != NULL) {
        c->other = *other;
    }
    if (slot != NULL) {
        memcpy(c->content, slot->at, sizeof c->content);
        c->base_unknown = slot->base_hash != NULL;
        if (c->base_unknown) {
            c->base_hash = *slot->base_hash;
        }
        return JIT_OK;
    }
    union rmg_content space;
    const union rmg_content *content = NULL;
    enum jit_err err = merge_look(m, place, &space, &content);
    if (err == JIT_OK && content != NULL) {
        content = merge_copy(m, place->part, content);
        err = content == NULL ? JIT_ENOMEM : JIT_OK;
    }
    for (int side = 0; side < RMG_SIDES; side++) {
        c->content[side] = content;
    }
    return err;
}

/* What an open slot is called when nothing else is wrong with it. */
static enum rmg_conflict_kind open_kind(const struct merge_slot *slot, bool whole)
{
    const union rmg_content *ours = slot->at[RMG_SIDE_OURS];
    const union rmg_content *theirs = slot->at[RMG_SIDE_THEIRS];
    if (slot->place.part == RMG_PART_INSTANCE) {
        if (whole || ours == NULL || theirs == NULL) {
            return RMG_CONFLICT_INSTANCE_DELETED;
        }
        union rmg_content same_root = *theirs;
        same_root.instance.root_node = ours->instance.root_node;
        return rmg_content_equal(RMG_PART_INSTANCE, ours, &same_root) ? RMG_CONFLICT_INSTANCE
                                                                      : RMG_CONFLICT_PARENT;
    }
    if (ours == NULL || theirs == NULL) {
        return RMG_CONFLICT_DELETED;
    }
    return slot->place.part == RMG_PART_NODE   ? RMG_CONFLICT_TYPE
           : slot->place.part == RMG_PART_EDGE ? RMG_CONFLICT_EDGE
           : slot->overflow                    ? RMG_CONFLICT_OVERFLOW
                                               : RMG_CONFLICT_VALUE;
}

static enum jit_err check_edge(struct merge *m, const struct merge_slot *slot)
{
    const union rmg_content *content = any_content(slot);
    if (slot->take == MERGE_OPEN) {
        return merge_conflict(m, open_kind(slot, false), &slot->place, slot, NULL);
    }
    enum jit_err err = JIT_OK;
    for (int end = 0; content != NULL && err == JIT_OK && end < 2; end++) {
        const struct rmg_place node = merge_place_of_node(
            &slot->place.instance, end == 0 ? &content->edge.from : &content->edge.to);
        enum merge_there there = MERGE_PRESENT;
        if (end == 1 && jit_id_equal(&content->edge.from, &content->edge.to)) {
            break;
        }
        err = merge_there(m, &node, &there);
        if (err == JIT_OK && there != MERGE_PRESENT) {
            err = merge_conflict(m, RMG_CONFLICT_END_DELETED, &slot->place, slot, &node);
        }
    }
    return err;
}

/* A portal fits when its instance names this very slot as its parent. */
static bool names(const union rmg_content *instance, const struct rmg_place *slot)
{
    if (instance == NULL || !instance->instance.parent.present) {
        return false;
    }
    const struct rmg_place parent = merge_place_of_portal(&instance->instance.parent);
    return rmg_place_compare(&parent, slot) == 0;
}

static bool is_portal(const union rmg_content *content)
{
    return content != NULL && content->value.kind == RMG_VALUE_PORTAL;
}

/* The portal that a slot has, and the one that it had. */
static enum jit_err check_portal(struct merge *m, const struct merge_slot *slot)
{
    const union rmg_content *now = slot->at[slot->take];
    const union rmg_content *before = slot->at[m->onto_side];
    const union rmg_content *both[2] = {
        now, rmg_content_equal(slot->place.part, now, before) ? NULL : before};
    enum jit_err err = JIT_OK;
    for (int i = 0; err == JIT_OK && i < 2; i++) {
        union rmg_content space;
        const union rmg_content *target = NULL;
        bool open = false;
        if (!is_portal(both[i])) {
            continue;
        }
        const struct rmg_place place = merge_place_of_instance(&both[i]->value.type);
        err = merge_get(m, &place, &space, &target, &open);
        if (err == JIT_OK && !open && names(target, &slot->place) != (i == 0)) {
            err = merge_conflict(m, RMG_CONFLICT_PORTAL, &slot->place, slot, &place);
        }
    }
    return err;
}

static enum jit_err check_value(struct merge *m, const struct merge_slot *slot)
{
    const struct rmg_place owner = merge_place_of_owner(&slot->place);
    enum merge_there there = MERGE_PRESENT;
    enum jit_err err = JIT_OK;
    if (any_content(slot) != NULL) {
        err = merge_there(m, &owner, &there);
        if (err == JIT_OK && there == MERGE_ABSENT) {
            return merge_conflict(m, RMG_CONFLICT_OWNER_DELETED, &slot->place, slot, &owner);
        }
    }
    if (err != JIT_OK || there == MERGE_DOUBTFUL) {
        return err; /* the owner is a conflict itself, and this goes with it */
    }
    if (slot->take == MERGE_OPEN) {
        return merge_conflict(m, open_kind(slot, false), &slot->place, slot, NULL);
    }
    return check_portal(m, slot);
}

/* An owner gets at most 256 values. */
static enum jit_err check_room(struct merge *m, size_t begin, size_t *end)
{
    const struct rmg_place owner = merge_place_of_owner(&m->slots[begin].place);
    uint32_t more = 0;
    uint32_t fewer = 0;
    size_t from = 0;
    merge_values_of(m, &owner, &from, end);
    for (size_t i = from; i < *end; i++) {
        const struct merge_slot *slot = &m->slots[i];
        bool before = slot->at[m->onto_side] != NULL;
        bool now = any_content(slot) != NULL;
        more += now && !before;
        fewer += before && !now;
    }
    if (more == 0) {
        return JIT_OK;
    }
    struct rmg_attachment unused;
    union rmg_content space;
    const union rmg_content *there = NULL;
    const enum rmg_plane plane = owner.part == RMG_PART_NODE ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    enum jit_err err = merge_look(m, &owner, &space, &there);
    if (err != JIT_OK) {
        return err;
    }
    if (there == NULL) {
        if (more <= JIT_ATTACHMENTS_MAX) {
            return JIT_OK;
        }
    } else {
        /* The one that would be one too many, if it is there before some come and some go. */
        uint32_t free_from = JIT_ATTACHMENTS_MAX + fewer;
        if (more <= free_from) {
            err = free_from - more >= JIT_ATTACHMENTS_MAX
                      ? JIT_ENOENT
                      : rmg_attachment_at(&m->near_graph, plane, &owner.id, free_from - more,
                                          &unused);
            if (err != JIT_OK) {
                return err == JIT_ENOENT ? JIT_OK : err;
            }
        }
    }
    return merge_conflict(m, RMG_CONFLICT_LIMIT, &owner, merge_find(m, &owner), NULL);
}

/* Whether the slot that a parent names has, or will have, the portal to an instance. DOUBTFUL: that
 * is not decided. */
static enum jit_err leads_to(struct merge *m, const struct rmg_place *portal,
                             const struct jit_id *instance, enum merge_there *out)
{
    union rmg_content space;
    const union rmg_content *value = NULL;
    const struct merge_range *in = merge_range_of(m, &portal->instance);
    bool open = false;
    enum jit_err err = merge_get(m, portal, &space, &value, &open);
    *out = open || (in != NULL && in->open)                                 ? MERGE_DOUBTFUL
           : is_portal(value) && jit_id_equal(&value->value.type, instance) ? MERGE_PRESENT
                                                                            : MERGE_ABSENT;
    return err;
}

/* An instance hangs where its record says, and no longer where it hung. */
static enum jit_err check_parent(struct merge *m, const struct merge_slot *slot)
{
    const union rmg_content *both[2] = {slot->at[slot->take], slot->at[m->onto_side]};
    struct rmg_place portal[2];
    enum jit_err err = JIT_OK;
    for (int i = 0; err == JIT_OK && i < 2; i++) {
        enum merge_there there = MERGE_DOUBTFUL;
        const enum merge_there wanted = i == 0 ? MERGE_PRESENT : MERGE_ABSENT;
        if (both[i] == NULL || !both[i]->instance.parent.present) {
            continue;
        }
        portal[i] = merge_place_of_portal(&both[i]->instance.parent);
        if (i == 1 && both[0] != NULL && both[0]->instance.parent.present &&
            rmg_place_compare(&portal[0], &portal[1]) == 0) {
            continue;
        }
        err = leads_to(m, &portal[i], &slot->place.instance, &there);
        if (err == JIT_OK && there != MERGE_DOUBTFUL && there != wanted) {
            err = merge_conflict(m, RMG_CONFLICT_PORTAL, &slot->place, slot, &portal[i]);
        }
    }
    return err;
}

static enum jit_err check_instance(struct merge *m, const struct merge_slot *slot, bool whole)
{
    const union rmg_content *content = any_content(slot);
    enum merge_there there = MERGE_PRESENT;
    enum jit_err err = JIT_OK;
    if (slot->take == MERGE_OPEN) {
        return merge_conflict(m, open_kind(slot, whole), &slot->place, slot, NULL);
    }
    if (content != NULL) {
        const struct rmg_place root =
            merge_place_of_node(&slot->place.instance, &content->instance.root_node);
        err = merge_there(m, &root, &there);
        if (err == JIT_OK && there != MERGE_PRESENT) {
            err = merge_conflict(m, RMG_CONFLICT_ROOT_DELETED, &slot->place, slot, &root);
        }
    }
    return err == JIT_OK ? check_parent(m, slot) : err;
}

static enum jit_err check_node(struct merge *m, const struct merge_slot *slot)
{
    union rmg_content space;
    const union rmg_content *content = NULL;
    if (slot->take == MERGE_OPEN) {
        return merge_conflict(m, open_kind(slot, false), &slot->place, slot, NULL);
    }
    const struct rmg_place in = merge_place_of_instance(&slot->place.instance);
    if (slot->at[slot->take] != NULL || merge_find(m, &in) != NULL) {
        return JIT_OK; /* a record in the table looks for its root itself */
    }
    enum jit_err err = merge_look(m, &in, &space, &content);
    if (err != JIT_OK || content == NULL ||
        !jit_id_equal(&content->instance.root_node, &slot->place.id)) {
        return err;
    }
    return merge_conflict(m, RMG_CONFLICT_ROOT_DELETED, &in, NULL, &slot->place);
}

/* Content of an instance that is not there in the result. */
static enum jit_err check_range(struct merge *m, const struct merge_range *range)
{
    enum merge_there there = MERGE_PRESENT;
    const struct rmg_place place = merge_place_of_instance(&range->id);
    enum jit_err err = merge_there(m, &place, &there);
    if (err != JIT_OK || there != MERGE_ABSENT) {
        return err;
    }
    for (size_t i = range->begin; i < range->end; i++) {
        if (any_content(&m->slots[i]) != NULL) {
            return merge_conflict(m, RMG_CONFLICT_INSTANCE_DELETED, &place, merge_find(m, &place),
                                  &m->slots[i].place);
        }
    }
    return JIT_OK;
}

static enum jit_err check_slots(struct merge *m, struct merge_range *range)
{
    enum jit_err err = JIT_OK;
    size_t room = 0; /* values before this one have been counted */
    const bool whole = range->open && m->slots[range->begin].take == MERGE_OPEN;
    range->open = whole;
    for (size_t i = range->begin; err == JIT_OK && i < range->end; i++) {
        const struct merge_slot *slot = &m->slots[i];
        const enum rmg_part part = slot->place.part;
        if (part == RMG_PART_INSTANCE) {
            err = check_instance(m, slot, whole);
        } else if (whole) {
            break; /* it is one conflict */
        } else if (part == RMG_PART_EDGE) {
            err = check_edge(m, slot);
        } else if (part == RMG_PART_NODE) {
            err = check_node(m, slot);
        } else {
            err = check_value(m, slot);
            if (err == JIT_OK && i >= room) {
                err = check_room(m, i, &room);
            }
        }
    }
    return err == JIT_OK ? check_range(m, range) : err;
}

enum jit_err merge_check(struct merge *m)
{
    enum jit_err err = JIT_OK;
    m->conflict_count = 0;
    /* Which instances are open must be known before any of them is looked at. */
    for (size_t i = 0; i < m->range_count; i++) {
        struct merge_range *range = &m->ranges[i];
        range->open = range->open && m->slots[range->begin].take == MERGE_OPEN;
    }
    for (size_t i = 0; err == JIT_OK && i < m->range_count; i++) {
        err = check_slots(m, &m->ranges[i]);
    }
    return err == JIT_OK ? merge_check_nesting(m) : err;
}
