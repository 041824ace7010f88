/* The .rmg file of a binary tree of n nodes, n - 1 edges and a 16-byte atom a node, in memory.
 * open_rmg: header and sections. verify_rmg: order, layout, validity, without the hash. load_rmg:
 * verified, into an empty store, with its root. write_rmg: from the store to a sink that drops it.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "rmg/file/file.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

struct sink {
    uint8_t *bytes; /* NULL: dropped */
    uint64_t size;
};

static enum jit_err take(void *user, const uint8_t *bytes, size_t size)
{
    struct sink *sink = user;
    if (sink->bytes != NULL) {
        memcpy(sink->bytes + sink->size, bytes, size);
    }
    sink->size += size;
    return JIT_OK;
}

static void bench_load(const struct bench *bench, uint64_t n, const struct rmg_file *file)
{
    double samples[3];
    uint64_t mapped = (n + 1000) * 2000 / 4096 * 4096;
    for (size_t i = 0; i < 3 && bench_wants(bench, "load_rmg", n); i++) {
        struct rmg_arena arena;
        struct rmg_store *store = NULL;
        struct rmg_version version;
        void *base = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert(base != MAP_FAILED);
        rmg_arena_init(&arena, base, mapped, mapped, 0);
        struct rmg_store_options options = {.arenas = {&arena}, .arena_count = 1};
        must(rmg_store_new(jit_heap_libc(), &options, &store));
        uint64_t before = bench_now_ns();
        must(rmg_file_load(jit_heap_libc(), file, store, &version, NULL));
        samples[i] = (double)(bench_now_ns() - before);
        rmg_store_free(store);
        munmap(base, mapped);
    }
    bench_report_bytes(bench, "load_rmg", n, file->size, samples, 3);
}

static void bench_one(const struct bench *bench, uint64_t n)
{
    double samples[1001];
    struct bench_bed bed;
    struct rmg_file file;
    struct sink kept = {.bytes = bench_array(n * 400 + 4096, 1)};
    bench_bed_begin(&bed, n);
    must(rmg_file_write(jit_heap_libc(), bed.store, &bed.version, take, &kept, NULL));
    for (size_t i = 0; i < 5 && bench_wants(bench, "write_rmg", n); i++) {
        struct sink dropped = {.bytes = NULL};
        uint64_t before = bench_now_ns();
        must(rmg_file_write(jit_heap_libc(), bed.store, &bed.version, take, &dropped, NULL));
        samples[i] = (double)(bench_now_ns() - before);
        assert(dropped.size == kept.size);
    }
    bench_report_bytes(bench, "write_rmg", n, kept.size, samples, 5);
    bench_bed_end(&bed);
    for (size_t i = 0; i < 1001; i++) {
        uint64_t before = bench_now_ns();
        must(rmg_file_open(kept.bytes, kept.size, &file, NULL));
        samples[i] = (double)(bench_now_ns() - before);
    }
    bench_report(bench, "open_rmg", n, samples, 1001);
    for (size_t i = 0; i < 5 && bench_wants(bench, "verify_rmg", n); i++) {
        uint64_t before = bench_now_ns();
        must(rmg_file_check(jit_heap_libc(), &file, NULL));
        samples[i] = (double)(bench_now_ns() - before);
    }
    bench_report_bytes(bench, "verify_rmg", n, kept.size, samples, 5);
    bench_load(bench, n, &file);
    free(kept.bytes);
}

void bench_file(const struct bench *bench)
{
    static const uint64_t sizes[] = {1000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (bench_wants(bench, "open_rmg", sizes[i]) || bench_wants(bench, "write_rmg", sizes[i]) ||
            bench_wants(bench, "verify_rmg", sizes[i]) ||
            bench_wants(bench, "load_rmg", sizes[i])) {
            bench_one(bench, sizes[i]);
        }
    }
}
