/* Any bytes as a file of choices: refused in words, or read; then a merge with these choices gives
 * a valid state, or conflicts, or says which choice cannot be. */
#include "fuzz/fuzz.h"
#include "fuzz/merge_world.h"
#include "tools/formats/choices.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/choices", NULL};

static void check_merge(const struct choices *choices)
{
    struct world world[3];
    struct rmg_state state[3];
    struct rmg_tx *tx = NULL;
    struct rmg_merge_result result;
    struct rmg_merge_options options = {.heap = jit_heap_libc(),
                                        .choices = choices->list,
                                        .choice_count = choices->count,
                                        .strategy = RMG_SIDE_NONE};
    for (int i = 0; i < 3; i++) {
        world_open(&world[i]);
    }
    world_change(&world[1]);
    must(rmg_tx_begin(world[2].store, &world[2].version, &tx));
    world_value(tx, 'A', 'b', "n", 9);
    world_node(tx, 'A', 'c', 'Q');
    world_edge(tx, 'A', 'z', 'a', 'd');
    must(rmg_tx_seal(tx, &world[2].version));
    for (int i = 0; i < 3; i++) {
        state[i] = world_state(&world[i]);
    }
    enum jit_err err = rmg_merge(&options, &state[0], &state[1], &state[2], &result);
    if (err == JIT_OK) {
        if (result.conflict_count == 0) {
            must(world_apply(&world[0], result.patch.data, result.patch.size));
        } else {
            assert(result.patch.size == 0);
        }
        rmg_merge_result_release(&result);
    } else {
        assert(err == JIT_ENOENT || err == JIT_EEXIST);
        assert(result.choice_bad < choices->count);
    }
    for (int i = 0; i < 3; i++) {
        world_close(&world[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct choices choices;
    char what[CHOICES_WHAT_SIZE];
    enum jit_err err = choices_decode(jit_heap_libc(), bytes, size, &choices, what);
    if (err == JIT_OK) {
        fuzz_take();
        check_merge(&choices);
    } else {
        assert(err == JIT_EFORMAT);
        assert(strlen(what) > 0);
        assert(rmg_utf8_valid((const uint8_t *)what, strlen(what)));
    }
    choices_release(&choices);
    return 0;
}
