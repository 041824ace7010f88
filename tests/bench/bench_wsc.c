/* The .wsc snapshot of a binary tree of n nodes, n - 1 edges and a nameless 16-byte atom a node, in
 * memory. open_wsc: header, directory, sections. verify_image: BLAKE3 of all bytes, and the
 * bounds. verify_deep: every row, order, reference. write_wsc: from the store to a sink that drops
 * it. load_wsc: verified, into an empty store, with its root. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/file/wsc.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define RUNS_MAX 1001u

struct bed {
    uint64_t n;
    struct rmg_arena arena;
    uint64_t mapped;
    struct rmg_store *store;
    struct rmg_version version;
    uint8_t *bytes; /* of the file */
    uint64_t size;
};

static void store_begin(struct bed *bed)
{
    bed->mapped = (bed->n + 1000) * 2000 / 4096 * 4096;
    void *base = mmap(NULL, bed->mapped, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(base != MAP_FAILED);
    rmg_arena_init(&bed->arena, base, bed->mapped, bed->mapped, 0);
    struct rmg_store_options options = {.arenas = {&bed->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &bed->store));
    bed->version = rmg_version_empty();
}

static void store_end(struct bed *bed)
{
    rmg_store_free(bed->store);
    munmap(bed->arena.base, bed->mapped);
}

static void build(struct bed *bed)
{
    uint64_t n = bed->n;
    struct jit_id type = bench_id("type:", 0);
    struct jit_id instance = bench_id("warp:", 0);
    uint8_t *atoms = bench_array(n, 16);
    struct rmg_bulk bulk = {.nodes = bench_array(n, sizeof *bulk.nodes),
                            .node_count = n,
                            .edges = bench_array(n, sizeof *bulk.edges),
                            .edge_count = n - 1,
                            .attachments = bench_array(n, sizeof *bulk.attachments),
                            .attachment_count = n};
    for (uint64_t i = 0; i < n; i++) {
        jit_put_le64(atoms + 16 * i, i);
        bulk.nodes[i] = (struct rmg_bulk_node){bench_id("node:", i), type};
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            .owner = bulk.nodes[i].id,
            .plane = RMG_PLANE_ALPHA,
            .attachment = {.name = "", .value = {RMG_VALUE_ATOM, type, atoms + 16 * i, 16}}};
        if (i > 0) {
            bulk.edges[i - 1] = (struct rmg_edge){.id = bench_id("edge:", i),
                                                  .from = bulk.nodes[(i - 1) / 2].id,
                                                  .to = bulk.nodes[i].id,
                                                  .type = type};
        }
    }
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(bed->store, &bed->version, &tx));
    must(rmg_tx_upsert_instance(tx, &instance, &bulk.nodes[0].id, NULL));
    must(rmg_tx_load(tx, &instance, &bulk));
    must(rmg_tx_seal(tx, &bed->version));
    free(atoms);
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

static enum jit_err keep(void *user, const uint8_t *bytes, size_t size)
{
    struct bed *bed = user;
    memcpy(bed->bytes + bed->size, bytes, size);
    bed->size += size;
    return JIT_OK;
}

static enum jit_err drop(void *user, const uint8_t *bytes, size_t size)
{
    uint64_t *total = user;
    *total += size + (bytes[0] & 0u);
    return JIT_OK;
}

static void bench_write(const struct bench *bench, struct bed *bed)
{
    static const struct rmg_wsc_head head;
    double samples[5];
    for (size_t i = 0; i < 5 && bench_wants(bench, "write_wsc", bed->n); i++) {
        uint64_t total = 0;
        uint64_t before = bench_now_ns();
        must(rmg_wsc_write(jit_heap_libc(), bed->store, &bed->version, &head, drop, &total, NULL,
                           NULL));
        samples[i] = (double)(bench_now_ns() - before);
        assert(total == bed->size);
    }
    bench_report_bytes(bench, "write_wsc", bed->n, bed->size, samples, 5);
}

static void bench_open(const struct bench *bench, const struct bed *bed)
{
    double samples[RUNS_MAX];
    for (size_t i = 0; i < RUNS_MAX && bench_wants(bench, "open_wsc", bed->n); i++) {
        struct rmg_wsc file;
        uint64_t before = bench_now_ns();
        must(rmg_wsc_open(bed->bytes, bed->size, &file, NULL));
        samples[i] = (double)(bench_now_ns() - before);
    }
    bench_report(bench, "open_wsc", bed->n, samples, RUNS_MAX);
}

static void bench_verify(const struct bench *bench, const struct bed *bed)
{
    double samples[5];
    struct rmg_wsc file;
    for (size_t i = 0; i < 5 && bench_wants(bench, "verify_image", bed->n); i++) {
        struct jit_id image;
        uint64_t before = bench_now_ns();
        must(rmg_wsc_open(bed->bytes, bed->size, &file, NULL));
        rmg_wsc_image(&file, &image);
        samples[i] = (double)(bench_now_ns() - before);
    }
    bench_report_bytes(bench, "verify_image", bed->n, bed->size, samples, 5);
    for (size_t i = 0; i < 5 && bench_wants(bench, "verify_deep", bed->n); i++) {
        struct rmg_wsc_verified verified;
        uint64_t before = bench_now_ns();
        must(rmg_wsc_open(bed->bytes, bed->size, &file, NULL));
        must(rmg_wsc_verify(jit_heap_libc(), &file, &verified, NULL));
        samples[i] = (double)(bench_now_ns() - before);
        rmg_wsc_verified_release(&verified, jit_heap_libc());
    }
    bench_report_bytes(bench, "verify_deep", bed->n, bed->size, samples, 5);
}

static void bench_load(const struct bench *bench, const struct bed *bed)
{
    double samples[3];
    for (size_t i = 0; i < 3 && bench_wants(bench, "load_wsc", bed->n); i++) {
        struct bed other = {.n = bed->n};
        struct rmg_wsc file;
        store_begin(&other);
        uint64_t before = bench_now_ns();
        must(rmg_wsc_open(bed->bytes, bed->size, &file, NULL));
        must(rmg_wsc_load(jit_heap_libc(), &file, other.store, &other.version, NULL));
        samples[i] = (double)(bench_now_ns() - before);
        assert(jit_id_equal(&other.version.state_root, &bed->version.state_root));
        store_end(&other);
    }
    bench_report_bytes(bench, "load_wsc", bed->n, bed->size, samples, 3);
}

static bool wanted(const struct bench *bench, uint64_t n)
{
    return bench_wants(bench, "write_wsc", n) || bench_wants(bench, "open_wsc", n) ||
           bench_wants(bench, "verify_image", n) || bench_wants(bench, "verify_deep", n) ||
           bench_wants(bench, "load_wsc", n);
}

void bench_wsc(const struct bench *bench)
{
    static const uint64_t sizes[] = {1000, 100000, 1000000};
    static const struct rmg_wsc_head head;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bed bed = {.n = sizes[i]};
        if (!wanted(bench, bed.n)) {
            continue;
        }
        store_begin(&bed);
        build(&bed);
        bed.bytes = bench_array(352 * bed.n + 128, 1);
        must(
            rmg_wsc_write(jit_heap_libc(), bed.store, &bed.version, &head, keep, &bed, NULL, NULL));
        bench_write(bench, &bed);
        bench_open(bench, &bed);
        bench_verify(bench, &bed);
        bench_load(bench, &bed);
        store_end(&bed);
        free(bed.bytes);
    }
}
