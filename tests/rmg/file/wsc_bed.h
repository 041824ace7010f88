/* tests/rmg/file/wsc_bed.h - one state and the .wsc file of it. Layer: tests. */
#ifndef JIT_TESTS_RMG_FILE_WSC_BED_H
#define JIT_TESTS_RMG_FILE_WSC_BED_H

#include "rmg/file/wsc_priv.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/file/wsc_fixture.h"

static struct plain plain;
static struct jit_buf bytes; /* of the file */

static inline void begin(enum world_ids kind, uint64_t seed, const struct plain_size *size)
{
    struct rmg_wsc_head head = head_of(seed);
    plain_begin(&plain, kind, seed, size);
    write_state(plain.store, &plain.version, &head, &bytes);
}

static inline void end(void)
{
    jit_buf_release(&bytes);
    plain_end(&plain);
}

/* A state that is small and yet has everything. */
static inline void small(void)
{
    static const struct plain_size size = {
        .instances = 3, .nodes = 4, .edges = 4, .arena_bytes = ARENA_BYTES};
    for (uint64_t seed = 1;; seed++) {
        struct rmg_wsc file;
        struct rmg_wsc_instance in;
        uint64_t least = UINT64_MAX;
        ck_assert_uint_lt(seed, 1000);
        begin(WORLD_RANDOM, seed, &size);
        must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
        for (uint64_t i = 0; i < file.instance_count; i++) {
            must(rmg_wsc_instance_at(&file, i, &in));
            for (unsigned s = 0; s < RMG_WSC_SECTIONS && i == 0; s++) {
                least = in.rows[s] < least ? in.rows[s] : least;
            }
        }
        if (file.instance_count == 3 && least >= 1 && bytes.size < 6000) {
            return;
        }
        end();
    }
}

#endif
