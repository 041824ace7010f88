/* kernel/system_edit.c - a tick that somebody makes beside a run: a merge, another seed. */
#include <stdio.h>

#include "base/check.h"
#include "kernel/system.h"

static enum jit_err apply(struct shell_system *system, const uint8_t *patch, size_t patch_size,
                          struct rmg_version *out)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(system->store, &system->replay.version, &tx);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_patch_apply(system->heap, tx, &system->replay.version, patch, patch_size);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, out);
}

static enum jit_err append(struct shell_system *system, const struct kern_record *record,
                           const struct jit_id *commit, const struct jit_id *root)
{
    struct jit_buf payload;
    jit_buf_init(&payload, system->heap, (size_t)LOG_PAYLOAD_BYTES_MAX);
    kern_record_encode(record, &payload);
    enum jit_err err = payload.err;
    if (err == JIT_OK) {
        struct log_record made = {.tick = system->replay.tick + 1,
                                  .commit = *commit,
                                  .state_root = *root,
                                  .payload = payload.data,
                                  .payload_size = payload.size};
        err = log_append(system->log, &made);
    }
    if (err == JIT_OK) {
        err = log_seal(system->log);
        /* No room for the seal alone: the tick is on the medium all the same. */
        bool durable = log_dead(system->log) == JIT_OK &&
                       log_durable_end(system->log) > system->replay.tick + 1;
        err = durable ? JIT_OK : err;
    }
    jit_buf_release(&payload);
    return err;
}

enum jit_err shell_system_edit(struct shell_system *system, const uint8_t *patch, size_t patch_size,
                               const struct jit_id *other)
{
    struct kern_replay *replay = &system->replay;
    struct rmg_version version;
    struct jit_id commit;
    struct log_mark mark;
    assert(system->log != NULL && shell_system_ready(system));
    log_next_mark(system->log, &mark);
    enum jit_err err = apply(system, patch, patch_size, &version);
    if (err == JIT_OK) {
        kern_edit_commit(&replay->commit, other, replay->tick + 1, &version.state_root, patch,
                         patch_size, &commit);
        struct kern_record record = {
            .flags = KERN_RECORD_EDIT, .patch = patch, .patch_size = patch_size, .other = *other};
        err = append(system, &record, &commit, &version.state_root);
    }
    if (err != JIT_OK) {
        snprintf(system->message, sizeof system->message, "the edit could not be made: %s",
                 jit_err_text(err));
        return err;
    }
    replay->version = version;
    replay->commit = commit;
    replay->tick++;
    replay->records++;
    system->mark = mark;
    return JIT_OK;
}
