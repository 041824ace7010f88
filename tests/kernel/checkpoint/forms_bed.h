/* tests/kernel/checkpoint/forms_bed.h - a folder on a simulated disk, and manifests made by hand.
 * Included by one test program at a time. */
#ifndef JIT_TESTS_FORMS_BED_H
#define JIT_TESTS_FORMS_BED_H

#include "tests/kernel/checkpoint/beside_world.h"

static struct world w;

static inline void setup(void)
{
    world_begin(&w);
    must(ckpt_key(&w.disk->io, true, w.seed));
    must(w.disk->io.mkdir(&w.disk->io, CKPT_DIR));
}

static inline void teardown(void)
{
    world_end(&w);
}

static inline void put_bytes(const char *name, const void *bytes, uint64_t size)
{
    int file = -1;
    must(w.disk->io.open(&w.disk->io, name, JIT_IO_CREATE, &file));
    must(w.disk->io.pwrite(&w.disk->io, file, bytes, size, 0));
    must(w.disk->io.sync(&w.disk->io, file));
    w.disk->io.close(&w.disk->io, file);
    sim_disk_resize(w.disk, name, size);
}

/* One segment, all else as it should be. */
static inline struct ckpt_manifest plain(void)
{
    struct ckpt_manifest m = world_job(&w, 0, false).manifest;
    m.segment_count = 1;
    m.segments[0] = (struct ckpt_segment){.kind = CKPT_STATE, .id = {{1}}, .size = 5};
    return m;
}

static inline struct jit_buf encoded(struct ckpt_manifest *m)
{
    struct jit_buf bytes;
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
    ckpt_manifest_encode(m, &bytes);
    must(bytes.err);
    return bytes;
}

#endif
