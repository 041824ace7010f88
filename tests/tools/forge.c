/* tests/tools/forge.c - append a tick to a data folder as its owner could by hand: whole, chained,
 * with the right root and commit, and made by no run. "nothing": nobody asked, nothing changed;
 * "something": a value has come out of nowhere; "owner": a rule that has an owner has two;
 * "parameters": the first process binds none. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/root.h"
#include "kernel/system.h"
#include "rmg/change/diff.h"

static enum jit_err set_value(struct rmg_tx *tx)
{
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
    return rmg_tx_set_attachment(tx, &world, RMG_PLANE_ALPHA, &node, &value);
}

/* Another capability that what is owned first belongs to as well. */
static enum jit_err second_owner(struct shell_system *system, struct rmg_tx *tx)
{
    struct kern_config *config = NULL;
    const struct jit_id *other = NULL;
    const char *where = NULL;
    struct jit_id sec;
    struct jit_id node;
    struct rmg_edge edge;
    enum jit_err err =
        kern_config_read(system->heap, system->store, &system->replay.version, &config, &where);
    if (err != JIT_OK) {
        return err;
    }
    const struct kern_root_owner *owner = config->owners;
    while (jit_id_is_zero(&owner->capability)) { /* it was somebody's once */
        owner++;
        assert(owner < config->owners + config->owner_count);
    }
    for (uint32_t p = 0; p < config->process_count; p++) {
        for (uint32_t i = 0; i < config->processes[p].capability_count; i++) {
            const struct jit_id *id = &config->processes[p].capabilities[i].id;
            other = jit_id_equal(id, &owner->capability) ? other : id;
        }
    }
    assert(other != NULL);
    edge.from = owner->object;
    edge.to = *other;
    jit_hash_named("type:", "owner", 5, &edge.type);
    jit_hash_named("edge:", "forged", 6, &edge.id);
    kern_place_id("/sec", &sec, &node);
    err = rmg_tx_upsert_edge(tx, &sec, &edge);
    kern_config_free(system->heap, config);
    return err;
}

static enum jit_err no_parameters(struct shell_system *system, struct rmg_tx *tx)
{
    static const uint8_t zeros[256];
    struct kern_config *config = NULL;
    const char *where = NULL;
    struct jit_id proc;
    struct jit_id node;
    enum jit_err err =
        kern_config_read(system->heap, system->store, &system->replay.version, &config, &where);
    if (err != JIT_OK) {
        return err;
    }
    const struct rmg_attachment value = {.name = "parameters",
                                         .name_size = 10,
                                         .value = {.kind = RMG_VALUE_ATOM,
                                                   .type = *rmg_codec_type(RMG_CODEC_BYTES),
                                                   .bytes = zeros,
                                                   .size = 4 * config->processes[0].run_count}};
    assert(value.value.size <= sizeof zeros);
    kern_place_id("/proc", &proc, &node);
    err = rmg_tx_set_attachment(tx, &proc, RMG_PLANE_ALPHA, &config->processes[0].id, &value);
    kern_config_free(system->heap, config);
    return err;
}

static enum jit_err change(struct shell_system *system, const char *what, struct rmg_version *after)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(system->store, &system->replay.version, &tx);
    if (err == JIT_OK) {
        err = strcmp(what, "owner") == 0        ? second_owner(system, tx)
              : strcmp(what, "parameters") == 0 ? no_parameters(system, tx)
                                                : set_value(tx);
    }
    return err == JIT_OK ? rmg_tx_seal(tx, after) : err;
}

static enum jit_err forge(struct shell_system *system, const char *what)
{
    const bool something = strcmp(what, "nothing") != 0;
    static const struct jit_id none;
    struct rmg_state before = {.store = system->store, .version = system->replay.version};
    struct rmg_state after = before;
    struct jit_buf patch;
    struct jit_buf payload;
    jit_buf_init(&patch, jit_heap_libc(), 1 << 20);
    jit_buf_init(&payload, jit_heap_libc(), 1 << 20);
    enum jit_err err = something ? rmg_store_pin(system->store, &before.version) : JIT_OK;
    if (err == JIT_OK && something) {
        err = change(system, what, &after.version);
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
        err = forge(&system, argv[2]);
        shell_system_close(&system);
    }
    fprintf(stderr, "forge: %s\n", jit_err_text(err));
    return err == JIT_OK ? 0 : 1;
}
