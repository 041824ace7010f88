/* Whose rules and instances are, in one state, and what their owners may write. */
#include <stdio.h>

#include "base/check.h"
#include "tools/client/cap/authority.h"

static bool find_listed(const struct authority *a, const struct jit_id *id,
                        enum authority_owner *owner, uint32_t *node)
{
    for (uint32_t i = 0; i < a->config->owner_count; i++) {
        const struct kern_root_owner *listed = &a->config->owners[i];
        if (!jit_id_equal(&listed->object, id)) {
            continue;
        }
        *owner = AUTHORITY_NOBODYS;
        for (uint32_t n = 0; n < sys_caps_end(a->caps); n++) {
            const struct sys_cap_node *held = sys_caps_node(a->caps, n);
            if (held != NULL && jit_id_equal(&held->id, &listed->capability)) {
                *owner = AUTHORITY_OWNED;
                *node = n;
            }
        }
        return true;
    }
    return false;
}

enum authority_owner authority_owner(const struct authority *a, const struct jit_id *id,
                                     bool inherits, uint32_t *node)
{
    enum authority_owner owner = AUTHORITY_OPERATORS;
    struct rmg_instance at;
    struct jit_id now = *id;
    *node = SYS_CAP_NONE;
    for (unsigned depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        if (find_listed(a, &now, &owner, node) || !inherits || a->store == NULL ||
            rmg_store_instance(a->store, &a->version, &now, &at) != JIT_OK || !at.parent.present) {
            break;
        }
        now = at.parent.instance;
    }
    return owner;
}

void authority_owner_text(const struct authority *a, enum authority_owner owner, uint32_t node,
                          char text[AUTHORITY_TEXT])
{
    char process[AUTHORITY_TEXT];
    char cap[AUTHORITY_TEXT];
    switch (owner) {
    case AUTHORITY_OPERATORS:
        snprintf(text, AUTHORITY_TEXT, "the operator");
        return;
    case AUTHORITY_NOBODYS:
        snprintf(text, AUTHORITY_TEXT, "nobody: its owner's capability was taken away");
        return;
    case AUTHORITY_OWNED:
        break;
    }
    const struct sys_cap_node *held = sys_caps_node(a->caps, node);
    enum sys_cap_verdict live = sys_caps_live(a->caps, node);
    authority_process(a, held->holder, process);
    authority_cap(a, node, cap);
    snprintf(text, AUTHORITY_TEXT, "%.300s/%u: %.600s%s%s", process, held->slot, cap,
             live != SYS_CAP_ALLOWED ? "; " : "",
             live == SYS_CAP_ALLOWED   ? ""
             : live == SYS_CAP_EXPIRED ? "expired"
                                       : "revoked");
}

/* What the rule writes, by the types that its text says. */
static enum sys_cap_verdict check_writes(const struct rmg_rule *rule,
                                         const struct sys_attenuators *n)
{
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct rmg_rule_create *c = &rule->creates[i];
        if (!authority_covers(n, c->is_edge, &c->type)) {
            return c->is_edge ? SYS_CAP_WRITES_EDGE : SYS_CAP_WRITES_NODE;
        }
    }
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *e = &rule->elements[i];
        bool written = e->deleted;
        for (uint32_t u = 0; u < rule->update_count; u++) {
            written = written || rule->updates[u].target == i;
        }
        if (written && e->typed && !authority_covers(n, e->is_edge, &e->type)) {
            return e->is_edge ? SYS_CAP_WRITES_EDGE : SYS_CAP_WRITES_NODE;
        }
    }
    return SYS_CAP_ALLOWED;
}

enum sys_cap_verdict authority_check_owner(const struct authority *a, const struct rmg_rule *rule,
                                           const struct sys_cap_need *need)
{
    const struct sys_cap_need write = {.right = SYS_RIGHT_WRITE,
                                       .instance = need->instance,
                                       .outer = need->outer,
                                       .outer_count = need->outer_count};
    uint32_t node = SYS_CAP_NONE;
    switch (authority_owner(a, &rule->id, false, &node)) {
    case AUTHORITY_OPERATORS:
        return SYS_CAP_ALLOWED;
    case AUTHORITY_NOBODYS:
        return SYS_CAP_OWNER;
    case AUTHORITY_OWNED:
        break;
    }
    return sys_caps_check_node(a->caps, node, &write) == SYS_CAP_ALLOWED
               ? check_writes(rule, sys_caps_node(a->caps, node)->cap.attenuators)
               : SYS_CAP_OWNER;
}
