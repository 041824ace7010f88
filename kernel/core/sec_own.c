#include <stdlib.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"
#include "kernel/core/root_priv.h"
#include "kernel/core/sec_priv.h"

/* Whose a rule or an instance is: a capability with the right to write. What is not listed is the
 * operator's; what is listed with no capability is nobody's any more. */

/* The place of an object in the list, or where it would be. True: it is there. */
static bool find(const struct kern_sec *sec, const struct jit_id *object, uint32_t *at)
{
    uint32_t low = 0;
    uint32_t high = sec->owner_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&sec->owners[middle].object, object);
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    *at = low;
    return low < sec->owner_count && jit_id_equal(&sec->owners[low].object, object);
}

enum jit_err sec_owners_read(struct kern_core *core, struct kern_sec *sec, const char **where)
{
    const struct kern_config *config = core->config;
    enum jit_err err = SEC_ROOM(sec, sec->owners, sec->owner_capacity, config->owner_count + 1u);
    for (uint32_t i = 0; err == JIT_OK && i < config->owner_count; i++) {
        struct kern_sec_owner *owner = &sec->owners[sec->owner_count++];
        *owner = (struct kern_sec_owner){.object = config->owners[i].object,
                                         .capability = config->owners[i].capability,
                                         .node = SYS_CAP_NONE,
                                         .listed = true};
        for (uint32_t n = 0; n < sys_caps_end(sec->caps); n++) {
            const struct sys_cap_node *node = sys_caps_node(sec->caps, n);
            if (node != NULL && jit_id_equal(&node->id, &owner->capability)) {
                owner->node = n;
            }
        }
        if (!jit_id_is_zero(&owner->capability) && owner->node == SYS_CAP_NONE) {
            *where = "an owner in /sec is no capability";
            return JIT_EINVALID;
        }
    }
    return err;
}

enum sys_cap_verdict kern_sec_owner(const struct kern_sec *sec, const struct jit_id *rule,
                                    const struct sys_cap_need *write, const struct rmg_gate **gate)
{
    uint32_t at = 0;
    *gate = NULL;
    if (!find(sec, rule, &at) || sec->owners[at].dropped) {
        return SYS_CAP_ALLOWED; /* the operator's, who may write anywhere */
    }
    uint32_t node = sec->owners[at].node;
    if (node == SYS_CAP_NONE || sys_caps_check_node(sec->caps, node, write) != SYS_CAP_ALLOWED) {
        return SYS_CAP_OWNER;
    }
    *gate = sec->extra[node].gated ? &sec->extra[node].gate : NULL;
    return SYS_CAP_ALLOWED;
}

/* ---- changing it ---- */

static bool is_there(const struct kern_core *core, enum sys_object object, const struct jit_id *id)
{
    struct rmg_instance instance;
    if (object == SYS_OBJECT_INSTANCE) {
        return rmg_store_instance(core->options.store, &core->version, id, &instance) == JIT_OK;
    }
    return kern_config_rule(core->config, id) != NULL;
}

/* The capability that is to own it has to let its holder write: in an instance that it is to own.
 */
static bool find_owner(struct kern_core *core, struct kern_ask *ask, const struct sys_owner *own,
                       uint32_t *node)
{
    struct kern_lineage lineage;
    struct sys_cap_need need = {.right = SYS_RIGHT_WRITE};
    if (own->object == SYS_OBJECT_INSTANCE) {
        kern_lineage_read(core, &own->id, &lineage);
        need.instance = &own->id;
        need.outer = lineage.ids + 1;
        need.outer_count = lineage.count - 1;
    }
    ask->outcome.verdict = sys_caps_check(core->sec->caps, ask->holder, own->cap_slot,
                                          own->cap_generation, &need, node);
    if (ask->outcome.verdict == SYS_CAP_ALLOWED &&
        sys_caps_node(core->sec->caps, *node)->cap.object != SYS_OBJECT_INSTANCE) {
        ask->outcome.verdict = SYS_CAP_OTHER_INSTANCE;
    }
    if (ask->outcome.verdict != SYS_CAP_ALLOWED) {
        ask->outcome.result = RMG_DENIED;
    }
    return ask->outcome.verdict == SYS_CAP_ALLOWED;
}

static enum jit_err list(struct kern_sec *sec, const struct sys_owner *own, uint32_t at)
{
    enum jit_err err = SEC_ROOM(sec, sec->owners, sec->owner_capacity, sec->owner_count + 1u);
    if (err != JIT_OK) {
        return err;
    }
    memmove(&sec->owners[at + 1], &sec->owners[at], (sec->owner_count - at) * sizeof *sec->owners);
    sec->owners[at] = (struct kern_sec_owner){.object = own->id, .node = SYS_CAP_NONE};
    sec->owner_count++;
    return JIT_OK;
}

enum jit_err sec_own(struct kern_core *core, struct kern_ask *ask)
{
    struct kern_sec *sec = core->sec;
    struct sys_owner own;
    uint32_t node = SYS_CAP_NONE;
    uint32_t at = 0;
    bool good = sys_decode_owner(sec_bytes(core, ask), ask->size, &own) == JIT_OK;
    assert(good); /* it was judged when it was taken */
    (void)good;
    bool kept = own.object == SYS_OBJECT_INSTANCE && kern_is_kernels(core, &own.id);
    if (kept || !is_there(core, (enum sys_object)own.object, &own.id)) {
        ask->outcome.result = RMG_INVALID;
        return JIT_OK;
    }
    bool drops = ask->holder == SYS_CAP_NONE;
    if (!drops && !find_owner(core, ask, &own, &node)) {
        return JIT_OK;
    }
    if (!find(sec, &own.id, &at)) {
        enum jit_err err = drops ? JIT_OK : list(sec, &own, at);
        if (drops || err != JIT_OK) {
            return err; /* the operator's already */
        }
    }
    struct kern_sec_owner *owner = &sec->owners[at];
    owner->node = node;
    owner->dropped = drops;
    owner->changed = true;
    owner->is_rule = own.object == SYS_OBJECT_RULE;
    sec->owners_changed = true;
    return JIT_OK;
}

void sec_disown(struct kern_sec *sec, uint32_t node)
{
    for (uint32_t i = 0; i < sec->owner_count; i++) {
        if (sec->owners[i].node == node) {
            sec->owners[i].node = SYS_CAP_NONE;
            sec->owners[i].changed = true;
            sec->owners_changed = true;
        }
    }
}

/* ---- /sec ---- */

static void write_owner(struct sec_writer *w, struct kern_sec_owner *owner)
{
    struct jit_id now = {{0}};
    if (owner->node != SYS_CAP_NONE) {
        now = sys_caps_node(w->sec->caps, owner->node)->id;
    }
    if (!jit_id_is_zero(&owner->capability) && !jit_id_equal(&owner->capability, &now)) {
        sec_edge_op(w, RMG_OP_DELETE_EDGE, &owner->object, &owner->capability, "owner");
    }
    if (owner->dropped) {
        if (owner->listed) {
            sec_op(w, RMG_OP_DELETE_NODE, &owner->object);
        }
        return;
    }
    if (!owner->listed) {
        struct rmg_op *op = sec_op(w, RMG_OP_UPSERT_NODE, &owner->object);
        kern_type_id(owner->is_rule ? "rule" : "instance", &op->type);
    }
    if (!jit_id_is_zero(&now) && !jit_id_equal(&owner->capability, &now)) {
        sec_edge_op(w, RMG_OP_UPSERT_EDGE, &owner->object, &now, "owner");
    }
    owner->capability = now;
    owner->listed = true;
    owner->changed = false;
}

void sec_owners_write(struct sec_writer *w)
{
    struct kern_sec *sec = w->sec;
    uint32_t kept = 0;
    for (uint32_t i = 0; sec->owners_changed && i < sec->owner_count; i++) {
        if (sec->owners[i].changed) {
            write_owner(w, &sec->owners[i]);
        }
        if (!sec->owners[i].dropped) {
            sec->owners[kept++] = sec->owners[i];
        }
    }
    sec->owner_count = sec->owners_changed ? kept : sec->owner_count;
    sec->owners_changed = false;
}
