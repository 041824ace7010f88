/* Any bytes as memory of a worker: the page of its home is judged, and a graph in it is read from
 * roots that the bytes give. Whatever they say, each walk ends, and says nonsense when it is.
 *
 * Shape:  eight roots (u32), u64 nodes, u64 edges; then the memory, which begins with a page. */
#include <stdlib.h>

#include "base/check.h"
#include "base/cursor.h"
#include "fuzz/fuzz.h"
#include "sws/home.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/graph", NULL};

#define HEAD_BYTES  48u
#define STEPS_MAX   100000u /* of a walk over at most so many bytes of memory */
#define MEMORY_MAX  65536u
#define LOOKS_MAX   256u
#define TICKS_TRIED 4u

static bool told(enum jit_err err)
{
    assert(err == JIT_OK || err == JIT_ENOENT || err == JIT_ECORRUPT);
    return err == JIT_OK;
}

static void ask_about_edge(const struct rmg_graph *graph, const struct rmg_edge *edge)
{
    struct rmg_edge found;
    struct rmg_iter iter;
    uint64_t count = 0;
    (void)told(rmg_edge_get(graph, &edge->id, &found));
    (void)told(rmg_degree(graph, &edge->from, RMG_DIR_OUT, &edge->type, &count));
    (void)told(rmg_degree(graph, &edge->to, RMG_DIR_IN, NULL, &count));
    rmg_iter_edges_between(graph, &edge->from, RMG_DIR_OUT, &edge->type, &edge->to, &iter);
    for (unsigned i = 0; i < LOOKS_MAX && told(rmg_iter_edge(&iter, &found)); i++) {
    }
}

static void ask_about_owner(const struct rmg_graph *graph, enum rmg_plane plane,
                            const struct rmg_iter *iter, const struct jit_id *owner, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < LOOKS_MAX; i++) {
        struct rmg_attachment attachment;
        struct rmg_value value;
        if (!told(rmg_iter_attachment(iter, i, &attachment))) {
            return;
        }
        (void)told(
            rmg_attachment_get(graph, plane, owner, attachment.name, attachment.name_size, &value));
        for (uint32_t k = 0; k < value.size && value.kind == RMG_VALUE_ATOM; k++) {
            assert(attachment.value.bytes != NULL || attachment.value.size == 0);
        }
    }
}

static void walk(const struct rmg_graph *graph, enum rmg_map map)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    struct rmg_edge edge;
    uint32_t count = 0;
    unsigned steps = 0;
    unsigned asked = 0;
    rmg_iter_all(graph, map, &iter);
    if (map == RMG_NODES || map == RMG_NODE_TYPES) {
        while (told(rmg_iter_node(&iter, &id, &type))) {
            assert(++steps < STEPS_MAX);
            fuzz_take();
            if (asked++ < LOOKS_MAX) {
                uint64_t nodes = 0;
                (void)told(rmg_node_type(graph, &id, &type));
                (void)told(rmg_extent_count(graph, false, &type, &nodes));
            }
        }
    } else if (map == RMG_ALPHA || map == RMG_BETA) {
        while (told(rmg_iter_owner(&iter, &id, &count))) {
            assert(++steps < STEPS_MAX);
            if (asked++ < LOOKS_MAX) {
                ask_about_owner(graph, map == RMG_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA, &iter,
                                &id, count);
            }
        }
    } else {
        while (told(rmg_iter_edge(&iter, &edge))) {
            assert(++steps < STEPS_MAX);
            if (asked++ < LOOKS_MAX) {
                ask_about_edge(graph, &edge);
            }
        }
    }
}

static bool no_change(void *user, const struct rmg_change *change)
{
    unsigned *left = user;
    assert(change->map < RMG_MAPS_HASHED && change->before);
    return --*left > 0;
}

static void check_page(const uint8_t *memory, size_t size)
{
    struct rmg_version version;
    uint64_t used = 0;
    for (uint64_t tick = 0; tick < TICKS_TRIED && size >= sizeof(struct sws_home_page); tick++) {
        enum jit_err err = sws_home_look((const struct sws_home_page *)(const void *)memory, size,
                                         tick, &version, &used);
        assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION || err == JIT_ECORRUPT ||
               err == JIT_ESTALE);
        assert(err != JIT_OK || used <= size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rmg_graph graph = {.instance = {{1}}};
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    if (size < HEAD_BYTES || size > MEMORY_MAX) {
        return 0;
    }
    for (unsigned i = 0; i < RMG_MAPS; i++) {
        graph.roots.ref[i] = jit_get_u32(&cur);
    }
    graph.roots.node_count = jit_get_u64(&cur);
    graph.roots.edge_count = jit_get_u64(&cur);
    size_t left = cur.left / 16 * 16;
    uint8_t *memory = aligned_alloc(16, left == 0 ? 16 : left);
    assert(memory != NULL);
    memcpy(memory, bytes + HEAD_BYTES, left);
    graph.mem = (struct rmg_mem){.base = memory, .size = left};
    check_page(memory, left);
    for (unsigned map = 0; map < RMG_MAPS; map++) {
        walk(&graph, (enum rmg_map)map);
    }
    /* Against nothing: all that is there goes. */
    struct rmg_graph empty = {.instance = graph.instance, .mem = graph.mem};
    unsigned changes = STEPS_MAX;
    (void)told(rmg_graph_diff(&graph, &empty, no_change, &changes));
    free(memory);
    return 0;
}
