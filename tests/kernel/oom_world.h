/* tests/kernel/oom_world.h - what rows of graphs work on: the small states of checkpoint_world.h,
 * bytes that an operation reads and writes, a store beside. */
#ifndef JIT_TESTS_OOM_WORLD_H
#define JIT_TESTS_OOM_WORLD_H

#include "tests/kernel/checkpoint/checkpoint_world.h"
#include "tests/kernel/oom_rows.h"

#define BYTES_MAX (1u << 20)

static struct world w;
static struct jit_buf in;  /* what an operation reads, made by begin with all memory */
static struct jit_buf out; /* what it writes, of the heap that refuses */

static inline void begin(struct oom *oom)
{
    world_begin(&w);
    jit_buf_init(&in, jit_heap_libc(), BYTES_MAX);
    jit_buf_init(&out, &w.mem.heap, BYTES_MAX);
    oom->mem = &w.mem;
}

static inline void end(struct oom *oom)
{
    (void)oom;
    jit_buf_release(&in);
    jit_buf_release(&out);
    world_end(&w);
}

/* The newest version is as it was, bit for bit. */
static inline void whole(struct oom *oom)
{
    struct rmg_fault fault;
    (void)oom;
    for (unsigned n = 0; n < WORLD_STATES; n++) {
        must(rmg_store_verify(w.store, &w.versions[n], &fault));
    }
}

static inline struct rmg_state state(unsigned n)
{
    return (struct rmg_state){.store = w.store, .version = w.versions[n]};
}

static inline enum jit_err write_out(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static inline enum jit_err hash_out(struct oom *oom, enum jit_err err)
{
    err = err == JIT_OK ? out.err : err;
    if (err == JIT_OK) {
        jit_hash(out.data, out.size, &oom->result);
    }
    jit_buf_release(&out);
    return err;
}

/* A store beside the fixture's; release either way. */
struct other {
    struct rmg_arena *arena;
    struct rmg_store *store;
};

static inline enum jit_err other_new(struct other *other, struct jit_heap *heap)
{
    *other = (struct other){.arena = NULL};
    enum jit_err err = rmg_arena_new(heap, WORLD_ARENA, &other->arena);
    if (err == JIT_OK) {
        struct rmg_store_options options = {.arenas = {other->arena}, .arena_count = 1};
        err = rmg_store_new(heap, &options, &other->store);
    }
    return err;
}

static inline void other_release(struct other *other, struct jit_heap *heap)
{
    rmg_store_free(other->store);
    rmg_arena_free(heap, other->arena);
}

static inline enum jit_err seal_or_abort(struct oom *oom, struct rmg_tx *tx, enum jit_err err)
{
    struct rmg_version version;
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    err = rmg_tx_seal(tx, &version);
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    return err;
}

#endif
