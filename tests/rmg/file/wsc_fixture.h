/* tests/rmg/file/wsc_fixture.h - what the tests of .wsc files and of the other roots share: sizes
 * of random states, writing one, loading bytes into a store of its own. */
#ifndef JIT_TESTS_WSC_FIXTURE_H
#define JIT_TESTS_WSC_FIXTURE_H

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "rmg/file/foreign_root.h"
#include "rmg/file/wsc.h"
#include "tests/lib/must.h"
#include "tests/lib/naive_forms.h"
#include "tests/lib/plain.h"
#include "tests/lib/tcase.h"

#define ARENA_BYTES (8u << 20)

static const struct plain_size sizes[] = {
    {.instances = 1, .nodes = 3, .edges = 3, .arena_bytes = ARENA_BYTES},
    {.instances = 5, .nodes = 20, .edges = 30, .arena_bytes = ARENA_BYTES},
    {.instances = 12, .nodes = 6, .edges = 8, .arena_bytes = ARENA_BYTES},
    {.instances = 2, .nodes = 100, .edges = 255, .arena_bytes = ARENA_BYTES},
};
#define SIZES ((int)(sizeof sizes / sizeof *sizes))

static inline enum jit_err to_buf(void *user, const uint8_t *piece, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, piece, size);
    return buf->err;
}

static inline struct rmg_wsc_head head_of(uint64_t seed)
{
    return (struct rmg_wsc_head){.schema_hash = world_id(WORLD_RANDOM, 5, seed), .tick = seed};
}

static inline void write_state(const struct rmg_store *store, const struct rmg_version *version,
                               const struct rmg_wsc_head *head, struct jit_buf *out)
{
    struct fault_heap heap = fault_heap_make(-1, false);
    uint64_t size = 0;
    jit_buf_init(out, jit_heap_libc(), 64u << 20);
    must(rmg_wsc_write(&heap.heap, store, version, head, to_buf, out, NULL, &size));
    ck_assert_uint_eq(size, out->size);
    ck_assert_int_eq(heap.live, 0);
}

struct target {
    struct fault_heap mem;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
};

/* Open and load into a store of its own. The fault heap serves the load only. */
static inline enum jit_err load(const uint8_t *data, uint64_t size, int64_t refuse_at,
                                struct target *target, struct rmg_file_fault *fault)
{
    struct rmg_wsc file;
    struct rmg_store_options options = {.arena_count = 1};
    must(rmg_arena_new(jit_heap_libc(), (256u << 10) + 64 * size, &target->arena));
    options.arenas[0] = target->arena;
    must(rmg_store_new(jit_heap_libc(), &options, &target->store));
    target->mem = fault_heap_make(refuse_at, false);
    *fault = (struct rmg_file_fault){0};
    enum jit_err err = rmg_wsc_open(data, size, &file, fault);
    if (err == JIT_OK) {
        err = rmg_wsc_load(&target->mem.heap, &file, target->store, &target->version, fault);
    }
    ck_assert_int_eq(target->mem.live, 0);
    return err;
}

static inline void drop(struct target *target)
{
    rmg_store_free(target->store);
    rmg_arena_free(jit_heap_libc(), target->arena);
}

#endif
