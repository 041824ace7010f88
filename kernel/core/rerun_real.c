#include <stdio.h>

#include "base/hash.h"
#include "kernel/core/rerun_priv.h"

/* Processes that are run again while the others are played. Each is shown the same versions in the
 * same order, and takes part in the tick by its own ring; the commit says whether it asked for the
 * same, the root that it tells with done whether it keeps the same. What the log says of an end
 * that no program brings about by itself, a hang or an operator's kill, is played: then it is not
 * run in that tick. */

bool kern_rerun_is_real(const struct kern_rerun *rerun, uint32_t player)
{
    int32_t status = 0;
    return rerun->has_hands &&
           rerun->hands.runs(rerun->hands.user, player, rerun->core->processes[player].config) &&
           !kern_rerun_has(rerun, player, KERN_HAPPENED_FAILED, &status) &&
           !kern_rerun_has(rerun, player, KERN_HAPPENED_KILL, &status) &&
           (!kern_rerun_has(rerun, player, KERN_HAPPENED_HUNG, &status) ||
            rerun->players[player].hung); /* it is over: it begins the next one */
}

static void ended(struct kern_rerun *rerun, uint32_t player, const char *how)
{
    kern_rerun_real_end(rerun, player);
    kern_rerun_step(
        rerun, &(struct kern_event){.kind = KERN_EVENT_EXITED, .process = player, .text = how});
}

void kern_rerun_real_start(struct kern_rerun *rerun, uint32_t player)
{
    struct kern_event event = {.kind = KERN_EVENT_SPAWNED, .process = player};
    const char *why = NULL;
    rerun->players[player].real = true;
    rerun->core->processes[player].replayed = false;
    rerun->players[player].grow = 0;
    enum jit_err err = rerun->hands.spawn(rerun->hands.user, rerun->core, player, &event, &why);
    if (err == JIT_EAGAIN) {
        ended(rerun, player, "it ended before it began");
    } else if (err != JIT_OK) {
        kern_rerun_fail(rerun, err, why != NULL ? why : jit_err_text(err));
    } else {
        kern_rerun_step(rerun, &event);
    }
}

static void grow(struct kern_rerun *rerun, uint32_t player)
{
    const uint64_t bytes = rerun->players[player].grow;
    rerun->players[player].grow = 0;
    enum jit_err err = rerun->hands.grow(rerun->hands.user, player, bytes);
    kern_rerun_step(rerun, &(struct kern_event){.kind = KERN_EVENT_GREW,
                                                .process = player,
                                                .err = err,
                                                .text = "there is no memory for what a process "
                                                        "that is run again asked for"});
}

void kern_rerun_real_work(struct kern_rerun *rerun, uint32_t player)
{
    const struct kern_process *process = &rerun->core->processes[player];
    while (rerun->err == JIT_OK && !rerun->made && process->state == KERN_PROCESS_RUNNING) {
        const char *how = NULL;
        if (rerun->players[player].grow > 0) {
            grow(rerun, player);
            continue;
        }
        enum jit_err err = rerun->hands.wait(rerun->hands.user, player, &how);
        if (err == JIT_EBUDGET) {
            char text[JIT_NAME_BYTES_MAX + 100];
            snprintf(text, sizeof text, "%s[%u], run again, does not end its tick",
                     process->config->name, process->config->index);
            kern_rerun_fail(rerun, JIT_EDIVERGED, text);
        } else if (err != JIT_OK) {
            kern_rerun_fail(rerun, err, jit_err_text(err));
        } else if (how != NULL) {
            ended(rerun, player, how);
        } else {
            kern_rerun_step(rerun,
                            &(struct kern_event){.kind = KERN_EVENT_BELL, .process = player});
        }
    }
}

void kern_rerun_real_end(struct kern_rerun *rerun, uint32_t player)
{
    rerun->hands.end(rerun->hands.user, player);
    rerun->players[player].real = false;
    rerun->players[player].grow = 0;
}

/* ---- the same? ---- */

/* Zero: it changed nothing. */
static struct jit_id own_root(const struct kern_record_view *view, const struct jit_id *process)
{
    struct jit_cursor cur = jit_cursor_of(view->owns, view->owns_size);
    struct kern_record_own own;
    while (view->own_count > 0 && kern_record_next_own(&cur, &own) == JIT_OK) {
        if (jit_id_equal(&own.process, process)) {
            return own.root;
        }
    }
    return (struct jit_id){{0}};
}

void kern_rerun_real_compare(struct kern_rerun *rerun, const struct kern_log_record *made)
{
    struct kern_record_view now;
    if (!rerun->has_hands) {
        return;
    }
    if (kern_record_decode(made->payload, made->payload_size, &now) != JIT_OK) {
        kern_rerun_fail(rerun, JIT_EFORMAT, "the tick that was made cannot be read");
        return;
    }
    for (uint32_t p = 0; p < rerun->player_count; p++) {
        const struct kern_process_config *config = rerun->core->processes[p].config;
        char text[JIT_NAME_BYTES_MAX + 100];
        if (!rerun->players[p].real) {
            continue;
        }
        const struct jit_id then = own_root(&rerun->view, &config->id);
        const struct jit_id root = own_root(&now, &config->id);
        if (!jit_id_equal(&then, &root)) {
            snprintf(text, sizeof text, "%s[%u], run again, keeps another graph than the log has",
                     config->name, config->index);
            kern_rerun_fail(rerun, JIT_EDIVERGED, text);
        }
    }
}

/* What it asked for in a tick, as a digest. */
static struct jit_id asked_by(const struct kern_record_view *view, const struct jit_id *process)
{
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    struct jit_hasher hasher;
    struct rmg_asked asked;
    struct rmg_receipt receipt;
    struct jit_id digest;
    jit_hasher_init(&hasher);
    for (uint64_t i = 0; i < view->request_count && rmg_asked_next(&cur, &asked) == JIT_OK; i++) {
        if (jit_id_equal(&asked.process, process) &&
            kern_record_receipt(view, i, &receipt) == JIT_OK) {
            jit_hasher_update(&hasher, receipt.request_key.bytes, JIT_ID_BYTES);
        }
    }
    jit_hasher_final(&hasher, &digest);
    return digest;
}

bool kern_rerun_real_differs(struct kern_rerun *rerun, const struct kern_record_view *now,
                             char *text, size_t size)
{
    for (uint32_t p = 0; rerun->has_hands && p < rerun->player_count; p++) {
        const struct kern_process_config *config = rerun->core->processes[p].config;
        if (!rerun->hands.runs(rerun->hands.user, p, config)) {
            continue;
        }
        const struct jit_id then = asked_by(&rerun->view, &config->id);
        const struct jit_id asked = asked_by(now, &config->id);
        if (!jit_id_equal(&then, &asked)) {
            snprintf(text, size, "%s[%u], run again, asks for something else than the log has",
                     config->name, config->index);
            return true;
        }
    }
    return false;
}
