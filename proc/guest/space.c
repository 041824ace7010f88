#include "proc/guest/space_priv.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/change/diff.h"

#define HOME_AT    SYS_GRAPH_HOME
#define HEAP_BYTES (1u << 20) /* of an own graph that nobody keeps */
static_assert(HOME_AT >= sizeof(struct sys_graph_header) &&
                  HOME_AT + sizeof(struct sws_home_page) <= SYS_PAGE,
              "both in one page");

void guest_space_own(struct jit_id *instance, struct jit_id *root_node)
{
    jit_hash_named("warp:", "/", 1, instance);
    jit_hash_named("node:", "/", 1, root_node);
}

/* ---- life ---- */

/* The kernel gives more, and what is there is divided anew. */
static enum jit_err grow_home(struct rmg_arena *arena, uint64_t size_min)
{
    struct guest_space *space = arena->owner;
    struct guest_loop *loop = space->options.loop;
    const uint64_t max = space->options.boot->head.graph_bytes_max;
    uint64_t bytes = size_min / 3 * 4 + 2 * SYS_PAGE;
    const uint64_t twice = 2 * guest_loop_graph_size(loop);
    bytes = bytes < twice ? twice : (bytes + SYS_PAGE - 1) / SYS_PAGE * SYS_PAGE;
    bytes = bytes < max ? bytes : max;
    if (bytes <= guest_loop_graph_size(loop) || !guest_loop_grow(loop, bytes)) {
        return JIT_ENOSPC;
    }
    arena->size = guest_loop_share(loop);
    return arena->size >= size_min ? JIT_OK : JIT_ENOSPC;
}

static enum jit_err open_home(struct guest_space *space)
{
    const struct guest_space_options *options = &space->options;
    uint8_t *base = options->graph;
    uint64_t size = HEAP_BYTES;
    uint64_t size_max = HEAP_BYTES;
    if (base == NULL) {
        space->heap_graph = jit_heap_zalloc(options->heap, 1, HEAP_BYTES + RMG_GRANULE);
        if (space->heap_graph == NULL) {
            return JIT_ENOMEM;
        }
        uintptr_t at = (uintptr_t)space->heap_graph;
        base = space->heap_graph + (RMG_GRANULE - at % RMG_GRANULE) % RMG_GRANULE;
    } else {
        size = guest_loop_share(options->loop);
        size_max = options->boot->head.graph_bytes_max;
    }
    rmg_arena_init(&space->home_arena, base, size, size_max, SYS_PAGE);
    if (options->graph != NULL) {
        space->home_arena.grow = grow_home;
        space->home_arena.owner = space;
    }
    enum jit_err err = sws_home_open(options->heap, &space->home_arena,
                                     (struct sws_home_page *)(void *)(base + HOME_AT),
                                     options->boot->head.start_tick - 1, &space->home);
    if (err == JIT_OK && options->graph != NULL && options->boot->head.quota == 1) {
        const struct sys_boot_quota *quota = &options->boot->quota;
        const struct rmg_amount use = {quota->nodes, quota->edges, quota->bytes};
        const struct rmg_amount most = {quota->nodes_max, quota->edges_max, quota->bytes_max};
        sws_home_bound(&space->home, &use, &most);
    }
    return err;
}

static enum jit_err begin_own(struct guest_space *space)
{
    struct rmg_op op = {.kind = RMG_OP_UPSERT_INSTANCE};
    if (space->home.latest.instance_count > 0) {
        return JIT_OK;
    }
    guest_space_own(&op.instance, &op.from);
    sws_change_begin(space->sws, NULL);
    enum jit_err err = sws_change_op(space->sws, &op);
    op.kind = RMG_OP_UPSERT_NODE;
    op.id = op.from;
    jit_hash_named("type:", "instance", 8, &op.type);
    if (err == JIT_OK) {
        err = sws_change_op(space->sws, &op);
    }
    if (err != JIT_OK) {
        sws_change_abort(space->sws);
        return err;
    }
    return sws_change_end(space->sws);
}

static enum jit_err open_sws(struct guest_space *space)
{
    const struct guest_space_options *options = &space->options;
    const struct sys_boot *head = &options->boot->head;
    const bool mounts = options->layer != NULL;
    if (mounts) {
        const uint64_t at = options->view.size_max - options->layer_bytes;
        uint8_t *base = options->layer - at;
        assert(options->layer_bytes < options->view.size_max);
        rmg_arena_init(&space->layer, base, options->view.size_max, options->view.size_max, at);
    }
    const struct sws_options sws = {.heap = options->heap,
                                    .home = &space->home,
                                    .process = head->process,
                                    .overlay = mounts ? &space->layer : NULL,
                                    .keep = head->keep,
                                    .history = options->history};
    enum jit_err err = sws_new(&sws, &space->sws);
    if (err == JIT_OK) {
        err = begin_own(space);
    }
    return err;
}

enum jit_err guest_space_new(const struct guest_space_options *options, struct guest_space **out)
{
    const struct sys_boot *head = &options->boot->head;
    *out = NULL;
    struct guest_space *space = jit_heap_zalloc(options->heap, 1, sizeof *space);
    if (space == NULL) {
        return JIT_ENOMEM;
    }
    space->options = *options;
    rmg_scratch_init(&space->scratch, options->heap);
    jit_buf_init(&space->values, options->heap, JIT_PATCH_BYTES_MAX);
    space->mounts =
        jit_heap_zalloc(options->heap, head->instance_count + 1u, sizeof *space->mounts);
    space->searches = jit_heap_zalloc(options->heap, head->run_count + 1u, sizeof(void *));
    enum jit_err err = space->mounts == NULL || space->searches == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        err = open_home(space);
    }
    if (err == JIT_OK) {
        err = open_sws(space);
    }
    if (err != JIT_OK) {
        guest_space_free(space);
        return err;
    }
    *out = space;
    return JIT_OK;
}

void guest_space_free(struct guest_space *space)
{
    if (space == NULL) {
        return;
    }
    struct jit_heap *heap = space->options.heap;
    sws_free(space->sws);
    if (space->home.store != NULL) {
        sws_home_close(&space->home);
    }
    for (uint32_t i = 0; space->searches != NULL && i < space->options.boot->head.run_count; i++) {
        rmg_search_free(space->searches[i]);
    }
    rmg_scratch_release(&space->scratch);
    jit_buf_release(&space->values);
    heap->free(heap, space->searches);
    heap->free(heap, space->mounts);
    heap->free(heap, space->heap_graph);
    heap->free(heap, space);
}

struct sws *guest_space_sws(struct guest_space *space)
{
    return space->sws;
}

const struct sws_home *guest_space_home(const struct guest_space *space)
{
    return &space->home;
}

/* ---- a tick ---- */

/* Read-write: what a capability to write names, or what lies in that. */
static bool is_writable(const struct sys_boot_view *boot, uint32_t instance)
{
    if (sys_boot_written_outside(boot, instance)) {
        return true;
    }
    for (uint32_t i = 0; i < boot->head.cap_count; i++) {
        const struct sys_boot_cap cap = sys_boot_cap_at(boot, i);
        if (cap.instance == instance && (cap.rights & SYS_RIGHT_WRITE) != 0) {
            return true;
        }
    }
    return false;
}

enum jit_err guest_space_begin(struct guest_space *space, uint64_t tick)
{
    const struct guest_space_options *options = &space->options;
    uint32_t count = 0;
    space->tick = tick;
    space->nonce = 0;
    for (uint32_t i = 0; options->layer != NULL && i < options->boot->head.instance_count; i++) {
        const struct sys_boot_instance instance = sys_boot_instance_at(options->boot, i);
        struct rmg_graph graph;
        if (instance.view_offset == 0) {
            continue;
        }
        enum jit_err err = sys_view_guest_graph(&options->view, instance.view_offset, &instance.id,
                                                tick - 1, &graph);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        if (graph.mem.size > options->view.size_max - options->layer_bytes) {
            return JIT_ELIMIT;
        }
        space->mounts[count++] = (struct sws_mount){.instance = instance.id,
                                                    .roots = graph.roots,
                                                    .writable = is_writable(options->boot, i)};
    }
    sws_forget(space->sws, sys_view_guest_oldest(&options->view));
    return sws_show(space->sws, tick - 1, space->mounts, count);
}

/* What has become of the own graph since the last tick: the kernel holds it a second time, so that
 * it outlives the supervisor. */
static enum jit_err tell_own(struct guest_space *space)
{
    const struct rmg_state before = {.store = space->home.store,
                                     .version = sws_home_last(&space->home)};
    const struct rmg_state now = {.store = space->home.store, .version = space->home.latest};
    struct jit_buf patch;
    if (space->options.graph == NULL ||
        jit_id_equal(&before.version.state_root, &now.version.state_root)) {
        return JIT_OK;
    }
    jit_buf_init(&patch, space->options.heap, JIT_REQUEST_BYTES_MAX);
    enum jit_err err = rmg_diff_patch(space->options.heap, &before, &now, &patch, NULL);
    if (err == JIT_OK) {
        err = guest_loop_own(space->options.loop, &now.version.state_root, patch.data, patch.size);
    }
    jit_buf_release(&patch);
    return err;
}

enum jit_err guest_space_done(struct guest_space *space)
{
    enum jit_err err = tell_own(space);
    return err == JIT_OK ? sws_home_done(&space->home, space->tick) : err;
}

/* ---- ending a branch ---- */

enum jit_err guest_space_collapse(struct guest_space *space, struct sws_branch *branch,
                                  const struct guest_space_collapse *how, struct sws_collapse *out)
{
    struct jit_buf request;
    jit_buf_init(&request, space->options.heap, JIT_REQUEST_BYTES_MAX);
    enum jit_err err = sws_collapse(space->sws, branch, &request, out);
    if (err == JIT_OK && request.size > 0) {
        const struct guest_collapse collapse = {.bytes = request.data,
                                                .size = request.size,
                                                .nonce = space->nonce++,
                                                .cookie = how->cookie,
                                                .receipt = how->receipt};
        err = guest_loop_collapse(space->options.loop, &collapse);
    }
    jit_buf_release(&request);
    return err;
}
