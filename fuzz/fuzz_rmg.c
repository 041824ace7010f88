/* Any bytes as an .rmg file: refused with a fault that lies in it, or a valid state, which is
 * loaded and written again as the same bytes. Unverified, every record can be asked for. */
#include "base/buf.h"
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rmg/file/file.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/rmg", "tests/rmg/golden", NULL};

#define INPUT_BYTES_MAX (1u << 16) /* so that the arena has room for any state in it */
#define ARENA_BYTES     (16u << 20)

static enum jit_err to_buf(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static uint64_t read_payload(const struct rmg_file *file, uint64_t offset, uint64_t size)
{
    struct rmg_file_payload payload;
    struct rmg_attachment a;
    uint64_t sum = 0;
    if (rmg_file_payload_at(file, offset, size, &payload) == JIT_OK) {
        while (rmg_file_payload_next(&payload, &a) == JIT_OK) {
            for (uint32_t i = 0; i < a.value.size && a.value.bytes != NULL; i++) {
                sum += a.value.bytes[i];
            }
            sum += a.name_size > 0 ? (uint8_t)a.name[a.name_size - 1] : 0;
        }
    }
    return sum;
}

static void read_all(const struct rmg_file *file)
{
    uint64_t sum = 0;
    uint64_t at = rmg_file_blocks(file);
    struct rmg_file_instance in;
    for (uint64_t i = 0; i <= file->instance_count && i < 70000; i++) {
        if (rmg_file_instance_at(file, at, &in) != JIT_OK) {
            break;
        }
        at = in.next;
    }
    for (uint64_t i = 0; i <= file->node_count; i++) {
        struct rmg_file_node node;
        if (rmg_file_node_at(file, i, &node) == JIT_OK) {
            sum += read_payload(file, node.payload_offset, node.payload_size);
            sum += rmg_file_instance_at(file, node.subgraph_offset, &in) == JIT_OK;
        }
    }
    for (uint64_t i = 0; i <= file->edge_count; i++) {
        struct rmg_file_edge edge;
        if (rmg_file_edge_at(file, i, &edge) == JIT_OK) {
            sum += read_payload(file, edge.data_offset, edge.data_size);
        }
    }
    assert(sum < UINT64_MAX);
}

static void load(const struct rmg_file *file, bool sound)
{
    struct jit_heap *heap = jit_heap_libc();
    struct rmg_file_fault fault = {.what = NULL};
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    enum jit_err err = rmg_arena_new(heap, ARENA_BYTES, &arena);
    assert(err == JIT_OK);
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    err = rmg_store_new(heap, &options, &store);
    assert(err == JIT_OK);
    err = rmg_file_load(heap, file, store, &version, &fault);
    assert(err == JIT_OK || err == JIT_ECORRUPT);
    assert(err == JIT_OK || (fault.what != NULL && fault.offset <= file->size));
    if (err == JIT_OK) {
        struct jit_buf buf;
        assert(sound && jit_id_equal(&version.state_root, &file->root));
        jit_buf_init(&buf, heap, 2 * INPUT_BYTES_MAX);
        err = rmg_file_write(heap, store, &version, to_buf, &buf, NULL);
        assert(err == JIT_OK && buf.size == file->size);
        assert(memcmp(buf.data, file->bytes, buf.size) == 0); /* one state has one file */
        jit_buf_release(&buf);
    }
    rmg_store_free(store);
    rmg_arena_free(heap, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rmg_file file;
    struct rmg_file_fault fault = {.what = NULL};
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    enum jit_err err = rmg_file_open(bytes, size, &file, &fault);
    assert(err == JIT_OK || (fault.what != NULL && fault.offset <= size));
    if (err == JIT_OK) {
        read_all(&file);
        err = rmg_file_check(jit_heap_libc(), &file, &fault);
        assert(err == JIT_OK || err == JIT_ECORRUPT);
        if (err == JIT_OK) {
            fuzz_take();
        }
        assert(err == JIT_OK || (fault.what != NULL && fault.offset <= size));
        load(&file, err == JIT_OK);
    }
    return 0;
}
