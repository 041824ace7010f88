/* Any bytes as a patch: refused without a trace, or performed, and the state is valid; then the
 * difference to the base is a patch that does the same. Moved to another state: performed, or
 * refused, or a list of conflicts that each strategy settles or leaves, never half of it. */
#include "fuzz/fuzz.h"
#include "fuzz/merge_world.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/patch", NULL};

static bool count_op(void *user, const struct rmg_op *op)
{
    assert(op->origin_count >= 1);
    ++*(uint64_t *)user;
    return true;
}

static void check_apply(const uint8_t *bytes, size_t size)
{
    struct world base;
    struct world world;
    struct jit_buf patch;
    world_open(&world);
    if (world_apply(&world, bytes, size) == JIT_OK) {
        const struct jit_id root = world.version.state_root;
        world_open(&base);
        struct rmg_state a = world_state(&base);
        struct rmg_state b = world_state(&world);
        jit_buf_init(&patch, jit_heap_libc(), JIT_PATCH_BYTES_MAX);
        must(rmg_diff_patch(jit_heap_libc(), &a, &b, &patch, NULL));
        must(world_apply(&base, patch.data, patch.size));
        assert(jit_id_equal(&base.version.state_root, &root));
        jit_buf_release(&patch);
        world_close(&base);
    }
    world_close(&world);
}

static void check_rebase(const uint8_t *bytes, size_t size)
{
    static const enum rmg_side strategies[] = {RMG_SIDE_NONE, RMG_SIDE_OURS, RMG_SIDE_THEIRS};
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        struct rmg_merge_options options = {.heap = jit_heap_libc(), .strategy = strategies[i]};
        struct rmg_merge_result result;
        struct world world;
        world_open(&world);
        world_change(&world);
        struct rmg_state onto = world_state(&world);
        enum jit_err err = rmg_rebase(&options, &onto, bytes, size, &result);
        if (err == JIT_OK) {
            assert(result.conflict_count == 0 || result.patch.size == 0);
            if (result.conflict_count == 0) {
                must(world_apply(&world, result.patch.data, result.patch.size));
            }
            rmg_merge_result_release(&result);
        } else {
            assert(err == JIT_EFORMAT || err == JIT_EINVALID || err == JIT_ELIMIT);
        }
        world_close(&world);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jit_id base_root;
    struct world world;
    uint64_t count = 0;
    enum jit_err err = rmg_patch_each(jit_heap_libc(), bytes, size, &base_root, count_op, &count);
    assert(err == JIT_OK || err == JIT_EFORMAT);
    check_apply(bytes, size);
    if (err != JIT_OK) {
        return 0;
    }
    fuzz_take();
    /* As if it stood on the base, whatever it says. */
    uint8_t *copy = jit_heap_libc()->alloc(jit_heap_libc(), size);
    assert(copy != NULL);
    memcpy(copy, bytes, size);
    world_open(&world);
    memcpy(copy, world.version.state_root.bytes, JIT_ID_BYTES);
    world_close(&world);
    check_apply(copy, size);
    check_rebase(copy, size);
    jit_heap_libc()->free(jit_heap_libc(), copy);
    return 0;
}
