/* What a record says was asked in its tick, brought before it is made again: by workers, operators
 * and the bearers of tokens. */
#include "kernel/core/rerun_priv.h"

static bool same_request(const struct kern_again *again, const struct rmg_asked *asked,
                         const struct kern_process *process)
{
    const struct kern_pending *p = &again->pending;
    return p->cap_slot == asked->cap_slot && p->nonce == asked->nonce &&
           p->id_count == asked->id_count && p->params_size == asked->params_size &&
           p->rule < process->rule_count && p->instance < process->instance_count &&
           jit_id_equal(&process->rules[p->rule]->id, &asked->rule_id) &&
           jit_id_equal(&process->instances[p->instance], &asked->instance) &&
           memcmp(again->ids, asked->ids, p->id_count * sizeof *asked->ids) == 0 &&
           (p->params_size == 0 || memcmp(again->params, asked->params, p->params_size) == 0);
}

/* What waits enters the tick by itself: of equal requests the log has one more than the worker
 * sent. */
static enum jit_err take_out_waiting(struct kern_rerun *rerun, size_t count)
{
    struct kern_core *core = rerun->core;
    enum jit_err err = kern_again_collect(core);
    for (size_t w = 0; err == JIT_OK && w < core->again_count; w++) {
        const struct kern_again *again = &core->again[w];
        for (size_t i = 0; i < count; i++) {
            struct rerun_owned *owned = &rerun->owned[i];
            if (owned->player == again->process &&
                same_request(again, &owned->asked, &core->processes[again->process])) {
                owned->player = rerun->player_count;
                break;
            }
        }
    }
    return err;
}

enum jit_err kern_rerun_read(struct kern_rerun *rerun)
{
    const struct kern_record_view *view = &rerun->view;
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    void *asked = rerun->asked;
    void *owned = rerun->owned;
    size_t count = 0;
    if (view->request_count > UINT32_MAX / 2 ||
        view->request_count > view->requests_size / JIT_ID_BYTES) {
        return JIT_EFORMAT;
    }
    if (jit_heap_grow(rerun->heap, &asked, &rerun->asked_capacity, view->request_count + 1,
                      sizeof *rerun->asked) != 0) {
        return JIT_ENOMEM;
    }
    rerun->asked = asked;
    if (jit_heap_grow(rerun->heap, &owned, &rerun->owned_capacity, view->request_count + 1,
                      sizeof *rerun->owned) != 0) {
        return JIT_ENOMEM;
    }
    rerun->owned = owned;
    for (; count < view->request_count; count++) {
        struct rerun_owned *one = &rerun->owned[count];
        if (rmg_asked_next(&cur, &one->asked) != JIT_OK) {
            return JIT_EFORMAT;
        }
        one->player = kern_rerun_player(rerun, &one->asked.process);
        if (one->player == rerun->player_count) {
            kern_rerun_fail(rerun, JIT_EDIVERGED,
                            "a request in the log is of a process that is not there");
            return rerun->err;
        }
    }
    struct jit_cursor intents = jit_cursor_of(view->intents, view->intents_size);
    struct kern_record_intent intent;
    while (kern_record_next_intent(&intents, &intent) == JIT_OK) {
        rerun->owned[intent.index].player =
            rerun->player_count; /* no worker's: see kern_rerun_intend */
    }
    enum jit_err err = take_out_waiting(rerun, count);
    if (err != JIT_OK) {
        return err;
    }
    /* By player, in the log's order. */
    for (size_t i = 0; i < count; i++) {
        if (rerun->owned[i].player < rerun->player_count) {
            rerun->players[rerun->owned[i].player].count++;
        }
    }
    uint32_t at = 0;
    for (uint32_t p = 0; p < rerun->player_count; p++) {
        rerun->players[p].first = at;
        at += rerun->players[p].count;
        rerun->players[p].count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (rerun->owned[i].player < rerun->player_count) {
            struct rerun_player *player = &rerun->players[rerun->owned[i].player];
            rerun->asked[player->first + player->count++] = rerun->owned[i].asked;
        }
    }
    return JIT_OK;
}

static uint32_t holder_of(const struct kern_rerun *rerun, const struct jit_id *id)
{
    uint32_t player = kern_rerun_player(rerun, id);
    return player == rerun->player_count ? SYS_CAP_NONE : player;
}

enum jit_err kern_rerun_ask(struct kern_rerun *rerun)
{
    struct jit_cursor cur = jit_cursor_of(rerun->view.asks, rerun->view.asks_size);
    struct kern_record_ask ask;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && kern_record_next_ask(&cur, &ask) == JIT_OK) {
        uint64_t serial = 0;
        const struct kern_operator_ask again = {.call = ask.call,
                                                .holder = holder_of(rerun, &ask.holder),
                                                .target = holder_of(rerun, &ask.target),
                                                .object = ask.object,
                                                .bytes = ask.bytes,
                                                .size = ask.size};
        if (jit_id_is_zero(&ask.process)) {
            err = kern_core_ask(rerun->core, &again, &serial);
        }
    }
    if (err != JIT_OK && err != JIT_ENOMEM) {
        kern_rerun_fail(rerun, JIT_EDIVERGED, "what an operator asked is refused now");
        return rerun->err;
    }
    return err;
}

enum jit_err kern_rerun_intend(struct kern_rerun *rerun)
{
    struct jit_cursor cur = jit_cursor_of(rerun->view.intents, rerun->view.intents_size);
    struct kern_record_intent intent;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && kern_record_next_intent(&cur, &intent) == JIT_OK) {
        struct sys_cap narrowed;
        struct sys_attenuators *attenuators = NULL;
        struct kern_intent_answer answer = {.fate = KERN_INTENT_MEMORY};
        struct kern_intent_ask again = {.capability = intent.capability,
                                        .bytes = intent.bytes,
                                        .size = intent.size,
                                        .again = true};
        if (intent.narrowed != NULL) {
            err = kern_narrowed_decode(rerun->heap, intent.narrowed, intent.narrowed_size,
                                       &narrowed, &attenuators);
            again.narrowed = &narrowed;
        }
        if (err == JIT_OK) {
            kern_core_intend(rerun->core, &again, &answer);
            err = answer.fate == KERN_INTENT_TAKEN    ? JIT_OK
                  : answer.fate == KERN_INTENT_MEMORY ? JIT_ENOMEM
                                                      : JIT_EDIVERGED;
        }
        rerun->heap->free(rerun->heap, attenuators);
    }
    if (err != JIT_OK && err != JIT_ENOMEM) {
        kern_rerun_fail(rerun, JIT_EDIVERGED,
                        "what the bearer of a token asked for is refused now");
        return rerun->err;
    }
    return err;
}
