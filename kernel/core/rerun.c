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

const struct jit_id *kern_rerun_id(const struct kern_rerun *rerun, uint32_t player)
{
    return &rerun->core->processes[player].config->id;
}

/* Where an id is, or would be, among those of the players. */
static uint32_t place_of(const struct kern_rerun *rerun, const struct jit_id *id, uint32_t count)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        if (jit_id_compare(kern_rerun_id(rerun, rerun->by_id[middle]), id) < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

uint32_t kern_rerun_player(const struct kern_rerun *rerun, const struct jit_id *id)
{
    uint32_t at = place_of(rerun, id, rerun->player_count);
    bool found =
        at < rerun->player_count && jit_id_equal(kern_rerun_id(rerun, rerun->by_id[at]), id);
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
        uint32_t at = place_of(rerun, kern_rerun_id(rerun, p), p);
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

/* ---- a record ---- */

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
            kern_rerun_start(rerun, next.process);
        } else if (next.kind == KERN_DO_KILL) {
            kern_rerun_die(rerun, next.process);
        } else if (next.tick == tick) {
            kern_rerun_play(rerun, next.process);
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
    err = kern_rerun_read(rerun);
    if (err == JIT_OK) {
        err = kern_rerun_ask(rerun);
    }
    if (err == JIT_OK) {
        err = kern_rerun_intend(rerun);
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
