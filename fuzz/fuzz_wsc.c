/* Any bytes as a .wsc file: refused with a fault that lies in it, or a valid state; then it is
 * loaded and written again as the same bytes. Unverified, every row can be asked for. */
#include "base/buf.h"
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rmg/file/foreign_root.h"
#include "rmg/file/wsc.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/wsc", "tests/rmg/golden", NULL};

#define INPUT_BYTES_MAX (1u << 16) /* so that the arena has room for any state in it */
#define ARENA_BYTES     (16u << 20)

static enum jit_err to_buf(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static uint64_t read_owners(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                            enum rmg_plane plane)
{
    uint64_t sum = 0;
    uint64_t count = in->rows[plane == RMG_PLANE_ALPHA ? RMG_WSC_NODES : RMG_WSC_EDGES];
    for (uint64_t i = 0; i <= count; i++) {
        struct rmg_attachment a;
        if (rmg_wsc_attachment(file, in, plane, i, &a) == JIT_OK) {
            for (uint32_t k = 0; k < a.value.size; k++) {
                sum += a.value.bytes[k];
            }
        }
    }
    return sum;
}

/* Ranges are judged, so this is bounded by nodes times edges: the input is small. */
static void read_all(const struct rmg_wsc *file)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i <= file->instance_count; i++) {
        struct rmg_wsc_instance in;
        if (rmg_wsc_instance_at(file, i, &in) != JIT_OK) {
            continue;
        }
        for (uint64_t n = 0; n <= in.rows[RMG_WSC_NODES]; n++) {
            struct rmg_bulk_node node;
            struct rmg_edge edge;
            uint64_t first = 0;
            uint64_t count = 0;
            if (rmg_wsc_node_at(file, &in, n, &node) == JIT_OK) {
                sum += rmg_wsc_node_find(file, &in, &node.id, &first) == JIT_OK;
                sum += rmg_wsc_edge_find(file, &in, &node.id, &first) == JIT_OK;
            }
            if (rmg_wsc_out_edges(file, &in, n, &first, &count) == JIT_OK && count > 0) {
                sum += rmg_wsc_out_edge_at(file, &in, first, &edge) == JIT_OK;
                sum += rmg_wsc_out_edge_at(file, &in, first + count - 1, &edge) == JIT_OK;
            }
        }
        sum += read_owners(file, &in, RMG_PLANE_ALPHA) + read_owners(file, &in, RMG_PLANE_BETA);
    }
    assert(sum < UINT64_MAX);
}

static void write_again(const struct rmg_wsc *file, struct rmg_store *store,
                        const struct rmg_version *version)
{
    struct jit_heap *heap = jit_heap_libc();
    struct jit_buf buf;
    struct jit_id root;
    jit_buf_init(&buf, heap, 2 * INPUT_BYTES_MAX);
    enum jit_err err = rmg_wsc_write(heap, store, version, &file->head, to_buf, &buf, NULL, NULL);
    assert(err == JIT_OK);
    assert(buf.size == file->size);
    assert(memcmp(buf.data, file->bytes, buf.size) == 0);
    err = rmg_echo_root(heap, store, version, &root, NULL);
    assert(err == JIT_OK);
    err = rmg_linear_root(heap, store, version, &root);
    assert(err == JIT_OK);
    jit_buf_release(&buf);
}

static void load(const struct rmg_wsc *file)
{
    struct rmg_file_fault fault = {.what = NULL};
    struct rmg_wsc_verified verified;
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    enum jit_err err = rmg_wsc_verify(jit_heap_libc(), file, &verified, &fault);
    assert(err == JIT_OK || err == JIT_ECORRUPT);
    assert(err == JIT_OK || (fault.what != NULL && fault.offset <= file->size));
    rmg_wsc_verified_release(&verified, jit_heap_libc());
    if (err != JIT_OK) {
        return;
    }
    err = rmg_arena_new(jit_heap_libc(), ARENA_BYTES, &arena);
    assert(err == JIT_OK);
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    err = rmg_store_new(jit_heap_libc(), &options, &store);
    assert(err == JIT_OK);
    err = rmg_wsc_load(jit_heap_libc(), file, store, &version, &fault);
    assert(err == JIT_OK);
    write_again(file, store, &version);
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rmg_file_fault fault = {.what = NULL};
    struct rmg_wsc file;
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    enum jit_err err = rmg_wsc_open(bytes, size, &file, &fault);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION || err == JIT_ECORRUPT);
    assert(err == JIT_OK || (fault.what != NULL && fault.offset <= size));
    if (err == JIT_OK) {
        fuzz_take();
        read_all(&file);
        load(&file);
    }
    return 0;
}
