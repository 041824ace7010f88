/* kernel/system_checkpoint.c - checkpoints of a data folder that nobody runs. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/system.h"

struct shell_system_now shell_system_at_rest(const struct shell_system *system)
{
    const struct kern_replay *replay = &system->replay;
    return (struct shell_system_now){.tick = replay->tick,
                                     .commit = replay->commit,
                                     .applied = replay->applied,
                                     .denied = replay->denied,
                                     .deviations = &replay->deviations,
                                     .mark = system->mark};
}

void shell_system_manifest(const struct shell_system *system, const struct shell_system_now *now,
                           const char *name, const char *grade, struct ckpt_manifest *out)
{
    assert(strlen(name) <= CKPT_NAME_MAX);
    *out = (struct ckpt_manifest){.policy = RMG_POLICY,
                                  .tick = now->tick,
                                  .commit = now->commit,
                                  .genesis = system->genesis,
                                  .mark = now->mark,
                                  .applied = now->applied,
                                  .denied = now->denied,
                                  .deviations = *now->deviations};
    memcpy(out->uuid, system->report.uuid, LOG_UUID_BYTES);
    if (system->from != NULL) {
        out->origin = system->from->origin;
    }
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->grade, sizeof out->grade, "%.*s", (int)CKPT_GRADE_MAX, grade);
}

enum jit_err shell_system_checkpoint(struct shell_system *system, const char *name,
                                     const char *grade, struct ckpt_manifest *out,
                                     uint64_t *bytes_written)
{
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    const struct kern_replay *replay = &system->replay;
    const struct shell_system_now now = shell_system_at_rest(system);
    struct ckpt_beside beside;
    assert(system->log != NULL && shell_system_ready(system));
    enum jit_err err = ckpt_beside_of(system->heap, &replay->beside, &beside);
    if (err != JIT_OK) {
        snprintf(system->message, sizeof system->message, "%s", jit_err_text(err));
        return err;
    }
    struct ckpt_job job = {
        .heap = system->heap,
        .io = system->io,
        .seed = seed,
        .state = {.store = system->store, .version = replay->version},
        .base = {.store = system->store, .version = system->from_version},
        .base_manifest = system->from,
        .beside = &beside,
    };
    shell_system_manifest(system, &now, name, grade, &job.manifest);
    err = ckpt_key(system->io, true, seed);
    if (err == JIT_OK) {
        err = ckpt_write(&job);
    }
    if (err != JIT_OK) {
        ckpt_write_why(&job, err, system->message, sizeof system->message);
    }
    jit_sign_forget(seed, sizeof seed);
    ckpt_beside_release(system->heap, &beside);
    if (err == JIT_OK) {
        *out = job.manifest;
        *bytes_written = job.bytes_written;
    }
    return err;
}
