/* What lies beside the tree of capabilities, node by node: put there with a node, taken away with
 * it. */
#include "base/check.h"
#include "kernel/core/core_priv.h"
#include "kernel/core/sec_priv.h"

enum jit_err sec_dirty(struct kern_sec *sec, uint32_t node, uint32_t what)
{
    struct kern_sec_extra *extra = &sec->extra[node];
    if (extra->dirty == 0) {
        enum jit_err err = SEC_ROOM(sec, sec->dirty, sec->dirty_capacity, sec->dirty_count + 1);
        if (err != JIT_OK) {
            return err;
        }
        sec->dirty[sec->dirty_count++] = node;
    }
    extra->dirty |= what;
    sec->changed = true;
    return JIT_OK;
}

uint32_t sec_given(const struct sys_cap *cap)
{
    return cap->attenuators == NULL ? 0 : cap->attenuators->given;
}

void sec_charge_deriver(struct kern_sec *sec, uint32_t node, bool gives_back)
{
    const struct sys_cap_node *it = sys_caps_node(sec->caps, node);
    if (it->parent == SYS_CAP_NONE || it->cap.attenuators == NULL) {
        return;
    }
    uint64_t bytes = sys_attenuators_size(it->cap.attenuators);
    uint64_t *kept = &sec->kept[sys_caps_node(sec->caps, it->parent)->holder];
    uint64_t *derived = &sec->extra[it->parent].derived_bytes;
    assert(!gives_back || (*kept >= bytes && *derived >= bytes));
    *kept = gives_back ? *kept - bytes : *kept + bytes;
    *derived = gives_back ? *derived - bytes : *derived + bytes;
}

enum jit_err sec_beside(struct kern_sec *sec, uint32_t node, uint32_t origin, uint32_t group,
                        bool made)
{
    const struct sys_cap *cap = &sys_caps_node(sec->caps, node)->cap;
    const struct sys_attenuators *a = cap->attenuators;
    uint32_t given = sec_given(cap);
    size_t had = sec->extra_capacity;
    enum jit_err err = SEC_ROOM(sec, sec->extra, sec->extra_capacity, (size_t)node + 1);
    if (err != JIT_OK) {
        return err;
    }
    if (sec->extra_capacity > had) {
        memset(sec->extra + had, 0, (sec->extra_capacity - had) * sizeof *sec->extra);
    }
    struct kern_sec_extra *extra = &sec->extra[node];
    *extra = (struct kern_sec_extra){.origin = origin,
                                     .group = group,
                                     .made = made,
                                     .gated = (given & (SYS_GIVEN_NODES | SYS_GIVEN_EDGES)) != 0};
    if (extra->gated) {
        extra->gate = (struct rmg_gate){.any_node = (given & SYS_GIVEN_NODES) == 0,
                                        .any_edge = (given & SYS_GIVEN_EDGES) == 0,
                                        .nodes = a->nodes.ids,
                                        .node_count = a->nodes.count,
                                        .edges = a->edges.ids,
                                        .edge_count = a->edges.count};
    }
    sec->expiring = sec->expiring || (given & SYS_GIVEN_LAST_TICK) != 0;
    if ((given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0) {
        err = SEC_ROOM(sec, sec->quota_nodes, sec->quota_capacity, sec->quota_count + 1);
        if (err == JIT_OK) {
            sec->quota_nodes[sec->quota_count++] = node;
        }
    }
    return err;
}

enum jit_err sec_group(struct kern_sec *sec, uint32_t process, uint32_t number, uint64_t limit,
                       uint32_t *out)
{
    for (size_t i = 0; i < sec->group_count; i++) {
        if (sec->groups[i].process == process && sec->groups[i].number == number) {
            *out = (uint32_t)i;
            return JIT_OK;
        }
    }
    enum jit_err err = SEC_ROOM(sec, sec->groups, sec->group_capacity, sec->group_count + 1);
    if (err == JIT_OK) {
        *out = (uint32_t)sec->group_count;
        sec->groups[sec->group_count++] =
            (struct kern_sec_group){.process = process, .number = number, .limit = limit};
    }
    return err;
}

/* ---- the sweep ---- */

static enum jit_err take_away(struct kern_sec *sec, uint32_t at)
{
    const struct sys_cap_node *node = sys_caps_node(sec->caps, at);
    struct kern_sec_extra *extra = &sec->extra[at];
    uint32_t given = sec_given(&node->cap);
    uint32_t holder = node->holder;
    uint32_t before = sys_caps_generation(sec->caps, holder);
    uint32_t paid[2];
    enum jit_err err = SEC_ROOM(sec, sec->gone, sec->gone_capacity, sec->gone_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    struct kern_sec_gone *gone = &sec->gone[sec->gone_count++];
    *gone =
        (struct kern_sec_gone){.id = node->id,
                               .attenuators = given != 0,
                               .made = extra->made,
                               .left = (given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0,
                               /* An epoch that is written in this tick was not there before. */
                               .epoch = node->epoch != 0 && ((extra->dirty & SEC_EPOCH) == 0 ||
                                                             (extra->dirty & SEC_HAD_EPOCH) != 0),
                               .intents = extra->intents};
    if (node->parent != SYS_CAP_NONE) {
        gone->parent = sys_caps_node(sec->caps, node->parent)->id;
    }
    extra->dirty |= SEC_GONE;
    sec_charge_deriver(sec, at, true);
    sec_disown(sec, at);
    for (size_t i = 0; i < sec->quota_count; i++) {
        if (sec->quota_nodes[i] == at) {
            sec->quota_nodes[i] = sec->quota_nodes[--sec->quota_count];
            break;
        }
    }
    sys_caps_remove(sec->caps, at, paid);
    sec->older[holder] = sec->older[holder] || sys_caps_generation(sec->caps, holder) != before;
    sec->changed = true;
    for (size_t i = 0; err == JIT_OK && i < 2; i++) {
        if (paid[i] != SYS_CAP_NONE) {
            err = sec_dirty(sec, paid[i], SEC_LEFT);
        }
    }
    return err;
}

enum jit_err sec_sweep(struct kern_sec *sec)
{
    uint32_t dead[KERN_SEC_SWEEP_MAX];
    size_t count = sys_caps_dead(sec->caps, dead, KERN_SEC_SWEEP_MAX);
    enum jit_err err = count == SIZE_MAX ? JIT_ENOMEM : JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        err = take_away(sec, dead[i]);
    }
    return err;
}
