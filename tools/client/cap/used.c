/* Which capabilities were ever used, from the log of ticks.
 *
 * A request names the slot alone, and a slot may have been another capability's before: so what is
 * known of a slot is forgotten when it is given to a new one, and goes along when one is moved.
 * Capabilities change before the requests of their tick are judged, so they are read first. Whoever
 * would revoke a capability that only what was derived from it is used under would end that: it
 * counts as used. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/core/record.h"
#include "syscall/decode.h"
#include "tools/client/history/history.h"
#include "tools/client/cap/cap.h"

static enum jit_err note(struct cap_used *u, const struct jit_id *process, uint32_t slot,
                         const struct jit_id *instance)
{
    struct cap_use use;
    void *data = u->items;
    memset(&use, 0, sizeof use);
    use.process = *process;
    use.slot = slot;
    if (instance != NULL) {
        use.instance = *instance;
    }
    if (u->count > 0 && memcmp(&u->last, &use, sizeof use) == 0) {
        return JIT_OK;
    }
    u->last = use;
    for (size_t i = 0; i < u->count; i++) {
        if (memcmp(&u->items[i], &use, sizeof use) == 0) {
            return JIT_OK;
        }
    }
    if (jit_heap_grow(jit_heap_libc(), &data, &u->capacity, u->count + 1, sizeof *u->items) != 0) {
        return JIT_ENOMEM;
    }
    u->items = data;
    u->items[u->count++] = use;
    return JIT_OK;
}

/* The slot is another's now. That somebody asked for something in an instance stays: it says that
 * his map of it is used. */
static void forget(struct cap_used *u, const struct jit_id *process, uint32_t slot)
{
    for (size_t i = 0; i < u->count; i++) {
        if (u->items[i].slot == slot && jit_id_equal(&u->items[i].process, process)) {
            u->items[i].slot = SYS_NONE;
        }
    }
    memset(&u->last, 0xFF, sizeof u->last); /* of nobody */
}

static enum jit_err carry(struct cap_used *u, const struct jit_id *from, uint32_t from_slot,
                          const struct jit_id *to, uint32_t to_slot)
{
    bool any = false;
    for (size_t i = 0; i < u->count; i++) {
        any = any || (u->items[i].slot == from_slot && jit_id_equal(&u->items[i].process, from));
    }
    forget(u, from, from_slot);
    return any ? note(u, to, to_slot, NULL) : JIT_OK;
}

static enum jit_err read_ask(struct cap_used *u, const struct kern_record_ask *ask)
{
    struct sys_request request;
    const struct sys_slot slot = {.kind = ask->call, .length = ask->size};
    if (ask->outcome.result != RMG_APPLIED || ask->call == SYS_CALL_revoke ||
        ask->call == SYS_CALL_owner ||
        sys_decode(&slot, ask->bytes, ask->size, &request) != JIT_OK) {
        return JIT_OK;
    }
    const struct sys_derive *head = &request.body.derive.head;
    const struct jit_id *target = jit_id_is_zero(&ask->target) ? &ask->holder : &ask->target;
    enum jit_err err = JIT_OK;
    forget(u, target, ask->outcome.slot);
    if (ask->call == SYS_CALL_grant && !jit_id_is_zero(&ask->process)) {
        err = note(u, &ask->process, head->to_cap, NULL); /* the right to hand on to him */
    }
    if (err == JIT_OK && (head->flags & SYS_MOVE) != 0) {
        err = carry(u, &ask->holder, head->cap_slot, target, ask->outcome.slot);
    }
    return err;
}

static enum jit_err read_record(void *user, const struct log_record *record)
{
    struct cap_used *u = user;
    struct kern_record_view view;
    struct kern_record_ask ask;
    struct rmg_asked request;
    struct rmg_receipt receipt;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    if (err != JIT_OK) {
        return err;
    }
    struct jit_cursor cur = jit_cursor_of(view.asks, view.asks_size);
    for (uint64_t i = 0; err == JIT_OK && i < view.ask_count; i++) {
        err = kern_record_next_ask(&cur, &ask);
        err = err == JIT_OK ? read_ask(u, &ask) : err;
    }
    cur = jit_cursor_of(view.requests, view.requests_size);
    for (uint64_t i = 0; err == JIT_OK && i < view.request_count; i++) {
        err = rmg_asked_next(&cur, &request);
        err = err == JIT_OK ? kern_record_receipt(&view, i, &receipt) : err;
        if (err == JIT_OK && receipt.result != RMG_DENIED) {
            err = note(u, &request.process, request.cap_slot, &request.instance);
        }
    }
    return err;
}

int cap_used_read(struct cli *cli, struct cap_used *used)
{
    struct log_report report;
    return history_each(cli, cli_text(cli, "data"), read_record, used, &report);
}

/* Is the instance that one, or does it lie in it? */
static bool lies_in(const struct authority *a, const struct jit_id *instance,
                    const struct jit_id *outer)
{
    struct rmg_instance at;
    struct jit_id now = *instance;
    for (unsigned depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        if (jit_id_equal(&now, outer)) {
            return true;
        }
        if (rmg_store_instance(a->store, &a->version, &now, &at) != JIT_OK || !at.parent.present) {
            return false;
        }
        now = at.parent.instance;
    }
    return false;
}

/* A map is used by who asks for something there; what owns a rule or an instance, by what is
 * written there; any other right by a request that names it. */
static bool used_itself(const struct authority *a, const struct cap_used *u,
                        const struct sys_cap_node *node)
{
    const struct jit_id *holder = &a->config->processes[node->holder].id;
    for (uint32_t i = 0; i < a->config->owner_count; i++) {
        if (jit_id_equal(&a->config->owners[i].capability, &node->id)) {
            return true;
        }
    }
    for (size_t i = 0; i < u->count; i++) {
        const struct cap_use *use = &u->items[i];
        if (jit_id_equal(&use->process, holder) &&
            (use->slot == node->slot || ((node->cap.rights & SYS_RIGHT_MAP) != 0 &&
                                         lies_in(a, &use->instance, &node->cap.instance)))) {
            return true;
        }
    }
    return false;
}

bool cap_used_is(const struct authority *a, const struct cap_used *used, uint32_t node)
{
    for (uint32_t n = 0; n < sys_caps_end(a->caps); n++) {
        uint32_t chain[JIT_CAP_DEPTH_MAX + 1];
        const struct sys_cap_node *at = sys_caps_node(a->caps, n);
        if (at == NULL || (n != node && sys_caps_node(a->caps, node)->children == 0)) {
            continue;
        }
        uint32_t length = sys_caps_chain(a->caps, n, chain);
        for (uint32_t i = 0; i < length; i++) {
            if (chain[i] == node && used_itself(a, used, at)) {
                return true;
            }
        }
    }
    return false;
}
