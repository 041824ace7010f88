#include "kernel/load.h"

#include "kernel/event/pool.h"

#define THREADS 2u

enum jit_err shell_load(struct jit_heap *heap, struct jit_io *io,
                        const struct ckpt_manifest *manifest, struct rmg_store *store,
                        struct rmg_version *out, const char **why)
{
    struct shell_pool *pool = NULL;
    struct jit_exec *exec = jit_exec_inline();
    bool large = manifest->segment_count > 0 && manifest->segments[0].size >= CKPT_IMAGE_BYTES;
    if (large && shell_pool_new(heap, THREADS, &pool) == JIT_OK) {
        exec = shell_pool_exec(pool);
    }
    enum jit_err err = ckpt_load_by(heap, io, exec, manifest, store, out, why);
    shell_pool_free(pool);
    return err;
}
