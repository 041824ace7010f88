#include "kernel/core/rerun.h"

#include <stdio.h>

#include "base/check.h"
#include "kernel/core/rerun_priv.h"

/* The core's workers are played: each is told to begin the tick as ever, and then posts what the
 * log says that it asked for, or meets the end that the log says it met. */

/* ---- life ---- */

static void players_free(struct kern_rerun *rerun)
{
    for (uint32_t p = 0; rerun->players != NULL && p < rerun->player_count; p++) {
        if (rerun->players[p].real) {
            kern_rerun_real_end(rerun, p);
        }
        rerun->heap->free(rerun->heap, rerun->players[p].memory);
    }
    rerun->heap->free(rerun->heap, rerun->players);
    rerun->heap->free(rerun->heap, rerun->by_id);
    rerun->players = NULL;
    rerun->by_id = NULL;
    rerun->player_count = 0;
}

static const struct jit_id *id_of(const struct kern_rerun *rerun, uint32_t player)
{
    return &rerun->core->processes[player].config->id;
}

/* Where an id is, or would be, among those of the players. */
static uint32_t place_of(const struct kern_rerun *rerun, const struct jit_id *id, uint32_t count)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        if (jit_id_compare(id_of(rerun, rerun->by_id[middle]), id) < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* player_count: no process has this id. */
static uint32_t find(const struct kern_rerun *rerun, const struct jit_id *id)
{
    uint32_t at = place_of(rerun, id, rerun->player_count);
    bool found = at < rerun->player_count && jit_id_equal(id_of(rerun, rerun->by_id[at]), id);
    return found ? rerun->by_id[at] : rerun->player_count;
}

static enum jit_err players_new(struct kern_rerun *rerun)
{
    assert(rerun->core != NULL);
    uint32_t count = rerun->core->process_count;
    rerun->players = jit_heap_zalloc(rerun->heap, count + 1u, sizeof *rerun->players);
    rerun->by_id = jit_heap_zalloc(rerun->heap, count + 1u, sizeof *rerun->by_id);
    if (rerun->players == NULL || rerun->by_id == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t p = 0; p < count; p++) {
        rerun->player_count = p + 1;
        uint32_t at = place_of(rerun, id_of(rerun, p), p);
        memmove(rerun->by_id + at + 1, rerun->by_id + at, (p - at) * sizeof *rerun->by_id);
        rerun->by_id[at] = p;
        rerun->players[p].memory = jit_heap_zalloc(rerun->heap, 1, SYS_RING_BYTES);
        if (rerun->players[p].memory == NULL) {
            return JIT_ENOMEM;
        }
    }
    return JIT_OK;
}

static enum jit_err core_new(struct kern_rerun *rerun, const char **where)
{
    enum jit_err err = kern_core_new(&rerun->options, &rerun->core, where);
    if (err != JIT_OK) {
        return err;
    }
    return players_new(rerun);
}

enum jit_err kern_rerun_new(const struct kern_core_options *options, struct kern_rerun **out,
                            const char **where)
{
    struct kern_rerun *rerun = jit_heap_zalloc(options->heap, 1, sizeof *rerun);
    *out = NULL;
    *where = NULL;
    if (rerun == NULL) {
        return JIT_ENOMEM;
    }
    rerun->heap = options->heap;
    rerun->options = *options;
    rerun->graph = jit_heap_zalloc(rerun->heap, 1, RERUN_GRAPH_BYTES);
    enum jit_err err = rerun->graph == NULL ? JIT_ENOMEM : core_new(rerun, where);
    if (err != JIT_OK) {
        kern_rerun_free(rerun);
        return err;
    }
    *out = rerun;
    return JIT_OK;
}

void kern_rerun_free(struct kern_rerun *rerun)
{
    if (rerun == NULL) {
        return;
    }
    struct jit_heap *heap = rerun->heap;
    players_free(rerun);
    kern_core_free(rerun->core);
    heap->free(heap, rerun->graph);
    heap->free(heap, rerun->wanted);
    heap->free(heap, rerun->asked);
    heap->free(heap, rerun->owned);
    heap->free(heap, rerun);
}

void kern_rerun_give_hands(struct kern_rerun *rerun, const struct kern_rerun_hands *hands)
{
    rerun->hands = *hands;
    rerun->has_hands = true;
}

const char *kern_rerun_what(const struct kern_rerun *rerun)
{
    return rerun->what;
}

struct rmg_version kern_rerun_version(const struct kern_rerun *rerun)
{
    return kern_core_version(rerun->core);
}

struct jit_id kern_rerun_commit(const struct kern_rerun *rerun)
{
    return kern_core_commit(rerun->core);
}

/* ---- what came out ---- */

void kern_rerun_fail(struct kern_rerun *rerun, enum jit_err err, const char *what)
{
    if (rerun->err == JIT_OK) {
        rerun->err = err;
        snprintf(rerun->what, sizeof rerun->what, "%s", what);
    }
}

/* Say what differs: the first request with another result, or only what the tick wrote. */
static void tell_difference(struct kern_rerun *rerun, const struct kern_log_record *made)
{
    struct kern_record_view now;
    char text[600];
    snprintf(text, sizeof text, "%s something else than the log has",
             rerun->has_hands ? "what is run again makes" : "the rules write");
    if (kern_record_decode(made->payload, made->payload_size, &now) != JIT_OK) {
        kern_rerun_fail(rerun, JIT_EDIVERGED, text);
        return;
    }
    if (kern_rerun_real_differs(rerun, &now, text, sizeof text)) {
        kern_rerun_fail(rerun, JIT_EDIVERGED, text);
        return;
    }
    uint64_t count = now.request_count < rerun->view.request_count ? now.request_count
                                                                   : rerun->view.request_count;
    if (now.request_count != rerun->view.request_count) {
        snprintf(text, sizeof text, "%llu requests are made, and the log has %llu",
                 (unsigned long long)now.request_count,
                 (unsigned long long)rerun->view.request_count);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct rmg_receipt a;
        struct rmg_receipt b;
        if (kern_record_receipt(&rerun->view, i, &a) == JIT_OK &&
            kern_record_receipt(&now, i, &b) == JIT_OK &&
            (a.result != b.result || a.blocker != b.blocker ||
             !jit_id_equal(&a.request_key, &b.request_key))) {
            snprintf(text, sizeof text, "request %llu is \"%s\" in the log, and \"%s\" now",
                     (unsigned long long)i, rmg_result_text((enum rmg_result)a.result),
                     rmg_result_text((enum rmg_result)b.result));
            break;
        }
    }
    kern_rerun_fail(rerun, JIT_EDIVERGED, text);
}

static void compare(struct kern_rerun *rerun, const struct kern_log_record *made)
{
    rerun->made = true;
    if (!jit_id_equal(&made->commit, &rerun->commit) ||
        !jit_id_equal(&made->state_root, &rerun->root)) {
        tell_difference(rerun, made);
    } else {
        kern_rerun_real_compare(rerun, made);
    }
}

/* ---- stepping ---- */

static void want(struct kern_rerun *rerun, const struct kern_action *action)
{
    void *data = rerun->wanted;
    if (jit_heap_grow(rerun->heap, &data, &rerun->wanted_capacity, rerun->wanted_count + 1,
                      sizeof *rerun->wanted) != 0) {
        kern_rerun_fail(rerun, JIT_ENOMEM, "out of memory");
        return;
    }
    rerun->wanted = data;
    rerun->wanted[rerun->wanted_count++] = (struct rerun_wanted){
        .kind = action->kind, .process = action->process, .tick = action->tick};
}

void kern_rerun_step(struct kern_rerun *rerun, const struct kern_event *event)
{
    struct kern_event next = *event;
    struct kern_update update = {.again = true};
    for (bool more = true; more; more = update.again) {
        kern_core_step(rerun->core, &next, &update);
        for (size_t i = 0; i < update.count; i++) {
            const struct kern_action *action = &update.actions[i];
            switch (action->kind) {
            case KERN_DO_LOG:
                compare(rerun, &action->record);
                break;
            case KERN_DO_STOP:
                kern_rerun_fail(rerun, action->code == 8 ? action->err : JIT_EDIVERGED,
                                action->text);
                break;
            case KERN_DO_SPAWN:
            case KERN_DO_KILL:
            case KERN_DO_WATCH:
                want(rerun, action);
                break;
            case KERN_DO_WAKE:
                if (rerun->players[action->process].real) {
                    rerun->hands.wake(rerun->hands.user, action->process);
                }
                break;
            case KERN_DO_GROW:
                rerun->players[action->process].grow = action->bytes;
                break;
            default:
                break; /* nobody is told */
            }
        }
        next = (struct kern_event){.kind = KERN_EVENT_CONTINUE};
    }
}

static void step_for(struct kern_rerun *rerun, enum kern_event_kind kind, uint32_t process)
{
    kern_rerun_step(
        rerun, &(struct kern_event){.kind = kind, .process = process, .text = "as the log has it"});
}

/* ---- a player's turn ---- */

static void no_wait(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)word;
    (void)value;
}

static void no_wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
}

static void start(struct kern_rerun *rerun, uint32_t index)
{
    struct rerun_player *player = &rerun->players[index];
    struct sys_boot_spec spec;
    if (kern_rerun_is_real(rerun, index)) {
        kern_rerun_real_start(rerun, index);
        return;
    }
    if (kern_core_boot(rerun->core, index, &spec) != JIT_OK) {
        kern_rerun_fail(rerun, JIT_ENOMEM, "out of memory");
        return;
    }
    if (player->open) {
        memset(player->memory, 0, SYS_RING_BYTES);
    }
    player->open = false;
    rerun->core->processes[index].replayed = true;
    const struct sys_ring_memory memory = {.base = player->memory, .size = SYS_RING_BYTES};
    player->ring = (struct sys_ring_guest){.memory = memory, .wait = no_wait, .wake = no_wake};
    kern_rerun_step(rerun, &(struct kern_event){.kind = KERN_EVENT_SPAWNED,
                                                .process = index,
                                                .ring = memory,
                                                .graph = rerun->graph,
                                                .graph_size = RERUN_GRAPH_BYTES,
                                                .graph_size_max = RERUN_GRAPH_BYTES});
}

bool kern_rerun_has(const struct kern_rerun *rerun, uint32_t player,
                    enum kern_record_event_kind kind, int32_t *status)
{
    for (uint64_t i = 0; i < rerun->view.event_count; i++) {
        struct kern_record_event event;
        if (kern_record_event_at(&rerun->view, i, &event) == JIT_OK && event.kind == kind &&
            jit_id_equal(&event.process, id_of(rerun, player))) {
            *status = event.status;
            return true;
        }
    }
    return false;
}

/* Let the core take what was posted. False: it does not take any more of this player's. */
static bool hand_over(struct kern_rerun *rerun, uint32_t index)
{
    struct rerun_player *player = &rerun->players[index];
    step_for(rerun, KERN_EVENT_BELL, index);
    player->posted = 0;
    player->far_used = 0;
    return rerun->err == JIT_OK && rerun->core->processes[index].state == KERN_PROCESS_RUNNING;
}

/* Room for a request of so many bytes; NULL: none. */
static uint8_t *room(struct kern_rerun *rerun, uint32_t index, uint32_t call, size_t size)
{
    struct rerun_player *player = &rerun->players[index];
    size_t rounded = (size + 7) & ~(size_t)7;
    if (rounded > RERUN_GRAPH_BYTES) {
        kern_rerun_fail(rerun, JIT_EFORMAT, "a request in the log is larger than a request can be");
        return NULL;
    }
    if ((player->posted == SYS_REQUEST_SLOTS || rounded > RERUN_GRAPH_BYTES - player->far_used) &&
        !hand_over(rerun, index)) {
        return NULL;
    }
    struct sys_slot *slot = sys_ring_guest_slot(&player->ring);
    *slot = (struct sys_slot){.kind = call, .length = (uint32_t)size};
    if (size <= SYS_INLINE_BYTES) {
        return slot->body.bytes;
    }
    slot->body.far.at = player->far_used;
    slot->body.far.size = size;
    player->far_used += rounded;
    return rerun->graph + slot->body.far.at;
}

static void post(struct rerun_player *player)
{
    sys_ring_guest_post(&player->ring);
    player->posted++;
}

/* What the log keeps of a collapse are its bytes from the number of its capabilities on. */
static bool post_collapse(struct kern_rerun *rerun, uint32_t index, const struct rmg_asked *asked)
{
    const struct sys_collapse head = {.cap_slot = asked->cap_slot, .nonce = asked->nonce};
    const size_t size = offsetof(struct sys_collapse, cap_count);
    uint8_t *at = room(rerun, index, SYS_CALL_collapse, size + asked->params_size);
    if (at != NULL) {
        memcpy(at, &head, size);
        memcpy(at + size, asked->params, asked->params_size);
        post(&rerun->players[index]);
    }
    return at != NULL;
}

static bool post_request(struct kern_rerun *rerun, uint32_t index, const struct rmg_asked *asked)
{
    if (jit_id_equal(&asked->rule_id, rmg_collapse_rule())) {
        return post_collapse(rerun, index, asked);
    }
    const struct kern_process *process = &rerun->core->processes[index];
    uint32_t instance = 0;
    while (instance < process->instance_count &&
           !jit_id_equal(&process->instances[instance], &asked->instance)) {
        instance++;
    }
    const struct sys_apply_view apply = {.cap_slot = asked->cap_slot,
                                         .rule = kern_rule_index(process, &asked->rule_id),
                                         .instance = instance,
                                         .nonce = asked->nonce,
                                         .ids = asked->ids,
                                         .id_count = (uint16_t)asked->id_count,
                                         .params = asked->params,
                                         .params_size = asked->params_size};
    bool nothing = jit_id_is_zero(&asked->rule_id) && jit_id_is_zero(&asked->instance);
    /* One that named by a number what is not there is logged without either, and asks so again. */
    if ((!nothing && (apply.rule == SYS_NONE || instance == process->instance_count)) ||
        asked->id_count > JIT_PATTERN_ELEMENTS_MAX) {
        kern_rerun_fail(rerun, JIT_EDIVERGED,
                        "a request in the log names what its process does not run");
        return false;
    }
    uint8_t *at =
        room(rerun, index, SYS_CALL_apply, sys_apply_size(apply.id_count, apply.params_size));
    if (at != NULL) {
        sys_apply_encode(&apply, at);
        post(&rerun->players[index]);
    }
    return at != NULL;
}

static bool post_asks(struct kern_rerun *rerun, uint32_t index)
{
    struct jit_cursor cur = jit_cursor_of(rerun->view.asks, rerun->view.asks_size);
    struct kern_record_ask ask;
    while (kern_record_next_ask(&cur, &ask) == JIT_OK) {
        if (!jit_id_equal(&ask.process, id_of(rerun, index))) {
            continue;
        }
        uint8_t *at = room(rerun, index, ask.call, ask.size);
        if (at == NULL) {
            return false;
        }
        memcpy(at, ask.bytes, ask.size);
        post(&rerun->players[index]);
    }
    return true;
}

/* All it asked for, and done. */
static void work(struct kern_rerun *rerun, uint32_t index, bool exits, int32_t status)
{
    struct rerun_player *player = &rerun->players[index];
    struct sys_receipt receipt;
    while (sys_ring_guest_receipt(&player->ring, &receipt)) {
    }
    for (uint32_t i = 0; i < player->count; i++) {
        if (!post_request(rerun, index, &rerun->asked[player->first + i])) {
            return;
        }
    }
    if (!post_asks(rerun, index)) {
        return;
    }
    if (exits) {
        uint8_t *at = room(rerun, index, SYS_CALL_exit, 4);
        if (at == NULL) {
            return;
        }
        jit_put_le32(at, (uint32_t)status);
        post(player);
    }
    sys_ring_guest_done(&player->ring, rerun->core->tick + 1);
    hand_over(rerun, index);
}

/* Would one more death in this tick be the last? */
static bool exhausted(const struct kern_process *process, uint64_t tick)
{
    const struct kern_policy *policy = &process->config->policy;
    return policy->restart == KERN_RESTART_NEVER ||
           (process->death_count == policy->restarts &&
            (policy->restarts == 0 || tick - process->deaths[0] < policy->ticks));
}

/* It was told to begin the tick. */
static void play(struct kern_rerun *rerun, uint32_t index)
{
    struct rerun_player *player = &rerun->players[index];
    const struct kern_process *process = &rerun->core->processes[index];
    int32_t status = 0;
    if (process->state != KERN_PROCESS_RUNNING) {
        return;
    }
    if (player->real && !kern_rerun_is_real(rerun, index)) {
        kern_rerun_real_end(rerun, index); /* the log has its end in this tick */
    } else if (player->real) {
        kern_rerun_real_work(rerun, index);
        return;
    } else if (!player->open) {
        if (sys_ring_guest_open(&player->ring) != JIT_OK) {
            kern_rerun_fail(rerun, JIT_EDIVERGED, "a ring was not laid out");
            return;
        }
        player->open = true;
    }
    bool failed = kern_rerun_has(rerun, index, KERN_HAPPENED_FAILED, &status);
    if (kern_rerun_has(rerun, index, KERN_HAPPENED_HUNG, &status) && !player->hung) {
        /* Deaths that were repaired are in no log: as many as its last one needs. */
        bool early = failed && !exhausted(process, rerun->core->tick + 1);
        player->hung = !early;
        step_for(rerun, early ? KERN_EVENT_EXITED : KERN_EVENT_HUNG, index);
    } else if (failed) {
        step_for(rerun, KERN_EVENT_EXITED, index);
    } else if (kern_rerun_has(rerun, index, KERN_HAPPENED_KILL, &status)) {
        player->killed = true;
        step_for(rerun, KERN_EVENT_KILL, index);
    } else {
        bool exits = kern_rerun_has(rerun, index, KERN_HAPPENED_EXIT, &status);
        work(rerun, index, exits, status);
    }
}

static void die(struct kern_rerun *rerun, uint32_t index)
{
    struct rerun_player *player = &rerun->players[index];
    int32_t status = 0;
    if (player->real) {
        kern_rerun_real_end(rerun, index);
    }
    step_for(rerun, KERN_EVENT_EXITED, index);
    if (player->hung && !player->killed && !rerun->made &&
        kern_rerun_has(rerun, index, KERN_HAPPENED_KILL, &status)) {
        player->killed = true;
        step_for(rerun, KERN_EVENT_KILL, index);
    }
}

/* ---- a record ---- */

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

static enum jit_err read_requests(struct kern_rerun *rerun)
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
        one->player = find(rerun, &one->asked.process);
        if (one->player == rerun->player_count) {
            kern_rerun_fail(rerun, JIT_EDIVERGED,
                            "a request in the log is of a process that is not there");
            return rerun->err;
        }
    }
    struct jit_cursor intents = jit_cursor_of(view->intents, view->intents_size);
    struct kern_record_intent intent;
    while (kern_record_next_intent(&intents, &intent) == JIT_OK) {
        rerun->owned[intent.index].player = rerun->player_count; /* no worker's: see ask_again */
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
    uint32_t player = find(rerun, id);
    return player == rerun->player_count ? SYS_CAP_NONE : player;
}

/* What operators asked waits for the tick before it begins. */
static enum jit_err ask_again(struct kern_rerun *rerun)
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

/* Likewise what bearers of tokens asked for. */
static enum jit_err intend_again(struct kern_rerun *rerun)
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

static enum jit_err edit(struct kern_rerun *rerun, uint64_t tick, const uint8_t *payload,
                         size_t payload_size)
{
    struct kern_replay replay;
    struct rmg_version version = kern_core_version(rerun->core);
    struct jit_id commit = kern_core_commit(rerun->core);
    const char *where = NULL;
    kern_replay_init(&replay, rerun->heap, rerun->options.store);
    kern_replay_start(&replay, &version, &commit, rerun->core->tick);
    enum jit_err err =
        kern_replay_tick(&replay, tick, &rerun->commit, &rerun->root, payload, payload_size);
    kern_replay_release(&replay);
    if (err != JIT_OK) {
        kern_rerun_fail(rerun, err, replay.what != NULL ? replay.what : jit_err_text(err));
        return err;
    }
    rerun->options.version = replay.version;
    rerun->options.commit = replay.commit;
    rerun->options.tick = tick;
    rerun->options.deviations = NULL;
    players_free(rerun);
    kern_core_free(rerun->core);
    rerun->core = NULL;
    err = core_new(rerun, &where);
    if (err != JIT_OK) {
        kern_rerun_fail(rerun, err, where != NULL ? where : jit_err_text(err));
    }
    return err;
}

static void run(struct kern_rerun *rerun, uint64_t tick)
{
    rerun->wanted_count = 0;
    rerun->wanted_next = 0;
    kern_rerun_step(rerun, &(struct kern_event){.kind = KERN_EVENT_RUN, .tick = tick});
    while (rerun->err == JIT_OK && rerun->wanted_next < rerun->wanted_count) {
        struct rerun_wanted next = rerun->wanted[rerun->wanted_next++];
        if (next.kind == KERN_DO_SPAWN) {
            start(rerun, next.process);
        } else if (next.kind == KERN_DO_KILL) {
            die(rerun, next.process);
        } else if (next.tick == tick) {
            play(rerun, next.process);
        }
    }
    if (!rerun->made) {
        kern_rerun_fail(rerun, JIT_EDIVERGED,
                        "the tick is never done with what the log has of its processes");
    }
}

enum jit_err kern_rerun_tick(struct kern_rerun *rerun, uint64_t tick, const struct jit_id *commit,
                             const struct jit_id *root, const uint8_t *payload, size_t payload_size)
{
    assert(rerun->err == JIT_OK);
    enum jit_err err = kern_record_decode(payload, payload_size, &rerun->view);
    rerun->commit = *commit;
    rerun->root = *root;
    rerun->made = false;
    if (err != JIT_OK || rerun->view.flags == KERN_RECORD_GENESIS) {
        kern_rerun_fail(rerun, err != JIT_OK ? err : JIT_EFORMAT,
                        "the payload of a record does not follow the specification");
    } else if (tick != rerun->core->tick + 1) {
        kern_rerun_fail(rerun, JIT_EDIVERGED, "the ticks of the log do not follow one another");
    } else if (rerun->view.flags == KERN_RECORD_EDIT) {
        return edit(rerun, tick, payload, payload_size);
    }
    if (rerun->err != JIT_OK) {
        return rerun->err;
    }
    for (uint32_t p = 0; p < rerun->player_count; p++) {
        rerun->players[p].count = 0;
        rerun->players[p].hung = false;
        rerun->players[p].killed = false;
    }
    err = read_requests(rerun);
    if (err == JIT_OK) {
        err = ask_again(rerun);
    }
    if (err == JIT_OK) {
        err = intend_again(rerun);
    }
    if (err == JIT_OK) {
        run(rerun, tick);
    } else {
        kern_rerun_fail(rerun, err,
                        err == JIT_ENOMEM ? jit_err_text(err)
                                          : "the requests of a record cannot be read");
    }
    return rerun->err;
}
