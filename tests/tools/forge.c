/* tests/tools/forge.c - append a tick to a data folder as its owner could by hand: whole, chained,
 * with the right root and commit, and made by no run. "nothing": nobody asked, nothing changed;
 * "something": a value has come out of nowhere. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/core/root.h"
#include "kernel/system.h"
#include "rmg/change/diff.h"

static enum jit_err change(struct shell_system *system, struct rmg_version *after)
{
    struct rmg_tx *tx = NULL;
    struct jit_id world;
    struct jit_id node;
    uint8_t bytes[8] = {7};
    struct rmg_attachment value = {.name = "forged",
                                   .name_size = 6,
                                   .value = {.kind = RMG_VALUE_ATOM,
                                             .type = *rmg_codec_type(RMG_CODEC_I64),
                                             .bytes = bytes,
                                             .size = sizeof bytes}};
    kern_place_id("/world", &world, &node);
    enum jit_err err = rmg_tx_begin(system->store, &system->replay.version, &tx);
    if (err == JIT_OK) {
        err = rmg_tx_set_attachment(tx, &world, RMG_PLANE_ALPHA, &node, &value);
    }
    return err == JIT_OK ? rmg_tx_seal(tx, after) : err;
}

static enum jit_err forge(struct shell_system *system, bool something)
{
    static const struct jit_id none;
    struct rmg_state before = {.store = system->store, .version = system->replay.version};
    struct rmg_state after = before;
    struct jit_buf patch;
    struct jit_buf payload;
    jit_buf_init(&patch, jit_heap_libc(), 1 << 20);
    jit_buf_init(&payload, jit_heap_libc(), 1 << 20);
    enum jit_err err = something ? rmg_store_pin(system->store, &before.version) : JIT_OK;
    if (err == JIT_OK && something) {
        err = change(system, &after.version);
    }
    if (err == JIT_OK) {
        err = rmg_diff_patch(jit_heap_libc(), &before, &after, &patch, NULL);
    }
    if (err == JIT_OK) {
        const struct kern_record record = {.patch = patch.data, .patch_size = patch.size};
        kern_record_encode(&record, &payload);
        struct log_record made = {.tick = system->replay.tick + 1,
                                  .state_root = after.version.state_root,
                                  .payload = payload.data,
                                  .payload_size = payload.size};
        kern_edit_commit(&system->replay.commit, &none, made.tick, &made.state_root, patch.data,
                         patch.size, &made.commit);
        err = log_append(system->log, &made);
    }
    if (err == JIT_OK) {
        err = log_seal(system->log);
    }
    jit_buf_release(&patch);
    jit_buf_release(&payload);
    return err;
}

int main(int argc, char **argv)
{
    struct shell_system system;
    if (argc != 3) {
        return 2;
    }
    const struct shell_system_options options = {
        .path = argv[1], .mode = SHELL_FOLDER_OWN, .die_at_log_offset = UINT64_MAX};
    enum jit_err err = shell_system_open(&system, jit_heap_libc(), &options);
    if (err == JIT_OK) {
        err = forge(&system, strcmp(argv[2], "something") == 0);
        shell_system_close(&system);
    }
    fprintf(stderr, "forge: %s\n", jit_err_text(err));
    return err == JIT_OK ? 0 : 1;
}
