#include "kernel/core/beside.h"

#include "base/check.h"
#include "base/limits.h"
#include "rmg/change/patch.h"

/* A worker's own graph has at most three quarters of 64 MiB. What is held here may have three
 * versions of it that share nothing: the newest, the next, and one that a checkpoint is made of.
 * It is a range of addresses; memory is what is touched of it. */
#define OWN_BYTES     (256ull << 20)
#define OWN_BYTES_MIN (64ull << 20)

void kern_beside_init(struct kern_beside *beside, struct jit_heap *heap)
{
    *beside = (struct kern_beside){.heap = heap};
}

static void own_free(struct jit_heap *heap, struct kern_own *own)
{
    if (own == NULL) {
        return;
    }
    rmg_store_free(own->store);
    jit_memory_release(own->arena.base, own->memory_size);
    heap->free(heap, own);
}

void kern_beside_release(struct kern_beside *beside)
{
    struct jit_heap *heap = beside->heap;
    for (uint32_t i = 0; i < beside->own_count; i++) {
        own_free(heap, beside->owns[i]);
    }
    heap->free(heap, beside->owns);
    heap->free(heap, beside->deaths);
    kern_beside_init(beside, heap);
}

/* ---- graphs ---- */

struct kern_own *kern_own_find(const struct kern_beside *beside, const struct jit_id *process)
{
    for (uint32_t i = 0; i < beside->own_count; i++) {
        if (jit_id_equal(&beside->owns[i]->process, process)) {
            return beside->owns[i];
        }
    }
    return NULL;
}

static enum jit_err own_new(struct jit_heap *heap, const struct jit_id *process,
                            struct kern_own **out)
{
    struct kern_own *own = jit_heap_zalloc(heap, 1, sizeof *own);
    *out = NULL;
    if (own == NULL) {
        return JIT_ENOMEM;
    }
    own->process = *process;
    own->now = rmg_version_empty();
    uint8_t *base = jit_memory_reserve(OWN_BYTES, OWN_BYTES_MIN, &own->memory_size);
    if (base == NULL) {
        heap->free(heap, own);
        return JIT_ENOMEM;
    }
    rmg_arena_init(&own->arena, base, own->memory_size, own->memory_size, RMG_GRANULE);
    const struct rmg_store_options options = {.arenas = {&own->arena}, .arena_count = 1};
    enum jit_err err = rmg_store_new(heap, &options, &own->store);
    if (err != JIT_OK) {
        own_free(heap, own);
        return err;
    }
    *out = own;
    return JIT_OK;
}

enum jit_err kern_own_get(struct kern_beside *beside, const struct jit_id *process,
                          struct kern_own **out)
{
    void *data = beside->owns;
    *out = kern_own_find(beside, process);
    if (*out != NULL) {
        return JIT_OK;
    }
    if (jit_heap_grow(beside->heap, &data, &beside->own_capacity, beside->own_count + 1u,
                      sizeof(struct kern_own *)) != 0) {
        return JIT_ENOMEM;
    }
    beside->owns = data;
    enum jit_err err = own_new(beside->heap, process, out);
    if (err == JIT_OK) {
        beside->owns[beside->own_count++] = *out;
    }
    return err;
}

enum jit_err kern_own_try(struct jit_heap *heap, struct kern_own *own, const struct jit_id *root,
                          const uint8_t *patch, size_t patch_size)
{
    struct rmg_branch branch;
    struct rmg_tx *tx = NULL;
    assert(!own->has_next);
    enum jit_err err = rmg_branch_fork(own->store, &own->now, &branch);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_branch_begin(own->store, &branch, &tx);
    if (err == JIT_OK) {
        err = rmg_patch_apply(heap, tx, &own->now, patch, patch_size);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &branch.head);
        } else {
            rmg_tx_abort(tx);
        }
    }
    if (err == JIT_OK && !jit_id_equal(&branch.head.state_root, root)) {
        err = JIT_EDIVERGED;
    }
    if (err == JIT_OK) {
        const struct rmg_state before = {own->store, own->now};
        own->next_use = own->use;
        err = rmg_patch_amount(heap, &before, patch, patch_size, &own->next_use);
    }
    if (err != JIT_OK) {
        rmg_branch_drop(own->store, &branch);
        return err;
    }
    own->next = branch;
    own->has_next = true;
    return JIT_OK;
}

void kern_own_take(struct kern_own *own)
{
    assert(own->has_next);
    own->now = own->next.head;
    own->use = own->next_use;
    rmg_branch_adopt(own->store, &own->next, NULL);
    own->has_next = false;
}

void kern_own_drop(struct kern_own *own)
{
    if (own->has_next) {
        rmg_branch_drop(own->store, &own->next);
        own->has_next = false;
    }
}

enum jit_err kern_own_mark(struct kern_own *own, const struct rmg_version *version)
{
    enum jit_err err = rmg_store_pin(own->store, version);
    if (err == JIT_OK && own->has_base) {
        rmg_store_unpin(own->store, &own->base);
    }
    if (err == JIT_OK) {
        own->base = *version;
        own->has_base = true;
    }
    return err;
}

/* ---- deaths ---- */

/* Of one process no more are of any use than a policy can count. */
static void forget_oldest(struct kern_beside *beside, const struct jit_id *process)
{
    uint32_t first = UINT32_MAX;
    uint32_t count = 0;
    for (uint32_t i = beside->death_count; i > 0; i--) {
        if (jit_id_equal(&beside->deaths[i - 1].process, process)) {
            first = i - 1;
            count++;
        }
    }
    if (count >= JIT_RESTARTS_MAX) {
        beside->death_count--;
        memmove(beside->deaths + first, beside->deaths + first + 1,
                (beside->death_count - first) * sizeof *beside->deaths);
    }
}

enum jit_err kern_beside_died(struct kern_beside *beside, const struct jit_id *process,
                              uint64_t tick)
{
    void *data = beside->deaths;
    forget_oldest(beside, process);
    if (jit_heap_grow(beside->heap, &data, &beside->death_capacity, beside->death_count + 1u,
                      sizeof *beside->deaths) != 0) {
        return JIT_ENOMEM;
    }
    beside->deaths = data;
    beside->deaths[beside->death_count++] = (struct kern_death){.process = *process, .tick = tick};
    beside->deaths_told++;
    return JIT_OK;
}
