/* Any bytes as what a collapsed branch asks for: refused, or every part of it is as it has to be:
 * places ascend, each in-slot and each operation lies in one of them, counters and sums are as many
 * as it says. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rmg/change/collapse.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/collapse", NULL};

struct seen {
    const struct rmg_collapse *collapse;
    uint64_t operations;
};

static bool look(void *user, const struct rmg_op *op)
{
    struct seen *seen = user;
    const struct rmg_collapse_place *place = rmg_collapse_place_of(seen->collapse, &op->instance);
    assert(place != NULL && place->written);
    seen->operations++;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct rmg_collapse collapse;
    struct seen seen = {.collapse = &collapse};
    struct jit_id root;
    struct jit_id value;
    struct rmg_slot slot;
    uint64_t operation = 0;
    int64_t begin = 0;
    enum jit_err err = rmg_collapse_decode(bytes, size, &collapse);
    assert(err == JIT_OK || err == JIT_EFORMAT);
    if (err != JIT_OK) {
        return 0;
    }
    fuzz_take();
    assert(collapse.place_count > 0 && collapse.place_count <= JIT_COLLAPSE_PLACES);
    for (uint32_t i = 1; i < collapse.place_count; i++) {
        assert(jit_id_compare(&collapse.places[i - 1].instance, &collapse.places[i].instance) < 0);
    }
    struct jit_cursor cur = jit_cursor_of(collapse.reads, collapse.reads_size);
    for (uint64_t i = 0; i < collapse.read_count; i++) {
        rmg_collapse_next_read(&cur, &slot, &value);
        assert(rmg_collapse_place_of(&collapse, &slot.instance) != NULL);
    }
    assert(jit_cursor_done(&cur));
    for (uint64_t i = 0; i < collapse.sum_count; i++) {
        rmg_collapse_sum(&collapse, i, &operation, &begin);
        assert(operation < collapse.op_count);
    }
    err = rmg_patch_each(jit_heap_libc(), collapse.patch, collapse.patch_size, &root, look, &seen);
    assert(err == JIT_OK && seen.operations == collapse.op_count && collapse.op_count > 0);
    return 0;
}
