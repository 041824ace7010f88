/* tests/tools/format_world.h - random states, and a hand-made one with every kind of value, for the
 * round trips of the formats. */
#ifndef JIT_TESTS_TOOLS_FORMAT_WORLD_H
#define JIT_TESTS_TOOLS_FORMAT_WORLD_H

#include "tests/lib/world.h"
#include "tests/tools/format_fixture.h"

/* A random state in world. */
static inline void world_grow(struct world *world, enum world_ids kind, uint64_t seed,
                              unsigned transactions)
{
    world_begin(world, kind, seed, 8u << 20);
    for (unsigned n = 0; n < transactions; n++) {
        struct naive_state next = naive_copy(&world->model);
        struct rmg_tx *tx = NULL;
        must(rmg_tx_begin(world->store, &world->version, &tx));
        for (uint64_t i = 0; i < 20; i++) {
            (void)world_step(world, tx, &next);
        }
        if (rmg_tx_seal(tx, &world->version) == JIT_OK) {
            naive_release(&world->model);
            world->model = next;
        } else {
            naive_release(&next);
        }
    }
}

static inline enum jit_err to_buf(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static inline struct format_graph world_graph(struct world *world)
{
    return (struct format_graph){
        .heap = &world->heap.heap, .store = world->store, .version = world->version};
}

/* In a format with one output. */
static inline enum jit_err export_text_of(const struct format *format,
                                          const struct format_graph *graph, struct jit_buf *buf,
                                          struct format_error *error)
{
    struct export_out out = {to_buf, buf};
    struct export_report report;
    jit_buf_init(buf, jit_heap_libc(), 64u << 20);
    return export_to(format, graph, &out, &report, error);
}

#endif
