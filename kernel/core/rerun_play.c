/* A player's turn in a rerun: it begins, posts what the log says that it asked for, or meets the
 * end that the log says it met. */
#include <stddef.h>

#include "base/check.h"
#include "kernel/core/rerun_priv.h"

static void step_for(struct kern_rerun *rerun, enum kern_event_kind kind, uint32_t process)
{
    kern_rerun_step(
        rerun, &(struct kern_event){.kind = kind, .process = process, .text = "as the log has it"});
}

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

void kern_rerun_start(struct kern_rerun *rerun, uint32_t index)
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
            jit_id_equal(&event.process, kern_rerun_id(rerun, player))) {
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
        if (!jit_id_equal(&ask.process, kern_rerun_id(rerun, index))) {
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

void kern_rerun_play(struct kern_rerun *rerun, uint32_t index)
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

void kern_rerun_die(struct kern_rerun *rerun, uint32_t index)
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
